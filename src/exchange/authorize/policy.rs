//! Resource policies, and what policies may ask about a request.

use crate::aws::policy::{Accounts, Ask, Caller, Decision, Keys, Policy};
use crate::exchange::event::{EventFacts, IamCaller};
use crate::http::Known;
use jiff::Timestamp;
use std::borrow::Cow;

/// A request in the words of condition keys (`aws:SourceIp`).
#[derive(Debug, Clone, Copy)]
pub struct RequestKeys<'f> {
    /// The request.
    pub facts: &'f EventFacts<'f>,
}

impl Keys for RequestKeys<'_> {
    fn values(&self, key: &str) -> Vec<Cow<'_, str>> {
        self.value(key).into_iter().collect()
    }
}

impl<'f> RequestKeys<'f> {
    fn value(&self, key: &str) -> Option<Cow<'f, str>> {
        let facts = self.facts;
        let identity = &facts.identity;
        let is_private = identity.vpce_id.is_some();
        let field = |known: Known| {
            let found = facts.fields.iter().rfind(|it| it.known == known)?;
            Some(String::from_utf8_lossy(found.value))
        };
        let own = |text: &'f str| Some(Cow::Borrowed(text));
        match key {
            "aws:sourceip" if !is_private => Some(Cow::Owned(facts.source_ip.to_string())),
            "aws:vpcsourceip" if is_private => Some(Cow::Owned(facts.source_ip.to_string())),
            "aws:sourcevpc" => identity.vpc_id.and_then(own),
            "aws:sourcevpce" => identity.vpce_id.and_then(own),
            "aws:useragent" => field(Known::UserAgent),
            "aws:referer" => field(Known::Referer),
            "aws:securetransport" => own(if facts.forwarded.proto.eq_ignore_ascii_case(b"https") {
                "true"
            } else {
                "false"
            }),
            "aws:epochtime" => Some(Cow::Owned(facts.since_epoch.as_secs().to_string())),
            "aws:currenttime" => {
                let seconds = i64::try_from(facts.since_epoch.as_secs()).ok()?;
                Some(Cow::Owned(Timestamp::from_second(seconds).ok()?.to_string()))
            }
            key => of_caller(identity.iam?, key),
        }
    }
}

fn of_caller<'f>(caller: &'f IamCaller, key: &str) -> Option<Cow<'f, str>> {
    let own = |text: &'f str| Some(Cow::Borrowed(text));
    match key {
        // Of a session it is the role.
        "aws:principalarn" => own(caller.role_arn.as_deref().unwrap_or(&caller.user_arn)),
        "aws:principalaccount" => own(&caller.account_id),
        "aws:principaltype" => own(if caller.role_arn.is_some() { "AssumedRole" } else { "User" }),
        "aws:principalorgid" => caller.principal_org_id.as_deref().and_then(own),
        "aws:userid" => own(&caller.caller),
        "aws:username" if caller.role_arn.is_none() => {
            caller.user_arn.rsplit_once('/').and_then(|(_, name)| own(name))
        }
        key => {
            let tag = key.strip_prefix("aws:principaltag/")?;
            let (_, value) = caller.tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(tag))?;
            own(value)
        }
    }
}

/// The caller in a policy's words.
pub fn caller<'f>(facts: &EventFacts<'f>) -> Caller<'f> {
    match facts.identity.iam {
        None => Caller::Anonymous,
        Some(caller) => Caller::Principal {
            account_id: &caller.account_id,
            arn: &caller.user_arn,
            role_arn: caller.role_arn.as_deref(),
        },
    }
}

/// What else decides about a route's callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// Nothing (`NONE`), or who the caller is was found out, not what it may (Cognito): the resource
    /// policy alone must allow.
    Open,
    /// A Lambda authorizer that has not been asked yet: only a denial in so many words counts.
    NotAsked,
    /// A caller's own policies said this (`AWS_IAM`).
    Said(Decision),
}

