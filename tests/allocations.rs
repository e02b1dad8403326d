//! Bar: once warm, serving a request allocates nothing on the shard's thread.
//!
//! A real shard on the kernel's ring runs in a thread whose allocations are counted; clients, back ends
//! and the receiver of its reports run in others. It is warm after a thousand requests and a few
//! batches of telemetry; then ten thousand requests in a row, and further batches, must pass without one
//! allocation. The first that happens is reported with its backtrace.
//!
//! Tables and pools (slots, timers, recycled sends) grow to the largest number of things that were ever
//! under way at once and stay there. On a busy machine a new record may be set after the warm-up, so
//! the row may begin anew, but only [`RECORDS_MAX`] times: an allocation per request never ends.
//!
//! Not covered, because they are not a request's steady state: opening connections, reloads, access
//! logs (their buffers are recycled, but grow with the lines), a tokio block per 32 reports to the
//! control thread, and parking an idle thread in glommio, which allocates with every sleep.

#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]
#![expect(unsafe_code, reason = "a global allocator cannot be written without it")]

use ringgate::control::endpoints::{Health, TargetEndpoints};
use ringgate::control::mailbox::{
    Delta, FromShard, ListenerId, ListenerKind, NewUpstream, Reporter, ToShard, reports,
};
use ringgate::model;
use ringgate::ring::Socket;
use ringgate::ring::driver::KernelRing;
use ringgate::ring::probe::RingSettings;
use ringgate::shard::env::KernelEnv;
use ringgate::shard::{Activity, Shard, ShardSettings};
use ringgate::snapshot::compile;
use ringgate::snapshot::managed::{
    DomainChange, StageChange, StagePlace, compile_domain, compile_rest_stage,
};
use ringgate::tls::Tickets;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::IntoRawFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const WARM_REQUESTS: usize = 1_000;
const COUNTED_REQUESTS: usize = 10_000;
/// The third batch of a shard is the first that is made of recycled memory.
const WARM_BATCHES: usize = 3;
const COUNTED_BATCHES: usize = 2;
/// How often the row of requests without an allocation may begin anew.
const RECORDS_MAX: usize = 8;
const CONNECTIONS: usize = 8;
const DEADLINE: Duration = Duration::from_secs(100);

// ---- the allocator ----

struct Counting;

thread_local! {
    static IS_COUNTING: Cell<bool> = const { Cell::new(false) };
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static FIRST: RefCell<Option<Backtrace>> = const { RefCell::new(None) };
}

fn count() {
    if !IS_COUNTING.with(Cell::get) {
        return;
    }
    // The backtrace allocates itself.
    IS_COUNTING.with(|it| it.set(false));
    COUNT.with(|count| count.set(count.get() + 1));
    FIRST.with(|first| {
        first.borrow_mut().get_or_insert_with(Backtrace::force_capture);
    });
    IS_COUNTING.with(|it| it.set(true));
}

// SAFETY: every call goes on to the system's allocator unchanged; counting touches only this thread's
// own constants-initialised cells, which neither allocate nor unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: `pointer` came from this allocator, so from the system's.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs it; gives back the number of this thread's allocations in it and where the first was.
fn counted(run: impl FnOnce()) -> (u64, String) {
    COUNT.with(|count| count.set(0));
    FIRST.with(|first| first.borrow_mut().take());
    IS_COUNTING.with(|it| it.set(true));
    run();
    IS_COUNTING.with(|it| it.set(false));
    let first = FIRST.with(|first| first.borrow().as_ref().map(ToString::to_string));
    (COUNT.with(Cell::get), first.unwrap_or_default())
}

#[test]
fn the_counter_counts_this_thread_only_and_only_when_asked() {
    let start = std::sync::Barrier::new(2);
    let end = std::sync::Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            start.wait();
            std::hint::black_box(Box::new([0u8; 64]));
            end.wait();
        });
        std::hint::black_box(Box::new([1u8; 64]));
        let (count, first) = counted(|| {
            start.wait();
            end.wait();
            std::hint::black_box(Box::new([2u8; 64]));
        });
        assert_eq!(count, 1);
        assert!(first.contains("the_counter_counts"), "{first}");
    });
}

// ---- what is measured ----

#[test]
fn a_fixed_answer_on_a_kept_connection_allocates_nothing() {
    Case { request: get("/fixed"), answer_bytes: 5, is_tls: false }.check();
}

#[test]
fn a_large_fixed_answer_allocates_nothing() {
    Case { request: get("/large"), answer_bytes: 20_000, is_tls: false }.check();
}

#[test]
fn a_proxied_request_on_kept_connections_allocates_nothing() {
    Case { request: get("/proxied/27"), answer_bytes: 27, is_tls: false }.check();
}

