//! The ledger: what every client asked and what became of it, known to all peers of a world.
//!
//! Each request has a tag that no other request of its world has; it stands in the path, comes back in
//! a field of the answer and determines the bytes of both bodies. So a mixed-up, doubled or invented
//! message is recognised by whoever gets it.

use crate::sim::network::{End, Network};
use crate::sim::random::mix;
use std::collections::BTreeMap;

/// Names one request within its world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Tag(pub(crate) u64);

impl Tag {
    /// The tag as it stands in paths and fields.
    pub(crate) fn text(self) -> String {
        format!("t{}", self.0)
    }

    /// Reads the text back.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.strip_prefix('t')?.parse().ok().map(Self)
    }

    /// Bytes `from..from + count` of the request's body.
    pub(crate) fn request_body(self, from: usize, count: usize) -> Vec<u8> {
        body(mix(self.0 ^ 0x5245_5155), from, count)
    }

    /// Bytes `from..from + count` of the answer's body.
    pub(crate) fn answer_body(self, from: usize, count: usize) -> Vec<u8> {
        body(mix(self.0 ^ 0x414e_5357), from, count)
    }
}

fn body(key: u64, from: usize, count: usize) -> Vec<u8> {
    (from..from + count).map(|at| (mix(key ^ (at / 8) as u64) >> (at % 8 * 8)) as u8).collect()
}

/// The tag of an answer that nobody asked for.
pub(crate) const UNASKED: &str = "t0";

/// Whether a back end may see a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Well-formed and routed to a back end.
    Proxied,
    /// Answered by the gateway itself, or malformed: no back end may ever see it.
    KeptAway,
    /// Its head is well-formed, its body is not: a back end may see the head, but never the end.
    BrokenBody,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) method: &'static str,
    pub(crate) admission: Admission,
    /// Length of the request's body.
    pub(crate) body_bytes: usize,
    /// Length of the answer's body.
    pub(crate) answer_bytes: usize,
    /// How often a back end has read its head.
    pub(crate) seen: usize,
    /// A peer did something to it that excuses a missing or broken answer.
    pub(crate) excused: bool,
    /// The client has its whole answer.
    pub(crate) answered: bool,
    /// The whole request has left the client.
    pub(crate) sent: bool,
    /// The connections to back ends that carried it.
    carriers: Vec<End>,
}

/// All requests of a world.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: BTreeMap<Tag, Entry>,
    /// Answers by status, for the summary.
    pub(crate) answers: BTreeMap<u16, usize>,
    /// Requests that never got a whole answer although they were sent.
    pub(crate) lost: usize,
    /// The faults of back ends so far.
    pub(crate) faults: u64,
    /// Attempts at a request that a back end may see; more means that retries have no bound.
    pub(crate) attempts_max: usize,
}

impl Ledger {
    /// A ledger without requests.
    pub(crate) fn new(attempts_max: usize) -> Self {
        Self { attempts_max, ..Self::default() }
    }

    /// Enters a new request.
    pub(crate) fn enter(
        &mut self,
        method: &'static str,
        admission: Admission,
        body_bytes: usize,
        answer_bytes: usize,
    ) -> Tag {
        let tag = Tag(self.entries.len() as u64 + 1);
        self.entries.insert(
            tag,
            Entry {
                method,
                admission,
                body_bytes,
                answer_bytes,
                seen: 0,
                excused: false,
                answered: false,
                sent: false,
                carriers: Vec::new(),
            },
        );
        tag
    }

    /// One request.
    pub(crate) fn entry(&self, tag: Tag) -> &Entry {
        self.entries.get(&tag).unwrap_or_else(|| panic!("{} was never asked", tag.text()))
    }

    /// One request, to change.
    pub(crate) fn entry_mut(&mut self, tag: Tag) -> &mut Entry {
        self.entries.get_mut(&tag).unwrap_or_else(|| panic!("{} was never asked", tag.text()))
    }

