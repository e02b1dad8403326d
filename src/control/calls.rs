//! Calls: from a request on the management listener to a call of an AWS protocol, whole and bounded.
//!
//! ```text
//! head -> Gate::knock (cheap: who claims to call, and is it fresh?) -> content, within its bounds
//!      -> Incoming -> the answering function, to its end whatever the client does
//! ```
//!
//! A call's content is read as a whole, because its signature and its JSON need it whole; so it has
//! three bounds: its size, its time, and what all calls together may hold.

use crate::aws::Fault;
use crate::aws::id::IdSource;
use crate::management::access::Gate;
use crate::management::incoming::Incoming;
use crate::management::lambda::code;
use crate::management::refusal::{self, Protocol};
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::{Request, Response, header};
use bytes::{Bytes, BytesMut};
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// For the content of one call. At the largest size half a MiB per second; shorter than the time for
/// the answer, so that it is this one that is told.
const CONTENT_TIMEOUT: Duration = Duration::from_secs(20);

/// Content that all calls together hold, in units of [`HELD_UNIT`]: 160 MiB, two functions' code of the
/// largest size. The listener has 256 connections, and each could bring 10 MiB.
const HELD_UNITS: usize = 160 * 1024;

/// A KiB: a permit counts at most four thousand million, and bytes would not fit every limit.
const HELD_UNIT: usize = 1024;

/// Content of a refused call that is read and dropped, so that a client which writes before it reads
/// sees the answer and not a reset.
const DROPPED_BYTES_MAX: usize = 256 * 1024;

/// And for how long.
const DROPPED_TIMEOUT: Duration = Duration::from_secs(1);

/// The future of an answer.
pub type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// Who sent a request: put into its extensions by the listener.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// The way from requests to calls.
#[derive(Clone)]
pub struct Calls {
    gate: Gate,
    answering: Arc<dyn Fn(Incoming) -> Answer + Send + Sync>,
    body_bytes_max: Arc<AtomicUsize>,
    held: Arc<Semaphore>,
    content_timeout: Duration,
}

impl fmt::Debug for Calls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Calls")
            .field("body_bytes_max", &self.body_bytes_max)
            .finish_non_exhaustive()
    }
}

/// The answer to a call that is refused before it has a name.
fn refused(fault: &Fault, protocol: Protocol) -> Response<Body> {
    refusal::fault(fault, protocol, &IdSource::random().uuid())
}

