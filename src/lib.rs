//! Ringgate: an API gateway with Amazon API Gateway's model, on io_uring, one reactor per core.
//!
//! The folders follow a request's way from the socket to the answer and back; a lower line may not
//! know an upper one (`tests/architecture.rs` reads the `use` lines and holds this):
//!
//! | folder | what it is |
//! |---|---|
//! | [`cli`] | `serve`, `check`, `routes`, `doctor`: arguments in, exit codes out |
//! | [`control`] | the one control thread: reload, DNS, health checks, management listener |
//! | [`shard`] | one core: accept, connections, upstreams; where HTTP events meet exchanges |
//! | [`exchange`] | one request's phases: admit, route, integrate, respond |
//! | [`snapshot`] | the immutable program that is compiled from the model |
//! | [`model`] | what a user declares: TOML in, checked nouns out |
//! | [`telemetry`] | counters, histograms, access logs |
//! | [`http`] | HTTP/1.1 without sockets: bytes in, events out |
//! | [`tls`] | TLS without sockets: records in, bytes out |
//! | [`ring`] | io_uring: operations, completions, buffers. The only `unsafe` |

pub mod cli;
pub mod control;
pub mod shard;
pub mod exchange;
pub mod snapshot;
pub mod model;
pub mod telemetry;
pub mod http;
pub mod tls;
pub mod ring;
#[cfg(test)]
mod sim;
