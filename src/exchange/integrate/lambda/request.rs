//! From an exchange to the event of its function.

use crate::exchange::event::{
    Authorized, EventFacts, Format, Forwarded, Identity, Prefix, RouteFacts, write_proxy_event,
};
use crate::exchange::{Admitted, Exchange, Origin};
use crate::http::{Known, authority};
use crate::snapshot::Lambda;
use crate::snapshot::function::PayloadFormat;
use std::time::Duration;

use super::{Answer, AnswerFacts, Fault, read_result};

/// Appends the event of a request. `trace_id` is the value of `X-Amzn-Trace-Id`, `since_epoch` when the
/// request began.
pub fn write_event(
    exchange: &Exchange<'_>,
    lambda: &Lambda,
    content: &[u8],
    trace_id: &[u8],
    since_epoch: Duration,
    out: &mut Vec<u8>,
) {
    let (Some(admitted), Some(route)) = (exchange.api, exchange.route) else { return };
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
    };
    let event = EventFacts {
        route: &route,
        method: exchange.head.method,
        prefix: prefix(exchange, &admitted),
        path: exchange.path(),
        query: exchange.head.target.query(),
        parameters: &exchange.parameters,
        fields: exchange.fields,
        host: authority::host(exchange.head.host.unwrap_or_default()),
        forwarded: Forwarded::of(exchange),
        trace_id,
        source_ip: exchange.source_address(),
        request_id: exchange.ids.request.as_str(),
        extended_request_id: exchange.ids.extended.as_str(),
        since_epoch,
        identity: Identity::default(),
        authorizer: Authorized::Silent,
        body: content,
    };
    write_proxy_event(&event, Format::of(api.protocol, lambda.payload_format), out);
}

/// Where a request came in: its API's own address has the stage in its path, a domain name may have a
/// base path.
fn prefix<'x>(exchange: &Exchange<'x>, admitted: &Admitted<'_>) -> Prefix<'x> {
    let path = exchange.head.target.path();
    let taken_off = path.get(..exchange.base_path_bytes).unwrap_or_default();
    let is_stage = |segment: &[u8]| segment == admitted.api.stage.as_bytes();
    match admitted.origin {
        _ if taken_off.is_empty() => Prefix::Nothing,
        Origin::File(_) => Prefix::BasePath(taken_off),
        Origin::Managed(..)
            if taken_off.strip_prefix(b"/").is_some_and(is_stage)
                || taken_off.starts_with(b"/_aws/")
                || taken_off.starts_with(b"/restapis/") =>
        {
            Prefix::Stage
        }
        Origin::Managed(..) => Prefix::BasePath(taken_off),
    }
}

/// What the result of a request's function means.
///
/// # Errors
/// It is no answer.
pub fn answer<'r>(
    exchange: &Exchange<'_>,
    lambda: &Lambda,
    result: &'r [u8],
) -> Result<Answer<'r>, Fault> {
    let accept = exchange.fields.iter().find(|field| field.known == Known::Accept);
    let protocol = exchange.api.map(|admitted| admitted.api.protocol);
    let format = match (protocol, lambda.payload_format) {
        (Some(protocol), format) => Format::of(protocol, format),
        (None, PayloadFormat::V1) => Format::Http1,
        (None, PayloadFormat::V2) => Format::Http2,
    };
    let facts = AnswerFacts {
        format,
        accept: accept.map(|field| field.value),
        binary_media_types: &lambda.facts.binary_media_types,
    };
    read_result(result, &facts)
}
