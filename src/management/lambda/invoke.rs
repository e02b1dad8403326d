//! `Invoke`: from a call to an invocation, and from its outcome to the answer.

use super::event_config;
use super::events::Events;
use super::fault::invalid;
use super::invoker::{Invocation, Mode, Outcome, Refused, Telling};
use super::place::Place;
use crate::aws::Fault;
use crate::management::Call;
use crate::management::incoming::Incoming;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::json;
use std::time::Duration;

/// The operation's name.
pub(in crate::management) const INVOKE: &str = "Invoke";

/// The operation that tells the result as a stream of events.
pub(in crate::management) const INVOKE_STREAMING: &str = "InvokeWithResponseStream";

/// Bytes of an event whose answer is waited for: Lambda's limit.
const PAYLOAD_BYTES_MAX: usize = 6_291_456;

/// And of one that is queued.
const QUEUED_PAYLOAD_BYTES_MAX: usize = 1_048_576;

/// What is to be done for a call.
pub(in crate::management) struct Prepared {
    /// `None` for a `DryRun`, which only says that it could be.
    pub invocation: Option<Invocation>,
}

/// How an invocation was to be run, the version that was, and what came of it.
pub(in crate::management) type Ended = (Mode, String, Result<Outcome, Refused>);

/// Reads a call.
///
/// # Errors
/// There is no such function, or the event is none.
pub(in crate::management) fn prepare(
    call: &mut Call<'_>,
    incoming: &Incoming,
    request_id: &str,
) -> Result<Prepared, Fault> {
    let place = Place::of(call)?;
    let function = place.function(call)?;
    let draw = draw(&call.ids.uuid());
    let configuration = place.configuration(call, draw)?;
    let is_first = place.configuration(call, 1.0)?.version == configuration.version;
    let mode = match call.text_of("InvocationType") {
        Some("DryRun") => return Ok(Prepared { invocation: None }),
        Some("Event") => Mode::Event,
        _ => Mode::RequestResponse,
    };
    let (kind, bytes_max) = match mode {
        Mode::Event => ("Event", QUEUED_PAYLOAD_BYTES_MAX),
        Mode::RequestResponse => ("RequestResponse", PAYLOAD_BYTES_MAX),
    };
    let bytes = incoming.body.len();
    if bytes > bytes_max {
        return Err(Fault::new(
            413,
            "RequestTooLargeException",
            format!(
                "{bytes} byte payload is too large for the {kind} invocation type (limit {bytes_max} bytes)"
            ),
        ));
    }
    let rules = event_config::rules_of(call, &place, &configuration);
    let declared = call.settings.file_functions.get(call.region(), &place.name);
    let start = declared.map_or(Duration::ZERO, |it| it.init_timeout);
    // What writes nothing has no end of a log to wait for.
    let is_logged = declared.is_none_or(|it| it.is_logged);
    Ok(Prepared {
        invocation: Some(Invocation {
            region: call.region().to_owned(),
            request_id: request_id.to_owned(),
            configuration,
            rules,
            invoked_arn: place.arn(call),
            is_first,
            reserved_concurrency: function.reserved_concurrency,
            payload: event(&incoming.body)?,
            mode,
            wants_log: is_logged && call.text_of("LogType") == Some("Tail"),
            start,
            client_context: client_context(call)?,
            trace_id: incoming.field("x-amzn-trace-id").map(str::to_owned),
        }),
    })
}

/// A number from 0 to 1 out of random hex digits.
fn draw(uuid: &str) -> f64 {
    let digits = uuid.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    f64::from(digits.unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}

/// The event; nothing is an empty object.
fn event(body: &Bytes) -> Result<Bytes, Fault> {
    if body.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<IgnoredAny>(body) {
        Ok(_) => Ok(body.clone()),
        Err(error) => Err(Fault::new(
            400,
            "InvalidRequestContentException",
            format!(
                "Could not parse request body into json: Could not parse payload into json: {error}"
            ),
        )),
    }
}

fn client_context(call: &Call<'_>) -> Result<Option<String>, Fault> {
    let Some(text) = call.text_of("ClientContext").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let context = STANDARD.decode(text).ok();
    match context.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok()) {
        // Written anew: it goes to the worker in a header field, where no line may end.
        Some(context) => Ok(Some(context.to_string())),
        None => Err(invalid("Client context must be a valid Base64-encoded JSON object.")),
    }
}

/// The answer. `ended` is the version that was run and what came of it; `None` after a `DryRun`.
pub(in crate::management) fn respond(ended: Option<Ended>) -> Result<Response<Body>, Fault> {
    let Some((mode, version, result)) = ended else {
        return empty(StatusCode::NO_CONTENT);
    };
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(Refused::Throttled { is_reserved }) => return throttled(is_reserved),
        Err(Refused::NotReady(text)) => {
            return Err(Fault::new(502, "ResourceNotReadyException", text));
        }
        Err(Refused::Failed(text)) => return Err(Fault::new(500, "ServiceException", text)),
    };
    if mode == Mode::Event {
        return empty(StatusCode::ACCEPTED);
    }
    let mut response = Response::new(Body::from(outcome.payload));
    let mut set = |name: &'static str, text: &str| -> Result<(), Fault> {
        let value = HeaderValue::from_str(text).map_err(|_| Fault::internal())?;
        response.headers_mut().insert(HeaderName::from_static(name), value);
        Ok(())
    };
    set("content-type", "application/json")?;
    set("x-amzn-remapped-content-length", "0")?;
    set("x-amz-executed-version", &version)?;
    if let Some(error) = outcome.error {
        set("x-amz-function-error", error)?;
    }
    if let Some(log) = outcome.log {
        set("x-amz-log-result", &STANDARD.encode(log))?;
    }
    Ok(response)
}

/// The answer of [`INVOKE_STREAMING`]: what is told of the version that runs, as it comes; `None` after a
/// `DryRun`. What could not be invoked is refused as by `Invoke`.
pub(in crate::management) fn respond_in_events(
    begun: Option<(String, Result<Telling, Refused>)>,
) -> Result<Response<Body>, Fault> {
    let (version, telling) = match begun {
        Some((version, Ok(telling))) => (version, telling),
        Some((version, Err(refused))) => {
            return respond(Some((Mode::RequestResponse, version, Err(refused))));
        }
        None => return respond(None),
    };
    let mut response = Response::new(Body::new(Events::new(telling)));
    let fields = response.headers_mut();
    let kind = HeaderValue::from_static("application/vnd.amazon.eventstream");
    fields.insert(header::CONTENT_TYPE, kind);
    let version = HeaderValue::from_str(&version).map_err(|_| Fault::internal())?;
    fields.insert(HeaderName::from_static("x-amz-executed-version"), version);
    Ok(response)
}

fn empty(status: StatusCode) -> Result<Response<Body>, Fault> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    Ok(response)
}

/// With a reason, which other refusals do not have.
fn throttled(is_reserved: bool) -> Result<Response<Body>, Fault> {
    let reason = match is_reserved {
        true => "ReservedFunctionConcurrentInvocationLimitExceeded",
        false => "ConcurrentInvocationLimitExceeded",
    };
    let body = json!({ "Type": "User", "message": "Rate Exceeded.", "Reason": reason });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let kind = HeaderValue::from_static("TooManyRequestsException");
    fields.insert(crate::management::refusal::ERROR_TYPE, kind);
    Ok(response)
}
