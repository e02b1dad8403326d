//! Nouns as v2 answers them: like the store's form, but times are ISO 8601.

use super::super::answer::document;
use crate::aws::Fault;
use crate::resources::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// A noun with some members replaced by times in ISO 8601.
///
/// # Errors
/// None that happens, as for [`document`].
pub(super) fn with_times(
    noun: &impl Serialize,
    times: &[(&str, Timestamp)],
) -> Result<Value, Fault> {
    let mut value = document(noun)?;
    for &(member, time) in times {
        value[member] = Value::String(time.iso());
    }
    Ok(value)
}