impl Calls {
    /// Calls go to `answering`, which asks the same gate once more, with the content.
    pub fn new<F, A>(gate: Gate, body_bytes_max: usize, answering: F) -> Self
    where
        F: Fn(Incoming) -> A + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        Self {
            gate,
            answering: Arc::new(move |incoming| Box::pin(answering(incoming))),
            body_bytes_max: Arc::new(AtomicUsize::new(body_bytes_max)),
            held: Arc::new(Semaphore::new(HELD_UNITS.max(2 * body_bytes_max.div_ceil(HELD_UNIT)))),
            content_timeout: CONTENT_TIMEOUT,
        }
    }

    /// Another limit from now on, after a reload.
    pub fn set_body_bytes_max(&self, bytes: usize) {
        self.body_bytes_max.store(bytes, Ordering::Relaxed);
    }

    /// The routes that there are, and calls for everything else.
    pub fn behind(self, router: Router) -> Router {
        router.fallback(move |request: Request<Body>| {
            let calls = self.clone();
            async move { calls.answer(request).await }
        })
    }

    /// Answers one request.
    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let Some(Peer(peer)) = request.extensions().get().copied() else {
            // The listener puts it there; without it nobody could be told from anybody.
            return refused(&Fault::internal(), Protocol::RestJson);
        };
        let (head, mut body) = request.into_parts();
        let mut incoming = Incoming {
            peer,
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body: Bytes::new(),
        };
        let content = match self.gate.knock(&incoming, SystemTime::now()) {
            Ok(()) => self.content(&incoming, &mut body).await,
            Err(fault) => Err(fault),
        };
        let held = match content {
            Ok((content, held)) => {
                incoming.body = content;
                held
            }
            Err(fault) => {
                drop_rest(body).await;
                return refused(&fault, Protocol::of(&incoming));
            }
        };
        let protocol = Protocol::of(&incoming);
        let answer = (self.answering)(incoming);
        // A task of its own: a client that goes away must not stop a write in its middle, nor keep it
        // out of the audit log.
        let task = tokio::spawn(async move {
            let response = answer.await;
            drop(held);
            response
        });
        match task.await {
            // Who answers names the call.
            Ok(response) => response,
            Err(error) => {
                let request_id = IdSource::random().uuid();
                tracing::error!(%error, request = request_id, "management call failed");
                refusal::fault(&Fault::internal(), protocol, &request_id)
            }
        }
    }

    /// The whole content, and what it takes of all that may be held.
    async fn content(
        &self,
        incoming: &Incoming,
        body: &mut Body,
    ) -> Result<(Bytes, Vec<OwnedSemaphorePermit>), Fault> {
        let mut bytes_max = self.body_bytes_max.load(Ordering::Relaxed);
        if code::may_bring_code(&incoming.method, &incoming.path) {
            // A zip is far larger than everything else that is sent here.
            bytes_max = bytes_max.max(code::CALL_BYTES_MAX);
        }
        let stated = incoming.field(header::CONTENT_LENGTH.as_str());
        if stated.and_then(|it| it.parse::<usize>().ok()).is_some_and(|it| it > bytes_max) {
            return Err(too_large(bytes_max));
        }
        let reading = self.collect(body, bytes_max);
        tokio::time::timeout(self.content_timeout, reading).await.unwrap_or_else(|_| {
            let text =
                format!("The content did not arrive within {} seconds.", CONTENT_TIMEOUT.as_secs());
            Err(Fault::new(408, "RequestTimeoutException", text))
        })
    }

    async fn collect(
        &self,
        body: &mut Body,
        bytes_max: usize,
    ) -> Result<(Bytes, Vec<OwnedSemaphorePermit>), Fault> {
        let mut content = BytesMut::new();
        let mut held = Vec::new();
        let mut paid_units = 0;
        while let Some(frame) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            let unread = |_| Fault::bad_request("The content ended too early.");
            let Ok(data) = frame.map_err(unread)?.into_data() else {
                // Trailers; nothing reads them.
                continue;
            };
            if content.len() + data.len() > bytes_max {
                return Err(too_large(bytes_max));
            }
            let units = (content.len() + data.len()).div_ceil(HELD_UNIT);
            if units > paid_units {
                let more = u32::try_from(units - paid_units).unwrap_or(u32::MAX);
                // Not waited for: two half-read calls could wait for each other.
                let permit = Arc::clone(&self.held).try_acquire_many_owned(more);
                held.push(permit.map_err(|_| {
                    Fault::unavailable("Too much is being sent at once. Please try again.", 1)
                })?);
                paid_units = units;
            }
            content.extend_from_slice(&data);
        }
        Ok((content.freeze(), held))
    }
}

fn too_large(bytes_max: usize) -> Fault {
    Fault::new(
        413,
        "RequestEntityTooLargeException",
        format!("The content is larger than {bytes_max} bytes (management.body_bytes_max)."),
    )
}

