//! Consistent hashing by highest random weight (rendezvous hashing): each target gets a score from
//! the key and its own name, the highest wins. When a target goes, only its own keys move.

use std::hash::{BuildHasher, Hash, Hasher};

/// Fixed keys: every shard, host and restart must choose alike. A client that seeks collisions gains
/// nothing but a target it could have had by any other key.
pub(super) fn hasher() -> ahash::RandomState {
    ahash::RandomState::with_seeds(0x7269_6e67, 0x6761_7465, 0x636f_6e73, 0x6861_7368)
}

/// How much a target wants a key; weighted, so that a target of weight 2 wins twice as often.
pub(super) fn score(state: &ahash::RandomState, key: &[u8], target: &str, weight: u32) -> f64 {
    let mut hasher = state.build_hasher();
    key.hash(&mut hasher);
    target.hash(&mut hasher);
    // 53 bits make a fraction in (0, 1); -weight / ln(fraction) is the logarithmic method.
    let fraction = ((hasher.finish() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    -f64::from(weight) / fraction.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn winner<'t>(key: u32, targets: &[(&'t str, u32)]) -> &'t str {
        let state = hasher();
        targets
            .iter()
            .max_by(|a, b| {
                let score =
                    |target: &(&str, u32)| score(&state, &key.to_be_bytes(), target.0, target.1);
                score(a).total_cmp(&score(b))
            })
            .unwrap()
            .0
    }

    #[test]
    fn only_the_keys_of_a_lost_target_move() {
        let (all, fewer) = ([("a", 1), ("b", 1), ("c", 1)], [("a", 1), ("c", 1)]);
        for key in 0..1000 {
            let before = winner(key, &all);
            if before != "b" {
                assert_eq!(winner(key, &fewer), before);
            }
        }
    }

    #[test]
    fn weights_are_kept() {
        let wins = (0..30_000).filter(|&key| winner(key, &[("a", 2), ("b", 1)]) == "a").count();
        assert!((19_000..21_000).contains(&wins), "{wins} of 30,000 should be about 20,000");
    }
}
