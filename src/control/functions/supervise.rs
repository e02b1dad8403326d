//! One worker process from its start to its end, in a task of its own: its output, line by line, and the
//! signals that end it.

use super::logs::LINE_BYTES_MAX;
use super::namespaces::Told;
use super::processes;
use super::{Name, News, TERM_PATIENCE};
use crate::control::invocation::StopWorker;
use rustix::process::Signal;
use std::io::PipeReader;
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

/// A worker that was started.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) child: tokio::process::Child,
    /// What is told of the runtime where the child is who waits for it.
    pub(super) told: Option<PipeReader>,
    pub(super) pid: u32,
    pub(super) name: Name,
    /// Its temporary folder, removed at its end.
    pub(super) folder: PathBuf,
}

/// Waits for a worker's end, and brings it about when asked to.
pub(super) async fn supervise(
    started: Started,
    mut stops: mpsc::Receiver<StopWorker>,
    reading: Option<tokio::task::JoinHandle<()>>,
    news: mpsc::Sender<News>,
) {
    let Started { mut child, told, pid, name, folder } = started;
    let mut telling = told.and_then(|it| pipe::Receiver::from_owned_fd(it.into()).ok());
    let mut told = Told::default();
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
            is_open = hear(&mut telling, &mut told) => match (is_open, told.pid()) {
                // Its end is not far, and what is left is read then.
                (false, _) => telling = None,
                (true, Some(pid)) => {
                    let _ = news.send(News::Inside { name, pid }).await;
                }
                (true, None) => {}
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
    let mut last = [0; 16];
    if let Some(count) = telling.and_then(|it| it.try_read(&mut last).ok()) {
        told.take(&last[..count]);
    }
    let _ = news.send(News::Ended { name, pid, status, peak_bytes: told.peak_bytes() }).await;
}

/// Takes in what is told next; whether more may come. Waits for ever where nobody tells.
async fn hear(telling: &mut Option<pipe::Receiver>, told: &mut Told) -> bool {
    let Some(telling) = telling else { return std::future::pending().await };
    let mut bytes = [0; 16];
    match telling.read(&mut bytes).await {
        Ok(0) | Err(_) => false,
        Ok(count) => {
            told.take(&bytes[..count]);
            true
        }
    }
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
