//! What comes from a client: TLS records, plain bytes, heads in pieces, content; taken as far as the
//! connection's state lets it, and held beyond.

use super::client::{Client, ClientState, HELD_MAX, Input};
use super::content::{append_content, send_content};
use super::exchanges::{Proxied, REPLAY_BYTES_MAX, Stage};
use super::serve::DISCARD_BYTES_MAX;
use super::upstream::connection::Backend;
use super::{Kind, PENDING_BYTES_MAX, Shard};
use crate::exchange::Refusal;
use crate::http;
use crate::ring::{Env, Lease, SlotId, Slots};

impl<E: Env> Shard<E> {
    /// TLS records of a client.
    pub(super) fn client_records(&mut self, id: SlotId, lease: Lease) {
        let request_due = self.now + self.request_patience();
        let Some(client) = self.clients.get_mut(id) else { return };
        let mut inputs = std::mem::take(&mut self.decrypted);
        let ring = self.env.ring();
        let result = client
            .stream
            .decrypt(lease, ring, |plaintext| inputs.push(Input::from_plaintext(plaintext)));
        client.stream.flush(ring);
        match &result {
            Ok(decrypted) if decrypted.established => {
                client.state = ClientState::Idle;
                self.timers.set(&mut client.deadline, request_due, Kind::Client.token(id));
                self.record.recorder.tls_handshake();
            }
            Ok(_) => {}
            Err(_) if matches!(client.state, ClientState::Handshaking) => {
                self.record.recorder.tls_handshake_failed();
            }
            Err(_) => {}
        }
        for input in inputs.drain(..) {
            self.client_input(id, input);
        }
        self.decrypted = inputs;
        match result {
            Ok(decrypted) if decrypted.ended => self.client_ended(id),
            Ok(_) => {}
            Err(fault) => {
                tracing::debug!(shard = self.id, error = %fault, "a client broke TLS");
                let is_asking = |client: &Client| client.is_served();
                if self.clients.get(id).is_some_and(is_asking) {
                    self.client_lost(id);
                } else {
                    self.finish_client(id);
                }
            }
        }
    }

