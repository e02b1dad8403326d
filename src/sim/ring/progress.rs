//! What the kernel would do between two turns: accept, move bytes, finish connects, close.

use super::socket::{Closing, Key, Operation, Receive, Send, What};
use super::{CANCELLED, CONNECTION_ABORTED, PER_TURN_MAX, SimRing, TOO_MANY_FILES};
use crate::ring::{Completion, Outgoing, Received, Token};
use crate::sim::network::{End, Listener, Read};
use std::io;
use std::rc::Rc;

impl SimRing {
    pub(super) fn progress(&mut self, key: Key) {
        let Some(socket) = self.sockets.get(&key) else {
            return;
        };
        match socket.what {
            What::Listener(listener) => self.progress_accept(key, listener),
            What::Stream(end) => {
                // Both orders happen: the send before the receive and after it.
                if self.random.below(2) == 0 {
                    self.progress_send(key, end);
                    self.progress_receive(key, end);
                } else {
                    self.progress_receive(key, end);
                    self.progress_send(key, end);
                }
                self.progress_connect(key, end);
            }
            What::Gone => {}
        }
        self.progress_close(key);
    }

    fn progress_accept(&mut self, key: Key, listener: Listener) {
        for _ in 0..PER_TURN_MAX {
            let Some(operation) = self.sockets.get(&key).and_then(|it| it.accept.as_ref()) else {
                return;
            };
            let (token, cancelled) = (operation.token, operation.cancelled);
            let weather = self.network.borrow().weather.clone();
            if cancelled && !self.random.happens(weather.cancel_delay) {
                self.end_accept(key, token, io::Error::from_raw_os_error(CANCELLED));
                return;
            }
            if self.network.borrow().backlog(listener) == 0 {
                return;
            }
            if self.random.happens(weather.accept_error) {
                let error = *self.random.pick(&[TOO_MANY_FILES, CONNECTION_ABORTED]);
                if error == CONNECTION_ABORTED {
                    self.network.borrow_mut().abort_unaccepted(listener);
                }
                self.end_accept(key, token, io::Error::from_raw_os_error(error));
                return;
            }
            let accepted = self.network.borrow_mut().accept(listener);
            let Some(end) = accepted else { return };
            let socket = self.open(What::Stream(end));
            let more = !self.random.happens(weather.multishot_end);
            self.queue_stream(key, Completion::Accepted { token, socket: Ok(socket), more });
            if !more {
                self.set_accept(key, None);
            }
        }
    }

    fn end_accept(&mut self, key: Key, token: Token, error: io::Error) {
        self.set_accept(key, None);
        self.queue_stream(key, Completion::Accepted { token, socket: Err(error), more: false });
    }

    fn set_accept(&mut self, key: Key, accept: Option<Operation>) {
        if let Some(socket) = self.sockets.get_mut(&key) {
            socket.accept = accept;
        }
    }

    fn progress_receive(&mut self, key: Key, end: End) {
        for _ in 0..PER_TURN_MAX {
            let Some(receive) = self.sockets.get(&key).and_then(|it| it.receive.as_ref()) else {
                return;
            };
            let (token, group) = (receive.operation.token, receive.group);
            let cancelled = receive.operation.cancelled;
            let weather = self.network.borrow().weather.clone();
            if cancelled && !self.random.happens(weather.cancel_delay) {
                let error = io::Error::from_raw_os_error(CANCELLED);
                self.queue_received(key, token, Received::Failed(error), false);
                return;
            }
            if !self.network.borrow().is_readable(end) {
                return;
            }
            let pool = Rc::clone(self.pool(group));
            if pool.lent() == pool.count() || self.random.happens(weather.no_buffers) {
                self.queue_received(key, token, Received::NoBuffers, false);
                return;
            }
            let bytes_max = if self.random.happens(weather.receive_cut) {
                self.random.skewed(pool.buffer_bytes())
            } else {
                pool.buffer_bytes()
            };
            let read = self.network.borrow_mut().read(end, bytes_max);
            match read {
                Ok(Read::Nothing) => return,
                Ok(Read::End) => {
                    self.queue_received(key, token, Received::End, false);
                    return;
                }
                Err(error) => {
                    self.queue_received(key, token, Received::Failed(error), false);
                    return;
                }
                Ok(Read::Bytes(bytes)) => {
                    let more = !self.random.happens(weather.multishot_end);
                    let lease = pool.lend_copy(&bytes).expect("fewer are lent than there are");
                    self.queue_received(key, token, Received::Bytes(lease), more);
                    if !more {
                        return;
                    }
                    // Coalescing: sometimes what is there waits for more to arrive.
                    if self.random.happens(weather.receive_cut) {
                        return;
                    }
                }
            }
        }
    }

