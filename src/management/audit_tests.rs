//! Audit: lines, their order, and what happens when they cannot be written.

use super::*;
use crate::management::access::Principal;
use std::fs;

/// Beyond what a healthy thread needs, so that a failure is one.
const PATIENCE: Duration = Duration::from_secs(20);

fn entry(id: &str) -> Entry {
    Entry {
        request_id: id.to_owned(),
        caller: Caller {
            principal: Principal {
                name: "AKIDADMIN00000000000".to_owned(),
                role: Role::Admin,
                proof: Proof::Signature,
            },
            region: "us-east-1".to_owned(),
            service: Some("apigateway".to_owned()),
        },
        source: "10.0.0.1:50000".parse().unwrap(),
        user_agent: Some("aws-cli/1\n\"x\"".to_owned()),
        operation: "CreateRestApi".to_owned(),
        targets: vec!["abc".to_owned()],
        changed: vec!["us-east-1/rest-api/abc".to_owned()],
        status: 201,
        error: None,
    }
}

fn lines(file: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn ids(file: &Path) -> Vec<String> {
    lines(file).iter().map(|line| line["request_id"].as_str().unwrap().to_owned()).collect()
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..PATIENCE.as_millis() / 5 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("{what}: not within {PATIENCE:?}");
}

#[test]
fn a_write_is_one_line_of_json_with_names_and_no_values() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.log");
    let audit = Audit::start(&AuditLog::File(file.clone())).unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_772_366_400_250);
    audit.reserve().unwrap().record(&entry("r-1"), now);
    let fault = Fault::conflict("value 'secret' is taken");
    audit.reserve().unwrap().record(&entry("r-2").refused(&fault), now);
    audit.close(PATIENCE);
    let written = lines(&file);
    assert_eq!(
        written[0],
        serde_json::json!({
            "time": "2026-03-01T12:00:00.250Z",
            "sequence": 1,
            "request_id": "r-1",
            "principal": "AKIDADMIN00000000000",
            "role": "admin",
            "verified": true,
            "source": "10.0.0.1:50000",
            "user_agent": "aws-cli/1\n\"x\"",
            "region": "us-east-1",
            "service": "apigateway",
            "operation": "CreateRestApi",
            "targets": ["abc"],
            "changed": ["us-east-1/rest-api/abc"],
            "outcome": "done",
            "status": 201,
            "error": null,
        })
    );
    assert_eq!(written[1]["outcome"], "refused");
    assert_eq!(written[1]["error"], "ConflictException");
    assert_eq!(written[1]["sequence"], 2);
    assert!(!fs::read_to_string(&file).unwrap().contains("secret"));
    assert_eq!(audit.counts(), (2, 0));
}

#[test]
fn the_file_is_not_for_everybody() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.log");
    let audit = Audit::start(&AuditLog::File(file.clone())).unwrap();
    audit.close(PATIENCE);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o007, 0);
}

#[test]
fn a_file_that_cannot_be_opened_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("none").join("audit.log");
    assert!(Audit::start(&AuditLog::File(file)).is_err());
}

#[test]
fn after_a_rotation_lines_go_to_the_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let (file, old) = (folder.path().join("audit.log"), folder.path().join("audit.log.1"));
    let audit = Audit::start(&AuditLog::File(file.clone())).unwrap();
    audit.reserve().unwrap().record(&entry("before"), SystemTime::now());
    wait_for("the first line", || audit.counts().0 == 1);
    fs::rename(&file, &old).unwrap();
    audit.reserve().unwrap().record(&entry("between"), SystemTime::now());
    wait_for("the second line", || audit.counts().0 == 2);
    audit.reopen();
    wait_for("the new file", || file.exists());
    audit.reserve().unwrap().record(&entry("after"), SystemTime::now());
    audit.close(PATIENCE);
    assert_eq!(ids(&old), ["before", "between"]);
    assert_eq!(ids(&file), ["after"]);
}

/// `/dev/full` takes nothing, as a full disk does.
fn full_disk(lines_max: usize) -> (Audit, tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.log");
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    let audit = Audit::to(Sink::file(&file).unwrap(), lines_max).unwrap();
    (audit, folder, file)
}

#[test]
fn when_nothing_can_be_recorded_nothing_may_be_written_and_nothing_is_lost() {
    let (audit, _folder, file) = full_disk(2);
    audit.reserve().unwrap().record(&entry("1"), SystemTime::now());
    let slot = audit.reserve().unwrap();
    let fault = audit.reserve().unwrap_err();
    assert_eq!((fault.status, fault.retry_after), (503, Some(5)));
    drop(slot);
    audit
        .reserve()
        .expect("a slot that was not used is given back")
        .record(&entry("2"), SystemTime::now());
    assert!(audit.reserve().is_err());
    // The disk has room again.
    fs::remove_file(&file).unwrap();
    audit.reopen();
    wait_for("both lines", || audit.counts() == (2, 0));
    assert_eq!(ids(&file), ["1", "2"]);
    assert!(audit.reserve().is_ok());
}

#[test]
fn what_is_left_at_the_end_is_counted() {
    let (audit, _folder, _file) = full_disk(10);
    for id in ["1", "2", "3"] {
        audit.reserve().unwrap().record(&entry(id), SystemTime::now());
    }
    audit.close(PATIENCE);
    assert_eq!(audit.counts(), (0, 3));
    assert!(audit.reserve().is_err(), "nothing more is taken");
}

#[test]
fn many_writers_leave_every_number_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.log");
    let audit = Audit::start(&AuditLog::File(file.clone())).unwrap();
    thread::scope(|scope| {
        for writer in 0..4 {
            let audit = audit.clone();
            scope.spawn(move || {
                for line in 0..250 {
                    let slot = audit.reserve().unwrap();
                    slot.record(&entry(&format!("{writer}-{line}")), SystemTime::now());
                }
            });
        }
    });
    audit.close(PATIENCE);
    let numbers: Vec<u64> =
        lines(&file).iter().map(|line| line["sequence"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=1000).collect::<Vec<_>>());
}

#[test]
fn long_lists_are_cut_and_say_so() {
    let names: Vec<String> = (0..=NAMES_MAX).map(|it| it.to_string()).collect();
    assert_eq!(bounded(&names[..NAMES_MAX]).len(), NAMES_MAX);
    let cut = bounded(&names);
    assert_eq!((cut.len(), cut.last().unwrap().as_str()), (NAMES_MAX + 1, "and 1 more"));
}

#[test]
fn off_takes_everything_and_writes_nothing() {
    let audit = Audit::start(&AuditLog::Off).unwrap();
    for _ in 0..2 * LINES_MAX {
        audit.reserve().unwrap().record(&entry("x"), SystemTime::now());
    }
    assert_eq!(audit.counts(), (0, 0));
    audit.close(PATIENCE);
}
