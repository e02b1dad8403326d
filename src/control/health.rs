//! Health: asks back ends whether they are well, so that requests go only where they are answered.
//!
//! One task per address of a target, on the control thread: a name that stands for ten hosts is ten
//! checks. A task tells only changes of its verdict, and a verdict changes only after as many answers
//! in a row as the configuration says, so one lost packet moves nothing. What shards notice
//! themselves (passive ejection) is theirs and not mixed in here.

use crate::snapshot::{HealthCheck, UpstreamTls};
use rustls_pki_types::ServerName;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

/// The head of an answer to a health check may be this long; the body is not read.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Header fields of an answer to a health check; its parser's bound.
const FIELD_COUNT_MAX: usize = 100;

/// Makes the TLS configuration for calling an upstream; the same rules as the shards' own.
pub type TlsConfigure = fn(&UpstreamTls) -> Result<Arc<rustls::ClientConfig>, String>;

/// What one task checks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CheckId {
    /// The upstream's key.
    pub upstream: Box<str>,
    /// `host:port` as declared.
    pub target: Box<str>,
    /// One address of the target.
    pub address: SocketAddr,
}

/// How to ask.
#[derive(Debug, Clone)]
pub struct CheckPlan {
    /// Path, interval, thresholds.
    pub check: HealthCheck,
    /// Value of the `Host` field.
    pub authority: Box<str>,
    /// Present for an HTTPS upstream: the configuration and the name to verify; or why it cannot be
    /// made, which fails every check.
    pub tls: Option<Result<(Arc<rustls::ClientConfig>, ServerName<'static>), String>>,
}

/// A verdict that changed.
#[derive(Debug)]
pub struct Verdict {
    /// About whom.
    pub id: CheckId,
    /// Whether requests may go there, or why not.
    pub result: Result<(), String>,
}

/// Counts answers in a row against the thresholds.
#[derive(Debug)]
struct Streak {
    healthy: bool,
    /// Answers in a row that speak against `healthy`.
    against: u32,
    healthy_after: u32,
    unhealthy_after: u32,
}

impl Streak {
    /// Takes an answer; whether the verdict changed with it.
    fn count(&mut self, good: bool) -> bool {
        if good == self.healthy {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let needed = if good { self.healthy_after } else { self.unhealthy_after };
        if self.against < needed {
            return false;
        }
        self.healthy = good;
        self.against = 0;
        true
    }
}

/// Checks one address until the task is aborted or nobody listens. It begins as healthy: before the
/// first verdict requests may go there, for a gateway that restarts must not refuse work.
pub async fn keep_checking(id: CheckId, plan: CheckPlan, verdicts: mpsc::Sender<Verdict>) {
    let mut streak = Streak {
        healthy: true,
        against: 0,
        healthy_after: plan.check.healthy_after,
        unhealthy_after: plan.check.unhealthy_after,
    };
    // The first round is spread over at most a second, later ones by a tenth of the interval, so
    // that many targets (and many gateways) do not ask in step.
    let first = plan.check.interval.min(Duration::from_secs(1));
    tokio::time::sleep(first.mul_f64(random_share())).await;
    loop {
        let result = within(plan.check.timeout, ask(id.address, &plan)).await;
        if streak.count(result.is_ok()) {
            let verdict = Verdict { id: id.clone(), result };
            if verdicts.send(verdict).await.is_err() {
                return;
            }
        }
        let jitter = 0.9 + 0.2 * random_share();
        tokio::time::sleep(plan.check.interval.mul_f64(jitter)).await;
    }
}

/// A random number from 0 to 1, for spreading only.
fn random_share() -> f64 {
    // `RandomState` is keyed anew each time; no crate is worth it for a jitter.
    let bits = RandomState::new().hash_one(0_u8) >> 11;
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a mantissa")]
    {
        bits as f64 / (1_u64 << 53) as f64
    }
}

async fn within(
    timeout: Duration,
    asking: impl Future<Output = Result<(), String>>,
) -> Result<(), String> {
    tokio::time::timeout(timeout, asking)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {timeout:?}")))
}

async fn ask(address: SocketAddr, plan: &CheckPlan) -> Result<(), String> {
    let stream = TcpStream::connect(address).await.map_err(|error| format!("connect: {error}"))?;
    let status = match &plan.tls {
        None => status_of(stream, plan).await?,
        Some(Err(error)) => return Err(error.clone()),
        Some(Ok((config, name))) => {
            let stream = TlsConnector::from(Arc::clone(config))
                .connect(name.clone(), stream)
                .await
                .map_err(|error| format!("TLS handshake: {error}"))?;
            status_of(stream, plan).await?
        }
    };
    if plan.check.expect.contains(status) { Ok(()) } else { Err(format!("status {status}")) }
}

/// Sends the request and reads no further than the end of the answer's head.
async fn status_of(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    plan: &CheckPlan,
) -> Result<u16, String> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: ringgate-health-check\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n",
        plan.check.path, plan.authority
    );
    stream.write_all(request.as_bytes()).await.map_err(|error| format!("send: {error}"))?;
    stream.flush().await.map_err(|error| format!("send: {error}"))?;
    let mut head = Vec::with_capacity(1024);
    loop {
        let count =
            stream.read_buf(&mut head).await.map_err(|error| format!("receive: {error}"))?;
        if let Some(status) = parse_status(&head)? {
            return Ok(status);
        }
        if count == 0 {
            return Err("the connection ended before the answer".to_owned());
        }
        if head.len() > HEAD_BYTES_MAX {
            return Err(format!("the answer's head exceeds {HEAD_BYTES_MAX} bytes"));
        }
    }
}