    fn queue_received(&mut self, key: Key, token: Token, received: Received, more: bool) {
        if !more && let Some(socket) = self.sockets.get_mut(&key) {
            socket.receive = None;
        }
        self.queue_stream(key, Completion::Received { token, received, more });
    }

    fn progress_send(&mut self, key: Key, end: End) {
        let Some(mut send) = self.sockets.get_mut(&key).and_then(|it| it.send.take()) else {
            return;
        };
        let rate = self.network.borrow().weather.send_cut;
        let mut result = Ok(());
        for _ in 0..PER_TURN_MAX {
            let left = send.outgoing.len() - send.sent;
            if left == 0 {
                break;
            }
            let cut = self.random.happens(rate);
            // No window is larger; a copy of everything that is left would cost more than the rest.
            let left = left.min(1 << 16);
            let bytes_max = if cut { self.random.skewed(left) } else { left };
            let bytes = bytes_after(&send.outgoing, send.sent, bytes_max);
            match self.network.borrow_mut().write(end, &bytes) {
                Ok(0) => break,
                Ok(taken) => send.sent += taken,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
            if cut {
                break;
            }
        }
        if result.is_ok() && send.sent < send.outgoing.len() {
            if let Some(socket) = self.sockets.get_mut(&key) {
                socket.send = Some(send);
            }
            return;
        }
        self.queue_other(
            key,
            Completion::Sent { token: send.token, outgoing: send.outgoing, result },
        );
    }

    fn progress_connect(&mut self, key: Key, end: End) {
        let Some(token) = self.sockets.get(&key).and_then(|it| it.connect) else {
            return;
        };
        let outcome = self.network.borrow().connected(end);
        if let Some(result) = outcome {
            if let Some(socket) = self.sockets.get_mut(&key) {
                socket.connect = None;
            }
            self.queue_other(key, Completion::Connected { token, result });
        }
    }

    fn progress_close(&mut self, key: Key) {
        let rate = self.network.borrow().weather.cancel_delay;
        if self.random.happens(rate) {
            return;
        }
        let Some(socket) = self.sockets.get_mut(&key) else {
            return;
        };
        let Some(Closing { how, .. }) = socket.close else {
            return;
        };
        let what = std::mem::replace(&mut socket.what, What::Gone);
        let cancelled = || io::Error::from_raw_os_error(CANCELLED);
        let (accept, receive) = (socket.accept.take(), socket.receive.take());
        let (send, connect) = (socket.send.take(), socket.connect.take());
        if let Some(Operation { token, .. }) = accept {
            self.end_accept(key, token, cancelled());
        }
        if let Some(Receive { operation, .. }) = receive {
            let failed = Received::Failed(cancelled());
            self.queue_received(key, operation.token, failed, false);
        }
        if let Some(Send { token, outgoing, .. }) = send {
            self.queue_other(key, Completion::Sent { token, outgoing, result: Err(cancelled()) });
        }
        if let Some(token) = connect {
            let result = Err(cancelled());
            self.queue_other(key, Completion::Connected { token, result });
        }
        match what {
            What::Stream(end) => self.network.borrow_mut().close(end, how),
            What::Listener(listener) => self.network.borrow_mut().stop_listening(listener),
            What::Gone => return,
        }
        // The number is free from here on, even before its last owner hears of it: so it is in the
        // kernel, where the close is done within the enter and a connect may follow at once.
        let ready = self.ready_turn();
        if let Some(socket) = self.sockets.get_mut(&key) {
            socket.closed = Some(ready);
            self.numbers.remove(&socket.number);
            self.free.insert(socket.number);
        }
    }
}

/// A copy of up to `bytes_max` bytes after the first `sent`.
fn bytes_after(outgoing: &Outgoing, sent: usize, bytes_max: usize) -> Vec<u8> {
    let mut skip = sent;
    let mut bytes = Vec::new();
    for slice in outgoing.slices() {
        let skipped = skip.min(slice.len());
        skip -= skipped;
        let rest = &slice[skipped..];
        let room = bytes_max - bytes.len();
        bytes.extend_from_slice(&rest[..room.min(rest.len())]);
    }
    bytes
}
