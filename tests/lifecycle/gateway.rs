//! A running gateway as its operator sees it: a file, a process, two standard streams, signals.

use crate::client;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest wait for anything that should happen. Far beyond what it takes, because a test machine
/// may be busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The route that most tests ask for.
pub(crate) const HELLO: &str = r#"
[[api]]
name = "default"
protocol = "http"
[[api.route]]
route = "GET /hello"
integration = { type = "mock", status = 200, headers = { content-type = "text/plain" }, body = "hello" }
"#;

/// A configuration with one plain listener, the management listener on any port, and `rest`.
pub(crate) fn configuration(rest: &str) -> String {
    listening(&["127.0.0.1:0"], rest)
}

/// A configuration that listens there, with two shards.
pub(crate) fn listening(addresses: &[&str], rest: &str) -> String {
    format!(
        "[server]\nlisten = {addresses:?}\nshards = 2\n\
         [management]\nlisten = \"127.0.0.1:0\"\n{rest}"
    )
}

/// [`HELLO`] with another text.
pub(crate) fn says(text: &str) -> String {
    HELLO.replace("body = \"hello\"", &format!("body = {text:?}"))
}

/// A process that serves. Killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    folder: TempDir,
    lines: Lines,
    stderr: Lines,
    /// What it listens on, as printed, in that order.
    pub(crate) listening: Vec<SocketAddr>,
    /// The management listener.
    pub(crate) management: SocketAddr,
}

/// Lines that a process has printed so far.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    /// Reads a stream to its end on a thread of its own.
    pub(crate) fn of(stream: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let filled = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                filled.0.lock().unwrap().push(line);
            }
        });
        lines
    }

    /// All of them.
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }

    /// Waits for a line that holds `part`.
    pub(crate) fn wait_for(&self, part: &str) -> String {
        let find = || self.0.lock().unwrap().iter().find(|line| line.contains(part)).cloned();
        wait_until(&format!("the line {part:?}, but only came:\n{}", self.text()), find)
    }
}

/// Waits until `look` finds something.
pub(crate) fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_ringgate");

/// Runs a command of the binary to its end.
pub(crate) fn ringgate(arguments: &[&str]) -> std::process::Output {
    Command::new(BINARY).args(arguments).output().expect("the binary runs")
}

impl Gateway {
    /// Starts one with that configuration and waits until it serves.
    pub(crate) fn start(configuration: &str) -> Self {
        Self::start_in(folder_with(configuration), |_| {})
    }

    /// Starts one on the configuration in a folder, after `adjust` had its way with the command.
    pub(crate) fn start_in(folder: TempDir, adjust: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(BINARY);
        command.args(["serve", "--config"]).arg(folder.path().join("ringgate.toml"));
        adjust(&mut command);
        Self::from_command(folder, command)
    }

    /// Runs a command that ends in `ringgate serve` and waits until it serves.
    pub(crate) fn from_command(folder: TempDir, mut command: Command) -> Self {
        let mut child = command
            .current_dir(folder.path())
            .env("RUST_BACKTRACE", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let stderr = Lines::of(child.stderr.take().unwrap());
        let lines = Lines::of(child.stdout.take().unwrap());
        let begin = Instant::now();
        let management = loop {
            let found = lines.0.lock().unwrap().iter().find_map(|line| address(line, "management"));
            if let Some(found) = found {
                break found;
            }
            if let Some(status) = child.try_wait().unwrap() {
                panic!("ended at once, {status}:\n{}", stderr.text());
            }
            assert!(begin.elapsed() < PATIENCE, "does not serve:\n{}", stderr.text());
            std::thread::sleep(Duration::from_millis(2));
        };
        let mut gateway = Self { child, folder, lines, stderr, listening: Vec::new(), management };
        gateway.listening = gateway.announced();
        gateway
    }

    /// Every address announced so far, those that are gone included.
    pub(crate) fn announced(&self) -> Vec<SocketAddr> {
        let lines = self.lines.0.lock().unwrap();
        lines.iter().filter_map(|line| address(line, "listening")).collect()
    }

    /// The address that was announced as the one of that number, from 0: a reload is done a moment before it
    /// is read what the gateway has printed of it.
    pub(crate) fn announced_as(&self, number: usize) -> SocketAddr {
        wait_until("the announcement", || self.announced().get(number).copied())
    }

    /// The first listener.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listening[0]
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its configuration's file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("ringgate.toml")
    }

    /// What it logged.
    pub(crate) fn stderr(&self) -> &Lines {
        &self.stderr
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Replaces the configuration without the watch noticing anything half written.
    pub(crate) fn write(&self, configuration: &str) {
        let new = self.folder.path().join("new");
        fs::write(&new, configuration).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).expect("it still runs");
    }

    /// Replaces the configuration and waits until it is served.
    pub(crate) fn reload(&self, configuration: &str) {
        let before = self.metric("ringgate_snapshot_version").unwrap();
        self.write(configuration);
        self.signal(Signal::HUP);
        wait_until("the new configuration", || {
            let refused = self.metric("ringgate_reload_success") == Some(0.0);
            assert!(!refused, "refused:\n{}", self.stderr.text());
            (self.metric("ringgate_snapshot_version")? > before).then_some(())
        });
    }

    /// `/readyz`, as status and JSON.
    pub(crate) fn ready(&self) -> (u16, serde_json::Value) {
        let answer = client::get(self.management, "/readyz");
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    /// A metric of that name with its labels, such as `ringgate_reloads_total{result="failure"}`.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let page = client::get(self.management, "/metrics").text();
        page.lines().find_map(|line| {
            let (found, value) = line.rsplit_once(' ')?;
            (found == name).then(|| value.parse().unwrap())
        })
    }

    /// Bytes of resident memory.
    pub(crate) fn resident(&self) -> u64 {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    }

    /// CPU time of all its threads so far.
    pub(crate) fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let nanoseconds = tasks.map(|task| {
            let path = task.unwrap().path().join("schedstat");
            // A thread may end while we look.
            let text = fs::read_to_string(path).unwrap_or_default();
            text.split(' ').next().and_then(|it| it.parse::<u64>().ok()).unwrap_or(0)
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait_until("the end of the process", || child.try_wait().unwrap())
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- standard error of the gateway\n{}", self.stderr.text());
        }
    }
}

/// A new folder with that configuration in it.
pub(crate) fn folder_with(configuration: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ringgate.toml"), configuration).unwrap();
    folder
}

/// The address of a line such as `listening on http://127.0.0.1:8080`.
fn address(line: &str, what: &str) -> Option<SocketAddr> {
    let rest = line.strip_prefix(what)?.strip_prefix(" on http")?;
    rest.trim_start_matches("s").strip_prefix("://")?.parse().ok()
}
