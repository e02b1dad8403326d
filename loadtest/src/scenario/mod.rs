//! What the user asks for: a scenario file, flags, or both.
//!
//! A file is read into [`written::WrittenScenario`], checked into a [`Draft`] with every problem
//! reported at its place, changed by flags, and finished into a [`Scenario`]. Whoever holds a
//! `Scenario` need not check again.

pub mod target;
pub mod problem;
pub mod written;
pub mod check;
pub mod request;

use crate::objective::Objective;
use crate::schedule::{Profile, Stage};
use crate::template::{Lists, Template, TemplateError};
use request::{HeaderTemplates, Request};
use std::path::PathBuf;
use std::time::Duration;
use target::{Target, TargetError};

pub use check::read_file;
pub use problem::{Problem, render_all};

/// Connections when nobody says how many.
pub const CONNECTIONS_DEFAULT: usize = 64;
/// Enough for any load that one host can generate; beyond it local ports run out.
pub const CONNECTIONS_MAX: usize = 60_000;
/// More threads than any host has cores for.
pub const THREADS_MAX: usize = 256;
/// Deep enough to keep any link full; each costs a few bytes of memory per connection.
pub const PIPELINING_MAX: usize = 1024;
const DURATION_DEFAULT: Duration = Duration::from_secs(10);
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);
/// The end of a run that only ends by its count of requests: 1,000 hours.
const DURATION_MAX: Duration = Duration::from_secs(3_600_000);

/// A scenario, checked and ready to run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The file's name or the URL, for reports.
    pub name: String,
    /// The URL under test.
    pub target: Target,
    /// Requests, drawn by weight; at least one.
    pub requests: Vec<Request>,
    /// Closed or open loop, and how much.
    pub load: Load,
    /// Connections at most, over all threads.
    pub connections: usize,
    /// Threads; at most as many as connections.
    pub threads: usize,
    /// Cores to pin the threads to, in turn.
    pub pin: Vec<usize>,
    /// How many requests to send in all; absent: as many as the time allows.
    pub requests_max: Option<u64>,
    /// How long at the beginning nothing is counted.
    pub warmup: Duration,
    /// Requests under way on one connection.
    pub pipelining: usize,
    /// Whether connections are used again.
    pub keep_alive: bool,
    /// The longest a request may take, from when it is sent.
    pub timeout: Duration,
    /// The longest a connection may take to be made.
    pub connect_timeout: Duration,
    /// What the dice begin with.
    pub seed: u64,
    /// How to speak TLS.
    pub tls: Tls,
    /// What must be reached.
    pub objectives: Vec<Objective>,
}

/// Closed or open loop.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// So many connections send their next request when the last one is answered: finds the highest
    /// throughput, says little about latency, because a slow service is asked less.
    Closed {
        /// Busy connections over time.
        connections: Profile,
    },
    /// Requests leave by the clock, however the service is doing: finds the latency at a given rate.
    Open {
        /// Requests per second over time.
        rate: Profile,
    },
}

impl Load {
    /// How long the load lasts.
    pub fn duration(&self) -> Duration {
        match self {
            Load::Closed { connections } => connections.duration(),
            Load::Open { rate } => rate.duration(),
        }
    }
}

/// How to speak TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Accept whatever certificate is shown.
    pub insecure: bool,
    /// A PEM file with the roots to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// The name to ask for and to verify, when it is not the target's host.
    pub server_name: Option<String>,
}

