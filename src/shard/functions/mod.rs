//! Functions on this shard: which worker gets which event, and how many workers there are.
//!
//! A worker's pending request for the next event *is* the idle worker ([`runtime_api`]): an invocation
//! answers it, and the worker's answer ends the invocation. The control thread is asked only to start
//! and to end processes.
//!
//! ```text
//! Starting --next--> Idle --event--> Busy --response, error--> Between --next--> Idle or Busy
//!    |                |               |                            |
//!    '--late, exit----'---------------'--late, exit----------------'--> Ending --exit--> gone
//! ```
//!
//! An invocation that finds no idle worker waits in its function's queue, which is bounded, and one
//! more worker is started while there are fewer starting than waiting and fewer than the maximum.

pub(super) mod posted;
mod repeated;
pub(super) mod runtime_api;
mod start;
pub(super) mod worker;

use super::remote::nobody;
use super::{Kind, Shard};
use crate::control::invocation::{
    Completion, Invoke, Invoked, NotDone, Note, Noted, PAYLOAD_BYTES_MAX, Status, StopWorker,
};
use crate::control::mailbox::FromShard;
use crate::ring::{Close, Env, Lease, SlotId};
use crate::telemetry::ids::{self, Uuid};
use bytes::Bytes;
use runtime_api::RuntimeState;
use std::time::{Duration, Instant};
use worker::{Caller, Invocation, WorkerState, worker_id};

/// How long notes for logs may wait to be told together.
const NOTES_DELAY: Duration = Duration::from_millis(10);
/// How long a worker that has answered may take to ask for the next event before another one is
/// started instead: a client's next request is often here first.
const NEXT_PATIENCE: Duration = Duration::from_millis(10);
/// Notes that are told at once although they are fresh.
const NOTES_MAX: usize = 256;

/// An invocation before a worker is looked for.
#[derive(Debug)]
pub(super) struct NewInvocation {
    pub(super) request_id: ids::Uuid,
    pub(super) event: Bytes,
    pub(super) trace: Option<Box<str>>,
    pub(super) client_context: Option<Box<str>>,
    pub(super) caller: Caller,
    /// How long the caller waits.
    pub(super) patience: Duration,
}

/// What came of an invocation.
#[derive(Debug)]
pub(super) enum Ending {
    /// As the control thread is told too.
    Told(Completion),
    /// A result that is still in the buffer that it came in.
    Leased(Lease),
}

impl From<Completion> for Ending {
    fn from(completion: Completion) -> Self {
        Self::Told(completion)
    }
}

impl Ending {
    /// What the function returned, and whether it failed; nothing where it did not run.
    pub(super) fn payload(&self) -> Option<(&[u8], bool)> {
        match self {
            Self::Told(Completion::Result(result)) => Some((result, false)),
            Self::Told(Completion::Failure(error)) => Some((error, true)),
            Self::Told(Completion::NotDone(_)) => None,
            Self::Leased(result) => Some((result, false)),
        }
    }

    /// The same without the buffer.
    pub(super) fn told(self) -> Completion {
        match self {
            Self::Told(completion) => completion,
            Self::Leased(result) => Completion::Result(Bytes::copy_from_slice(&result)),
        }
    }
}

impl<E: Env> Shard<E> {
    /// The control thread invokes a function.
    pub(super) fn invoke_for_control(&mut self, invoke: Invoke) {
        let random = [self.env.random(), self.env.random()];
        let request_id = invoke.request_id.unwrap_or_else(|| ids::uuid(random));
        let new = NewInvocation {
            request_id,
            event: invoke.event,
            trace: None,
            client_context: invoke.client_context,
            caller: Caller::Control(invoke.call),
            patience: invoke.patience,
        };
        let invoked = match invoke.is_drawn {
            true => self.invoke_version(&invoke.function, new),
            false => self.invoke(&invoke.function, new),
        };
        match invoked {
            Ok(invocation) if invoke.is_streamed => self.expect_relay(invoke.call, invocation),
            Ok(_) => {}
            Err(refused) => self.send_report(FromShard::Invoked(Box::new(Invoked {
                call: invoke.call,
                request_id: request_id.as_str().into(),
                completion: Completion::NotDone(refused),
            }))),
        }
    }

    /// As [`Shard::invoke_version`], of the version that an alias with weights leads to this time.
    pub(super) fn invoke(&mut self, arn: &str, new: NewInvocation) -> Result<SlotId, NotDone> {
        let Some(&id) = self.function_of_arn.get(arn) else {
            return self.invoke_remote(arn, new);
        };
        let other = self.functions.get(id).and_then(|row| row.function.other.as_ref());
        match other {
            Some(other) if self.env.random() < other.share => {
                let other = other.arn.clone();
                self.invoke_version(&other, new)
            }
            _ => self.invoke_row(id, new),
        }
    }