/// What a resource policy makes of a request; [`Decision::Silent`] refuses it.
///
/// An API without a policy restricts nobody, unless it is private, which its compiled route says.
pub fn decide(
    policy: Option<&Policy>,
    stance: Stance,
    ask: &Ask<'_>,
    own_account: &str,
) -> Decision {
    let said = policy.map_or(Decision::Silent, |policy| policy.decide(ask));
    match stance {
        Stance::Open if policy.is_none() => Decision::Allowed,
        Stance::Open => said,
        Stance::NotAsked if said == Decision::Denied => Decision::Denied,
        Stance::NotAsked => Decision::Allowed,
        Stance::Said(own) => {
            let accounts = match ask.caller {
                Caller::Principal { account_id, .. } if account_id == own_account => Accounts::Same,
                Caller::Principal { .. } | Caller::Anonymous | Caller::Service(_) => {
                    Accounts::Different
                }
            };
            Decision::combine(own, said, accounts)
        }
    }
}

/// Appends the text that a REST API's client is told when a policy refused: with the caller, and the ARN
/// whose account is masked but for its last four digits.
pub fn write_denial(ask: &Ask<'_>, decision: Decision, out: &mut String) {
    out.push_str("User: ");
    out.push_str(match ask.caller {
        Caller::Anonymous => "anonymous",
        Caller::Principal { arn, .. } => arn,
        Caller::Service(name) => name,
    });
    out.push_str(" is not authorized to perform: ");
    out.push_str(ask.action);
    out.push_str(" on resource: ");
    for (index, part) in ask.resource.splitn(6, ':').enumerate() {
        if index > 0 {
            out.push(':');
        }
        match (index, part.char_indices().rev().nth(3)) {
            (4, Some((from, _))) => {
                out.push_str("********");
                out.push_str(&part[from..]);
            }
            _ => out.push_str(part),
        }
    }
    if decision == Decision::Denied {
        out.push_str(" with an explicit deny");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::policy::{Kind, NoKeys};

    const ARN: &str = "arn:aws:execute-api:us-west-2:123456782543:vd2gh6uqw3/api/GET/";

    fn ask(caller: Caller<'_>) -> Ask<'_> {
        Ask { caller, action: "execute-api:Invoke", resource: ARN, keys: &NoKeys }
    }

    #[test]
    fn a_denial_names_the_caller_and_masks_the_account() {
        let mut text = String::new();
        write_denial(&ask(Caller::Anonymous), Decision::Silent, &mut text);
        let expected = "User: anonymous is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:us-west-2:********2543:vd2gh6uqw3/api/GET/";
        assert_eq!(text, expected);
        text.clear();
        write_denial(&ask(Caller::Anonymous), Decision::Denied, &mut text);
        assert_eq!(text, format!("{expected} with an explicit deny"));
    }

    #[test]
    fn what_else_decides_changes_what_a_silent_policy_means() {
        use Decision::{Allowed, Denied, Silent};
        let policy = |effect: &str, resource: &str| {
            let text = format!(
                r#"{{"Statement": {{"Effect": "{effect}", "Principal": "*", "Action": "*", "Resource": "{resource}"}}}}"#
            );
            Policy::read(&text, Kind::Resource { short_form: None }).unwrap()
        };
        let (allows, denies, silent) =
            (policy("Allow", "*"), policy("Deny", "*"), policy("Allow", "x"));
        let principal = |account_id| Caller::Principal { account_id, arn: "a", role_arn: None };
        let (own, other) = (principal("123456782543"), principal("999999999999"));
        for (policy, stance, caller, expected) in [
            (None, Stance::Open, Caller::Anonymous, Allowed),
            (Some(&allows), Stance::Open, Caller::Anonymous, Allowed),
            (Some(&silent), Stance::Open, Caller::Anonymous, Silent),
            (Some(&denies), Stance::Open, Caller::Anonymous, Denied),
            (None, Stance::NotAsked, Caller::Anonymous, Allowed),
            (Some(&silent), Stance::NotAsked, Caller::Anonymous, Allowed),
            (Some(&denies), Stance::NotAsked, Caller::Anonymous, Denied),
            (None, Stance::Said(Allowed), own, Allowed),
            (None, Stance::Said(Allowed), other, Silent),
            (None, Stance::Said(Silent), own, Silent),
            (Some(&allows), Stance::Said(Silent), own, Allowed),
            (Some(&allows), Stance::Said(Silent), other, Silent),
            (Some(&allows), Stance::Said(Allowed), other, Allowed),
            (Some(&allows), Stance::Said(Denied), own, Denied),
            (Some(&denies), Stance::Said(Allowed), own, Denied),
        ] {
            assert_eq!(
                decide(policy, stance, &ask(caller), "123456782543"),
                expected,
                "{stance:?} {caller:?}"
            );
        }
    }
}
