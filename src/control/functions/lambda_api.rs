//! The Lambda API's way to the function host: what `Invoke` asks for, in the host's words.

use super::events::{Event, Events, NotQueued, START_PATIENCE};
use super::invoker::Pieces;
use super::{Call, Invoker, Piece};
use crate::control::invocation::{Completion, NotDone};
use crate::management::lambda::{
    self, Invocation, Invoked, Mode, Outcome, Refused, Streamed, Telling, Told,
};
use crate::model::Runtime;
use crate::snapshot::managed::FunctionPlace;
use crate::telemetry::ids;
use bytes::Bytes;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What [`START_PATIENCE`] is enough for: what functions of the Lambda API may take to come up.
const USUAL_START: Duration = Duration::from_secs(10);

/// How long a log may take that is asked for: it is written a moment later than the result comes.
const LOG_PATIENCE: Duration = Duration::from_millis(500);

/// What the Lambda API says of every function that fails.
const UNHANDLED: &str = "Unhandled";

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

impl LambdaApi {
    /// What the host is to do.
    fn order(&self, invocation: &Invocation) -> Result<Order, Refused> {
        let runtime = &invocation.configuration.runtime;
        if Runtime::of_file(runtime).is_none() {
            return Err(Refused::NotReady(format!(
                "ringgate does not run {runtime}: it runs python3.*, nodejs*.x and provided.*"
            )));
        }
        // All that it may take once it has begun, and what a start may take beyond what is usual.
        let timeout = Duration::from_secs(invocation.configuration.timeout.into())
            + invocation.start.saturating_sub(USUAL_START);
        Ok(Order {
            host: self.host.clone(),
            function: self.arn(invocation),
            event: invocation.payload.clone(),
            client_context: invocation.client_context.as_deref().map(Into::into),
            timeout,
            reserved_concurrency: invocation.reserved_concurrency,
            request_id: ids::known_uuid(&invocation.request_id),
            wants_log: invocation.wants_log,
        })
    }
}

