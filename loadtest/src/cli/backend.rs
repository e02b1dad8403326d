//! `backend`: starts the built-in back end, prints its address, serves until interrupted.

use super::Refusal;
use super::run::print;
use crate::backend::behaviour::{
    Behaviour, Delay, Fault, Framing, fault_with_share, framing, size, statuses,
};
use crate::backend::{Backend, BackendFault, BackendSettings};
use crate::host;
use crate::units;
use clap::Args;
use ringgate::tls::CertificateFiles;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The query of a request changes what the flags say, for that request:
/// `/?size=16KiB&delay=10ms&fault=reset_body&status=503&framing=chunked`.
#[derive(Debug, Args)]
#[command(after_long_help = faults_help())]
pub(super) struct BackendArguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Threads, each with a ring of its own.
    #[arg(short = 't', long, default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Cores to pin the threads to, such as `2,3`.
    #[arg(long, value_delimiter = ',', value_name = "CORES")]
    pin: Vec<usize>,
    /// Bytes of body: `27`, `16KiB`, or a range `100..16KiB`.
    #[arg(long, default_value = "27", value_parser = size)]
    size: (usize, usize),
    /// Wait before the answer: `5ms`, `1ms..20ms`, `exp:5ms`, `normal:10ms:2ms`.
    #[arg(long, default_value = "0")]
    delay: Delay,
    /// `200`, or a mix with weights: `200:98,503:2`.
    #[arg(long, default_value = "200", value_parser = statuses_list)]
    status: Statuses,
    /// `length`, `chunked` or `close`.
    #[arg(long, default_value = "length", value_parser = framing)]
    framing: Framing,
    /// A fault and the share of requests that it hits: `reset:1%`; several times for several.
    #[arg(long = "fault", value_name = "FAULT[:SHARE]", value_parser = fault_with_share)]
    faults: Vec<(Fault, f64)>,
    /// A field to add to every answer.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Bytes at a time for `trickle`.
    #[arg(long, default_value = "1", value_parser = units::size)]
    trickle_bytes: usize,
    /// How often for `trickle`.
    #[arg(long, default_value = "10ms", value_parser = units::duration)]
    trickle_every: Duration,
    /// Draw the same delays, sizes and faults again.
    #[arg(long)]
    seed: Option<u64>,
    /// Speak TLS with this certificate chain (PEM).
    #[arg(long, requires = "tls_key", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM).
    #[arg(long, requires = "tls_cert", value_name = "FILE")]
    tls_key: Option<PathBuf>,
}

/// A list that clap does not take for repeated flags.
#[derive(Debug, Clone)]
struct Statuses(Vec<(u16, u64)>);

fn statuses_list(text: &str) -> Result<Statuses, String> {
    statuses(text).map(Statuses)
}

fn faults_help() -> String {
    let mut text = "Faults:\n".to_owned();
    for (_, name, meaning) in Fault::ALL {
        text.push_str(&format!("  {name:<20}{meaning}\n"));
    }
    text.push_str("\nPaths: /echo answers with the request as it was seen (JSON), /stats with counts, /down?for=2s closes the listeners for a while.");
    text
}

pub(super) fn run(arguments: &BackendArguments) -> Result<ExitCode, Refusal> {
    let headers = arguments.headers.iter().map(|header| {
        let (name, value) = header.split_once(':').ok_or_else(|| {
            Refusal::Usage(format!("--header `{header}`: expected `name: value`"))
        })?;
        Ok((name.to_owned(), value.trim().to_owned()))
    });
    let shares: f64 = arguments.faults.iter().map(|(_, share)| share).sum();
    if shares > 1.0 + 1e-9 {
        return Err(Refusal::Usage(format!(
            "--fault: the shares add up to {}, expected at most 100 %",
            units::write_share(shares)
        )));
    }
    let behaviour = Behaviour {
        statuses: arguments.status.0.clone(),
        size: arguments.size,
        delay: arguments.delay,
        framing: arguments.framing,
        faults: arguments.faults.clone(),
        headers: headers.collect::<Result<_, Refusal>>()?,
        trickle_bytes: arguments.trickle_bytes.max(1),
        trickle_every: arguments.trickle_every,
        ..Behaviour::default()
    };
    let tls = match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(cert), Some(key)) => Some(CertificateFiles {
            domains: vec!["localhost".to_owned()],
            cert: cert.clone(),
            key: key.clone(),
        }),
        _ => None,
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let interrupted = host::watch_interrupts().map_err(|error| Refusal::Host(error.to_string()))?;
    // As many as there may be: who connects is not ours to say.
    let _ = host::raise_descriptor_limit(crate::scenario::CONNECTIONS_MAX);
    let backend = Backend::start(BackendSettings {
        listen: arguments.listen,
        threads: usize::from(arguments.threads),
        pin: arguments.pin.clone(),
        behaviour,
        seed: arguments.seed.unwrap_or_else(host::entropy),
        tls,
    })
    .map_err(|fault| match fault {
        BackendFault::Tls(text) => Refusal::Usage(text),
        fault => Refusal::Host(fault.to_string()),
    })?;
    print(&format!("listening on {scheme}://{}\n", backend.address()));
    while !host::is_interrupted(&interrupted) {
        std::thread::park_timeout(Duration::from_millis(100));
    }
    Ok(ExitCode::SUCCESS)
}
