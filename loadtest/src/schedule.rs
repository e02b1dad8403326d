//! When each request of an open loop is meant to leave, and how many connections a closed loop
//! keeps busy: a quantity that changes in straight lines from stage to stage.
//!
//! A schedule is fixed before the run and never looks at how the service is doing. That is the point
//! of an open loop: a service that stalls does not make its clients stay away, so the time a request
//! waits for a free connection counts as latency, from the moment it was meant to leave.

use std::time::Duration;

/// A quantity over time: requests per second of an open loop, or busy connections of a closed one.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    segments: Vec<Segment>,
}

/// One stage: a straight line.
#[derive(Debug, Clone, PartialEq)]
struct Segment {
    start_s: f64,
    duration_s: f64,
    from: f64,
    to: f64,
    /// Area under all earlier segments: requests meant to leave before this one begins.
    before: f64,
}

impl Segment {
    fn area(&self) -> f64 {
        (self.from + self.to) / 2.0 * self.duration_s
    }
}

/// One stage as declared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// How long it lasts.
    pub duration: Duration,
    /// The quantity at its end.
    pub to: f64,
    /// The quantity at its beginning; absent: where the previous stage ended.
    pub from: Option<f64>,
}

impl Profile {
    /// The same all the time.
    pub fn constant(value: f64, duration: Duration) -> Self {
        Self::stages(value, &[Stage { duration, to: value, from: None }])
    }

    /// Stage after stage, the first from `start`.
    pub fn stages(start: f64, stages: &[Stage]) -> Self {
        let mut segments: Vec<Segment> = Vec::with_capacity(stages.len());
        let mut value = start;
        for stage in stages {
            let (start_s, before) = segments.last().map_or((0.0, 0.0), |last| {
                (last.start_s + last.duration_s, last.before + last.area())
            });
            segments.push(Segment {
                start_s,
                duration_s: stage.duration.as_secs_f64(),
                from: stage.from.unwrap_or(value),
                to: stage.to,
                before,
            });
            value = stage.to;
        }
        Self { segments }
    }

    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        self.segments
            .last()
            .map_or(Duration::ZERO, |last| Duration::from_secs_f64(last.start_s + last.duration_s))
    }

    /// The quantity at a moment; after the end, what it ended with.
    pub fn value_at(&self, offset: Duration) -> f64 {
        let offset_s = offset.as_secs_f64();
        let Some(segment) =
            self.segments.iter().find(|segment| offset_s < segment.start_s + segment.duration_s)
        else {
            return self.segments.last().map_or(0.0, |last| last.to);
        };
        let part = (offset_s - segment.start_s) / segment.duration_s;
        segment.from + (segment.to - segment.from) * part
    }

    /// Whether it never changes.
    pub fn is_constant(&self) -> bool {
        let first = self.segments.first().map(|segment| segment.from);
        self.segments.iter().all(|segment| Some(segment.from) == first && Some(segment.to) == first)
    }

    /// The area under it between two moments: how many requests a rate means.
    pub fn area(&self, from: Duration, to: Duration) -> f64 {
        self.segments
            .iter()
            .map(|segment| {
                let end_s = segment.start_s + segment.duration_s;
                let from_s = from.as_secs_f64().clamp(segment.start_s, end_s);
                let to_s = to.as_secs_f64().clamp(segment.start_s, end_s);
                let slope = (segment.to - segment.from) / segment.duration_s;
                let middle = (from_s + to_s) / 2.0 - segment.start_s;
                (to_s - from_s).max(0.0) * (segment.from + slope * middle)
            })
            .sum()
    }

    /// The largest value it takes.
    pub fn peak(&self) -> f64 {
        self.segments.iter().flat_map(|segment| [segment.from, segment.to]).fold(0.0, f64::max)
    }

    /// How many requests it schedules in all.
    pub fn requests(&self) -> u64 {
        self.segments.last().map_or(0, |last| {
            // The tolerance keeps 0.1 + 0.2 from scheduling a request more than 0.3 does.
            (last.before + last.area() - 1e-6).ceil().max(0.0) as u64
        })
    }

    /// When request `sequence` (from 0) is meant to leave, from the start; `None` after the last.
    ///
    /// `segment` remembers where the previous answer was, because callers ask in rising order.
    pub fn due(&self, sequence: u64, segment: &mut usize) -> Option<Duration> {
        let number = sequence as f64;
        while let Some(current) = self.segments.get(*segment) {
            let inside = number - current.before;
            if inside < current.area() - 1e-6 {
                return Some(Duration::from_secs_f64(current.start_s + time_of(current, inside)));
            }
            *segment += 1;
        }
        None
    }
}

