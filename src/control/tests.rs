//! The whole control thread, with shards that only answer its messages.

use super::functions::Codes;
use super::mailbox::{Listener, ToShard};
use super::reload::{Attempt, Attempted, Cause, RestartOnly, attempt};
use super::test_snapshot::CONFIGURATION;
use super::*;
use crate::model::load;
use crate::telemetry::{Recorder, SeriesLayout};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// How a fake shard behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    Obedient,
    /// Never says that it serves.
    Mute,
    /// Ends with this report as soon as it gets a snapshot.
    Fails,
}

/// Answers messages as a shard would, accepts nothing.
fn fake_shard(seat: Seat, behaviour: Behaviour, log: &Mutex<Vec<String>>) {
    let Seat { shard, mailbox, reporter } = seat;
    let note = |text: String| log.lock().unwrap().push(format!("{shard}: {text}"));
    let mut recorder = Recorder::new(shard);
    let mut listeners: Vec<Listener> = Vec::new();
    loop {
        while let Some(message) = mailbox.try_take() {
            match message {
                ToShard::Endpoints(endpoints) => {
                    reporter.send(FromShard::RetiredEndpoints(endpoints)).unwrap();
                }
                ToShard::Snapshot(snapshot) => {
                    let version = snapshot.version;
                    note(format!("snapshot {version}"));
                    recorder.set_series(SeriesLayout { version, ..SeriesLayout::default() });
                    match behaviour {
                        Behaviour::Obedient => {
                            reporter.send(FromShard::Retired(snapshot)).unwrap();
                            let serving = FromShard::Serving { shard, version };
                            reporter.send(serving).unwrap();
                        }
                        Behaviour::Mute => {}
                        Behaviour::Fails => {
                            let error = "no memory for its ring".to_owned();
                            reporter.send(FromShard::Died { shard, error }).unwrap();
                            return;
                        }
                    }
                }
                ToShard::Delta(delta) => {
                    note(format!("applies {}", delta.sequence));
                    if behaviour == Behaviour::Obedient {
                        let sequence = delta.sequence;
                        reporter.send(FromShard::Applied { shard, sequence }).unwrap();
                    }
                }
                ToShard::Invoke(_)
                | ToShard::EventTaken { .. }
                | ToShard::StreamTaken { .. }
                | ToShard::StreamLeft { .. }
                | ToShard::EventOver { .. }
                | ToShard::WorkerEnded { .. }
                | ToShard::SpareWorker { .. }
                | ToShard::ReplaceWorkers { .. } => note("hears of functions".to_owned()),
                ToShard::Addresses(news) => note(format!("hears of {}", news.len())),
                ToShard::Credentials(all) => note(format!("signs as {}", all.len())),
                ToShard::TakeListeners(taken) => {
                    note(format!("takes {}", taken.len()));
                    listeners.extend(taken);
                }
                ToShard::DropListeners(ids) => {
                    note(format!("drops {}", ids.len()));
                    listeners.retain(|listener| !ids.contains(&listener.id));
                }
                ToShard::Drain { deadline } => {
                    note(format!("drains {deadline:?}"));
                    listeners.clear();
                    let drained = FromShard::Drained { shard, requests_cut: 1 };
                    reporter.send(drained).unwrap();
                }
                ToShard::Stop => return,
            }
        }
        let batch = recorder.take_batch(Instant::now());
        if let Err(FromShard::Telemetry { batch, .. }) =
            reporter.send(FromShard::Telemetry { shard, batch })
        {
            recorder.put_back(batch);
        }
        // As a shard sleeps: on its eventfd, until the next batch of telemetry.
        let eventfd = mailbox.eventfd();
        let mut wait = [rustix::event::PollFd::new(&eventfd, rustix::event::PollFlags::IN)];
        let second = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
        rustix::event::poll(&mut wait, Some(&second)).unwrap();
        let _ = rustix::io::read(eventfd, &mut [0; 8]);
    }
}

/// A control thread with fake shards. It is told what signals would tell it through its remote,
/// because a signal goes to the whole process and so to every test that runs in it.
struct Process {
    publisher: Publisher,
    folder: tempfile::TempDir,
    announced: Arc<Mutex<Vec<String>>>,
    log: Arc<Mutex<Vec<String>>>,
    status: SharedStatus,
    remote: Remote,
    thread: JoinHandle<Result<Ended, RunError>>,
}

fn no_tls(_: &crate::snapshot::UpstreamTls) -> Result<Arc<rustls::ClientConfig>, String> {
    Err("no TLS in this test".to_owned())
}

fn no_dns() -> Result<TokioResolver, String> {
    Err("no DNS in this test".to_owned())
}