#[test]
fn a_proxied_answer_that_is_sent_from_the_receive_buffer_allocates_nothing() {
    Case { request: get("/proxied/16384"), answer_bytes: 16_384, is_tls: false }.check();
}

#[test]
fn a_proxied_request_with_content_allocates_nothing() {
    let mut request =
        b"POST /proxied/27 HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n".to_vec();
    request.resize(request.len() + 3000, b'x');
    Case { request, answer_bytes: 27, is_tls: false }.check();
}

#[test]
fn a_fixed_answer_of_a_managed_api_allocates_nothing() {
    Case { request: get_at(MANAGED_HOST, "/prod/fixed"), answer_bytes: 5, is_tls: false }.check();
}

#[test]
fn a_proxied_request_of_a_managed_api_allocates_nothing() {
    let request = get_at(MANAGED_HOST, "/prod/proxied/27");
    Case { request, answer_bytes: 27, is_tls: false }.check();
}

#[test]
fn a_proxied_request_by_a_custom_domain_name_allocates_nothing() {
    let request = get_at("Managed.example.com", "/base/proxied/27");
    Case { request, answer_bytes: 27, is_tls: false }.check();
}

#[test]
fn a_fixed_answer_over_tls_allocates_nothing() {
    Case { request: get("/fixed"), answer_bytes: 5, is_tls: true }.check();
}

#[test]
fn a_proxied_request_with_tls_on_both_sides_allocates_nothing() {
    Case { request: get("/proxied/27"), answer_bytes: 27, is_tls: true }.check();
}

const MANAGED_HOST: &str = "abcdefghij.execute-api.us-east-1.localhost";

fn get(path: &str) -> Vec<u8> {
    get_at("api.example.com", path)
}

fn get_at(host: &str, path: &str) -> Vec<u8> {
    format!(
        "GET {path}?a=b HTTP/1.1\r\nHost: {host}\r\nUser-Agent: test\r\nAccept: */*\r\n\
         Accept-Encoding: gzip\r\nCookie: session=0123456789abcdef\r\n\r\n"
    )
    .into_bytes()
}

/// One kind of request, asked over and over on some connections.
struct Case {
    request: Vec<u8>,
    answer_bytes: usize,
    is_tls: bool,
}

/// How far the threads of a case are.
#[derive(Default)]
struct Progress {
    answered: AtomicUsize,
    batches: AtomicUsize,
    is_over: AtomicBool,
}

impl Progress {
    fn has_passed(&self, answered: usize, batches: usize) -> bool {
        self.answered.load(Ordering::Relaxed) >= answered
            && self.batches.load(Ordering::Relaxed) >= batches
    }
}

impl Case {
    fn check(self) {
        let progress = Arc::new(Progress::default());
        let folder = tempfile::tempdir().unwrap();
        let certificate = TestCertificate::write(folder.path());
        let tls = self.is_tls.then_some(certificate);
        let back_end = start_back_end(tls.as_ref().map(TestCertificate::server));

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let text = configuration(back_end, self.is_tls);
        let file = folder.path().join("ringgate.toml");
        let shard = {
            let (progress, kind) = (Arc::clone(&progress), self.kind());
            thread::spawn(move || {
                // A failed assertion must end the clients too.
                let _over = Over(Arc::clone(&progress));
                run_shard(&file, text, managed(back_end), listener, kind, &progress)
            })
        };
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (request, progress) = (self.request.clone(), Arc::clone(&progress));
                let tls = tls.as_ref().map(TestCertificate::client);
                let answer_bytes = self.answer_bytes;
                thread::spawn(move || match tls {
                    None => {
                        ask(TcpStream::connect(address).unwrap(), &request, answer_bytes, &progress)
                    }
                    Some(config) => {
                        let name = ServerName::try_from("api.example.com").unwrap();
                        let session = rustls::ClientConnection::new(config, name).unwrap();
                        let socket = TcpStream::connect(address).unwrap();
                        let stream = rustls::StreamOwned::new(session, socket);
                        ask(stream, &request, answer_bytes, &progress);
                    }
                })
            })
            .collect();
        let allocated = shard.join().expect("the shard ran to its end");
        for client in clients {
            client.join().expect("every answer was right");
        }
        if let Err(last) = allocated {
            panic!("never {COUNTED_REQUESTS} requests without an allocation; the last:\n{last}");
        }
    }

    fn kind(&self) -> ListenerKind {
        if self.is_tls { ListenerKind::Tls } else { ListenerKind::Plain }
    }
}

