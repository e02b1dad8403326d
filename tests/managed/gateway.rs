//! The gateway in this process, without a management API: real shards and sockets, and publications as
//! the management API makes them.

use ringgate::control::publish::{Publication, Publisher};
use ringgate::control::{Control, Ended, Options, Remote, RunError, dns};
use ringgate::model;
use ringgate::ring::probe::RingSettings;
use ringgate::shard::client_tls;
use ringgate::shard::env::{Start, start};
use ringgate::snapshot::compile;
use ringgate::snapshot::managed::{
    ApiChange, CompiledStage, DomainChange, ManagedDelta, ManagedDomain, StageChange,
};
use ringgate::tls::Tickets;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long an event may take before its test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(15);

/// The file beside the managed APIs.
const FILE: &str = r#"
[server]
listen = ["127.0.0.1:0"]
shards = 2
[server.timeouts]
drain = "1s"
[management]
listen = "127.0.0.1:0"
[aws]
domain_suffix = ["localhost", "amazonaws.test"]
[[aws.credentials]]
role = "*"
access_key_id = "AKID"
secret_access_key = "a secret"
[[api]]
name = "file"
protocol = "http"
[[api.route]]
route = "$default"
integration = { type = "mock", status = 200, body = "of the file" }
[[api]]
name = "domain-of-the-file"
protocol = "http"
domain = "file.example.com"
[[api.route]]
route = "$default"
integration = { type = "mock", status = 200, body = "of the file's domain" }
"#;

pub(crate) struct Gateway {
    publisher: Publisher,
    remote: Remote,
    address: SocketAddr,
    thread: Option<JoinHandle<Result<Ended, RunError>>>,
    file: PathBuf,
    folder: tempfile::TempDir,
}

/// The file, with the stages' logs in a folder beside it.
fn text_in(folder: &Path) -> String {
    format!("{FILE}[stage_logs]\nfolder = \"{}/logs\"\n", folder.display())
}

impl Gateway {
    pub(crate) fn start() -> Self {
        Self::serving(Vec::new())
    }

    /// Serves these stages before it listens.
    pub(crate) fn serving(stages: Vec<CompiledStage>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ringgate.toml");
        std::fs::write(&file, text_in(folder.path())).unwrap();
        let model = model::load(Some(&file)).unwrap_or_else(|problems| panic!("{problems}"));
        let (lines, announced): (_, Receiver<String>) = channel();
        let options = Options {
            tls_configure: client_tls,
            resolver: dns::system_resolver,
            announce: Box::new(move |line| {
                let _ = lines.send(line.to_owned());
            }),
        };
        let (mut control, seats) = Control::start(&model, options).expect("it starts");
        control.serve_first(ManagedDelta {
            stages: stages.into_iter().map(put).collect(),
            ..ManagedDelta::default()
        });
        let tickets = Tickets::new().expect("random numbers");
        for seat in seats {
            let snapshot = Box::new(compile(&model, 0, 1));
            let ring = RingSettings::default();
            start(Start { seat, core: None, snapshot, tickets: tickets.clone(), ring })
                .expect("a thread");
        }
        let publisher = control.publisher();
        let remote = control.remote();
        let thread = std::thread::spawn(move || control.run());
        let line = announced.recv_timeout(DEADLINE).expect("it announces its listener");
        let address = line.strip_prefix("listening on http://").expect("a plain listener");
        Self {
            publisher,
            remote,
            address: address.parse().unwrap(),
            thread: Some(thread),
            file,
            folder,
        }
    }

