//! The command as users run it: against its own back end and nginx, exit codes, files.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

use ringgate_loadtest::backend::behaviour::{Behaviour, Delay};
use ringgate_loadtest::backend::{Backend, BackendSettings};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn command(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringgate-loadtest")).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn backend(behaviour: Behaviour) -> (Backend, String) {
    let backend = Backend::start(BackendSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        threads: 1,
        pin: Vec::new(),
        behaviour,
        seed: 1,
        tls: None,
    })
    .unwrap();
    let url = format!("http://{}/", backend.address());
    (backend, url)
}

fn json(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

#[test]
fn a_closed_loop_reports_as_text_json_and_html() {
    let (backend, url) = backend(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let (result, page) = (folder.path().join("a.json"), folder.path().join("a.html"));
    let output = command(&[
        &url,
        "-c",
        "4",
        "-d",
        "1s",
        "-t",
        "2",
        "--json",
        result.to_str().unwrap(),
        "--html",
        page.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("closed loop, 4 connections, 2 threads, 1.0 s"));
    assert!(stderr(&output).is_empty(), "quiet where there is no terminal: {}", stderr(&output));
    let result = json(&result);
    assert_eq!(result["format"], 1);
    assert_eq!(result["load"]["loop"], "closed");
    let answered = result["answered"].as_u64().unwrap();
    assert!(answered > 100);
    assert_eq!(result["failed"], 0);
    assert_eq!(result["statuses"]["200"].as_u64(), Some(answered));
    assert_eq!(backend.requests(), answered, "what was counted is what was served");
    assert_eq!(backend.connections(), 4);
    for summary in ["latency", "service", "connect"] {
        for key in ["count", "mean_us", "p50_us", "p99_us", "p999_us", "p9999_us", "max_us"] {
            assert!(result[summary][key].is_number(), "{summary}.{key}");
        }
    }
    assert!(result["series"].as_array().unwrap().len() >= 5);
    assert!(!result["latency_percentiles"].as_array().unwrap().is_empty());
    assert!(result["generator"]["cpu_us_per_answer"].as_f64().unwrap() > 0.0);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.matches("<svg").count() == 3);
}

#[test]
fn a_constant_rate_is_kept_and_a_delay_shows() {
    let (_backend, url) = backend(Behaviour {
        delay: Delay::Fixed(Duration::from_millis(20)),
        ..Behaviour::default()
    });
    let output = command(&["run", &url, "--rate", "200", "-d", "1s", "-c", "32", "--json", "-"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["answered"], 200);
    assert_eq!(result["load"]["loop"], "open");
    assert_eq!(result["load"]["rate"], 200.0);
    assert!(result["latency"]["p50_us"].as_u64().unwrap() >= 20_000);
}

/// One connection and a service of 20 ms can do 50/s; at 100/s the queue grows by half a second in
/// a second, and the latencies must say so.
#[test]
fn a_service_that_cannot_keep_up_shows_in_the_latency_only() {
    let (_backend, url) = backend(Behaviour {
        delay: Delay::Fixed(Duration::from_millis(20)),
        ..Behaviour::default()
    });
    let output = command(&["run", &url, "--rate", "100", "-d", "1s", "-c", "1", "--json", "-"]);
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["answered"], 100);
    assert!(result["service"]["p50_us"].as_u64().unwrap() < 200_000);
    assert!(result["latency"]["max_us"].as_u64().unwrap() > 800_000);
    assert!(result["rate"].as_f64().unwrap() < 60.0, "late answers do not count for the rate");
}

#[test]
fn objectives_decide_the_exit_status() {
    let (_backend, url) = backend(Behaviour::default());
    let met = command(&[&url, "-n", "50", "-o", "p99 < 5s", "-o", "errors<0.1%"]);
    assert_eq!(met.status.code(), Some(0), "{}", stdout(&met));
    let missed = command(&[&url, "-n", "50", "-o", "p99 < 1us"]);
    assert_eq!(missed.status.code(), Some(1));
    assert!(stdout(&missed).contains("missed  p99 < 1.00 us"), "{}", stdout(&missed));
    let unexpected = command(&[&format!("{url}?status=503"), "-n", "5", "-o", "errors<1%"]);
    assert_eq!(unexpected.status.code(), Some(1));
    assert!(stdout(&unexpected).contains("unexpected status"), "{}", stdout(&unexpected));
    let expected =
        command(&[&format!("{url}?status=503"), "-n", "5", "-o", "errors<1%", "--expect", "503"]);
    assert_eq!(expected.status.code(), Some(0));
}

#[test]
fn nobody_there_is_counted_and_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let output = command(&["run", &url, "-c", "2", "-d", "300ms", "--rate", "50"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("connection refused"), "{}", stdout(&output));
}

#[test]
fn faults_are_told_apart() {
    let (_backend, url) = backend(Behaviour::default());
    for (fault, failure) in [
        ("reset", "reset"),
        ("close", "closed_early"),
        ("close_body", "closed_early"),
        ("stall", "timeout"),
        ("invalid_head", "malformed"),
        ("length_and_chunked", "malformed"),
    ] {
        let url = format!("{url}?fault={fault}");
        let output =
            command(&["run", &url, "-n", "4", "-c", "2", "--timeout", "200ms", "--json", "-"]);
        assert_eq!(output.status.code(), Some(1), "{fault}");
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(result["failures"][failure], 4, "{fault}: {}", result["failures"]);
    }
}

#[test]
fn a_scenario_runs_with_its_requests_and_bodies() {
    let (_backend, url) = backend(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    std::fs::write(folder.path().join("ids.txt"), "a\nb\n").unwrap();
    let scenario = format!(
        r#"
target = "{url}"
connections = 4
requests = 100
pipelining = 2
objectives = ["errors <= 0%"]
[lists]
ids = {{ file = "ids.txt" }}
[[request]]
name = "echo"
weight = 3
method = "PUT"
path = "/echo/{{{{choose ids}}}}?n={{{{counter}}}}"
body = '{{"id":"{{{{uuid}}}}"}}'
expect = {{ status = 200, body_contains = '"body_bytes":45' }}
[[request]]
name = "missing"
path = "/?status=404"
expect = {{ status = "4xx" }}
"#
    );
    std::fs::write(&file, scenario).unwrap();
    let output = command(&["run", file.to_str().unwrap(), "--json", "-"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["answered"], 100);
    let echo = result["requests"][0]["answered"].as_u64().unwrap();
    assert!((60..=90).contains(&echo), "three of four: {echo}");
    assert_eq!(result["statuses"]["404"].as_u64().unwrap() + echo, 100);
}

#[test]
fn a_bad_scenario_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    std::fs::write(&file, "target = \"http://h/\"\nconections = 4\n").unwrap();
    let output = command(&["run", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let place =
        format!("{}:2:1: unknown key `conections`; did you mean `connections`?", file.display());
    assert!(stderr(&output).starts_with(&place), "{}", stderr(&output));
    for arguments in [
        &["run", "no-such-thing"][..],
        &["run", "http://h/", "--rate", "fast"],
        &["run", "http://h/", "-H", "no colon"],
        &["run", "http://h/", "-c", "0"],
        &["run", "http://h/", "-o", "p99"],
        &["run", "http://h/", "--no-keep-alive", "-p", "2"],
        &["compare", "/nonexistent", "/nonexistent"],
        &["backend", "--fault", "rest:1%"],
    ] {
        let output = command(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!stderr(&output).is_empty());
    }
    let unresolved = command(&["run", "http://no-such-host.invalid/"]);
    assert_eq!(unresolved.status.code(), Some(3), "{}", stderr(&unresolved));
}

#[test]
fn results_are_compared() {
    let (_backend, url) = backend(Behaviour::default());
    let folder = tempfile::tempdir().unwrap();
    let (fast, slow) = (folder.path().join("fast.json"), folder.path().join("slow.json"));
    let run = |url: &str, file: &Path| {
        let output =
            command(&["run", url, "-n", "100", "-c", "2", "--json", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    };
    run(&url, &fast);
    run(&format!("{url}?delay=50ms"), &slow);
    let (fast, slow) = (fast.to_str().unwrap(), slow.to_str().unwrap());
    let worse = command(&["compare", fast, slow]);
    assert_eq!(worse.status.code(), Some(1), "{}", stdout(&worse));
    assert!(stdout(&worse).contains("worse"));
    let better = command(&["compare", slow, fast]);
    assert_eq!(better.status.code(), Some(0), "{}", stdout(&better));
    assert_eq!(command(&["compare", fast, fast]).status.code(), Some(0));
}

#[test]
fn the_highest_rate_is_found() {
    // 4 connections of 20 ms each: 200/s is the end.
    let (_backend, url) = backend(Behaviour {
        delay: Delay::Fixed(Duration::from_millis(20)),
        ..Behaviour::default()
    });
    let output = command(&[
        "find-max",
        &url,
        "-c",
        "4",
        "-d",
        "700ms",
        "--warmup",
        "100ms",
        "--from",
        "50",
        "--precision",
        "30%",
        "-o",
        "p99 < 100ms",
        "--json",
        "-",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rate = found["rate"].as_f64().unwrap();
    assert!((10.0..=260.0).contains(&rate), "{rate}");
    assert!(found["steps"].as_array().unwrap().len() >= 3);
}

#[test]
fn ctrl_c_prints_what_was_measured() {
    let (backend, url) = backend(Behaviour::default());
    let child = Command::new(env!("CARGO_BIN_EXE_ringgate-loadtest"))
        .args(["run", &url, "-c", "2", "-d", "60s"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while backend.requests() < 100 {
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(start.elapsed() < Duration::from_secs(30), "it did not wait for the minute");
    assert_eq!(output.status.code(), Some(130));
    let text = stdout(&output);
    assert!(text.contains("interrupted") && text.contains("answered"), "{text}");
}

/// A process that is ended with the test, whatever its outcome.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_back_end_prints_its_address_and_ends_on_a_signal() {
    let mut child = Running(
        Command::new(env!("CARGO_BIN_EXE_ringgate-loadtest"))
            .args(["backend", "--size", "1KiB", "--status", "201"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
    let output = command(&[&url, "-n", "10", "--expect", "201", "--json", "-"]);
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["statuses"]["201"], 10);
    assert!(result["received_bytes"].as_u64().unwrap() > 10 * 1024);
    let pid = rustix::process::Pid::from_child(&child.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}

#[test]
fn encrypted_with_a_certificate_that_is_trusted_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let backend = Backend::start(BackendSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        threads: 1,
        pin: Vec::new(),
        behaviour: Behaviour::default(),
        seed: 1,
        tls: Some(ringgate::tls::CertificateFiles {
            domains: vec!["localhost".to_owned()],
            cert: cert.clone(),
            key,
        }),
    })
    .unwrap();
    let url = format!("https://{}/?size=40000", backend.address());
    for flags in
        [&["--insecure"][..], &["--ca", cert.to_str().unwrap(), "--server-name", "localhost"]]
    {
        for more in
            [&["-n", "200"][..], &["-n", "20", "--no-keep-alive"], &["-n", "200", "-p", "3"]]
        {
            let arguments = [&["run", &url, "-c", "4", "--json", "-"], flags, more].concat();
            let output = command(&arguments);
            assert_eq!(
                output.status.code(),
                Some(0),
                "{arguments:?} {}{}",
                stdout(&output),
                stderr(&output)
            );
            let result: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(result["failed"], 0, "{arguments:?} {}", result["failures"]);
        }
    }
    let output = command(&["run", &url, "-n", "4", "-c", "2", "-d", "2s", "--json", "-"]);
    assert_eq!(output.status.code(), Some(1), "nobody trusts a self-signed certificate");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(result["failures"]["tls"].as_u64().unwrap() >= 4, "{}", result["failures"]);
}

/// Where nginx is installed, a service by others is loaded, too.
#[test]
fn nginx_is_loaded_without_errors() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let configuration = format!(
        "daemon off; master_process off; pid {root}/pid; error_log {root}/error.log;\n\
         events {{ worker_connections 256; }}\n\
         http {{ access_log off; client_body_temp_path {root}/b; proxy_temp_path {root}/p;\n\
         fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;\n\
         keepalive_requests 500;\n\
         server {{ listen {address}; location / {{ return 200 'hello'; }} }} }}\n",
        root = folder.path().display()
    );
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, configuration).unwrap();
    let Ok(child) = Command::new("nginx")
        .args(["-p", folder.path().to_str().unwrap(), "-c", file.to_str().unwrap()])
        .stderr(Stdio::null())
        .spawn()
    else {
        eprintln!("nginx is not installed: skipped");
        return;
    };
    let _nginx = Running(child);
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "nginx does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    let url = format!("http://{address}/");
    // nginx closes after 500 requests on a connection and says so: with pipelining, too, nothing is lost.
    for more in [
        &["-d", "1s"][..],
        &["-d", "1s", "--rate", "500"],
        &["-n", "3000", "-p", "4"],
        &["-n", "100", "--no-keep-alive"],
    ] {
        let arguments =
            [&["run", &url, "-c", "8", "--expect-body", "hello", "--json", "-"], more].concat();
        let output = command(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(result["failed"], 0, "{more:?} {}", result["failures"]);
        assert!(result["answered"].as_u64().unwrap() >= 100);
    }
}
