//! How many workers: starting, failing to start, ending, and following the configuration.

use super::worker::{
    FunctionRow, Proof, StartFault, Worker, WorkerState, exited, out_of_memory, worker_id,
};
use super::{PAYLOAD_BYTES_MAX, worker};
use crate::control::invocation::{
    Completion, Ended, NotDone, Noted, StartWorker, StopWorker, WorkerId,
};
use crate::control::mailbox::FromShard;
use crate::ring::{Env, SlotId};
use crate::shard::timers::Deadline;
use crate::shard::{Kind, Shard};
use crate::snapshot::Function;
use crate::snapshot::function::FunctionChange;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

/// How long a function waits that may have no more workers on any shard, before it asks again.
const ROOM_PAUSE: Duration = Duration::from_millis(50);

const _: () = assert!(PAYLOAD_BYTES_MAX == 6 * 1024 * 1024 + 100);

impl<E: Env> Shard<E> {
    /// Starts as many workers as are wanted.
    pub(super) fn start_workers(&mut self, function_id: SlotId) {
        let (now, is_draining) = (self.now, self.draining.is_some());
        while let Some(row) = self.functions.get_mut(function_id)
            && row.wants_worker(now)
            && !(is_draining && row.waiting.len() <= row.starting)
        {
            row.workers += 1;
            row.starting += 1;
            if row.proof == Proof::Wanted {
                row.proof = Proof::Started;
            }
            let code = row.code;
            let launch = Arc::clone(&row.function.launch);
            let due = now + row.function.init_timeout;
            let shard = self.id;
            let address = self.free_address();
            let id = self.workers.insert(Worker {
                function: function_id,
                address,
                state: WorkerState::Starting,
                code,
                is_stale: false,
                is_expected: false,
                deadline: Deadline::default(),
            });
            let Some(worker) = self.workers.get_mut(id) else { return };
            self.timers.set(&mut worker.deadline, due, Kind::Worker.token(id));
            let start = StartWorker { shard, worker: worker_id(id), address, launch };
            self.send_report(FromShard::StartWorker(Box::new(start)));
        }
        if let Some(row) = self.functions.get_mut(function_id)
            && let Some(until) = row.paused_until
            && now < until
        {
            self.timers.set(&mut row.deadline, until, Kind::Function.token(function_id));
        }
    }

    /// An address of the loopback network that no worker of this shard has. Drawn, so that what an ended
    /// worker left behind does not speak for the next one; it keeps no secret (`open_runtime_connection`).
    fn free_address(&mut self) -> Ipv4Addr {
        loop {
            let [a, b, c, ..] = self.env.random().to_ne_bytes();
            let address = Ipv4Addr::new(127, a, b, c);
            // Not the one that everybody uses, and not the network's own, of which there are two.
            let is_ordinary = a != 0 && a != 255;
            if is_ordinary && self.worker_at(address).is_none() {
                return address;
            }
        }
    }

    /// The pause of a function that could not start workers is over.
    pub(in crate::shard) fn function_timed_out(&mut self, id: SlotId) {
        if let Some(row) = self.functions.get_mut(id) {
            row.paused_until = None;
            row.lacks_room = false;
        }
        self.serve_queue(id);
    }

