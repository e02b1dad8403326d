//! An answer, faults included, as a list of steps: each fault is a short script, so the connection
//! that plays it knows none of them.

use super::behaviour::{Behaviour, Fault, Framing};
use crate::random::Random;
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;

/// One step of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes.
    Send(Bytes),
    /// Send so many bytes of pattern, as they are or as chunks (without the last one).
    Pattern {
        /// Bytes left.
        left: usize,
        /// Whether to frame them.
        chunked: bool,
    },
    /// Wait; what was sent before leaves before.
    Wait(Duration),
    /// Close with FIN.
    Close,
    /// Close with RST.
    Abort,
    /// Say nothing for ever, but keep the connection open.
    Stall,
}

/// What the answer depends on, besides the behaviour.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// `HEAD`: no body.
    pub is_head: bool,
    /// Whether the client keeps the connection.
    pub persistent: bool,
    /// The fault drawn for this request.
    pub fault: Option<Fault>,
}

/// What is sent is on its way before a reset follows: the client gets to see it.
const BEFORE_RESET: Duration = Duration::from_millis(20);
/// By how much lengths are wrong.
const LENGTH_ERROR: usize = 10;
const TRICKLE_PIECES_MAX: usize = 100_000;
const HUGE_HEAD_BYTES: usize = 256 * 1024;

/// The answer's steps. `body`: an answer of its own (echo, errors), instead of the behaviour's.
pub fn script(
    behaviour: &Behaviour,
    asked: Asked,
    body: Option<Bytes>,
    random: &mut Random,
) -> VecDeque<Step> {
    let mut steps = VecDeque::new();
    let delay = behaviour.delay.draw(random);
    if !delay.is_zero() {
        steps.push_back(Step::Wait(delay));
    }
    for status in &behaviour.interim {
        let text = format!("HTTP/1.1 {status} {}\r\n\r\n", reason(*status));
        steps.push_back(Step::Send(Bytes::from(text)));
    }
    match asked.fault {
        Some(Fault::Reset | Fault::Refuse) => {
            steps.push_back(Step::Abort);
            return steps;
        }
        Some(Fault::Close) => {
            steps.push_back(Step::Close);
            return steps;
        }
        Some(Fault::Stall) => {
            steps.push_back(Step::Stall);
            return steps;
        }
        _ => {}
    }
    let status = behaviour.draw_status(random);
    let body = body.or_else(|| behaviour.body.as_ref().map(|body| Bytes::from(body.clone())));
    let size = match &body {
        Some(body) => body.len(),
        None => behaviour.draw_size(random),
    };
    let answer = Answer {
        head: head(behaviour, asked, status, size),
        has_body: !asked.is_head && status != 204 && status != 304,
        chunked: is_chunked(behaviour, asked),
        size,
        body,
        fault_after: behaviour.fault_after.unwrap_or(size / 2).min(size),
    };
    answer.play(behaviour, asked, &mut steps);
    steps
}

fn is_chunked(behaviour: &Behaviour, asked: Asked) -> bool {
    behaviour.framing == Framing::Chunked || asked.fault == Some(Fault::BadChunk)
}

struct Answer {
    head: Vec<u8>,
    has_body: bool,
    chunked: bool,
    size: usize,
    body: Option<Bytes>,
    fault_after: usize,
}

impl Answer {
    fn play(mut self, behaviour: &Behaviour, asked: Asked, steps: &mut VecDeque<Step>) {
        let half_of_head = self.head.len() / 2;
        match asked.fault {
            Some(Fault::ResetHead | Fault::CloseHead | Fault::StallHead) => {
                self.head.truncate(half_of_head);
                steps.push_back(Step::Send(Bytes::from(self.head)));
                steps.extend(broken_off(asked.fault));
                return;
            }
            Some(Fault::Trickle) => {
                self.trickle(behaviour, steps);
            }
            Some(Fault::ResetBody | Fault::CloseBody | Fault::StallBody) => {
                steps.push_back(Step::Send(Bytes::from(std::mem::take(&mut self.head))));
                self.send_body(0..self.fault_after, steps);
                steps.extend(broken_off(asked.fault));
                return;
            }
            Some(Fault::BadChunk) => {
                steps.push_back(Step::Send(Bytes::from(std::mem::take(&mut self.head))));
                self.send_body(0..self.fault_after, steps);
                steps.push_back(Step::Send(Bytes::from_static(b"xyz\r\nabc\r\n0\r\n\r\n")));
            }
            _ => {
                steps.push_back(Step::Send(Bytes::from(std::mem::take(&mut self.head))));
                self.send_body(0..self.size, steps);
                self.end_body(steps);
            }
        }
        match asked.fault {
            Some(Fault::Extra) => steps.push_back(Step::Send(Bytes::from_static(
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nextra",
            ))),
            Some(Fault::Garbage) => {
                steps.push_back(Step::Send(Bytes::from_static(
                    b"\x00garbage behind the answer\r\n",
                )));
            }
            Some(Fault::CloseAfter | Fault::EarlyClose | Fault::LengthTooLong) => {
                steps.push_back(Step::Close);
            }
            _ => {}
        }
        if !asked.persistent || behaviour.framing == Framing::Close {
            steps.push_back(Step::Close);
        }
    }

