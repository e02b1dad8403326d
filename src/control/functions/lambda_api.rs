//! The Lambda API's way to the function host: what `Invoke` asks for, in the host's words.

use super::events::{Event, Events, NotQueued, START_PATIENCE};
use super::{Call, Invoker};
use crate::control::invocation::{Completion, NotDone};
use crate::management::lambda::{self, Invocation, Invoked, Mode, Outcome, Refused};
use crate::model::Runtime;
use crate::snapshot::managed::FunctionPlace;
use crate::telemetry::ids;
use bytes::Bytes;
use std::time::Duration;
use tokio::sync::oneshot;

/// What [`START_PATIENCE`] is enough for: what functions of the Lambda API may take to come up.
const USUAL_START: Duration = Duration::from_secs(10);

/// How long a log may take that is asked for: it is written a moment later than the result comes.
const LOG_PATIENCE: Duration = Duration::from_millis(500);

/// Runs what the Lambda API invokes.
#[derive(Debug)]
pub(in crate::control) struct LambdaApi {
    host: Invoker,
    events: Events,
    account_id: String,
}

impl LambdaApi {
    pub(in crate::control) fn new(host: Invoker, events: Events, account_id: String) -> Self {
        Self { host, events, account_id }
    }

    /// The name by which the host knows what is to be run. It is what the function sees of it, so it is
    /// the alias, but for the version that the alias leads to only sometimes.
    fn arn(&self, invocation: &Invocation) -> Box<str> {
        if invocation.is_first {
            let asked = &invocation.invoked_arn;
            return asked.strip_suffix(":$LATEST").unwrap_or(asked).into();
        }
        let configuration = &invocation.configuration;
        let place = FunctionPlace {
            region: &invocation.region,
            account_id: &self.account_id,
            qualifier: Some(&configuration.version),
        };
        place.arn(&configuration.function_name).into()
    }
}

impl lambda::Invoker for LambdaApi {
    fn invoke(&self, invocation: Invocation) -> Invoked {
        let runtime = &invocation.configuration.runtime;
        if Runtime::of_file(runtime).is_none() {
            let text = format!(
                "ringgate does not run {runtime}: it runs python3.*, nodejs*.x and provided.*"
            );
            return Box::pin(std::future::ready(Err(Refused::NotReady(text))));
        }
        // All that it may take once it has begun, and what a start may take beyond what is usual.
        let timeout = Duration::from_secs(invocation.configuration.timeout.into())
            + invocation.start.saturating_sub(USUAL_START);
        let order = Order {
            host: self.host.clone(),
            function: self.arn(&invocation),
            event: invocation.payload.clone(),
            client_context: invocation.client_context.map(Into::into),
            patience: START_PATIENCE + timeout,
            reserved_concurrency: invocation.reserved_concurrency,
            request_id: ids::known_uuid(&invocation.request_id),
            wants_log: invocation.wants_log,
        };
        match invocation.mode {
            Mode::RequestResponse => Box::pin(async move { order.once().await }),
            Mode::Event => {
                let throttled = order.throttled();
                let Order { function, event, client_context, request_id, .. } = order;
                let event = Event {
                    function,
                    is_drawn: true,
                    version: Some(invocation.configuration.version.into()),
                    request_id,
                    event,
                    client_context,
                    timeout,
                    rules: invocation.rules,
                };
                let events = self.events.clone();
                Box::pin(async move {
                    match events.queue(event, || ()).await {
                        Ok(()) => Ok(Outcome::default()),
                        Err(NotQueued::Full) => Err(throttled),
                        Err(NotQueued::NotKept(why)) => {
                            Err(Refused::Failed(format!("The event cannot be kept: {why}")))
                        }
                    }
                })
            }
        }
    }
}

/// An invocation that is waited for.
struct Order {
    host: Invoker,
    function: Box<str>,
    event: Bytes,
    client_context: Option<Box<str>>,
    patience: Duration,
    reserved_concurrency: Option<u32>,
    /// What it is called.
    request_id: Option<ids::Uuid>,
    wants_log: bool,
}

impl Order {
    async fn once(&self) -> Result<Outcome, Refused> {
        let (told, log) = oneshot::channel();
        let call = Call {
            function: self.function.clone(),
            is_drawn: true,
            request_id: self.request_id,
            log: self.wants_log.then_some(told),
            event: self.event.clone(),
            client_context: self.client_context.clone(),
            patience: self.patience,
        };
        let failed = |text: &str| Refused::Failed(text.to_owned());
        let (payload, error) = match self.host.invoke(call).await.completion {
            Completion::Result(payload) => (payload, None),
            Completion::Failure(payload) => (payload, Some("Unhandled")),
            Completion::NotDone(why) => {
                return Err(match why {
                    NotDone::Throttled | NotDone::SwitchedOff | NotDone::TimedOut => {
                        self.throttled()
                    }
                    NotDone::NotStarted => Refused::NotReady(
                        "No worker of the function could be started; ringgate's log says why."
                            .into(),
                    ),
                    NotDone::NoFunction => failed("The function is not served."),
                    NotDone::EventTooLarge => failed("The event is too large."),
                });
            }
        };
        let log = match self.wants_log {
            true => tokio::time::timeout(LOG_PATIENCE, log).await.ok().and_then(Result::ok),
            false => None,
        };
        Ok(Outcome { payload, error, log })
    }

