//! The simulation's only source of chance: everything a world does comes from one 64-bit seed.
//!
//! xoshiro256++ seeded by splitmix64 (Blackman and Vigna, public domain): small, fast, and its
//! sequence can never change under us with a dependency's version, so an old seed still replays.

/// A deterministic generator. Parts of a world take their own with [`Random::fork`], so that a new
/// draw in one part does not disturb the others.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: [u64; 4],
}

/// One step of splitmix64: also how bodies are made from tags.
pub(crate) fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Random {
    /// The generator of that seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        let first = mix(seed);
        let second = mix(first);
        let third = mix(second);
        Self { state: [first, second, third, mix(third)] }
    }

    /// An independent generator, seeded by one draw from this one.
    pub(crate) fn fork(&mut self) -> Self {
        Self::seeded(self.draw())
    }

    /// 64 random bits.
    pub(crate) fn draw(&mut self) -> u64 {
        let [first, second, third, fourth] = self.state;
        let drawn = first.wrapping_add(fourth).rotate_left(23).wrapping_add(first);
        let mut next = [first, second, third ^ first, fourth ^ second];
        next[1] ^= next[2];
        next[0] ^= next[3];
        next[2] ^= second << 17;
        next[3] = next[3].rotate_left(45);
        self.state = next;
        drawn
    }

    /// A number below `bound`, which must not be zero. The bias of the remainder is far below what
    /// matters here.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.draw() % bound as u64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// A number from 1 to `high`, small ones as likely as large ones: what sizes and pauses look like.
    pub(crate) fn skewed(&mut self, high: usize) -> usize {
        let bits = (high as u64).ilog2() as usize + 1;
        let width = self.between(1, bits);
        let drawn = (self.draw() & ((1 << width) - 1)) as usize;
        drawn.clamp(1, high)
    }

    /// Whether something happens that happens `rate` times in a thousand.
    pub(crate) fn happens(&mut self, rate: PerMille) -> bool {
        rate.0 > 0 && self.below(1000) < rate.0 as usize
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// Puts the elements into a random order.
    pub(crate) fn shuffle<T>(&mut self, elements: &mut [T]) {
        for last in (1..elements.len()).rev() {
            elements.swap(last, self.below(last + 1));
        }
    }
}

/// How many times in a thousand something happens. 0: never; 1000: always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PerMille(pub(crate) u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        let draws = |seed| {
            let mut random = Random::seeded(seed);
            (0..100).map(|_| random.draw()).collect::<Vec<_>>()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
    }

    #[test]
    fn rates_are_kept_within_what_chance_allows() {
        let mut random = Random::seeded(1);
        let hits = |random: &mut Random, rate| {
            (0..10_000).filter(|_| random.happens(PerMille(rate))).count()
        };
        assert_eq!(hits(&mut random, 0), 0);
        assert_eq!(hits(&mut random, 1000), 10_000);
        assert!((2_300..2_700).contains(&hits(&mut random, 250)));
    }

    #[test]
    fn bounds_are_kept_and_reached() {
        let mut random = Random::seeded(2);
        let drawn: Vec<_> = (0..1000).map(|_| random.between(3, 5)).collect();
        assert_eq!(drawn.iter().min(), Some(&3));
        assert_eq!(drawn.iter().max(), Some(&5));
        let skewed: Vec<_> = (0..1000).map(|_| random.skewed(100)).collect();
        assert_eq!(skewed.iter().min(), Some(&1));
        assert_eq!(skewed.iter().max(), Some(&100));
    }
}
