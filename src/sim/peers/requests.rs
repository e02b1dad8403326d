//! What clients ask: well-formed requests of every framing, and malformed ones that nobody may pass on.

use super::ledger::{Admission, Ledger, Tag};
use super::message::{chunk_sizes, chunked};
use crate::sim::random::{PerMille, Random};

/// What a client expects of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The back end's answer to this request.
    Proxied,
    /// The gateway's fixed answer.
    Mock,
    /// 404: no such route.
    Missing,
    /// An error of the client, and the end of the connection.
    Malformed,
}

/// The fixed answer's body; the configuration of the world says the same.
pub(crate) const MOCK_BODY: &str = "hello";

/// One request, ready to be written.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) tag: Tag,
    pub(super) kind: Kind,
    pub(super) head_only: bool,
    /// HTTP/1.0 or `Connection: close`: the last of its connection.
    pub(super) last: bool,
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
    /// Waits for 100 before it sends the body.
    pub(super) expects_continue: bool,
}

/// The largest sizes in a world, which depend on how fast its network moves bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) body_bytes_max: usize,
    pub(crate) answer_bytes_max: usize,
}

/// Each is refused by its head: `{tag}` stands in the path, and no back end may see it.
const MALFORMED_HEADS: &[&str] = &[
    "POST /b/{tag}/9 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /b/{tag}/9 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "POST /b/{tag}/9 HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde",
    "POST /b/{tag}/9 HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\nabcde",
    "POST /b/{tag}/9 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "POST /b/{tag}/9 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST /b/{tag}/9 HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET /b/{tag}/9 HTTP/1.1\r\nHost: a\r\nX-Folded: one\r\n two\r\n\r\n",
    "GET /b/{tag}/9 HTTP/1.1\r\nHost : a\r\n\r\n",
    "GET /b/{tag}/9 HTTP/1.1\r\nHost: a\r\nX-Nul: a\0b\r\n\r\n",
    "GET /b/{tag}/9 HTTP/1.1\r\nHost: a\r\nX-Return: a\rb\r\n\r\n",
    "GET /b/{tag}/9 HTTP/1.1\r\n\r\n",
    "GET /b/{tag}/9 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "GET /b/{tag}/9 HTTP/1.1\r\nHost: a\r\nno colon here\r\n\r\n",
    "GET /b/{tag}/9 HTTP/9.9\r\nHost: a\r\n\r\n",
    "G(T /b/{tag}/9 HTTP/1.1\r\nHost: a\r\n\r\n",
];

/// Each has a head that may be passed on and a body that is never complete.
const BROKEN_BODIES: &[&str] = &[
    "xyz\r\nabc\r\n0\r\n\r\n",
    "3\r\nabcd\r\n0\r\n\r\n",
    "ffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "-3\r\nabc\r\n0\r\n\r\n",
    "3\nabc\r\n0\r\n\r\n",
];

impl Request {
    /// A request of any kind.
    pub(super) fn drawn(
        random: &mut Random,
        ledger: &mut Ledger,
        sizes: Sizes,
        malformed: PerMille,
        last: bool,
    ) -> Self {
        if random.happens(malformed) {
            return Self::malformed(random, ledger);
        }
        match random.below(10) {
            0 => Self::kept_by_gateway(ledger, Kind::Mock, last),
            1 if random.below(3) == 0 => Self::kept_by_gateway(ledger, Kind::Missing, last),
            _ => Self::proxied(random, ledger, sizes, last),
        }
    }

    fn kept_by_gateway(ledger: &mut Ledger, kind: Kind, last: bool) -> Self {
        let tag = ledger.enter("GET", Admission::KeptAway, 0, MOCK_BODY.len());
        let path = if kind == Kind::Mock { "/hello" } else { "/nowhere" };
        let close = if last { "Connection: close\r\n" } else { "" };
        let head = format!("GET {path}?tag={} HTTP/1.1\r\nHost: a\r\n{close}\r\n", tag.text());
        Self {
            tag,
            kind,
            head_only: false,
            last,
            head: head.into_bytes(),
            body: Vec::new(),
            expects_continue: false,
        }
    }

    fn malformed(random: &mut Random, ledger: &mut Ledger) -> Self {
        let (admission, head, body) = if random.below(4) == 0 {
            let head = "POST /b/{tag}/9 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
            (Admission::BrokenBody, head, *random.pick(BROKEN_BODIES))
        } else {
            (Admission::KeptAway, *random.pick(MALFORMED_HEADS), "")
        };
        let method = if head.starts_with("POST") { "POST" } else { "GET" };
        let tag = ledger.enter(method, admission, 0, 9);
        Self {
            tag,
            kind: Kind::Malformed,
            head_only: false,
            last: true,
            head: head.replace("{tag}", &tag.text()).into_bytes(),
            body: body.as_bytes().to_vec(),
            expects_continue: false,
        }
    }

    fn proxied(random: &mut Random, ledger: &mut Ledger, sizes: Sizes, last: bool) -> Self {
        let method = *random.pick(&["GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE"]);
        let has_body = matches!(method, "POST" | "PUT");
        let body_bytes =
            if has_body && random.below(8) > 0 { random.skewed(sizes.body_bytes_max) } else { 0 };
        let answer_bytes =
            if random.below(8) > 0 { random.skewed(sizes.answer_bytes_max) } else { 0 };
        let tag = ledger.enter(method, Admission::Proxied, body_bytes, answer_bytes);
        let plain = tag.request_body(0, body_bytes);
        let old = last && random.below(4) == 0;
        let mut fields = String::new();
        let mut expects_continue = false;
        let body = if !has_body {
            plain
        } else if !old && random.below(2) == 0 {
            fields += "Transfer-Encoding: chunked\r\n";
            let sizes = chunk_sizes(random, body_bytes);
            chunked(&plain, &sizes)
        } else {
            fields += &format!("Content-Length: {body_bytes}\r\n");
            plain
        };
        if !old && body_bytes > 0 && random.below(6) == 0 {
            fields += "Expect: 100-continue\r\n";
            expects_continue = true;
        }
        if last && !old {
            fields += "Connection: close\r\n";
        }
        let version = if old { "1.0" } else { "1.1" };
        let head = format!(
            "{method} /b/{}/{answer_bytes} HTTP/{version}\r\nHost: a\r\nX-Tag: {}\r\n{fields}\r\n",
            tag.text(),
            tag.text()
        );
        Self {
            tag,
            kind: Kind::Proxied,
            head_only: method == "HEAD",
            last,
            head: head.into_bytes(),
            body,
            expects_continue,
        }
    }
}
