//! Where events go that are done with: what AWS sends to queues, topics and buses is a line of a file
//! or an HTTP request here.
//!
//! What cannot be delivered is told in the log, and not tried again: whoever needs more names a file.

use crate::control::web_client;
use crate::model::EventPlace;
use crate::snapshot::function::EventTarget;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long a URL may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How an event has ended, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Success,
    RetriesExhausted,
    EventAgeExceeded,
    ZeroReservedConcurrency,
}

/// What is told of an event: AWS's invocation record, version 1.0.
#[derive(Debug)]
pub(super) struct Record<'r> {
    pub(super) request_id: &'r str,
    /// With or without a qualifier.
    pub(super) function_arn: &'r str,
    /// The version that was run last, if that is known.
    pub(super) version: Option<&'r str>,
    pub(super) condition: Condition,
    /// How often the function has been run.
    pub(super) invocations: u32,
    pub(super) event: &'r [u8],
    /// What the function answered last; `None` when it never did.
    pub(super) answer: Option<&'r [u8]>,
}

impl Record<'_> {
    /// One line of JSON, without its end.
    pub(super) fn line(&self) -> String {
        let has_qualifier = self.function_arn.split(':').count() > 7;
        let function_arn = match has_qualifier {
            true => self.function_arn.to_owned(),
            false => format!("{}:$LATEST", self.function_arn),
        };
        let own = function_arn.rsplit(':').next().unwrap_or_default();
        let is_version = own == "$LATEST" || own.bytes().all(|byte| byte.is_ascii_digit());
        let version = self.version.or_else(|| is_version.then_some(own));
        let mut response = json!({ "statusCode": 200 });
        if let Some(version) = version {
            response["executedVersion"] = Value::from(version);
        }
        if self.condition != Condition::Success {
            response["functionError"] = Value::from("Unhandled");
        }
        let condition = match self.condition {
            Condition::Success => "Success",
            Condition::RetriesExhausted => "RetriesExhausted",
            Condition::EventAgeExceeded => "EventAgeExceeded",
            Condition::ZeroReservedConcurrency => "ZeroReservedConcurrency",
        };
        let context = json!({
            "requestId": self.request_id,
            "functionArn": function_arn,
            "condition": condition,
            "approximateInvokeCount": self.invocations,
        });
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        let mut line = format!(
            r#"{{"version":"1.0","timestamp":"{now}","requestContext":{context},"requestPayload":{}"#,
            compact(self.event)
        );
        if let Some(answer) = self.answer {
            line +=
                &format!(r#","responseContext":{response},"responsePayload":{}"#, compact(answer));
        }
        line.push('}');
        line
    }
}

/// JSON without the space between its parts, numbers as they were written; what is no JSON as a text.
fn compact(json: &[u8]) -> String {
    let text = String::from_utf8_lossy(json);
    if serde_json::from_str::<IgnoredAny>(&text).is_err() {
        return Value::from(text).to_string();
    }
    let (mut is_text, mut is_escaped) = (false, false);
    let mut compacted = String::with_capacity(text.len());
    for it in text.chars() {
        if is_text || !it.is_ascii_whitespace() {
            compacted.push(it);
        }
        match it {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_text = !is_text,
            _ => {}
        }
    }
    compacted
}

/// Delivers records.
#[derive(Debug, Clone, Default)]
pub(in crate::control) struct Destinations {
    places: Arc<BTreeMap<String, EventPlace>>,
    /// Made when the first URL is asked.
    client: Arc<OnceLock<Result<reqwest::Client, String>>>,
}

impl Destinations {
    pub(in crate::control) fn new(places: Arc<BTreeMap<String, EventPlace>>) -> Self {
        Self { places, client: Arc::default() }
    }

