//! Calls of AWS services over connections that were there before.

use crate::gateway::Gateway;
use crate::stages::{definition, place, proxy, rest_stage};
use ringgate::model;
use ringgate::snapshot::managed::{BackEnds, CompiledStage, StagePlace, compile_rest_stage};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What becomes of a request: an answer, or that much of one and the end of the connection.
#[derive(Debug, Clone, Copy)]
enum Act {
    Answer,
    Close,
    CloseIn(&'static str),
}

/// A back end that does as it is told, connection by connection, and notes what it was asked.
struct Scripted {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    fn start(connections: &'static [&'static [Act]]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        std::thread::spawn(move || {
            for (acts, socket) in connections.iter().zip(listener.incoming()) {
                let noted = Arc::clone(&noted);
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(socket.unwrap());
                    for act in *acts {
                        let Some(request) = request(&mut stream) else { return };
                        noted.lock().unwrap().push(request);
                        let text = match act {
                            Act::Answer => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
                            Act::Close => return,
                            Act::CloseIn(text) => text,
                        };
                        stream.get_mut().write_all(text.as_bytes()).unwrap();
                    }
                });
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Head and content; `None` at the end of the connection.
fn request(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") {
        if stream.read_line(&mut text).unwrap_or(0) == 0 {
            return None;
        }
    }
    let bytes = text.to_lowercase().lines().find_map(|line| {
        line.strip_prefix("content-length: ").map(|bytes| bytes.parse::<usize>().unwrap())
    });
    let mut content = vec![0; bytes.unwrap_or(0)];
    stream.read_exact(&mut content).ok()?;
    Some(text + &String::from_utf8(content).unwrap())
}

/// `POST /prod/service` is an action of DynamoDB, `POST /prod/plain` the same back end without a service.
fn stage(address: SocketAddr) -> CompiledStage {
    let file = format!("[aws]\nendpoints = {{ dynamodb = \"http://{address}\" }}");
    let back_ends = BackEnds::of(&model::parse(Path::new("test.toml"), file).unwrap());
    let service = json!({
        "authorizationType": "NONE",
        "methodResponses": { "200": { "statusCode": "200" } },
        "methodIntegration": {
            "type": "AWS",
            "httpMethod": "POST",
            "uri": "arn:aws:apigateway:us-east-1:dynamodb:action/PutItem",
            "credentials": "arn:aws:iam::123456789012:role/api",
            "requestTemplates": { "application/json": "{\"n\": $input.json('$.n')}" },
            "integrationResponses": { "200": { "statusCode": "200" } },
        },
    });
    let plain = proxy(&format!("http://{address}/"), json!({ "httpMethod": "POST" }));
    let release = definition(&[
        ("/service", json!({ "POST": service })),
        ("/plain", json!({ "POST": plain })),
    ]);
    let place = StagePlace { back_ends: &back_ends, ..place("abcdefghij") };
    let stage = rest_stage(json!({ "stageName": "prod" }));
    let compiled = compile_rest_stage(&place, &stage, &release, None);
    assert_eq!(compiled.warnings, [""; 0]);
    compiled
}

/// Statuses of two requests for a path, one after the other.
fn asked(back_end: &Scripted, path: &str) -> Vec<u16> {
    let gateway = Gateway::start();
    gateway.deploy(stage(back_end.address));
    let request = |n: u32| {
        format!(
            "POST /_aws/execute-api/abcdefghij/prod/{path} HTTP/1.1\r\nHost: a\r\n\
             Content-Type: application/json\r\nContent-Length: 8\r\n\r\n{{\"n\": {n}}}"
        )
    };
    let replies = gateway.ask_in_turn(&[&request(1), &request(2)]);
    replies.iter().map(|reply| reply.status).collect()
}

#[test]
fn a_service_is_asked_again_over_a_connection_that_had_closed() {
    let back_end = Scripted::start(&[&[Act::Answer, Act::Close], &[Act::Answer]]);
    assert_eq!(asked(&back_end, "service"), [200, 200]);
    let seen = back_end.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen[1].ends_with("{\"n\": 2}") && seen[1].contains("\r\nAuthorization: AWS4-"));
    assert_eq!(seen[1], seen[2], "the same request, signature and all");
}

#[test]
fn a_service_that_closes_a_new_connection_is_not_asked_again() {
    // Twice over what had been used before is once too often as well: this is no idle connection.
    let back_end = Scripted::start(&[
        &[Act::Answer, Act::Close],
        &[Act::Close],
        &[Act::Answer],
        &[Act::Answer],
    ]);
    assert_eq!(asked(&back_end, "service"), [200, 500]);
    assert_eq!(back_end.seen().len(), 3);
}

#[test]
fn a_service_whose_answer_had_begun_is_not_asked_again() {
    let back_end =
        Scripted::start(&[&[Act::Answer, Act::CloseIn("HTTP/1.1 200 O")], &[Act::Answer]]);
    assert_eq!(asked(&back_end, "service"), [200, 500]);
    assert_eq!(back_end.seen().len(), 2);
}

#[test]
fn a_post_of_a_back_end_that_is_no_service_is_never_sent_again() {
    let back_end = Scripted::start(&[&[Act::Answer, Act::Close], &[Act::Answer]]);
    assert_eq!(asked(&back_end, "plain"), [200, 504]);
    assert_eq!(back_end.seen().len(), 2);
}
