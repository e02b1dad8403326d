//! `AWS_IAM`: the caller signs the request with an access key, and its policies say what it may.
//!
//! ```text
//! authenticate: signature --key known, fresh, matches--> AccessKey --decide (with the resource policy)--> may
//! ```
//!
//! Knows no store: the caller of [`authenticate`] lends the keys. What a signature covers is
//! `aws::sigv4`'s; the words of the refusals are those that REST APIs answer with (HTTP APIs say
//! `Forbidden` to all of them), and [`response_type`] names the gateway response that they belong to.

use super::{Stance, decide};
use crate::aws::Fault;
use crate::aws::policy::{Ask, Decision, Policy};
use crate::aws::sigv4::{Claim, Payload, Request};
use crate::exchange::event::{EventFacts, IamCaller};
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

/// The service that signatures for APIs name.
const SERVICE: &str = "execute-api";

/// What somebody may sign with.
#[derive(Clone, PartialEq)]
pub struct AccessKey {
    /// Who signs with it; holds the key's public half.
    pub caller: IamCaller,
    /// Its secret half.
    pub secret: Box<str>,
    /// Of temporary credentials.
    pub session: Option<Session>,
    /// What the caller may, by its own policies and its role's.
    pub policies: Box<[Policy]>,
}

/// What makes credentials temporary.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Sent with each request.
    pub token: Box<str>,
    /// From then on it is of no more use; since 1970-01-01T00:00:00Z.
    pub expires: Duration,
}

impl fmt::Debug for AccessKey {
    /// Without the secret and the token.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AccessKey").field("caller", &self.caller).finish_non_exhaustive()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// Whose request it is. `wire_path` is the path as the client sent it, stage or base path included: that
/// is what was signed. The body must be whole.
///
/// # Errors
/// In the words of a REST API: without a signature, with one that cannot be read, is of another time,
/// place or service, or of nobody who is known, or that does not match.
pub fn authenticate<'k>(
    facts: &EventFacts<'_>,
    wire_path: &[u8],
    find: impl FnOnce(&str) -> Option<&'k AccessKey>,
) -> Result<&'k AccessKey, Fault> {
    // A parsed head's target is ASCII and its names are tokens.
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
    let fields: Vec<(&str, &[u8])> =
        facts.fields.iter().map(|field| (text(field.name), field.value)).collect();
    let request = Request {
        method: facts.method,
        path: std::str::from_utf8(wire_path).unwrap_or_default(),
        query: facts.query.map(text).unwrap_or_default(),
        fields: &fields,
        body: facts.body,
    };
    let claim = Claim::read(&request)?.ok_or_else(|| {
        Fault::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    })?;
    let scope = &claim.scope;
    let mut wrong = String::new();
    if scope.region != facts.route.region {
        wrong.push_str("Credential should be scoped to a valid region. ");
    }
    if scope.service != SERVICE {
        wrong.push_str("Credential should be scoped to correct service: 'execute-api'. ");
    }
    if !wrong.is_empty() {
        return Err(Fault::new(403, "InvalidSignatureException", wrong));
    }
    claim.check_time(UNIX_EPOCH + facts.since_epoch).map_err(forbidden)?;
    let unknown = || {
        let text = "The security token included in the request is invalid.";
        Fault::new(403, "UnrecognizedClientException", text)
    };
    let key = find(&scope.access_key_id).ok_or_else(unknown)?;
    match (&key.session, claim.session_token.as_deref()) {
        (None, None) => {}
        (Some(session), Some(token)) if *session.token == *token => {
            if session.expires <= facts.since_epoch {
                let text = "The security token included in the request is expired";
                return Err(Fault::new(403, "ExpiredTokenException", text));
            }
        }
        (None, Some(_)) | (Some(_), Some(_) | None) => return Err(unknown()),
    }
    claim.check_signature(&request, &key.secret, Payload::Signed).map_err(forbidden)?;
    Ok(key)
}

