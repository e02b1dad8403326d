//! A function that is no proxy (`AWS` of REST APIs): a template makes its event, mapped header fields say
//! how it is invoked, and what it returns is a back end's content, from which integration responses make
//! the client's answer.
//!
//! What Lambda itself would refuse is such content too, so that it is refused here in Lambda's words.

use crate::exchange::integrate::mapping;
use crate::exchange::transform::{BackEnd, Transformed};
use crate::exchange::{Exchange, Refusal};
use crate::http::{Field, Known};
use crate::snapshot::managed::{Callee, CustomLambda};
use crate::telemetry::ids::Uuid;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

/// Bytes of an event whose answer is waited for: Lambda's limit.
const EVENT_BYTES_MAX: usize = 6_291_456;

/// And of one that is queued.
pub const QUEUED_BYTES_MAX: usize = 1_048_576;

/// How a function is invoked (`X-Amz-Invocation-Type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invocation {
    /// `RequestResponse`: its result is waited for.
    RequestResponse,
    /// `Event`: it is queued, and the client's answer does not wait.
    Event,
    /// `DryRun`: only whether it could be.
    DryRun,
}

/// An invocation that a request asks for.
#[derive(Debug, PartialEq)]
pub struct Order {
    /// How.
    pub invocation: Invocation,
    /// The event: JSON.
    pub event: Bytes,
    /// `X-Amz-Client-Context`, decoded: JSON.
    pub client_context: Option<Box<str>>,
}

/// Why there is no [`Order`].
#[derive(Debug, PartialEq)]
pub enum Unordered {
    /// The request cannot be made.
    Refused(Refusal),
    /// Lambda refuses, in these words.
    Answered(Told),
}

/// What Lambda answered, or would have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What a log says: whatever it is, responses are chosen by [`Told::error_message`].
    status: u16,
    /// The result, or an error.
    content: Bytes,
    fields: Vec<(&'static str, Box<str>)>,
    /// What selection patterns look at.
    error_message: String,
}

impl Told {
    /// What came of an invocation. `version` is the one that ran.
    pub fn ended(content: Bytes, is_failure: bool, request_id: &Uuid, version: &str) -> Self {
        let mut fields = vec![
            ("Content-Type", "application/json".into()),
            ("x-amzn-RequestId", request_id.as_str().into()),
            ("X-Amz-Executed-Version", version.into()),
        ];
        if is_failure {
            fields.push(("X-Amz-Function-Error", "Unhandled".into()));
        }
        Self { status: 200, error_message: error_message(&content), content, fields }
    }

    /// A result that somebody wrote down: one with an error message is a failure.
    pub fn written(content: Bytes, request_id: &Uuid) -> Self {
        let is_failure = !error_message(&content).is_empty();
        Self::ended(content, is_failure, request_id, "$LATEST")
    }

    /// The answer to an event that was queued, or could be: nothing.
    pub fn nothing(invocation: Invocation) -> Self {
        let status = match invocation {
            Invocation::Event => 202,
            Invocation::DryRun => 204,
            Invocation::RequestResponse => 200,
        };
        let (content, fields, error_message) = Default::default();
        Self { status, content, fields, error_message }
    }

    fn refused(kind: &str, message: &str) -> Self {
        let status = if kind == "RequestTooLargeException" { 413 } else { 400 };
        let content = json!({ "Type": "User", "message": message }).to_string();
        let fields =
            vec![("Content-Type", "application/json".into()), ("x-amzn-ErrorType", kind.into())];
        Self { status, content: content.into(), fields, error_message: String::new() }
    }

    /// Lambda's status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The fields, as of any back end.
    pub fn fields(&self) -> Vec<Field<'_>> {
        self.fields
            .iter()
            .map(|(name, value)| Field {
                name: name.as_bytes(),
                value: value.as_bytes(),
                known: Known::of(name.as_bytes()),
            })
            .collect()
    }

    /// As what integration responses choose from. `fields` are [`Told::fields`].
    pub fn back_end<'t>(&'t self, fields: &'t [Field<'t>]) -> BackEnd<'t> {
        BackEnd { selected_by: Some(&self.error_message), fields, content: &self.content }
    }
}

