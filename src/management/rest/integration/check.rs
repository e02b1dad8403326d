//! Whether an integration leads anywhere: its target, its role, its limits.

use super::super::super::Call;
use super::super::expression;
use crate::aws::Fault;
use crate::resources::account::{HttpVpcLink, VpcLink};
use crate::resources::rest::{Integration, Map, RestApi};

/// Milliseconds that a back end has at least.
const TIMEOUT_MIN: i64 = 50;

/// Milliseconds that a back end of an edge-optimised API has at most.
const TIMEOUT_MAX: i64 = 29_000;

/// As [`TIMEOUT_MAX`], of regional and private APIs: what Amazon grants on request.
const TIMEOUT_MAX_REGIONAL: i64 = 300_000;

/// As [`TIMEOUT_MAX`], of answers that are streamed.
const TIMEOUT_MAX_STREAM: i64 = 900_000;

/// What happens to content types without a template.
const PASSTHROUGH_BEHAVIORS: [&str; 3] = ["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"];

/// Whether an integration of a type speaks HTTP to a back end of the user's.
pub(super) fn is_http(kind: &str) -> bool {
    matches!(kind, "HTTP" | "HTTP_PROXY")
}

/// Checks role, verb, address and connection, in Amazon's order.
///
/// # Errors
/// The first that is wrong.
pub(super) fn target(call: &Call<'_>, integration: &Integration) -> Result<(), Fault> {
    if let Some(role) = &integration.credentials {
        check_role(call, role)?;
    }
    let kind = integration.r#type.as_str();
    if kind == "MOCK" {
        return Ok(());
    }
    if integration.http_method.is_none() {
        return Err(Fault::bad_request("Enumeration value for HttpMethod must be non-empty"));
    }
    let uri = integration.uri.as_deref().unwrap_or_default();
    if !is_http(kind) {
        return check_service(integration, uri);
    }
    if !is_http_address(uri) {
        return Err(Fault::bad_request("Invalid HTTP endpoint specified for URI"));
    }
    if integration.connection_type.as_deref() == Some("VPC_LINK") {
        return check_vpc_link(call, integration.connection_id.as_deref().unwrap_or_default());
    }
    Ok(())
}

/// Checks what else has a limit or known values.
///
/// # Errors
/// The first that is wrong.
pub(super) fn behavior(call: &Call<'_>, integration: &Integration) -> Result<(), Fault> {
    let behavior = integration.passthrough_behavior.as_deref().unwrap_or_default();
    if !PASSTHROUGH_BEHAVIORS.contains(&behavior) {
        let known = PASSTHROUGH_BEHAVIORS.join(",");
        return Err(Fault::bad_request(format!(
            "Invalid passthroughBehavior specified. Valid options are {known}"
        )));
    }
    let max = timeout_max(call, integration);
    if !(TIMEOUT_MIN..=max).contains(&integration.timeout_in_millis) {
        return Err(Fault::bad_request(format!(
            "Timeout should be between {TIMEOUT_MIN} ms and {max} ms"
        )));
    }
    Ok(())
}

fn timeout_max(call: &Call<'_>, integration: &Integration) -> i64 {
    if integration.response_transfer_mode.as_deref() == Some("STREAM") {
        return TIMEOUT_MAX_STREAM;
    }
    let api = call.draft.get::<RestApi>("", call.text("restApiId"));
    let is_edge =
        api.is_none_or(|api| api.endpoint_configuration.types.iter().any(|kind| kind == "EDGE"));
    if is_edge { TIMEOUT_MAX } else { TIMEOUT_MAX_REGIONAL }
}

/// A role of this account, or `arn:aws:iam::*:user/*`: the caller's own.
fn check_role(call: &Call<'_>, role: &str) -> Result<(), Fault> {
    // Known at run time only.
    if role.contains("${") {
        return Ok(());
    }
    let parts: Vec<&str> = role.splitn(6, ':').collect();
    let ["arn", _, "iam", _, account, _] = parts[..] else {
        return Err(invalid_arn());
    };
    if account != "*" && account != call.settings.account_id {
        return Err(Fault::access_denied("Cross-account pass role is not allowed."));
    }
    Ok(())
}

/// Checks the ARN of a service's function: `arn:{partition}:apigateway:{region}:{service}:path/…`.
fn check_service(integration: &Integration, uri: &str) -> Result<(), Fault> {
    let parts: Vec<&str> = uri.splitn(6, ':').collect();
    let ["arn", _, owner, _, service, action] = parts[..] else {
        return Err(invalid_arn());
    };
    let has_action = action.starts_with("path/") || action.starts_with("action/");
    if owner != "apigateway" || !has_action {
        return Err(Fault::bad_request("AWS ARN for integration must contain path or action"));
    }
    let is_proxy = integration.r#type == "AWS_PROXY";
    let is_lambda = service == "lambda";
    if is_proxy && !is_lambda && !(service == "firehose" && action.ends_with("/PutRecord")) {
        return Err(Fault::bad_request(
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
        ));
    }
    // A function allows its callers itself.
    if !is_lambda && integration.credentials.is_none() {
        return Err(Fault::bad_request("Role ARN must be specified for AWS integrations"));
    }
    Ok(())
}

fn invalid_arn() -> Fault {
    Fault::bad_request("Invalid ARN specified in the request")
}

/// Whether a text is an HTTP address, as far as that can be said before variables are filled in.
fn is_http_address(uri: &str) -> bool {
    let rest = uri.strip_prefix("http://").or_else(|| uri.strip_prefix("https://"));
    let is_address = match rest {
        Some(rest) => !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':']),
        None => uri.starts_with("${stageVariables."),
    };
    is_address && !uri.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn check_vpc_link(call: &Call<'_>, id: &str) -> Result<(), Fault> {
    let is_known = id.starts_with("${stageVariables.")
        || call.draft.has::<VpcLink>("", id)
        || call.draft.has::<HttpVpcLink>("", id);
    if is_known {
        return Ok(());
    }
    Err(Fault::bad_request("Invalid Vpc Link identifier specified"))
}

/// Checks that a parameter can tell cache entries apart: the method declares it, or the integration
/// sends it.
///
/// # Errors
/// It is neither.
pub(super) fn cache_key(
    parameter: &str,
    integration: &Integration,
    declared: &Map<bool>,
) -> Result<(), Fault> {
    if integration.request_parameters.contains_key(parameter) {
        return Ok(());
    }
    match expression::check_request_value(parameter, declared) {
        Ok(()) if !parameter.starts_with("method.request.") => {
            Err(expression::invalid_expression(parameter))
        }
        result => result,
    }
}
