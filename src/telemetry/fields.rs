//! Fields: what ringgate's own log looks like. The names of its fields, how it is switched on, and how
//! a warning that repeats is kept from drowning the rest.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use tracing_subscriber::filter::EnvFilter;

/// The shard's number.
pub const SHARD: &str = "shard";
/// The client connection's number within its shard.
pub const CONNECTION: &str = "connection";
/// The request's id, as in `x-amzn-RequestId`.
pub const REQUEST: &str = "request";
/// The API's name.
pub const API: &str = "api";
/// The stage's name.
pub const STAGE: &str = "stage";
/// The route key.
pub const ROUTE: &str = "route";
/// The upstream's name.
pub const UPSTREAM: &str = "upstream";
/// The status code sent.
pub const STATUS: &str = "status";
/// What went wrong.
pub const ERROR: &str = "error";
/// How many events of the kind were not logged since the last one that was.
pub const SWALLOWED: &str = "swallowed";
/// Where a log's lines go.
pub const DESTINATION: &str = "destination";

/// All names of fields that more than one place uses.
pub const ALL: [&str; 11] = [
    SHARD,
    CONNECTION,
    REQUEST,
    API,
    STAGE,
    ROUTE,
    UPSTREAM,
    STATUS,
    ERROR,
    SWALLOWED,
    DESTINATION,
];

/// The environment variable that overrides the configured filter.
pub const FILTER_VARIABLE: &str = "RINGGATE_LOG";

/// The shape of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; in colour on a terminal.
    Text,
    /// One JSON object per line.
    Json,
}

/// Why the log could not be switched on.
#[derive(Debug, thiserror::Error)]
pub enum LogProblem {
    /// The filter's text is not one.
    #[error(
        "{source_name} `{text}` is no log filter: {reason}; expected a level such as `info` or directives such as `info,ringgate::shard=debug`"
    )]
    Filter {
        /// Whose text it is.
        source_name: &'static str,
        /// The text.
        text: String,
        /// What the parser said.
        reason: String,
    },
    /// Another log was already there.
    #[error("the log was switched on twice")]
    Twice,
}

/// Sends events to standard error, filtered by `RINGGATE_LOG` if it is set and not empty, else by
/// `level` (`tracing` directives, e.g. `info` or `info,ringgate::shard=debug`).
///
/// # Errors
/// When the filter cannot be parsed, or this was called before.
pub fn init_logging(format: LogFormat, level: &str) -> Result<(), LogProblem> {
    let filter = match std::env::var(FILTER_VARIABLE) {
        Ok(text) if !text.trim().is_empty() => parse_filter(FILTER_VARIABLE, &text)?,
        _ => parse_filter("log.level", level)?,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let subscriber: Box<dyn tracing::Subscriber + Send + Sync> = match format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).with_ansi(false).finish()),
    };
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogProblem::Twice)
}

fn parse_filter(source_name: &'static str, text: &str) -> Result<EnvFilter, LogProblem> {
    EnvFilter::try_new(text).map_err(|error| LogProblem::Filter {
        source_name,
        text: text.to_owned(),
        reason: error.to_string(),
    })
}

/// Lets one event per period through and counts the others, for warnings that one broken back end or
/// disk would otherwise repeat for every request.
#[derive(Debug, Clone)]
pub struct RateLimiter {
    period: Duration,
    last: Option<Instant>,
    swallowed: u64,
}

impl RateLimiter {
    /// One event per `period`.
    pub const fn new(period: Duration) -> Self {
        Self { period, last: None, swallowed: 0 }
    }

    /// Whether an event may be logged now: `Some` with how many were swallowed since the last one,
    /// to be logged as [`SWALLOWED`]; `None` when it must be swallowed, which is counted.
    #[inline]
    pub fn allow(&mut self, now: Instant) -> Option<u64> {
        match self.last {
            Some(last) if now.saturating_duration_since(last) < self.period => {
                self.swallowed += 1;
                None
            }
            _ => {
                self.last = Some(now);
                Some(std::mem::take(&mut self.swallowed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_per_period_goes_through_and_says_how_many_did_not() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut limiter = RateLimiter::new(Duration::from_secs(1));
        assert_eq!(limiter.allow(at(0)), Some(0));
        assert_eq!(limiter.allow(at(1)), None);
        assert_eq!(limiter.allow(at(999)), None);
        assert_eq!(limiter.allow(at(1000)), Some(2));
        assert_eq!(limiter.allow(at(1500)), None);
        assert_eq!(limiter.allow(at(9000)), Some(1));
    }

    #[test]
    fn a_wrong_filter_is_named_with_what_was_expected() {
        assert!(parse_filter("log.level", "info,ringgate::shard=debug").is_ok());
        let problem = parse_filter("log.level", "info,ringgate=loud").unwrap_err();
        let text = problem.to_string();
        assert!(text.starts_with("log.level `info,ringgate=loud` is no log filter: "), "{text}");
    }

    #[test]
    fn field_names_are_distinct() {
        let distinct: std::collections::BTreeSet<_> = ALL.into_iter().collect();
        assert_eq!(distinct.len(), ALL.len());
    }
}