/// Every refusal of a signature is 403 here, whatever it is elsewhere.
fn forbidden(fault: Fault) -> Fault {
    Fault { status: 403, ..fault }
}

impl AccessKey {
    /// Whether the caller may: its own policies with the API's resource policy; [`Decision::Silent`]
    /// refuses.
    pub fn decide(
        &self,
        resource_policy: Option<&Policy>,
        ask: &Ask<'_>,
        own_account: &str,
    ) -> Decision {
        let mut own = Decision::Silent;
        for policy in &self.policies {
            match policy.decide(ask) {
                Decision::Denied => return Decision::Denied,
                Decision::Allowed => own = Decision::Allowed,
                Decision::Silent => {}
            }
        }
        decide(resource_policy, Stance::Said(own), ask, own_account)
    }
}

/// The gateway response type of a refusal by [`authenticate`].
pub fn response_type(fault: &Fault) -> &'static str {
    match fault.kind {
        "MissingAuthenticationTokenException" | "IncompleteSignatureException" => {
            "MISSING_AUTHENTICATION_TOKEN"
        }
        "ExpiredTokenException" => "EXPIRED_TOKEN",
        "UnrecognizedClientException" | "AccessDeniedException" => "ACCESS_DENIED",
        _ => "INVALID_SIGNATURE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::policy::{Caller, Kind, NoKeys};
    use crate::aws::sigv4::Signer;
    use crate::exchange::event::tests::Request as Told;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const PATH: &str = "/prod/users/42";
    /// When [`Told`] says that it is.
    const NOW: Duration = Duration::from_secs(1_551_194_973);

    fn key(session: Option<Session>) -> AccessKey {
        AccessKey {
            caller: IamCaller {
                access_key: "AKIDEXAMPLE".into(),
                account_id: "123456789012".into(),
                caller: "AIDA".into(),
                user: "AIDA".into(),
                user_arn: "arn:aws:iam::123456789012:user/ann".into(),
                role_arn: None,
                tags: Box::default(),
                principal_org_id: None,
            },
            secret: SECRET.into(),
            session,
            policies: Box::default(),
        }
    }

    fn session() -> Session {
        Session { token: "SESSION/TOKEN+1==".into(), expires: NOW + Duration::from_secs(60) }
    }

    /// A request as a client signs it.
    fn signed(change: impl FnOnce(&mut Signer<'_>), at: Duration) -> Told {
        let mut told = Told::new();
        told.query = Some(b"a=1&a=2".to_vec());
        let mut signer = Signer {
            access_key_id: "AKIDEXAMPLE",
            secret_access_key: SECRET,
            session_token: None,
            region: "eu-west-1",
            service: "execute-api",
        };
        change(&mut signer);
        let fields: Vec<(&str, &[u8])> = told
            .fields
            .iter()
            .map(|(name, value)| (std::str::from_utf8(name).unwrap(), value.as_slice()))
            .filter(|(name, _)| *name == "Host" || *name == "Content-Type")
            .collect();
        let request = Request {
            method: "POST",
            path: PATH,
            query: "a=1&a=2",
            fields: &fields,
            body: &told.body,
        };
        let added = signer.sign(&request, UNIX_EPOCH + at);
        told.fields.extend(added.into_iter().map(|(name, value)| (name.into(), value.into())));
        told
    }

    fn checked(told: &Told, key: &AccessKey) -> Result<(), (u16, &'static str, String)> {
        told.lend(|facts| {
            authenticate(facts, PATH.as_bytes(), |id| (id == "AKIDEXAMPLE").then_some(key))
                .map(|_| ())
                .map_err(|fault| (fault.status, fault.kind, fault.message))
        })
    }

    #[test]
    fn a_signature_proves_the_caller_and_nothing_else_does() {
        let known = key(None);
        assert_eq!(checked(&signed(|_| {}, NOW), &known), Ok(()));
        let kind = |told: &Told, key: &AccessKey| checked(told, key).unwrap_err().1;
        assert_eq!(kind(&Told::new(), &known), "MissingAuthenticationTokenException");
        let mut told = signed(|_| {}, NOW);
        told.body.push(b' ');
        assert_eq!(kind(&told, &known), "InvalidSignatureException");
        let mut told = signed(|_| {}, NOW);
        told.query = Some(b"a=1&a=3".to_vec());
        assert_eq!(kind(&told, &known), "InvalidSignatureException");
        let stranger = signed(|it| it.access_key_id = "AKIDOTHER", NOW);
        assert_eq!(kind(&stranger, &known), "UnrecognizedClientException");
        let other_secret = signed(|it| it.secret_access_key = "x", NOW);
        assert_eq!(kind(&other_secret, &known), "InvalidSignatureException");
        let bearer =
            Told { fields: vec![(b"Authorization".to_vec(), b"Bearer x".to_vec())], ..Told::new() };
        assert_eq!(kind(&bearer, &known), "IncompleteSignatureException");
    }

    #[test]
    fn a_signature_is_for_this_region_service_and_time() {
        let known = key(None);
        let message = |told: &Told| checked(told, &known).unwrap_err().2;
        let region = "Credential should be scoped to a valid region. ";
        let service = "Credential should be scoped to correct service: 'execute-api'. ";
        assert_eq!(message(&signed(|it| it.region = "us-east-1", NOW)), region);
        assert_eq!(message(&signed(|it| it.service = "s3", NOW)), service);
        let both = signed(
            |it| {
                it.region = "us-east-1";
                it.service = "sts";
            },
            NOW,
        );
        assert_eq!(message(&both), format!("{region}{service}"));
        for (seconds, is_good) in [(-301, false), (-300, true), (300, true), (301, false)] {
            let at = NOW.as_secs().checked_add_signed(seconds).unwrap();
            let found = checked(&signed(|_| {}, Duration::from_secs(at)), &known);
            assert_eq!(found.is_ok(), is_good, "{seconds}: {found:?}");
            assert!(found.is_ok() || found.unwrap_err().0 == 403);
        }
    }

    #[test]
    fn temporary_credentials_need_their_token_and_end() {
        let told = signed(|it| it.session_token = Some("SESSION/TOKEN+1=="), NOW);
        assert_eq!(checked(&told, &key(Some(session()))), Ok(()));
        let kind = |told: &Told, key: &AccessKey| checked(told, key).unwrap_err().1;
        assert_eq!(kind(&told, &key(None)), "UnrecognizedClientException");
        let without = signed(|_| {}, NOW);
        assert_eq!(kind(&without, &key(Some(session()))), "UnrecognizedClientException");
        let other = Session { token: "other".into(), ..session() };
        assert_eq!(kind(&told, &key(Some(other))), "UnrecognizedClientException");
        let ended = Session { expires: NOW, ..session() };
        assert_eq!(kind(&told, &key(Some(ended))), "ExpiredTokenException");
    }

    #[test]
    fn a_callers_policies_count_together() {
        let policy = |effect: &str, resource: &str| {
            let text = format!(
                r#"{{"Statement": {{"Effect": "{effect}", "Action": "*", "Resource": "{resource}"}}}}"#
            );
            Policy::read(&text, Kind::Identity).unwrap()
        };
        let decide = |policies: Vec<Policy>| {
            let key = AccessKey { policies: policies.into(), ..key(None) };
            let caller = Caller::Principal {
                account_id: "123456789012",
                arn: &key.caller.user_arn,
                role_arn: None,
            };
            let ask = Ask { caller, action: "execute-api:Invoke", resource: "r", keys: &NoKeys };
            key.decide(None, &ask, "123456789012")
        };
        assert_eq!(decide(vec![]), Decision::Silent);
        assert_eq!(decide(vec![policy("Allow", "x"), policy("Allow", "r")]), Decision::Allowed);
        assert_eq!(decide(vec![policy("Allow", "r"), policy("Deny", "r")]), Decision::Denied);
    }
}
