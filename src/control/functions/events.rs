//! Events that nobody waits for: of `Invoke` calls of type `Event`, and of requests whose integration
//! invokes its function so.
//!
//! An event is tried until the function has returned, as often as its rules say, with Lambda's pauses
//! between the tries. No more than [`QUEUED_MAX`] are tried at a time. Where there is a [`Shelf`] they are on
//! it until they are done with, and outlive the process.

use super::destinations::{Condition, Destinations, Record};
use super::shelf::{Found, Kept, Shelf};
use super::{Call, Invoker};
use crate::control::invocation::{Completion, NotDone};
use crate::snapshot::function::EventRules;
use crate::telemetry::ids::{self, Uuid};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

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

/// How often it is looked whether a process has left events behind: one that has handed over to this one
/// may take a while to end.
const LOOK: Duration = Duration::from_secs(10);

/// Why an event is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::control) enum NotQueued {
    /// As many are tried as may be.
    Full,
    /// It could not be written to disk; in words.
    NotKept(String),
}

/// An event on its way.
#[derive(Debug)]
struct Trial {
    event: Event,
    begin: Instant,
    /// How often its function has failed.
    runs: u32,
    kept: Option<Kept>,
}

/// Keeps events until they are done with.
#[derive(Debug, Clone)]
pub(in crate::control) struct Events {
    host: Invoker,
    places: Arc<Semaphore>,
    /// Before an event is tried the second time after the function has failed; twice as long before the
    /// third.
    retry_pause: Duration,
    destinations: Destinations,
    shelf: Shelf,
}

impl Events {
    pub(in crate::control) fn new(
        host: Invoker,
        retry_pause: Duration,
        destinations: Destinations,
        shelf: Shelf,
    ) -> Self {
        let places = Arc::new(Semaphore::new(QUEUED_MAX));
        Self { host, places, retry_pause, destinations, shelf }
    }

    /// Takes an event, answers for it from then on, and says `done` when it is over. The future may be
    /// dropped.
    ///
    /// # Errors
    /// It is not taken; nothing is said.
    pub(in crate::control) async fn queue(
        &self,
        event: Event,
        done: impl FnOnce() + Send + 'static,
    ) -> Result<(), NotQueued> {
        let full = |_| NotQueued::Full;
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(full)?;
        self.take(event, Some(place), done).await
    }

    /// As [`Events::queue`], for an event that somebody counts: it waits on disk until there is room.
    pub(super) async fn accept(
        &self,
        event: Event,
        done: impl FnOnce() + Send + 'static,
    ) -> Result<(), NotQueued> {
        self.take(event, None, done).await
    }

    async fn take(
        &self,
        event: Event,
        place: Option<OwnedSemaphorePermit>,
        done: impl FnOnce() + Send + 'static,
    ) -> Result<(), NotQueued> {
        let (taken, is_taken) = oneshot::channel();
        let events = self.clone();
        tokio::spawn(async move {
            let begin = Instant::now();
            let kept = match events.shelf.keep(&event, Duration::ZERO, 0).await {
                Ok(kept) => kept,
                Err(error) => {
                    // Whoever asked may have gone.
                    let _ = taken.send(Err(NotQueued::NotKept(error.to_string())));
                    return;
                }
            };
            let _ = taken.send(Ok(()));
            let place = match place {
                Some(place) => Ok(place),
                None => Arc::clone(&events.places).acquire_owned().await,
            };
            events.see_through(Trial { event, begin, runs: 0, kept }).await;
            drop(place);
            done();
        });
        is_taken.await.unwrap_or_else(|_| Err(NotQueued::NotKept("the gateway ends".to_owned())))
    }

    /// Sees through what processes have left behind that have ended, now and from now on. To be called once
    /// the functions are there.
    pub(in crate::control) fn take_over(&self) {
        let events = self.clone();
        tokio::spawn(async move {
            loop {
                for Found { event, age, runs, kept } in events.shelf.found().await {
                    let events = events.clone();
                    tokio::spawn(async move {
                        let begin = Instant::now();
                        let begin = begin.checked_sub(age).unwrap_or(begin);
                        let place = events.places.acquire().await;
                        let kept = Some(kept);
                        events.see_through(Trial { event, begin, runs, kept }).await;
                        drop(place);
                    });
                }
                tokio::time::sleep(LOOK).await;
            }
        });
    }

