//! Dice: fast, seeded, not for secrets. A run with `--seed` draws the same requests again.

/// A SplitMix64 generator (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
/// 2014): two multiplications per number, any seed is good.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The generator of this seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    #[inline]
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; zero when the bound is zero. The bias of the multiplication is below
    /// 2^-32 for every bound in use here.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = (high.wrapping_sub(low) as u64).wrapping_add(1);
        let offset = if span == 0 { self.draw() } else { self.below(span) };
        low.wrapping_add(offset as i64)
    }

    /// A number from 0 up to, not including, 1.
    pub fn unit(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_range_come_up_and_nothing_outside() {
        let mut random = Random::new(7);
        let mut seen = [false; 3];
        for _ in 0..200 {
            let number = random.between(-1, 1);
            assert!((-1..=1).contains(&number));
            seen[(number + 1) as usize] = true;
        }
        assert_eq!(seen, [true; 3]);
        assert_eq!(random.between(5, 5), 5);
        random.between(i64::MIN, i64::MAX);
    }

    #[test]
    fn a_seed_draws_the_same_again() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (random.draw(), random.below(1000), random.unit())
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
