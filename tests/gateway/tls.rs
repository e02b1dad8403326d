//! TLS on both sides: certificates by name, versions, resumption, and back ends that must be believed.

use crate::harness::{Backend, Client, DEADLINE, Gate, Gateway, Wire, eventually, pattern};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use rustls::{StreamOwned, SupportedProtocolVersion};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

const GET: &str = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
const MOCK: &str = r#"
    [[api]]
    name = "shop"
    protocol = "http"
    [[api.route]]
    route = "ANY /hello"
    integration = { type = "mock", body = "hello" }
"#;
const TLS: &str = "[[server.tls]]\nlisten = [\"127.0.0.1:0\"]\n";

/// A certificate authority of the test's own.
struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    root: CertificateDer<'static>,
    root_pem: String,
}

/// A certificate for some names.
struct Leaf {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
        let key = rcgen::KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap();
        Self {
            root: root.der().clone(),
            root_pem: root.pem(),
            issuer: rcgen::Issuer::new(params, key),
        }
    }

    /// Signs for these names; writes `{file}.pem` and `{file}.key` into the folder.
    fn sign(&self, names: &[&str], folder: &Path, file: &str) -> Leaf {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(names).unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(folder.join(format!("{file}.pem")), leaf.pem()).unwrap();
        fs::write(folder.join(format!("{file}.key")), key.serialize_pem()).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Leaf { chain: vec![leaf.der().clone()], key }
    }

    fn client_config(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let config = ClientConfig::builder_with_protocol_versions(versions);
        Arc::new(config.with_root_certificates(roots).with_no_client_auth())
    }
}

fn certificate(domains: &str, file: &str) -> String {
    format!("[[certificate]]\ndomains = [{domains}]\ncert = \"{file}.pem\"\nkey = \"{file}.key\"\n")
}

type TlsStream = StreamOwned<ClientConnection, TcpStream>;

fn handshake(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
    name: &str,
) -> std::io::Result<TlsStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let session = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = StreamOwned::new(session, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

fn names(stream: &TlsStream, leaf: &Leaf) -> bool {
    stream.conn.peer_certificates() == Some(&leaf.chain[..])
}

/// A gateway with certificates for `one.example`, and for `two.example` and its subdomains.
struct Two {
    authority: Authority,
    one: Leaf,
    two: Leaf,
    gateway: Gateway,
}

fn two_certificates(server: &str, tables: &str) -> Two {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let one = authority.sign(&["one.example"], folder.path(), "one");
    let two = authority.sign(&["two.example", "*.two.example"], folder.path(), "two");
    let tables = [
        TLS,
        &certificate("\"one.example\"", "one"),
        &certificate("\"two.example\", \"*.two.example\"", "two"),
        tables,
    ];
    let gateway = Gateway::in_folder(folder, server, &tables.concat());
    Two { authority, one, two, gateway }
}

#[test]
fn the_certificate_is_chosen_by_the_name_that_is_asked_for() {
    let Two { authority, one, two, gateway } = two_certificates("", MOCK);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = authority.client_config(&[version]);
        let cases = [("one.example", &one), ("two.example", &two), ("x.two.example", &two)];
        for (name, leaf) in cases {
            let stream = handshake(gateway.tls_address(), &config, name).unwrap();
            assert!(names(&stream, leaf), "{name}, {version:?}");
            assert_eq!(stream.conn.protocol_version(), Some(version.version));
            let mut client = Client::over(stream);
            for _ in 0..2 {
                assert_eq!(client.ask(GET).text(), "hello", "{name}, {version:?}");
            }
        }
        for name in ["three.example", "x.one.example", "x.y.two.example"] {
            let refused = handshake(gateway.tls_address(), &config, name);
            assert!(refused.is_err(), "nobody has a certificate for {name}");
        }
    }
    let mut plain = gateway.client();
    assert_eq!(plain.ask(GET).text(), "hello", "the plain listener is still plain");
    gateway.await_metric("ringgate_tls_handshakes_total{result=\"success\"}", 6.0);
    gateway.await_metric("ringgate_tls_handshakes_total{result=\"failure\"}", 6.0);
    drop(plain);
    gateway.await_no_connections();
}

