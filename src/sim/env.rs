//! The outside world of a simulated shard: one seed.

use super::clock::Clock;
use super::random::Random;
use super::ring::SimRing;
use crate::ring::Env;
use std::time::{Duration, Instant};

/// Ring, clock and chance of one world.
pub(crate) struct SimEnv {
    /// The fake ring; the checks look into it.
    pub(crate) ring: SimRing,
    clock: Clock,
    random: Random,
}

impl SimEnv {
    /// An environment around a ring.
    pub(crate) fn new(ring: SimRing, clock: Clock, random: Random) -> Self {
        Self { ring, clock, random }
    }
}

impl Env for SimEnv {
    type Ring = SimRing;

    fn ring(&mut self) -> &mut SimRing {
        &mut self.ring
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn since_epoch(&mut self, _now: Instant) -> Duration {
        self.clock.since_epoch()
    }

    fn random(&mut self) -> u64 {
        self.random.draw()
    }
}
