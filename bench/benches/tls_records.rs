//! What does it cost to encrypt a response, and to decrypt it again, beside rustls's own record path?
//!
//! Bar: a round trip is cheaper than rustls's at both sizes, and the cipher is most of it.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ringgate::ring::{Outgoing, Pool};
use ringgate::tls::{
    CertificateFiles, Certificates, ClientConfig, Plaintext, Roots, ServerConfig, ServerName,
    Session, Tickets, Trust, client_config, server_config,
};
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A small JSON answer with its head, and one full record.
const SIZES: [usize; 2] = [300, 16_384];

const NAME: &str = "api.example.com";

fn configs() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let folder = tempfile::tempdir().expect("a folder for the certificate");
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
    let files = CertificateFiles {
        domains: vec![NAME.to_owned()],
        cert: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&files.cert, cert.pem()).expect("the folder is writable");
    std::fs::write(&files.key, signing_key.serialize_pem()).expect("the folder is writable");
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let (certificates, _) =
        Certificates::load(&[files], now.expect("after 1970")).expect("the certificate is good");
    let tickets = Tickets::new().expect("random numbers");
    let trust = Trust::load(&Roots::Insecure).expect("nothing to load");
    (
        client_config(&trust).expect("rustls takes its defaults"),
        server_config(&certificates, &tickets).expect("rustls takes its defaults"),
    )
}

fn name() -> ServerName<'static> {
    ServerName::try_from(NAME).expect("a name")
}

/// Moves what is in `out` to the other end.
fn carry(out: &mut Outgoing, pool: &std::rc::Rc<Pool>, to: &mut Session, back: &mut Outgoing) {
    let bytes: Vec<u8> = out.slices().flatten().copied().collect();
    out.clear(usize::MAX);
    if !bytes.is_empty() {
        let lease = pool.lend_copy(&bytes).expect("a free buffer");
        to.receive(lease, back, |_| {}).expect("the handshake works");
    }
}

fn ours(pool: &std::rc::Rc<Pool>) -> (Session, Session) {
    let (client, server) = configs();
    let (mut up, mut down) = (Outgoing::default(), Outgoing::default());
    let mut client = Session::connect(&client, name(), &mut up).expect("a hello");
    let mut server = Session::accept(&server).expect("a session");
    for _ in 0..3 {
        carry(&mut up, pool, &mut server, &mut down);
        carry(&mut down, pool, &mut client, &mut up);
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    (client, server)
}

/// rustls alone, driven as its documentation says.
macro_rules! drive {
    ($connection:expr, $incoming:expr, $outgoing:expr) => {{
        let mut established = false;
        loop {
            let status = $connection.process_tls_records(&mut $incoming[..]);
            let discard = status.discard;
            match status.state.expect("the handshake works") {
                ConnectionState::EncodeTlsData(mut message) => {
                    let Err(EncodeError::InsufficientSize(size)) = message.encode(&mut []) else {
                        panic!("no message is empty")
                    };
                    let start = $outgoing.len();
                    $outgoing.resize(start + size.required_size, 0);
                    message.encode(&mut $outgoing[start..]).expect("it fits");
                }
                ConnectionState::TransmitTlsData(transmit) => transmit.done(),
                ConnectionState::WriteTraffic(_) => {
                    established = true;
                    break;
                }
                _ => break,
            }
            $incoming.drain(..discard);
        }
        $incoming.clear();
        established
    }};
}

fn rustls_alone() -> (UnbufferedClientConnection, UnbufferedServerConnection) {
    let (client, server) = configs();
    let mut client = UnbufferedClientConnection::new(client, name()).expect("a connection");
    let mut server = UnbufferedServerConnection::new(server).expect("a connection");
    let (mut up, mut down) = (Vec::new(), Vec::new());
    drive!(client, down, up);
    let mut done = false;
    for _ in 0..3 {
        done = drive!(server, up, down);
        done &= drive!(client, down, up);
    }
    assert!(done);
    (client, server)
}

fn encrypt(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tls_encrypt");
    for bytes in SIZES {
        let mut plain = Outgoing::default();
        plain.copy(&vec![b'x'; bytes]);
        let pool = Pool::new(4, 1 << 16);
        let (_, mut server) = ours(&pool);
        let mut out = Outgoing::default();
        group.bench_function(BenchmarkId::new("ringgate", bytes), |bencher| {
            bencher.iter(|| {
                out.clear(usize::MAX);
                server.encrypt(black_box(&plain), &mut out).expect("open");
                black_box(out.written().last().copied())
            });
        });

        let (_, mut server) = rustls_alone();
        let plain = vec![b'x'; bytes];
        let mut out = vec![0; bytes + 64];
        group.bench_function(BenchmarkId::new("rustls", bytes), |bencher| {
            bencher.iter(|| {
                let state = server.process_tls_records(&mut []).state;
                let Ok(ConnectionState::WriteTraffic(mut traffic)) = state else {
                    panic!("the connection is open")
                };
                black_box(traffic.encrypt(black_box(&plain), &mut out).expect("it fits"))
            });
        });
    }
    group.finish();
}

fn round_trip(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tls_round_trip");
    for bytes in SIZES {
        let mut plain = Outgoing::default();
        plain.copy(&vec![b'x'; bytes]);
        let pool = Pool::new(4, 1 << 16);
        let (mut client, mut server) = ours(&pool);
        let (mut out, mut back) = (Outgoing::default(), Outgoing::default());
        group.bench_function(BenchmarkId::new("ringgate", bytes), |bencher| {
            bencher.iter(|| {
                out.clear(usize::MAX);
                server.encrypt(black_box(&plain), &mut out).expect("open");
                // In life the kernel fills the buffer.
                let lease = pool.lend_copy(out.written()).expect("a free buffer");
                let mut received = 0;
                let progress = client.receive(lease, &mut back, |plaintext: Plaintext<'_>| {
                    received += black_box(&plaintext).len();
                });
                assert_eq!(received, bytes);
                black_box(progress)
            });
        });

        let (mut client, mut server) = rustls_alone();
        let plain = vec![b'x'; bytes];
        let mut out = vec![0; bytes + 64];
        let mut buffer = vec![0; 1 << 16];
        group.bench_function(BenchmarkId::new("rustls", bytes), |bencher| {
            bencher.iter(|| {
                let state = server.process_tls_records(&mut []).state;
                let Ok(ConnectionState::WriteTraffic(mut traffic)) = state else {
                    panic!("the connection is open")
                };
                let sealed = traffic.encrypt(black_box(&plain), &mut out).expect("it fits");
                let buffer = &mut buffer[..sealed];
                buffer.copy_from_slice(&out[..sealed]);
                let state = client.process_tls_records(buffer).state;
                let Ok(ConnectionState::ReadTraffic(mut traffic)) = state else {
                    panic!("a record has arrived")
                };
                let record = traffic.next_record().expect("a record").expect("a good one");
                assert_eq!(black_box(record.payload).len(), bytes);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, encrypt, round_trip);
criterion_main!(benches);