#[test]
fn an_access_log_knows_version_and_cipher_suite() {
    let log = "[access_log]\ndestination = \"file:access.log\"\n\
        format = '$context.requestId $context.tlsVersion $context.cipherSuite'\n";
    let Two { authority, gateway, .. } = two_certificates("", &format!("{log}{MOCK}"));
    let mut expected = Vec::new();
    for (version, name) in
        [(&rustls::version::TLS12, "TLSv1.2 ECDHE-"), (&rustls::version::TLS13, "TLSv1.3 TLS_")]
    {
        let config = authority.client_config(&[version]);
        let stream = handshake(gateway.tls_address(), &config, "one.example").unwrap();
        assert_eq!(Client::over(stream).ask(GET).text(), "hello");
        expected.push(name);
        let file = gateway.folder().join("access.log");
        let read = || fs::read_to_string(&file).unwrap_or_default();
        eventually("the line", || read().lines().count() == expected.len());
        let lines = read();
        let (_, told) = lines.lines().last().unwrap().split_once(' ').unwrap();
        assert!(told.starts_with(name) && told.len() > name.len(), "{told}");
    }
}

#[test]
fn a_second_connection_resumes_the_session() {
    let Two { authority, gateway, .. } = two_certificates("", MOCK);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = authority.client_config(&[version]);
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let stream = handshake(gateway.tls_address(), &config, "one.example").unwrap();
            let mut client = Client::over(stream);
            // Reading an answer also reads the tickets that came before it.
            assert_eq!(client.ask(GET).text(), "hello");
            kinds.push(client.wire.stream.conn.handshake_kind());
        }
        assert_eq!(kinds[1], Some(rustls::HandshakeKind::Resumed), "{version:?}");
    }
}

#[test]
fn large_content_passes_both_ways() {
    let backend = Backend::scripted(|connection| {
        while let Some(request) = connection.request() {
            let body = request.body.bytes;
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
            connection.send(body);
        }
    });
    let tables = crate::requests::catalog(&backend, "", "http");
    let Two { authority, gateway, .. } = two_certificates("", &tables);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = authority.client_config(&[version]);
        let stream = handshake(gateway.tls_address(), &config, "one.example").unwrap();
        let mut client = Client::over(stream);
        for bytes in [0, 1, 16_383, 16_384, 16_385, 100_000, 1 << 20] {
            let body = pattern(bytes);
            client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n"));
            client.send(&body);
            assert!(client.reply().body == body, "{bytes} bytes, {version:?}");
        }
    }
    assert_eq!(backend.requests()[0].header("x-forwarded-proto"), Some("https"));
}

#[test]
fn a_large_response_passes_and_ends_properly() {
    let body = pattern(20 << 20);
    let sent = body.clone();
    let backend = Backend::scripted(move |connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\n\r\n");
        connection.send(&sent);
    });
    let tables = crate::requests::catalog(&backend, "", "http");
    let Two { authority, gateway, .. } = two_certificates("", &tables);
    let config = authority.client_config(&[&rustls::version::TLS13]);
    let stream = handshake(gateway.tls_address(), &config, "one.example").unwrap();
    let mut client = Client::over(stream);
    client.send("GET / HTTP/1.0\r\n\r\n");
    client.wire.head().unwrap();
    let got = client.wire.rest();
    assert!(got.bytes == body);
    assert!(got.complete, "close_notify says that this was all");
}

#[test]
fn an_answer_that_is_cut_short_has_no_close_notify() {
    let backend = Backend::scripted(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
    });
    let tables = crate::requests::catalog(&backend, "", "http");
    let Two { authority, gateway, .. } = two_certificates("", &tables);
    let config = authority.client_config(&[&rustls::version::TLS13]);
    let stream = handshake(gateway.tls_address(), &config, "one.example").unwrap();
    let mut client = Client::over(stream);
    client.send("GET / HTTP/1.0\r\n\r\n");
    client.wire.head();
    assert!(!client.wire.rest().complete);
}

