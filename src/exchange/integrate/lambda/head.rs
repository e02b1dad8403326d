//! The head of an answer that a function gave, by Amazon's header table.

use super::Answer;
use crate::exchange::integrate::EditedAnswer;
use crate::exchange::respond::{Connection, ResponseFraming, common_fields, framing_fields};
use crate::exchange::transform::{BackEnd, Scratch};
use crate::exchange::{Context, Exchange, Ids, cors};
use crate::http::{self, Field, Known};
use crate::snapshot::{Api, Lambda, Protocol};
use std::borrow::Cow;

/// What stands in the head besides what the function said.
#[derive(Debug, Clone, Copy)]
pub struct HeadFacts<'x> {
    /// Whose rules.
    pub protocol: Protocol,
    /// The request's ids.
    pub ids: &'x Ids,
    /// Whether the connection stays.
    pub connection: Connection,
    /// The gateway's date.
    pub date: &'x [u8; 29],
    /// The value of `X-Amzn-Trace-Id`, which REST APIs tell the client.
    pub trace_id: &'x [u8],
    /// Whether the client asked for the head alone.
    pub is_head: bool,
    /// How content that is still to come is framed; `None`: it is there, and its length is told.
    pub framing: Option<ResponseFraming>,
}

/// What an HTTP API changes of a function's answer.
#[derive(Default)]
pub struct Changes {
    edited: Option<EditedAnswer>,
    cors: Option<Vec<u8>>,
}

impl Changes {
    /// Whether an API changes anything of a function's answers.
    pub fn are_any(api: &Api, lambda: &Lambda) -> bool {
        let edits = lambda.edits.as_deref().is_some_and(|edits| edits.response.is_some());
        edits || api.shared.as_deref().is_some_and(|shared| shared.cors.is_some())
    }

    /// The changes of an exchange's answer.
    pub fn of(exchange: &Exchange<'_>, lambda: &Lambda, answer: &Answer<'_>) -> Self {
        let edits = lambda.edits.as_deref().and_then(|edits| edits.response.as_ref());
        let edits = edits.and_then(|edits| edits.of_status(answer.status));
        let edited = edits.map(|edits| {
            let fields = fields(answer);
            let content = &answer.body;
            let back_end = BackEnd { selected_by: None, fields: &fields, content };
            let mut scratch = Scratch::new(exchange.seed());
            let context = Context::of(exchange);
            EditedAnswer::of(edits, &context, answer.status, &back_end, &mut scratch)
        });
        Self { edited, cors: cors::rules(exchange).map(|rules| cors::answer(exchange, rules)) }
    }

    /// The status that the client gets, where it is another.
    pub fn status(&self) -> Option<u16> {
        self.edited.as_ref().map(|edited| edited.status)
    }
}

/// The fields of an answer, as of any back end.
fn fields<'a>(answer: &'a Answer<'_>) -> Vec<Field<'a>> {
    let field = |(name, value): &'a (Cow<'_, str>, Cow<'_, str>)| Field {
        name: name.as_bytes(),
        value: value.as_bytes(),
        known: Known::of(name.as_bytes()),
    };
    answer.fields.iter().map(field).collect()
}

/// What becomes of a function's field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passes,
    /// To `x-amzn-Remapped-…`.
    IsRemapped,
    IsDropped,
}

/// Appends the head, and gives back the content that follows it: none where there may be none.
pub fn write_head<'a>(
    answer: &'a Answer<'_>,
    facts: &HeadFacts<'_>,
    out: &mut Vec<u8>,
) -> &'a [u8] {
    write_changed_head(answer, facts, &Changes::default(), out)
}

/// As [`write_head`], with what an HTTP API changes of an answer.
pub fn write_changed_head<'a>(
    answer: &'a Answer<'_>,
    facts: &HeadFacts<'_>,
    changes: &Changes,
    out: &mut Vec<u8>,
) -> &'a [u8] {
    let edited = changes.edited.as_ref();
    let status = edited.map_or(answer.status, |edited| edited.status);
    http::write::status_line(out, status);
    let mut has_date = false;
    for (name, value) in &answer.fields {
        let field = Field { name: name.as_bytes(), value: value.as_bytes(), known: Known::Other };
        if changes.cors.is_some() && cors::is_of_origins(&field) {
            continue;
        }
        if edited.is_some_and(|edited| edited.replaces(name.as_bytes())) {
            continue;
        }
        let known = Known::of(name.as_bytes());
        match fate(known, facts.protocol) {
            Fate::Passes => {
                has_date |= known == Known::Date;
                http::write::field(out, name.as_bytes(), value.as_bytes());
            }
            Fate::IsRemapped => {
                out.extend_from_slice(b"x-amzn-Remapped-");
                http::write::field(out, name.as_bytes(), value.as_bytes());
            }
            Fate::IsDropped => {}
        }
    }
    if let Some(edited) = edited {
        edited.write(out);
    }
    out.extend_from_slice(changes.cors.as_deref().unwrap_or_default());
    let content: &[u8] = match status {
        // RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5: there is none, and 204 has no length.
        204 | 205 | 304 => &[],
        _ => &answer.body,
    };
    match (status, facts.framing) {
        (204 | 304, _) => {}
        (205, _) | (_, None) => http::write::content_length(out, content.len() as u64),
        (_, Some(framing)) => framing_fields(framing, out),
    }
    if facts.protocol == Protocol::Rest {
        http::write::field(out, b"x-amzn-trace-id", facts.trace_id);
    }
    let date = (!has_date).then_some(facts.date);
    common_fields(facts.ids, Some(facts.protocol), facts.connection, date, out);
    out.extend_from_slice(b"\r\n");
    if facts.is_head { &[] } else { content }
}

fn fate(known: Known, protocol: Protocol) -> Fate {
    let is_rest = protocol == Protocol::Rest;
    match known {
        Known::Other => Fate::Passes,
        // The length is written anew, and the ids and the trace are the gateway's.
        Known::ContentLength | Known::Connection if is_rest => Fate::IsRemapped,
        Known::ContentLength | Known::XAmzApigwId | Known::ApigwRequestId => Fate::IsDropped,
        Known::XAmznTraceId if is_rest => Fate::IsDropped,
        Known::XAmznRequestId => Fate::IsRemapped,
        // Recorded: Connection, Content-Length, Date and Server. The others are the guide's.
        Known::Date
        | Known::Server
        | Known::Authorization
        | Known::ContentMd5
        | Known::MaxForwards
        | Known::UserAgent
        | Known::WwwAuthenticate
            if is_rest =>
        {
            Fate::IsRemapped
        }
        Known::Expect | Known::Host | Known::Via if is_rest => Fate::IsDropped,
        known if known.is_hop_by_hop() => Fate::IsDropped,
        _ => Fate::Passes,
    }
}
