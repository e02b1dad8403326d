//! The certificate of the TLS cases: made new for each run, ECDSA on P-256 as most sites serve today,
//! trusted by nobody but this run's own check.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// The name in the certificate; the load generator and the check connect under it.
pub(crate) const NAME: &str = "localhost";

/// The certificate in the forms that the proxies and the checking client want.
pub(crate) struct Certificate {
    /// Chain as PEM.
    pub(crate) chain: PathBuf,
    /// Private key as PEM (PKCS #8).
    pub(crate) key: PathBuf,
    /// Chain and key in one file, as HAProxy wants it.
    pub(crate) bundle: PathBuf,
    /// A client that trusts it.
    pub(crate) client: Arc<ClientConfig>,
}

impl Certificate {
    /// Makes one and writes its files into `folder`.
    pub(crate) fn generate(folder: &Path) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])
            .context("cannot make a certificate")?;
        let (chain_pem, key_pem) = (made.cert.pem(), made.signing_key.serialize_pem());
        let files = [("peers.pem", chain_pem.clone()), ("peers.key", key_pem.clone())];
        let bundle = ("bundle.pem", chain_pem + &key_pem);
        for (name, pem) in files.into_iter().chain([bundle]) {
            let path = folder.join(name);
            fs::write(&path, pem).with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        Ok(Self {
            chain: folder.join("peers.pem"),
            key: folder.join("peers.key"),
            bundle: folder.join("bundle.pem"),
            client: client(made.cert.der().clone())?,
        })
    }
}

/// A client as close to the load generator's as rustls gets: X25519 only (wrk's OpenSSL offers no
/// post-quantum group, which would make a handshake here dearer than one in the measurement), and no
/// resumption, so that each handshake is a whole one.
fn client(trusted: CertificateDer<'static>) -> Result<Arc<ClientConfig>> {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    let mut roots = RootCertStore::empty();
    roots.add(trusted).context("cannot trust the certificate just made")?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .context("cannot set up a TLS client")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}