    /// A worker will not come up. Those who can only have waited for it are told.
    pub(super) fn start_failed(&mut self, worker_slot: SlotId, fault: &StartFault) {
        let Some(worker) = self.workers.get(worker_slot) else { return };
        let function_id = worker.function;
        let Some(row) = self.functions.get_mut(function_id) else { return };
        let is_logged = row.is_logged();
        row.start_failed(self.now);
        if row.proof == Proof::Started && worker.code == row.code {
            row.proof = Proof::Failed;
            tracing::error!(
                shard = self.id,
                function = row.function.launch.name,
                error = fault.words(),
                "changed code does not start; workers of the code before it go on"
            );
        }
        let is_served = row.workers > row.starting;
        if is_logged {
            self.push_note(worker_slot, Noted::InitFailed(fault.status()));
        }
        if is_served {
            return;
        }
        let Some(row) = self.functions.get_mut(function_id) else { return };
        // While others are still starting, each failure is the answer to one.
        let told = if row.starting > 1 { 1 } else { row.waiting.len() };
        for _ in 0..told {
            let Some(row) = self.functions.get_mut(function_id) else { return };
            let Some(&id) = row.waiting.front() else { return };
            let Some(invocation) = self.invocations.get(id) else { return };
            let completion = match fault {
                StartFault::NotStarted => Completion::NotDone(NotDone::NotStarted),
                fault => fault.completion(&invocation.request_id),
            };
            if is_logged {
                let request_id: Box<str> = invocation.request_id.as_str().into();
                let (began, status) = (self.now, fault.status());
                self.push_note(worker_slot, Noted::Began { request_id: request_id.clone() });
                self.push_note(worker_slot, Noted::Ended { request_id, began, status });
            }
            self.end_invocation(id, completion);
        }
    }

    /// A worker is there no more, or never was.
    pub(in crate::shard) fn worker_ended(&mut self, worker: WorkerId, how: &Ended) {
        let id = SlotId::from_bits(worker.0);
        let Some(worker) = self.workers.get(id) else { return };
        let (function_id, state) = (worker.function, worker.state);
        match state {
            WorkerState::Starting => self.never_came_up(id, how),
            WorkerState::Busy { invocation } => {
                let status = match how {
                    Ended::Exited(how) => worker::exit_status(how),
                    Ended::OutOfMemory => StartFault::OutOfMemory.status(),
                    Ended::NotStarted(_) | Ended::NoRoom => StartFault::NotStarted.status(),
                };
                self.note(id, invocation, Some(status));
                if let Some(running) = self.invocations.get(invocation) {
                    let payload = match how {
                        Ended::Exited(how) => exited(&running.request_id, how),
                        Ended::OutOfMemory => out_of_memory(&running.request_id),
                        Ended::NotStarted(_) | Ended::NoRoom => {
                            exited(&running.request_id, "it was never started")
                        }
                    };
                    self.forget_worker(id);
                    self.end_invocation(invocation, Completion::Failure(payload));
                }
            }
            WorkerState::Idle { .. } => {
                // Nobody has been hurt, but one that always dies must not be started without end.
                if let Some(row) = self.functions.get_mut(function_id) {
                    row.start_failed(self.now);
                }
            }
            WorkerState::Between | WorkerState::Ending => {}
        }
        self.forget_worker(id);
        self.serve_queue(function_id);
        self.free_function_if_over(function_id);
    }

    fn never_came_up(&mut self, id: SlotId, how: &Ended) {
        let fault = match how {
            Ended::Exited(how) => StartFault::Exited(how.clone()),
            Ended::OutOfMemory => StartFault::OutOfMemory,
            Ended::NotStarted(_) => StartFault::NotStarted,
            Ended::NoRoom => {
                let Some(worker) = self.workers.get(id) else { return };
                if let Some(row) = self.functions.get_mut(worker.function) {
                    row.paused_until = Some(self.now + ROOM_PAUSE);
                    row.lacks_room = true;
                    if std::mem::replace(&mut row.proof, Proof::NotNeeded) == Proof::Started {
                        // Not to be had beside the old ones: they make room without a proof.
                        let (function, code) = (worker.function, row.code);
                        self.retire_workers(function, code);
                    }
                }
                return;
            }
        };
        self.start_failed(id, &fault);
    }

    /// Takes a worker off the table.
    fn forget_worker(&mut self, id: SlotId) {
        self.no_longer_expected(id);
        let Some(worker) = self.workers.remove(id) else { return };
        if let Some(row) = self.functions.get_mut(worker.function) {
            match worker.state {
                WorkerState::Ending => {}
                WorkerState::Starting => {
                    row.workers -= 1;
                    row.starting -= 1;
                }
                WorkerState::Idle { .. } => {
                    row.workers -= 1;
                    row.idle.retain(|idle| *idle != id);
                }
                WorkerState::Busy { .. } | WorkerState::Between => row.workers -= 1,
            }
        }
        self.close_connections_of(id);
    }