    /// Hands an event to an idle worker, or puts it into the queue. The caller is told later, and
    /// never from within this call.
    ///
    /// # Errors
    /// It cannot be invoked; the caller is not told again.
    pub(super) fn invoke_version(
        &mut self,
        arn: &str,
        new: NewInvocation,
    ) -> Result<SlotId, NotDone> {
        match self.function_of_arn.get(arn) {
            Some(&id) => self.invoke_row(id, new),
            None => self.invoke_remote(arn, new),
        }
    }

    fn invoke_row(&mut self, function_id: SlotId, new: NewInvocation) -> Result<SlotId, NotDone> {
        let row = self.functions.get_mut(function_id).ok_or(NotDone::NoFunction)?;
        if new.event.len() > PAYLOAD_BYTES_MAX {
            return Err(NotDone::EventTooLarge);
        }
        let is_full = row.idle.is_empty() && row.waiting.len() >= row.function.queue_max;
        // Without a queue an invocation may wait for a worker that is being started for it.
        let may_start = row.waiting.is_empty() && row.workers < row.function.workers_max;
        if row.function.reserved_concurrency == Some(0) {
            return Err(NotDone::SwitchedOff);
        }
        if is_full && !may_start {
            return Err(NotDone::Throttled);
        }
        let trace = new.trace.unwrap_or_else(|| {
            let seconds = self.since_epoch.as_secs() as u32;
            let root = ids::trace_root(seconds, [self.env.random(), self.env.random()]);
            format!("{};Sampled=0", root.as_str()).into()
        });
        let id = self.invocations.insert(Invocation {
            function: function_id,
            request_id: new.request_id,
            event: new.event,
            trace,
            client_context: new.client_context,
            caller: new.caller,
            worker: None,
            remote: None,
            began: None,
            deadline: Default::default(),
        });
        if let Some(invocation) = self.invocations.get_mut(id) {
            let due = self.now + new.patience;
            self.timers.set(&mut invocation.deadline, due, Kind::Invocation.token(id));
        }
        row.waiting.push_back(id);
        self.serve_queue(function_id);
        Ok(id)
    }

    /// Puts an invocation on the table that no worker of this shard gets: its function is elsewhere, or it is
    /// an event on its way to the disk.
    pub(super) fn await_elsewhere(
        &mut self,
        request_id: Uuid,
        trace: Box<str>,
        caller: Caller,
        patience: Duration,
    ) -> SlotId {
        let id = self.invocations.insert(Invocation {
            function: nobody(),
            request_id,
            event: Bytes::new(),
            trace,
            client_context: None,
            caller,
            worker: None,
            remote: None,
            began: None,
            deadline: Default::default(),
        });
        if let Some(invocation) = self.invocations.get_mut(id) {
            let due = self.now + patience;
            self.timers.set(&mut invocation.deadline, due, Kind::Invocation.token(id));
        }
        id
    }

    /// Gives waiting invocations to idle workers, and starts more workers where they are wanted.
    pub(super) fn serve_queue(&mut self, function_id: SlotId) {
        while let Some(row) = self.functions.get_mut(function_id)
            && let (Some(&invocation), Some(&worker)) = (row.waiting.front(), row.idle.last())
        {
            row.waiting.pop_front();
            row.idle.pop();
            self.hand_over(invocation, worker);
        }
        self.start_workers(function_id);
    }

    /// Answers a worker's request for an event with one.
    fn hand_over(&mut self, invocation_id: SlotId, worker_slot: SlotId) {
        let Some(worker) = self.workers.get_mut(worker_slot) else { return };
        let WorkerState::Idle { connection } = worker.state else { return };
        let Some(invocation) = self.invocations.get_mut(invocation_id) else { return };
        let Some(row) = self.functions.get(worker.function) else { return };
        worker.state = WorkerState::Busy { invocation: invocation_id };
        invocation.worker = Some(worker_slot);
        invocation.began = Some(self.now);
        let timeout = row.function.timeout;
        self.timers.set(&mut worker.deadline, self.now + timeout, Kind::Worker.token(worker_slot));
        if let Some(connection) = self.runtime_connections.get_mut(connection) {
            let deadline = self.since_epoch + timeout;
            let ring = self.env.ring();
            let out = connection.stream.out(ring);
            runtime_api::write_event(invocation, &row.function.arn, deadline, out);
            connection.answered(ring);
        }
        if row.is_logged() {
            self.note(worker_slot, invocation_id, None);
        }
    }

