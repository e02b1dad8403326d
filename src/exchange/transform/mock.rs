//! MOCK: the integration that is none. Its request template says what a back end would have answered.

use super::Transformed;
use crate::exchange::Failure;
use crate::snapshot::managed::status_code;

/// The status that a mock's request template gives. `None`: nothing says one, so the default response
/// is the answer.
///
/// # Errors
/// There is content, and no status in it.
pub fn status(transformed: &Transformed<'_>) -> Result<Option<i64>, Failure> {
    if !transformed.is_made && transformed.content.trim_ascii().is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&transformed.content);
    status_code(&text).map(Some).ok_or_else(|| {
        Failure::configuration(
            "Unable to parse statusCode. It should be an integer that is defined in the request template.",
        )
    })
}