    /// Another shard needs a worker of this function, and may have one only when one ends here.
    pub(in crate::shard) fn spare_worker(&mut self, key: &str) {
        let idle = self.functions.iter().find(|(_, row)| &*row.function.key == key);
        // The one that has been idle for longest.
        if let Some(worker) = idle.and_then(|(_, row)| row.idle.first().copied()) {
            self.end_worker(worker, worker::GENTLY);
        }
    }

    /// The code of a function has changed: one worker is started with the new, and when that is up those of
    /// the old go, idle ones at once, the others when they have answered.
    pub(in crate::shard) fn replace_workers(&mut self, key: &str) {
        let is_it = |row: &FunctionRow| row.is_declared && &*row.function.key == key;
        let found = self.functions.iter().find(|(_, row)| is_it(row));
        let Some(id) = found.map(|(id, _)| id) else { return };
        // They may have read the old code, or half of both.
        self.end_starting(id);
        let Some(row) = self.functions.get_mut(id) else { return };
        row.code += 1;
        row.proof = if row.workers > 0 { Proof::Wanted } else { Proof::NotNeeded };
        // New code may well start.
        row.failed_starts = 0;
        row.paused_until = None;
        self.serve_queue(id);
    }

    /// A worker of the current code is up: the others are not needed any more.
    pub(super) fn code_is_proven(&mut self, function_id: SlotId) {
        let Some(row) = self.functions.get_mut(function_id) else { return };
        if std::mem::replace(&mut row.proof, Proof::NotNeeded) != Proof::NotNeeded {
            let code = row.code;
            tracing::info!(
                shard = self.id,
                function = row.function.launch.name,
                "changed code is in service"
            );
            self.retire_workers(function_id, code);
        }
    }

    fn end_starting(&mut self, function_id: SlotId) {
        let is_starting = |worker: &Worker| worker.state == WorkerState::Starting;
        let starting = self.workers.iter().filter(|(_, it)| it.function == function_id);
        let starting: Vec<_> =
            starting.filter(|(_, it)| is_starting(it)).map(|(id, _)| id).collect();
        for id in starting {
            self.end_worker(id, StopWorker::AtOnce);
        }
    }

    /// Ends the workers of a function that run older code than this.
    fn retire_workers(&mut self, function_id: SlotId, code: u32) {
        let workers: Vec<SlotId> = self
            .workers
            .iter()
            .filter(|(_, worker)| worker.function == function_id && worker.code < code)
            .map(|(id, _)| id)
            .collect();
        for id in workers {
            let Some(worker) = self.workers.get_mut(id) else { continue };
            worker.is_stale = true;
            match worker.state {
                WorkerState::Idle { .. } => self.end_worker(id, worker::GENTLY),
                WorkerState::Starting => self.end_worker(id, StopWorker::AtOnce),
                WorkerState::Busy { .. } | WorkerState::Between | WorkerState::Ending => {}
            }
        }
    }

    /// Makes the functions of the file follow the snapshot.
    pub(in crate::shard) fn follow_functions(&mut self, functions: &[Function]) {
        let gone: Vec<Box<str>> = self
            .function_of_arn
            .iter()
            .filter(|(arn, id)| {
                self.functions.get(**id).is_none_or(|row| row.is_of_file)
                    && !functions.iter().any(|function| function.arn == **arn)
            })
            .map(|(arn, _)| arn.clone())
            .collect();
        for arn in gone {
            match self.row_of_file(&arn).and_then(|row| row.set_aside.take()) {
                Some(function) => self.declare(&function, false),
                None => self.undeclare(&arn, None),
            }
        }
        for function in functions {
            self.declare(function, true);
        }
    }

