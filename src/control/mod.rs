//! Control: the one thread beside the shards. It loads and reloads the configuration, binds listeners,
//! resolves names, checks back ends and answers the management listener.
//!
//! Ordinary async crates live here, on a tokio runtime of one thread. It knows `model`, `snapshot` and
//! `telemetry`; shards are to it a [`mailbox`] each and never more. It never touches a request.

pub mod dns;
pub mod endpoints;
pub mod health;
pub mod listeners;
pub mod mailbox;
pub mod port_holder;
pub mod socket_activation;

/// Until `snapshot` and `telemetry` have them.
mod stand_in {
    #[derive(Debug)]
    pub struct Batch;
    #[derive(Debug)]
    pub struct LogBatch;
}