    fn throttled(&self) -> Refused {
        Refused::Throttled { is_reserved: self.reserved_concurrency.is_some() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::functions::{Calls, Destinations, Shelf};
    use crate::control::invocation;
    use crate::management::lambda::Invoker as _;
    use crate::resources::function::Configuration;
    use std::sync::Arc;

    fn invocation(mode: Mode, runtime: &str) -> Invocation {
        Invocation {
            region: "eu-west-1".into(),
            request_id: "r".into(),
            configuration: Configuration {
                function_name: "f".into(),
                runtime: runtime.into(),
                version: "7".into(),
                timeout: 3,
                ..Configuration::default()
            },
            invoked_arn: "arn:aws:lambda:eu-west-1:000000000000:function:f:prod".into(),
            is_first: false,
            reserved_concurrency: None,
            payload: Bytes::from_static(b"{}"),
            mode,
            start: Duration::ZERO,
            wants_log: false,
            client_context: None,
            trace_id: None,
            rules: Arc::default(),
        }
    }

    fn api() -> (LambdaApi, Calls) {
        let (host, calls) = Invoker::new();
        let events =
            Events::new(host.clone(), Duration::ZERO, Destinations::default(), Shelf::default());
        (LambdaApi::new(host, events, "000000000000".into()), calls)
    }

    /// Answers the next call; returns which function was asked.
    async fn answer(calls: &mut Calls, completion: Completion) -> Box<str> {
        let (call, done) = calls.recv().await.unwrap();
        let invoked = invocation::Invoked { call: 1, request_id: "".into(), completion };
        done.send(invoked).unwrap();
        call.function
    }

    async fn waited_for(completion: Completion) -> Result<Outcome, Refused> {
        let (api, mut calls) = api();
        let asked = api.invoke(invocation(Mode::RequestResponse, "python3.12"));
        let (outcome, arn) = tokio::join!(asked, answer(&mut calls, completion));
        assert_eq!(&*arn, "arn:aws:lambda:eu-west-1:000000000000:function:f:7");
        outcome
    }

    #[test]
    fn a_function_sees_the_alias_that_led_to_it() {
        let (api, _calls) = api();
        let arn = |invoked: &str, is_first| {
            let of = "arn:aws:lambda:eu-west-1:000000000000:function:f";
            let invocation = Invocation {
                invoked_arn: format!("{of}{invoked}"),
                is_first,
                ..invocation(Mode::RequestResponse, "python3.12")
            };
            api.arn(&invocation).strip_prefix(of).unwrap().to_owned()
        };
        assert_eq!(arn(":prod", true), ":prod");
        assert_eq!(arn(":prod", false), ":7");
        assert_eq!(arn(":$LATEST", true), "");
        assert_eq!(arn("", true), "");
    }

    #[tokio::test]
    async fn completions_become_outcomes() {
        let payload = Bytes::from_static(b"1");
        let ended = |error| Ok(Outcome { payload: payload.clone(), error, log: None });
        assert_eq!(waited_for(Completion::Result(payload.clone())).await, ended(None));
        let failure = Completion::Failure(payload.clone());
        assert_eq!(waited_for(failure).await, ended(Some("Unhandled")));
        let throttled = Err(Refused::Throttled { is_reserved: false });
        assert_eq!(waited_for(Completion::NotDone(NotDone::Throttled)).await, throttled);
        let not_started = waited_for(Completion::NotDone(NotDone::NotStarted)).await;
        assert!(matches!(not_started, Err(Refused::NotReady(_))));
    }

    #[tokio::test]
    async fn a_runtime_that_is_not_here_is_not_ready() {
        let (api, _calls) = api();
        let refused = api.invoke(invocation(Mode::RequestResponse, "java21")).await;
        assert!(matches!(refused, Err(Refused::NotReady(text)) if text.contains("java21")));
    }

    #[tokio::test]
    async fn a_queued_event_is_answered_at_once() {
        let (api, mut calls) = api();
        let queued = api.invoke(invocation(Mode::Event, "python3.12")).await;
        assert_eq!(queued, Ok(Outcome::default()));
        answer(&mut calls, Completion::Result(Bytes::new())).await;
        // It is the queue that finds out that nobody may run it.
        let none =
            Invocation { reserved_concurrency: Some(0), ..invocation(Mode::Event, "python3.12") };
        assert_eq!(api.invoke(none).await, Ok(Outcome::default()));
    }
}