#[test]
fn what_is_not_tls_is_refused_and_serving_goes_on() {
    let Two { authority, gateway, .. } = two_certificates("timeouts.handshake = \"200ms\"", MOCK);
    let mut plain = Client::connect(gateway.tls_address());
    plain.send(GET);
    plain.wire.end();
    let mut silent = Client::connect(gateway.tls_address());
    silent.ends_silently();
    let config = authority.client_config(rustls::ALL_VERSIONS);
    let stream = handshake(gateway.tls_address(), &config, "one.example").unwrap();
    assert_eq!(Client::over(stream).ask(GET).text(), "hello");
    gateway.await_no_connections();
}

#[test]
fn a_listener_without_certificates_serves_as_soon_as_a_reload_brings_one() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let config = authority.client_config(rustls::ALL_VERSIONS);
    let first = authority.sign(&["one.example"], folder.path(), "one");
    let without = [TLS, MOCK].concat();
    let gateway = Gateway::in_folder(folder, "", &without);
    let address = gateway.tls_address();
    assert!(handshake(address, &config, "one.example").is_err());
    assert_eq!(gateway.get("/hello").text(), "hello", "others are not concerned");

    let with = [TLS, &certificate("\"one.example\"", "one"), MOCK].concat();
    gateway.reload("", &with);
    let old = handshake(address, &config, "one.example").unwrap();
    assert!(names(&old, &first), "the listener is the same as before");
    let mut old = Client::over(old);
    assert_eq!(old.ask(GET).text(), "hello");

    let second = authority.sign(&["one.example"], gateway.folder(), "one");
    gateway.reload("", &with);
    let fresh = authority.client_config(rustls::ALL_VERSIONS);
    let new = handshake(address, &fresh, "one.example").unwrap();
    assert!(names(&new, &second), "the files are read again");
    assert_eq!(old.ask(GET).text(), "hello", "a connection keeps what it began with");

    gateway.reload("", &without);
    let fresh = authority.client_config(rustls::ALL_VERSIONS);
    assert!(handshake(address, &fresh, "one.example").is_err());
    assert_eq!(old.ask(GET).text(), "hello");
}

/// A back end that speaks TLS, with a certificate for these names.
fn tls_back_end(
    leaf: &Leaf,
    script: impl Fn(&mut Wire<StreamOwned<ServerConnection, TcpStream>>) + Send + Sync + 'static,
) -> SocketAddr {
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(leaf.chain.clone(), leaf.key.clone_key())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let script = Arc::new(script);
    // It ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            stream.set_read_timeout(Some(2 * DEADLINE)).unwrap();
            let (config, script) = (Arc::clone(&config), Arc::clone(&script));
            thread::spawn(move || {
                let session = ServerConnection::new(config).unwrap();
                script(&mut Wire::new(StreamOwned::new(session, stream)));
            });
        }
    });
    address
}

fn answer_all<S: Read + Write>(wire: &mut Wire<S>) {
    while let Some(head) = wire.head() {
        let body = wire.request_body(&head).bytes;
        let host = head.get("host").unwrap_or_default();
        wire.send(
            format!("HTTP/1.1 200 OK\r\nX-Host: {host}\r\nContent-Length: {}\r\n\r\n", body.len())
                .as_bytes(),
        );
        wire.send(&body);
    }
}

fn secure(address: &str, keys: &str) -> String {
    format!(
        "[[upstream]]\nname = \"catalog\"\ntargets = [\"{address}\"]\n{keys}\n\
         [[api]]\nname = \"shop\"\nprotocol = \"http\"\n[[api.route]]\nroute = \"$default\"\n\
         integration = {{ type = \"http_proxy\", upstream = \"catalog\" }}\n"
    )
}

