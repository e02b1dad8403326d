//! The header fields that a function sees: the client's without those that concern the connection,
//! and the gateway's own.

use super::json::{Object, text};
use super::query::{write_joined, write_list};
use super::{EventFacts, Format};
use crate::http::{FIELDS_MAX, Field, Known};
use arrayvec::ArrayVec;

/// The gateway's own: three of `X-Forwarded-*`, the trace, a length.
const OWN_MAX: usize = 5;

struct Line<'x> {
    name: &'x [u8],
    value: &'x [u8],
    known: Known,
    /// The first line with this name; capitals do not matter.
    first: usize,
    /// Whether another one follows.
    is_repeated: bool,
}

/// Field lines, each with the first one of its name.
pub(crate) struct Headers<'f> {
    lines: ArrayVec<Line<'f>, { FIELDS_MAX + OWN_MAX }>,
    format: Format,
}

impl<'f> Headers<'f> {
    /// None yet.
    pub(crate) fn new(format: Format) -> Self {
        Self { lines: ArrayVec::new(), format }
    }

    /// Chooses the lines for an event. `content_bytes` is the number of bytes of content in decimal, or
    /// empty where it is not told: HTTP APIs tell their functions.
    pub(crate) fn take(&mut self, facts: &'f EventFacts<'_>, content_bytes: &'f [u8]) {
        for field in facts.fields {
            if !is_dropped(field, facts, self.format) {
                self.push(field.name, field.value, field.known);
            }
        }
        if self.format != Format::Rest && !content_bytes.is_empty() {
            self.push(b"content-length", content_bytes, Known::ContentLength);
        }
        // The client's own were left out: nobody but the gateway says who asks.
        let forwarded = &facts.forwarded;
        self.push(b"X-Amzn-Trace-Id", facts.trace_id, Known::XAmznTraceId);
        self.push(b"X-Forwarded-For", &forwarded.client, Known::XForwardedFor);
        self.push(b"X-Forwarded-Port", &forwarded.port, Known::XForwardedPort);
        self.push(b"X-Forwarded-Proto", forwarded.proto, Known::XForwardedProto);
    }

    /// `{"a":"2"}`: the last line of each name.
    pub(crate) fn write_last(&self, out: &mut Vec<u8>) {
        self.write(out, text, |out, values| text(out, values.last().unwrap_or_default()));
    }

    /// `{"a":["1","2"]}`.
    pub(crate) fn write_all(&self, out: &mut Vec<u8>) {
        let list = |out: &mut Vec<u8>, value| write_list(out, std::iter::once(value));
        self.write(out, list, |out, values| write_list(out, values));
    }

    /// `{"a":"1,2"}`.
    pub(crate) fn write_joined(&self, out: &mut Vec<u8>) {
        self.write(out, text, |out, values| write_joined(out, values));
    }

    fn push(&mut self, name: &'f [u8], value: &'f [u8], known: Known) {
        let is_same = |line: &Line<'_>| match known {
            Known::Other => line.known == Known::Other && line.name.eq_ignore_ascii_case(name),
            known => line.known == known,
        };
        let first = self.lines.iter().position(is_same).unwrap_or(self.lines.len());
        if let Some(line) = self.lines.get_mut(first) {
            line.is_repeated = true;
        }
        // A head has at most `FIELDS_MAX` lines, so there is always room.
        let _ = self.lines.try_push(Line { name, value, known, first, is_repeated: false });
    }

    fn write(
        &self,
        out: &mut Vec<u8>,
        write_one: impl Fn(&mut Vec<u8>, &'f [u8]),
        write_values: impl Fn(&mut Vec<u8>, &mut dyn Iterator<Item = &'f [u8]>),
    ) {
        let mut object = Object::begin(out);
        for (position, line) in self.lines.iter().enumerate() {
            if line.first != position {
                continue;
            }
            let out = match self.format {
                Format::Rest => object.entry(line.name),
                Format::Http1 | Format::Http2 => object.lower_case_entry(line.name),
            };
            if line.is_repeated {
                let lines = self.lines.iter().skip(position);
                let mut values = lines.filter(|it| it.first == position).map(|it| it.value);
                write_values(out, &mut values);
            } else {
                write_one(out, line.value);
            }
        }
        object.end();
    }
}

/// Whether a client's field stays behind (Amazon's header table, and what was recorded).
fn is_dropped(field: &Field<'_>, facts: &EventFacts<'_>, format: Format) -> bool {
    match field.known {
        Known::Other => false,
        Known::ContentLength
        | Known::XAmznTraceId
        | Known::XForwardedFor
        | Known::XForwardedPort
        | Known::XForwardedProto => true,
        // Its own member holds them.
        Known::Cookie => format == Format::Http2,
        Known::ContentMd5
        | Known::Expect
        | Known::MaxForwards
        | Known::Server
        | Known::WwwAuthenticate
        | Known::XHttpMethodOverride => format == Format::Rest,
        // A signature is for the gateway, and no function could check it.
        Known::Authorization => {
            format == Format::Rest
                && (facts.identity.iam.is_some() || field.value.starts_with(b"AWS4-HMAC-SHA256"))
        }
        known => known.is_hop_by_hop(),
    }
}
