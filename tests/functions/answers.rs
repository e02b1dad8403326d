//! Events in, results out, and what a worker finds around it.

use super::bootstrap::Runtime;
use super::harness::eventually;
use super::host::{await_workers, gateway, gateway_of, tables, workers_of};
use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;

#[test]
fn a_function_answers_with_what_it_is_sent() {
    let gateway = gateway("workers = { max = 1 }");
    let mut client = gateway.client();
    for text in ["first", "second"] {
        let length = text.len();
        let reply = client.ask(format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{text}"
        ));
        assert_eq!((reply.status, reply.text().as_str()), (200, text));
    }
    await_workers(&gateway, 1);
}

#[test]
fn results_of_all_sizes_arrive_as_they_were_written() {
    let gateway = gateway("workers = { max = 1 }");
    let mut client = gateway.client();
    // Below and above what is copied, and what one receive buffer holds.
    for bytes in [0, 1, 7, 63, 64, 1000, 1024, 1025, 16_384, 40_000, 65_536, 200_000, 1_000_000] {
        let plain: String =
            ('!'..='~').filter(|it| !"\"\\".contains(*it)).cycle().take(bytes).collect();
        let last_is_special = [&plain, "\u{e9}"].concat();
        let first_is_special = ["\"\\\n", &plain].concat();
        for text in [plain, last_is_special, first_is_special] {
            let reply = client.ask(format!(
                "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}",
                text.len()
            ));
            assert_eq!(reply.status, 200);
            assert!(reply.text() == text, "{bytes} bytes");
        }
    }
}

#[test]
fn clients_that_take_nothing_do_not_keep_others_from_their_results() {
    const REQUESTS: usize = 64;
    let gateway = gateway("workers = { max = 4 }");
    let request = "GET /raw/30000 HTTP/1.1\r\nHost: a\r\n\r\n";
    let text = gateway.get("/raw/30000").text();
    assert!(text.len() > 29_000);
    let mut idle: Vec<_> = (0..24).map(|_| gateway.client()).collect();
    for client in &mut idle {
        client.send(request.repeat(REQUESTS));
    }
    for _ in 0..20 {
        assert!(gateway.get("/raw/30000").text() == text);
    }
    for client in &mut idle {
        for _ in 0..REQUESTS {
            assert!(client.reply().text() == text);
        }
    }
}

#[test]
fn content_that_comes_in_pieces_is_one_event() {
    let gateway = gateway("");
    let mut client = gateway.client();
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in ["4\r\nabcd\r\n", "3\r\nef", "g\r\n", "0\r\n\r\n"] {
        client.send(piece);
    }
    assert_eq!(client.reply().text(), "abcdefg");
    let reply = client
        .ask("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_eq!(reply.status, 100);
    assert_eq!(client.ask("hi").text(), "hi");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let gateway = gateway("workers = { max = 4 }");
    let mut client = gateway.client();
    let ask =
        |text: &str| format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n{text}");
    client.send(format!("{}{}{}", ask("1"), ask("2"), ask("3")));
    assert_eq!(
        [client.reply().text(), client.reply().text(), client.reply().text()],
        ["1", "2", "3"]
    );
}

#[test]
fn content_above_the_limit_is_refused_and_the_function_not_asked() {
    let gateway = gateway("");
    let reply = gateway.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10485761\r\n\r\n");
    assert_eq!((reply.status, reply.closed), (413, true));
    // Within the limit of HTTP, but above that of events.
    let mut client = gateway.client();
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 7000000\r\n\r\n");
    client.send(vec![b'x'; 7_000_000]);
    assert_eq!(client.reply().status, 413);
    assert_eq!(workers_of(&gateway).len(), 0);
    assert_eq!(gateway.get("/echo").status, 200);
}

#[test]
fn a_worker_finds_what_it_would_find_on_lambda() {
    let gateway = gateway("environment = { TABLE = \"products\" }\nhandler = \"app.main\"");
    let environment = gateway.get("/environment").text();
    for line in [
        "AWS_LAMBDA_FUNCTION_NAME=f",
        "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
        "AWS_REGION=us-east-1",
        "_HANDLER=app.main",
        "TABLE=products",
    ] {
        assert!(environment.lines().any(|it| it == line), "{line} is not in\n{environment}");
    }
    assert!(!environment.contains("CARGO"), "nothing of our own environment:\n{environment}");
    let fields = gateway.get("/fields").text();
    let arn =
        "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:f";
    assert!(fields.contains(arn), "{fields}");
    for name in [
        "Lambda-Runtime-Aws-Request-Id: ",
        "Lambda-Runtime-Deadline-Ms: ",
        "Lambda-Runtime-Trace-Id: Root=1-",
    ] {
        assert!(fields.contains(name), "{name} is not in\n{fields}");
    }
    assert!(!fields.contains("Client-Context"));
}

#[test]
fn a_worker_has_limits_and_nothing_of_ours() {
    let gateway = gateway("");
    let status = gateway.get("/status").text();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    let limits = gateway.get("/limits").text();
    let open_files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert!(open_files.contains("1024"), "{open_files}");
    let descriptors = gateway.get("/descriptors").text();
    for target in descriptors.lines() {
        let is_its = target == "/dev/null"
            || target.starts_with("pipe:")
            || target.starts_with("socket:")
            || target.starts_with("/proc/");
        assert!(is_its, "{descriptors}");
    }
    // The connection to the Runtime API, and no other.
    assert_eq!(descriptors.matches("socket:").count(), 1, "{descriptors}");
}

#[test]
fn wrong_requests_to_the_runtime_api_are_told_apart() {
    let gateway = gateway("");
    let told = gateway.get("/wrong-id").text();
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("400 ") && lines[0].contains("InvalidRequestID"), "{told}");
    assert!(lines[1].starts_with("403 ") && lines[1].contains("InvalidStateTransition"), "{told}");
    assert_eq!(lines[2], "404");
}