    fn send_body(&self, range: std::ops::Range<usize>, steps: &mut VecDeque<Step>) {
        if !self.has_body || range.is_empty() {
            return;
        }
        match (&self.body, self.chunked) {
            (Some(body), false) => steps.push_back(Step::Send(body.slice(range))),
            (Some(body), true) => {
                let mut chunk = format!("{:x}\r\n", range.len()).into_bytes();
                chunk.extend_from_slice(&body[range]);
                chunk.extend_from_slice(b"\r\n");
                steps.push_back(Step::Send(Bytes::from(chunk)));
            }
            (None, chunked) => steps.push_back(Step::Pattern { left: range.len(), chunked }),
        }
    }

    fn end_body(&self, steps: &mut VecDeque<Step>) {
        if self.has_body && self.chunked {
            steps.push_back(Step::Send(Bytes::from_static(b"0\r\n\r\n")));
        }
    }

    fn trickle(&self, behaviour: &Behaviour, steps: &mut VecDeque<Step>) {
        let mut whole = self.head.clone();
        if self.has_body {
            let mut body = match &self.body {
                Some(body) => body.to_vec(),
                None => pattern(self.size),
            };
            if self.chunked {
                let mut framed = format!("{:x}\r\n", body.len()).into_bytes();
                framed.append(&mut body);
                framed.extend_from_slice(b"\r\n0\r\n\r\n");
                // An empty body is the last chunk alone.
                body = if self.size == 0 { b"0\r\n\r\n".to_vec() } else { framed };
            }
            whole.append(&mut body);
        }
        let whole = Bytes::from(whole);
        // The script holds every piece: a huge answer trickles in larger ones.
        let piece = behaviour.trickle_bytes.max(whole.len() / TRICKLE_PIECES_MAX);
        let mut at = 0;
        while at < whole.len() {
            let end = (at + piece).min(whole.len());
            steps.push_back(Step::Send(whole.slice(at..end)));
            steps.push_back(Step::Wait(behaviour.trickle_every));
            at = end;
        }
    }
}

fn broken_off(fault: Option<Fault>) -> Vec<Step> {
    match fault {
        Some(Fault::ResetHead | Fault::ResetBody) => vec![Step::Wait(BEFORE_RESET), Step::Abort],
        Some(Fault::StallHead | Fault::StallBody) => vec![Step::Stall],
        _ => vec![Step::Close],
    }
}

