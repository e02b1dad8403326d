//! How HTTPS back ends are called: whom to trust, what to offer.

use super::certificate_files::read_certificates;
use super::insecure::AcceptAnyCertificate;
use super::server::PROTOCOLS;
use super::{CertificateProblem, TlsFault};
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whose certificates back ends must have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Roots {
    /// The host's trusted roots (or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name).
    System,
    /// The roots in this PEM file, and no others.
    Custom(PathBuf),
    /// Nobody's: whatever the back end shows is accepted. Anyone in between can read and change all;
    /// warn about each use.
    Insecure,
}

/// Whom to trust, read once (the host's roots take milliseconds) and shared by the configurations of
/// all shards.
#[derive(Debug, Clone)]
pub struct Trust {
    verifier: Arc<dyn ServerCertVerifier>,
}

impl Trust {
    /// Reads the roots.
    ///
    /// # Errors
    /// The file cannot be read or holds no usable certificate; the host has no trusted roots.
    pub fn load(roots: &Roots) -> Result<Self, CertificateProblem> {
        let verifier = match roots {
            Roots::System => verifier(system_roots()?, Path::new("the host's trusted roots"))?,
            Roots::Custom(file) => verifier(custom_roots(file)?, file)?,
            Roots::Insecure => Arc::new(AcceptAnyCertificate::new()),
        };
        Ok(Self { verifier })
    }

    /// Trusts these roots, read already, and no others.
    ///
    /// # Errors
    /// One of them is unusable.
    pub fn from_roots(
        declared: &[rustls::pki_types::CertificateDer<'static>],
    ) -> Result<Self, CertificateProblem> {
        let name = Path::new("the declared roots");
        let mut roots = RootCertStore::empty();
        for certificate in declared {
            roots.add(certificate.clone()).map_err(|error| bad_root(name, &error))?;
        }
        Ok(Self { verifier: verifier(roots, name)? })
    }
}

fn system_roots() -> Result<RootCertStore, CertificateProblem> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Some hosts have roots that no modern verifier takes; the rest will do.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let detail = found.errors.first();
        return Err(CertificateProblem::NoSystemRoots {
            detail: detail.map_or_else(String::new, |error| format!(" ({error})")),
        });
    }
    Ok(roots)
}

fn custom_roots(file: &Path) -> Result<RootCertStore, CertificateProblem> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(file)? {
        // The operator has named each of these: one that is unusable is a mistake.
        let added = roots.add(certificate);
        added.map_err(|error| bad_root(file, &error))?;
    }
    Ok(roots)
}

fn verifier(
    roots: RootCertStore,
    file: &Path,
) -> Result<Arc<dyn ServerCertVerifier>, CertificateProblem> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let verifier = built.map_err(|error| bad_root(file, &error))?;
    Ok(verifier)
}

fn bad_root(file: &Path, error: &dyn std::error::Error) -> CertificateProblem {
    CertificateProblem::BadRoot { file: file.to_owned(), detail: error.to_string() }
}

/// Sessions that one configuration remembers, at 8 tickets per back end name: 32 names. The oldest
/// name goes when there are more.
const SESSIONS_MAX: usize = 256;

/// The configuration for calling back ends, with a session cache of its own. The cache is behind a
/// mutex: make one configuration per shard (and per [`Trust`]), so that nobody ever waits for it.
/// Keep it over reloads that do not change the trust, or the sessions are lost.
///
/// # Errors
/// When rustls refuses its own defaults: a bug.
pub fn client_config(trust: &Trust) -> Result<Arc<ClientConfig>, TlsFault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&trust.verifier))
        .with_no_client_auth();
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
    // `Session` takes the keys over once the handshake is done.
    config.enable_secret_extraction = true;
    Ok(Arc::new(config))
}