impl Process {
    fn start(behaviour: Behaviour) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ringgate.toml");
        fs::write(&file, CONFIGURATION).unwrap();
        let announced = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&announced);
        let options = Options {
            tls_configure: no_tls,
            resolver: no_dns,
            announce: Box::new(move |line| lines.lock().unwrap().push(line.to_owned())),
        };
        let (control, seats) = Control::start(&load(Some(&file)).unwrap(), options).unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        for seat in seats {
            let log = Arc::clone(&log);
            // The second shard is the odd one.
            let behaviour = if seat.shard == 1 { behaviour } else { Behaviour::Obedient };
            std::thread::spawn(move || fake_shard(seat, behaviour, &log));
        }
        let status = control.status.clone();
        let remote = control.remote();
        let publisher = control.publisher();
        Self {
            folder,
            publisher,
            announced,
            log,
            status,
            remote,
            thread: std::thread::spawn(move || control.run()),
        }
    }

    fn serving() -> Self {
        let process = Self::start(Behaviour::Obedient);
        process.until("announced", || process.announced.lock().unwrap().len() == 2);
        process
    }

    fn until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !done() {
            assert!(begin.elapsed() < PATIENCE, "in vain: {what}");
            assert!(!self.thread.is_finished(), "ended before: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ringgate.toml")
    }

    /// As an editor does it.
    fn replace_file(&self, text: &str) {
        let new = self.folder.path().join("ringgate.toml~");
        fs::write(&new, text).unwrap();
        fs::rename(&new, self.file()).unwrap();
    }

    fn address(&self, lead: &str) -> SocketAddr {
        let announced = self.announced.lock().unwrap();
        let line = announced.iter().find_map(|line| line.strip_prefix(lead));
        line.expect("announced").parse().unwrap()
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address("management on http://")).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }

    fn logged(&self, line: &str) -> bool {
        self.log.lock().unwrap().iter().any(|it| it == line)
    }

    fn ended(self) -> Result<Ended, RunError> {
        let begin = Instant::now();
        while !self.thread.is_finished() {
            assert!(begin.elapsed() < PATIENCE, "the process does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.thread.join().unwrap()
    }
}

#[test]
fn it_announces_when_every_shard_serves_and_ends_when_told() {
    let process = Process::serving();
    let address = process.address("listening on http://");
    assert_ne!(address.port(), 0);
    TcpStream::connect(address).unwrap();
    assert!(process.get("/readyz").starts_with("HTTP/1.1 200 "));
    assert!(process.get("/healthz").starts_with("HTTP/1.1 200 "));
    assert!(process.get("/metrics").starts_with("HTTP/1.1 200 "));

    process.remote.stop();
    process.until("draining", || process.status.lock().phase == status::Phase::Draining);
    process.until("both shards drain", || {
        process.logged("0: drains 1s") && process.logged("1: drains 1s")
    });
    assert_eq!(process.ended().unwrap(), Ended { requests_cut: 2, all_ended: true });
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_publication_is_done_when_every_live_shard_has_applied_it() {
    let process = Process::serving();
    let publish = || {
        let name = "gone".into();
        let change = crate::snapshot::managed::StageChange::Remove { api_id: "a".into(), name };
        let delta = ManagedDelta { stages: vec![change], ..ManagedDelta::default() };
        let (done, receiver) = tokio::sync::oneshot::channel();
        process.publisher.blocking_send(Publication { delta, done }).unwrap();
        receiver
    };
    publish().blocking_recv().expect("done");
    assert!(process.logged("0: applies 1") && process.logged("1: applies 1"));
    publish().blocking_recv().expect("done");
    assert!(process.logged("0: applies 2") && process.logged("1: applies 2"));
    process.remote.stop();
    process.ended().unwrap();
}

#[test]
fn a_shard_that_cannot_start_ends_the_start_with_its_reason() {
    let process = Process::start(Behaviour::Fails);
    assert_eq!(
        process.ended().unwrap_err().to_string(),
        "shard 1 cannot start: no memory for its ring; see `ringgate doctor`"
    );
}

#[test]
fn a_mute_shard_at_the_start_is_named() {
    let process = Process::start(Behaviour::Mute);
    assert_eq!(
        process.ended().unwrap_err().to_string(),
        "shards [1] did not begin to serve within 10 s"
    );
}

#[test]
fn a_second_signal_does_not_wait_for_the_drain() {
    let process = Process::serving();
    process.remote.stop();
    process.until("draining", || process.status.lock().phase == status::Phase::Draining);
    process.remote.stop();
    let log = Arc::clone(&process.log);
    assert!(process.ended().unwrap().all_ended);
    assert!(!log.lock().unwrap().iter().any(|it| it.contains("drains")));
}

#[test]
fn a_bad_file_is_refused_and_the_last_good_snapshot_stays() {
    let process = Process::serving();
    process.replace_file(&CONFIGURATION.replace("[[api.route]]", "[[api.rout]]"));
    process.until("refused", || process.status.lock().last_reload.is_some());
    let ready = process.get("/readyz");
    assert!(ready.starts_with("HTTP/1.1 200 "), "{ready}");
    assert!(ready.contains(r#""version":1"#), "{ready}");
    assert!(ready.contains(r#""result":"failure""#), "{ready}");
    assert!(ready.contains("unknown key `rout`"), "{ready}");
    assert!(ready.contains("ringgate.toml:14:"), "{ready}");
    assert!(!process.logged("0: snapshot 2"));

    process.replace_file(&CONFIGURATION.replace("GET /hello", "GET /hi"));
    process.until("the good one", || process.logged("1: snapshot 2"));
    process.until("told", || {
        let status = process.status.lock();
        status.last_reload == Some(status::LastReload::Success { version: 2 })
    });
    process.remote.stop();
    process.ended().unwrap();
}

#[test]
fn listeners_come_and_go_with_a_reload() {
    let process = Process::serving();
    let first = process.address("listening on http://");
    let taken = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let with = |listen: &str| {
        CONFIGURATION.replacen(r#"listen = ["127.0.0.1:0"]"#, &format!("listen = {listen}"), 1)
    };
    process.replace_file(&with(&format!(r#"["{taken}"]"#)));
    process.until("taken", || {
        process.log.lock().unwrap().iter().filter(|it| it.contains("takes 1")).count() == 4
    });
    process.until("dropped", || process.logged("0: drops 1") && process.logged("1: drops 1"));
    TcpStream::connect(taken).unwrap();
    process.until("closed", || TcpStream::connect(first).is_err());

    // An address that cannot be had refuses the whole file.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let in_use = other.local_addr().unwrap();
    process.replace_file(&with(&format!(r#"["{taken}", "{in_use}"]"#)));
    process.until("refused", || process.get("/readyz").contains("the address is in use by"));
    assert!(!process.logged("0: snapshot 3"));
    TcpStream::connect(taken).unwrap();
    process.remote.stop();
    process.ended().unwrap();
}

#[test]
fn hangup_reloads_even_what_has_not_changed() {
    let process = Process::serving();
    let text = fs::read_to_string(process.file()).unwrap();
    process.replace_file(&text);
    process.remote.reload();
    process.until("reloaded", || process.logged("0: snapshot 2"));
    process.remote.stop();
    process.ended().unwrap();
}

fn an_attempt(file: &Path, cause: Cause) -> Attempt {
    let model = load(Some(file)).unwrap();
    Attempt {
        file: Some(file.to_owned()),
        cause,
        seen: seen_at_start(&model),
        restart_only: RestartOnly::of(&model),
        version: 2,
        shards: 2,
        codes: Codes::default(),
    }
}

#[test]
fn a_file_that_was_only_touched_is_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ringgate.toml");
    fs::write(&file, CONFIGURATION).unwrap();
    let touched = an_attempt(&file, Cause::FileChange);
    assert!(matches!(attempt(&touched), Attempted::Unchanged));
    let wanted = an_attempt(&file, Cause::Signal);
    assert!(matches!(attempt(&wanted), Attempted::Compiled { .. }));

    // The same mistake is told once.
    fs::write(&file, "server = 1").unwrap();
    let Attempted::Refused { seen, problems } = attempt(&touched) else {
        panic!("it is bad");
    };
    assert_eq!(problems.len(), 1, "{problems:?}");
    let again = Attempt { seen: Some(seen), ..touched };
    assert!(matches!(attempt(&again), Attempted::Unchanged));
}

#[test]
fn what_needs_a_restart_stays_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ringgate.toml");
    fs::write(&file, CONFIGURATION).unwrap();
    let change = an_attempt(&file, Cause::FileChange);
    let text = CONFIGURATION.replace("shards = 2", "shards = 3");
    fs::write(&file, format!("{text}\n[ring]\nentries = 1024\n[log]\nformat = \"json\"\n"))
        .unwrap();
    let Attempted::Compiled { compiled, .. } = attempt(&change) else {
        panic!("it is good");
    };
    assert_eq!(compiled.snapshot.server.shards, Some(2));
    assert_eq!(compiled.copies.len(), 2);
    let expected = ["server.shards", "ring", "log"]
        .map(|key| format!("`{key}` changes only with a restart; its old value stays"));
    assert_eq!(compiled.warnings, expected);
}

/// Bytes of this process in memory (`/proc/self/statm`, second number, in pages).
fn resident_bytes() -> usize {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
fn a_thousand_reloads_leave_the_memory_where_it_was() {
    let process = Process::serving();
    let reload_to = |version: u64| {
        process.remote.reload();
        let line = format!("1: snapshot {version}");
        process.until(&line, || process.logged(&line));
        process.until("in service", || {
            let status = process.status.lock();
            status.last_reload == Some(status::LastReload::Success { version })
        });
    };
    for version in 2..=100 {
        reload_to(version);
    }
    let before = resident_bytes();
    for version in 101..=1001 {
        reload_to(version);
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 4 << 20, "grown by {grown} bytes in 900 reloads");
    let threads = fs::read_dir("/proc/self/task").unwrap().count();
    assert!(threads < 20, "{threads} threads");
    process.remote.stop();
    process.ended().unwrap();
}