    /// Plain bytes of a client.
    pub(super) fn client_input(&mut self, id: SlotId, input: Input) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if matches!(client.state, ClientState::Lingering | ClientState::Closing) {
            return;
        }
        if client.held.is_empty() {
            self.take_input(id, input);
        } else {
            self.hold(id, input);
        }
    }

    /// Goes on with input that was held.
    pub(super) fn pump_client(&mut self, id: SlotId) {
        while let Some(client) = self.clients.get_mut(id) {
            if !can_take(client, &self.exchanges, &self.backends) {
                return;
            }
            let Some(input) = client.held.pop_front() else {
                if client.stream.is_paused() && client.stream.is_open() {
                    client.stream.resume(self.env.ring());
                    self.touch_client(id);
                }
                if self.clients.get(id).is_some_and(|client| client.stream.has_ended()) {
                    self.client_ended(id);
                }
                return;
            };
            self.take_input(id, input);
        }
    }

    fn hold(&mut self, id: SlotId, input: Input) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.held.push_back(input.kept());
        if client.held.len() >= HELD_MAX {
            client.stream.pause(self.env.ring());
        }
    }

    /// Takes input as far as the connection's state lets it, and holds the rest.
    fn take_input(&mut self, id: SlotId, mut input: Input) {
        while !input.is_empty() {
            let Some(client) = self.clients.get_mut(id) else { return };
            if !can_take(client, &self.exchanges, &self.backends) {
                if matches!(client.state, ClientState::Lingering | ClientState::Closing) {
                    return;
                }
                client.held.push_front(input.kept());
                if client.held.len() >= HELD_MAX {
                    client.stream.pause(self.env.ring());
                }
                break;
            }
            match &mut client.state {
                ClientState::Idle | ClientState::Head { .. } => {
                    let Some(rest) = self.take_head(id, input) else { break };
                    input = rest;
                }
                ClientState::Exchange { .. } => self.take_content(id, &mut input),
                ClientState::Asked { .. } => self.gather_content(id, &mut input),
                ClientState::Discard { body, dropped_bytes, .. } => match body.read(&input) {
                    Ok(piece) => {
                        *dropped_bytes += piece.data.len() as u64;
                        // Chunks do not say beforehand how many will come.
                        if *dropped_bytes > DISCARD_BYTES_MAX {
                            return self.finish_client(id);
                        }
                        input.advance(piece.consumed);
                        if piece.done {
                            self.answered(id);
                        }
                    }
                    Err(_bad_body) => return self.finish_client(id),
                },
                ClientState::Handshaking
                | ClientState::Authorizing { .. }
                | ClientState::Lingering
                | ClientState::Closing => return,
            }
        }
        self.launch_request(id);
    }

    /// Sets on its way what the phases of a request have made ready, and sends what they have answered.
    fn launch_request(&mut self, id: SlotId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if let Some(exchange) = client.exchange() {
            self.launch(exchange);
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.stream.flush(self.env.ring());
            self.touch_client(id);
        }
    }

    /// Goes on with a request that has waited behind its head: what its phases made ready, then the
    /// content that was left with the client.
    pub(super) fn go_on_behind_head(&mut self, id: SlotId) {
        self.launch_request(id);
        self.pump_client(id);
    }

    /// Reads a head and serves the request; gives back what follows the head. `None`: more bytes are
    /// needed, or the connection is done for.
    fn take_head(&mut self, id: SlotId, input: Input) -> Option<Input> {
        let client = self.clients.get_mut(id)?;
        if client.partial.is_empty() {
            let consumed = self.read_head(id, &input)?;
            let mut input = input;
            input.advance(consumed);
            return Some(input);
        }
        // The head was cut: it is put together in the connection's own buffer.
        let looked_at = client.partial.len().saturating_sub(3);
        client.partial.extend_from_slice(&input);
        let is_large = client.partial.len() > self.head_limits.head_bytes;
        if http::find_head_end(&client.partial, looked_at).is_none() && !is_large {
            return None;
        }
        let whole = std::mem::take(&mut client.partial);
        let consumed = self.read_head(id, &whole)?;
        Some(Input::Copied { bytes: whole, start: consumed })
    }

    /// Content of a request that a back end answers.
    fn take_content(&mut self, id: SlotId, input: &mut Input) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let ClientState::Exchange { exchange: exchange_id, body } = &mut client.state else {
            return;
        };
        let exchange_id = *exchange_id;
        let Some(exchange) = self.exchanges.get_mut(exchange_id) else { return };
        let piece = match body.read(input) {
            Ok(piece) => piece,
            Err(bad_body) => {
                tracing::debug!(shard = self.id, error = bad_body.cause(), "refused a body");
                return self.fail_request(exchange_id, Refusal::BadBody);
            }
        };
        let data_bytes = piece.data.len();
        exchange.request_bytes += data_bytes as u64;
        if let Some(execution) = &mut exchange.execution {
            execution.content(&input[piece.data.clone()]);
        }
        let limit = exchange.snapshot.server.limits.body_bytes_max;
        if exchange.request_bytes > limit {
            return self.fail_request(exchange_id, Refusal::BodyTooLarge { body_bytes_max: limit });
        }
        let is_sent = matches!(exchange.stage, Stage::Sent | Stage::Answering);
        if !is_sent {
            let out = &mut exchange.request;
            append_content(
                out,
                &input[piece.data.clone()],
                exchange.request_is_chunked,
                piece.done,
            );
        } else if let Some(backend_id) = exchange.backend
            && let Some(backend) = self.backends.get_mut(backend_id)
        {
            let replay = &mut exchange.request;
            if exchange.can_replay && replay.len() + data_bytes <= REPLAY_BYTES_MAX {
                let data = &input[piece.data.clone()];
                append_content(replay, data, exchange.request_is_chunked, piece.done);
            } else {
                exchange.can_replay = false;
            }
            let out = backend.stream.out(self.env.ring());
            send_content(out, input, &piece, exchange.request_is_chunked);
            backend.stream.flush(self.env.ring());
            let due = self.now + exchange.timeout;
            if exchange.stage == Stage::Sent {
                self.timers.set(&mut backend.deadline, due, Kind::Backend.token(backend_id));
            }
        }
        input.advance(piece.consumed);
        if piece.done {
            self.request_sent_in_full(exchange_id);
        }
    }
}

/// Whether the connection's state can do something with input now.
fn can_take(client: &Client, exchanges: &Slots<Proxied>, backends: &Slots<Backend>) -> bool {
    match &client.state {
        // Answers that the client does not read must not pile up.
        ClientState::Idle | ClientState::Head { .. } => {
            client.stream.pending_bytes() < PENDING_BYTES_MAX
        }
        ClientState::Exchange { body, exchange } => {
            !body.is_done()
                && exchanges.get(*exchange).is_some_and(|exchange| match exchange.stage {
                    Stage::Prepared | Stage::Pausing | Stage::Waiting | Stage::Connecting => {
                        exchange.request.len() < REPLAY_BYTES_MAX
                    }
                    Stage::Sent | Stage::Answering => exchange
                        .backend
                        .and_then(|backend| backends.get(backend))
                        .is_some_and(|it| it.stream.pending_bytes() < PENDING_BYTES_MAX),
                })
        }
        ClientState::Asked { body, .. } => !body.is_done(),
        ClientState::Discard { .. } => true,
        ClientState::Handshaking
        | ClientState::Authorizing { .. }
        | ClientState::Lingering
        | ClientState::Closing => false,
    }
}