    /// Takes a change of the functions that were made through the Lambda API. Those of the file go before
    /// them; changes of both may come in either order.
    pub(in crate::shard) fn change_function(&mut self, change: FunctionChange) {
        let (arn, function) = match change {
            FunctionChange::Put(function) => (function.arn.clone(), Some(function)),
            FunctionChange::Remove { arn } => (arn, None),
        };
        if let Some(row) = self.row_of_file(&arn) {
            row.set_aside = function;
            return;
        }
        match function {
            Some(function) => self.declare(&function, false),
            None => self.undeclare(&arn, None),
        }
    }

    /// The file's function of this ARN.
    fn row_of_file(&mut self, arn: &str) -> Option<&mut FunctionRow> {
        let id = *self.function_of_arn.get(arn)?;
        self.functions.get_mut(id).filter(|row| row.is_of_file)
    }

    fn declare(&mut self, function: &Function, is_of_file: bool) {
        let known = self.function_of_arn.get(&function.arn).copied();
        if let Some(row) = known.and_then(|id| self.functions.get_mut(id))
            && row.function.key == function.key
        {
            row.is_of_file = is_of_file;
            row.function.permission = function.permission.clone();
            row.function.other = function.other.clone();
            row.function.events = Arc::clone(&function.events);
            return;
        }
        let mut row = FunctionRow::new(function.clone(), is_of_file);
        if is_of_file {
            row.set_aside = self.row_of_file(&function.arn).and_then(|row| row.set_aside.take());
        }
        let id = self.functions.insert(row);
        if known.is_some() {
            self.undeclare(&function.arn, Some(id));
        }
        self.function_of_arn.insert(function.arn.clone(), id);
        self.serve_queue(id);
    }

    /// A function is replaced or gone. What waits for it goes to the one in its place; without one it
    /// cannot be done.
    fn undeclare(&mut self, arn: &str, successor: Option<SlotId>) {
        let Some(id) = self.function_of_arn.remove(arn) else { return };
        let Some(row) = self.functions.get_mut(id) else { return };
        row.is_declared = false;
        let waiting = std::mem::take(&mut row.waiting);
        for invocation_id in waiting {
            match successor {
                Some(successor) => {
                    if let Some(invocation) = self.invocations.get_mut(invocation_id) {
                        invocation.function = successor;
                    }
                    if let Some(row) = self.functions.get_mut(successor) {
                        row.waiting.push_back(invocation_id);
                    }
                }
                None => {
                    self.end_invocation(invocation_id, Completion::NotDone(NotDone::NoFunction));
                }
            }
        }
        self.retire_workers(id, u32::MAX);
        self.free_function_if_over(id);
    }

    pub(super) fn free_function_if_over(&mut self, id: SlotId) {
        let Some(row) = self.functions.get(id) else { return };
        if row.is_declared || !row.waiting.is_empty() {
            return;
        }
        let has_worker = self.workers.iter().any(|(_, worker)| worker.function == id);
        if !has_worker && !self.invocations.iter().any(|(_, it)| it.function == id) {
            self.functions.remove(id);
        }
    }

    /// Whether an invocation is under way that somebody waits for.
    pub(in crate::shard) fn is_invoking(&self) -> bool {
        self.invocations.iter().any(|(_, it)| it.caller != worker::Caller::Nobody)
    }

    /// Ends every worker: the shard is done.
    pub(in crate::shard) fn end_all_workers(&mut self) {
        let workers: Vec<SlotId> = self.workers.iter().map(|(id, _)| id).collect();
        for id in workers {
            let state = self.workers.get(id).map(|worker| worker.state);
            if let Some(WorkerState::Busy { invocation }) = state {
                self.end_invocation(invocation, Completion::NotDone(NotDone::TimedOut));
            }
            self.end_worker(id, worker::GENTLY);
        }
        let connections: Vec<SlotId> = self.runtime_connections.iter().map(|(id, _)| id).collect();
        for id in connections {
            self.close_runtime_connection(id, crate::ring::Close::Orderly);
        }
    }
}