#[test]
fn a_stranger_learns_nothing_from_the_runtime_api() {
    let gateway = gateway("");
    let environment = gateway.get("/environment").text();
    let runtime_api = environment
        .lines()
        .find_map(|line| line.strip_prefix("AWS_LAMBDA_RUNTIME_API="))
        .unwrap()
        .to_owned();
    let (worker, port) = runtime_api.split_once(':').unwrap();
    let [first, .., last] = worker.parse::<Ipv4Addr>().unwrap().octets();
    assert_eq!(first, 127, "{worker}");
    // Another address than the worker's: closed, before or behind the question.
    for guess in ["127.0.0.1", &format!("127.1.2.{}", last.wrapping_add(1))] {
        let mut stranger = Runtime::connect(&format!("{guess}:{port}"));
        assert!(stranger.ask("GET", "/invocation/next", b"").is_err(), "{guess}");
    }
    // The right one, from another user's process.
    let script = format!(
        "exec 3<>/dev/tcp/{worker}/{port} || exit 9; \
         printf 'GET /nothing HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3"
    );
    if rustix::process::geteuid().is_root() {
        let own = Command::new("bash").args(["-c", &script]).output().unwrap();
        assert!(String::from_utf8_lossy(&own.stdout).contains("404"), "its own user is heard");
        let user = ["--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-c", &script];
        let other = Command::new("setpriv").args(user).output().unwrap();
        assert_eq!(other.stdout, b"");
        assert_ne!(other.status.code(), Some(9), "it could connect");
    }
    assert_eq!(gateway.get("/echo").status, 200, "the worker has not noticed");
    await_workers(&gateway, 1);
}

#[test]
fn what_workers_say_is_logged_with_the_request() {
    let gateway = gateway("log = \"f.log\"");
    assert_eq!(gateway.get("/print/one").status, 200);
    let file = gateway.folder().join("f.log");
    let mut log = String::new();
    eventually("the report", || {
        log = fs::read_to_string(&file).unwrap_or_default();
        log.contains("REPORT")
    });
    let start = log.lines().find(|line| line.contains(" START RequestId: ")).unwrap();
    let id = start.split(' ').nth(2).unwrap();
    for said in ["to stdout one", "to stderr one"] {
        assert!(
            log.lines().any(|line| line.ends_with(&format!(" f {id} {said}"))),
            "{said}:\n{log}"
        );
    }
    let report = log.lines().find(|line| line.contains("REPORT")).unwrap();
    assert!(
        report.contains("\tMax Memory Used: ") && report.contains("\tInit Duration: "),
        "{report}"
    );
    assert!(!report.contains("Max Memory Used: 0 MB"), "{report}");
}

#[test]
fn a_minimum_of_workers_is_there_before_anybody_asks() {
    let gateway = gateway("workers = { min = 2, max = 3 }");
    await_workers(&gateway, 2);
    assert_eq!(gateway.get("/echo").status, 200);
    await_workers(&gateway, 2);
}

#[test]
fn idle_workers_are_ended() {
    let gateway = gateway("workers = { max = 3, idle_timeout = \"1s\" }");
    assert_eq!(gateway.get("/echo").status, 200);
    await_workers(&gateway, 0);
    assert_eq!(gateway.get("/echo").status, 200);
}

#[test]
fn a_reload_that_changes_a_function_replaces_its_workers() {
    let gateway = gateway("environment = { X = \"1\" }");
    let first = gateway.get("/worker").text();
    gateway.reload("", &tables("http", "environment = { X = \"1\" }", "29s"));
    assert_eq!(gateway.get("/worker").text(), first, "the function is the same");
    gateway.reload("", &tables("http", "environment = { X = \"2\" }", "29s"));
    assert!(gateway.get("/environment").text().contains("X=2"));
    assert_ne!(gateway.get("/worker").text(), first);
    await_workers(&gateway, 1);
}

#[test]
fn a_rest_api_has_functions_too() {
    let gateway = gateway_of("rest", "", "29s");
    assert_eq!(gateway.get("/echo").status, 200);
    let failed = gateway.get("/error");
    assert_eq!(failed.status, 502);
    assert_eq!(failed.text(), "{\"message\": \"Internal server error\"}");
}
