//! Weather: how likely each fault is in one world, drawn from its seed.
//!
//! Some worlds are calm, so that "every request is answered with 200" can be demanded there; some are
//! hell, so that faults meet faults. What the ring's contract allows without anything being broken
//! (cuts, delays, ended multishots) is a rate of its own and goes on when the faults stop.

use super::random::{PerMille, Random};
use std::time::Duration;

/// Rates and sizes of one world.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    /// Whether anything that excuses a failed request may happen at all.
    pub(crate) mood: Mood,

    // What the contract of the ring allows at any time.
    /// A completion waits for a later turn.
    pub(crate) completion_delay: PerMille,
    /// A multishot receive or accept ends without an error.
    pub(crate) multishot_end: PerMille,
    /// A receive finds no buffer although there are some (those that came back too late for the kernel).
    pub(crate) no_buffers: PerMille,
    /// A receive takes fewer bytes than there are.
    pub(crate) receive_cut: PerMille,
    /// A send writes fewer bytes than there is room for.
    pub(crate) send_cut: PerMille,
    /// A cancelled receive brings bytes first, a close comes later.
    pub(crate) cancel_delay: PerMille,
    /// How many buffers each pool has: a power of two.
    pub(crate) pool_count: u16,
    /// Size of a client buffer.
    pub(crate) client_buffer_bytes: usize,
    /// Size of an upstream buffer.
    pub(crate) upstream_buffer_bytes: usize,
    /// Smallest window of a connection.
    pub(crate) window_bytes_min: usize,
    /// Largest window of a connection: how many bytes may be unread by the receiver.
    pub(crate) window_bytes_max: usize,
    /// Longest way of a byte from one end to the other.
    pub(crate) latency_max: Duration,

    // Faults.
    /// An accept fails (`EMFILE` and the like).
    pub(crate) accept_error: PerMille,
    /// No socket can be opened for a connect (`EMFILE`).
    pub(crate) connect_error: PerMille,
    /// A connect is refused, although somebody listens.
    pub(crate) connect_refused: PerMille,
    /// A connect is never answered.
    pub(crate) connect_lost: PerMille,
    /// A connect takes seconds.
    pub(crate) connect_slow: PerMille,
    /// Something between the ends resets a connection. Per write.
    pub(crate) reset: PerMille,
    /// A client leaves before it has its answer. Per request.
    pub(crate) client_abandons: PerMille,
    /// A client sends what must be refused. Per request.
    pub(crate) client_malformed: PerMille,
    /// A back end does one of the bad things it knows. Per request.
    pub(crate) back_end_fault: PerMille,
    /// A back end closes a connection that it had promised to keep. Per answer.
    pub(crate) idle_close: PerMille,
}

/// How bad the weather is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Whole buffers, no delays, no faults: what a plain test would see.
    Sunny,
    /// Everything that the ring's contract allows, but no fault: every request must succeed.
    Calm,
    /// Now and then a fault.
    Changeable,
    /// Faults everywhere.
    Hell,
}

impl Weather {
    /// Keeps to what connections inside a host are like.
    pub(crate) fn stay_inside(&mut self) {
        self.window_bytes_min = self.window_bytes_min.max(512);
        self.window_bytes_max = self.window_bytes_max.max(512);
        self.latency_max = self.latency_max.min(Duration::from_millis(5));
    }

    /// The weather of a seed.
    pub(crate) fn drawn(random: &mut Random) -> Self {
        let mood = *random.pick(&[
            Mood::Sunny,
            Mood::Calm,
            Mood::Calm,
            Mood::Changeable,
            Mood::Changeable,
            Mood::Changeable,
            Mood::Hell,
            Mood::Hell,
        ]);
        Self::of(mood, random)
    }

