//! Lambda's refusals: other types than API Gateway's for the same things.

use crate::aws::Fault;

/// 404.
pub(super) fn not_found(message: impl Into<String>) -> Fault {
    Fault::new(404, "ResourceNotFoundException", message)
}

/// 404, in the words for functions, versions and aliases.
pub(super) fn no_function(arn: &str) -> Fault {
    not_found(format!("Function not found: {arn}"))
}

/// 404 of what hangs on a function: policies, URLs.
pub(super) fn nothing_there() -> Fault {
    not_found("The resource you requested does not exist.")
}

/// 409: it exists already, or something refers to it.
pub(super) fn conflict(message: impl Into<String>) -> Fault {
    Fault::new(409, "ResourceConflictException", message)
}

/// 400: what is asked for makes no sense.
pub(super) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(400, "InvalidParameterValueException", message)
}

/// 413: a zip beyond its limit.
pub(super) fn too_large(message: impl Into<String>) -> Fault {
    Fault::new(413, "RequestEntityTooLargeException", message)
}

/// 412: somebody has changed it since.
pub(super) fn changed_since(reader: &str) -> Fault {
    Fault::new(
        412,
        "PreconditionFailedException",
        format!(
            "The Revision Id provided does not match the latest Revision Id. Call the {reader} API to \
             retrieve the latest Revision Id"
        ),
    )
}
