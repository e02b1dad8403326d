//! The flags that describe a load, shared by `run` and `find-max`.

use super::Refusal;
use crate::objective::Objective;
use crate::scenario::request::{Body, BodyCheck, Draft as RequestDraft};
use crate::scenario::{
    CONNECTIONS_MAX, Draft, PIPELINING_MAX, Scenario, THREADS_MAX, check, read_file,
};
use crate::template::{Lists, Template};
use crate::units;
use bytes::Bytes;
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to load and how. Flags override the scenario file.
#[derive(Debug, Args)]
pub(super) struct LoadArguments {
    /// A URL, or a scenario file.
    target: String,
    /// Connections kept open, over all threads [default: 64].
    #[arg(short = 'c', long, value_parser = count(CONNECTIONS_MAX))]
    connections: Option<u64>,
    /// Threads, each with a ring of its own [default: 1].
    #[arg(short = 't', long, value_parser = count(THREADS_MAX))]
    threads: Option<u64>,
    /// Cores to pin the threads to, such as `2,3`.
    #[arg(long, value_delimiter = ',', value_name = "CORES")]
    pin: Vec<usize>,
    /// How long to load [default: 10s].
    #[arg(short = 'd', long, value_parser = units::duration)]
    duration: Option<Duration>,
    /// How many requests to send in all.
    #[arg(short = 'n', long, value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,
    /// How long at the beginning nothing is counted.
    #[arg(long, value_parser = units::duration)]
    warmup: Option<Duration>,
    /// A field to send; several times for several. Templates are welcome.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The method [default: GET, or POST with a body].
    #[arg(short = 'm', long)]
    method: Option<String>,
    /// The body, with templates; `@FILE` sends a file as it is.
    #[arg(short = 'b', long)]
    body: Option<String>,
    /// Statuses that are as expected, such as `200,2xx` [default: 200-399].
    #[arg(long, value_name = "STATUSES")]
    expect: Option<String>,
    /// Text that every answer's body must contain.
    #[arg(long, value_name = "TEXT")]
    expect_body: Option<String>,
    /// A new connection for each request.
    #[arg(long)]
    no_keep_alive: bool,
    /// Requests under way on one connection at a time [default: 1].
    #[arg(short = 'p', long, value_parser = count(PIPELINING_MAX))]
    pipelining: Option<u64>,
    /// The longest a request may take [default: 10s].
    #[arg(long, value_parser = units::duration)]
    timeout: Option<Duration>,
    /// The longest a connection may take to be made [default: 5s].
    #[arg(long, value_parser = units::duration)]
    connect_timeout: Option<Duration>,
    /// Draw the same random values again.
    #[arg(long)]
    seed: Option<u64>,
    /// What must be reached, such as `p99<20ms`, `errors<0.1%`; several times for several.
    #[arg(short = 'o', long = "objective", value_name = "OBJECTIVE")]
    objectives: Vec<Objective>,
    /// Accept whatever certificate is shown.
    #[arg(short = 'k', long)]
    insecure: bool,
    /// A PEM file with the roots to trust instead of the system's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The name to ask for and to verify, when it is not the URL's host.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
}

/// A count from 1.
fn count(max: usize) -> clap::builder::RangedU64ValueParser {
    clap::builder::RangedU64ValueParser::new().range(1..=max as u64)
}

