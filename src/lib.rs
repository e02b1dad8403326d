//! Ringgate: an API gateway with Amazon API Gateway's model, on io_uring, one reactor per core.
//!
//! Who knows whom goes downwards: a line of this table may use those below it and never one above.
//! `tests/architecture.rs` reads the `use` lines and holds this, path by path. A request's way goes up
//! from the ring to the exchange and down again; `docs/architecture.md` tells it.
//!
//! | folder | what it is |
//! |---|---|
//! | [`cli`] | `serve`, `check`, `routes`, `doctor`, `store`: arguments in, exit codes out |
//! | [`shard`] | one core: accept, connections, upstreams; where HTTP events meet exchanges |
//! | [`control`] | the one control thread: reload, DNS, health checks, management listener |
//! | [`management`] | the management API: one function per operation, the audit of every write |
//! | [`explain`] | what a request meets, phase by phase, told to people |
//! | [`verify`] | mistakes in templates, found when they are deployed |
//! | [`exchange`] | one request's phases: admit, route, integrate, respond |
//! | [`snapshot`] | the immutable program that is compiled from the model |
//! | [`model`] | what a user declares: TOML in, checked nouns out |
//! | [`resources`] | what a user made through the management API: typed nouns, drafts, history |
//! | [`store`] | where those are kept: rows in SQLite or PostgreSQL |
//! | [`template`] | mapping templates (VTL): text in, compiled program out |
//! | [`runtimes`] | what runs a function's code: interpreters, and the loops that they run |
//! | [`aws`] | AWS's conventions: signatures, faults, identifiers, shapes |
//! | [`telemetry`] | counters, histograms, access logs |
//! | [`http`] | HTTP/1.1 without sockets: bytes in, events out |
//! | [`tls`] | TLS without sockets: records in, bytes out |
//! | [`ring`] | io_uring: operations, completions, buffers. The only `unsafe` |

pub mod cli;
pub mod shard;
pub mod control;
pub mod management;
pub mod explain;
pub mod verify;
pub mod exchange;
pub mod snapshot;
pub mod model;
pub mod resources;
pub mod store;
pub mod template;
pub mod runtimes;
pub mod aws;
pub mod telemetry;
pub mod http;
pub mod tls;
pub mod ring;
#[cfg(test)]
mod sim;
