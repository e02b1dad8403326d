//! Known: the key pairs that shards have, for test calls, which sign on this thread.
//!
//! A test call may name a role that no stage uses yet, so what is not known is found for it alone.

use super::{EVERY_ROLE, OWN, find};
use crate::control::since_epoch;
use crate::management::trial::NoKey;
use crate::model::Aws;
use crate::snapshot::service::RoleCredentials;
use std::sync::{Arc, Mutex, PoisonError};

/// What is known of key pairs. Clones are the same.
#[derive(Clone)]
pub(in crate::control) struct KnownPairs(Arc<Mutex<Known>>);

struct Known {
    declared: Arc<Aws>,
    table: Vec<RoleCredentials>,
}

impl KnownPairs {
    /// Knows what the file says and no more.
    pub(super) fn new(declared: Arc<Aws>) -> Self {
        Self(Arc::new(Mutex::new(Known { declared, table: Vec::new() })))
    }

    pub(super) fn set(&self, declared: Arc<Aws>, table: &[RoleCredentials]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Known { declared, table: table.to_vec() };
    }

    /// A role's pair: the one that shards have, else one that is found now.
    ///
    /// # Errors
    /// There is none; a warning says why.
    pub(in crate::control) async fn pair_of(&self, role: &str) -> Result<RoleCredentials, NoKey> {
        let (pair, declared) = {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            (pair_in(&known.table, role).cloned(), Arc::clone(&known.declared))
        };
        let now = since_epoch();
        if let Some(pair) = pair.filter(|it| it.expires.is_none_or(|expires| expires > now)) {
            return Ok(pair);
        }
        match find(role, &declared).await {
            Ok(pair) => Ok(pair.of_role(role)),
            Err(error) => {
                tracing::warn!(role, error, "no credentials could be had for a test call");
                Err(NoKey::Unknown)
            }
        }
    }
}

/// The pair that signs in a role's name, of all that there are.
pub(super) fn pair_in<'t>(table: &'t [RoleCredentials], role: &str) -> Option<&'t RoleCredentials> {
    let named = |name: &str| table.iter().find(|it| &*it.role == name);
    named(role).or_else(|| named(EVERY_ROLE).filter(|_| role != OWN))
}