#[test]
fn a_back_end_is_believed_by_its_name_and_authority() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let leaf = authority.sign(&["catalog.internal", "localhost"], folder.path(), "leaf");
    let address = tls_back_end(&leaf, answer_all);
    let by_name = format!("localhost:{}", address.port());
    let by_address = address.to_string();
    let cases = [
        (&by_name, "ca = \"ca.pem\"", 200),
        (&by_address, "ca = \"ca.pem\"", 502),
        (&by_address, "ca = \"ca.pem\", server_name = \"catalog.internal\"", 200),
        (&by_name, "ca = \"ca.pem\", server_name = \"other.internal\"", 502),
        (&by_name, "", 502),
        (&by_address, "insecure_skip_verify = true", 200),
    ];
    for (target, tls, status) in cases {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), &authority.root_pem).unwrap();
        let keys = format!("tls = {{ {tls} }}");
        let gateway = Gateway::in_folder(folder, "", &secure(target, &keys));
        let mut client = gateway.client();
        for bytes in [0, 100_000] {
            let body = pattern(bytes);
            client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n"));
            client.send(&body);
            let reply = client.reply();
            assert_eq!(reply.status, status, "{target} with {tls}");
            if status == 200 {
                assert_eq!(reply.header("x-host"), Some(target.as_str()));
                assert!(reply.body == body, "{bytes} bytes");
            } else {
                // Content that was not read ends the connection.
                client = gateway.client();
            }
        }
    }
}

#[test]
fn a_tls_back_end_that_ends_without_close_notify_has_not_ended_its_response() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let leaf = authority.sign(&["localhost"], folder.path(), "leaf");
    for is_proper in [true, false] {
        let address = tls_back_end(&leaf, move |wire| {
            wire.head();
            wire.send(b"HTTP/1.1 200 OK\r\n\r\nhello");
            if is_proper {
                wire.stream.conn.send_close_notify();
                wire.stream.flush().unwrap();
            }
        });
        let target = format!("localhost:{}", address.port());
        let tables = secure(&target, "tls = { insecure_skip_verify = true }");
        let gateway = Gateway::start(&tables);
        let mut client = gateway.client();
        client.send(GET);
        let head = client.wire.head().unwrap();
        let body = client.wire.response_body(&head);
        assert_eq!(body.complete, is_proper, "anybody on the way could have cut it");
    }
}

#[test]
fn bytes_behind_a_response_in_tls_are_given_to_nobody() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let leaf = authority.sign(&["localhost"], folder.path(), "leaf");
    let address = tls_back_end(&leaf, |wire| {
        while wire.head().is_some() {
            // Two records in one write: what follows is decrypted together with the response.
            let mut writer = wire.stream.conn.writer();
            writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
            let evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
            wire.stream.conn.writer().write_all(evil).unwrap();
            wire.stream.flush().unwrap();
        }
    });
    let target = format!("localhost:{}", address.port());
    let keys = "tls = { insecure_skip_verify = true }\nlimits = { connections = 1 }";
    let gateway = Gateway::start(&secure(&target, keys));
    let mut client = gateway.client();
    client.send(GET.repeat(10));
    for _ in 0..10 {
        assert_eq!(client.reply().text(), "ok");
    }
}

#[test]
fn a_tls_handshake_that_stalls_is_a_connect_that_failed() {
    let (connected, done) = (Gate::closed(), Gate::closed());
    let (seen, end) = (connected.clone(), done.clone());
    let backend = Backend::scripted(move |_| {
        seen.open();
        end.wait();
    });
    let keys = "tls = true\ntimeouts = { connect = \"200ms\" }\nretry = { attempts = 1 }";
    let gateway = Gateway::start(&secure(&backend.address.to_string(), keys));
    assert_eq!(gateway.get("/").status, 504);
    assert!(connected.wait());
    done.open();
    eventually("the connection to be given up", || backend.open_connections() == 0);
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answer() {
    let go_on = Gate::closed();
    let told = go_on.clone();
    let backend = Backend::scripted(move |connection| {
        while connection.request().is_some() {
            told.wait();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let tables = crate::requests::catalog(&backend, "", "http");
    let Two { authority, gateway, .. } = two_certificates("", &tables);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = authority.client_config(&[version]);
        let mut stream = handshake(gateway.tls_address(), &config, "one.example").unwrap();
        stream.write_all(GET.as_bytes()).unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        backend.await_requests(1);
        go_on.open();
        let mut client = Client::over(stream);
        let head = client.wire.head().expect("the answer, although nothing more will be asked");
        assert!(head.line.contains("200"));
        assert_eq!(client.wire.exactly(2).bytes, b"ok");
    }
}