    /// Waits for that many lines in a log group's file.
    pub(crate) fn log(&self, group: &str, count: usize) -> Vec<String> {
        let file = self.folder.path().join("logs").join(format!("{group}.log"));
        let deadline = Instant::now() + DEADLINE;
        loop {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            if lines.len() >= count && text.ends_with('\n') {
                return lines;
            }
            assert!(Instant::now() < deadline, "{count} lines of {group}, found {lines:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Publishes and waits until all shards serve it.
    pub(crate) fn publish(&self, delta: ManagedDelta) {
        let done = self.begin_to_publish(delta);
        let (sender, receiver) = channel();
        std::thread::spawn(move || sender.send(done.blocking_recv()));
        receiver.recv_timeout(DEADLINE).expect("in time").expect("every shard serves it");
    }

    pub(crate) fn begin_to_publish(&self, delta: ManagedDelta) -> oneshot::Receiver<()> {
        let (done, receiver) = oneshot::channel();
        self.publisher.blocking_send(Publication { delta, done }).expect("control runs");
        receiver
    }

    pub(crate) fn deploy(&self, stage: CompiledStage) {
        self.publish(ManagedDelta { stages: vec![put(stage)], ..ManagedDelta::default() });
    }

    pub(crate) fn remove(&self, api_id: &str, name: &str) {
        let gone = StageChange::Remove { api_id: api_id.into(), name: name.into() };
        self.publish(ManagedDelta { stages: vec![gone], ..ManagedDelta::default() });
    }

    /// Tells of an API, or that it is gone, without any stage.
    pub(crate) fn tell_of(&self, change: ApiChange) {
        self.publish(ManagedDelta { apis: vec![change], ..ManagedDelta::default() });
    }

    pub(crate) fn name(&self, domain: ManagedDomain) {
        let domains = vec![DomainChange::Put(Box::new(domain))];
        self.publish(ManagedDelta { domains, ..ManagedDelta::default() });
    }

    /// Changes what the API of the file answers.
    pub(crate) fn reload(&self, body: &str) {
        let text = text_in(self.folder.path());
        std::fs::write(&self.file, text.replace("of the file\"", &format!("{body}\""))).unwrap();
        self.remote.reload();
    }

    /// Asks one after the other on one connection, and so one shard.
    pub(crate) fn ask_in_turn(&self, requests: &[&str]) -> Vec<Reply> {
        let mut stream = BufReader::new(TcpStream::connect(self.address).expect("it listens"));
        stream.get_ref().set_read_timeout(Some(DEADLINE)).unwrap();
        let ask = |request: &&str| {
            stream.get_mut().write_all(request.as_bytes()).unwrap();
            read_reply(&mut stream, request.starts_with("HEAD"))
        };
        requests.iter().map(ask).collect()
    }

    /// Asks on a connection of its own.
    pub(crate) fn ask(&self, request: &str) -> Reply {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        read_reply(&mut BufReader::new(stream), request.starts_with("HEAD"))
    }

    /// `GET` of a path at a host.
    pub(crate) fn get(&self, host: &str, path: &str) -> Reply {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
    }

    /// `GET` of a path at an API's own host.
    pub(crate) fn of_api(&self, api_id: &str, path: &str) -> Reply {
        self.get(&format!("{api_id}.execute-api.us-east-1.localhost:1234"), path)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.remote.stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join().expect("control does not panic");
            if !std::thread::panicking() {
                assert!(ended.expect("an orderly end").all_ended);
            }
        }
    }
}

fn put(stage: CompiledStage) -> StageChange {
    StageChange::Put(Box::new(stage))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let lead = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&lead))
    }

    /// Status and content.
    pub(crate) fn brief(&self) -> (u16, &str) {
        (self.status, &self.body)
    }
}

/// Reads a message with a declared length or without content.
fn read_reply(stream: &mut impl BufRead, is_head: bool) -> Reply {
    let head = read_head(stream);
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status line");
    let mut reply = Reply { status, head: head.to_lowercase(), body: String::new() };
    let bytes = reply.field("content-length").map_or(0, |it| it.parse().unwrap());
    let mut body = vec![0; if is_head { 0 } else { bytes }];
    stream.read_exact(&mut body).expect("the whole body");
    reply.body = String::from_utf8(body).expect("text");
    reply
}

fn read_head(stream: &mut impl BufRead) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let count = stream.read_line(&mut head).expect("a head");
        assert!(count > 0, "the connection ended in {head:?}");
    }
    head
}

/// A back end that tells each request as its answer, and remembers it.
pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    pub(crate) fn start() -> Self {
        Self::answering("200 OK", "")
    }

    /// Answers with this status line and these fields.
    pub(crate) fn answering(status: &'static str, fields: &'static str) -> Self {
        Self::telling(status, fields, None)
    }

    /// Answers with this content, whatever it is asked.
    pub(crate) fn telling(
        status: &'static str,
        fields: &'static str,
        content: impl Into<Option<String>>,
    ) -> Self {
        let content: Option<Arc<str>> = content.into().map(Into::into);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let seen = Arc::clone(&kept);
                let content = content.clone();
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(socket);
                    while stream.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
                        let head = read_head(&mut stream);
                        let lead = "content-length: ";
                        let bytes = head.to_lowercase().lines().find_map(|line| {
                            line.strip_prefix(lead).map(|it| it.parse::<usize>().unwrap())
                        });
                        let mut body = vec![0; bytes.unwrap_or(0)];
                        stream.read_exact(&mut body).unwrap();
                        let is_head = head.starts_with("HEAD ");
                        let told = match &content {
                            Some(content) => content.to_string(),
                            None => head.lines().next().unwrap_or_default().to_owned(),
                        };
                        seen.lock().unwrap().push(head + &String::from_utf8_lossy(&body));
                        let answer = format!(
                            "HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{}",
                            told.len(),
                            if is_head { "" } else { &told }
                        );
                        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, seen }
    }

    /// The last request, head and content, in lower case.
    pub(crate) fn last(&self) -> String {
        self.last_as_sent().to_lowercase()
    }

    /// The last request, head and content.
    pub(crate) fn last_as_sent(&self) -> String {
        self.seen.lock().unwrap().last().expect("a request").clone()
    }
}
