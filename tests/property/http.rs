//! HTTP/1 heads and bodies: how the bytes were cut changes nothing, what is accepted has one
//! meaning, nothing panics, and the corpus of malformed messages is refused as it says.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use ringgate::http::{
    BodyReader, Fields, Framing, HeadLimits, Known, RequestKind, find_head_end, forwarded,
    named_by_connection, path, request_head, response_head, write,
};

use crate::http_naive;

#[path = "../corpus/mod.rs"]
mod corpus;

/// Large enough to stay out of the way; the parser's own tests are about limits.
const LIMITS: HeadLimits =
    HeadLimits { request_line_bytes: 8 * 1024, head_bytes: 32 * 1024, fields: 100 };

/// What was understood of a connection's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Incomplete,
    Refused { status: u16, cause: &'static str },
    Message(Message),
}

/// One message with everything that can be told about it, and what is left behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    head: String,
    path: Vec<u8>,
    host: Option<Vec<u8>>,
    /// As the gateway would send it on.
    forwarded: Vec<u8>,
    body: Vec<u8>,
    rest: Vec<u8>,
}

/// How a connection decides when to parse a head again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parse {
    /// Whenever bytes arrive.
    Always,
    /// When the end of the head has arrived.
    AtHeadEnd,
}

/// Which of the two parsers reads the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    BackEnd,
}

/// Reads one message the way a connection does that receives `bytes` in pieces.
fn receive(side: Side, bytes: &[u8], cuts: &[usize], parse: Parse) -> Outcome {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();

    let mut seen = 0;
    for (index, &end) in ends.iter().enumerate() {
        let received = &bytes[..end];
        let worth_while = parse == Parse::Always
            || seen == 0
            || find_head_end(received, seen).is_some()
            || received.len() >= LIMITS.head_bytes;
        seen = end;
        if !worth_while {
            continue;
        }
        let mut fields = Fields::new();
        let (head, path, host, forwarded, framing, head_bytes) = match side {
            Side::Client => match request_head(received, &mut fields, &LIMITS) {
                Ok(None) => continue,
                Ok(Some(head)) => {
                    let mut out = Vec::new();
                    let path = head.target.path();
                    write::request_line(&mut out, head.method, path, head.target.query());
                    write::field(&mut out, b"host", head.host.unwrap_or(b"default"));
                    for field in &fields {
                        let dropped = field.known.is_hop_by_hop()
                            || matches!(field.known, Known::Host | Known::ContentLength)
                            || (head.connection_names && named_by_connection(&fields, field.name));
                        if !dropped {
                            write::field(&mut out, field.name, field.value);
                        }
                    }
                    (
                        format!("{head:?}"),
                        path.to_vec(),
                        head.host.map(<[u8]>::to_vec),
                        out,
                        head.framing,
                        head.head_bytes,
                    )
                }
                Err(refused) => {
                    return Outcome::Refused { status: refused.status(), cause: refused.cause() };
                }
            },
            Side::BackEnd => {
                match response_head(received, &mut fields, &LIMITS, RequestKind::Other) {
                    Ok(None) => continue,
                    Ok(Some(head)) => (
                        format!("{head:?} {fields:?}"),
                        Vec::new(),
                        None,
                        Vec::new(),
                        head.framing,
                        head.head_bytes,
                    ),
                    Err(fault) => {
                        return Outcome::Refused { status: 502, cause: fault.cause() };
                    }
                }
            }
        };
        let mut reader = BodyReader::new(framing);
        let mut body = Vec::new();
        let mut position = head_bytes;
        for &end in &ends[index..] {
            while position < end && !reader.is_done() {
                let input = &bytes[position..end];
                let piece = match reader.read(input) {
                    Ok(piece) => piece,
                    Err(fault) => {
                        return Outcome::Refused {
                            status: if side == Side::Client { 400 } else { 502 },
                            cause: fault.cause(),
                        };
                    }
                };
                assert!(piece.consumed > 0, "a call with input must get on");
                assert!(piece.data.end <= piece.consumed && piece.consumed <= input.len());
                body.extend_from_slice(&input[piece.data]);
                position += piece.consumed;
            }
        }
        if !reader.is_done() && (framing != Framing::UntilClose || reader.end_of_stream().is_err())
        {
            return Outcome::Incomplete;
        }
        return Outcome::Message(Message {
            head,
            path,
            host,
            forwarded: forward(forwarded, framing, &body),
            body,
            rest: bytes[position..].to_vec(),
        });
    }
    Outcome::Incomplete
}

