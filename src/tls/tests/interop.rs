//! Peers written by others: OpenSSL's command line, and Python's ssl module, over loopback sockets.

use super::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};

/// No honest step takes this long, even on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(20);

/// A session on a blocking socket.
struct Socket {
    end: End,
    stream: TcpStream,
    pool: Rc<Pool>,
}

impl Socket {
    fn new(end: End, stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        // An odd size, so that records are cut.
        let pool = Pool::new(2, 5_003);
        Self { end, stream, pool }
    }

    fn accept(listener: &TcpListener, config: &Arc<ServerConfig>) -> Self {
        let (stream, _) = listener.accept().unwrap();
        let session = Session::accept(config).unwrap();
        Self::new(End::new(session, Outgoing::default()), stream)
    }

    fn connect(address: &str, config: &Arc<ClientConfig>, name: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        let mut out = Outgoing::default();
        let session = Session::connect(config, super::name(name), &mut out).unwrap();
        Self::new(End::new(session, out), stream)
    }

    /// Sends what is to be sent, then receives once. `None` at the end of the stream.
    fn turn(&mut self) -> Option<Result<Progress, TlsFault>> {
        self.flush();
        let mut buffer = [0; 5_003];
        let count = self.stream.read(&mut buffer).unwrap();
        if count == 0 {
            return None;
        }
        let lease = self.pool.lend_copy(&buffer[..count]).unwrap();
        Some(self.end.receive(lease))
    }

    fn flush(&mut self) {
        let sent = self.end.sent();
        self.stream.write_all(&sent).unwrap();
    }

    /// Answers everything with itself until the peer closes.
    fn echo(&mut self) {
        loop {
            match self.turn().expect("close_notify comes before the end") {
                Ok(Progress::Closed) => break,
                Ok(_) => {
                    let plain = std::mem::take(&mut self.end.plain);
                    if !plain.is_empty() {
                        self.end.send(&plain);
                    }
                }
                Err(fault) => panic!("{fault}"),
            }
        }
        self.end.session.close(&mut self.end.out);
        self.flush();
    }

    /// Receives until this much plaintext is there.
    fn receive_until(&mut self, wanted: &[u8]) {
        while !self.end.plain.ends_with(wanted) {
            self.turn().expect("the stream goes on").unwrap();
        }
    }
}

