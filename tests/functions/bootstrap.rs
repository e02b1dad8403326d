//! The worker of these tests: this very binary, run again as a function's `bootstrap`, which speaks the
//! Runtime API and does what the path of the request says.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The Runtime API as a client sees it.
pub(crate) struct Runtime {
    address: String,
    stream: BufReader<TcpStream>,
}

/// One answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl Runtime {
    pub(crate) fn connect(runtime_api: &str) -> Self {
        let stream = TcpStream::connect(runtime_api).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { address: runtime_api.to_owned(), stream: BufReader::new(stream) }
    }

    pub(crate) fn ask(&mut self, method: &str, call: &str, body: &[u8]) -> std::io::Result<Answer> {
        let mut request = format!(
            "{method} /2018-06-01/runtime{call} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request)?;
        self.answer()
    }

    /// Writes bytes of a request that is put together by hand.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// The answer to a request.
    pub(crate) fn answer(&mut self) -> std::io::Result<Answer> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.get(9..12).and_then(|it| it.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other("no answer"))?;
        let mut fields = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) => fields.push((name.to_owned(), value.to_owned())),
                None => break,
            }
        }
        let mut answer = Answer { status, fields, body: Vec::new() };
        let length = answer.field("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
        answer.body = vec![0; length];
        self.stream.read_exact(&mut answer.body)?;
        Ok(answer)
    }
}

/// What a worker runs; as a test of its own it does nothing.
#[test]
#[ignore = "it is what the workers of these tests run"]
fn bootstrap() {
    let Ok(runtime_api) = std::env::var("AWS_LAMBDA_RUNTIME_API") else { return };
    let mut runtime = Runtime::connect(&runtime_api);
    match std::env::var("INIT").as_deref() {
        Ok("exit") => std::process::exit(3),
        Ok("hang") => std::thread::sleep(Duration::from_secs(1000)),
        Ok("error") => {
            let error = br#"{"errorType":"Runtime.ImportModuleError","errorMessage":"no module"}"#;
            let _ = runtime.ask("POST", "/init/error", error);
            std::process::exit(1);
        }
        Ok("slow") => std::thread::sleep(Duration::from_millis(300)),
        _ => {}
    }
    loop {
        let Ok(next) = runtime.ask("GET", "/invocation/next", b"") else { std::process::exit(0) };
        let id = next.field("Lambda-Runtime-Aws-Request-Id").unwrap().to_owned();
        let event: Value = serde_json::from_slice(&next.body).unwrap();
        serve(&mut runtime, &id, &event, &next);
    }
}

#[expect(clippy::zombie_processes, reason = "what is left behind is what is tested")]
fn serve(runtime: &mut Runtime, id: &str, event: &Value, next: &Answer) {
    if ["TOKEN", "REQUEST"].iter().any(|kind| event["type"] == *kind) {
        let (call, payload) = match super::authorizers::verdict(event) {
            Ok(verdict) => ("response", verdict),
            Err(error) => ("error", error),
        };
        let call = format!("/invocation/{id}/{call}");
        let _ = runtime.ask("POST", &call, &serde_json::to_vec(&payload).unwrap());
        return;
    }
    let path =
        event["rawPath"].as_str().or_else(|| event["path"].as_str()).unwrap_or_default().to_owned();
    let mut words = path.trim_start_matches('/').split('/');
    let (what, argument) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let number: usize = argument.parse().unwrap_or(0);
    let mut body = String::new();
    let mut is_base64 = false;
    match what {
        "exit" => std::process::exit(number as i32),
        "kill" => {
            let own = rustix::process::getpid();
            let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
        }
        "sleep" => std::thread::sleep(Duration::from_millis(number as u64)),
        "error" => {
            let error = br#"{"errorType":"Error","errorMessage":"on purpose"}"#;
            let _ = runtime.ask("POST", &format!("/invocation/{id}/error"), error);
            return;
        }
        "stream" => return super::streaming::stream(runtime, id, argument),
        "raw" => {
            let mut result = b"{\"statusCode\":200,\"body\":\"".to_vec();
            result.resize(number - 2, b'7');
            result.extend_from_slice(b"\"}");
            let call = format!("/invocation/{id}/response");
            let told = runtime.ask("POST", &call, &result).unwrap();
            eprintln!("raw result: {}", told.status);
            return;
        }
        "malformed" => {
            let _ = runtime.ask("POST", &format!("/invocation/{id}/response"), b"{\"statusCode\":");
            return;
        }
        "fork" => {
            // In the worker's group, and out of it.
            let far = if argument == "far" { "setsid" } else { "env" };
            let child = std::process::Command::new(far).args(["sleep", "1000"]).spawn().unwrap();
            body = child.id().to_string();
        }
        "fork-and-exit" => {
            let _ = std::process::Command::new("setsid").args(["sleep", "1000"]).spawn().unwrap();
            std::process::exit(1);
        }
        "memory" => {
            let mut held = vec![0_u8; number << 20];
            held.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
            std::thread::sleep(Duration::from_secs(20));
            body = held.len().to_string();
        }
        "print" => {
            println!("to stdout {argument}");
            eprintln!("to stderr {argument}");
        }
        // What the event says of the caller.
        "authorizer" => body = event["requestContext"]["authorizer"].to_string(),
        "shout" => {
            let line = format!("{}\n", "x".repeat(1023)).repeat(1024);
            for _ in 0..number {
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        }
        // Numbers of processes begin anew in each worker's name space.
        "worker" => body = std::env::var("AWS_LAMBDA_LOG_STREAM_NAME").unwrap(),
        "descriptors" => {
            let files = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
            let targets = files.filter_map(|file| std::fs::read_link(file.path()).ok());
            let targets: Vec<_> = targets.map(|it| it.display().to_string()).collect();
            body = targets.join("\n");
        }
        "status" => body = std::fs::read_to_string("/proc/self/status").unwrap(),
        "limits" => body = std::fs::read_to_string("/proc/self/limits").unwrap(),
        "environment" => {
            let mut all: Vec<_> =
                std::env::vars().map(|(name, it)| format!("{name}={it}")).collect();
            all.sort();
            body = all.join("\n");
        }
        "fields" => {
            let all = next.fields.iter().map(|(name, value)| format!("{name}: {value}"));
            body = all.collect::<Vec<_>>().join("\n");
        }
        "wrong-id" => {
            let call = "/invocation/00000000-0000-4000-8000-000000000000/response";
            let wrong = runtime.ask("POST", call, b"1").unwrap();
            let early = runtime.ask("GET", "/invocation/next", b"").unwrap();
            let unknown = runtime.ask("GET", "/nothing", b"").unwrap();
            body = format!(
                "{} {}\n{} {}\n{}",
                wrong.status,
                String::from_utf8_lossy(&wrong.body),
                early.status,
                String::from_utf8_lossy(&early.body),
                unknown.status
            );
        }
        _ => {
            body = event["body"].as_str().unwrap_or_default().to_owned();
            is_base64 = event["isBase64Encoded"].as_bool().unwrap_or_default();
        }
    }
    let result =
        serde_json::json!({ "statusCode": 200, "body": body, "isBase64Encoded": is_base64 });
    let call = format!("/invocation/{id}/response");
    let _ = runtime.ask("POST", &call, &serde_json::to_vec(&result).unwrap());
    match what {
        "never-next" => std::thread::sleep(Duration::from_secs(1000)),
        "answer-and-exit" => std::process::exit(0),
        _ => {}
    }
}