/// Finishes the head and adds the body, framed as it came.
fn forward(mut head: Vec<u8>, framing: Framing, body: &[u8]) -> Vec<u8> {
    match framing {
        Framing::None | Framing::UntilClose => head.extend_from_slice(write::HEAD_END),
        Framing::Length(length) => {
            write::content_length(&mut head, length);
            head.extend_from_slice(write::HEAD_END);
            head.extend_from_slice(body);
        }
        Framing::Chunked => {
            write::field(&mut head, b"transfer-encoding", b"chunked");
            head.extend_from_slice(write::HEAD_END);
            chunk(&mut head, body, 7);
        }
    }
    head
}

fn chunk(out: &mut Vec<u8>, body: &[u8], size: usize) {
    for data in body.chunks(size) {
        write::chunk_header(out, data.len());
        out.extend_from_slice(data);
        out.extend_from_slice(write::CHUNK_END);
    }
    out.extend_from_slice(write::LAST_CHUNK);
}

fn whole(side: Side, bytes: &[u8]) -> Outcome {
    receive(side, bytes, &[], Parse::Always)
}

/// Valid messages, seasoned with everything that is legal and rare.
fn any_message(side: Side) -> impl Strategy<Value = Vec<u8>> {
    let names = prop::sample::select(vec![
        "Accept",
        "X-a",
        "x!y",
        "Cookie",
        "Connection",
        "Keep-Alive",
        "TE",
        "Via",
        "content-type",
    ]);
    let values = prop::sample::select(vec![
        "",
        "a",
        "close",
        "keep-alive, x-a",
        "a\tb",
        "\"q, r\"",
        "\u{fc}",
        "trailers",
    ]);
    let spaces = prop::sample::select(vec!["", " ", "\t ", "   "]);
    let fields = prop::collection::vec((names, spaces.clone(), values, spaces), 0..6);
    let start = match side {
        Side::Client => prop::sample::select(vec![
            "GET / HTTP/1.1\r\nHost: a\r\n",
            "\r\nPOST /a/b?c=d HTTP/1.1\r\nhost:b.example:8080\r\n",
            "PUT http://c/d HTTP/1.1\r\nHost: a\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n",
            "BREW /%2e%2E//?? HTTP/1.1\r\nHOST: [::1]:1\r\n",
        ]),
        Side::BackEnd => prop::sample::select(vec![
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 404\r\n",
            "HTTP/1.1 599 \r\n",
            "HTTP/1.1 204 No Content\r\n",
            "HTTP/1.1 100 Continue\r\n",
        ]),
    };
    let body = prop::collection::vec(any::<u8>(), 0..300);
    let extension = prop::sample::select(vec!["", ";a", ";a=\"b;c\"", " ;x"]);
    let trailer = prop::sample::select(vec!["", "X: y\r\n", "X:\r\nY: z\r\n"]);
    let framing = 0..3_usize;
    let next = prop::collection::vec(any::<u8>(), 0..20);
    (start, fields, framing, body, 1..40_usize, extension, trailer, next).prop_map(
        |(start, fields, framing, body, chunk_bytes, extension, trailer, next)| {
            let mut bytes = start.as_bytes().to_vec();
            for (name, before, value, behind) in fields {
                bytes.extend_from_slice(format!("{name}:{before}{value}{behind}\r\n").as_bytes());
            }
            match framing {
                0 => bytes.extend_from_slice(b"\r\n"),
                1 => {
                    bytes.extend_from_slice(
                        format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(),
                    );
                    bytes.extend_from_slice(&body);
                }
                _ => {
                    bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                    for data in body.chunks(chunk_bytes) {
                        bytes.extend_from_slice(
                            format!("{:X}{extension}\r\n", data.len()).as_bytes(),
                        );
                        bytes.extend_from_slice(data);
                        bytes.extend_from_slice(b"\r\n");
                    }
                    bytes.extend_from_slice(format!("00{extension}\r\n{trailer}\r\n").as_bytes());
                }
            }
            bytes.extend_from_slice(&next);
            bytes
        },
    )
}

