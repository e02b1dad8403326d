//! Trace: the value of `X-Amzn-Trace-Id`, which back ends and clients of REST APIs are told.
//!
//! What a client says is kept and completed: a trace without a parent gets one, a request without a trace
//! begins one. Nothing is drawn for it: all of it follows from the request's ids and time, so that every
//! phase comes to the same value and none needs to keep it.

use super::Exchange;
use crate::http::Known;
use crate::telemetry::ids::{TraceRoot, trace_root};
use arrayvec::ArrayVec;
use std::time::Duration;

/// Longest value that is completed. The parts that AWS documents take 75 bytes; lineage and what load
/// balancers add is some more. A longer one is nobody's, and a new trace begins.
const TRACE_BYTES_MAX: usize = 512;

/// The value of `X-Amzn-Trace-Id`: `Root=1-…;Parent=…;Sampled=…`, and what else the client put into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace(ArrayVec<u8, TRACE_BYTES_MAX>);

impl Trace {
    /// Of a request to a REST API.
    pub fn of(exchange: &Exchange<'_>) -> Self {
        let told = exchange.fields.iter().find(|field| field.known == Known::XAmznTraceId);
        let told = told.map_or(&b""[..], |field| field.value);
        let seed = exchange.seed();
        Self::whole(told, root(exchange.received, seed), seed)
    }

    /// The root of a trace that begins with a request.
    pub fn root(exchange: &Exchange<'_>) -> TraceRoot {
        root(exchange.received, exchange.seed())
    }

    /// What a client says, completed: `root` and `parent` take the place of what it does not say. Who
    /// names a parent wants the trace recorded unless it says otherwise.
    pub fn whole(told: &[u8], root: TraceRoot, parent: u64) -> Self {
        let mut text = ArrayVec::new();
        let has_parent = has(told, b"parent");
        let begins = !has(told, b"root") || text.try_extend_from_slice(told).is_err();
        if begins {
            text.clear();
            text.extend(root.as_bytes().iter().copied());
        }
        let mut fits = true;
        let mut add = |piece: &[u8]| fits &= text.try_extend_from_slice(piece).is_ok();
        if begins || !has_parent {
            add(b";Parent=");
            add(&hexadecimal(parent));
        }
        if begins || !has(told, b"sampled") {
            add(if !begins && has_parent { b";Sampled=1" } else { b";Sampled=0" });
        }
        match fits {
            true => Self(text),
            // What was told has no room for the rest.
            false => Self::whole(b"", root, parent),
        }
    }

    /// The value.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn root(received: Duration, seed: u64) -> TraceRoot {
    // SplitMix64's step: neighbouring seeds give roots that have nothing in common.
    let mix = |seed: u64| {
        let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let first = mix(seed);
    trace_root(received.as_secs() as u32, [first, mix(first)])
}

/// Every proxied request has one: a table is several times as fast as `fmt`.
fn hexadecimal(number: u64) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 16];
    for (index, digit) in text.iter_mut().enumerate() {
        *digit = DIGITS[(number >> (60 - 4 * index)) as usize & 15];
    }
    text
}

/// Whether a part of a value has this name, and a value of its own. Capitals do not matter.
fn has(told: &[u8], name: &[u8]) -> bool {
    told.split(|byte| *byte == b';').any(|part| {
        let Some(equals) = memchr::memchr(b'=', part) else { return false };
        part[..equals].trim_ascii().eq_ignore_ascii_case(name)
            && !part[equals + 1..].trim_ascii().is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(told: &str) -> String {
        let root = trace_root(0x5759_e988, [1, 2 << 32]);
        String::from_utf8_lossy(Trace::whole(told.as_bytes(), root, 0xab).as_bytes()).into_owned()
    }

    #[test]
    fn a_trace_is_begun_or_completed_or_kept() {
        const BEGUN: &str =
            "Root=1-5759e988-000000000000000100000002;Parent=00000000000000ab;Sampled=0";
        for (told, expected) in [
            ("", BEGUN),
            ("nonsense", BEGUN),
            ("Root=", BEGUN),
            ("Parent=53995c3f42cd8ad8;Sampled=1", BEGUN),
            ("Root=1-a-b", "Root=1-a-b;Parent=00000000000000ab;Sampled=0"),
            ("Root=1-a-b;Sampled=1", "Root=1-a-b;Sampled=1;Parent=00000000000000ab"),
            ("root=1-a-b; parent=c", "root=1-a-b; parent=c;Sampled=1"),
            ("Root=1-a-b;Parent=c;Sampled=0", "Root=1-a-b;Parent=c;Sampled=0"),
            (
                "Self=1-x;ROOT=1-a-b;PARENT=c;SAMPLED=?;Lineage=d",
                "Self=1-x;ROOT=1-a-b;PARENT=c;SAMPLED=?;Lineage=d",
            ),
        ] {
            assert_eq!(whole(told), expected, "{told}");
        }
        for bytes in [TRACE_BYTES_MAX, TRACE_BYTES_MAX + 1] {
            let told = format!("Root=1;Parent=2;Sampled=1;X={}", "x".repeat(bytes - 28));
            assert_eq!(whole(&told) == told, bytes == TRACE_BYTES_MAX, "{bytes}");
            let told = format!("Root=1;X={}", "x".repeat(bytes - 9));
            assert_eq!(whole(&told), BEGUN, "no room for the parent");
        }
    }
}
