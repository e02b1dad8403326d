//! Medians with their spread: few rounds on a noisy machine, so no means and no deviations.

use serde::Serialize;

/// The middle of several rounds, and how far they lay apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// Middle round; with an even number of rounds the mean of the two in the middle.
    pub(crate) median: f64,
    /// Lowest round.
    pub(crate) min: f64,
    /// Highest round.
    pub(crate) max: f64,
    /// Every round, in the order of the run.
    pub(crate) rounds: Vec<f64>,
}

impl Spread {
    /// `None` without any round.
    pub(crate) fn of(rounds: impl IntoIterator<Item = f64>) -> Option<Self> {
        let rounds: Vec<f64> = rounds.into_iter().collect();
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Self { median, min, max, rounds })
    }

    /// Round by round `mine / theirs`, then the middle of those: both sides of one round saw the same
    /// mood of the machine. Rounds that one side lacks at the end do not count.
    pub(crate) fn ratio(mine: &Self, theirs: &Self) -> Option<Self> {
        let pairs = mine.rounds.iter().zip(&theirs.rounds);
        Self::of(pairs.filter(|(_, theirs)| **theirs > 0.0).map(|(mine, theirs)| mine / theirs))
    }

    /// Distance of the extremes from each other, as a share of the median.
    pub(crate) fn noise(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.max - self.min) / self.median }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    fn spread(rounds: &[f64]) -> Spread {
        Spread::of(rounds.iter().copied()).expect("the rounds are not empty")
    }

    #[test]
    fn the_median_of_an_odd_number_of_rounds_is_the_middle_one() {
        let found = spread(&[9.0, 1.0, 5.0]);
        assert_eq!((found.min, found.median, found.max), (1.0, 5.0, 9.0));
        assert_eq!(found.rounds, [9.0, 1.0, 5.0], "the order of the run is kept");
    }

    #[test]
    fn the_median_of_an_even_number_of_rounds_lies_between_the_middle_two() {
        assert_eq!(spread(&[4.0, 1.0, 2.0, 100.0]).median, 3.0);
        assert_eq!(spread(&[7.0]).median, 7.0);
    }

    #[test]
    fn no_rounds_have_no_median() {
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_ratio_is_taken_inside_each_round() {
        // The machine was twice as slow in the second round; the ratio must not notice.
        let ratio = Spread::ratio(&spread(&[2.0, 4.0, 2.2]), &spread(&[4.0, 8.0, 4.0]))
            .expect("three pairs");
        assert_eq!(ratio.median, 0.5);
        assert!((ratio.max - 0.55).abs() < 1e-9 && ratio.min == 0.5);
    }

    #[test]
    fn a_ratio_ignores_rounds_that_one_side_lacks_or_that_would_divide_by_zero() {
        let ratio = Spread::ratio(&spread(&[1.0, 1.0, 1.0]), &spread(&[2.0, 0.0])).expect("one");
        assert_eq!(ratio.rounds, [0.5]);
        assert_eq!(Spread::ratio(&spread(&[1.0]), &spread(&[0.0])), None);
    }

    #[test]
    fn noise_is_the_span_over_the_median() {
        assert!((spread(&[9.0, 10.0, 12.0]).noise() - 0.3).abs() < 1e-9);
        assert_eq!(spread(&[0.0]).noise(), 0.0);
    }
}
