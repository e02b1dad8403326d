//! Both ends of a connection in memory, and the certificates for it.

mod certificates;
mod handshake;
mod interop;
mod records;

use super::*;
use crate::ring::{Lease, Outgoing, Pool};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CipherSuite, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// A certificate authority with a folder for the files it makes.
struct Authority {
    folder: TempDir,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    root: PathBuf,
}

impl Authority {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
        let key = rcgen::KeyPair::generate().unwrap();
        // Names apart, or a stranger's certificate is not unknown but forged.
        let serial = key.public_key_raw()[1..9].iter().map(|byte| format!("{byte:02x}"));
        let common_name = rcgen::DnType::CommonName;
        params.distinguished_name.push(common_name, serial.collect::<String>());
        let certificate = params.self_signed(&key).unwrap();
        let root = folder.path().join("root.pem");
        std::fs::write(&root, certificate.pem()).unwrap();
        Self { folder, issuer: rcgen::Issuer::new(params, key), root }
    }

    fn issue(&self, file: &str, domains: &[&str]) -> CertificateFiles {
        let algorithm = &rcgen::PKCS_ECDSA_P256_SHA256;
        self.issue_with(file, domains, algorithm, |_| {})
    }

    fn issue_with(
        &self,
        file: &str,
        domains: &[&str],
        algorithm: &'static rcgen::SignatureAlgorithm,
        change: impl FnOnce(&mut rcgen::CertificateParams),
    ) -> CertificateFiles {
        let domains: Vec<String> = domains.iter().map(|&domain| domain.to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(domains.clone()).unwrap();
        change(&mut params);
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = CertificateFiles {
            domains,
            cert: self.folder.path().join(format!("{file}.pem")),
            key: self.folder.path().join(format!("{file}.key")),
        };
        std::fs::write(&files.cert, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }

    fn trust(&self) -> Trust {
        Trust::load(&Roots::Custom(self.root.clone())).unwrap()
    }

    /// A client that speaks just these; `client_config` speaks all.
    fn client_of(&self, version: ProtocolVersion, suite: Option<CipherSuite>) -> Arc<ClientConfig> {
        let versions: &[&SupportedProtocolVersion] = match version {
            ProtocolVersion::TLSv1_2 => &[&rustls::version::TLS12],
            _ => &[&rustls::version::TLS13],
        };
        let mut provider: CryptoProvider = aws_lc_rs::default_provider();
        if let Some(suite) = suite {
            provider.cipher_suites.retain(|known| known.suite() == suite);
        }
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.root).unwrap()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.enable_secret_extraction = true;
        Arc::new(config)
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

fn load(declared: &[CertificateFiles]) -> Arc<Certificates> {
    Certificates::load(declared, now()).unwrap().0
}

fn listener(declared: &[CertificateFiles]) -> Arc<ServerConfig> {
    server_config(&load(declared), &Tickets::new().unwrap()).unwrap()
}

fn name(name: &str) -> ServerName<'static> {
    ServerName::try_from(name.to_owned()).unwrap()
}

/// One end, with what it has sent and received.
struct End {
    session: Session,
    out: Outgoing,
    plain: Vec<u8>,
    /// How many pieces of plaintext came in the receive buffer itself, and how many as copies.
    leased: usize,
    copied: usize,
}

impl End {
    fn new(session: Session, out: Outgoing) -> Self {
        Self { session, out, plain: Vec::new(), leased: 0, copied: 0 }
    }

    fn receive(&mut self, input: Lease) -> Result<Progress, TlsFault> {
        self.session.receive(input, &mut self.out, |plaintext| {
            self.plain.extend_from_slice(&plaintext);
            match plaintext {
                Plaintext::Leased(_) => self.leased += 1,
                Plaintext::Copied(_) => self.copied += 1,
            }
        })
    }

    fn send(&mut self, bytes: &[u8]) {
        let mut plain = Outgoing::default();
        plain.copy(bytes);
        self.session.encrypt(&plain, &mut self.out).unwrap();
    }

    /// What there is to send.
    fn sent(&mut self) -> Vec<u8> {
        let bytes = self.out.slices().flatten().copied().collect();
        self.out.clear(usize::MAX);
        bytes
    }
}

/// A client and a server, and buffers to receive with.
struct Pair {
    client: End,
    server: End,
    pool: Rc<Pool>,
    /// How long a piece of the stream each receive brings.
    piece_bytes: usize,
}

impl Pair {
    fn new(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, name: &str) -> Self {
        let mut out = Outgoing::default();
        let client = Session::connect(client, self::name(name), &mut out).unwrap();
        let server = Session::accept(server).unwrap();
        Self {
            client: End::new(client, out),
            server: End::new(server, Outgoing::default()),
            pool: Pool::new(4, 1 << 17),
            piece_bytes: 1 << 17,
        }
    }

    /// Carries bytes between the ends until both are silent; stops at the first fault.
    fn run(&mut self) -> Result<(), TlsFault> {
        loop {
            let sent = self.client.sent();
            let answered = self.server.sent();
            if sent.is_empty() && answered.is_empty() {
                return Ok(());
            }
            for piece in sent.chunks(self.piece_bytes) {
                self.server.receive(self.pool.lend_copy(piece).unwrap())?;
            }
            for piece in answered.chunks(self.piece_bytes) {
                self.client.receive(self.pool.lend_copy(piece).unwrap())?;
            }
        }
    }

    fn established(
        client: &Arc<ClientConfig>,
        server: &Arc<ServerConfig>,
        name: &str,
    ) -> Result<Self, TlsFault> {
        let mut pair = Self::new(client, server, name);
        pair.run()?;
        assert!(!pair.client.session.is_handshaking());
        assert!(!pair.server.session.is_handshaking());
        Ok(pair)
    }
}

/// An established connection with this version and suite.
fn pair_of(version: ProtocolVersion, suite: Option<CipherSuite>) -> Pair {
    let authority = Authority::new();
    let server = listener(&[authority.issue("api", &["api.example.com"])]);
    let client = authority.client_of(version, suite);
    Pair::established(&client, &server, "api.example.com").unwrap()
}

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3];