/// Solves `from * t + slope / 2 * t^2 = area` for t, in the form that does not cancel for small
/// slopes and needs no case for slope zero.
fn time_of(segment: &Segment, area: f64) -> f64 {
    if area <= 0.0 {
        return 0.0;
    }
    let slope = (segment.to - segment.from) / segment.duration_s;
    let root = (segment.from * segment.from + 2.0 * slope * area).max(0.0).sqrt();
    (2.0 * area / (segment.from + root)).min(segment.duration_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all_due(profile: &Profile) -> Vec<f64> {
        let mut segment = 0;
        (0..)
            .map_while(|sequence| profile.due(sequence, &mut segment))
            .map(|due| due.as_secs_f64())
            .collect()
    }

    #[test]
    fn a_constant_rate_is_evenly_spaced_from_the_start() {
        let due = all_due(&Profile::constant(1000.0, Duration::from_secs(10)));
        assert_eq!(due.len(), 10_000);
        assert_eq!(due[0], 0.0);
        assert!((due[1] - 0.001).abs() < 1e-9);
        assert!((due[9_999] - 9.999).abs() < 1e-6);
    }

    #[test]
    fn a_ramp_from_nothing_sends_half_of_its_final_rate() {
        let profile = Profile::stages(
            0.0,
            &[Stage { duration: Duration::from_secs(10), to: 100.0, from: None }],
        );
        let due = all_due(&profile);
        assert_eq!(due.len(), 500);
        // Half of the area lies before 10 / sqrt(2) seconds.
        assert!((due[250] - 10.0 / 2_f64.sqrt()).abs() < 1e-6);
        assert_eq!(profile.value_at(Duration::from_secs(5)), 50.0);
        assert_eq!(profile.value_at(Duration::from_secs(50)), 100.0);
    }

    #[test]
    fn a_silent_stage_schedules_nothing_and_the_next_goes_on() {
        let profile = Profile::stages(
            0.0,
            &[
                Stage { duration: Duration::from_secs(1), to: 0.0, from: None },
                Stage { duration: Duration::from_secs(1), to: 10.0, from: Some(10.0) },
            ],
        );
        let due = all_due(&profile);
        assert_eq!(due.len(), 10);
        assert_eq!(due[0], 1.0);
        assert_eq!(profile.peak(), 10.0);
    }

    proptest! {
        /// Whatever the stages: due times rise, stay inside, and are as many as announced.
        #[test]
        fn due_times_rise_and_are_as_many_as_announced(
            stages in prop::collection::vec((1_u64..3000, 0_u32..500), 1..5), start in 0_u32..500,
        ) {
            let stages: Vec<Stage> = stages
                .into_iter()
                .map(|(ms, to)| Stage { duration: Duration::from_millis(ms), to: f64::from(to), from: None })
                .collect();
            let profile = Profile::stages(f64::from(start), &stages);
            let due = all_due(&profile);
            prop_assert!(due.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert!(due.last().is_none_or(|last| *last <= profile.duration().as_secs_f64() + 1e-6));
            prop_assert!((due.len() as i64 - profile.requests() as i64).abs() <= stages.len() as i64);
        }
    }
}