    /// A worker has answered.
    pub(super) fn worker_answered(&mut self, worker_slot: SlotId, ending: impl Into<Ending>) {
        let Some(worker) = self.workers.get_mut(worker_slot) else { return };
        let WorkerState::Busy { invocation } = worker.state else { return };
        worker.state = WorkerState::Between;
        worker.is_expected = true;
        if let Some(row) = self.functions.get_mut(worker.function) {
            row.expected += 1;
        }
        let due = self.now + NEXT_PATIENCE;
        self.timers.set(&mut worker.deadline, due, Kind::Worker.token(worker_slot));
        self.note(worker_slot, invocation, Some(Status::Answered));
        self.end_invocation(invocation, ending);
    }

    /// An invocation is over: takes it off the table and tells who waits.
    pub(super) fn end_invocation(&mut self, id: SlotId, ending: impl Into<Ending>) {
        let Some(invocation) = self.invocations.remove(id) else { return };
        self.timers.leave(invocation.deadline, Kind::Invocation.token(id));
        if let Some(request) = invocation.remote {
            self.end_exchange(request, None);
        }
        if invocation.worker.is_none()
            && let Some(row) = self.functions.get_mut(invocation.function)
        {
            row.waiting.retain(|waiting| *waiting != id);
        }
        self.tell(invocation.caller, &invocation.request_id, ending.into());
        self.free_function_if_over(invocation.function);
    }

    fn tell(&mut self, caller: Caller, request_id: &ids::Uuid, ending: Ending) {
        match caller {
            Caller::Asked(asked) => self.asked_answered(asked, ending),
            Caller::Authorizer(flight) => {
                self.authorizer_answered(flight, *request_id, ending.told());
            }
            Caller::Control(call) => {
                self.end_relay(call);
                let request_id = request_id.as_str().into();
                let told = Invoked { call, request_id, completion: ending.told() };
                self.send_report(FromShard::Invoked(Box::new(told)));
            }
            Caller::Nobody => {}
        }
    }

    /// Nobody waits for an invocation any more: one that has not begun never will.
    pub(super) fn abandon_invocation(&mut self, id: SlotId) {
        let Some(invocation) = self.invocations.get_mut(id) else { return };
        invocation.caller = Caller::Nobody;
        invocation.deadline.clear();
        if invocation.worker.is_none() {
            self.end_invocation(id, Completion::NotDone(NotDone::TimedOut));
        }
    }

    /// The caller's patience is over.
    pub(super) fn invocation_timed_out(&mut self, id: SlotId) {
        let Some(invocation) = self.invocations.get_mut(id) else { return };
        let late = Completion::NotDone(NotDone::TimedOut);
        if invocation.worker.is_none() {
            return self.end_invocation(id, late);
        }
        let caller = std::mem::replace(&mut invocation.caller, Caller::Nobody);
        let request_id = invocation.request_id;
        self.tell(caller, &request_id, late.into());
    }

    /// A worker that was expected to ask for an event has done so, or will not soon.
    pub(super) fn no_longer_expected(&mut self, id: SlotId) {
        let Some(worker) = self.workers.get_mut(id) else { return };
        if std::mem::replace(&mut worker.is_expected, false)
            && let Some(row) = self.functions.get_mut(worker.function)
        {
            row.expected -= 1;
        }
    }

    /// A worker asks for an event.
    pub(super) fn worker_is_ready(&mut self, worker_slot: SlotId, connection: SlotId) {
        self.no_longer_expected(worker_slot);
        let Some(worker) = self.workers.get_mut(worker_slot) else { return };
        let function_id = worker.function;
        let Some(row) = self.functions.get_mut(function_id) else { return };
        let mut is_proof = false;
        match worker.state {
            WorkerState::Starting => {
                row.starting -= 1;
                row.failed_starts = 0;
                row.paused_until = None;
                is_proof = worker.code == row.code;
            }
            // It asks again: the connection that it asked on before is of no use any more.
            WorkerState::Idle { connection: before } => {
                row.idle.retain(|idle| *idle != worker_slot);
                worker.state = WorkerState::Between;
                self.close_runtime_connection(before, Close::Orderly);
            }
            WorkerState::Between => {}
            // The caller has answered those.
            WorkerState::Busy { .. } | WorkerState::Ending => return,
        }
        let Some(worker) = self.workers.get_mut(worker_slot) else { return };
        let Some(row) = self.functions.get_mut(function_id) else { return };
        worker.state = WorkerState::Idle { connection };
        row.idle.push(worker_slot);
        let is_of_use = row.is_declared && !worker.is_stale;
        let is_wanted = row.is_declared || !row.waiting.is_empty();
        if (!is_of_use && !is_wanted) || worker.is_stale {
            return self.end_worker(worker_slot, worker::GENTLY);
        }
        let due = self.now + row.function.idle_timeout;
        self.timers.set(&mut worker.deadline, due, Kind::Worker.token(worker_slot));
        if is_proof {
            self.code_is_proven(function_id);
        }
        self.serve_queue(function_id);
    }

