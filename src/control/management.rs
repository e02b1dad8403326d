//! Management: the HTTP listener for operators: metrics, health, readiness, and calls of AWS protocols
//! (`calls`) for everything else.
//!
//! Ordinary axum on the control thread. Its own pages answer from what the control thread already
//! knows and never ask a shard, so a scrape costs requests nothing. The bounds here keep one careless
//! client from filling the process: connections, header size and time, time per request.

use super::calls::Peer;
use super::status::SharedStatus;
use crate::aws::Fault;
use crate::aws::id::IdSource;
use crate::management::lambda;
use crate::management::refusal::{self, Protocol, REQUEST_ID};
use crate::telemetry::metrics::ProcessUsage;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use axum::routing::get;
use hyper::body::Incoming as Received;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

/// Connections at once. Scrapers and probes hold a handful; more wait in the backlog.
const CONNECTIONS_MAX: usize = 256;

/// Request head, and the buffer it is read into.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Header fields of a request.
const FIELD_COUNT_MAX: usize = 100;

/// From the start of a connection, or the end of the last response, to the end of the next head: so
/// also how long a connection may idle. Longer than the usual scrape interval of 15 to 60 s.
const HEAD_TIMEOUT: Duration = Duration::from_secs(90);

/// For the answer to one request, its content included. Pages answer at once; a management write waits
/// for the store and for every shard.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// For an invocation's answer: the longest time that a function may take, and what is around it.
const INVOCATION_TIMEOUT: Duration = Duration::from_secs(900 + 30);

/// How long a client may take nothing of what is sent to it. Without an end one that never reads would hold
/// its connection for ever, behind a stream as behind any large answer.
const SEND_TIMEOUT: Duration = Duration::from_secs(300);

/// After an accept failed (`EMFILE`), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The routes there are. Other parts add theirs with [`Router::merge`] before [`Serving::begin`]; what no
/// route takes is a call ([`super::calls::Calls::behind`]), and without those it is answered in the shape of
/// Amazon's APIs.
pub fn router(status: SharedStatus) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(status)
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
}

/// A listener that is answered on. Dropped, it goes on.
#[derive(Debug)]
pub struct Serving {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Serving {
    /// Answers on the listener from now on.
    pub fn begin(listener: TcpListener, router: Router) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(serve(listener, router, stopped)) }
    }

    /// Closes the listener, and each connection when what it was asked has been answered.
    pub fn turn_away(&self) {
        self.stop.send_replace(true);
    }

    /// As [`Serving::turn_away`], and waits for it. What takes longer than `patience` is cut.
    pub async fn end(mut self, patience: Duration) {
        self.turn_away();
        if tokio::time::timeout(patience, &mut self.task).await.is_err() {
            tracing::debug!("management connections are cut");
            self.task.abort();
        }
    }
}

