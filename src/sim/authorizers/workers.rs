//! Workers of an authorizer's function: they do what the caller's token says.

use super::{FUNCTION_TIMEOUT, Said};
use crate::control::invocation::WorkerId;
use crate::sim::network::{End, Network};
use crate::sim::peers::runtime::RuntimeWire;
use crate::sim::random::Random;
use serde_json::Value;
use std::time::{Duration, Instant};

/// An event as a worker understands it.
#[derive(Debug, Clone)]
pub(super) struct Question {
    request_id: String,
    /// The same for all that may share a verdict.
    pub(super) key: String,
    pub(super) is_remembered: bool,
    pub(super) said: Said,
    is_token: bool,
}

impl Question {
    fn read(head: &str, body: &str) -> Self {
        let id = head.lines().find_map(|it| it.strip_prefix("Lambda-Runtime-Aws-Request-Id: "));
        let event: Value = serde_json::from_str(body).expect("an event is JSON");
        let is_token = event["type"] == "TOKEN";
        let (token, arn) = match is_token {
            true => (&event["authorizationToken"], &event["methodArn"]),
            false => (&event["identitySource"][0], &event["routeArn"]),
        };
        let token = token.as_str().expect("who calls is known");
        let path = arn.as_str().and_then(|arn| arn.rsplit('/').next()).expect("a path");
        let word = token.split('-').next().unwrap_or_default();
        let said = Said::ALL.iter().find(|it| it.word() == word).expect("a token of ours");
        Self {
            request_id: id.expect("an event has an id").to_owned(),
            key: format!("{} {path} {token}", event["type"]),
            is_remembered: path == "remembered",
            said: *said,
            is_token,
        }
    }

    fn answer(&self, wire: &mut RuntimeWire) {
        let policy = |effect: &str| {
            format!(
                r#"{{"principalId":"p","policyDocument":{{"Version":"2012-10-17","Statement":[
                {{"Action":"execute-api:Invoke","Effect":"{effect}","Resource":"*"}}]}}}}"#
            )
        };
        let (call, body) = match (self.said, self.is_token) {
            (Said::Allow, true) => ("response", policy("Allow")),
            (Said::Deny, true) => ("response", policy("Deny")),
            (Said::Allow, false) => ("response", r#"{"isAuthorized":true}"#.to_owned()),
            (Said::Deny, false) => ("response", r#"{"isAuthorized":false}"#.to_owned()),
            (Said::Unauthorized, _) => ("error", r#"{"errorMessage":"Unauthorized"}"#.to_owned()),
            (Said::Error, _) => ("error", r#"{"errorMessage":"no"}"#.to_owned()),
            _ => ("response", "\"Unauthorized\"".to_owned()),
        };
        wire.tell("POST", &format!("invocation/{}/{call}", self.request_id), &body);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Connecting,
    /// It begins to ask at this time.
    Starting(Instant),
    Asking,
    Working(Instant),
    /// It waits to be told that its answer was taken.
    Telling,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) id: WorkerId,
    pub(super) wire: RuntimeWire,
    pub(super) question: Option<Question>,
    pub(super) is_dead: bool,
    doing: Doing,
}

/// What a worker has just done.
#[derive(Debug)]
pub(super) enum Acted {
    /// Nothing to tell of; it wants to act again at that time.
    Nothing(Option<Instant>),
    Took(Question),
    Answered(Question),
    /// Its process is about to end.
    Died,
}

impl Worker {
    pub(super) fn new(id: WorkerId, end: End) -> Self {
        let wire = RuntimeWire::new(end);
        Self { id, wire, question: None, is_dead: false, doing: Doing::Connecting }
    }

    pub(super) fn drive(
        &mut self,
        network: &mut Network,
        now: Instant,
        random: &mut Random,
    ) -> Acted {
        if self.is_dead {
            return Acted::Nothing(None);
        }
        if self.doing == Doing::Connecting {
            match network.connected(self.wire.end) {
                None => return Acted::Nothing(None),
                Some(Ok(())) => {
                    let start = Duration::from_millis(random.skewed(300) as u64);
                    self.doing = Doing::Starting(now + start);
                }
                Some(Err(_)) => return Acted::Died,
            }
        }
        if self.wire.write(network).is_err() || self.wire.read(network).is_err() {
            return Acted::Died;
        }
        let acted = self.act(now, random);
        match acted {
            Acted::Nothing(_) if self.wire.can_write(network) => Acted::Nothing(Some(now)),
            acted => acted,
        }
    }

    fn act(&mut self, now: Instant, random: &mut Random) -> Acted {
        match self.doing {
            Doing::Starting(at) | Doing::Working(at) if now < at => Acted::Nothing(Some(at)),
            Doing::Starting(_) => {
                self.ask();
                Acted::Nothing(Some(now))
            }
            Doing::Asking => {
                let Some((head, body)) = self.wire.answer() else { return Acted::Nothing(None) };
                let question = Question::read(&head, &body);
                let took = match question.said {
                    Said::Late => FUNCTION_TIMEOUT + Duration::from_secs(1),
                    _ => Duration::from_millis(random.skewed(400) as u64),
                };
                self.doing = Doing::Working(now + took);
                self.question = Some(question.clone());
                Acted::Took(question)
            }
            Doing::Working(_) => {
                let question = self.question.clone().expect("it works on one");
                if question.said == Said::Dies {
                    return Acted::Died;
                }
                question.answer(&mut self.wire);
                self.doing = Doing::Telling;
                Acted::Answered(question)
            }
            Doing::Telling => {
                if let Some((head, _)) = self.wire.answer() {
                    assert!(head.starts_with("HTTP/1.1 202"), "{head}");
                    self.ask();
                }
                Acted::Nothing(None)
            }
            Doing::Connecting => Acted::Nothing(None),
        }
    }

    fn ask(&mut self) {
        self.wire.tell("GET", "invocation/next", "");
        self.doing = Doing::Asking;
    }
}