    /// How many there were.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// A peer does something bad to this request.
    pub(crate) fn excuse(&mut self, tag: Tag) {
        self.entry_mut(tag).excused = true;
        self.faults += 1;
    }

    /// A back end has read the head of a request. Panics when it should not have come.
    pub(crate) fn seen_by_back_end(&mut self, tag: Tag, method: &str, carrier: End) {
        let attempts_max = self.attempts_max;
        let entry = self.entry_mut(tag);
        let name = tag.text();
        assert!(
            entry.admission != Admission::KeptAway,
            "{name} reached a back end, but must not have"
        );
        assert_eq!(entry.method, method, "{name} changed its method");
        entry.seen += 1;
        entry.carriers.push(carrier);
        let seen = entry.seen;
        if matches!(method, "POST" | "PATCH") {
            assert_eq!(seen, 1, "{name} is not safe to repeat and came twice");
        } else {
            assert!(
                seen <= attempts_max,
                "{name} came {seen} times, allowed are {attempts_max} attempts"
            );
        }
    }

    /// Whether a 5xx answer instead of the back end's is excusable.
    pub(crate) fn excuses_failure(&self, tag: Tag, network: &Network) -> bool {
        // A fault of the network or of another exchange can strike a request before any back end
        // has seen it (a refused connect, an ejected target), so here any fault is an excuse.
        self.entry(tag).excused || network.faults > 0 || self.faults > 0
    }

    /// Whether this request may have got an answer that nobody asked for. That happens to any gateway
    /// when the back end's extra bytes arrive after the connection was used again; the fake ring
    /// checks that it was not used again after they had been seen.
    pub(crate) fn may_get_unasked(&self, tag: Tag, network: &Network) -> bool {
        let carriers = &self.entry(tag).carriers;
        carriers.iter().any(|end| network.unasked_from(end.other()).is_some())
    }

    /// Whether an answer that breaks off is excusable: only by what happened to this very request.
    pub(crate) fn excuses_truncation(&self, tag: Tag, network: &Network) -> bool {
        let entry = self.entry(tag);
        entry.excused || entry.carriers.iter().any(|end| network.tampered(*end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_do_not_depend_on_how_they_are_cut() {
        let tag = Tag(17);
        let whole = tag.request_body(0, 100);
        let pieces = [tag.request_body(0, 33), tag.request_body(33, 67)].concat();
        assert_eq!(whole, pieces);
        assert_ne!(whole, tag.answer_body(0, 100));
        assert_ne!(whole, Tag(18).request_body(0, 100));
        assert_eq!(Tag::parse(&tag.text()), Some(tag));
    }

    #[test]
    #[should_panic(expected = "not safe to repeat")]
    fn a_repeated_post_is_noticed() {
        let (mut ledger, end) = posted();
        ledger.seen_by_back_end(Tag(1), "POST", end);
        ledger.seen_by_back_end(Tag(1), "POST", end);
    }

    #[test]
    #[should_panic(expected = "changed its method")]
    fn another_method_is_noticed() {
        let (mut ledger, end) = posted();
        ledger.seen_by_back_end(Tag(1), "GET", end);
    }

    #[test]
    #[should_panic(expected = "never asked")]
    fn an_invented_request_is_noticed() {
        let (mut ledger, end) = posted();
        ledger.seen_by_back_end(Tag(2), "POST", end);
    }

    fn posted() -> (Ledger, End) {
        use crate::sim::clock::Clock;
        use crate::sim::random::Random;
        use crate::sim::trace::Trace;
        use crate::sim::weather::{Mood, Weather};
        let mut random = Random::seeded(1);
        let weather = Weather::of(Mood::Sunny, &mut random);
        let mut network = Network::new(weather, Clock::new(), random, Trace::off());
        let address = std::net::SocketAddr::from(([10, 0, 0, 1], 1));
        let end = network.connect(address, address);
        let mut ledger = Ledger::new(3);
        ledger.enter("POST", Admission::Proxied, 5, 5);
        (ledger, end)
    }
}