async fn serve(listener: TcpListener, router: Router, stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    tokio::select! {
        () = accept(&listener, &router, &stopped, &mut connections) => {}
        () = until(stopped.clone()) => {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Until everything is to end: never, when nobody is left who could say so.
async fn until(mut stopped: watch::Receiver<bool>) {
    if stopped.wait_for(|stopped| *stopped).await.is_err() {
        std::future::pending().await
    }
}

/// Accepts connections for as long as it is polled.
async fn accept(
    listener: &TcpListener,
    router: &Router,
    stopped: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "management listener cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Where the kernel refuses, the client's own end is waited for.
        let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(SEND_TIMEOUT));
        let (router, stopped) = (router.clone(), stopped.clone());
        connections.spawn(async move {
            answer_on(stream, peer, router, stopped).await;
            drop(permit);
        });
        // Those that have ended would otherwise be kept until the end.
        while connections.try_join_next().is_some() {}
    }
}

/// Answers on one connection, to its end.
async fn answer_on(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    stopped: watch::Receiver<bool>,
) {
    let routes = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Received>| {
        request.extensions_mut().insert(Peer(peer));
        let patience = match lambda::is_invocation(request.uri().path()) {
            true => INVOCATION_TIMEOUT,
            false => ANSWER_TIMEOUT,
        };
        let answer = tokio::time::timeout(patience, routes.call(request));
        async move {
            let late = || {
                let fault = Fault::unavailable("Service Unavailable", 1);
                refusal::fault(&fault, Protocol::RestJson, &IdSource::random().uuid())
            };
            let answered = answer.await.unwrap_or_else(|_| Ok(late()));
            // A call's answer has a name already; the pages' answers get theirs here.
            answered.map(|response| match response.headers().contains_key(REQUEST_ID) {
                true => response,
                false => refusal::with_request_id(response, &IdSource::random().uuid()),
            })
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(FIELD_COUNT_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = until(stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "management connection ended");
    }
}

/// Prometheus' text format.
async fn metrics(State(status): State<SharedStatus>) -> Response<Body> {
    let mut text = String::new();
    // Read only when somebody asks. Without `/proc` the process's own figures are left out.
    let usage = ProcessUsage::read();
    {
        let mut status = status.lock();
        if let Ok(usage) = usage {
            status.metrics.set_process(usage);
        }
        status.metrics.render(&mut text);
    }
    answer(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
}

/// 200 while this thread answers and all shards give signs of life; else 503 with what ails them.
async fn healthz(State(status): State<SharedStatus>) -> Response<Body> {
    let ailments = status.lock().ailments(Instant::now());
    let code = if ailments.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({ "healthy": ailments.is_empty(), "reasons": ailments });
    json(code, body.to_string())
}

/// 200 while requests should be sent here, else 503; the reasons are told either way.
async fn readyz(State(status): State<SharedStatus>) -> Response<Body> {
    let readiness = status.lock().readiness(Instant::now());
    let code = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    match serde_json::to_string(&readiness) {
        Ok(body) => json(code, body),
        Err(error) => message(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn not_found() -> Response<Body> {
    message(StatusCode::NOT_FOUND, "Not Found")
}

/// An error as Amazon API Gateway's control plane words it.
fn message(code: StatusCode, text: &str) -> Response<Body> {
    json(code, serde_json::json!({ "message": text }).to_string())
}

fn json(code: StatusCode, body: String) -> Response<Body> {
    answer(code, "application/json", body)
}

fn answer(code: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = code;
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Each of these answers is about this moment.
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::status::{Phase, Status};
    use crate::telemetry::Metrics;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn start() -> (SharedStatus, SocketAddr) {
        let (status, listener) = prepare().await;
        let address = listener.local_addr().unwrap();
        Serving::begin(listener, router(status.clone()));
        (status, address)
    }

    async fn prepare() -> (SharedStatus, TcpListener) {
        let now = Instant::now();
        let metrics = Metrics::new("0", 1, Duration::ZERO, now);
        let status = SharedStatus::new(Status::new(metrics, 1, now));
        (status, TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    async fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        // A reset after the answer is fine where the request was refused half-read.
        let _ = stream.read_to_end(&mut reply).await;
        String::from_utf8(reply).unwrap()
    }

    async fn get(address: SocketAddr, path: &str) -> (u16, String) {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: management\r\nConnection: close\r\n\r\n");
        let reply = exchange(address, &request).await;
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    #[tokio::test]
    async fn readiness_follows_the_phase() {
        let (status, address) = start().await;
        let (code, body) = get(address, "/readyz").await;
        assert_eq!(code, 503);
        assert!(body.contains("not every shard serves yet"), "{body}");
        status.lock().phase = Phase::Serving;
        assert_eq!(get(address, "/readyz").await.0, 200);
        status.lock().phase = Phase::Draining;
        assert_eq!(get(address, "/readyz").await.0, 503);
    }

    #[tokio::test]
    async fn health_is_about_the_shards() {
        let (status, address) = start().await;
        assert_eq!(
            get(address, "/healthz").await,
            (200, r#"{"healthy":true,"reasons":[]}"#.to_owned())
        );
        status.lock().died(0, "no memory".to_owned());
        assert_eq!(
            get(address, "/healthz").await,
            (503, r#"{"healthy":false,"reasons":["shard 0 died: no memory"]}"#.to_owned())
        );
    }

    #[tokio::test]
    async fn metrics_are_text_for_prometheus() {
        let (_status, address) = start().await;
        let reply =
            exchange(address, "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                .await;
        assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
        assert!(reply.contains("\r\ncontent-type: text/plain; version=0.0.4"));
    }

    #[tokio::test]
    async fn anything_else_is_not_found_in_amazons_shape() {
        let (_status, address) = start().await;
        for path in ["/", "/restapis", "/metrics/"] {
            assert_eq!(get(address, path).await, (404, r#"{"message":"Not Found"}"#.to_owned()));
        }
        let reply =
            exchange(address, "DELETE /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                .await;
        assert!(reply.starts_with("HTTP/1.1 404 "), "{reply}");
    }

    #[tokio::test]
    async fn a_head_beyond_its_limit_is_refused() {
        let (_status, address) = start().await;
        let request = |bytes: usize| {
            let filler = "x".repeat(bytes);
            format!("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: {filler}\r\n\r\n")
        };
        let reply = exchange(address, &request(HEAD_BYTES_MAX / 2)).await;
        assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
        let reply = exchange(address, &request(2 * HEAD_BYTES_MAX)).await;
        assert!(reply.starts_with("HTTP/1.1 431 "), "{reply}");
    }

    #[tokio::test]
    async fn what_is_being_answered_is_answered_to_its_end_and_nobody_else() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, mut is_asked) = tokio::sync::mpsc::channel(1);
        let (answer, may_answer) = watch::channel(false);
        let slow = move || async move {
            asked.send(()).await.unwrap();
            until(may_answer).await;
            "to its end"
        };
        let serving = Serving::begin(listener, Router::new().route("/", axum::routing::get(slow)));
        // One that is kept open between two requests, and one that waits for its answer.
        let mut idle = TcpStream::connect(address).await.unwrap();
        let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let waiting = tokio::spawn(async move { exchange(address, request).await });
        is_asked.recv().await.unwrap();
        let ending = tokio::spawn(serving.end(Duration::from_secs(30)));
        assert_eq!(idle.read(&mut [0]).await.unwrap(), 0, "it is closed at once");
        while TcpStream::connect(address).await.is_ok() {}
        assert!(!waiting.is_finished() && !ending.is_finished());
        answer.send_replace(true);
        let reply = waiting.await.unwrap();
        assert!(reply.ends_with("\r\n\r\nto its end"), "{reply}");
        ending.await.unwrap();
    }

    #[tokio::test]
    async fn what_takes_too_long_at_the_end_is_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let never = Router::new().route("/", axum::routing::get(std::future::pending::<String>));
        let serving = Serving::begin(listener, never);
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        tokio::time::timeout(Duration::from_secs(30), serving.end(Duration::from_millis(20)))
            .await
            .unwrap();
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply).await;
        assert!(reply.is_empty());
    }
}
