//! What failed functions are called in execution logs.

use crate::exchange::{Failure, Refusal};
use serde_json::Value;

/// A function that failed with this error: a JSON object with an `errorMessage`.
pub fn function_failed_as(error: &[u8], request_id: &str) -> Failure {
    let error: Option<Value> = serde_json::from_slice(error).ok();
    let message = error.as_ref().and_then(|it| it.get("errorMessage")?.as_str());
    let message = message.unwrap_or_default();
    Failure {
        cause: format!(
            "Lambda execution failed with status 200 due to customer function error: {message}. Lambda request id: {request_id}"
        )
        .into(),
        ..Refusal::FunctionFailed.into()
    }
}

/// A result that is no answer.
pub fn malformed(refusal: Refusal) -> Failure {
    let cause = match refusal {
        // The log says configuration error of it by itself.
        Refusal::Misconfigured => "Malformed Lambda proxy response",
        _ => "Execution failed due to configuration error: Malformed Lambda proxy response",
    };
    Failure { cause: cause.into(), ..refusal.into() }
}