    /// A worker has taken too long, or has been idle for long.
    pub(super) fn worker_timed_out(&mut self, id: SlotId) {
        let Some(worker) = self.workers.get_mut(id) else { return };
        let function_id = worker.function;
        let Some(row) = self.functions.get_mut(function_id) else { return };
        let timeout = row.function.timeout;
        match worker.state {
            WorkerState::Starting => {
                let late = row.function.init_timeout;
                self.start_failed(id, &worker::StartFault::TimedOut(late));
                self.end_worker(id, StopWorker::AtOnce);
            }
            WorkerState::Idle { .. } if row.workers > row.function.workers_min => {
                self.end_worker(id, worker::GENTLY);
            }
            WorkerState::Idle { .. } => {
                let due = self.now + row.function.idle_timeout;
                self.timers.set(&mut worker.deadline, due, Kind::Worker.token(id));
            }
            WorkerState::Busy { invocation } => {
                self.note(id, invocation, Some(Status::TimedOut(timeout)));
                self.end_worker(id, StopWorker::AtOnce);
                if let Some(running) = self.invocations.get(invocation) {
                    let late = worker::timed_out(&running.request_id, timeout);
                    self.end_invocation(invocation, Completion::Failure(late));
                }
            }
            WorkerState::Between if worker.is_expected => {
                self.no_longer_expected(id);
                let due = self.now + timeout;
                if let Some(worker) = self.workers.get_mut(id) {
                    self.timers.set(&mut worker.deadline, due, Kind::Worker.token(id));
                }
            }
            WorkerState::Between => self.end_worker(id, StopWorker::AtOnce),
            WorkerState::Ending => {}
        }
        self.start_workers(function_id);
    }

    /// Has the control thread end a worker. What it was doing is for the caller to see to.
    pub(super) fn end_worker(&mut self, id: SlotId, how: StopWorker) {
        self.no_longer_expected(id);
        let Some(worker) = self.workers.get_mut(id) else { return };
        let before = std::mem::replace(&mut worker.state, WorkerState::Ending);
        if before == WorkerState::Ending {
            return;
        }
        worker.deadline.clear();
        if let Some(row) = self.functions.get_mut(worker.function) {
            row.workers -= 1;
            match before {
                WorkerState::Starting => row.starting -= 1,
                WorkerState::Idle { .. } => row.idle.retain(|idle| *idle != id),
                _ => {}
            }
        }
        self.close_connections_of(id);
        self.send_report(FromShard::StopWorker { shard: self.id, worker: worker_id(id), how });
    }

    /// Tells the log of a worker that it has begun with an invocation, or how it was done with it.
    fn note(&mut self, worker_slot: SlotId, invocation: SlotId, ended: Option<Status>) {
        let Some(invocation) = self.invocations.get(invocation) else { return };
        let Some(row) = self.functions.get(invocation.function) else { return };
        let Some(began) = invocation.began.filter(|_| row.is_logged()) else { return };
        let request_id = invocation.request_id.as_str().into();
        let what = match ended {
            None => Noted::Began { request_id },
            Some(status) => Noted::Ended { request_id, began, status },
        };
        self.push_note(worker_slot, what);
    }

    fn push_note(&mut self, worker: SlotId, what: Noted) {
        self.errands.noted_at.get_or_insert(self.now);
        self.errands.notes.push(Note { worker: worker_id(worker), at: self.now, what });
    }

    /// When the notes for logs are to be told.
    pub(super) fn notes_due(&self) -> Option<Instant> {
        self.errands.noted_at.map(|at| at + NOTES_DELAY)
    }

    /// Tells the control thread what workers did, once enough has come together.
    pub(super) fn tell_notes(&mut self) {
        let is_due = self.notes_due().is_some_and(|due| due <= self.now);
        if !is_due && self.errands.notes.len() < NOTES_MAX {
            return;
        }
        self.errands.noted_at = None;
        let notes = std::mem::take(&mut self.errands.notes);
        if !notes.is_empty() {
            self.send_report(FromShard::WorkerNotes { shard: self.id, notes });
        }
    }

    /// Closes a connection of a worker.
    pub(super) fn close_runtime_connection(&mut self, id: SlotId, how: Close) {
        let Some(connection) = self.runtime_connections.get_mut(id) else { return };
        connection.state = RuntimeState::Closing;
        connection.deadline.clear();
        connection.stream.close(self.env.ring(), how);
        self.free_runtime_connection_if_over(id);
    }

    fn close_connections_of(&mut self, worker: SlotId) {
        let connections: Vec<SlotId> = self
            .runtime_connections
            .iter()
            .filter(|(_, connection)| connection.worker == Some(worker))
            .map(|(id, _)| id)
            .collect();
        for id in connections {
            // What was answered still arrives.
            self.finish_runtime_connection(id);
        }
    }
}