/// The status of the final response's head; `None` while it is not complete. Interim responses
/// (1xx) before it are skipped.
fn parse_status(mut bytes: &[u8]) -> Result<Option<u16>, String> {
    loop {
        let mut fields = [httparse::EMPTY_HEADER; FIELD_COUNT_MAX];
        let mut response = httparse::Response::new(&mut fields);
        match response.parse(bytes) {
            Err(error) => return Err(format!("not HTTP: {error}")),
            Ok(httparse::Status::Partial) => return Ok(None),
            Ok(httparse::Status::Complete(length)) => match response.code {
                Some(100..=199) => bytes = bytes.get(length..).unwrap_or_default(),
                code => return Ok(code),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::StatusSet;
    use std::sync::atomic::{AtomicU16, Ordering};
    use tokio::net::TcpListener;

    fn plan(interval: Duration) -> CheckPlan {
        CheckPlan {
            check: HealthCheck {
                path: "/up".to_owned(),
                interval,
                timeout: Duration::from_secs(2),
                healthy_after: 2,
                unhealthy_after: 3,
                expect: StatusSet { ranges: vec![(200, 299)] },
            },
            authority: "shop.test".into(),
            tls: None,
        }
    }

    fn id(address: SocketAddr) -> CheckId {
        CheckId { upstream: "shop#1".into(), target: "shop.test:80".into(), address }
    }

    #[test]
    fn a_verdict_needs_its_threshold_in_a_row() {
        let mut streak = Streak { healthy: true, against: 0, healthy_after: 2, unhealthy_after: 3 };
        let mut changes = Vec::new();
        for (index, good) in [
            false, false, true, false, false, false, // two do not suffice, three do
            true, false, true, true, // one does not suffice, two do
        ]
        .into_iter()
        .enumerate()
        {
            if streak.count(good) {
                changes.push((index, good));
            }
        }
        assert_eq!(changes, [(5, false), (9, true)]);
    }

    #[test]
    fn only_a_final_complete_head_has_a_status() {
        assert_eq!(parse_status(b"HTTP/1.1 200 OK\r\n"), Ok(None));
        assert_eq!(parse_status(b"HTTP/1.1 204 \r\n\r\n"), Ok(Some(204)));
        assert_eq!(
            parse_status(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\nbody"),
            Ok(Some(200))
        );
        assert_eq!(parse_status(b"HTTP/1.1 103 Early Hints\r\n\r\n"), Ok(None));
        assert!(parse_status(b"SSH-2.0-OpenSSH\r\n\r\n").is_err());
    }

    #[test]
    fn shares_are_shares() {
        for _ in 0..1000 {
            let share = random_share();
            assert!((0.0..1.0).contains(&share));
        }
    }

    #[tokio::test]
    async fn health_flips_with_the_back_ends_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let status = Arc::new(AtomicU16::new(500));
        let answer = Arc::clone(&status);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 1024];
                let length = stream.read(&mut request).await.unwrap();
                assert!(request[..length].starts_with(b"GET /up HTTP/1.1\r\nHost: shop.test\r\n"));
                let status = answer.load(Ordering::Relaxed);
                let head = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
            }
        });
        let (sender, mut verdicts) = mpsc::channel(4);
        let task =
            tokio::spawn(keep_checking(id(address), plan(Duration::from_millis(10)), sender));

        let bad = verdicts.recv().await.unwrap();
        assert_eq!(bad.result.unwrap_err(), "status 500");
        status.store(204, Ordering::Relaxed);
        let good = verdicts.recv().await.unwrap();
        assert!(good.result.is_ok());
        assert_eq!(good.id, id(address));
        task.abort();
    }

    #[tokio::test]
    async fn refusal_silence_and_hang_up_are_failures() {
        let refusing = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        let error = ask(refusing, &plan(Duration::from_secs(1))).await;
        assert!(error.unwrap_err().starts_with("connect: "));

        // The kernel completes the handshake; nobody ever accepts.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        let plan = plan(Duration::from_secs(1));
        let asking = ask(address, &plan);
        assert_eq!(
            within(Duration::from_millis(50), asking).await.unwrap_err(),
            "no answer within 50ms"
        );

        let hanging_up = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = hanging_up.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = hanging_up.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        });
        let error = ask(address, &plan).await;
        assert_eq!(error.unwrap_err(), "the connection ended before the answer");
    }

    #[tokio::test]
    async fn an_https_back_end_is_checked_over_tls_with_its_certificate() {
        let signed = rcgen::generate_simple_self_signed(["shop.test".to_owned()]).unwrap();
        let certificate = signed.cert.der().clone();
        let key = rustls_pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der());
        let server = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key.unwrap())
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
                let _ = stream.shutdown().await;
            }
        });
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client =
            rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let client = Arc::new(client);
        let with_name = |name: &'static str| CheckPlan {
            tls: Some(Ok((Arc::clone(&client), ServerName::try_from(name).unwrap()))),
            ..plan(Duration::from_secs(1))
        };

        assert_eq!(ask(address, &with_name("shop.test")).await, Ok(()));
        let error = ask(address, &with_name("other.test")).await.unwrap_err();
        assert!(error.starts_with("TLS handshake: "), "{error}");
    }
}