    /// Delivers a record, or says in the log that it is lost.
    pub(super) async fn deliver(&self, target: &EventTarget, record: &Record<'_>) {
        let place = match target {
            EventTarget::Place(place) => Some(place),
            EventTarget::Arn(arn) => self.places.get(&**arn),
        };
        let function = record.function_arn;
        let Some(place) = place else {
            tracing::warn!(
                function,
                destination = ?target,
                "an event's destination is not in [functions] destinations: its record is lost"
            );
            return;
        };
        let line = record.line();
        let delivered = match place {
            EventPlace::File(path) => {
                let path = path.clone();
                let written = tokio::task::spawn_blocking(move || append(&path, line)).await;
                written
                    .unwrap_or_else(|_| Err(io::Error::other("the write was cut off")))
                    .map_err(|error| error.to_string())
            }
            EventPlace::Http(url) => self.post(url, line).await,
        };
        if let Err(error) = delivered {
            tracing::warn!(
                function,
                destination = %place,
                error,
                "an event's record could not be delivered: it is lost"
            );
        }
    }

    async fn post(&self, url: &str, line: String) -> Result<(), String> {
        let client =
            self.client.get_or_init(|| web_client(PATIENCE)).as_ref().map_err(Clone::clone)?;
        let request = client.post(url).header("content-type", "application/json").body(line);
        // Without the URL, whose query may hold a secret.
        let answer = request.send().await.map_err(|error| error.without_url().to_string())?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(format!("it answered {}", answer.status())),
        }
    }
}

/// Blocks. One write, so that lines of several events do not mix.
fn append(path: &Path, mut line: String) -> io::Result<()> {
    line.push('\n');
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)?.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn record(condition: Condition) -> Record<'static> {
        Record {
            request_id: "r",
            function_arn: "arn:aws:lambda:eu-west-1:000000000000:function:f",
            version: None,
            condition,
            invocations: 3,
            event: b"{ \"a\": 1.10,\n \"b c\": \"d \\\" e\" }",
            answer: Some(b"{\"errorMessage\":\"x\"}"),
        }
    }

    #[test]
    fn a_record_is_one_line_with_the_event_as_it_was() {
        let line = record(Condition::RetriesExhausted).line();
        assert!(line.contains(r#""requestPayload":{"a":1.10,"b c":"d \" e"},"#), "{line}");
        let told: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(told["version"], "1.0");
        assert_eq!(
            told["requestContext"],
            json!({
                "requestId": "r",
                "functionArn": "arn:aws:lambda:eu-west-1:000000000000:function:f:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            })
        );
        let failed = json!({ "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" });
        assert_eq!(told["responseContext"], failed);
        assert_eq!(told["responsePayload"]["errorMessage"], "x");
    }

    #[test]
    fn what_never_ran_has_no_answer_and_success_no_error() {
        let never = Record { answer: None, ..record(Condition::EventAgeExceeded) }.line();
        let told: Value = serde_json::from_str(&never).unwrap();
        assert!(told.get("responseContext").is_none() && told.get("responsePayload").is_none());
        let told: Value = serde_json::from_str(&record(Condition::Success).line()).unwrap();
        assert!(told["responseContext"].get("functionError").is_none());
    }

    #[test]
    fn the_version_of_an_alias_is_told_where_it_is_known() {
        let function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:f:prod";
        for version in [None, Some("7")] {
            let record = Record { function_arn, version, ..record(Condition::Success) };
            let told: Value = serde_json::from_str(&record.line()).unwrap();
            assert_eq!(told["requestContext"]["functionArn"], function_arn);
            let executed = told["responseContext"].get("executedVersion");
            assert_eq!(executed.and_then(Value::as_str), version);
        }
    }

    #[test]
    fn what_is_no_json_is_a_text() {
        assert_eq!(compact(b"a\n\"b"), r#""a\n\"b""#);
        assert_eq!(compact(b""), r#""""#);
    }

    #[tokio::test]
    async fn a_file_is_its_owners_and_grows_by_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        let arn = "arn:aws:sqs:eu-west-1:000000000000:q";
        let places = BTreeMap::from([(arn.to_owned(), EventPlace::File(path.clone()))]);
        let destinations = Destinations::new(places.into());
        for target in [
            EventTarget::Arn(arn.into()),
            EventTarget::Arn("arn:aws:sqs:eu-west-1:000000000000:other".into()),
            EventTarget::Place(EventPlace::File(path.clone())),
        ] {
            destinations.deliver(&target, &record(Condition::RetriesExhausted)).await;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
