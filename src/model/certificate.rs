//! `[[certificate]]`: a chain and its key, chosen by the server name a client asks for.

use std::path::PathBuf;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::Domain;

/// One certificate chain and its private key, as read from the files at load time. Whether key and
/// leaf belong together is found out by the TLS part, which owns the cryptography.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// Server names answered with this chain.
    pub domains: Vec<Domain>,
    /// File of the chain, for messages.
    pub cert_file: PathBuf,
    /// File of the key, for messages.
    pub key_file: PathBuf,
    /// Leaf first, at least one.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key. Shared because it is only read when a TLS configuration is built, never per request.
    pub key: Arc<PrivateKeyDer<'static>>,
}
