//! `kill -9` in the middle of work: what was acknowledged is there, and nothing is there by half.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use ringgate::store::{Entry, Revision, Store};

use super::{change, key};

/// Tells this program that it is the one to be killed.
const URL: &str = "RINGGATE_TEST_STORE_TO_WRITE";

#[tokio::test]
async fn nothing_acknowledged_is_lost_on_sqlite() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}", folder.path().join("s.db").display());
    nothing_acknowledged_is_lost(&url, 20).await;
}

/// In so many first rounds the writer is killed while it makes and opens the store.
const KILLED_WHILE_OPENING: u32 = 3;

/// Kills so many writers, each at another moment of its work.
pub(crate) async fn nothing_acknowledged_is_lost(url: &str, rounds: u32) {
    let mut last_acknowledged = 0;
    for round in 0..rounds {
        let acknowledged = write_and_be_killed(url, round).unwrap_or(last_acknowledged);
        assert!(acknowledged >= last_acknowledged);
        last_acknowledged = acknowledged;

        let store = Store::open(url).await.expect("it opens after a kill");
        let report = store.check().await.expect("it can be read");
        assert_eq!(report.problems, [""; 0], "round {round}");
        let (revision, rows) = store.load().await.expect("a load");
        assert!(
            revision >= last_acknowledged,
            "round {round}: revision {last_acknowledged} was acknowledged, {revision} is there"
        );
        let counter = rows.iter().find(|row| row.key.kind == "counter").map(|row| row.body.clone());
        assert_eq!(counter, (revision > 0).then(|| revision.to_string()), "no write by half");
        let written: Vec<String> =
            rows.iter().filter(|row| row.key.kind == "row").map(|row| row.body.clone()).collect();
        let expected: Vec<String> = (1..=revision).map(|it| it.to_string()).collect();
        assert_eq!(written, expected, "round {round}");
    }
    assert!(last_acknowledged > u64::from(rounds), "the writers were killed before they wrote");
}

/// Starts this same program as a writer, kills it, returns the last revision that it acknowledged.
fn write_and_be_killed(url: &str, round: u32) -> Option<Revision> {
    let this = std::env::current_exe().expect("the test's own file");
    let mut writer = Command::new(this)
        .args(["--exact", "kill::writes_until_it_is_killed", "--nocapture"])
        .env(URL, url)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program runs");
    let output = BufReader::new(writer.stdout.take().expect("piped"));
    let (sender, first) = mpsc::channel();
    let reading = std::thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        let revisions = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
        // Nobody waits for the first one in the rounds that end before it.
        revisions.inspect(|_| _ = sender.send(())).last()
    });
    if round < KILLED_WHILE_OPENING {
        std::thread::sleep(Duration::from_millis(5 + 5 * u64::from(round)));
    } else {
        first.recv_timeout(Duration::from_secs(30)).expect("a first write");
        // Steps that are no multiple of a write's time: each kill falls on another moment of it.
        std::thread::sleep(Duration::from_micros(1_667 * u64::from(round)));
    }
    writer.kill().expect("it runs");
    writer.wait().expect("it ends");
    reading.join().expect("the reader")
}

/// The writer: only when it is asked for.
#[tokio::test]
async fn writes_until_it_is_killed() {
    let Ok(url) = std::env::var(URL) else {
        return;
    };
    let store = Store::open(&url).await.expect("the store");
    let mut revision = store.revision().await.expect("a revision");
    loop {
        // Groups of one to three changes, with a row that all of them touch.
        let group: Vec<_> = (1..=1 + revision % 3)
            .map(|at| {
                let number = (revision + at).to_string();
                let entry = |key| Entry { key, before: None, after: Some(number.clone()) };
                let id = format!("{:09}", revision + at);
                change(vec![entry(key("row", &id)), entry(key("counter", ""))])
            })
            .collect();
        revision = store.commit(revision, &group).await.expect("a commit");
        let mut out = std::io::stdout().lock();
        let told = writeln!(out, "acknowledged {revision}").and_then(|()| out.flush());
        if told.is_err() {
            // Whoever was to kill us is gone.
            return;
        }
    }
}
