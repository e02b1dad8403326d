//! Invocations that are asked for on the control thread: the way to a shard, the way back, and what functions
//! stream meanwhile.
//!
//! A piece of that counts as under way until it is dropped: handed on to the client, or left behind by one
//! that is gone. So whoever holds it has nothing to say, and a shard that has stopped reading its worker
//! always learns that it may go on.

use crate::control::invocation::{Completion, Invoked, NotDone, Streamed};
use crate::control::mailbox::{ShardId, ToShard};
use crate::telemetry::ids::Uuid;
use bytes::Bytes;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Calls of the management API that wait to be handed to a shard.
const CALLS_MAX: usize = 256;

/// What must have been taken before the shard is told. A quarter of what may be under way, so that it never
/// waits for what it is not told.
const TOLD_MIN: usize = 64 * 1024;

/// An invocation that is asked for on the control thread.
#[derive(Debug)]
pub struct Call {
    /// The function's ARN, with its qualifier where one is asked for.
    pub function: Box<str>,
    /// Whether an alias with weights has been drawn for already.
    pub is_drawn: bool,
    /// The event.
    pub event: Bytes,
    /// JSON.
    pub client_context: Option<Box<str>>,
    /// How long to wait for a worker and the function together.
    pub patience: Duration,
    /// What it is called, where that is known beforehand.
    pub request_id: Option<Uuid>,
    /// Who waits for the end of its log; it needs a name for that.
    pub log: Option<oneshot::Sender<Bytes>>,
    /// Who gets what the function streams as it comes. What is left is the end, which comes behind it.
    pub stream: Option<Pieces>,
}

/// Invokes functions from the control thread: the Lambda API's way to them.
#[derive(Debug, Clone)]
pub struct Invoker(mpsc::Sender<(Call, oneshot::Sender<Invoked>)>);

/// The control loop's end of it.
pub(in crate::control) type Calls = mpsc::Receiver<(Call, oneshot::Sender<Invoked>)>;

impl Invoker {
    pub(in crate::control) fn new() -> (Self, Calls) {
        let (sender, receiver) = mpsc::channel(CALLS_MAX);
        (Self(sender), receiver)
    }

    /// Invokes a function and waits for what comes of it, no longer than the call's patience.
    pub async fn invoke(&self, call: Call) -> Invoked {
        self.try_invoke(call).await.unwrap_or_else(|| Invoked {
            call: 0,
            request_id: "".into(),
            completion: Completion::NotDone(NotDone::NotStarted),
        })
    }

    /// The same; `None` when the gateway ends, or the shard has died.
    pub(super) async fn try_invoke(&self, call: Call) -> Option<Invoked> {
        self.begin(call).await?.await.ok()
    }

    /// Invokes a function. What is returned tells what comes of it, or closes when the gateway ends.
    pub(super) async fn begin(&self, call: Call) -> Option<oneshot::Receiver<Invoked>> {
        let (sender, receiver) = oneshot::channel();
        self.0.send((call, sender)).await.ok()?;
        Some(receiver)
    }
}

/// Where the pieces of an invocation go. Not bounded here: the shard bounds what is under way.
pub(super) type Pieces = mpsc::UnboundedSender<Piece>;

/// A piece of what a function streams.
#[derive(Debug)]
pub struct Piece {
    /// Nothing, where it says only that the function begins to answer.
    pub content: Bytes,
    _under_way: UnderWay,
}

/// Says that it has been taken when it is dropped.
#[derive(Debug)]
struct UnderWay {
    taken: Taken,
    tell: mpsc::UnboundedSender<Taken>,
}

/// So much of a call's pieces has been taken.
#[derive(Debug, Clone, Copy)]
pub(in crate::control) struct Taken {
    call: u64,
    cost: usize,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // Fails when the loop has ended.
        let _ = self.tell.send(self.taken);
    }
}

/// Invocations of this thread that shards have under way.
#[derive(Debug)]
pub(super) struct Waiting {
    calls: HashMap<u64, Begun>,
    taken: (mpsc::UnboundedSender<Taken>, mpsc::UnboundedReceiver<Taken>),
}