impl LoadArguments {
    /// The scenario in the making: the file or URL, changed by the flags.
    pub(super) fn draft(&self) -> Result<Draft, Refusal> {
        let mut draft = if self.target.contains("://") {
            Draft::for_url(&self.target).map_err(|error| Refusal::Usage(error.to_string()))?
        } else if Path::new(&self.target).is_file() {
            read_file(Path::new(&self.target)).map_err(Refusal::Usage)?
        } else {
            return Err(Refusal::Usage(format!(
                "expected a URL such as http://127.0.0.1:8080/ or a scenario file, found `{}`",
                self.target
            )));
        };
        draft.connections = self.connections.map(|count| count as usize).or(draft.connections);
        draft.threads = self.threads.map(|count| count as usize).or(draft.threads);
        draft.pipelining = self.pipelining.map(|count| count as usize).or(draft.pipelining);
        draft.requests_max = self.requests.or(draft.requests_max);
        draft.warmup = self.warmup.or(draft.warmup);
        draft.timeout = self.timeout.or(draft.timeout);
        draft.connect_timeout = self.connect_timeout.or(draft.connect_timeout);
        draft.seed = self.seed.or(draft.seed);
        draft.pin.clone_from(&self.pin);
        if self.duration.is_some() {
            draft.duration = self.duration;
            // One length replaces all stages; the load is then what it begins with.
            draft.rate_stages.clear();
            draft.connection_stages.clear();
        }
        if self.no_keep_alive {
            draft.keep_alive = Some(false);
        }
        if !self.objectives.is_empty() {
            draft.objectives.clone_from(&self.objectives);
        }
        draft.tls.insecure |= self.insecure;
        draft.tls.ca = self.ca.clone().or(draft.tls.ca);
        draft.tls.server_name = self.server_name.clone().or(draft.tls.server_name);
        for header in &self.headers {
            draft.headers.push(parse_header(header)?);
        }
        self.change_request(&mut draft)?;
        Ok(draft)
    }

    /// Method, body and expectation describe the one request; of a scenario with several they would
    /// be ambiguous.
    fn change_request(&self, draft: &mut Draft) -> Result<(), Refusal> {
        let changes = self.method.is_some()
            || self.body.is_some()
            || self.expect.is_some()
            || self.expect_body.is_some();
        if !changes {
            return Ok(());
        }
        if draft.requests.len() > 1 {
            return Err(Refusal::Usage(
                "--method, --body and --expect change the one request; this scenario has several: \
                 change its [[request]]s"
                    .to_owned(),
            ));
        }
        if draft.requests.is_empty() {
            draft.requests.push(RequestDraft::default());
        }
        let Some(request) = draft.requests.first_mut() else {
            return Ok(());
        };
        if let Some(method) = &self.method {
            if !check::is_token(method) {
                return Err(Refusal::Usage(format!("--method: `{method}` is no method")));
            }
            request.method = Some(method.clone());
        }
        if let Some(body) = &self.body {
            request.body = parse_body(body)?;
        }
        if let Some(statuses) = &self.expect {
            request.expect.statuses = check::statuses_of(statuses).ok_or_else(|| {
                Refusal::Usage(format!(
                    "--expect: expected statuses such as 200, 2xx or 200-204, found `{statuses}`"
                ))
            })?;
        }
        if let Some(text) = &self.expect_body {
            request.expect.body = BodyCheck::Contains(Bytes::copy_from_slice(text.as_bytes()));
        }
        Ok(())
    }
}

/// Fills in the defaults.
pub(super) fn finish(draft: Draft) -> Result<Scenario, Refusal> {
    draft.finish().map_err(|error| Refusal::Usage(error.to_string()))
}

fn parse_header(header: &str) -> Result<(String, Template), Refusal> {
    let wrong = |because: String| Refusal::Usage(format!("--header `{header}`: {because}"));
    let (name, value) =
        header.split_once(':').ok_or_else(|| wrong("expected `name: value`".to_owned()))?;
    if !check::is_token(name) {
        return Err(wrong(format!("`{name}` is no field name")));
    }
    if value.contains(['\r', '\n', '\0']) {
        return Err(wrong("a field value cannot hold line ends or NUL".to_owned()));
    }
    let template =
        Template::compile(value.trim(), &Lists::new()).map_err(|error| wrong(error.to_string()))?;
    Ok((name.to_owned(), template))
}

fn parse_body(body: &str) -> Result<Body, Refusal> {
    if let Some(file) = body.strip_prefix('@') {
        return std::fs::read(file)
            .map(|bytes| Body::Fixed(Bytes::from(bytes)))
            .map_err(|error| Refusal::Usage(format!("--body: `{file}` cannot be read: {error}")));
    }
    Template::compile(body, &Lists::new())
        .map(Body::Template)
        .map_err(|error| Refusal::Usage(format!("--body: {error}")))
}
