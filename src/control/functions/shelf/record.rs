//! An event as it is written down: a line of JSON, and behind it the event as it came.

use super::super::events::Event;
use crate::model::EventPlace;
use crate::snapshot::function::{EventRules, EventTarget};
use crate::telemetry::ids;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// What the line of an event begins with, and does when it is done with.
const OPEN: u8 = b'{';
pub(super) const DONE: u8 = b'-';

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    function: Box<str>,
    is_drawn: bool,
    version: Option<Box<str>>,
    request_id: Option<String>,
    client_context: Option<Box<str>>,
    timeout_ms: u64,
    /// Since 1970.
    taken_ms: u64,
    runs: u32,
    retries_max: u32,
    age_max_ms: u64,
    dead_letter: Option<Target>,
    on_failure: Option<Target>,
    on_success: Option<Target>,
    /// Of the event behind the line. Absent: it ends with the file.
    bytes: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Target {
    Arn(Box<str>),
    File(PathBuf),
    Http(String),
}

/// What is written of an event whose function has failed so often.
pub(super) fn record(event: &Event, age: Duration, runs: u32) -> serde_json::Result<Vec<u8>> {
    let mut record = serde_json::to_vec(&Header::of(event, age, runs))?;
    record.push(b'\n');
    record.extend_from_slice(&event.event);
    Ok(record)
}

impl Header {
    fn of(event: &Event, age: Duration, runs: u32) -> Self {
        let taken = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        let taken = taken.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let rules = &event.rules;
        Self {
            function: event.function.clone(),
            is_drawn: event.is_drawn,
            version: event.version.clone(),
            request_id: event.request_id.as_ref().map(|id| id.as_str().to_owned()),
            client_context: event.client_context.clone(),
            timeout_ms: millis(event.timeout),
            taken_ms: millis(taken),
            runs,
            retries_max: rules.retries_max,
            age_max_ms: millis(rules.age_max),
            dead_letter: rules.dead_letter.as_ref().map(Target::of),
            on_failure: rules.on_failure.as_ref().map(Target::of),
            on_success: rules.on_success.as_ref().map(Target::of),
            bytes: Some(event.event.len() as u64),
        }
    }

    fn event(self, event: Bytes) -> (Event, Duration, u32) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let age = now.saturating_sub(Duration::from_millis(self.taken_ms));
        let rules = EventRules {
            retries_max: self.retries_max,
            age_max: Duration::from_millis(self.age_max_ms),
            dead_letter: self.dead_letter.map(Target::into_target),
            on_failure: self.on_failure.map(Target::into_target),
            on_success: self.on_success.map(Target::into_target),
        };
        let event = Event {
            function: self.function,
            is_drawn: self.is_drawn,
            version: self.version,
            request_id: self.request_id.as_deref().and_then(ids::known_uuid),
            event,
            client_context: self.client_context,
            timeout: Duration::from_millis(self.timeout_ms),
            rules: rules.into(),
        };
        (event, age, self.runs)
    }
}

impl Target {
    fn of(target: &EventTarget) -> Self {
        match target {
            EventTarget::Arn(arn) => Self::Arn(arn.clone()),
            EventTarget::Place(EventPlace::File(path)) => Self::File(path.clone()),
            EventTarget::Place(EventPlace::Http(url)) => Self::Http(url.clone()),
        }
    }

    fn into_target(self) -> EventTarget {
        match self {
            Self::Arn(arn) => EventTarget::Arn(arn),
            Self::File(path) => EventTarget::Place(EventPlace::File(path)),
            Self::Http(url) => EventTarget::Place(EventPlace::Http(url)),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// An event of a file.
pub(super) struct Read {
    pub(super) event: Event,
    pub(super) age: Duration,
    /// How often its function has failed.
    pub(super) runs: u32,
    /// Where its line begins.
    pub(super) at: u64,
}

/// The events of a file that are not done with, and whether it ends with what is none.
pub(super) fn read(bytes: &Bytes) -> (Vec<Read>, bool) {
    let mut events = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let Some((header, is_done, start)) = line(bytes, at) else { return (events, true) };
        let left = bytes.len() - start;
        let long = header.bytes.map_or(Some(left), |bytes| usize::try_from(bytes).ok());
        let Some(end) = long.filter(|long| *long <= left).map(|long| start + long) else {
            return (events, true);
        };
        if !is_done {
            let (event, age, runs) = header.event(bytes.slice(start..end));
            events.push(Read { event, age, runs, at: at as u64 });
        }
        at = end;
    }
    (events, false)
}

/// The line there, whether its event is done with, and where that begins.
fn line(bytes: &[u8], at: usize) -> Option<(Header, bool, usize)> {
    let rest = bytes.get(at..)?;
    let end = memchr::memchr(b'\n', rest)?;
    let mut line = rest.get(..end)?.to_vec();
    let first = line.first_mut()?;
    let is_done = std::mem::replace(first, OPEN) == DONE;
    Some((serde_json::from_slice(&line).ok()?, is_done, at + end + 1))
}

#[cfg(test)]
mod tests {
    use super::super::tests::event;
    use super::*;

    #[test]
    fn a_file_is_read_as_far_as_it_goes() {
        let record = |text: &'static str| {
            let mut record =
                serde_json::to_vec(&Header::of(&event(text), Duration::ZERO, 0)).unwrap();
            record.push(b'\n');
            record.extend_from_slice(text.as_bytes());
            record
        };
        let whole = [record("a"), record("b\n")].concat();
        for cut in 0..=whole.len() {
            let (events, is_damaged) = read(&Bytes::copy_from_slice(&whole[..cut]));
            let is_at_an_end = cut == 0 || cut == record("a").len() || cut == whole.len();
            assert_eq!(is_damaged, !is_at_an_end, "{cut}");
            let events: Vec<_> = events.iter().map(|it| it.event.event.clone()).collect();
            assert!(
                [&b"a"[..], b"b\n"].starts_with(&events.iter().map(|it| &**it).collect::<Vec<_>>())
            );
        }
        // A file of one event may say nothing of its length.
        let text = String::from_utf8(record("a")).unwrap().replace(",\"bytes\":1", "") + "bc";
        let (events, is_damaged) = read(&text.into());
        assert_eq!((&*events[0].event.event, events.len(), is_damaged), (&b"abc"[..], 1, false));
    }
}