/// A child that does not outlive its test.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_owned();
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        Self(child.unwrap_or_else(|error| panic!("this test needs {name:?}: {error}")))
    }

    fn stdin(&mut self) -> &mut ChildStdin {
        self.0.stdin.as_mut().unwrap()
    }

    /// Reads lines until one contains `wanted`.
    fn wait_for(lines: &mut impl BufRead, wanted: &str) -> String {
        loop {
            let mut line = String::new();
            let count = lines.read_line(&mut line).unwrap();
            assert!(count > 0, "ended before {wanted:?}");
            if line.contains(wanted) {
                return line;
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Connects twice (the second time with the first one's session), sends 100 kB in odd pieces, expects
/// them back, closes properly.
const PYTHON_CLIENT: &str = r#"
import socket, ssl, sys
port, roots, version = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=roots)
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
context.set_alpn_protocols(["h2", "http/1.1"])
text = bytes(range(256)) * 400
session = None
for attempt in range(2):
    raw = socket.create_connection(("127.0.0.1", port), timeout=20)
    tls = context.wrap_socket(raw, server_hostname="api.example.com", session=session)
    assert tls.selected_alpn_protocol() == "http/1.1"
    sent, received = 0, b""
    for size in [1, 300, 16384, 16385, len(text)]:
        tls.sendall(text[sent:sent + size])
        sent = min(sent + size, len(text))
        while len(received) < sent:
            piece = tls.recv(70000)
            assert piece, "closed early"
            received += piece
    assert received == text
    assert tls.session_reused == (attempt == 1), (attempt, tls.session_reused)
    session = tls.session
    tls.unwrap().close()
print("done", flush=True)
"#;

#[test]
fn python_talks_to_our_server() {
    let authority = Authority::new();
    let config = listener(&[authority.issue("api", &["api.example.com"])]);
    for (version, shown) in [("TLSv1_2", "TLSv1.2"), ("TLSv1_3", "TLSv1.3")] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let mut python = Process::start(
            Command::new("python3")
                .args(["-c", PYTHON_CLIENT, &port])
                .arg(&authority.root)
                .arg(version),
        );
        for attempt in 0..2 {
            let mut socket = Socket::accept(&listener, &config);
            socket.echo();
            let session = &socket.end.session;
            assert_eq!(session.protocol_version(), Some(shown));
            assert_eq!(session.is_resumed(), attempt == 1);
            assert_eq!(session.server_name(), Some("api.example.com"));
            assert_eq!(session.buffered_bytes(), 0);
        }
        let mut lines = BufReader::new(python.0.stdout.take().unwrap());
        Process::wait_for(&mut lines, "done");
    }
}

/// Echoes each connection until it closes.
const PYTHON_SERVER: &str = r#"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, sys.argv[3])
context.set_alpn_protocols(["http/1.1"])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    raw, _ = listener.accept()
    tls = context.wrap_socket(raw, server_side=True)
    while True:
        piece = tls.recv(70000)
        if not piece:
            break
        tls.sendall(piece)
    tls.unwrap()
"#;

#[test]
fn our_client_talks_to_python() {
    let authority = Authority::new();
    let files = authority.issue("api", &["api.example.com"]);
    let text: Vec<u8> = (0..100_000u32).map(|index| (index / 7) as u8).collect();
    for (version, shown) in [("TLSv1_2", "TLSv1.2"), ("TLSv1_3", "TLSv1.3")] {
        let mut python = Process::start(
            Command::new("python3")
                .args(["-c", PYTHON_SERVER])
                .args([&files.cert, &files.key])
                .arg(version),
        );
        let mut lines = BufReader::new(python.0.stdout.take().unwrap());
        let mut port = String::new();
        lines.read_line(&mut port).unwrap();
        let address = format!("127.0.0.1:{}", port.trim());

        let config = client_config(&authority.trust()).unwrap();
        for attempt in 0..2 {
            let mut socket = Socket::connect(&address, &config, "api.example.com");
            while socket.end.session.is_handshaking() {
                socket.turn().expect("the handshake goes on").unwrap();
            }
            for piece in [&text[..1], &text[1..301], &text[301..20_000], &text[20_000..]] {
                socket.end.send(piece);
                socket.flush();
                socket.end.plain.clear();
                socket.receive_until(piece);
            }
            socket.end.session.close(&mut socket.end.out);
            while !matches!(socket.turn(), Some(Ok(Progress::Closed))) {}
            let session = &socket.end.session;
            assert_eq!(session.end(), Ok(()));
            assert_eq!(session.protocol_version(), Some(shown));
            assert_eq!(session.is_resumed(), attempt == 1, "{shown}");
            assert_eq!(session.alpn(), Some(&b"http/1.1"[..]));
        }
    }
}

#[test]
fn openssl_changes_keys_in_mid_stream() {
    let authority = Authority::new();
    let config = listener(&[authority.issue("api", &["api.example.com"])]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut openssl = Process::start(
        Command::new("openssl")
            // Without `-msg` it keeps what it has received in a buffer.
            .args(["s_client", "-connect", &address, "-tls1_3", "-msg"])
            .args(["-servername", "api.example.com", "-verify_return_error"])
            .arg("-CAfile")
            .arg(&authority.root)
            .stderr(Stdio::piped()),
    );
    let mut lines = BufReader::new(openssl.0.stdout.take().unwrap());
    let mut errors = BufReader::new(openssl.0.stderr.take().unwrap());
    let echo = std::thread::spawn(move || {
        let mut socket = Socket::accept(&listener, &config);
        // s_client's `Q` ends without waiting for our close_notify.
        socket.echo();
    });
    Process::wait_for(&mut lines, "read R BLOCK");
    for text in ["with the first key", "with the second", "with the third"] {
        writeln!(openssl.stdin(), "{text}").unwrap();
        Process::wait_for(&mut lines, text);
        // Asks for an update of our keys too.
        writeln!(openssl.stdin(), "K").unwrap();
        Process::wait_for(&mut errors, "KEYUPDATE");
    }
    writeln!(openssl.stdin(), "Q").unwrap();
    echo.join().unwrap();
}

#[test]
fn our_client_talks_to_openssl_with_each_suite() {
    let authority = Authority::new();
    let files = authority.issue("api", &["api.example.com"]);
    let mut openssl = Process::start(
        Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-rev", "-cert"])
            .arg(&files.cert)
            .arg("-key")
            .arg(&files.key),
    );
    let mut lines = BufReader::new(openssl.0.stdout.take().unwrap());
    let accept = Process::wait_for(&mut lines, "ACCEPT");
    let (_, address) = accept.trim().split_once(' ').unwrap();
    for suite in aws_lc_rs::default_provider().cipher_suites {
        if format!("{:?}", suite.suite()).contains("RSA") {
            continue;
        }
        let config = authority.client_of(suite.version().version, Some(suite.suite()));
        let mut socket = Socket::connect(address, &config, "api.example.com");
        while socket.end.session.is_handshaking() {
            socket.turn().expect("the handshake goes on").unwrap();
        }
        socket.end.send(b"hello\n");
        socket.receive_until(b"olleh\n");
        // With `-rev` this ends the connection, and the server goes on with the next.
        socket.end.send(b"CLOSE\n");
        while !matches!(socket.turn(), Some(Ok(Progress::Closed)) | None) {}
    }
}