/// A message from the corpus or the generator with a few bytes replaced, inserted or removed:
/// near-misses find more than noise does.
fn any_near_message(side: Side) -> impl Strategy<Value = Vec<u8>> {
    let from_corpus: Vec<Vec<u8>> = match side {
        Side::Client => (corpus::MALFORMED.iter().map(|case| case.bytes))
            .chain(corpus::ACCEPTED.iter().map(|case| case.bytes))
            .map(<[u8]>::to_vec)
            .collect(),
        Side::BackEnd => {
            (corpus::MALFORMED_RESPONSES.iter()).map(|case| case.bytes.to_vec()).collect()
        }
    };
    let original = prop_oneof![any_message(side), prop::sample::select(from_corpus)];
    let byte = prop_oneof![
        prop::sample::select(b"\r\n\t :;,/?#*%0159afxXA\x00\x0b\x7f\x80\xff".to_vec()),
        any::<u8>(),
    ];
    let edits = prop::collection::vec((any::<usize>(), 0..3_u8, byte), 0..4);
    (original, edits).prop_map(|(mut bytes, edits)| {
        for (position, kind, byte) in edits {
            let position = position % (bytes.len() + 1);
            match kind {
                0 => bytes.insert(position, byte),
                1 if position < bytes.len() => bytes[position] = byte,
                _ if position < bytes.len() => _ = bytes.remove(position),
                _ => bytes.push(byte),
            }
        }
        bytes
    })
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        prop::collection::vec(any::<usize>(), 0..8),
        // Byte by byte.
        Just((0..2_000).collect::<Vec<usize>>()),
    ]
}

