//! Events that nobody waits for: of `Invoke` calls of type `Event`, and of requests whose integration
//! invokes its function so.
//!
//! An event is tried until the function has returned, as often as its rules say, with Lambda's pauses
//! between the tries. No more than [`QUEUED_MAX`] are kept, in memory alone: they do not survive the process.

use super::destinations::{Condition, Destinations, Record};
use super::{Call, Invoker};
use crate::control::invocation::{Completion, NotDone};
use crate::snapshot::function::EventRules;
use crate::telemetry::ids::{self, Uuid};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Events at once; beyond it callers are throttled. Each may be a MiB.
pub(super) const QUEUED_MAX: usize = 256;

/// After no worker was to be had: from a second on, twice as long each time.
const THROTTLED_MIN: Duration = Duration::from_secs(1);
const THROTTLED_MAX: Duration = Duration::from_secs(300);

/// Time to wait for a worker, its start included, besides the function's own.
pub(super) const START_PATIENCE: Duration = Duration::from_secs(25);

/// An event with all that it takes to see it through.
#[derive(Debug, Clone)]
pub(in crate::control) struct Event {
    pub(in crate::control) function: Box<str>,
    /// Whether an alias with weights has been drawn for already; else it is for each try.
    pub(in crate::control) is_drawn: bool,
    /// The version that was drawn.
    pub(in crate::control) version: Option<Box<str>>,
    /// What all its invocations are called; `None` leaves it to the first.
    pub(in crate::control) request_id: Option<Uuid>,
    pub(in crate::control) event: Bytes,
    pub(in crate::control) client_context: Option<Box<str>>,
    /// How long one run of the function may take.
    pub(in crate::control) timeout: Duration,
    pub(in crate::control) rules: Arc<EventRules>,
}

/// As many events are kept as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::control) struct Full;

/// Keeps events until they are done with.
#[derive(Debug, Clone)]
pub(in crate::control) struct Events {
    host: Invoker,
    places: Arc<Semaphore>,
    /// Before an event is tried the second time after the function has failed; twice as long before the
    /// third.
    retry_pause: Duration,
    destinations: Destinations,
}

impl Events {
    pub(in crate::control) fn new(
        host: Invoker,
        retry_pause: Duration,
        destinations: Destinations,
    ) -> Self {
        Self { host, places: Arc::new(Semaphore::new(QUEUED_MAX)), retry_pause, destinations }
    }