/// Reads what a request asks of its function. `made` is what the request template did.
///
/// # Errors
/// It cannot be invoked so.
pub fn order(
    exchange: &Exchange<'_>,
    function: &CustomLambda,
    made: &Transformed<'_>,
) -> Result<Order, Unordered> {
    let mapped = mapping::fields(exchange, &function.mapping, &made.overrides, Callee::Aws);
    let mapped = mapped.map_err(Unordered::Refused)?;
    let field = |name: &str| {
        let found =
            mapped.sent.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| String::from_utf8_lossy(value))
    };
    let answered =
        |kind: &str, message: &str| Err(Unordered::Answered(Told::refused(kind, message)));
    let invocation = match field("x-amz-invocation-type").as_deref() {
        None | Some("RequestResponse") => Invocation::RequestResponse,
        Some("Event") => Invocation::Event,
        Some("DryRun") => Invocation::DryRun,
        Some(other) => {
            let message = format!(
                "1 validation error detected: Value '{other}' at 'invocationType' failed to satisfy \
                 constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
            );
            return answered("ValidationException", &message);
        }
    };
    let (kind, bytes_max) = match invocation {
        Invocation::Event => ("Event", QUEUED_BYTES_MAX),
        Invocation::RequestResponse | Invocation::DryRun => ("RequestResponse", EVENT_BYTES_MAX),
    };
    let bytes = made.content.len();
    if bytes > bytes_max {
        let message = format!(
            "{bytes} byte payload is too large for the {kind} invocation type (limit {bytes_max} bytes)"
        );
        return answered("RequestTooLargeException", &message);
    }
    // Nothing is an empty object, as for every caller of Lambda.
    let event = match made.content.trim_ascii() {
        b"" => Bytes::from_static(b"{}"),
        event => match serde_json::from_slice::<IgnoredAny>(event) {
            Ok(_) => Bytes::copy_from_slice(event),
            Err(error) => {
                let message = format!(
                    "Could not parse request body into json: Could not parse payload into json: {error}"
                );
                return answered("InvalidRequestContentException", &message);
            }
        },
    };
    let client_context = match field("x-amz-client-context") {
        None => None,
        Some(text) => {
            let decoded = STANDARD.decode(&*text).ok();
            let json: Option<serde_json::Value> =
                decoded.and_then(|it| serde_json::from_slice(&it).ok());
            let Some(json) = json else {
                let message = "Client context must be a valid Base64-encoded JSON object.";
                return answered("InvalidParameterValueException", message);
            };
            // Written anew: it goes to the worker in a header field, where no line may end.
            Some(json.to_string().into())
        }
    };
    Ok(Order { invocation, event, client_context })
}

/// The `errorMessage` of an object, as whatever has one is taken for an error. Empty where there is none.
fn error_message(content: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Failed {
        #[serde(rename = "errorMessage", default)]
        message: serde_json::Value,
    }
    // A list would be read as one too, by the order of its members.
    if !content.trim_ascii_start().starts_with(b"{") {
        return String::new();
    }
    match serde_json::from_slice::<Failed>(content) {
        Ok(Failed { message: serde_json::Value::String(message) }) => message,
        Ok(_) | Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_objects_text_is_an_error_message() {
        for (content, expected) in [
            (r#"{"errorMessage": "Not found: 7", "errorType": "E"}"#, "Not found: 7"),
            (r#"{"errorMessage": 7}"#, ""),
            (r#"{"message": "x"}"#, ""),
            (r#"["errorMessage"]"#, ""),
            (r#""errorMessage""#, ""),
            ("null", ""),
            ("no json", ""),
            ("", ""),
        ] {
            assert_eq!(error_message(content.as_bytes()), expected, "{content}");
        }
    }

    #[test]
    fn what_ended_has_lambdas_fields() {
        let id = crate::telemetry::ids::uuid([1, 2]);
        let told = Told::ended(Bytes::from_static(b"{}"), true, &id, "7");
        let fields = told.fields();
        let value = |name: &str| {
            let found = fields.iter().find(|it| it.name.eq_ignore_ascii_case(name.as_bytes()));
            found.map(|it| std::str::from_utf8(it.value).unwrap().to_owned())
        };
        assert_eq!(value("x-amz-function-error").as_deref(), Some("Unhandled"));
        assert_eq!(value("x-amz-executed-version").as_deref(), Some("7"));
        assert_eq!(value("x-amzn-requestid").as_deref(), Some(id.as_str()));
        let well = Told::ended(Bytes::from_static(b"{}"), false, &id, "7");
        assert_eq!(well.fields().len(), fields.len() - 1);
    }
}