fn check_cuts(side: Side, bytes: &[u8], cuts: &[usize]) -> Result<(), TestCaseError> {
    let expected = whole(side, bytes);
    prop_assert_eq!(
        &receive(side, bytes, cuts, Parse::Always),
        &expected,
        "{}",
        bytes.escape_ascii()
    );
    // Waiting for the end of the head may leave unsaid what is wrong with one that never ends.
    if find_head_end(bytes, 0).is_some() {
        prop_assert_eq!(
            receive(side, bytes, cuts, Parse::AtHeadEnd),
            expected,
            "{}",
            bytes.escape_ascii()
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn cutting_a_request_anywhere_changes_nothing(
        bytes in any_near_message(Side::Client), cuts in cuts()
    ) {
        check_cuts(Side::Client, &bytes, &cuts)?;
    }

    #[test]
    fn cutting_a_response_anywhere_changes_nothing(
        bytes in any_near_message(Side::BackEnd), cuts in cuts()
    ) {
        check_cuts(Side::BackEnd, &bytes, &cuts)?;
    }

    #[test]
    fn valid_messages_are_understood(bytes in any_message(Side::Client)) {
        prop_assert!(
            matches!(whole(Side::Client, &bytes), Outcome::Message(_)),
            "{}", bytes.escape_ascii()
        );
    }

    /// The property that rules out smuggling: what we send on is one request to anyone.
    #[test]
    fn an_accepted_request_is_the_same_one_request_to_a_back_end(
        bytes in any_near_message(Side::Client)
    ) {
        if let Outcome::Message(message) = whole(Side::Client, &bytes) {
            let shown = message.forwarded.escape_ascii().to_string();
            let (read, rest) = http_naive::read(&message.forwarded)
                .map_err(|error| TestCaseError::fail(format!("{error}: {shown}")))?;

            prop_assert!(rest.is_empty(), "{} is left of {}", rest.escape_ascii(), shown);
            prop_assert_eq!(read.body, message.body);
            let path = read.target.split('?').next().unwrap_or_default().as_bytes();
            prop_assert_eq!(path, &message.path[..]);
            for hidden in ["connection", "te", "keep-alive", "proxy-connection", "upgrade"] {
                prop_assert!(read.fields.iter().all(|(name, _)| name != hidden), "{}", shown);
            }
        }
    }

    #[test]
    fn chunked_bodies_survive_the_round_trip(
        body in prop::collection::vec(any::<u8>(), 0..5_000), size in 1..2_000_usize, cuts in cuts()
    ) {
        let mut bytes = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        chunk(&mut bytes, &body, size);
        match receive(Side::Client, &bytes, &cuts, Parse::Always) {
            Outcome::Message(message) => {
                prop_assert_eq!(message.body, body);
                prop_assert!(message.rest.is_empty());
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn no_bytes_whatever_make_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200), cuts in cuts()
    ) {
        let framed = [b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", &bytes[..]];
        for bytes in [&bytes, &framed.concat()] {
            for side in [Side::Client, Side::BackEnd] {
                check_cuts(side, bytes, &cuts)?;
            }
        }
        _ = path::decode(&bytes);
        _ = path::has_dot_segment(&bytes);
    }

    /// What is decoded once is what was encoded.
    #[test]
    fn percent_encoding_survives_the_round_trip(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
        let encoded: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
        let decoded = path::decode(encoded.as_bytes());
        prop_assert_eq!(decoded.as_deref(), Ok(&bytes[..]));
    }

    /// Whatever a client writes into the list, it is not what the proxies have appended.
    #[test]
    fn a_client_cannot_choose_its_address(
        forged in "[ -~]{0,60}", client in any::<[u8; 4]>().prop_map(Ipv4Addr::from)
    ) {
        prop_assume!(client.octets()[0] != 10);
        let trusted = |address: IpAddr| matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 10);
        let peer = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        for (name, value) in [
            ("X-Forwarded-For", format!("{forged}, {client}")),
            ("Forwarded", format!("{forged}, for={client}")),
        ] {
            let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\n{name}: {value}\r\n\r\n");
            let mut fields = Fields::new();
            request_head(bytes.as_bytes(), &mut fields, &LIMITS)
                .map_err(|refused| TestCaseError::fail(refused.cause()))?;
            let found = if name == "Forwarded" {
                forwarded::client_by_forwarded(peer, &fields, trusted)
            } else {
                forwarded::client_by_x_forwarded_for(peer, &fields, trusted)
            };
            prop_assert_eq!(found, IpAddr::V4(client), "{}", value);
        }
    }
}

#[test]
fn malformed_requests_are_refused_with_their_status_and_cause() {
    for case in corpus::MALFORMED {
        let expected = Outcome::Refused { status: case.status, cause: case.cause };
        assert_eq!(whole(Side::Client, case.bytes), expected, "{}", case.what);
    }
}

#[test]
fn malformed_responses_are_refused_with_their_cause() {
    for case in corpus::MALFORMED_RESPONSES {
        let expected = Outcome::Refused { status: 502, cause: case.cause };
        assert_eq!(whole(Side::BackEnd, case.bytes), expected, "{}", case.what);
        let head = response_head(case.bytes, &mut Fields::new(), &LIMITS, RequestKind::Other);
        assert_eq!(head.is_err(), case.in_head, "{}", case.what);
    }
}

#[test]
fn doubtful_requests_that_are_legal_are_read_as_they_are_meant() {
    for case in corpus::ACCEPTED {
        let Outcome::Message(message) = whole(Side::Client, case.bytes) else {
            panic!("{}: {:?}", case.what, whole(Side::Client, case.bytes));
        };
        assert_eq!(message.path, case.path.as_bytes(), "{}", case.what);
        let host = case.host.map(|host| host.as_bytes().to_vec());
        assert_eq!(message.host, host, "{}", case.what);
        assert_eq!(message.body, case.body.as_bytes(), "{}", case.what);
        assert!(message.rest.is_empty(), "{}", case.what);
    }
}

#[test]
fn requests_are_refused_one_step_beyond_each_limit() {
    let (line, head, fields) = (LIMITS.request_line_bytes, LIMITS.head_bytes, LIMITS.fields);
    for case in corpus::oversized(line, head, fields) {
        let status = match whole(Side::Client, &case.bytes) {
            Outcome::Refused { status, .. } => Some(status),
            Outcome::Message(_) => None,
            Outcome::Incomplete => Some(0),
        };
        assert_eq!(status, case.status, "{}", case.what);
    }
}
