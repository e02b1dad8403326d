//! Functions that stream their answers, to clients that get them whole and to those that get them as they
//! come.

use super::bootstrap::Runtime;
use super::harness::{DEADLINE, Gateway, eventually};
use super::host::{await_workers, gateway, gateway_of, make_function, tables};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What begins an answer in the form that a function streams.
const PRELUDE: &[u8] =
    b"{\"statusCode\":201,\"headers\":{\"x-a\":\"1\",\"content-type\":\"text/x\"},\"cookies\":[\"c=1\"]}\0\0\0\0\0\0\0\0";

fn chunk(data: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

/// What a worker does that is to stream: `argument` says how.
pub(crate) fn stream(runtime: &mut Runtime, id: &str, argument: &str) {
    let mode = if argument == "mode" { "other" } else { "streaming" };
    let head = format!(
        "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: a\r\n\
         Content-Type: application/vnd.awslambda.http-integration-response\r\n\
         Lambda-Runtime-Function-Response-Mode: {mode}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let mut request = head.into_bytes();
    let head_bytes = request.len();
    // The delimiter in two chunks.
    let (one, two) = PRELUDE.split_at(PRELUDE.len() - 3);
    request.extend_from_slice(&chunk(one));
    request.extend_from_slice(&chunk(two));
    match argument {
        "long" => {
            request.truncate(head_bytes);
            request.extend_from_slice(&chunk(&vec![b' '; 16 * 1024]));
        }
        "open" => {
            request.truncate(head_bytes);
            request.extend_from_slice(&chunk(b"{\0x"));
        }
        "large" => {
            for _ in 0..7 {
                request.extend_from_slice(&chunk(&vec![b'7'; 1024 * 1024]));
            }
        }
        _ => {
            request.extend_from_slice(&chunk(b"one "));
            request.extend_from_slice(&chunk(b"two"));
        }
    }
    if matches!(argument, "slowly" | "dies" | "pauses" | "endless") {
        return stream_on(runtime, &request, argument);
    }
    match argument {
        // {"errorType":"E"}
        "fails" => request.extend_from_slice(
            b"0\r\nLambda-Runtime-Function-Error-Type: E\r\n\
              Lambda-Runtime-Function-Error-Body: eyJlcnJvclR5cGUiOiJFIn0=\r\n\r\n",
        ),
        _ => request.extend_from_slice(b"0\r\n\r\n"),
    }
    let told = runtime.write(&request).and_then(|()| runtime.answer());
    let told = told.map_or(0, |answer| answer.status);
    match argument {
        "mode" => {
            let result = format!("{{\"statusCode\":200,\"body\":\"refused with {told}\"}}");
            let call = format!("/invocation/{id}/response");
            let _ = runtime.ask("POST", &call, result.as_bytes());
        }
        // Nobody may wait any more for what it had still to say.
        "long" | "open" => {}
        _ => assert_eq!(told, if argument == "large" { 413 } else { 202 }),
    }
}

/// The same for those that take their time.
fn stream_on(runtime: &mut Runtime, request: &[u8], argument: &str) {
    runtime.write(request).unwrap();
    match argument {
        "dies" => {
            std::thread::sleep(Duration::from_millis(100));
            std::process::exit(1);
        }
        "pauses" => std::thread::sleep(Duration::from_secs(20)),
        "endless" => {
            // Says by its file how far it has come: its client decides that.
            let folder = std::env::var("LAMBDA_TASK_ROOT").unwrap();
            let written = std::path::Path::new(&folder).join("written");
            for count in 1..=40 {
                let _ = std::fs::write(&written, count.to_string());
                runtime.write(&chunk(&vec![b'7'; 1024 * 1024])).unwrap();
            }
        }
        _ => std::thread::sleep(Duration::from_millis(500)),
    }
    runtime.write(&[&chunk(b" three")[..], b"0\r\n\r\n"].concat()).unwrap();
    assert_eq!(runtime.answer().unwrap().status, 202);
}

#[test]
fn a_streamed_answer_is_gathered_where_the_client_gets_it_whole() {
    for protocol in ["rest", "http"] {
        let gateway = gateway_of(protocol, "", "29s");
        let reply = gateway.get("/stream/well");
        assert_eq!((reply.status, reply.text().as_str()), (201, "one two"), "{protocol}");
        assert_eq!(reply.header("x-a"), Some("1"));
        assert_eq!(reply.header("content-type"), Some("text/x"));
        assert_eq!(reply.header("set-cookie"), Some("c=1"));
        assert_eq!(reply.header("content-length"), Some("7"));
    }
}

#[test]
fn a_stream_that_fails_or_is_too_large_is_the_functions_failure() {
    let gateway = gateway_of("rest", "", "29s");
    assert_eq!(gateway.get("/stream/fails").status, 502);
    assert_eq!(gateway.get("/stream/large").status, 502);
    assert_eq!(gateway.get("/stream/well").status, 201);
}

#[test]
fn an_unknown_mode_is_refused() {
    let reply = gateway("").get("/stream/mode");
    assert_eq!((reply.status, reply.text().as_str()), (200, "refused with 400"));
}

#[test]
fn a_streaming_function_of_node_is_gathered() {
    const CODE: &str = r"
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const head = { statusCode: 201, headers: { 'x-a': event.rawPath } };
  stream = awslambda.HttpResponseStream.from(stream, head);
  stream.write('one ');
  if (event.rawPath === '/fail') throw new Error('no');
  await new Promise((resolve) => setTimeout(resolve, 20));
  stream.end('two');
});
";
    let gateway = super::languages::gateway("nodejs22.x", "app.js", CODE);
    for path in ["/a", "/fail", "/b"] {
        let reply = gateway.get(path);
        if path == "/fail" {
            assert_eq!(reply.status, 500);
            continue;
        }
        assert_eq!((reply.status, reply.text().as_str()), (201, "one two"), "{path}");
        assert_eq!(reply.header("x-a"), Some(path));
    }
}

