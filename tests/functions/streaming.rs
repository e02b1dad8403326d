//! Functions that stream their answers: what comes of it where the client is answered at once when all of
//! it is there.

use super::bootstrap::Runtime;
use super::host::{gateway, gateway_of};

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
    // The delimiter in two chunks.
    let (one, two) = PRELUDE.split_at(PRELUDE.len() - 3);
    request.extend_from_slice(&chunk(one));
    request.extend_from_slice(&chunk(two));
    match argument {
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
        _ => assert_eq!(told, if argument == "large" { 413 } else { 202 }),
    }
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
