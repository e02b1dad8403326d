//! Answers that templates make: a back end's answer is kept until it is complete, and only then does the
//! client get anything.

use super::Shard;
use super::asked::CONTENT_BYTES_MAX;
use super::client::Input;
use super::exchanges::{Proxied, Stage};
use super::kept::KeptAnswer;
use super::phases::binary_types;
use super::upstream::connection::{BackendState, Response};
use crate::exchange::context::Integrated;
use crate::exchange::integrate::EditedAnswer;
use crate::exchange::respond::{self, Changes, Connection, ResponseFraming};
use crate::exchange::transform::{self, BackEnd, Scratch};
use crate::exchange::{Context, Exchange, Failure, MethodRequest, Refusal, Trace};
use crate::http::{BodyReader, Field, RequestKind, ResponseHead};
use crate::ring::{Env, SlotId};
use crate::snapshot::managed::{AnswerEdits, Mapped};
use crate::snapshot::{Integration, Protocol};
use std::rc::Rc;
use std::time::Duration;

impl<E: Env> Shard<E> {
    /// The final head of an answer that is kept has arrived.
    pub(super) fn begin_kept_answer(
        &mut self,
        id: SlotId,
        exchange_id: SlotId,
        head: &ResponseHead<'_>,
        fields: &[Field<'_>],
        is_all: bool,
    ) -> bool {
        let Some(exchange) = self.exchanges.get_mut(exchange_id) else { return false };
        let Some(backend) = self.backends.get_mut(id) else { return false };
        let since = exchange.handed_over.unwrap_or(exchange.started);
        exchange.integration_latency = Some(self.now.saturating_duration_since(since));
        if let (Some(execution), Some(latency)) =
            (&mut exchange.execution, exchange.integration_latency)
        {
            execution.back_end_answers(self.since_epoch, head.status, latency, fields);
        }
        if let (Some(log), Some(latency)) = (&mut exchange.log, exchange.integration_latency) {
            log.answered(head.status, fields, latency);
        }
        let answer = exchange.kept_answer();
        let Some(answer) = answer else { return false };
        answer.begin(head, fields);
        let reader = BodyReader::new(head.framing);
        let is_done = reader.is_done();
        // The time-out goes on: it is for the whole of the answer.
        backend.state = BackendState::Busy {
            exchange: exchange_id,
            response: Response::Body { reader, persistent: head.persistent },
        };
        if !matches!(head.status, 502..=504)
            && let Some(pool) = self.pools.get_mut(backend.pool)
        {
            pool.succeeded(backend.target);
        }
        if is_done {
            self.response_complete(id, exchange_id, is_all);
        }
        true
    }

    /// Content of an answer that is kept. `false`: the connection's bytes are no longer of interest.
    pub(super) fn take_kept_content(
        &mut self,
        id: SlotId,
        exchange_id: SlotId,
        input: &mut Input,
    ) -> bool {
        let Some(exchange) = self.exchanges.get_mut(exchange_id) else { return false };
        let Some(backend) = self.backends.get_mut(id) else { return false };
        let BackendState::Busy { response: Response::Body { reader, .. }, .. } = &mut backend.state
        else {
            return false;
        };
        let piece = match reader.read(input) {
            Ok(piece) => piece,
            Err(bad_body) => {
                let (pool, target) = (backend.pool, backend.target);
                self.content_is_bad(exchange_id, pool, target, bad_body);
                return false;
            }
        };
        let streams = exchange
            .remote
            .as_ref()
            .is_some_and(|call| call.stream.is_some() && matches!(call.answer.status, 200..=299));
        if streams {
            if !self.take_remote_stream(exchange_id, &input[piece.data.clone()]) {
                return false;
            }
            input.advance(piece.consumed);
            if piece.done {
                self.response_complete(id, exchange_id, input.is_empty());
            }
            return true;
        }
        let answer = exchange.kept_answer();
        let Some(answer) = answer else { return false };
        if (answer.content.len() + piece.data.len()) as u64 > CONTENT_BYTES_MAX {
            let too_large = Failure::configuration("Integration response is too large");
            self.fail_exchange(exchange_id, &too_large);
            return false;
        }
        answer.content.extend_from_slice(&input[piece.data.clone()]);
        if let Some(execution) = &mut exchange.execution {
            execution.answer_content(&input[piece.data.clone()]);
        }
        exchange.note_content(self.now);
        input.advance(piece.consumed);
        if piece.done {
            self.response_complete(id, exchange_id, input.is_empty());
        }
        true
    }

    /// An answer that was kept is complete: queues what the client gets.
    pub(super) fn answer_kept(&mut self, exchange_id: SlotId) {
        let managed = Rc::clone(&self.managed);
        let Some(exchange) = self.exchanges.get_mut(exchange_id) else { return };
        let Some(client) = self.clients.get_mut(exchange.client) else { return };
        let Some(kept) = exchange.kept.take() else { return };
        exchange.persistent &= client.request_is_complete();
        let connection = Connection::of(exchange.persistent, exchange.client_version);
        let date = self.date.at(self.since_epoch.as_secs());
        let is_head = exchange.client_kind == RequestKind::Head;
        let out = client.stream.out(self.env.ring()).written();
        let start = out.len();
        let Proxied { snapshot, api, cors, execution, log, .. } = exchange;
        let latency = exchange.integration_latency.unwrap_or_default();
        let scratch = &mut self.scratch;
        let now = self.since_epoch;
        let told = kept.with_exchange(snapshot, &managed, api, None, |exchange, route| {
            let end = AnswerEnd { connection, date, is_head };
            let made = kept.answer.as_ref().ok_or_else(|| Refusal::Internal.into());
            let made = made.and_then(|answer| match &route.integration {
                Integration::Mapped(mapped) => {
                    write_mapped(exchange, answer, mapped, end, scratch, out)
                }
                Integration::HttpProxy(proxy) => {
                    let edits = proxy.edits.as_ref().and_then(|it| it.of_status(answer.status));
                    let edits = edits.ok_or(Refusal::Internal)?;
                    let cors = cors.as_deref();
                    Ok(write_edited(exchange, answer, edits, latency, cors, end, scratch, out))
                }
                _ => Err(Refusal::Internal.into()),
            });
            if let (Ok(_), Some(execution)) = (&made, &mut *execution) {
                execution.answered(now, &out[start..]);
            }
            made.unwrap_or_else(|failure: Failure| {
                if let Some(execution) = execution {
                    execution.failed(now, &failure);
                }
                if let Some(log) = log {
                    log.refusal = Some(failure.refusal);
                }
                respond::fail(exchange, &failure, connection, date, out)
            })
        });
        let (status, response_bytes) = told.unwrap_or_default();
        exchange.status = status;
        exchange.response_bytes = response_bytes;
        exchange.stage = Stage::Answering;
        exchange.framing = ResponseFraming::None;
    }
}

/// How an answer ends, and whether anything stands behind its head.
#[derive(Clone, Copy)]
struct AnswerEnd<'d> {
    connection: Connection,
    date: &'d [u8; 29],
    is_head: bool,
}

