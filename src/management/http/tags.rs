//! Tags, as v2 reaches them.

use super::super::operation::{Operation, read, write};
use super::super::{Answer, Call, tagging};
use crate::aws::Fault;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    read("GetTags", tagging::get),
    write("TagResource", tag),
    write("UntagResource", tagging::untag),
];

/// Answers an empty document, which v1 does not.
fn tag(call: &mut Call<'_>) -> Result<Answer, Fault> {
    tagging::tag(call)?;
    Ok(Answer::Json(serde_json::json!({})))
}