/// A scenario in the making: what file and flags say, before defaults.
#[derive(Debug, Default)]
pub struct Draft {
    /// For reports.
    pub name: String,
    /// The URL under test.
    pub target: Option<Target>,
    /// Requests; none: `GET` of the target.
    pub requests: Vec<request::Draft>,
    /// Fields of every request.
    pub headers: HeaderTemplates,
    /// As in the file.
    pub connections: Option<usize>,
    /// As in the file.
    pub threads: Option<usize>,
    /// Cores to pin the threads to.
    pub pin: Vec<usize>,
    /// As in the file.
    pub duration: Option<Duration>,
    /// As in the file.
    pub requests_max: Option<u64>,
    /// As in the file.
    pub warmup: Option<Duration>,
    /// Requests per second.
    pub rate: Option<f64>,
    /// Stages of the rate (open loop).
    pub rate_stages: Vec<Stage>,
    /// Stages of the busy connections (closed loop).
    pub connection_stages: Vec<Stage>,
    /// As in the file.
    pub pipelining: Option<usize>,
    /// As in the file.
    pub keep_alive: Option<bool>,
    /// As in the file.
    pub timeout: Option<Duration>,
    /// As in the file.
    pub connect_timeout: Option<Duration>,
    /// As in the file.
    pub seed: Option<u64>,
    /// As in the file.
    pub tls: Tls,
    /// As in the file.
    pub objectives: Vec<Objective>,
}

/// Why a draft is no scenario. Only flags lead here: a file's own contradictions are reported with
/// their places before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// Nothing to call.
    #[error("no target: give a URL, or `target = \"http://…\"` in the scenario")]
    NoTarget,
    /// Not a URL.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A template in the URL.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Warm-up eats the run.
    #[error("the warm-up ({warmup:?}) must be shorter than the run ({duration:?})")]
    WarmupTooLong {
        /// As asked for.
        warmup: Duration,
        /// As asked for.
        duration: Duration,
    },
    /// Without keep-alive there is nothing to pipeline on.
    #[error("pipelining needs keep-alive")]
    PipeliningWithoutKeepAlive,
}

impl Draft {
    /// A draft for one URL, whose path may be a template.
    ///
    /// # Errors
    /// When it is not a URL, or the template does not compile.
    pub fn for_url(url: &str) -> Result<Self, DraftError> {
        let mut draft = Self { name: url.to_owned(), ..Self::default() };
        let Some(template) = url.find("{{") else {
            draft.target = Some(Target::parse(url)?);
            return Ok(draft);
        };
        let authority = url.find("://").map_or(0, |scheme| scheme + 3);
        let path = url[authority..].find('/').map_or(url.len(), |slash| authority + slash);
        if path > template {
            // Scheme and host do not change from one request to the next.
            draft.target = Some(Target::parse(url)?);
            return Ok(draft);
        }
        draft.target = Some(Target::parse(&url[..path])?);
        draft.requests.push(request::Draft {
            path: Template::compile(&url[path..], &Lists::new())?,
            path_text: url[path..].to_owned(),
            ..request::Draft::default()
        });
        Ok(draft)
    }

    /// Fills in the defaults.
    ///
    /// # Errors
    /// When parts contradict each other.
    pub fn finish(self) -> Result<Scenario, DraftError> {
        let target = self.target.ok_or(DraftError::NoTarget)?;
        let keep_alive = self.keep_alive.unwrap_or(true);
        let pipelining = self.pipelining.unwrap_or(1);
        if pipelining > 1 && !keep_alive {
            return Err(DraftError::PipeliningWithoutKeepAlive);
        }
        let duration = match (self.duration, self.requests_max) {
            (Some(duration), _) => duration,
            (None, Some(_)) => DURATION_MAX,
            (None, None) => DURATION_DEFAULT,
        };
        let mut connections = self.connections.unwrap_or(CONNECTIONS_DEFAULT);
        let load = if !self.rate_stages.is_empty() {
            Load::Open { rate: Profile::stages(self.rate.unwrap_or(0.0), &self.rate_stages) }
        } else if let Some(rate) = self.rate {
            Load::Open { rate: Profile::constant(rate, duration) }
        } else if !self.connection_stages.is_empty() {
            // `connections` is what the first stage begins with, as `rate` is for an open loop.
            let start = self.connections.map_or(1.0, |connections| connections as f64);
            let profile = Profile::stages(start, &self.connection_stages);
            connections = (profile.peak().ceil() as usize).max(1);
            Load::Closed { connections: profile }
        } else {
            Load::Closed { connections: Profile::constant(connections as f64, duration) }
        };
        let warmup = self.warmup.unwrap_or_default();
        if warmup >= load.duration() {
            return Err(DraftError::WarmupTooLong { warmup, duration: load.duration() });
        }
        let mut drafts = self.requests;
        if drafts.is_empty() {
            drafts.push(request::Draft::default());
        }
        let requests = drafts
            .into_iter()
            .map(|mut draft| {
                prefix_path(&mut draft, &target.path);
                Request::compile(draft, &target.authority, &self.headers, keep_alive)
            })
            .collect();
        Ok(Scenario {
            name: self.name,
            requests,
            load,
            connections,
            threads: self.threads.unwrap_or(1).min(connections),
            pin: self.pin,
            requests_max: self.requests_max,
            warmup,
            pipelining,
            keep_alive,
            timeout: self.timeout.unwrap_or(TIMEOUT_DEFAULT),
            connect_timeout: self.connect_timeout.unwrap_or(CONNECT_TIMEOUT_DEFAULT),
            seed: self.seed.unwrap_or_else(crate::host::entropy),
            tls: self.tls,
            objectives: self.objectives,
            target,
        })
    }
}