    async fn see_through(&self, trial: Trial) {
        let Trial { event, begin, mut runs, mut kept } = trial;
        let rules = &event.rules;
        let mut pause = THROTTLED_MIN;
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
                stream: None,
            };
            // The gateway ends: the event stays where it is kept.
            let Some(invoked) = self.host.try_invoke(call).await else { return };
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
                Completion::NotDone(NotDone::SwitchedOff) => {
                    break (
                        Condition::ZeroReservedConcurrency,
                        "no concurrency is reserved".to_owned(),
                    );
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
                    if let Some(before) = kept.take() {
                        kept = Some(self.failed(&event, begin.elapsed(), runs, before).await);
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
        if let Some(kept) = kept {
            kept.forget().await;
        }
    }
}

impl Events {
    /// Writes down that the function of an event has failed once more.
    async fn failed(&self, event: &Event, age: Duration, runs: u32, before: Kept) -> Kept {
        match self.shelf.keep(event, age, runs).await {
            Ok(Some(kept)) => {
                before.forget().await;
                kept
            }
            Ok(None) => before,
            Err(error) => {
                tracing::warn!(%error, "that an event has failed cannot be written down");
                before
            }
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
        (Events::new(host, retry_pause, Destinations::default(), Shelf::default()), calls)
    }

    #[tokio::test]
    async fn an_event_is_tried_as_often_as_its_rules_say() {
        for retries_max in [0, 2] {
            let (events, mut calls) = events(Duration::ZERO);
            let (over, is_over) = tokio::sync::oneshot::channel();
            let rules = EventRules { retries_max, ..EventRules::default() };
            events.queue(event(rules), || over.send(()).unwrap()).await.unwrap();
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
        events.queue(event(EventRules::default()), || over.send(()).unwrap()).await.unwrap();
        answer(&mut calls, failure()).await;
        answer(&mut calls, Completion::Result(Bytes::new())).await;
        is_over.await.unwrap();
    }

    #[tokio::test]
    async fn one_that_would_be_too_old_is_not_tried_again() {
        let (events, mut calls) = events(Duration::from_secs(60));
        let (over, is_over) = tokio::sync::oneshot::channel();
        let rules = EventRules { age_max: Duration::from_secs(59), ..EventRules::default() };
        events.queue(event(rules), || over.send(()).unwrap()).await.unwrap();
        answer(&mut calls, failure()).await;
        is_over.await.unwrap();
    }

    #[tokio::test]
    async fn one_of_a_function_that_is_switched_off_is_given_up_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let dead = folder.path().join("dead");
        let (events, mut calls) = events(Duration::from_secs(60));
        let (over, is_over) = tokio::sync::oneshot::channel();
        let dead_letter = Some(EventTarget::Place(EventPlace::File(dead.clone())));
        let rules = EventRules { dead_letter, ..EventRules::default() };
        events.queue(event(rules), || over.send(()).unwrap()).await.unwrap();
        answer(&mut calls, Completion::NotDone(NotDone::SwitchedOff)).await;
        is_over.await.unwrap();
        let record = std::fs::read_to_string(dead).unwrap();
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        assert_eq!(record["requestContext"]["condition"], "ZeroReservedConcurrency");
        assert_eq!(record["requestContext"]["approximateInvokeCount"], 0);
        assert!(record.get("responsePayload").is_none());
    }

    #[tokio::test]
    async fn one_that_is_taken_is_kept_until_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = || Shelf::new(Some(folder.path().to_owned()));
        let begun = |shelf: Shelf| {
            let (host, calls) = Invoker::new();
            (Events::new(host, Duration::ZERO, Destinations::default(), shelf), calls)
        };
        let (events, mut calls) = begun(shelf());
        for _ in 0..2 {
            events.queue(event(EventRules::default()), || ()).await.unwrap();
        }
        // One is done with, the other has failed once when its process ends.
        answer(&mut calls, Completion::Result(Bytes::new())).await;
        answer(&mut calls, failure()).await;
        let (_again, unanswered) = calls.recv().await.unwrap();
        drop((calls, unanswered, events));
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }

        let (events, mut calls) = begun(shelf());
        events.take_over();
        for _ in 0..2 {
            // It may fail twice more, once of which was written down.
            answer(&mut calls, failure()).await;
        }
        let none = tokio::time::timeout(Duration::from_millis(50), calls.recv()).await;
        assert!(none.is_err(), "it is given up");
    }

    #[tokio::test]
    async fn what_cannot_be_kept_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let (host, _calls) = Invoker::new();
        let shelf = Shelf::new(Some(file.join("events")));
        let events = Events::new(host, Duration::ZERO, Destinations::default(), shelf);
        let refused = events.queue(event(EventRules::default()), || ()).await;
        assert!(matches!(refused, Err(NotQueued::NotKept(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn they_are_bounded() {
        let (events, _calls) = events(Duration::ZERO);
        for _ in 0..QUEUED_MAX {
            assert_eq!(events.queue(event(EventRules::default()), || ()).await, Ok(()));
        }
        let one_more = events.queue(event(EventRules::default()), || ()).await;
        assert_eq!(one_more, Err(NotQueued::Full));
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
            events.queue(event(rules()), || over.send(()).unwrap()).await.unwrap();
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
