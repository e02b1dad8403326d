//! Certificates by server name.
//!
//! Read on the control thread, then shared by the configurations of all shards and never changed: a
//! reload makes new ones for new handshakes, open connections keep theirs. Whoever holds
//! [`Certificates`] holds certificates whose keys fit and whose files could be read.

use super::certificate_files::{
    CertificateFiles, CertificateProblem, CertificateWarning, is_domain, read, warnings_of,
};
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The certificates of all listeners, by server name.
///
/// An exact name comes before a wildcard, a wildcard stands for exactly one label (as for Amazon's
/// custom domain names). A client that asks for a name nobody declared, or for none, gets the first
/// declared certificate: it may know the gateway by address. Amazon ends such a handshake; here the
/// HTTP layer answers for unknown hosts. Without any certificate every handshake fails with an alert.
#[derive(Default)]
pub struct Certificates {
    exact: BTreeMap<String, Vec<Arc<CertifiedKey>>>,
    /// By what follows `*.`.
    wildcard: BTreeMap<String, Vec<Arc<CertifiedKey>>>,
    default: Vec<Arc<CertifiedKey>>,
}

impl Certificates {
    /// Reads the declared certificates, in order. `now` is the time of day, as time since
    /// 1970-01-01T00:00:00Z. None declared is fine.
    ///
    /// # Errors
    /// All problems, each with the index of its declaration.
    #[expect(
        clippy::type_complexity,
        reason = "both sides are lists by index of declaration, and used once"
    )]
    pub fn load(
        declared: &[CertificateFiles],
        now: Duration,
    ) -> Result<(Arc<Self>, Vec<(usize, CertificateWarning)>), Vec<(usize, CertificateProblem)>>
    {
        let provider = aws_lc_rs::default_provider();
        let mut certificates = Self::default();
        let mut files = BTreeMap::new();
        let mut warnings = Vec::new();
        let mut problems = Vec::new();
        for (index, declared) in declared.iter().enumerate() {
            let key = match read(declared, &provider) {
                Ok(key) => {
                    let found = warnings_of(declared, &key, now);
                    warnings.extend(found.into_iter().map(|warning| (index, warning)));
                    Some(Arc::new(key))
                }
                Err(problem) => {
                    problems.push((index, problem));
                    None
                }
            };
            let checked = certificates.declare(declared, key.as_ref(), &mut files);
            problems.extend(checked.into_iter().map(|problem| (index, problem)));
        }
        if problems.is_empty() { Ok((Arc::new(certificates), warnings)) } else { Err(problems) }
    }

    /// Certificates that were read already: names, chain (leaf first) and key of each, in order.
    ///
    /// # Errors
    /// The first key that is unusable or does not belong to its chain.
    pub fn from_parsed<'c>(
        parsed: impl IntoIterator<
            Item = (
                Vec<String>,
                &'c [rustls::pki_types::CertificateDer<'static>],
                &'c rustls::pki_types::PrivateKeyDer<'static>,
            ),
        >,
    ) -> Result<Arc<Self>, rustls::Error> {
        let provider = aws_lc_rs::default_provider();
        let mut certificates = Self::default();
        for (domains, chain, key) in parsed {
            let key = CertifiedKey::from_der(chain.to_vec(), key.clone_key(), &provider)?;
            let declared = CertificateFiles { domains, cert: "".into(), key: "".into() };
            // The names were checked when the configuration was read.
            certificates.declare(&declared, Some(&Arc::new(key)), &mut BTreeMap::new());
        }
        Ok(Arc::new(certificates))
    }

    /// Enters one declaration; checks its names even when its files were no good.
    fn declare<'a>(
        &mut self,
        declared: &'a CertificateFiles,
        key: Option<&Arc<CertifiedKey>>,
        files: &mut BTreeMap<(String, &'static str), &'a Path>,
    ) -> Vec<CertificateProblem> {
        let mut problems = Vec::new();
        if declared.domains.is_empty() {
            problems.push(CertificateProblem::NoDomain { cert: declared.cert.clone() });
        }
        for domain in &declared.domains {
            let name = domain.to_ascii_lowercase();
            if !is_domain(&name) {
                problems.push(CertificateProblem::BadDomain { domain: domain.clone() });
                continue;
            }
            let Some(key) = key else { continue };
            let kind = key_kind(key);
            if let Some(first) = files.insert((name.clone(), kind), &declared.cert) {
                problems.push(CertificateProblem::DuplicateDomain {
                    domain: domain.clone(),
                    first: first.to_owned(),
                });
                continue;
            }
            let keys = match name.strip_prefix("*.") {
                Some(parent) => self.wildcard.entry(parent.to_owned()).or_default(),
                None => self.exact.entry(name).or_default(),
            };
            keys.push(Arc::clone(key));
        }
        if let (true, Some(key)) = (self.default.is_empty(), key) {
            self.default.push(Arc::clone(key));
        }
        problems
    }

    /// Whether there is none: every handshake fails.
    pub fn is_empty(&self) -> bool {
        self.default.is_empty()
    }

    /// The certificates for a name in lower case, in order of declaration.
    fn for_name(&self, name: &str) -> Option<&[Arc<CertifiedKey>]> {
        let wildcard = || {
            let (_, parent) = name.split_once('.')?;
            self.wildcard.get(parent)
        };
        self.exact.get(name).or_else(wildcard).map(Vec::as_slice)
    }

    fn choose(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<&Arc<CertifiedKey>> {
        let keys = name.and_then(|name| self.for_name(name)).unwrap_or(&self.default);
        // When the client can check none of them, rustls finds so too, and says so.
        keys.iter().find(|key| key.key.choose_scheme(schemes).is_some()).or_else(|| keys.first())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let key = self.choose(name.as_deref(), hello.signature_schemes());
        let key = key.map(Arc::clone);
        REQUESTED_NAME.set(name.map(String::into_boxed_str));
        key
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let wildcards = self.wildcard.keys().map(|parent| format!("*.{parent}"));
        formatter.debug_set().entries(self.exact.keys()).entries(wildcards).finish()
    }
}

thread_local! {
    /// The name in the hello that this thread is looking at. rustls's unbuffered connection does not
    /// tell (its buffered one does); `resolve` sees the hello, but not whose it is. Both run within
    /// one call of `Handshake::advance`.
    static REQUESTED_NAME: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}

/// Call before rustls looks at records.
pub(super) fn forget_requested_name() {
    REQUESTED_NAME.set(None);
}

/// The name that a hello asked for since [`forget_requested_name`].
pub(super) fn take_requested_name() -> Option<Box<str>> {
    REQUESTED_NAME.take()
}

/// Keys of one kind are checked alike: for clients there is nothing to choose between them.
fn key_kind(key: &CertifiedKey) -> &'static str {
    match key.key.algorithm() {
        rustls::SignatureAlgorithm::RSA => "rsa",
        rustls::SignatureAlgorithm::ECDSA => "ecdsa",
        _ => "eddsa",
    }
}