/// A gateway that hands streams on.
fn streaming(keys: &str, timeout: &str) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    make_function(&folder.path().join("code"));
    let tables =
        tables("rest", keys, timeout).replace("timeout = \"", "stream = true, timeout = \"");
    let tables = match keys.contains("timeout") {
        // Only the integration's.
        true => tables.replacen("stream = true, ", "", 1),
        false => tables,
    };
    Gateway::in_folder(folder, "", &tables)
}

/// Asks, and reads the head of the answer.
fn ask(gateway: &Gateway, path: &str, version: &str) -> (String, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(stream, "GET {path} HTTP/{version}\r\nHost: a\r\n\r\n").unwrap();
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).unwrap(), 0, "{head}");
    }
    (head, stream)
}

/// Reads up to that text.
fn read_until(stream: &mut impl Read, end: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        read.extend_from_slice(&byte);
    }
    String::from_utf8(read).unwrap()
}

#[test]
fn content_comes_as_the_function_writes_it() {
    let gateway = streaming("", "29s");
    gateway.get("/echo");
    let begun = Instant::now();
    let (head, mut stream) = ask(&gateway, "/stream/slowly", "1.1");
    assert!(head.starts_with("HTTP/1.1 201 "), "{head}");
    let head = head.to_ascii_lowercase();
    for field in ["transfer-encoding: chunked", "x-a: 1", "content-type: text/x", "set-cookie: c=1"]
    {
        assert!(head.contains(&format!("\r\n{field}\r\n")), "{head}");
    }
    assert!(!head.contains("content-length"), "{head}");
    read_until(&mut stream, "two\r\n");
    assert!(begun.elapsed() < Duration::from_millis(450), "{:?}", begun.elapsed());
    assert_eq!(read_until(&mut stream, "0\r\n\r\n"), "6\r\n three\r\n0\r\n\r\n");
    assert!(begun.elapsed() >= Duration::from_millis(500));
    // Both connections go on.
    stream.get_mut().write_all(b"GET /stream/well HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    read_until(&mut stream, "one \r\n3\r\ntwo\r\n0\r\n\r\n");
    await_workers(&gateway, 1);
}

#[test]
fn clients_without_chunks_and_without_content_are_served() {
    let gateway = streaming("", "29s");
    let (head, mut stream) = ask(&gateway, "/stream/well", "1.0");
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    let mut content = String::new();
    stream.read_to_string(&mut content).unwrap();
    assert_eq!(content, "one two");
    let reply = gateway.send("HEAD /stream/well HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!((reply.status, reply.text().as_str()), (201, ""));
    // One that is no stream is answered as ever.
    assert_eq!(gateway.get("/echo").header("content-length"), Some("0"));
}

#[test]
fn a_stream_that_breaks_off_is_cut() {
    for (path, keys, timeout) in [
        ("/stream/dies", "", "29s"),
        ("/stream/fails", "", "29s"),
        ("/stream/pauses", "", "400ms"),
        ("/stream/pauses", "timeout = \"400ms\"", "29s"),
    ] {
        let gateway = streaming(keys, timeout);
        let begun = Instant::now();
        let (head, mut stream) = ask(&gateway, path, "1.1");
        assert!(head.starts_with("HTTP/1.1 201 "), "{path}: {head}");
        let mut content = Vec::new();
        // An end or a reset, but no last chunk.
        let _ = stream.read_to_end(&mut content);
        assert!(!content.ends_with(b"0\r\n\r\n"), "{path} {timeout}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{path} {timeout}");
    }
}

#[test]
fn a_client_that_does_not_read_makes_the_function_wait() {
    let gateway = streaming("", "29s");
    let (_, mut stream) = ask(&gateway, "/stream/endless", "1.1");
    let path = gateway.folder().join("code/written");
    let written = || -> u32 {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        text.parse().unwrap_or(0)
    };
    // What the sockets of both connections hold is the kernel's: some MiB.
    let mut before = 0;
    eventually("the function waits", || {
        std::thread::sleep(Duration::from_millis(300));
        let now = written();
        std::mem::replace(&mut before, now) == now && now > 0
    });
    assert!(before < 40, "{before}");
    let mut count = 0;
    let mut buffer = vec![0; 1 << 16];
    while count < 40 << 20 {
        let read = stream.read(&mut buffer).unwrap();
        assert_ne!(read, 0);
        count += read;
    }
    eventually("all is written", || written() == 40);
}

#[test]
fn a_client_that_goes_away_lets_the_function_go_on() {
    let gateway = streaming("workers = { max = 1 }", "29s");
    let (_, stream) = ask(&gateway, "/stream/endless", "1.1");
    drop(stream);
    // The only worker has written all of it to nobody.
    assert_eq!(gateway.get("/stream/well").status, 201);
    let written = std::fs::read_to_string(gateway.folder().join("code/written")).unwrap();
    assert_eq!(written, "40");
}

#[test]
fn a_stream_that_is_left_or_pauses_for_too_long_is_460_in_logs() {
    let folder = tempfile::tempdir().unwrap();
    make_function(&folder.path().join("code"));
    let tables = tables("rest", "workers = { max = 4 }", "400ms")
        .replace("timeout = \"", "stream = true, timeout = \"");
    let log = "[access_log]\ndestination = \"file:access.log\"\n\
        format = '$context.requestId $context.path $context.status $context.integrationStatus $context.integration.responseTransferMode'\n";
    let gateway = Gateway::in_folder(folder, "", &format!("{log}{tables}"));
    let lines = |path: &str| -> Vec<String> {
        let text = std::fs::read_to_string(gateway.folder().join("access.log")).unwrap_or_default();
        let of_path = text.lines().filter_map(|line| line.split_once(path));
        of_path.map(|(_, rest)| rest.to_owned()).collect()
    };
    let (_, stream) = ask(&gateway, "/stream/pauses", "1.1");
    eventually("the line of a pause", || lines("/stream/pauses") == [" 460 200 STREAMED"]);
    drop(stream);
    let (_, stream) = ask(&gateway, "/stream/endless", "1.1");
    socket2::SockRef::from(stream.get_ref()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
    eventually("the line of a client that left", || {
        lines("/stream/endless") == [" 460 200 STREAMED"]
    });
    assert_eq!(gateway.get("/stream/well").status, 201);
    eventually("the line of a whole one", || lines("/stream/well") == [" 201 200 STREAMED"]);
}

#[test]
fn members_that_do_not_end_in_time_are_500_and_those_that_are_none_502() {
    let gateway = streaming("", "29s");
    for (path, status) in [("/stream/long", 500), ("/stream/open", 502), ("/stream/well", 201)] {
        let reply = gateway.get(path);
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
    }
}
