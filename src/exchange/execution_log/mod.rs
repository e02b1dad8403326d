//! Execution log: what became of one request, line by line, in the words of Amazon's.
//!
//! The same lines whether a stage writes them to its log or a test call answers them; what stands in
//! front of each differs and is for whoever prints them. A line may be opened before what it tells is
//! there: content that streams past is noted piece by piece in the line that waits for it, so that the
//! order is Amazon's.

mod failures;
mod narrate;

pub use failures::{function_failed_as, malformed};
pub(in crate::exchange) use narrate::limits_of;
pub use narrate::{Asked, FunctionCall, is_of_method};

use std::fmt::{self, Write};
use std::time::Duration;

/// Bytes of a message that are kept (Amazon's limit for a log event of an execution log).
pub const MESSAGE_BYTES_MAX: usize = 1024;

/// What stands behind a message that was cut.
const TRUNCATED: &str = " [TRUNCATED]";

/// Most lines of one request: all kinds there are, with room for an authorizer's and failures'.
const LINES_MAX: usize = 64;

/// Whether a log tells headers and content (`dataTraceEnabled`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataTrace {
    /// It does.
    On,
    /// It tells only what happens.
    Off,
}

/// The lines of one request, in order.
#[derive(Debug)]
pub struct ExecutionLog {
    lines: Vec<Line>,
    data: DataTrace,
}

#[derive(Debug)]
struct Line {
    since_epoch: Duration,
    text: Vec<u8>,
    is_cut: bool,
}

/// A line that more may be added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open(Option<usize>);

impl ExecutionLog {
    /// Without lines.
    pub fn new(data: DataTrace) -> Self {
        Self { lines: Vec::with_capacity(24), data }
    }

    /// Whether headers and content are told.
    pub fn has_data(&self) -> bool {
        self.data == DataTrace::On
    }

    /// Adds a line about what happens. `now` is the time since 1970.
    pub fn line(&mut self, now: Duration, text: fmt::Arguments<'_>) {
        self.push(now, |line| {
            let _ = line.write_fmt(text);
        });
    }

    /// Adds a line of content; nothing without data trace.
    pub fn data(&mut self, now: Duration, what: &str, content: &[u8]) -> Open {
        if !self.has_data() {
            return Open(None);
        }
        self.push(now, |line| {
            line.add(what.as_bytes());
            line.add(b": ");
            line.add(content);
        })
    }

    /// Adds names and values, `{petId=123, owner=me}`: such as are data only with data trace.
    pub fn headers<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        now: Duration,
        what: &str,
        entries: impl IntoIterator<Item = (N, V)>,
    ) {
        if self.has_data() {
            self.map(now, what, entries);
        }
    }

    /// Adds names and values: `{petId=123, owner=me}`. Of secrets only the end is shown.
    pub fn map<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        now: Duration,
        what: &str,
        entries: impl IntoIterator<Item = (N, V)>,
    ) {
        self.push(now, |line| {
            line.add(what.as_bytes());
            line.add(b": {");
            for (index, (name, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    line.add(b", ");
                }
                line.add(name.as_ref());
                line.add(b"=");
                if is_secret(name.as_ref()) {
                    line.add_masked(value.as_ref());
                } else {
                    line.add(value.as_ref());
                }
            }
            line.add(b"}");
        });
    }

    /// Adds a piece of content to a line of content.
    pub fn append(&mut self, open: Open, content: &[u8]) {
        if let Some(line) = open.0.and_then(|index| self.lines.get_mut(index)) {
            line.add(content);
        }
    }

    /// All lines, each with its time since 1970, cut as Amazon cuts them.
    pub fn lines(&self) -> impl Iterator<Item = (Duration, &[u8], &'static str)> {
        self.lines.iter().map(|line| {
            let end = if line.is_cut { TRUNCATED } else { "" };
            (line.since_epoch, whole_characters(line), end)
        })
    }

    fn push(&mut self, now: Duration, write: impl FnOnce(&mut Line)) -> Open {
        if self.lines.len() >= LINES_MAX {
            return Open(None);
        }
        let mut line = Line { since_epoch: now, text: Vec::new(), is_cut: false };
        write(&mut line);
        self.lines.push(line);
        Open(Some(self.lines.len() - 1))
    }
}

