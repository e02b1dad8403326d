//! `[[certificate]]`: a chain and its key, chosen by the server name a client asks for.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use rustls_pki_types::pem::{self, PemObject};

use super::Domain;
use super::domain::domain;
use super::problem::ProblemKind;
use super::reader::{Findings, Reader};
use super::reference::{Absent, Key, Kind, Table};

pub(super) static TABLE: Table = Table {
    header: "[[certificate]]",
    about: "A certificate chain and its key, chosen by the server name (SNI) that a client asks for: an exact name before a wildcard.",
    keys: &[
        Key {
            name: "domains",
            kind: Kind::Other(
                "an array of domains such as \"api.example.com\" or \"*.example.com\"",
            ),
            absent: Absent::Required,
            example: "[\"api.example.com\", \"*.example.com\"]",
            about: "Server names answered with this certificate. A `*` stands for one label.",
        },
        Key {
            name: "cert",
            kind: Kind::Text("a PEM file with the chain, leaf first"),
            absent: Absent::Required,
            example: "\"certificates/api.pem\"",
            about: "The chain. Relative names are relative to the configuration file's folder. Read again on every reload.",
        },
        Key {
            name: "key",
            kind: Kind::Text("a PEM file with the private key"),
            absent: Absent::Required,
            example: "\"certificates/api.key\"",
            about: "The private key (PKCS #8, PKCS #1 or SEC1), not encrypted.",
        },
    ],
};

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

/// Reads one `[[certificate]]`, files included.
pub(super) fn read(reader: &Reader<'_>) -> Option<Certificate> {
    let domains = reader.list("domains", domain);
    reader.not_empty("domains");
    let cert = reader.text("cert");
    let key = reader.text("key");
    let findings = reader.findings;
    let chain = cert.as_deref().and_then(|file| read_chain(file, reader.span_of("cert"), findings));
    let key_der = key.as_deref().and_then(|file| {
        let path = findings.resolve(file);
        let key = read_pem(&path).and_then(|text| {
            PrivateKeyDer::from_pem_slice(&text).map_err(|error| pem_words(&error, "private key"))
        });
        report(key, &path, "private key", reader.span_of("key"), findings)
    });
    Some(Certificate {
        domains: domains.into_iter().map(toml::Spanned::into_inner).collect(),
        cert_file: findings.resolve(&cert?),
        key_file: findings.resolve(&key?),
        chain: chain?,
        key: Arc::new(key_der?),
    })
}

/// The certificates of a PEM file, at least one.
pub(super) fn read_chain(
    file: &str,
    span: std::ops::Range<usize>,
    findings: &Findings<'_>,
) -> Option<Vec<CertificateDer<'static>>> {
    let path = findings.resolve(file);
    let chain = read_pem(&path).and_then(|text| {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        match chain {
            Ok(chain) if chain.is_empty() => Err("it holds no certificate in PEM form".into()),
            Ok(chain) => Ok(chain),
            Err(error) => Err(pem_words(&error, "certificate")),
        }
    });
    report(chain, &path, "certificate chain", span, findings)
}

fn report<T>(
    result: Result<T, String>,
    path: &Path,
    what: &'static str,
    span: std::ops::Range<usize>,
    findings: &Findings<'_>,
) -> Option<T> {
    result
        .map_err(|error| {
            let file = path.display().to_string();
            findings.add(span, ProblemKind::File { file, what, error });
        })
        .ok()
}

/// Reads a PEM file, at most 1 MiB: Amazon's truststores end there, and a device file never would.
fn read_pem(path: &Path) -> Result<Vec<u8>, String> {
    const BYTES_MAX: u64 = 1 << 20;
    let file = File::open(path).map_err(|error| plain_words(&error))?;
    let mut text = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut text).map_err(|error| plain_words(&error))?;
    match text.len() as u64 > BYTES_MAX {
        true => Err("it is larger than 1 MiB".into()),
        false => Ok(text),
    }
}

/// A system error without its number, in lower case: `no such file or directory`.
pub(super) fn plain_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}

fn pem_words(error: &pem::Error, noun: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("it holds no {noun} in PEM form"),
        pem::Error::MissingSectionEnd { .. } => "a section has no end line".into(),
        pem::Error::IllegalSectionStart { .. } => "a section's first line is malformed".into(),
        pem::Error::Base64Decode(_) => "a section is not valid base64".into(),
        error => error.to_string().to_lowercase(),
    }
}