/// Writes what a REST API's method makes of a back end's answer. Returns the status and the bytes of
/// content.
fn write_mapped(
    exchange: &Exchange<'_>,
    answer: &KeptAnswer,
    mapped: &Mapped,
    end: AnswerEnd<'_>,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(u16, u64), Failure> {
    let status = answer.status.to_string();
    let fields = answer.fields();
    let request = MethodRequest::of(exchange, Context::of(exchange).answered(&fields));
    let back_end =
        BackEnd { selected_by: Some(&status), fields: &fields, content: &answer.content };
    let binary_types = binary_types(exchange);
    let overrides = &answer.overrides;
    let made =
        transform::response(&mapped.plan, &request, &back_end, &binary_types, overrides, scratch)?;
    let AnswerEnd { connection, date, is_head } = end;
    let trace = Trace::of(exchange);
    let trace = Some(trace.as_bytes());
    let bytes = respond::made(&made, &exchange.ids, trace, connection, date, is_head, out);
    Ok((made.status, bytes))
}

/// What an HTTP API changes of an answer, with the values that this one gives.
pub(super) fn edited(
    exchange: &Exchange<'_>,
    edits: &AnswerEdits,
    integrated: Integrated,
    back_end: &BackEnd<'_>,
    scratch: &mut Scratch,
) -> EditedAnswer {
    let mut context = Context::of(exchange);
    context.integrated = Some(integrated);
    EditedAnswer::of(edits, &context, integrated.status, back_end, scratch)
}

/// Writes a back end's answer with what an HTTP API changes of it. Returns the status and the bytes of
/// content.
#[expect(clippy::too_many_arguments, reason = "each is a separate fact of the answer")]
fn write_edited(
    exchange: &Exchange<'_>,
    answer: &KeptAnswer,
    edits: &AnswerEdits,
    latency: Duration,
    cors: Option<&[u8]>,
    end: AnswerEnd<'_>,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> (u16, u64) {
    let fields = answer.fields();
    let back_end = BackEnd { selected_by: None, fields: &fields, content: &answer.content };
    let integrated = Integrated { status: answer.status, latency };
    let edited = edited(exchange, edits, integrated, &back_end, scratch);
    let content_bytes = answer.content.len() as u64;
    let has_content = !end.is_head && !matches!(edited.status, 204 | 304);
    let framing = match has_content {
        true => ResponseFraming::Length(content_bytes),
        false => ResponseFraming::None,
    };
    let (head, ids) = (answer.head(), &exchange.ids);
    let AnswerEnd { connection, date, .. } = end;
    let changes = Changes { edited: Some(&edited), cors };
    let http = Protocol::Http;
    let status =
        respond::proxied_head(&head, &fields, framing, http, ids, connection, date, changes, out);
    if !has_content {
        return (status, 0);
    }
    out.extend_from_slice(&answer.content);
    (status, content_bytes)
}
