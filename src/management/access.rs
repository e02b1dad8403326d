//! Access: who may call the management API, and how often.
//!
//! ```text
//! peer's pace -> no credentials configured: only this host, and no web page      -> Caller
//!             -> else: claim read -> key known -> fresh -> signature right
//!                      -> principal's pace -> role allows it -> not a replay     -> Caller
//! ```
//!
//! The cheap checks stand before the hash of the content, and nothing is remembered of a request
//! before its signature is proven. Every refusal is AWS's type and text, so that clients and their
//! users see what they know.
//!
//! Without credentials whoever reaches the listener may do everything, so it has to be this host
//! alone. Two ways lead a stranger's web page there through the user's browser, and both are closed:
//! a page may send requests to `127.0.0.1` (they carry `Origin`, or `Sec-Fetch-Site`), and a page's
//! own name may be made to resolve to `127.0.0.1` (DNS rebinding: then its requests are of the same
//! origin and carry neither, but name the stranger's host). So `Origin` must be the listener's own,
//! and `Host` this host's; reads too, because a rebound page can read what it gets.

use super::incoming::Incoming;
use super::limit::{Buckets, Pace};
use crate::aws::Fault;
use crate::aws::sigv4::{Claim, Form, Payload, Replays, Request, Scope, Seen};
use crate::model::{Aws, Credential, Management, Role};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// What access is decided by; a reload brings another.
#[derive(Debug, Clone)]
pub struct Access {
    /// Who may sign; empty lets in everybody on this host.
    pub credentials: Vec<Credential>,
    /// Names under which this host is known, besides `localhost` and loopback addresses.
    pub hosts: Vec<String>,
    /// The region of calls whose signature names none.
    pub region: String,
    /// The account that messages name.
    pub account_id: String,
    /// How fast one caller may call.
    pub pace: Pace,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The access key id; `anonymous` when there is none.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether the name is more than a claim.
    pub proof: Proof,
}

/// Whether a principal is who it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Its signature was checked.
    Signature,
    /// No credentials are configured: the name is what the request says.
    Unchecked,
}

/// A call that may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// The region it is about: the signature's, else the default.
    pub region: String,
    /// The signature's service, for example `apigateway`, `execute-api`, `sts`.
    pub service: Option<String>,
}

/// Lets calls in. Clones are the same gate: the listener asks it about a head, the service about the
/// whole call.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    access: Mutex<Arc<Access>>,
    peers: Mutex<Buckets<IpAddr>>,
    principals: Mutex<Buckets<String>>,
    replays: Mutex<Replays>,
    warnings: Mutex<Warnings>,
}

/// Refusals that wait to be told of: somebody who tries keys should be seen, and not fill the log.
#[derive(Debug, Default)]
struct Warnings {
    last: Option<SystemTime>,
    swallowed: u64,
}

/// Refusals are told of this often at most.
const WARN_PERIOD: Duration = Duration::from_secs(10);

impl Access {
    /// From the configuration.
    pub fn of(management: &Management, aws: &Aws) -> Self {
        let mut hosts = management.hosts.clone();
        // APIs answer under these names on this host, so clients reach the listener by them too.
        hosts.extend(aws.domain_suffixes.iter().map(|suffix| format!("*.{suffix}")));
        Self {
            credentials: management.credentials.clone(),
            hosts,
            region: aws.region.clone(),
            account_id: aws.account_id.clone(),
            pace: Pace { rate: management.rate, burst: management.burst },
        }
    }
}

impl Gate {
    /// Begins to let calls in.
    pub fn new(access: Access) -> Self {
        if access.credentials.is_empty() {
            tracing::warn!(
                "no management credentials are configured: every process on this host may change every API"
            );
        }
        Self(Arc::new(Inner {
            access: Mutex::new(Arc::new(access)),
            peers: Mutex::default(),
            principals: Mutex::default(),
            replays: Mutex::default(),
            warnings: Mutex::default(),
        }))
    }

    /// Decides by this from now on, after a reload. What was counted and seen stays.
    pub fn set(&self, access: Access) {
        *lock(&self.0.access) = Arc::new(access);
    }

    /// Whether no credentials are configured.
    pub fn is_open(&self) -> bool {
        lock(&self.0.access).credentials.is_empty()
    }

    /// Whether it is worth to read the content of a call whose head this is: all that can be told
    /// without it. Charges nothing and remembers nothing; [`Gate::admit`] decides.
    ///
    /// # Errors
    /// As [`Gate::admit`].
    pub fn knock(&self, head: &Incoming, now: SystemTime) -> Result<(), Fault> {
        let access = Arc::clone(&lock(&self.0.access));
        let fields = fields(head);
        let request = request(head, &fields);
        let let_in = match access.credentials.is_empty() {
            true => open(&access, head, &request).map(drop),
            false => claim(&access, &request, now).map(drop),
        };
        if let Err(fault) = &let_in {
            self.tell(head, fault, now);
        }
        let_in
    }

