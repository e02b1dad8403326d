//! Resources: what users made through the management API, as typed nouns in Amazon's words.
//!
//! Every noun is an [`Entity`]: a serde struct with a kind. [`State`] holds all of them, of all
//! regions, in one ordered map, so that a list is a range and deleting an API is removing a range. A
//! [`Draft`] is one call's view of the state with its own changes laid over it; when the call
//! succeeds, the keys it touched are what is stored, audited, published and, one day, undone.
//!
//! | folder's file | nouns |
//! |---|---|
//! | [`rest`], [`rest_stage`] | REST APIs, their deployments and stages |
//! | [`http`], [`http_stage`] | HTTP and WebSocket APIs, their deployments and stages |
//! | [`usage`] | API keys and usage plans |
//! | [`domain`] | domain names, mappings, routing rules |
//! | [`function`] | functions, their code, versions, aliases, policies and URLs |
//! | [`account`] | account settings, VPC links, client certificates |

pub mod account;
pub mod domain;
mod draft;
pub mod function;
pub mod http;
pub mod http_stage;
mod key;
mod kinds;
pub mod rest;
pub mod rest_stage;
mod state;
mod time;
pub mod usage;

pub use draft::{Before, Draft, Touched};
pub use key::Key;
pub use kinds::{DecodeError, UnknownKind, decode, known_kind};
pub use state::State;
pub use time::Timestamp;

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// A noun that is stored: its serde form is what the store keeps.
pub trait Entity: Serialize + DeserializeOwned + Debug + Send + Sync + 'static {
    /// Names the kind of noun in the store, for ever.
    const KIND: &'static str;

    /// Members that no log may show.
    const SECRETS: &'static [&'static str] = &[];
}

/// An [`Entity`] whose type is known only to those who ask for it.
pub trait Object: Any + Debug + Send + Sync {
    /// The kind of noun.
    fn kind(&self) -> &'static str;

    /// What the store keeps: JSON.
    fn to_json(&self) -> String;

    /// As [`Object::to_json`], with secret members replaced by `"***"`: for people and logs.
    fn to_redacted(&self) -> serde_json::Value;

    /// For [`Arc::downcast`].
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<T: Entity> Object for T {
    fn kind(&self) -> &'static str {
        T::KIND
    }

    fn to_json(&self) -> String {
        // Structs of texts, numbers and maps with text keys: cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn to_redacted(&self) -> serde_json::Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        for member in T::SECRETS {
            if let Some(secret) = value.get_mut(member) {
                *secret = serde_json::Value::from("***");
            }
        }
        value
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

/// The noun as its own type; `None` when it is another.
fn downcast<T: Entity>(object: &Arc<dyn Object>) -> Option<Arc<T>> {
    Arc::clone(object).into_any().downcast().ok()
}
