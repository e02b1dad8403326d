//! One declared certificate: its files are read, and what is wrong with them is said in the operator's
//! words. Runs on the control thread only.

use super::validity::Validity;
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, DnsName, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, InconsistentKeys};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One declared certificate: which names it is for and where its files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// Names it is chosen for: `api.example.com`, or `*.example.com` for one label. One name may have
    /// two certificates with keys of different kinds (ECDSA and RSA): the first that the client can
    /// check is chosen.
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
        error: io::Error,
    },
    /// The file is larger than any certificate.
    #[error("`{}` has more than {} bytes: not a certificate or key", file.display(), FILE_BYTES_MAX)]
    TooLarge {
        /// The file.
        file: PathBuf,
    },
    /// The file is no PEM.
    #[error("`{}` is not valid PEM: {detail}", file.display())]
    BadPem {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A certificate was expected.
    #[error("`{}` holds no certificate: expected `-----BEGIN CERTIFICATE-----`", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// The file's first certificate is unusable.
    #[error("the first certificate in `{}` cannot be used: {detail}", file.display())]
    BadCertificate {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A private key was expected.
    #[error("`{}` holds no private key: expected `-----BEGIN PRIVATE KEY-----`", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// The key needs a passphrase.
    #[error("the private key in `{}` is encrypted: decrypt it with `openssl pkey`", file.display())]
    EncryptedKey {
        /// The file.
        file: PathBuf,
    },
    /// The key is of a kind that TLS cannot use.
    #[error("the private key in `{}` cannot be used: {detail}", file.display())]
    BadKey {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// Certificate and key do not belong together.
    #[error(
        "the private key in `{}` does not belong to the first certificate in `{}`",
        key.display(), cert.display()
    )]
    KeyMismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate is declared for no name.
    #[error("`{}` is declared for no domain", cert.display())]
    NoDomain {
        /// The certificate's file.
        cert: PathBuf,
    },
    /// Not a name that a client could ask for.
    #[error("`{domain}` is not a domain name: expected `api.example.com` or `*.example.com`")]
    BadDomain {
        /// As written.
        domain: String,
    },
    /// Two certificates with the same kind of key for one name.
    #[error("`{domain}` has a certificate with the same kind of key already, in `{}`", first.display())]
    DuplicateDomain {
        /// The name.
        domain: String,
        /// The certificate that was declared first.
        first: PathBuf,
    },
    /// A certificate to be trusted is unusable.
    #[error("a trusted root in `{}` cannot be used: {detail}", file.display())]
    BadRoot {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The host trusts nobody.
    #[error("the host has no trusted root certificates{detail}: install `ca-certificates`")]
    NoSystemRoots {
        /// What the search ran into, or nothing.
        detail: String,
    },
}

/// Something odd about a certificate that is used all the same: the clients decide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateWarning {
    /// Clients refuse it.
    #[error("the certificate in `{}` expired at {at}", file.display())]
    Expired {
        /// The file.
        file: PathBuf,
        /// When, as RFC 3339 has it.
        at: String,
    },
    /// Clients will refuse it within [`EXPIRY_NOTICE`].
    #[error("the certificate in `{}` expires soon, at {at}", file.display())]
    ExpiresSoon {
        /// The file.
        file: PathBuf,
        /// When, as RFC 3339 has it.
        at: String,
    },
    /// Clients refuse it yet.
    #[error("the certificate in `{}` is not valid before {at}", file.display())]
    NotYetValid {
        /// The file.
        file: PathBuf,
        /// From when on, as RFC 3339 has it.
        at: String,
    },
    /// Clients that ask for this name refuse it.
    #[error("the certificate in `{}` is not made out for `{domain}`", file.display())]
    WrongName {
        /// The file.
        file: PathBuf,
        /// The declared name.
        domain: String,
    },
}