    /// Who calls, if the call may be made. Once per call: it charges the caller and, for a write, notes
    /// its signature.
    ///
    /// # Errors
    /// In AWS's words.
    pub fn admit(&self, incoming: &Incoming, now: SystemTime) -> Result<Caller, Fault> {
        let access = Arc::clone(&lock(&self.0.access));
        let admitted = self.decide(&access, incoming, now);
        if let Err(fault) = &admitted {
            self.tell(incoming, fault, now);
        }
        admitted
    }

    /// Logs a refusal: each for whoever looks for one, and now and then for whoever does not.
    fn tell(&self, incoming: &Incoming, fault: &Fault, now: SystemTime) {
        let (client, error) = (incoming.peer, fault.kind);
        tracing::debug!(%client, status = fault.status, error, "management call refused");
        let mut warnings = lock(&self.0.warnings);
        let is_time = warnings
            .last
            // A clock that was set back must not silence it.
            .is_none_or(|last| now.duration_since(last).map_or(true, |it| it >= WARN_PERIOD));
        if !is_time {
            warnings.swallowed += 1;
            return;
        }
        let swallowed = std::mem::take(&mut warnings.swallowed);
        warnings.last = Some(now);
        tracing::warn!(%client, status = fault.status, error, swallowed, "management calls are refused");
    }

    fn decide(
        &self,
        access: &Access,
        incoming: &Incoming,
        now: SystemTime,
    ) -> Result<Caller, Fault> {
        let peer = network_of(incoming.peer.ip());
        lock(&self.0.peers).take(&peer, access.pace, now).map_err(throttled)?;
        let fields = fields(incoming);
        let request = request(incoming, &fields);
        match access.credentials.is_empty() {
            true => open(access, incoming, &request),
            false => self.signed(access, incoming, &request, now),
        }
    }

    fn signed(
        &self,
        access: &Access,
        incoming: &Incoming,
        request: &Request<'_>,
        now: SystemTime,
    ) -> Result<Caller, Fault> {
        let (claim, credential) = claim(access, request, now)?;
        claim.check_signature(request, &credential.secret_access_key, Payload::Signed)?;
        let caller = Caller {
            principal: Principal {
                name: credential.access_key_id.clone(),
                role: credential.role,
                proof: Proof::Signature,
            },
            region: claim.scope.region.clone(),
            service: Some(claim.scope.service.clone()),
        };
        lock(&self.0.principals)
            .take(&caller.principal.name, access.pace, now)
            .map_err(throttled)?;
        if !incoming.is_write() || is_identity_question(incoming, &caller) {
            return Ok(caller);
        }
        if caller.principal.role == Role::Reader {
            return Err(denied(access, incoming, &caller));
        }
        // No client makes one; a link that changes something for a week would be a password.
        if claim.form != Form::Header {
            let text = "Only GET and HEAD requests can be presigned here; sign others in the Authorization header.";
            return Err(Fault::new(403, "InvalidSignatureException", text));
        }
        let is_once = matches!(incoming.method.as_str(), "POST" | "PATCH");
        match lock(&self.0.replays).note(&claim, is_once, now) {
            Seen::Fine => Ok(caller),
            Seen::Before => {
                tracing::warn!(
                    client = %incoming.peer,
                    principal = caller.principal.name,
                    "management call was sent before and is refused"
                );
                let text = "This signature has been used before. A write can be sent once; sign it again to repeat it.";
                Err(Fault::new(403, "InvalidSignatureException", text))
            }
        }
    }
}

/// The claim of a known key, fresh and for a region that can be one; its signature is not checked yet.
fn claim<'a>(
    access: &'a Access,
    request: &Request<'_>,
    now: SystemTime,
) -> Result<(Claim, &'a Credential), Fault> {
    let missing =
        || Fault::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
    let claim = Claim::read(request)?.ok_or_else(missing)?;
    let scope = &claim.scope;
    let credential = access.credentials.iter().find(|it| it.access_key_id == scope.access_key_id);
    // Temporary credentials are never issued here, so their token is nobody's.
    let Some(credential) = credential.filter(|_| claim.session_token.is_none()) else {
        return Err(Fault::new(
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ));
    };
    if !is_region(&scope.region) {
        return Err(wrong_region(&scope.region));
    }
    claim.check_time(now)?;
    Ok((claim, credential))
}

