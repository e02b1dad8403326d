//! Functions as clients meet them: the real gateway, real worker processes, what goes wrong with them,
//! and that nothing is left behind.

#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod answers;
mod authorizer_logs;
mod authorizers;
mod bootstrap;
mod code;
mod faults;
#[path = "../gateway/harness/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "shared with the gateway's tests, which use all of it"
)]
mod harness;
mod host;
mod isolation;
mod languages;
mod leaks;
mod load;
mod namespaces;
mod reports;
mod runtimes;
mod streaming;
mod watch;
