//! The keys that requests to AWS services are signed with: a table by role that the control thread
//! replaces, and beside each role what was narrowed down to a day, a region and a service.

use crate::aws::sigv4::{AmzDate, ScopedKey};
use crate::snapshot::service::{RoleCredentials, Service};
use std::collections::HashMap;
use std::time::Duration;

/// Scopes that are kept for one role. Each is a region and a service; a role that is used for more
/// than that on one day has them worked out again.
const SCOPES_MAX: usize = 64;

/// The keys of one shard.
#[derive(Debug, Default)]
pub struct Keyring {
    roles: HashMap<Box<str>, Row, ahash::RandomState>,
}

#[derive(Debug)]
struct Row {
    credentials: RoleCredentials,
    scoped: Vec<Scoped>,
}

#[derive(Debug)]
struct Scoped {
    region: Box<str>,
    service: Box<str>,
    day: u64,
    key: ScopedKey,
}

/// Why a request cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// There is no pair.
    #[error(
        "there is no key pair for this role: give it one (`[[aws.credentials]]` with its `role`, or with `\"*\"`), or give the gateway a pair that may assume it"
    )]
    Unknown,
    /// The pair there is expired.
    #[error(
        "the key pair for this role has expired and could not be renewed: see earlier warnings about it"
    )]
    Expired,
}

impl Keyring {
    /// Takes the place of all that was known.
    pub fn replace(&mut self, all: Vec<RoleCredentials>) {
        let mut before = std::mem::take(&mut self.roles);
        for credentials in all {
            let role = credentials.role.clone();
            // What did not change keeps what was worked out.
            let known = before.remove(&role).filter(|row| row.credentials == credentials);
            let row = known.unwrap_or(Row { credentials, scoped: Vec::new() });
            self.roles.insert(role, row);
        }
    }

    /// The key for a call.
    ///
    /// # Errors
    /// There is none that is good at this moment.
    pub fn key(&mut self, service: &Service, now: Duration) -> Result<&ScopedKey, NoKey> {
        let own = self.roles.contains_key(&service.role);
        let role = if own || service.role.is_empty() { &*service.role } else { "*" };
        let row = self.roles.get_mut(role).ok_or(NoKey::Unknown)?;
        if row.credentials.expires.is_some_and(|expires| expires <= now) {
            return Err(NoKey::Expired);
        }
        let date = AmzDate::since_epoch(now);
        let day = date.day_number();
        let is = |it: &Scoped| {
            it.day == day && it.service == service.signing_name && it.region == service.region
        };
        let index = match row.scoped.iter().position(is) {
            Some(index) => index,
            None => {
                row.scoped.retain(|it| it.day == day);
                if row.scoped.len() >= SCOPES_MAX {
                    row.scoped.clear();
                }
                let pair = &row.credentials;
                let key = ScopedKey::derive(
                    &pair.access_key_id,
                    &pair.secret_access_key,
                    pair.session_token.as_deref(),
                    (date, &service.region, &service.signing_name),
                );
                let (region, service) = (service.region.clone(), service.signing_name.clone());
                row.scoped.push(Scoped { region, service, day, key });
                row.scoped.len() - 1
            }
        };
        row.scoped.get(index).map(|it| &it.key).ok_or(NoKey::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(role: &str, id: &str, expires: Option<u64>) -> RoleCredentials {
        RoleCredentials {
            role: role.into(),
            access_key_id: id.into(),
            secret_access_key: "secret".into(),
            session_token: None,
            expires: expires.map(Duration::from_secs),
        }
    }

    fn service(role: &str, region: &str) -> Service {
        Service {
            host: "h".into(),
            signing_name: "sqs".into(),
            region: region.into(),
            role: role.into(),
            fields: Box::default(),
            action: None,
        }
    }

    /// The key's id and its scope, from what a debug print shows.
    fn found(keyring: &mut Keyring, role: &str, seconds: u64) -> Result<String, NoKey> {
        let key = keyring.key(&service(role, "eu-west-1"), Duration::from_secs(seconds));
        key.map(|key| format!("{key:?}"))
    }

    #[test]
    fn a_role_has_its_own_pair_or_everybodys() {
        let mut keyring = Keyring::default();
        assert_eq!(found(&mut keyring, "arn:a", 0), Err(NoKey::Unknown));
        keyring.replace(vec![pair("arn:a", "A", None), pair("*", "ALL", None)]);
        assert!(found(&mut keyring, "arn:a", 0).unwrap().contains("\"A\""));
        assert!(found(&mut keyring, "arn:b", 0).unwrap().contains("\"ALL\""));
        // The gateway itself is nobody's role.
        assert_eq!(found(&mut keyring, "", 0), Err(NoKey::Unknown));
        keyring.replace(vec![pair("", "OWN", None)]);
        assert!(found(&mut keyring, "", 0).unwrap().contains("\"OWN\""));
        assert_eq!(found(&mut keyring, "arn:a", 0), Err(NoKey::Unknown), "it was replaced");
    }

    #[test]
    fn an_expired_pair_signs_nothing() {
        let mut keyring = Keyring::default();
        keyring.replace(vec![pair("arn:a", "A", Some(100))]);
        assert!(found(&mut keyring, "arn:a", 99).is_ok());
        assert_eq!(found(&mut keyring, "arn:a", 100), Err(NoKey::Expired));
        keyring.replace(vec![pair("arn:a", "B", Some(200))]);
        assert!(found(&mut keyring, "arn:a", 100).unwrap().contains("\"B\""));
    }

    #[test]
    fn a_scope_is_for_a_day() {
        const DAY: u64 = 24 * 3600;
        let mut keyring = Keyring::default();
        keyring.replace(vec![pair("arn:a", "A", None)]);
        assert!(found(&mut keyring, "arn:a", DAY - 1).unwrap().contains("19700101/eu-west-1/sqs"));
        assert!(found(&mut keyring, "arn:a", DAY).unwrap().contains("19700102/eu-west-1/sqs"));
        assert_eq!(keyring.roles["arn:a"].scoped.len(), 1);
    }

    #[test]
    fn scopes_are_bounded() {
        let mut keyring = Keyring::default();
        keyring.replace(vec![pair("arn:a", "A", None)]);
        for number in 0..2 * SCOPES_MAX {
            let service = service("arn:a", &format!("region-{number}"));
            assert!(keyring.key(&service, Duration::ZERO).is_ok());
            assert!(keyring.roles["arn:a"].scoped.len() <= SCOPES_MAX);
        }
    }
}
