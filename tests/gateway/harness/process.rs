//! The gateway's process.

use super::{Client, DEADLINE, Reply, eventually};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

/// A running gateway; killed when dropped.
pub(crate) struct Gateway {
    process: Child,
    /// Plain listeners, in the order of the configuration.
    plain: Vec<SocketAddr>,
    /// TLS listeners, in the order of the configuration.
    tls: Vec<SocketAddr>,
    management: SocketAddr,
    folder: tempfile::TempDir,
}

impl Gateway {
    /// Starts one with these tables besides `[server]`.
    pub(crate) fn start(tables: &str) -> Self {
        Self::with("", tables)
    }

    /// Starts one with these keys of `[server]` and these tables.
    pub(crate) fn with(server: &str, tables: &str) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), server, tables)
    }

    /// The same in a folder where the files that the configuration names lie.
    pub(crate) fn in_folder(folder: tempfile::TempDir, server: &str, tables: &str) -> Self {
        Self::in_environment(folder, server, tables, &[])
    }

    /// The same with these variables of the environment besides our own.
    pub(crate) fn in_environment(
        folder: tempfile::TempDir,
        server: &str,
        tables: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        let file = folder.path().join("ringgate.toml");
        fs::write(&file, configuration(server, tables)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
        // Whose folder it is runs it.
        let owner = fs::metadata(folder.path()).unwrap();
        if owner.uid() != rustix::process::geteuid().as_raw() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let mut process = command
            .current_dir(folder.path())
            .envs(environment.iter().copied())
            .args(["serve", "--config"])
            .arg(&file)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let output = process.stdout.take().expect("it is piped");
        let (lines, announced) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody listens any more once the gateway is ready; reading goes on all the same.
                let _ = lines.send(line);
            }
        });
        let (mut plain, mut tls) = (Vec::new(), Vec::new());
        let management = loop {
            let line = announced.recv_timeout(DEADLINE).expect("it announces its listeners");
            let address = |prefix| line.strip_prefix(prefix).and_then(|rest| rest.parse().ok());
            plain.extend(address("listening on http://"));
            tls.extend(address("listening on https://"));
            if let Some(management) = address("management on http://") {
                break management;
            }
        };
        Self { process, plain, tls, management, folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.plain[0]
    }

    pub(crate) fn tls_address(&self) -> SocketAddr {
        self.tls[0]
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A new connection.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// One request on a connection of its own.
    pub(crate) fn send(&self, request: impl AsRef<[u8]>) -> Reply {
        self.client().ask(request)
    }

    /// `GET` with this path, on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
    }

    /// Puts another configuration in place, and waits until it is served.
    pub(crate) fn reload(&self, server: &str, tables: &str) {
        let before = self.metric("ringgate_snapshot_version");
        fs::write(self.folder().join("ringgate.toml"), configuration(server, tables)).unwrap();
        self.signal(rustix::process::Signal::HUP);
        eventually("the new configuration", || self.metric("ringgate_snapshot_version") > before);
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let process = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(process, signal).unwrap();
    }

    /// The page of metrics.
    pub(crate) fn metrics(&self) -> String {
        let mut client = Client::connect(self.management);
        let reply = client.ask("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(reply.status, 200);
        reply.text()
    }

    /// The sum of all samples that begin like this.
    pub(crate) fn metric(&self, sample: &str) -> f64 {
        let metrics = self.metrics();
        let samples = metrics.lines().filter(|line| {
            line.strip_prefix(sample).is_some_and(|rest| rest.starts_with([' ', '{', ',']))
        });
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Waits until that sum is `value`: counters come about once a second.
    pub(crate) fn await_metric(&self, sample: &str, value: f64) {
        eventually(&format!("{sample} {value}"), || self.metric(sample) == value);
    }

    /// Resident memory, bytes.
    pub(crate) fn resident_bytes(&self) -> usize {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    }

    /// What the process has open.
    pub(crate) fn open_files(&self) -> Vec<String> {
        let files = fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap();
        let targets = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
        targets.map(|target| target.display().to_string()).collect()
    }

    /// Sockets that the process has open.
    pub(crate) fn open_sockets(&self) -> usize {
        self.open_files().iter().filter(|target| target.starts_with("socket:")).count()
    }

    /// Waits until no connection of clients or to back ends is left.
    pub(crate) fn await_no_connections(&self) {
        // What is told must be younger than this call: the second report from now on is.
        for _ in 0..2 {
            let turns = self.metric("ringgate_ring_turns_total");
            eventually("a report", || self.metric("ringgate_ring_turns_total") > turns);
        }
        self.await_metric("ringgate_client_connections", 0.0);
        self.await_metric("ringgate_upstream_connections", 0.0);
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One shard, so that a test knows which one it meets; the smallest ring, so that many tests fit the
/// memory that may be locked.
fn configuration(server: &str, tables: &str) -> String {
    let listen = if server.contains("listen = ") { "" } else { "listen = [\"127.0.0.1:0\"]" };
    format!(
        "[server]\n{listen}\nshards = 1\n{server}\n\
         [management]\nlisten = \"127.0.0.1:0\"\n\
         [ring]\nentries = 64\n\
         {tables}\n"
    )
}
