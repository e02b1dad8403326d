//! Totals of the stages that were made through the management API, by name; gone with the stage.

use super::families::{self, Family};
use super::render::Page;
use crate::telemetry::metrics::BOUNDS;
use crate::telemetry::stage_counts::{Counts, Durations, OTHER, StageCounts};
use std::collections::{BTreeMap, VecDeque};

/// Stages with series of their own; those beyond count as one, named `other`.
const STAGES_MAX: usize = 1024;

/// Methods with series of their own, of all stages together; those beyond are in their stage's only.
const METHODS_MAX: usize = 4096;

/// Stages that are gone, of which a shard may still send what it counted.
const GONE_MAX: usize = 1024;

/// API and stage.
type Name = (Box<str>, Box<str>);

/// All stages.
#[derive(Debug, Default)]
pub(super) struct Stages {
    by_name: BTreeMap<Name, Series>,
    methods: usize,
    gone: VecDeque<Name>,
}

#[derive(Debug, Default)]
struct Series {
    api: Box<str>,
    all: Counts,
    methods: BTreeMap<Box<str>, Counts>,
}

impl Stages {
    /// Adds what a shard counted.
    pub(super) fn merge(&mut self, counts: &StageCounts) {
        for (name, counts) in counts.rows() {
            let key: Name = (name.api_id.clone(), name.stage.clone());
            if self.gone.contains(&key) {
                continue;
            }
            let is_full = self.by_name.len() >= STAGES_MAX && !self.by_name.contains_key(&key);
            match &name.method {
                Some(_) if is_full => {}
                None => {
                    let key = if is_full { (OTHER.into(), OTHER.into()) } else { key };
                    let series = self.by_name.entry(key).or_default();
                    series.api = if is_full { OTHER.into() } else { name.api.clone() };
                    series.all.absorb(counts);
                }
                Some(method) => {
                    let series = self.by_name.entry(key).or_default();
                    series.api = name.api.clone();
                    if let Some(known) = series.methods.get_mut(method) {
                        known.absorb(counts);
                    } else if self.methods < METHODS_MAX {
                        self.methods += 1;
                        series.methods.insert(method.clone(), counts.clone());
                    }
                }
            }
        }
    }

    /// A stage is gone, and its series with it. How many those were.
    pub(super) fn retire(&mut self, api_id: &str, stage: &str) -> u64 {
        let name: Name = (api_id.into(), stage.into());
        let gone = self.by_name.remove(&name);
        if self.gone.len() >= GONE_MAX {
            self.gone.pop_front();
        }
        self.gone.push_back(name);
        let Some(gone) = gone else { return 0 };
        self.methods -= gone.methods.len();
        1 + gone.methods.len() as u64
    }

    /// A stage is there, perhaps again.
    pub(super) fn appear(&mut self, api_id: &str, stage: &str) {
        self.gone.retain(|(api, name)| **api != *api_id || **name != *stage);
    }
}

