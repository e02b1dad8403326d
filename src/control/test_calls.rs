//! Asks back ends and functions for test calls of the management API.
//!
//! A connection of its own for each call, closed behind it: nothing is shared with the shards' pools, so
//! a test call tells what a first request would meet, and no test call can hold up a request.

use super::credentials::KnownPairs;
use super::functions::{Call, Invoker};
use super::health::TlsConfigure;
use super::invocation::{Completion, NotDone};
use crate::management::BackEnds;
use crate::management::trial::{
    AnswerReader, Asked, BackEndCall, BackEndFault, ClientIdentity, FunctionFault, FunctionRequest,
    FunctionResult, NoKey,
};
use crate::snapshot::service::RoleCredentials;
use bytes::Bytes;
use hickory_resolver::TokioResolver;
use rustls::ClientConfig;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

/// Test calls that wait for a back end at once; each may hold an answer of 10 MiB. More wait their turn,
/// within their time-out.
const CALLS_MAX: usize = 16;

/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// Makes a resolver: as for upstreams.
pub(super) type Resolver = fn() -> Result<TokioResolver, String>;

/// Asks back ends and functions.
pub(super) struct TestCalls {
    functions: Invoker,
    pairs: KnownPairs,
    resolver: Resolver,
    tls_configure: TlsConfigure,
    turns: Arc<Semaphore>,
}

impl TestCalls {
    pub(super) fn new(
        functions: Invoker,
        pairs: KnownPairs,
        resolver: Resolver,
        tls_configure: TlsConfigure,
    ) -> Self {
        let turns = Arc::new(Semaphore::new(CALLS_MAX));
        Self { functions, pairs, resolver, tls_configure, turns }
    }
}

impl BackEnds for TestCalls {
    fn call(&self, call: BackEndCall) -> Asked<AnswerReader, BackEndFault> {
        let (resolver, tls_configure) = (self.resolver, self.tls_configure);
        let turns = Arc::clone(&self.turns);
        Box::pin(async move {
            let timeout = call.timeout;
            let asking = async move {
                // Never closed, so it is never refused.
                let _turn = turns.acquire_owned().await;
                ask(call, resolver, tls_configure).await
            };
            tokio::time::timeout(timeout, asking).await.unwrap_or(Err(BackEndFault::TimedOut))
        })
    }

    fn key_pair(&self, role: Box<str>) -> Asked<RoleCredentials, NoKey> {
        let pairs = self.pairs.clone();
        Box::pin(async move { pairs.pair_of(&role).await })
    }

    fn invoke(&self, request: FunctionRequest) -> Asked<FunctionResult, FunctionFault> {
        let functions = self.functions.clone();
        Box::pin(async move {
            let FunctionRequest { function, event, client_context, waits, timeout } = request;
            let call = Call {
                function,
                is_drawn: false,
                event,
                client_context,
                patience: timeout,
                request_id: None,
                log: None,
                stream: None,
            };
            if !waits {
                // As a test call it is tried once: whoever tests looks at the function's log.
                tokio::spawn(async move { functions.invoke(call).await });
                let payload = Bytes::new();
                return Ok(FunctionResult { payload, has_failed: false, request_id: "".into() });
            }
            let invoked = functions.invoke(call).await;
            let ended = |payload, has_failed| {
                Ok(FunctionResult { payload, has_failed, request_id: invoked.request_id.clone() })
            };
            match invoked.completion {
                Completion::Result(payload) => ended(payload, false),
                Completion::Failure(payload) => ended(payload, true),
                Completion::NotDone(why) => Err(match why {
                    NotDone::NoFunction => FunctionFault::Unknown,
                    NotDone::Throttled | NotDone::SwitchedOff => FunctionFault::Throttled,
                    NotDone::TimedOut => FunctionFault::TimedOut,
                    NotDone::NotStarted => FunctionFault::NotStarted,
                    NotDone::EventTooLarge => FunctionFault::EventTooLarge,
                }),
            }
        })
    }
}

