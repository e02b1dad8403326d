//! Whom a resource's policy speaks of.

use super::Caller;

/// `Principal` or `NotPrincipal`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Principals {
    OneOf(Box<[Principal]>),
    NoneOf(Box<[Principal]>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Principal {
    /// `*`
    Everybody,
    /// A whole account.
    Account(Box<str>),
    /// A user, a role or a session of one.
    Arn(Box<str>),
    /// A service.
    Service(Box<str>),
    /// Somebody who cannot come here: federated or canonical users.
    Nobody,
}

impl Principals {
    pub(super) fn mean(&self, caller: Caller<'_>) -> bool {
        match self {
            Self::OneOf(principals) => principals.iter().any(|it| it.is(caller)),
            Self::NoneOf(principals) => !principals.iter().any(|it| it.is(caller)),
        }
    }
}

impl Principal {
    /// One of `{"AWS": …}`.
    pub(super) fn aws(text: &str) -> Self {
        if text == "*" {
            return Self::Everybody;
        }
        if is_account(text) {
            return Self::Account(text.into());
        }
        let account = text
            .strip_prefix("arn:")
            .and_then(|rest| rest.split_once(":iam::"))
            .and_then(|(_, rest)| rest.strip_suffix(":root"));
        match account {
            Some(account) if is_account(account) => Self::Account(account.into()),
            _ => Self::Arn(text.into()),
        }
    }

    fn is(&self, caller: Caller<'_>) -> bool {
        match (self, caller) {
            (Self::Everybody, _) => true,
            (Self::Account(account), Caller::Principal { account_id, .. }) => {
                **account == *account_id
            }
            (Self::Arn(wanted), Caller::Principal { arn, role_arn, .. }) => {
                **wanted == *arn || role_arn.is_some_and(|role| **wanted == *role)
            }
            (Self::Service(service), Caller::Service(name)) => {
                **service == *"*" || service.eq_ignore_ascii_case(name)
            }
            (Self::Account(_) | Self::Arn(_), Caller::Anonymous | Caller::Service(_))
            | (Self::Service(_), Caller::Anonymous | Caller::Principal { .. })
            | (Self::Nobody, _) => false,
        }
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
