//! What an operation answers when it succeeds.

use crate::aws::Fault;
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

/// What an operation answers when it succeeds; the status is the model's.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// No content: most deletes.
    Empty,
    /// A JSON document.
    Json(Value),
    /// A file, such as an export.
    File {
        /// `Content-Type`.
        content_type: String,
        /// `Content-Disposition`; empty is none.
        disposition: String,
        /// The content.
        content: Bytes,
    },
}

impl Answer {
    /// A noun in its own form.
    ///
    /// # Errors
    /// None that happens: the nouns are structs of texts, numbers and maps with text keys.
    pub fn of(noun: &impl Serialize) -> Result<Self, Fault> {
        Ok(Answer::Json(document(noun)?))
    }
}

/// A noun as a document, to be changed before it is answered.
///
/// # Errors
/// None that happens, as for [`Answer::of`].
pub fn document(noun: &impl Serialize) -> Result<Value, Fault> {
    serde_json::to_value(noun).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written as JSON");
        Fault::internal()
    })
}