/// Without credentials: everybody on this host, and no web page.
fn open(access: &Access, incoming: &Incoming, request: &Request<'_>) -> Result<Caller, Fault> {
    // The configuration keeps such a listener on loopback; a reload that takes the credentials away
    // cannot move it, so this holds by itself.
    if !incoming.peer.ip().to_canonical().is_loopback() {
        return Err(Fault::access_denied(
            "No credentials are configured, so management calls are accepted from this host only; add [[management.credential]].",
        ));
    }
    let host = incoming.host().unwrap_or_default();
    if !is_own_name(access, host_name(host)) {
        return Err(Fault::access_denied(format!(
            "No credentials are configured, and the host '{}' is not known to be this one; add it to management.hosts, or add [[management.credential]].",
            host_name(host).chars().take(255).collect::<String>()
        )));
    }
    let is_foreign_origin = incoming.headers.get_all("origin").iter().any(|origin| {
        let own = origin.to_str().ok().and_then(|it| it.strip_prefix("http://"));
        !own.is_some_and(|own| own.eq_ignore_ascii_case(host))
    });
    let is_foreign_site = incoming
        .field("sec-fetch-site")
        .is_some_and(|site| !["same-origin", "none"].contains(&site));
    if is_foreign_origin || is_foreign_site {
        return Err(Fault::access_denied(
            "No credentials are configured, so requests of web pages from elsewhere are refused; add [[management.credential]].",
        ));
    }
    let scope = Scope::glimpse(request);
    let is_name = |name: &str| {
        (1..=128).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let region = scope.as_ref().map_or(access.region.as_str(), |scope| scope.region.as_str());
    if !is_region(region) {
        return Err(wrong_region(region));
    }
    let region = region.to_owned();
    let (name, service) =
        scope.map_or((None, None), |scope| (Some(scope.access_key_id), Some(scope.service)));
    Ok(Caller {
        principal: Principal {
            name: name.filter(|name| is_name(name)).unwrap_or_else(|| "anonymous".to_owned()),
            role: Role::Admin,
            proof: Proof::Unchecked,
        },
        region,
        service,
    })
}

/// `GetCallerIdentity` travels as a POST and changes nothing; AWS lets nobody be denied it.
fn is_identity_question(incoming: &Incoming, caller: &Caller) -> bool {
    caller.service.as_deref() == Some("sts") && incoming.path == "/"
}

fn denied(access: &Access, incoming: &Incoming, caller: &Caller) -> Fault {
    let user = format!("arn:aws:iam::{}:user/{}", access.account_id, caller.principal.name);
    let (region, path) = (&caller.region, incoming.path.as_str());
    let (action, resource) = match caller.service.as_deref() {
        Some("execute-api") => (
            "execute-api:ManageConnections".to_owned(),
            format!("arn:aws:execute-api:{region}:{}:{path}", access.account_id),
        ),
        Some("apigateway") | None => (
            format!("apigateway:{}", incoming.method),
            // Both versions of the API share their resources' names.
            format!(
                "arn:aws:apigateway:{region}::{}",
                path.strip_prefix("/v2").filter(|rest| rest.starts_with('/')).unwrap_or(path)
            ),
        ),
        Some(service) => (
            format!("{service}:{}", incoming.method),
            format!("arn:aws:{service}:{region}:{}:{path}", access.account_id),
        ),
    };
    Fault::access_denied(format!(
        "User: {user} is not authorized to perform: {action} on resource: {resource} with an explicit deny in an identity-based policy"
    ))
}

fn wrong_region(region: &str) -> Fault {
    let text = format!("Credential should be scoped to a valid region, not '{region}'. ");
    Fault::new(403, "InvalidSignatureException", text)
}

pub(super) fn fields(incoming: &Incoming) -> Vec<(&str, &[u8])> {
    incoming.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

pub(super) fn request<'a>(
    incoming: &'a Incoming,
    fields: &'a [(&'a str, &'a [u8])],
) -> Request<'a> {
    Request {
        method: &incoming.method,
        path: &incoming.path,
        query: &incoming.query,
        fields,
        body: &incoming.body,
    }
}

fn throttled(wait: Duration) -> Fault {
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
    Fault::too_many_requests(seconds.saturating_add(1))
}

/// A region is part of names and keys, so it is checked: as in `us-gov-west-1`.
fn is_region(region: &str) -> bool {
    (1..=32).contains(&region.len())
        && region
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// One IPv4 address, or the network that one IPv6 host may choose its addresses from.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        address => address,
    }
}

/// A `Host` without its port.
fn host_name(host: &str) -> &str {
    match host.rfind(']') {
        Some(end) => &host[..=end],
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn is_own_name(access: &Access, name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let address = name.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(&name);
    if address.parse::<IpAddr>().is_ok_and(|it| it.to_canonical().is_loopback()) {
        return true;
    }
    let is_under = |suffix: &str| name.strip_suffix(suffix).is_some_and(|it| it.ends_with('.'));
    // RFC 6761: these resolve to loopback and nowhere else.
    name == "localhost"
        || is_under("localhost")
        || access.hosts.iter().any(|host| match host.strip_prefix("*.") {
            Some(suffix) => name == suffix || is_under(suffix),
            None => name == *host,
        })
}

/// Nothing here panics while it holds a lock; were it so, the data would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
