//! What an integration may be, by its API's protocol and its type.

use super::super::Call;
use super::{mapping, service_action};
use crate::aws::Fault;
use crate::model::Method;
use crate::resources::account::{HttpVpcLink, VpcLink};
use crate::resources::http::{Api, Integration};

/// The shortest time-out, in milliseconds.
const TIMEOUT_MIN: i64 = 50;

/// The longest time-out, in milliseconds, which is also the default.
pub(super) fn timeout_max(api: &Api) -> i64 {
    if api.is_http() { 30_000 } else { 29_000 }
}

/// Checks an integration that has its defaults.
///
/// # Errors
/// Something about it is refused.
pub(super) fn integration(
    call: &Call<'_>,
    api: &Api,
    integration: &Integration,
) -> Result<(), Fault> {
    let kind = &*integration.integration_type;
    if !["AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"].contains(&kind) {
        let text = format!("Invalid integration type specified: {kind}");
        return Err(Fault::bad_request(text));
    }
    let is_proxy = ["AWS_PROXY", "HTTP_PROXY"].contains(&kind);
    if api.is_http() && !is_proxy {
        return Err(Fault::bad_request(
            "Currently, an API with a protocol type of HTTP may only be associated with proxy integrations (AWS_PROXY, HTTP_PROXY)",
        ));
    }
    let longest = timeout_max(api);
    if !(TIMEOUT_MIN..=longest).contains(&integration.timeout_in_millis) {
        return Err(Fault::bad_request(format!(
            "Timeout should be between {TIMEOUT_MIN} ms and {longest} ms"
        )));
    }
    match &integration.integration_subtype {
        Some(subtype) if api.is_http() && kind == "AWS_PROXY" => {
            return service_action::check(integration, subtype);
        }
        Some(_) => {
            return Err(Fault::bad_request(
                "IntegrationSubtype is supported only for AWS_PROXY integrations of HTTP APIs",
            ));
        }
        None => {}
    }
    check_format(api, integration)?;
    check_connection(call, api, integration)?;
    check_back_end(integration)?;
    if api.is_http() {
        check_http_only(integration)?;
        mapping::check_request(&integration.request_parameters)?;
        mapping::check_responses(&integration.response_parameters)
    } else {
        if integration.tls_config.is_some() {
            return Err(Fault::bad_request("TlsConfig is supported only for HTTP APIs"));
        }
        mapping::check_message(&integration.request_parameters)
    }
}

fn check_format(api: &Api, integration: &Integration) -> Result<(), Fault> {
    let kind = &*integration.integration_type;
    match integration.payload_format_version.as_deref() {
        Some("1.0") => Ok(()),
        Some("2.0") if api.is_http() && kind == "AWS_PROXY" => Ok(()),
        Some("2.0") if api.is_http() => Err(Fault::bad_request(format!(
            "PayloadFormatVersion 2.0 is not supported for integration of type {kind}"
        ))),
        Some(other) => {
            Err(Fault::bad_request(format!("Unsupported PayloadFormatVersion: {other}")))
        }
        None => {
            Err(Fault::bad_request("PayloadFormatVersion is a required parameter for integration"))
        }
    }
}

fn check_connection(call: &Call<'_>, api: &Api, integration: &Integration) -> Result<(), Fault> {
    match &*integration.connection_type {
        "INTERNET" => {
            if integration.tls_config.is_some() {
                let text = "TlsConfig is supported only for private integrations";
                return Err(Fault::bad_request(text));
            }
            Ok(())
        }
        "VPC_LINK" => {
            let Some(id) = &integration.connection_id else {
                return Err(Fault::bad_request(
                    "ConnectionId must be set to vpcLinkId for ConnectionType VPC_LINK",
                ));
            };
            if !["HTTP", "HTTP_PROXY"].contains(&&*integration.integration_type) {
                let text = "ConnectionType VPC_LINK is supported only for HTTP integrations";
                return Err(Fault::bad_request(text));
            }
            let is_there = id.contains("${stageVariables.")
                || match api.is_http() {
                    true => call.draft.has::<HttpVpcLink>("", id),
                    false => call.draft.has::<VpcLink>("", id),
                };
            match is_there {
                true => Ok(()),
                false => {
                    let text = format!("Invalid VpcLink identifier specified {id}");
                    Err(Fault::bad_request(text))
                }
            }
        }
        other => Err(Fault::bad_request(format!("Invalid connection type specified: {other}"))),
    }
}

/// Where the back end is and how it is asked.
fn check_back_end(integration: &Integration) -> Result<(), Fault> {
    let kind = &*integration.integration_type;
    if let Some(method) = &integration.integration_method {
        if method != "ANY" && Method::from_name(method).is_none() {
            return Err(Fault::bad_request(format!("Invalid HTTP method specified: {method}")));
        }
    } else if ["HTTP", "HTTP_PROXY"].contains(&kind) {
        let squeezed = kind.replace('_', "");
        return Err(Fault::bad_request(format!(
            "HttpMethod parameter method must be specified for integrationType {squeezed}"
        )));
    }
    let uri = integration.integration_uri.as_deref().unwrap_or_default();
    // A stage variable may stand for anything, also for the beginning.
    let is_open = uri.starts_with("${stageVariables.");
    let is_arn = uri.starts_with("arn:");
    let is_url = ["http://", "https://"]
        .iter()
        .any(|scheme| uri.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    let is_good = match kind {
        "MOCK" => true,
        "AWS" | "AWS_PROXY" => is_arn || is_open,
        _ if integration.connection_type == "VPC_LINK" => is_arn || is_url || is_open,
        _ => is_url || is_open,
    };
    match kind {
        _ if is_good => Ok(()),
        "AWS" | "AWS_PROXY" => {
            Err(Fault::bad_request(format!("Invalid integration URI specified: {uri}")))
        }
        _ => Err(Fault::bad_request("Invalid HTTP endpoint specified for URI")),
    }
}

/// Members that mean nothing to an HTTP API.
fn check_http_only(integration: &Integration) -> Result<(), Fault> {
    let web_socket = [
        ("ContentHandlingStrategy", integration.content_handling_strategy.is_some()),
        ("RequestTemplates", !integration.request_templates.is_empty()),
        ("TemplateSelectionExpression", integration.template_selection_expression.is_some()),
    ];
    match web_socket.iter().find(|(_, is_set)| *is_set) {
        Some((name, _)) => {
            Err(Fault::bad_request(format!("{name} is not supported on protocolType HTTP")))
        }
        None => Ok(()),
    }
}