impl lambda::Invoker for LambdaApi {
    fn invoke(&self, invocation: Invocation) -> Invoked {
        let order = match self.order(&invocation) {
            Ok(order) => order,
            Err(refused) => return Box::pin(std::future::ready(Err(refused))),
        };
        match invocation.mode {
            Mode::RequestResponse => Box::pin(async move { order.once().await }),
            Mode::Event => {
                let throttled = order.throttled();
                let Order { function, event, client_context, request_id, timeout, .. } = order;
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

    fn stream(&self, invocation: Invocation) -> Streamed {
        let order = self.order(&invocation);
        Box::pin(async move { order?.streamed().await })
    }
}

/// An invocation that is waited for.
struct Order {
    host: Invoker,
    function: Box<str>,
    event: Bytes,
    client_context: Option<Box<str>>,
    timeout: Duration,
    reserved_concurrency: Option<u32>,
    /// What it is called.
    request_id: Option<ids::Uuid>,
    wants_log: bool,
}

/// The end of an invocation's log, when it is asked for.
type Log = Option<oneshot::Receiver<Bytes>>;

impl Order {
    /// What the host is asked for, and where its log comes.
    fn call(&self, stream: Option<Pieces>) -> (Call, Log) {
        let (told, log) = self.wants_log.then(oneshot::channel).unzip();
        let call = Call {
            function: self.function.clone(),
            is_drawn: true,
            request_id: self.request_id,
            log: told,
            stream,
            event: self.event.clone(),
            client_context: self.client_context.clone(),
            patience: START_PATIENCE + self.timeout,
        };
        (call, log)
    }

    async fn once(&self) -> Result<Outcome, Refused> {
        let (call, log) = self.call(None);
        self.ended(self.host.invoke(call).await.completion, log).await
    }

    /// Waits until the function begins to answer; a task of its own hands on what comes then.
    async fn streamed(self) -> Result<Telling, Refused> {
        let (sender, mut pieces) = mpsc::unbounded_channel();
        let (call, log) = self.call(Some(sender));
        let stopped = || Refused::Failed("ringgate is stopping".to_owned());
        let done = self.host.begin(call).await.ok_or_else(stopped)?;
        // One at a time: what waits there does not count as under way any more.
        let (tell, telling) = mpsc::channel(1);
        let Some(first) = pieces.recv().await else {
            let completion = done.await.map_err(|_| stopped())?.completion;
            let outcome = self.ended(completion, log).await?;
            // There is room for one.
            let _ = tell.try_send(Told::Over(outcome));
            return Ok(telling);
        };
        tokio::spawn(async move {
            if hand_on(first, pieces, &tell).await.is_none() {
                return;
            }
            // The gateway ends: nothing is told, so that the answer is not taken for whole.
            let Ok(invoked) = done.await else { return };
            let outcome = match invoked.completion {
                // It has lived longer than whoever waits, because it waited itself at first.
                Completion::NotDone(_) => Outcome {
                    payload: Bytes::from_static(
                        b"{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"The answer took too long\"}",
                    ),
                    error: Some(UNHANDLED),
                    log: None,
                },
                completion => match self.ended(completion, log).await {
                    Ok(outcome) => outcome,
                    Err(_) => return,
                },
            };
            // Whoever asked may have gone.
            let _ = tell.send(Told::Over(outcome)).await;
        });
        Ok(telling)
    }

    /// What an end means to whoever invoked the function.
    async fn ended(&self, completion: Completion, log: Log) -> Result<Outcome, Refused> {
        let failed = |text: &str| Refused::Failed(text.to_owned());
        let (payload, error) = match completion {
            Completion::Result(payload) => (payload, None),
            Completion::Failure(payload) => (payload, Some(UNHANDLED)),
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
        let log = match log {
            Some(log) => tokio::time::timeout(LOG_PATIENCE, log).await.ok().and_then(Result::ok),
            None => None,
        };
        Ok(Outcome { payload, error, log })
    }

    fn throttled(&self) -> Refused {
        Refused::Throttled { is_reserved: self.reserved_concurrency.is_some() }
    }
}

/// Hands on pieces as they come. `None`: nobody takes them any more.
async fn hand_on(
    first: Piece,
    mut pieces: mpsc::UnboundedReceiver<Piece>,
    tell: &mpsc::Sender<Told>,
) -> Option<()> {
    let mut next = Some(first);
    while let Some(piece) = next {
        if !piece.content.is_empty() {
            tell.send(Told::Piece(piece.content.clone())).await.ok()?;
        }
        // It is not under way any more.
        drop(piece);
        next = tokio::select! {
            piece = pieces.recv() => piece,
            () = tell.closed() => return None,
        };
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::functions::invoker::Waiting;
    use crate::control::functions::{Calls, Destinations, Shelf};
    use crate::control::invocation;
    use crate::control::mailbox::ToShard;
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

    /// A shard's side of an invocation that streams.
    async fn streaming(calls: &mut Calls) -> (Waiting, impl Fn(&mut Waiting, &'static str)) {
        let (call, done) = calls.recv().await.unwrap();
        let mut waiting = Waiting::new();
        waiting.insert(1, 0, done, call.stream);
        let piece = |waiting: &mut Waiting, content: &'static str| {
            let streamed = invocation::Streamed { call: 1, content: content.into() };
            assert!(waiting.streamed(streamed).is_none(), "somebody takes it");
        };
        (waiting, piece)
    }

    fn end(waiting: &mut Waiting, completion: Completion) {
        waiting.invoked(invocation::Invoked { call: 1, request_id: "".into(), completion });
    }

    #[tokio::test]
    async fn pieces_are_told_while_the_function_runs() {
        let (api, mut calls) = api();
        let asked = api.stream(invocation(Mode::RequestResponse, "nodejs22.x"));
        let asked = tokio::spawn(asked);
        let (mut waiting, piece) = streaming(&mut calls).await;
        piece(&mut waiting, "");
        // There before anything is written.
        let mut telling = asked.await.unwrap().unwrap();
        for content in ["one", "two"] {
            piece(&mut waiting, content);
            let told = telling.recv().await;
            assert!(matches!(told, Some(Told::Piece(it)) if it == content));
        }
        end(&mut waiting, Completion::Failure("{}".into()));
        let Some(Told::Over(outcome)) = telling.recv().await else { panic!("it is over") };
        let expected = Outcome { payload: "{}".into(), error: Some(UNHANDLED), log: None };
        assert_eq!(outcome, expected);
        assert!(telling.recv().await.is_none());
    }

    #[tokio::test]
    async fn what_was_not_streamed_is_told_when_it_is_over_and_what_was_not_run_is_refused() {
        for (completion, expected) in [
            (Completion::Result("1".into()), Ok(())),
            (
                Completion::NotDone(NotDone::Throttled),
                Err(Refused::Throttled { is_reserved: false }),
            ),
        ] {
            let (api, mut calls) = api();
            let asked = api.stream(invocation(Mode::RequestResponse, "nodejs22.x"));
            let (told, _) = tokio::join!(asked, answer(&mut calls, completion));
            match told {
                Ok(mut telling) => {
                    let told = telling.recv().await;
                    assert!(matches!(told, Some(Told::Over(it)) if it.payload == "1"));
                    assert!(expected.is_ok());
                }
                Err(refused) => assert_eq!(Err(refused), expected),
            }
        }
    }

    #[tokio::test]
    async fn a_client_that_leaves_lets_go_of_everything_though_the_function_is_silent() {
        let (api, mut calls) = api();
        let asked = tokio::spawn(api.stream(invocation(Mode::RequestResponse, "nodejs22.x")));
        let (mut waiting, piece) = streaming(&mut calls).await;
        for content in ["", "one", "two", "three"] {
            piece(&mut waiting, content);
        }
        drop(asked.await.unwrap().unwrap());
        for _ in 0..4 {
            let _taken = waiting.next_taken().await.unwrap();
        }
        // Until the task has seen it, the next piece may still be taken.
        tokio::task::yield_now().await;
        let streamed = invocation::Streamed { call: 1, content: "four".into() };
        let told = waiting.streamed(streamed);
        assert!(matches!(told, Some((0, ToShard::StreamLeft { call: 1 }))), "{told:?}");
    }

    #[tokio::test]
    async fn a_stream_that_outlives_the_patience_of_its_caller_has_failed() {
        let (api, mut calls) = api();
        let asked = tokio::spawn(api.stream(invocation(Mode::RequestResponse, "nodejs22.x")));
        let (mut waiting, piece) = streaming(&mut calls).await;
        piece(&mut waiting, "one");
        end(&mut waiting, Completion::NotDone(NotDone::TimedOut));
        let mut telling = asked.await.unwrap().unwrap();
        assert!(matches!(telling.recv().await, Some(Told::Piece(_))));
        let Some(Told::Over(outcome)) = telling.recv().await else { panic!("it is over") };
        assert_eq!(outcome.error, Some(UNHANDLED));
        assert!(outcome.payload.starts_with(b"{\"errorType\":\"Sandbox.Timedout\""));
    }
}