/// Puts the target's own path before a request's: `http://host/base` and `/items` make
/// `/base/items`. A request without a path is the target itself.
fn prefix_path(draft: &mut request::Draft, base: &str) {
    let prefix = if draft.path_text.is_empty() {
        base
    } else {
        base.split('?').next().unwrap_or_default().trim_end_matches('/')
    };
    let mut path = Template::literal(prefix);
    path.append(std::mem::take(&mut draft.path));
    draft.path = path;
    draft.path_text.insert_str(0, prefix);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_alone_is_a_scenario() {
        let scenario = Draft::for_url("http://h/a?b").unwrap().finish().unwrap();
        assert_eq!(scenario.requests[0].name, "GET /a?b");
        assert_eq!(scenario.connections, CONNECTIONS_DEFAULT);
        assert_eq!(scenario.load.duration(), DURATION_DEFAULT);
        assert!(matches!(scenario.load, Load::Closed { .. }));
    }

    #[test]
    fn a_url_may_have_templates_in_its_path() {
        let scenario = Draft::for_url("http://h:1/a/{{counter}}?b={{random 1 2}}");
        let scenario = scenario.unwrap().finish().unwrap();
        assert_eq!(scenario.requests[0].name, "GET /a/{{counter}}?b={{random 1 2}}");
        assert_eq!(scenario.target.authority, "h:1");
        assert!(matches!(Draft::for_url("http://h/{{x}}"), Err(DraftError::Template(_))));
        assert!(Draft::for_url("http://{{counter}}/").is_err());
    }

    #[test]
    fn threads_are_never_more_than_connections() {
        let mut draft = Draft::for_url("http://h/").unwrap();
        draft.threads = Some(8);
        draft.connections = Some(3);
        assert_eq!(draft.finish().unwrap().threads, 3);
    }

    #[test]
    fn a_count_alone_has_no_end_in_time() {
        let mut draft = Draft::for_url("http://h/").unwrap();
        draft.requests_max = Some(5);
        assert_eq!(draft.finish().unwrap().load.duration(), DURATION_MAX);
    }

    #[test]
    fn contradictions_are_refused() {
        let mut draft = Draft::for_url("http://h/").unwrap();
        draft.warmup = Some(DURATION_DEFAULT);
        assert!(matches!(draft.finish(), Err(DraftError::WarmupTooLong { .. })));
        let mut draft = Draft::for_url("http://h/").unwrap();
        draft.pipelining = Some(2);
        draft.keep_alive = Some(false);
        assert_eq!(draft.finish().unwrap_err(), DraftError::PipeliningWithoutKeepAlive);
    }
}