/// Ends the clients when the shard's thread ends, be it in a panic.
struct Over(Arc<Progress>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// Serves until enough requests passed without an allocation.
///
/// # Errors
/// Where an allocation was made in the last row of requests, when there was one in each.
fn run_shard(
    file: &Path,
    text: String,
    managed: Delta,
    listener: TcpListener,
    kind: ListenerKind,
    progress: &Arc<Progress>,
) -> Result<(), String> {
    let model = model::parse(file, text).unwrap_or_else(|problems| panic!("{problems}"));
    let (sender, mut reports) = reports();
    {
        let progress = Arc::clone(progress);
        thread::spawn(move || {
            while let Some(report) = reports.blocking_recv() {
                if let FromShard::Telemetry { batch, .. } = report {
                    // As the control thread does: the memory goes back to the shard.
                    batch.give_back();
                    progress.batches.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    let settings = ShardSettings {
        snapshot: Box::new(compile(&model, 1, 1)),
        tickets: Some(Tickets::new().unwrap()),
        reporter: Reporter::new(0, sender),
    };
    let ring = KernelRing::new(&RingSettings::default()).unwrap();
    let mut shard = Shard::new(KernelEnv::new(ring), settings);
    shard.deliver(ToShard::Delta(Box::new(managed)));
    shard.listen(ListenerId(0), kind, Socket(listener.into_raw_fd()));

    let deadline = Instant::now() + DEADLINE;
    let mut serve_until = |answered, batches| {
        while !progress.has_passed(answered, batches) {
            shard.turn_with(|env, completions| {
                use ringgate::ring::Env;
                env.ring().wait(completions, Duration::from_millis(20));
            });
            assert!(Instant::now() < deadline, "too slow, or stuck");
        }
    };
    serve_until(WARM_REQUESTS, WARM_BATCHES);
    let mut allocated = Err(String::new());
    for _ in 0..=RECORDS_MAX {
        let answered = progress.answered.load(Ordering::Relaxed) + COUNTED_REQUESTS;
        let batches = progress.batches.load(Ordering::Relaxed) + COUNTED_BATCHES;
        let (count, first) = counted(|| serve_until(answered, batches));
        if count == 0 {
            allocated = Ok(());
            break;
        }
        allocated = Err(first);
    }
    // Clients look at this before they look at errors: the stop cuts their connections.
    progress.is_over.store(true, Ordering::Relaxed);
    shard.deliver(ToShard::Stop);
    while shard.turn() != Activity::Stopped {
        assert!(Instant::now() < deadline, "the shard does not stop");
        thread::yield_now();
    }
    allocated
}

fn configuration(back_end: SocketAddr, is_tls: bool) -> String {
    let large = "y".repeat(20_000);
    let certificate = if is_tls {
        "[[certificate]]\ndomains = [\"api.example.com\"]\ncert = \"chain.pem\"\nkey = \"key.pem\"\n"
    } else {
        ""
    };
    let upstream_tls = if is_tls {
        "tls = { server_name = \"api.example.com\", ca = \"chain.pem\" }\n"
    } else {
        ""
    };
    format!(
        r#"
        {certificate}
        [[upstream]]
        name = "back-end"
        targets = ["{back_end}"]
        {upstream_tls}
        [[api]]
        name = "test"
        protocol = "http"
        base_path = "/"
        [[api.route]]
        route = "GET /fixed"
        integration = {{ type = "mock", status = 200, headers = {{ content-type = "text/plain" }}, body = "hello" }}
        [[api.route]]
        route = "GET /large"
        integration = {{ type = "mock", status = 200, body = "{large}" }}
        [[api.route]]
        route = "ANY /proxied/{{id}}"
        integration = {{ type = "http_proxy", upstream = "back-end" }}
        "#
    )
}

/// A managed API with the same routes, at its own host and at a custom domain name.
fn managed(back_end: SocketAddr) -> Delta {
    let mock = serde_json::json!({
        "authorizationType": "NONE",
        "methodResponses": { "200": {} },
        "methodIntegration": {
            "type": "MOCK",
            "requestTemplates": { "application/json": "{\"statusCode\": 200}" },
            "integrationResponses": { "200": {
                "statusCode": "200", "responseTemplates": { "application/json": "hello" },
            } },
        },
    });
    let proxy = serde_json::json!({
        "authorizationType": "NONE",
        "methodIntegration": {
            "type": "HTTP_PROXY",
            "httpMethod": "ANY",
            "uri": format!("http://{back_end}/{{bytes}}"),
            "requestParameters": { "integration.request.path.bytes": "method.request.path.id" },
        },
    });
    let definition = serde_json::from_value(serde_json::json!({ "resources": [
        { "path": "/fixed", "resourceMethods": { "GET": mock } },
        { "path": "/proxied/{id}", "resourceMethods": { "ANY": proxy } },
    ] }))
    .unwrap();
    let stage = serde_json::from_value(serde_json::json!({ "stageName": "prod" })).unwrap();
    let place = StagePlace::of("us-east-1", "123456789012", "abcdefghij");
    let compiled = compile_rest_stage(&place, &stage, &definition, None);
    assert_eq!(compiled.warnings, [""; 0]);
    let mapping = serde_json::json!({
        "apiMappingKey": "base", "apiId": "abcdefghij", "stage": "prod",
    });
    let mapping = Arc::new(serde_json::from_value(mapping).unwrap());
    let name = serde_json::json!({ "domainName": "managed.example.com" });
    let name = serde_json::from_value(name).unwrap();
    let domain = compile_domain(&name, &[mapping], &[]).unwrap();
    // Literal addresses need nobody to resolve them, but an empty list would be news.
    let upstreams = compiled.upstreams.into_iter().map(|upstream| NewUpstream {
        targets: vec![TargetEndpoints {
            target: upstream.targets[0].address.clone(),
            addresses: vec![back_end],
            health: Health::Healthy,
        }],
        upstream,
    });
    Delta {
        functions: Vec::new(),
        apis: Vec::new(),
        sequence: 1,
        upstreams: upstreams.collect(),
        stages: vec![StageChange::Put(Box::new(compiled.stage))],
        domains: vec![DomainChange::Put(Box::new(domain))],
        unused: Vec::new(),
    }
}

// ---- clients and back ends, which may allocate as they like ----

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

fn ask(mut stream: impl Stream, request: &[u8], answer_bytes: usize, progress: &Progress) {
    let mut buffer = Vec::new();
    while !progress.is_over.load(Ordering::Relaxed) {
        let answered = stream.write_all(request).is_ok()
            && stream.flush().is_ok()
            && read_message(&mut stream, &mut buffer).is_some();
        if progress.is_over.load(Ordering::Relaxed) {
            return;
        }
        assert!(answered, "the gateway closed a connection");
        assert!(buffer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&buffer));
        let head_bytes = head_bytes(&buffer).unwrap();
        assert_eq!(buffer.len() - head_bytes, answer_bytes);
        progress.answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// One message with a declared length, or without content. `None`: the stream ended.
fn read_message(stream: &mut impl Stream, buffer: &mut Vec<u8>) -> Option<usize> {
    buffer.clear();
    let mut piece = [0; 16 * 1024];
    loop {
        if let Some(head_bytes) = head_bytes(buffer) {
            let head = String::from_utf8_lossy(&buffer[..head_bytes]).to_lowercase();
            let content_bytes = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |value| value.trim().parse::<usize>().unwrap());
            if buffer.len() >= head_bytes + content_bytes {
                return Some(head_bytes);
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(count) => buffer.extend_from_slice(&piece[..count]),
        }
    }
}

fn head_bytes(buffer: &[u8]) -> Option<usize> {
    buffer.windows(4).position(|window| window == b"\r\n\r\n").map(|place| place + 4)
}

/// Answers each request with as many bytes as its path's last segment says.
fn start_back_end(tls: Option<Arc<rustls::ServerConfig>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let tls = tls.clone();
            thread::spawn(move || match tls {
                None => answer(socket),
                Some(config) => {
                    let session = rustls::ServerConnection::new(config).unwrap();
                    answer(rustls::StreamOwned::new(session, socket));
                }
            });
        }
    });
    address
}

fn answer(mut stream: impl Stream) {
    let mut buffer = Vec::new();
    while let Some(head_bytes) = read_message(&mut stream, &mut buffer) {
        let head = String::from_utf8_lossy(&buffer[..head_bytes]);
        let path = head.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
        let count: usize = path.rsplit('/').next().unwrap_or_default().parse().unwrap();
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {count}\r\n\r\n"
        )
        .into_bytes();
        answer.resize(answer.len() + count, b'z');
        if stream.write_all(&answer).is_err() || stream.flush().is_err() {
            return;
        }
    }
}

/// A self-signed certificate that everybody here trusts.
struct TestCertificate {
    chain: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl TestCertificate {
    fn write(folder: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["api.example.com".to_owned()]).unwrap();
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        std::fs::write(folder.join("chain.pem"), &chain).unwrap();
        std::fs::write(folder.join("key.pem"), &key).unwrap();
        Self {
            chain: CertificateDer::from_pem_slice(chain.as_bytes()).unwrap(),
            key: PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        }
    }

    fn server(&self) -> Arc<rustls::ServerConfig> {
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![self.chain.clone()], self.key.clone_key())
            .unwrap();
        Arc::new(config)
    }

    fn client(&self) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.chain.clone()).unwrap();
        Arc::new(
            rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth(),
        )
    }
}