    /// Weather of a given mood.
    pub(crate) fn of(mood: Mood, random: &mut Random) -> Self {
        let allowed_max = match mood {
            Mood::Sunny => 0,
            Mood::Calm | Mood::Changeable => 300,
            Mood::Hell => 700,
        };
        let fault_max = match mood {
            Mood::Sunny | Mood::Calm => 0,
            Mood::Changeable => 30,
            Mood::Hell => 250,
        };
        let mut allowed = || draw_rate(random, allowed_max);
        let completion_delay = allowed();
        let multishot_end = allowed();
        let no_buffers = allowed();
        let receive_cut = allowed();
        let send_cut = allowed();
        let cancel_delay = allowed();
        let mut fault = || draw_rate(random, fault_max);
        let accept_error = fault();
        let connect_error = fault();
        let connect_refused = fault();
        let connect_lost = fault();
        let connect_slow = fault();
        let client_abandons = fault();
        let client_malformed = fault();
        let back_end_fault = fault();
        let idle_close = fault();
        // Per write, of which a request has several: a tenth keeps requests alive long enough to
        // meet other faults.
        let reset = PerMille(draw_rate(random, fault_max).0 / 10);
        let sunny = mood == Mood::Sunny;
        let window_bytes_max = if sunny { 65_536 } else { random.between(64, 65_536) };
        let window_spread = random.between(0, 6);
        Self {
            mood,
            completion_delay,
            multishot_end,
            no_buffers,
            receive_cut,
            send_cut,
            cancel_delay,
            pool_count: if sunny { 64 } else { 1 << random.between(1, 6) },
            client_buffer_bytes: if sunny { 4096 } else { random.between(16, 4096) },
            upstream_buffer_bytes: if sunny { 32_768 } else { random.between(16, 32_768) },
            window_bytes_min: (window_bytes_max >> window_spread).max(64),
            window_bytes_max,
            latency_max: Duration::from_micros(
                random.skewed(if sunny { 50 } else { 40_000 }) as u64
            ),
            accept_error,
            connect_error,
            connect_refused,
            connect_lost,
            connect_slow,
            reset,
            client_abandons,
            client_malformed,
            back_end_fault,
            idle_close,
        }
    }

    /// Whether a well-formed request of a patient client must get its back end's answer.
    pub(crate) fn is_faultless(&self) -> bool {
        matches!(self.mood, Mood::Sunny | Mood::Calm)
    }

    /// Ends all faults; what the contract allows goes on. For the part of a run in which everything
    /// still open must finish.
    pub(crate) fn clear_up(&mut self) {
        for rate in [
            &mut self.accept_error,
            &mut self.connect_error,
            &mut self.connect_refused,
            &mut self.connect_lost,
            &mut self.connect_slow,
            &mut self.reset,
            &mut self.client_abandons,
            &mut self.client_malformed,
            &mut self.back_end_fault,
            &mut self.idle_close,
        ] {
            *rate = PerMille(0);
        }
    }
}

/// Every fault alone is absent from a third of the worlds, so that combinations show too.
fn draw_rate(random: &mut Random, max: usize) -> PerMille {
    if max == 0 || random.below(3) == 0 {
        return PerMille(0);
    }
    PerMille(random.skewed(max) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mood_comes_up_and_calm_worlds_have_no_fault() {
        let mut seen = Vec::new();
        for seed in 0..100 {
            let weather = Weather::drawn(&mut Random::seeded(seed));
            if weather.is_faultless() {
                assert_eq!(weather.reset, PerMille(0));
                assert_eq!(weather.back_end_fault, PerMille(0));
            }
            if !seen.contains(&weather.mood) {
                seen.push(weather.mood);
            }
        }
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn clearing_up_ends_the_faults_only() {
        let mut random = Random::seeded(3);
        let mut weather = Weather::of(Mood::Hell, &mut random);
        weather.completion_delay = PerMille(5);
        weather.reset = PerMille(5);
        weather.clear_up();
        assert_eq!(weather.completion_delay, PerMille(5));
        assert_eq!(weather.reset, PerMille(0));
    }
}
