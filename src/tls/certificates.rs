//! Certificates by server name.

use std::path::PathBuf;
use std::sync::Arc;

/// One declared certificate: which names it is for and where its files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// Names it is chosen for: `api.example.com`, or `*.example.com` for one label.
    pub domains: Vec<String>,
    /// PEM file: the certificate, then its intermediates.
    pub cert: PathBuf,
    /// PEM file: the private key (PKCS#8, PKCS#1 or SEC1), not encrypted.
    pub key: PathBuf,
}

/// Why a declared certificate, or a file of trusted roots, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateProblem {
    /// The file cannot be read.
    #[error("cannot read `{}`: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
}

/// Something odd about a certificate that is used all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateWarning {
    /// Clients will refuse it.
    #[error("the certificate in `{}` expired", file.display())]
    Expired {
        /// The file.
        file: PathBuf,
    },
}

/// The certificates of all listeners, by server name.
#[derive(Debug)]
pub struct Certificates {}

impl Certificates {
    /// Reads the declared certificates, in order. `now` is the time of day, as time since
    /// 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// All problems, with the index of the declaration.
    pub fn load(
        declared: &[CertificateFiles],
        now: std::time::Duration,
    ) -> Result<(Arc<Self>, Vec<(usize, CertificateWarning)>), Vec<(usize, CertificateProblem)>>
    {
        let _ = (declared, now);
        Ok((Arc::new(Self {}), Vec::new()))
    }
}