#[derive(Debug)]
struct Begun {
    shard: ShardId,
    done: oneshot::Sender<Invoked>,
    pieces: Option<Pieces>,
    /// What has been taken and not told.
    taken: usize,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self { calls: HashMap::new(), taken: mpsc::unbounded_channel() }
    }

    /// A shard has been asked for an invocation.
    pub(super) fn insert(
        &mut self,
        call: u64,
        shard: ShardId,
        done: oneshot::Sender<Invoked>,
        pieces: Option<Pieces>,
    ) {
        self.calls.insert(call, Begun { shard, done, pieces, taken: 0 });
    }

    /// An invocation is over.
    pub(super) fn invoked(&mut self, invoked: Invoked) {
        if let Some(call) = self.calls.remove(&invoked.call) {
            // Whoever asked may have gone.
            let _ = call.done.send(invoked);
        }
    }

    /// A piece has come. What is to be told of it, and to whom: that nobody is there to take it.
    pub(super) fn streamed(&mut self, streamed: Streamed) -> Option<(ShardId, ToShard)> {
        let Streamed { call, content } = streamed;
        let waiting = self.calls.get(&call)?;
        let taken = Taken { call, cost: Streamed::cost(&content) };
        let piece = Piece { content, _under_way: UnderWay { taken, tell: self.taken.0.clone() } };
        if waiting.pieces.as_ref().is_some_and(|pieces| pieces.send(piece).is_ok()) {
            return None;
        }
        let shard = waiting.shard;
        self.calls.remove(&call);
        Some((shard, ToShard::StreamLeft { call }))
    }

    /// Waits for pieces that are taken. Cancelling loses nothing.
    pub(super) async fn next_taken(&mut self) -> Option<Taken> {
        self.taken.1.recv().await
    }

    /// A piece was taken. What is to be told of it, and to whom.
    pub(super) fn on_taken(&mut self, taken: Taken) -> Option<(ShardId, ToShard)> {
        // One that is over needs nothing.
        let waiting = self.calls.get_mut(&taken.call)?;
        waiting.taken += taken.cost;
        if waiting.taken < TOLD_MIN {
            return None;
        }
        let cost = std::mem::take(&mut waiting.taken);
        Some((waiting.shard, ToShard::StreamTaken { call: taken.call, cost }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(bytes: usize) -> Streamed {
        Streamed { call: 7, content: vec![b'x'; bytes].into() }
    }

    fn waiting() -> (Waiting, mpsc::UnboundedReceiver<Piece>, oneshot::Receiver<Invoked>) {
        let (done, is_done) = oneshot::channel();
        let (sender, pieces) = mpsc::unbounded_channel();
        let mut waiting = Waiting::new();
        waiting.insert(7, 3, done, Some(sender));
        (waiting, pieces, is_done)
    }

    #[tokio::test]
    async fn what_is_taken_is_told_once_it_is_much() {
        let (mut waiting, mut pieces, _done) = waiting();
        let mut told = Vec::new();
        for _ in 0..10 {
            assert!(waiting.streamed(piece(10_000)).is_none());
            assert_eq!(pieces.recv().await.unwrap().content.len(), 10_000);
            let taken = waiting.next_taken().await.unwrap();
            told.extend(waiting.on_taken(taken));
        }
        let cost = 7 * Streamed::cost(&[b'x'; 10_000]);
        assert!(
            matches!(told[..], [(3, ToShard::StreamTaken { call: 7, cost: it })] if it == cost),
            "{told:?}"
        );
    }

    #[tokio::test]
    async fn who_leaves_gives_back_what_was_on_its_way_and_is_told_of_with_the_next_piece() {
        let (mut waiting, pieces, _done) = waiting();
        for _ in 0..2 {
            assert!(waiting.streamed(piece(100_000)).is_none());
        }
        drop(pieces);
        for _ in 0..2 {
            let taken = waiting.next_taken().await.unwrap();
            assert!(matches!(waiting.on_taken(taken), Some((3, ToShard::StreamTaken { .. }))));
        }
        let told = waiting.streamed(piece(1));
        assert!(matches!(told, Some((3, ToShard::StreamLeft { call: 7 }))), "{told:?}");
        let taken = waiting.next_taken().await.unwrap();
        assert!(waiting.on_taken(taken).is_none() && waiting.streamed(piece(1)).is_none());
    }

    #[tokio::test]
    async fn the_end_comes_behind_all_pieces() {
        let (mut waiting, mut pieces, done) = waiting();
        assert!(waiting.streamed(piece(1)).is_none());
        let completion = Completion::Result(Bytes::new());
        waiting.invoked(Invoked { call: 7, request_id: "".into(), completion });
        assert!(pieces.recv().await.is_some() && pieces.recv().await.is_none());
        assert!(done.await.is_ok());
    }
}
