//! `[management]`: the listener for management APIs, metrics and health.

use std::fmt;
use std::net::SocketAddr;

/// The management listener. Without credentials it is loopback only: checked when read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Management {
    /// Address; port 0 asks the kernel for a free port.
    pub listen: SocketAddr,
    /// Who may sign management requests.
    pub credentials: Vec<Credential>,
}

/// One key pair that may sign management requests.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The public half, as in a signature's credential scope.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
    /// What it may do.
    pub role: Role,
}

impl fmt::Debug for Credential {
    /// Leaves the secret out, so that no log line can hold it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credential")
            .field("access_key_id", &self.access_key_id)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// What a credential may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// Read only.
    Reader,
}