async fn ask(
    call: BackEndCall,
    resolver: Resolver,
    tls_configure: TlsConfigure,
) -> Result<AnswerReader, BackEndFault> {
    let BackEndCall { upstream, request, identity, answer, .. } = call;
    let Some(target) = upstream.targets.first() else { return Err(BackEndFault::Unresolved) };
    let stream = connect(&target.host, target.port, resolver).await?;
    let Some(tls) = &upstream.tls else {
        return exchange(stream, &request, answer).await;
    };
    let mut config = tls_configure(tls).map_err(BackEndFault::Network)?;
    if let Some(identity) = identity {
        let resolver = client_certificate(&identity, &config).map_err(BackEndFault::Network)?;
        Arc::make_mut(&mut config).client_auth_cert_resolver = resolver;
    }
    let name = tls.server_name.as_deref().unwrap_or(&target.host).to_owned();
    let name = ServerName::try_from(name)
        .map_err(|error| BackEndFault::Network(format!("TLS: {error}")))?;
    let stream = TlsConnector::from(config)
        .connect(name, stream)
        .await
        .map_err(|error| BackEndFault::Network(format!("TLS handshake: {error}")))?;
    exchange(stream, &request, answer).await
}

async fn connect(host: &str, port: u16, resolver: Resolver) -> Result<TcpStream, BackEndFault> {
    let addresses: Vec<IpAddr> = match host.parse() {
        Ok(address) => vec![address],
        Err(_) => {
            let resolver = resolver().map_err(|_| BackEndFault::Unresolved)?;
            let found = resolver.lookup_ip(host).await.map_err(|_| BackEndFault::Unresolved)?;
            found.iter().collect()
        }
    };
    let mut fault = BackEndFault::Unresolved;
    for address in addresses {
        match TcpStream::connect(SocketAddr::new(address, port)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => fault = network(&error),
        }
    }
    Err(fault)
}

/// Sends the request and reads its answer to the end. A back end that answers before it has read all is
/// believed.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
    mut answer: AnswerReader,
) -> Result<AnswerReader, BackEndFault> {
    let (mut incoming, mut outgoing) = tokio::io::split(stream);
    let sending = async {
        outgoing.write_all(request).await?;
        outgoing.flush().await
    };
    let reading = async {
        let mut bytes = vec![0; READ_BYTES];
        loop {
            let count = incoming.read(&mut bytes).await.map_err(|error| network(&error))?;
            if count == 0 {
                let whole = answer.ended();
                return whole
                    .then_some(answer)
                    .ok_or_else(|| BackEndFault::Network("Connection is closed".to_owned()));
            }
            if answer.read(&bytes[..count]).map_err(BackEndFault::Bad)? {
                return Ok(answer);
            }
        }
    };
    tokio::pin!(sending, reading);
    let sent = tokio::select! {
        result = &mut reading => return result,
        sent = &mut sending => sent,
    };
    match (sent, reading.await) {
        (_, Ok(answer)) => Ok(answer),
        (Err(error), Err(_)) => Err(network(&error)),
        (Ok(()), Err(fault)) => Err(fault),
    }
}

/// A system error in the words of Amazon's Java: `Connection reset by peer`.
fn network(error: &std::io::Error) -> BackEndFault {
    let text = error.to_string();
    BackEndFault::Network(text.split(" (os error").next().unwrap_or_default().to_owned())
}

fn client_certificate(
    identity: &ClientIdentity,
    config: &ClientConfig,
) -> Result<Arc<dyn ResolvesClientCert>, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("client certificate: {error}");
    let chain = CertificateDer::pem_slice_iter(identity.chain.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(&error))?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())
        .map_err(|error| unreadable(&error))?;
    let certified = CertifiedKey::from_der(chain, key, config.crypto_provider())
        .map_err(|error| unreadable(&error))?;
    Ok(Arc::new(SingleCertAndKey::from(certified)))
}
