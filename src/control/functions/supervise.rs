//! One worker process from its start to its end, in a task of its own: its output, line by line, and the
//! signals that end it.

use super::logs::LINE_BYTES_MAX;
use super::processes;
use super::{Name, News, TERM_PATIENCE};
use crate::control::invocation::StopWorker;
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

/// How long a pipe is read after its worker has ended: a process that it left behind may hold the
/// other end for ever.
const OUTPUT_PATIENCE: Duration = Duration::from_millis(50);

/// Waits for a worker's end, and brings it about when asked to.
pub(super) async fn supervise(
    mut child: tokio::process::Child,
    pid: u32,
    name: Name,
    folder: PathBuf,
    mut stops: mpsc::Receiver<StopWorker>,
    reading: Option<tokio::task::JoinHandle<()>>,
    news: mpsc::Sender<News>,
) {
    let mut kill_at: Option<Instant> = None;
    let status = loop {
        let killing = async {
            match kill_at {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            status = child.wait() => break status,
            Some(how) = stops.recv() => match how {
                StopWorker::Gently => {
                    processes::signal_group(pid, Signal::TERM);
                    kill_at.get_or_insert_with(|| Instant::now() + TERM_PATIENCE);
                }
                StopWorker::AtOnce => processes::signal_group(pid, Signal::KILL),
            },
            () = killing => {
                kill_at = None;
                processes::signal_group(pid, Signal::KILL);
            }
        }
    };
    // What it has forked stays in its group: the group's number is taken while one of them lives.
    processes::signal_group(pid, Signal::KILL);
    if let Some(mut reading) = reading
        && tokio::time::timeout(OUTPUT_PATIENCE, &mut reading).await.is_err()
    {
        reading.abort();
    }
    let _ = tokio::fs::remove_dir_all(&folder).await;
    let _ = news.send(News::Ended { name, pid, status }).await;
}

/// Reads a worker's output line by line.
pub(super) async fn read(output: std::io::PipeReader, name: Name, news: mpsc::Sender<News>) {
    let output = match pipe::Receiver::from_owned_fd(output.into()) {
        Ok(output) => output,
        Err(error) => return tracing::error!(%error, "a worker's output cannot be read"),
    };
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        let limit = LINE_BYTES_MAX as u64;
        match (&mut output).take(limit).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let at = Instant::now();
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if news.send(News::Line { name, line, at }).await.is_err() {
            return;
        }
    }
}

/// How a process ended, as Lambda says it.
pub(super) fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => {
            let name = match signal {
                4 => "illegal instruction",
                6 => "aborted",
                7 => "bus error",
                8 => "floating point exception",
                9 => "killed",
                11 => "segmentation fault",
                15 => "terminated",
                _ => return format!("signal: {signal}"),
            };
            format!("signal: {name}")
        }
        (None, None) => "unknown".to_owned(),
    }
}
