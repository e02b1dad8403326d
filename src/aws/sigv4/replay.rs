//! Replays: a signed write that is seen again. Whoever can read the wire (the listener is plain HTTP)
//! could send a captured request once more for as long as its signature is good: ten minutes, with
//! both clocks off as far as they may be.
//!
//! What keeps this from refusing honest clients:
//!
//! - Only writes are remembered. Two reads in one second have the same signature, and may.
//! - A signature that covers an SDK's call and attempt numbers ([`Claim::is_unique`]) is made for one
//!   attempt: a retry is signed anew. `POST` and `PATCH` with one are taken once.
//! - Others (old SDKs, `curl --aws-sigv4`) sign the second, so two equal writes within one second have
//!   the same signature. And a proxy may send `PUT` or `DELETE` again over a new connection. These are
//!   taken again until [`REPEATS`] after the first; a later one, for which an honest client would have
//!   signed anew, is refused.
//!
//! Only signatures that have been proven come here, so nobody without a key can fill the memory. It is
//! the process's own: another host of a fleet, or this one after a restart, does not know what was
//! seen. TLS in front of the listener is what keeps requests from being captured at all.

use super::{AmzDate, Claim};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::SystemTime;

/// How long after its first use a signature that may honestly come twice is taken again. The client's
/// second and the way here; ten times as long as either.
const REPEATS_SECONDS: u64 = 10;

/// Signatures remembered. 300,000 are five minutes at a thousand writes per second; some 30 MiB when
/// full. Beyond, the oldest are forgotten.
const REMEMBERED_MAX: usize = 300_000;

/// The signatures of writes, for as long as they could be used again.
pub struct Replays {
    /// Signatures, with the second in which each was first used.
    seen: HashMap<[u8; 32], u64>,
    /// In order of arrival, with the time at which each is of no more use.
    order: VecDeque<(AmzDate, [u8; 32])>,
    forgotten: u64,
    remembered_max: usize,
}

impl Default for Replays {
    fn default() -> Self {
        Self {
            seen: HashMap::new(),
            order: VecDeque::new(),
            forgotten: 0,
            remembered_max: REMEMBERED_MAX,
        }
    }
}

impl fmt::Debug for Replays {
    /// Leaves the signatures out.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Replays")
            .field("remembered", &self.seen.len())
            .field("forgotten", &self.forgotten)
            .finish_non_exhaustive()
    }
}

/// What is known of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It is new, or an honest repetition.
    Fine,
    /// It was used before.
    Before,
}

impl Replays {
    /// Notes a proven write. `is_once`: its method's effect is another one each time (`POST`, `PATCH`).
    pub fn note(&mut self, claim: &Claim, is_once: bool, now: SystemTime) -> Seen {
        let today = AmzDate::of(now);
        while self.order.front().is_some_and(|(until, _)| *until < today) {
            self.drop_oldest();
        }
        let second = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        if let Some(&first) = self.seen.get(&claim.signature) {
            let is_repetition = second.saturating_sub(first) <= REPEATS_SECONDS;
            return match is_repetition && !(is_once && claim.is_unique()) {
                true => Seen::Fine,
                false => Seen::Before,
            };
        }
        if self.seen.len() >= self.remembered_max {
            self.drop_oldest();
            self.forgotten += 1;
            if self.forgotten == 1 {
                tracing::warn!(
                    remembered = self.remembered_max,
                    "too many management writes to remember: the oldest could be sent again unnoticed"
                );
            }
        }
        self.seen.insert(claim.signature, second);
        self.order.push_back((claim.good_until(), claim.signature));
        Seen::Fine
    }

    /// How many were forgotten while they could still be used.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn drop_oldest(&mut self) {
        if let Some((_, signature)) = self.order.pop_front() {
            self.seen.remove(&signature);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Form, Scope};
    use super::*;
    use std::time::Duration;

    fn claim(number: u8, at: &str) -> Claim {
        let text = "AKIDEXAMPLE/20260301/us-east-1/apigateway/aws4_request";
        let names = ["amz-sdk-invocation-id", "amz-sdk-request", "host"];
        Claim {
            scope: Scope::parse(text).unwrap(),
            at: AmzDate::parse(at).unwrap(),
            form: Form::Header,
            signed_fields: names.map(str::to_owned).to_vec(),
            signature: [number; 32],
            session_token: None,
        }
    }

    #[test]
    fn a_signature_is_forgotten_when_it_is_of_no_more_use() {
        let mut replays = Replays::default();
        let claim = claim(1, "20260301T120000Z");
        let noon = claim.at.time();
        let after = |seconds| noon + Duration::from_secs(seconds);
        assert_eq!(replays.note(&claim, true, noon), Seen::Fine);
        assert_eq!(replays.note(&claim, true, after(300)), Seen::Before);
        assert_eq!(replays.seen.len(), 1);
        // Its time is checked before it comes here: at 301 seconds it is refused for its age.
        assert_eq!(replays.note(&claim, true, after(301)), Seen::Fine);
        assert_eq!((replays.seen.len(), replays.order.len()), (1, 1));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let mut replays = Replays { remembered_max: 2, ..Replays::default() };
        let at = "20260301T120000Z";
        let now = claim(0, at).at.time();
        for number in 0..3 {
            assert_eq!(replays.note(&claim(number, at), true, now), Seen::Fine);
        }
        assert_eq!((replays.seen.len(), replays.order.len(), replays.forgotten()), (2, 2, 1));
        assert_eq!(replays.note(&claim(2, at), true, now), Seen::Before);
        assert_eq!(replays.note(&claim(1, at), true, now), Seen::Before);
        assert_eq!(replays.note(&claim(0, at), true, now), Seen::Fine, "forgotten");
    }
}