impl Line {
    fn add(&mut self, bytes: &[u8]) {
        let room = MESSAGE_BYTES_MAX - self.text.len();
        self.is_cut |= bytes.len() > room;
        self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Of a secret the last six bytes are shown, so that two can be told apart.
    fn add_masked(&mut self, secret: &[u8]) {
        let hidden = secret.len().saturating_sub(6);
        for _ in 0..hidden.min(MESSAGE_BYTES_MAX) {
            self.add(b"*");
        }
        self.add(&secret[hidden..]);
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}

/// A line that was cut ends in front of the character that it was cut in.
fn whole_characters(line: &Line) -> &[u8] {
    if !line.is_cut {
        return &line.text;
    }
    let tail = line.text.len().saturating_sub(3);
    let start = (tail..line.text.len()).rev().find(|&at| line.text[at] & 0xc0 != 0x80);
    match start {
        Some(at) if std::str::from_utf8(&line.text[at..]).is_err() => &line.text[..at],
        _ => &line.text,
    }
}

/// Whether a header's or a parameter's value lets somebody in.
fn is_secret(name: &[u8]) -> bool {
    let names: [&[u8]; 3] = [b"authorization", b"x-api-key", b"x-amz-security-token"];
    names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Duration = Duration::from_secs(1);

    fn texts(log: &ExecutionLog) -> Vec<String> {
        log.lines()
            .map(|(_, text, end)| format!("{}{end}", String::from_utf8_lossy(text)))
            .collect()
    }

    #[test]
    fn lines_stand_in_the_order_in_which_they_were_begun() {
        let mut log = ExecutionLog::new(DataTrace::On);
        log.line(NOW, format_args!("Starting execution for request: {}", "id"));
        let body = log.data(NOW, "Method request body before transformations", b"{\"a\"");
        log.map(NOW, "Method request path", [("petId", "1"), ("x", "y")]);
        log.headers(NOW, "Method request headers", [("Authorization", "Bearer abcdefgh")]);
        log.headers(NOW, "Endpoint request headers", [("X-API-KEY", "short")]);
        log.append(body, b": 1}");
        assert_eq!(
            texts(&log),
            [
                "Starting execution for request: id",
                "Method request body before transformations: {\"a\": 1}",
                "Method request path: {petId=1, x=y}",
                "Method request headers: {Authorization=*********cdefgh}",
                "Endpoint request headers: {X-API-KEY=short}",
            ]
        );
    }

    #[test]
    fn without_data_trace_neither_headers_nor_content_are_told() {
        let mut log = ExecutionLog::new(DataTrace::Off);
        let body = log.data(NOW, "Method request body before transformations", b"secret");
        log.headers(NOW, "Method request headers", [("Cookie", "secret")]);
        log.append(body, b"secret");
        log.map(NOW, "Method request path", [("a", "b")]);
        assert_eq!(texts(&log), ["Method request path: {a=b}"]);
    }

    #[test]
    fn a_message_is_cut_behind_1024_bytes_and_not_before() {
        let what = "Method request body before transformations";
        let room = MESSAGE_BYTES_MAX - what.len() - 2;
        for (bytes, is_cut) in [(room, false), (room + 1, true)] {
            let mut log = ExecutionLog::new(DataTrace::On);
            let open = log.data(NOW, what, &vec![b'x'; bytes - 1]);
            log.append(open, b"x");
            let line = texts(&log).remove(0);
            assert_eq!(line.ends_with("x [TRUNCATED]"), is_cut, "{bytes}");
            assert_eq!(line.len(), MESSAGE_BYTES_MAX + if is_cut { TRUNCATED.len() } else { 0 });
        }
    }

    #[test]
    fn a_request_has_no_more_lines_than_may_be() {
        let mut log = ExecutionLog::new(DataTrace::On);
        (0..LINES_MAX + 1).for_each(|_| log.line(NOW, format_args!("x")));
        assert_eq!(texts(&log).len(), LINES_MAX);
    }

    proptest! {
        #[test]
        fn text_that_is_cut_stays_text(text in "\\PC{0,900}", pad in 0_usize..200) {
            let mut log = ExecutionLog::new(DataTrace::On);
            log.data(NOW, &"x".repeat(pad), text.as_bytes());
            for (_, text, _) in log.lines() {
                prop_assert!(std::str::from_utf8(text).is_ok());
                prop_assert!(text.len() <= MESSAGE_BYTES_MAX);
            }
        }
    }
}