fn head(behaviour: &Behaviour, asked: Asked, status: u16, size: usize) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut head = match asked.fault {
        Some(Fault::InvalidHead) => "HTP/one two hundred\r\n".to_owned(),
        _ => format!("HTTP/1.1 {status} {}\r\n", reason(status)),
    };
    let mut field = |name: &str, value: &dyn std::fmt::Display| {
        let written = write!(head, "{name}: {value}\r\n");
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    };
    if size > 0 {
        field("Content-Type", &behaviour.content_type);
    }
    for (name, value) in &behaviour.headers {
        field(name, value);
    }
    let declared = match asked.fault {
        Some(Fault::LengthTooLong) => size + LENGTH_ERROR,
        Some(Fault::LengthTooShort) => size.saturating_sub(LENGTH_ERROR),
        _ => size,
    };
    let wrong_length = matches!(asked.fault, Some(Fault::LengthTooLong | Fault::LengthTooShort));
    if is_chunked(behaviour, asked) && !wrong_length && status != 204 {
        field("Transfer-Encoding", &"chunked");
        if asked.fault == Some(Fault::LengthAndChunked) {
            field("Content-Length", &size);
        }
    } else if (behaviour.framing != Framing::Close || wrong_length) && status != 204 {
        field("Content-Length", &declared);
        match asked.fault {
            Some(Fault::LengthAndChunked) => field("Transfer-Encoding", &"chunked"),
            Some(Fault::TwoLengths) => field("Content-Length", &(declared + 1)),
            _ => {}
        }
    }
    if !asked.persistent || behaviour.framing == Framing::Close {
        field("Connection", &"close");
    }
    match asked.fault {
        Some(Fault::InvalidField) => head.push_str("no colon here\r\n"),
        Some(Fault::HugeHead) => {
            head.push_str("X-Huge: ");
            head.push_str(&"h".repeat(HUGE_HEAD_BYTES));
            head.push_str("\r\n");
        }
        _ => {}
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// 32 bytes that repeat: what stands at an offset is known without the rest.
pub const PATTERN: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz01234\n";

/// The first bytes of the pattern.
pub fn pattern(size: usize) -> Vec<u8> {
    PATTERN.iter().copied().cycle().take(size).collect()
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(query: &str) -> Vec<Step> {
        let behaviour = Behaviour::default().with_query(query.as_bytes()).unwrap();
        let mut random = Random::new(1);
        let asked =
            Asked { is_head: false, persistent: true, fault: behaviour.draw_fault(&mut random) };
        script(&behaviour, asked, None, &mut random).into()
    }

    /// What a client gets, patterns and all.
    fn sent(steps: &[Step]) -> String {
        let mut bytes = Vec::new();
        for step in steps {
            match step {
                Step::Send(piece) => bytes.extend_from_slice(piece),
                Step::Pattern { left, chunked: false } => bytes.extend(pattern(*left)),
                Step::Pattern { left, chunked: true } => {
                    bytes.extend(format!("{left:x}\r\n").into_bytes());
                    bytes.extend(pattern(*left));
                    bytes.extend(b"\r\n");
                }
                Step::Wait(_) | Step::Close | Step::Abort | Step::Stall => {}
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_ordinary_answer_is_whole_and_keeps_the_connection() {
        let steps = steps("size=4");
        assert_eq!(
            sent(&steps),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nabcd"
        );
        assert!(!steps.contains(&Step::Close));
    }

    #[test]
    fn framings() {
        assert!(
            sent(&steps("size=4&framing=chunked"))
                .ends_with("chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n")
        );
        let close = steps("size=4&framing=close");
        assert!(sent(&close).ends_with("Connection: close\r\n\r\nabcd"));
        assert_eq!(close.last(), Some(&Step::Close));
        assert!(
            sent(&steps("status=204")).ends_with("No Content\r\nContent-Type: text/plain\r\n\r\n")
        );
        let interim = sent(&steps("interim=103&size=0"));
        assert!(interim.starts_with("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200"));
    }

    #[test]
    fn faults_do_what_they_say() {
        let half = steps("size=8&fault=reset_body");
        assert!(sent(&half).ends_with("Content-Length: 8\r\n\r\nabcd"));
        assert_eq!(half.last(), Some(&Step::Abort));
        assert!(sent(&steps("size=8&fault=close_body&fault_after=1")).ends_with("\r\n\r\na"));
        assert_eq!(steps("fault=stall"), [Step::Stall]);
        assert_eq!(steps("fault=reset"), [Step::Abort]);
        assert_eq!(
            steps("fault=close&delay=1ms"),
            [Step::Wait(Duration::from_millis(1)), Step::Close]
        );
        assert!(sent(&steps("size=4&fault=length_too_long")).contains("Content-Length: 14\r\n"));
        assert!(sent(&steps("size=14&fault=length_too_short")).contains("Content-Length: 4\r\n"));
        assert!(sent(&steps("fault=extra")).ends_with("\r\n\r\nextra"));
        assert!(sent(&steps("fault=invalid_head")).starts_with("HTP/"));
        let both = sent(&steps("fault=length_and_chunked"));
        assert!(both.contains("Content-Length: 27") && both.contains("chunked"));
        assert!(sent(&steps("size=4&fault=bad_chunk")).contains("2\r\nab\r\nxyz\r\n"));
        assert!(sent(&steps("fault=huge_head")).len() > 256 * 1024);
        assert_eq!(steps("fault=close_after").last(), Some(&Step::Close));
        let trickle = steps("size=2&fault=trickle&framing=chunked");
        assert!(sent(&trickle).ends_with("\r\n\r\n2\r\nab\r\n0\r\n\r\n"));
        assert!(trickle.len() > 100, "a byte and a wait at a time");
    }
}