impl Page<'_> {
    pub(super) fn stages(&mut self, stages: &Stages) {
        self.family(&families::STAGE_REQUESTS);
        for ((api_id, stage), series) in &stages.by_name {
            let labels = [("api_id", &**api_id), ("api", &*series.api), ("stage", &**stage)];
            self.classes(&families::STAGE_REQUESTS, &labels, &series.all);
        }
        for (family, of) in [
            (&families::STAGE_DURATION, (|counts| &counts.latency) as fn(&Counts) -> &Durations),
            (&families::STAGE_INTEGRATION_DURATION, |counts| &counts.integration_latency),
        ] {
            self.family(family);
            for ((api_id, stage), series) in &stages.by_name {
                let labels = [("api_id", &**api_id), ("api", &*series.api), ("stage", &**stage)];
                self.durations(family, &labels, of(&series.all));
            }
        }
        self.per_method(stages, &families::METHOD_REQUESTS, |page, labels, counts| {
            page.classes(&families::METHOD_REQUESTS, labels, counts);
        });
        self.per_method(stages, &families::METHOD_SECONDS, |page, labels, counts| {
            let seconds = counts.latency.sum_us as f64 / 1e6;
            page.sample(&families::METHOD_SECONDS, labels, seconds);
        });
        self.per_method(stages, &families::METHOD_INTEGRATION_SECONDS, |page, labels, counts| {
            let seconds = counts.integration_latency.sum_us as f64 / 1e6;
            page.sample(&families::METHOD_INTEGRATION_SECONDS, labels, seconds);
        });
    }

    fn per_method(
        &mut self,
        stages: &Stages,
        family: &Family,
        print: fn(&mut Self, &[(&str, &str)], &Counts),
    ) {
        self.family(family);
        for ((api_id, stage), series) in &stages.by_name {
            for (method, counts) in &series.methods {
                let (verb, resource) = method.split_once(' ').unwrap_or((method, ""));
                let labels = [
                    ("api_id", &**api_id),
                    ("api", &*series.api),
                    ("stage", &**stage),
                    ("method", verb),
                    ("resource", resource),
                ];
                print(self, &labels, counts);
            }
        }
    }

    fn classes(&mut self, family: &Family, labels: &[(&str, &str)], counts: &Counts) {
        for (class, count) in counts.classes.iter().enumerate() {
            let text = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"][class];
            if *count > 0 {
                self.sample(family, &[labels, &[("class", text)]].concat(), count);
            }
        }
    }

    fn durations(&mut self, family: &Family, labels: &[(&str, &str)], durations: &Durations) {
        let mut below = 0;
        for ((_, bound), count) in BOUNDS.iter().zip(durations.counts) {
            below += count;
            let labels = [labels, &[("le", *bound)]].concat();
            self.sample_with_suffix(family, "_bucket", &labels, below);
        }
        let count = durations.count();
        let labels_inf = [labels, &[("le", "+Inf")]].concat();
        self.sample_with_suffix(family, "_bucket", &labels_inf, count);
        let sum = durations.sum_us as f64 / 1e6;
        self.sample_with_suffix(family, "_sum", labels, sum);
        self.sample_with_suffix(family, "_count", labels, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::stage_counts::{StageCounter, StageRequest};
    use std::time::Duration;

    fn counted(stages: &[(&str, Option<&str>, u16)]) -> StageCounts {
        let mut counter = StageCounter::new();
        for (stage, method, status) in stages {
            counter.add(&StageRequest {
                api_id: "a1",
                api: "shop",
                stage,
                method: *method,
                status: *status,
                latency: Duration::from_millis(2),
                integration_latency: None,
            });
        }
        counter.take().unwrap()
    }

    fn rendered(stages: &Stages) -> String {
        let mut out = String::new();
        Page::on(&mut out).stages(stages);
        out
    }

    #[test]
    fn counts_add_up_by_name_and_go_with_their_stage() {
        let mut stages = Stages::default();
        stages.merge(&counted(&[("prod", Some("GET /x"), 200), ("prod", None, 503)]));
        stages.merge(&counted(&[("prod", None, 200), ("test", None, 200)]));
        let page = rendered(&stages);
        for line in [
            "ringgate_stage_requests_total{api_id=\"a1\",api=\"shop\",stage=\"prod\",class=\"2xx\"} 2\n",
            "ringgate_stage_requests_total{api_id=\"a1\",api=\"shop\",stage=\"prod\",class=\"5xx\"} 1\n",
            "ringgate_stage_request_duration_seconds_bucket{api_id=\"a1\",api=\"shop\",stage=\"prod\",le=\"0.001\"} 0\n",
            "ringgate_stage_request_duration_seconds_bucket{api_id=\"a1\",api=\"shop\",stage=\"prod\",le=\"0.0025\"} 3\n",
            "ringgate_stage_request_duration_seconds_sum{api_id=\"a1\",api=\"shop\",stage=\"prod\"} 0.006\n",
            "ringgate_stage_integration_duration_seconds_count{api_id=\"a1\",api=\"shop\",stage=\"prod\"} 0\n",
            "ringgate_method_requests_total{api_id=\"a1\",api=\"shop\",stage=\"prod\",method=\"GET\",resource=\"/x\",class=\"2xx\"} 1\n",
            "ringgate_method_request_seconds_total{api_id=\"a1\",api=\"shop\",stage=\"prod\",method=\"GET\",resource=\"/x\"} 0.002\n",
        ] {
            assert!(page.contains(line), "{line}{page}");
        }
        assert_eq!(stages.retire("a1", "prod"), 2);
        assert_eq!(stages.retire("a1", "none"), 0);
        let late = counted(&[("prod", None, 200)]);
        stages.merge(&late);
        assert!(!rendered(&stages).contains("stage=\"prod\""), "it was counted before it went");
        stages.appear("a1", "prod");
        stages.merge(&late);
        assert!(rendered(&stages).contains("stage=\"prod\",class=\"2xx\"} 1\n"));
    }

    #[test]
    fn names_are_bounded() {
        let mut stages = Stages::default();
        let names: Vec<String> = (0..STAGES_MAX + 1).map(|it| format!("s{it:04}")).collect();
        for name in &names {
            stages.merge(&counted(&[(name, None, 200)]));
        }
        assert!(stages.by_name.len() <= STAGES_MAX + 1);
        let page = rendered(&stages);
        assert!(
            page.contains("{api_id=\"other\",api=\"other\",stage=\"other\",class=\"2xx\"} 1\n")
        );
    }
}