/// Reads a little of what a refused client still sends.
async fn drop_rest(mut body: Body) {
    let reading = async {
        let mut dropped = 0;
        while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
        {
            dropped += frame.data_ref().map_or(0, Bytes::len);
            if dropped > DROPPED_BYTES_MAX {
                break;
            }
        }
    };
    // Late or not: the answer goes out now.
    let _ = tokio::time::timeout(DROPPED_TIMEOUT, reading).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::management::{Serving, router};
    use crate::control::status::{SharedStatus, Status};
    use crate::management::access::Access;
    use crate::management::limit::Pace;
    use crate::telemetry::Metrics;
    use std::sync::Mutex;
    use std::time::Instant;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::{Notify, mpsc};

    const BODY_BYTES_MAX: usize = 100_000;

    fn open_gate() -> Gate {
        Gate::new(Access {
            credentials: Vec::new(),
            hosts: Vec::new(),
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            pace: Pace { rate: 100, burst: 100 },
        })
    }

    async fn start<F, A>(answering: F) -> SocketAddr
    where
        F: Fn(Incoming) -> A + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        let now = Instant::now();
        let metrics = Metrics::new("0", 1, Duration::ZERO, now);
        let status = SharedStatus::new(Status::new(metrics, 1, now));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Calls::new(open_gate(), BODY_BYTES_MAX, answering);
        Serving::begin(listener, calls.behind(router(status)));
        address
    }

    async fn exchange(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply).await;
        String::from_utf8(reply).unwrap()
    }

    fn field<'a>(reply: &'a str, name: &str) -> Option<&'a str> {
        let (head, _) = reply.split_once("\r\n\r\n")?;
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    #[tokio::test]
    async fn a_call_arrives_as_it_was_sent() {
        let (sender, mut calls) = mpsc::unbounded_channel();
        let address = start(move |incoming| {
            sender.send(incoming).unwrap();
            async { Response::new(Body::from("{}")) }
        })
        .await;
        let target = "/tags/arn%3Aaws%2f..//x?tagKeys=a%20b&tagKeys=c+d";
        let request = format!(
            "PUT {target} HTTP/1.1\r\nHost: localhost:8081\r\nX-A: 1\r\nX-A: 2\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
        );
        let reply = exchange(address, request.as_bytes()).await;
        assert!(reply.starts_with("HTTP/1.1 200 ") && reply.ends_with("\r\n\r\n{}"), "{reply}");
        assert_eq!(field(&reply, "x-amzn-requestid").map(str::len), Some(36), "{reply}");
        let incoming = calls.recv().await.unwrap();
        assert_eq!(incoming.method, "PUT");
        assert_eq!(format!("{}?{}", incoming.path, incoming.query), target);
        assert_eq!(&*incoming.body, b"abc");
        assert!(incoming.peer.ip().is_loopback() && incoming.peer.port() != address.port());
        let values: Vec<_> = incoming.headers.get_all("x-a").iter().collect();
        assert_eq!(values, ["1", "2"]);
    }

    #[tokio::test]
    async fn own_pages_are_no_calls_and_every_answer_has_an_id() {
        let address = start(|_| async { Response::new(Body::from("a call")) }).await;
        for (target, is_call) in [("/healthz", false), ("/", true), ("/restapis", true)] {
            let request =
                format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let reply = exchange(address, request.as_bytes()).await;
            assert_eq!(reply.ends_with("a call"), is_call, "{reply}");
            assert_eq!(field(&reply, "x-amzn-requestid").map(str::len), Some(36), "{reply}");
        }
    }

    #[tokio::test]
    async fn content_beyond_the_limit_is_refused_however_it_is_framed() {
        let address = start(|incoming| async move {
            Response::new(Body::from(incoming.body.len().to_string()))
        })
        .await;
        for (bytes, status) in [(BODY_BYTES_MAX, "200"), (BODY_BYTES_MAX + 1, "413")] {
            let head = "POST /restapis HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
            let content = "x".repeat(bytes);
            for request in [
                format!("{head}Content-Length: {bytes}\r\n\r\n{content}"),
                format!(
                    "{head}Transfer-Encoding: chunked\r\n\r\n{bytes:x}\r\n{content}\r\n0\r\n\r\n"
                ),
            ] {
                let reply = exchange(address, request.as_bytes()).await;
                assert_eq!(reply.get(9..12), Some(status), "{reply}");
                if status == "413" {
                    assert_eq!(
                        field(&reply, "x-amzn-errortype"),
                        Some("RequestEntityTooLargeException")
                    );
                    assert!(reply.contains("larger than 100000 bytes"), "{reply}");
                    assert!(field(&reply, "x-amzn-requestid").is_some());
                }
            }
        }
    }

    #[tokio::test]
    async fn a_refused_call_is_told_before_its_content_is_taken() {
        let address = start(|_| async { Response::new(Body::from("a call")) }).await;
        let request = |kind: &str| {
            format!(
                "POST / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n{kind}Content-Length: 24\r\n\r\nAction=GetCallerIdentity"
            )
        };
        let reply = exchange(address, request("").as_bytes()).await;
        assert!(reply.starts_with("HTTP/1.1 403 "), "{reply}");
        assert_eq!(field(&reply, "x-amzn-errortype"), Some("AccessDeniedException"));
        assert!(reply.contains("{\"message\":\"No credentials are configured"), "{reply}");
        let scope =
            "Authorization: AWS4-HMAC-SHA256 Credential=A/20260301/us-east-1/sts/aws4_request\r\n";
        let reply = exchange(address, request(scope).as_bytes()).await;
        assert!(reply.contains("<Code>AccessDenied</Code>"), "as its client reads it: {reply}");
    }

    #[tokio::test]
    async fn a_call_goes_on_when_its_client_has_gone() {
        let (started, go_on, ended) =
            (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let signals = (Arc::clone(&started), Arc::clone(&go_on), Arc::clone(&ended));
        let address = start(move |_| {
            let (started, go_on, ended) = signals.clone();
            async move {
                started.notify_one();
                go_on.notified().await;
                ended.notify_one();
                Response::new(Body::empty())
            }
        })
        .await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"DELETE /restapis/a HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        started.notified().await;
        drop(stream);
        tokio::time::sleep(Duration::from_millis(20)).await;
        go_on.notify_one();
        tokio::time::timeout(Duration::from_secs(10), ended.notified()).await.expect("it ends");
    }

    #[tokio::test]
    async fn a_call_that_panics_is_an_internal_failure() {
        let first = Mutex::new(true);
        let address = start(move |_| {
            let is_first = std::mem::take(&mut *first.lock().unwrap());
            async move {
                assert!(!is_first, "a mistake of ours");
                Response::new(Body::from("fine"))
            }
        })
        .await;
        let request = b"GET /restapis HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let reply = exchange(address, request).await;
        assert!(reply.starts_with("HTTP/1.1 500 ") && !reply.contains("mistake"), "{reply}");
        assert_eq!(field(&reply, "x-amzn-errortype"), Some("InternalFailure"));
        assert!(exchange(address, request).await.ends_with("fine"));
    }

    #[tokio::test]
    async fn content_that_does_not_arrive_is_waited_for_only_so_long() {
        let calls = Calls {
            content_timeout: Duration::from_millis(20),
            ..Calls::new(open_gate(), 10, |_| async { Response::new(Body::empty()) })
        };
        let head = Incoming {
            peer: "127.0.0.1:1".parse().unwrap(),
            method: "POST".to_owned(),
            path: "/".to_owned(),
            query: String::new(),
            headers: axum::http::HeaderMap::new(),
            body: Bytes::new(),
        };
        let (sender, receiver) = mpsc::channel::<()>(1);
        let mut body = Body::new(Silent(receiver));
        let fault = calls.content(&head, &mut body).await.unwrap_err();
        assert_eq!((fault.status, fault.kind), (408, "RequestTimeoutException"));
        drop(sender);
        assert_eq!(calls.content(&head, &mut body).await.unwrap().0.len(), 0);
    }

    #[tokio::test]
    async fn all_calls_together_hold_no_more_than_they_may() {
        let calls = Calls::new(open_gate(), HELD_UNITS * HELD_UNIT / 2, |_| async {
            Response::new(Body::empty())
        });
        let half = vec![0_u8; HELD_UNITS * HELD_UNIT / 2];
        let read = |bytes: &[u8]| {
            let mut body = Body::from(bytes.to_vec());
            let calls = calls.clone();
            async move { calls.collect(&mut body, usize::MAX).await }
        };
        let first = read(&half).await.unwrap();
        let second = read(&half).await.unwrap();
        let fault = read(b"x").await.unwrap_err();
        assert_eq!((fault.status, fault.retry_after), (503, Some(1)));
        drop(second);
        read(b"x").await.unwrap();
        drop(first);
    }

    /// A body that sends nothing and ends with its sender.
    struct Silent(mpsc::Receiver<()>);

    impl HttpBody for Silent {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            self.0.poll_recv(context).map(|_| None)
        }
    }
}
