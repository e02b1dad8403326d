//! From an exchange to the event of its function.

use crate::exchange::event::{EventFacts, Format, RouteFacts, write_proxy_event};
use crate::exchange::integrate::mapping::EditedRequest;
use crate::exchange::{Exchange, Refusal};
use crate::http::Known;
use crate::snapshot::{Lambda, Protocol};
use std::time::Duration;

use super::{Answer, AnswerFacts, Fault, read_result};

/// Appends the event of a request, with the changes that an HTTP API makes of it. `trace_id` is the value of
/// `X-Amzn-Trace-Id`, `since_epoch` when the request began.
///
/// # Errors
/// A changed field's value is none.
pub fn write_event(
    exchange: &Exchange<'_>,
    lambda: &Lambda,
    content: &[u8],
    trace_id: &[u8],
    since_epoch: Duration,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let (Some(admitted), Some(route)) = (exchange.api, exchange.route) else {
        return Err(Refusal::Internal);
    };
    let api = admitted.api;
    let declared = api.route(route);
    let facts = &lambda.facts;
    let route = RouteFacts {
        partition: "aws",
        region: &facts.region,
        account_id: &facts.account_id,
        api_id: &api.id,
        stage: &api.stage,
        deployment_id: &facts.deployment_id,
        route_key: &declared.key,
        resource_path: declared.key.split_once(' ').map_or(&*declared.key, |(_, path)| path),
        resource_id: &facts.resource_id,
        operation_name: facts.operation_name.as_deref(),
        parameter_names: &declared.parameters,
        stage_variables: &facts.stage_variables,
        binary_media_types: &facts.binary_media_types,
        is_function_url: facts.is_function_url,
    };
    let mut event = EventFacts {
        authorizer: exchange.authorized(),
        ..EventFacts::of(exchange, &route, trace_id, since_epoch, content)
    };
    let format = Format::of(api.protocol, lambda.payload_format);
    let edits = lambda.edits.as_deref().and_then(|edits| edits.request.as_ref());
    let Some(edits) = edits else {
        write_proxy_event(&event, format, out);
        return Ok(());
    };
    let edited = EditedRequest::of(exchange, edits)?;
    let fields = edited.fields(exchange.fields);
    event.fields = &fields;
    if let Some(path) = &edited.path {
        event.path = path;
    }
    if let Some(query) = &edited.query {
        event.query = Some(query);
    }
    write_proxy_event(&event, format, out);
    Ok(())
}

/// The client's `Accept`, where it decides what a function's result means.
pub fn accept_for<'x>(exchange: &Exchange<'x>, lambda: &Lambda) -> Option<&'x [u8]> {
    if lambda.facts.binary_media_types.is_empty() {
        return None;
    }
    let accept = exchange.fields.iter().find(|field| field.known == Known::Accept);
    accept.map(|field| field.value)
}

/// What the result of a request's function means. `accept` as [`accept_for`] gives it.
///
/// # Errors
/// It is no answer.
pub fn answer<'r>(
    protocol: Protocol,
    lambda: &Lambda,
    accept: Option<&[u8]>,
    result: &'r [u8],
) -> Result<Answer<'r>, Fault> {
    let facts = AnswerFacts {
        format: Format::of(protocol, lambda.payload_format),
        accept,
        binary_media_types: &lambda.facts.binary_media_types,
    };
    read_result(result, &facts)
}