/// How long before a certificate's end a warning begins: automatic renewal comes some 30 days before.
pub const EXPIRY_NOTICE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The largest PEM file that is read. Chains have some 10 KiB, the system's roots 250 KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The certificates in a PEM file, at least one.
pub(super) fn read_certificates(
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, CertificateProblem> {
    let text = read_file(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| bad_pem(file, &error))?;
    if found.is_empty() {
        return Err(CertificateProblem::NoCertificate { file: file.to_owned() });
    }
    Ok(found)
}

/// The chain and its key, which belong together.
pub(super) fn read(
    files: &CertificateFiles,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, CertificateProblem> {
    let chain = read_certificates(&files.cert)?;
    let key = read_key(&files.key)?;
    let key = provider.key_provider.load_private_key(key);
    let key = key.map_err(|error| CertificateProblem::BadKey {
        file: files.key.clone(),
        detail: error.to_string(),
    })?;
    let key = CertifiedKey::new(chain, key);
    match key.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(key),
        Err(Error::InconsistentKeys(_)) => Err(CertificateProblem::KeyMismatch {
            cert: files.cert.clone(),
            key: files.key.clone(),
        }),
        Err(error) => Err(CertificateProblem::BadCertificate {
            file: files.cert.clone(),
            detail: error.to_string(),
        }),
    }
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, CertificateProblem> {
    let text = read_file(file)?;
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(_) if contains(&text, b"Proc-Type: 4,ENCRYPTED") => {
            Err(CertificateProblem::EncryptedKey { file: file.to_owned() })
        }
        Ok(key) => Ok(key),
        Err(_) if contains(&text, b"ENCRYPTED") => {
            Err(CertificateProblem::EncryptedKey { file: file.to_owned() })
        }
        Err(pem::Error::NoItemsFound) => Err(CertificateProblem::NoKey { file: file.to_owned() }),
        Err(error) => Err(bad_pem(file, &error)),
    }
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(text, wanted).is_some()
}

fn read_file(file: &Path) -> Result<Vec<u8>, CertificateProblem> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|open| {
        let mut limited = open.take(FILE_BYTES_MAX + 1);
        limited.read_to_end(&mut bytes)
    });
    match read {
        Err(error) => Err(CertificateProblem::Unreadable { file: file.to_owned(), error }),
        Ok(count) if count as u64 > FILE_BYTES_MAX => {
            Err(CertificateProblem::TooLarge { file: file.to_owned() })
        }
        Ok(_) => Ok(bytes),
    }
}

/// Says what is wrong without the file's content: it may be a key.
fn bad_pem(file: &Path, error: &pem::Error) -> CertificateProblem {
    let detail = match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no end line",
        pem::Error::IllegalSectionStart { .. } => "a section's first line is broken",
        pem::Error::Base64Decode(_) => "a section is not base64",
        _ => "it cannot be read",
    };
    CertificateProblem::BadPem { file: file.to_owned(), detail: detail.to_owned() }
}

/// Whether a client could ask for this name, or, for a wildcard, for names below it.
pub(super) fn is_domain(name: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    !name.ends_with('.') && DnsName::try_from(name).is_ok()
}

/// What clients will not like about it.
pub(super) fn warnings_of(
    files: &CertificateFiles,
    key: &CertifiedKey,
    now: Duration,
) -> Vec<CertificateWarning> {
    let mut warnings = Vec::new();
    let Some(certificate) = key.cert.first() else {
        return warnings;
    };
    let file = || files.cert.clone();
    if let Some(validity) = Validity::of(certificate) {
        let Validity { not_before, not_after } = validity;
        if not_after <= now {
            let at = rfc3339(not_after);
            warnings.push(CertificateWarning::Expired { file: file(), at });
        } else if not_after <= now + EXPIRY_NOTICE {
            let at = rfc3339(not_after);
            warnings.push(CertificateWarning::ExpiresSoon { file: file(), at });
        }
        if not_before > now {
            let at = rfc3339(not_before);
            warnings.push(CertificateWarning::NotYetValid { file: file(), at });
        }
    }
    if let Ok(parsed) = ParsedCertificate::try_from(certificate) {
        for domain in files.domains.iter().filter(|domain| is_domain(domain)) {
            // A wildcard is as good as any name below it.
            let asked = domain.replacen('*', "a", 1);
            let Ok(asked) = ServerName::try_from(asked) else {
                continue;
            };
            let verified = verify_server_name(&parsed, &asked);
            if let Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) = verified
            {
                let domain = domain.clone();
                warnings.push(CertificateWarning::WrongName { file: file(), domain });
            }
        }
    }
    warnings
}

fn rfc3339(time: Duration) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| "a time beyond the calendar".to_owned(), |at| at.to_string())
}
