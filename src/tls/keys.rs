//! The keys that come after the present ones.

use super::TlsFault;
use rustls::ConnectionTrafficSecrets;
use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;

/// rustls's half of an open connection: it derives the next keys and keeps tickets.
pub(super) enum Keys {
    /// We are the server.
    Server(KernelConnection<ServerConnectionData>),
    /// We are the client.
    Client(KernelConnection<ClientConnectionData>),
}

impl Keys {
    /// The secrets that the peer sends with after its key update.
    pub(super) fn next_receiving(&mut self) -> Result<(u64, ConnectionTrafficSecrets), TlsFault> {
        match self {
            Self::Server(keys) => keys.update_rx_secret(),
            Self::Client(keys) => keys.update_rx_secret(),
        }
        .map_err(TlsFault::Protocol)
    }

    /// The secrets to send with after our key update.
    pub(super) fn next_sending(&mut self) -> Result<(u64, ConnectionTrafficSecrets), TlsFault> {
        match self {
            Self::Server(keys) => keys.update_tx_secret(),
            Self::Client(keys) => keys.update_tx_secret(),
        }
        .map_err(TlsFault::Protocol)
    }
}
