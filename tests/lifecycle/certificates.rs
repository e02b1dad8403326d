//! Certificates are replaced without dropping a connection.

use crate::client::Connection;
use crate::gateway::{Gateway, HELLO, folder_with, listening, wait_until};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Writes a new self-signed certificate for `gateway` and its key, as a renewal would: each file
/// replaced by a rename.
pub(crate) fn certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["gateway".to_owned()]).unwrap();
    let files = [("cert.pem", made.cert.pem()), ("key.pem", made.signing_key.serialize_pem())];
    for (name, text) in files {
        fs::write(folder.join("new"), text).unwrap();
        fs::rename(folder.join("new"), folder.join(name)).unwrap();
    }
    made.cert.der().clone()
}

/// A connection to the name `gateway` that trusts these.
pub(crate) fn tls(address: SocketAddr, trusted: &[&CertificateDer<'static>]) -> Connection<Tls> {
    let mut roots = RootCertStore::empty();
    for root in trusted {
        roots.add((*root).clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("gateway").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(crate::gateway::PATIENCE)).unwrap();
    Connection::over(StreamOwned::new(connection, stream))
}

/// What the gateway showed.
fn shown(connection: &mut Connection<Tls>) -> CertificateDer<'static> {
    assert_eq!(connection.get("/hello").unwrap().status, 200);
    connection.reader().get_ref().conn.peer_certificates().unwrap()[0].clone().into_owned()
}

const WITH_CERTIFICATE: &str =
    "[[certificate]]\ndomains = [\"gateway\"]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n";

fn configuration(certificate: &str) -> String {
    let rest = format!("[[server.tls]]\nlisten = [\"127.0.0.1:0\"]\n{certificate}{HELLO}");
    listening(&[], &rest)
}

#[test]
fn a_renewed_certificate_is_shown_to_new_connections_and_old_ones_go_on() {
    let folder = folder_with(&configuration(WITH_CERTIFICATE));
    let first = certificate(folder.path());
    let gateway = Gateway::start_in(folder, |_| {});
    let mut old = tls(gateway.address(), &[&first]);
    assert_eq!(shown(&mut old), first);

    // Noticed by itself: nothing else about the configuration changes.
    let second = certificate(gateway.folder());
    wait_until("the new certificate", || {
        let mut new = tls(gateway.address(), &[&first, &second]);
        (shown(&mut new) == second).then_some(())
    });
    assert_eq!(old.get("/hello").unwrap().status, 200, "the old connection goes on");
}

#[test]
fn a_broken_certificate_keeps_the_last_good_one() {
    let folder = folder_with(&configuration(WITH_CERTIFICATE));
    let first = certificate(folder.path());
    let gateway = Gateway::start_in(folder, |_| {});
    fs::write(gateway.folder().join("cert.pem"), "nonsense").unwrap();
    let problem = gateway.stderr().wait_for("configuration refused");
    assert!(problem.contains("cert.pem"), "{problem}");
    assert_eq!(shown(&mut tls(gateway.address(), &[&first])), first);
}

#[test]
fn a_tls_listener_may_start_with_no_certificate_and_get_one_later() {
    let gateway = Gateway::start(&configuration(""));
    let first = certificate(gateway.folder());
    let refused = tls(gateway.address(), &[&first]).get("/hello");
    assert!(refused.is_err(), "there is nothing to show yet");

    gateway.reload(&configuration(WITH_CERTIFICATE));
    assert_eq!(shown(&mut tls(gateway.address(), &[&first])), first);
}