    /// Takes an event, and says `done` when it is over.
    ///
    /// # Errors
    /// There is no room; nothing is said.
    pub(in crate::control) fn queue(
        &self,
        event: Event,
        done: impl FnOnce() + Send + 'static,
    ) -> Result<(), Full> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Full)?;
        let events = self.clone();
        tokio::spawn(async move {
            events.see_through(event).await;
            drop(place);
            done();
        });
        Ok(())
    }

    /// As [`Events::queue`], for an event that somebody counts: it waits until there is room.
    pub(super) fn accept(&self, event: Event, done: impl FnOnce() + Send + 'static) {
        let events = self.clone();
        tokio::spawn(async move {
            let place = events.places.acquire().await;
            events.see_through(event).await;
            drop(place);
            done();
        });
    }

    async fn see_through(&self, event: Event) {
        let begin = tokio::time::Instant::now();
        let rules = &event.rules;
        let (mut runs, mut pause) = (0, THROTTLED_MIN);
        let mut request_id = event.request_id;
        let mut answer = None;
        let (condition, why) = loop {
            let call = Call {
                function: event.function.clone(),
                is_drawn: event.is_drawn,
                event: event.event.clone(),
                client_context: event.client_context.clone(),
                patience: START_PATIENCE + event.timeout,
                request_id,
                log: None,
            };
            let invoked = self.host.invoke(call).await;
            request_id = request_id.or_else(|| ids::known_uuid(&invoked.request_id));
            let (why, wait) = match invoked.completion {
                Completion::Result(result) => {
                    runs += 1;
                    answer = Some(result);
                    break (Condition::Success, String::new());
                }
                Completion::NotDone(NotDone::Throttled | NotDone::TimedOut) => {
                    let wait = pause;
                    pause = (2 * pause).min(THROTTLED_MAX);
                    ("no worker was to be had".to_owned(), wait)
                }
                Completion::NotDone(why @ (NotDone::NoFunction | NotDone::EventTooLarge)) => {
                    break (Condition::RetriesExhausted, format!("{why:?}"));
                }
                failed @ (Completion::Failure(_) | Completion::NotDone(NotDone::NotStarted)) => {
                    let why = match failed {
                        Completion::Failure(payload) => {
                            let why = String::from_utf8_lossy(&payload).into_owned();
                            answer = Some(payload);
                            why
                        }
                        _ => "no worker could be started".to_owned(),
                    };
                    runs += 1;
                    if runs > rules.retries_max {
                        break (Condition::RetriesExhausted, why);
                    }
                    (why, self.retry_pause * 2_u32.pow(runs - 1))
                }
            };
            if begin.elapsed() + wait > rules.age_max {
                break (Condition::EventAgeExceeded, why);
            }
            tokio::time::sleep(wait).await;
        };
        let targets = match condition {
            Condition::Success => [&rules.on_success, &None],
            _ => [&rules.dead_letter, &rules.on_failure],
        };
        let record = Record {
            request_id: request_id.as_ref().map_or("", Uuid::as_str),
            function_arn: &event.function,
            version: event.version.as_deref(),
            condition,
            invocations: runs,
            event: &event.event,
            answer: answer.as_deref(),
        };
        if condition != Condition::Success {
            tracing::warn!(function = %event.function, error = why, "an event is given up");
        }
        for target in targets.into_iter().flatten() {
            self.destinations.deliver(target, &record).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::functions::Calls;
    use crate::control::invocation;
    use crate::model::EventPlace;
    use crate::snapshot::function::EventTarget;

    fn event(rules: EventRules) -> Event {
        Event {
            function: "f".into(),
            is_drawn: false,
            version: None,
            request_id: None,
            event: Bytes::from_static(b"{}"),
            client_context: None,
            timeout: Duration::from_secs(3),
            rules: rules.into(),
        }
    }

    async fn answer(calls: &mut Calls, completion: Completion) {
        let (_, done) = calls.recv().await.unwrap();
        let invoked = invocation::Invoked { call: 1, request_id: "".into(), completion };
        done.send(invoked).unwrap();
    }

    fn failure() -> Completion {
        Completion::Failure(Bytes::from_static(b"{}"))
    }

    fn events(retry_pause: Duration) -> (Events, Calls) {
        let (host, calls) = Invoker::new();
        (Events::new(host, retry_pause, Destinations::default()), calls)
    }

    #[tokio::test]
    async fn an_event_is_tried_as_often_as_its_rules_say() {
        for retries_max in [0, 2] {
            let (events, mut calls) = events(Duration::ZERO);
            let (over, is_over) = tokio::sync::oneshot::channel();
            let rules = EventRules { retries_max, ..EventRules::default() };
            events.queue(event(rules), || over.send(()).unwrap()).unwrap();
            for _ in 0..=retries_max {
                answer(&mut calls, failure()).await;
            }
            is_over.await.unwrap();
            drop(events);
            assert!(calls.recv().await.is_none(), "one more than {retries_max}");
        }
    }

    #[tokio::test]
    async fn one_that_succeeds_is_not_tried_again() {
        let (events, mut calls) = events(Duration::ZERO);
        let (over, is_over) = tokio::sync::oneshot::channel();
        events.queue(event(EventRules::default()), || over.send(()).unwrap()).unwrap();
        answer(&mut calls, failure()).await;
        answer(&mut calls, Completion::Result(Bytes::new())).await;
        is_over.await.unwrap();
    }

    #[tokio::test]
    async fn one_that_would_be_too_old_is_not_tried_again() {
        let (events, mut calls) = events(Duration::from_secs(60));
        let (over, is_over) = tokio::sync::oneshot::channel();
        let rules = EventRules { age_max: Duration::from_secs(59), ..EventRules::default() };
        events.queue(event(rules), || over.send(()).unwrap()).unwrap();
        answer(&mut calls, failure()).await;
        is_over.await.unwrap();
    }

    #[tokio::test]
    async fn they_are_bounded() {
        let (events, _calls) = events(Duration::ZERO);
        for _ in 0..QUEUED_MAX {
            assert_eq!(events.queue(event(EventRules::default()), || ()), Ok(()));
        }
        assert_eq!(events.queue(event(EventRules::default()), || ()), Err(Full));
    }

    #[tokio::test]
    async fn one_that_is_given_up_goes_to_both_its_destinations_and_success_to_another() {
        let folder = tempfile::tempdir().unwrap();
        let target =
            |name: &str| Some(EventTarget::Place(EventPlace::File(folder.path().join(name))));
        let rules = || EventRules {
            retries_max: 1,
            dead_letter: target("dead"),
            on_failure: target("failure"),
            on_success: target("success"),
            ..EventRules::default()
        };
        let told = |name: &str| {
            let text = std::fs::read_to_string(folder.path().join(name)).ok()?;
            serde_json::from_str::<serde_json::Value>(&text).ok()
        };
        for succeeds in [false, true] {
            let (events, mut calls) = events(Duration::ZERO);
            let (over, is_over) = tokio::sync::oneshot::channel();
            events.queue(event(rules()), || over.send(()).unwrap()).unwrap();
            answer(&mut calls, failure()).await;
            let last = match succeeds {
                true => Completion::Result(Bytes::from_static(b"1")),
                false => failure(),
            };
            answer(&mut calls, last).await;
            is_over.await.unwrap();
            assert_eq!(told("success").is_some(), succeeds);
            for name in ["dead", "failure"] {
                let record = told(name).unwrap();
                assert_eq!(record["requestContext"]["approximateInvokeCount"], 2);
                assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
            }
        }
        assert_eq!(told("success").unwrap()["responsePayload"], 1);
    }
}
