//! DNS: the addresses behind the names of upstream targets, refreshed as their TTL says.
//!
//! One task per name, on the control thread; shards never resolve anything. `/etc/hosts` and
//! `/etc/resolv.conf` are honoured as by the C library (search domains, `ndots`), A and AAAA are both
//! asked for. A name that stops resolving keeps its last addresses: a broken DNS server must not take
//! working back ends away.

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverOpts};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A name is asked for at most this often, however small its TTL (0 is common with service
/// discovery): one query per second and name is nothing to a DNS server.
const TTL_MIN: Duration = Duration::from_secs(1);

/// A name is asked for at least this often: a mistake published with a TTL of days ends in minutes,
/// and entries of `/etc/hosts` carry no TTL at all.
const TTL_MAX: Duration = Duration::from_secs(300);

/// The first pause after a failure; doubled by each further one up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// How long one question to one server may take; two tries make a lookup at most four seconds.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);

/// News about one name.
#[derive(Debug)]
pub struct Resolved {
    /// The name.
    pub name: Box<str>,
    /// Its addresses, sorted, at least one; or why there are none to be had now.
    pub result: Result<Vec<IpAddr>, String>,
}

/// The names that are kept resolved.
#[derive(Debug)]
pub struct Names {
    /// `None`, with the reason, when the system's configuration cannot be read.
    resolver: Result<TokioResolver, String>,
    tasks: HashMap<Box<str>, Task>,
    news: mpsc::Sender<Resolved>,
}

/// A task that ends with its owner.
#[derive(Debug)]
pub(super) struct Task(pub(super) JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A resolver as `/etc/resolv.conf` and `/etc/hosts` say now.
pub fn system_resolver() -> Result<TokioResolver, String> {
    let mut builder = TokioResolver::builder_tokio()
        .map_err(|error| format!("cannot read the resolver's configuration: {error}"))?;
    set_options(builder.options_mut());
    builder.build().map_err(|error| error.to_string())
}

/// What holds for any resolver here.
fn set_options(options: &mut ResolverOpts) {
    // No cache: this module asks when an answer has expired and not before.
    options.cache_size = 0;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.timeout = QUERY_TIMEOUT;
    options.attempts = 1;
}

impl Names {
    /// No names yet. News go to `news`.
    pub fn new(resolver: Result<TokioResolver, String>, news: mpsc::Sender<Resolved>) -> Self {
        Self { resolver, tasks: HashMap::new(), news }
    }

    /// Starts with the names that are new and stops with those that are gone.
    pub fn follow<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        let mut old = std::mem::take(&mut self.tasks);
        for name in names {
            if self.tasks.contains_key(name) {
                continue;
            }
            let task = old.remove(name).unwrap_or_else(|| self.start(name));
            self.tasks.insert(name.into(), task);
        }
    }

    /// Starts with a name unless it is followed already.
    pub fn add(&mut self, name: &str) {
        if !self.tasks.contains_key(name) {
            let task = self.start(name);
            self.tasks.insert(name.into(), task);
        }
    }

    /// Stops with a name.
    pub fn remove(&mut self, name: &str) {
        self.tasks.remove(name);
    }

    /// Asks for all names again, with another resolver: the system's configuration may have changed.
    pub fn restart(&mut self, resolver: Result<TokioResolver, String>) {
        self.resolver = resolver;
        let names: Vec<_> = self.tasks.drain().map(|(name, _)| name).collect();
        for name in names {
            let task = self.start(&name);
            self.tasks.insert(name, task);
        }
    }

    fn start(&self, name: &str) -> Task {
        let follow = keep_resolved(name.into(), self.resolver.clone(), self.news.clone());
        Task(tokio::spawn(follow))
    }
}

/// Asks, tells, waits until the answer expires, and again.
async fn keep_resolved(
    name: Box<str>,
    resolver: Result<TokioResolver, String>,
    news: mpsc::Sender<Resolved>,
) {
    let mut pause = RETRY_MIN;
    loop {
        let (result, wait) = match resolve(&name, &resolver).await {
            Ok((addresses, ttl)) => {
                pause = RETRY_MIN;
                (Ok(addresses), ttl.clamp(TTL_MIN, TTL_MAX))
            }
            Err(error) => {
                let wait = pause;
                pause = (pause * 2).min(RETRY_MAX);
                (Err(error), wait)
            }
        };
        let told = news.send(Resolved { name: name.clone(), result });
        if told.await.is_err() {
            return;
        }
        tokio::time::sleep(wait).await;
    }
}

async fn resolve(
    name: &str,
    resolver: &Result<TokioResolver, String>,
) -> Result<(Vec<IpAddr>, Duration), String> {
    let resolver = resolver.as_ref().map_err(Clone::clone)?;
    let answer = resolver.lookup_ip(name).await.map_err(|error| error.to_string())?;
    let mut addresses: Vec<IpAddr> = answer.iter().collect();
    if addresses.is_empty() {
        return Err("the name has no address".to_owned());
    }
    // Servers turn the order to spread load; sorted, an unchanged set is recognised as unchanged.
    addresses.sort_unstable();
    addresses.dedup();
    let ttl = answer.valid_until().saturating_duration_since(Instant::now());
    Ok((addresses, ttl))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use hickory_resolver::Resolver;
    use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
    use hickory_resolver::net::runtime::TokioRuntimeProvider;
    use std::net::Ipv4Addr;
    use std::sync::{Arc, Mutex};
    use tokio::net::UdpSocket;

    /// Asks the DNS server on that port of loopback and nobody else.
    pub(in crate::control) fn resolver_at(port: u16) -> TokioResolver {
        let mut server = NameServerConfig::udp(Ipv4Addr::LOCALHOST.into());
        server.connections[0].port = port;
        let mut builder = Resolver::builder_with_config(
            ResolverConfig::from_name_servers(vec![server]),
            TokioRuntimeProvider::default(),
        );
        set_options(builder.options_mut());
        builder.options_mut().use_hosts_file = ResolveHosts::Never;
        builder.build().unwrap()
    }

    /// A DNS server that knows one zone: name to addresses; anything else does not exist.
    pub(in crate::control) struct FakeDns {
        pub(in crate::control) zone: Arc<Mutex<HashMap<&'static str, Vec<Ipv4Addr>>>>,
        pub(in crate::control) resolver: TokioResolver,
    }

    impl FakeDns {
        pub(in crate::control) async fn start(ttl_seconds: u32) -> Self {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let resolver = resolver_at(socket.local_addr().unwrap().port());
            let zone = Arc::new(Mutex::new(HashMap::new()));
            let known = Arc::clone(&zone);
            tokio::spawn(async move {
                let mut packet = [0; 512];
                while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                    let reply = answer(&packet[..length], &known.lock().unwrap(), ttl_seconds);
                    socket.send_to(&reply, from).await.unwrap();
                }
            });
            Self { zone, resolver }
        }
    }

    /// RFC 1035, section 4: header, the question as it was, A records that point at it.
    fn answer(
        query: &[u8],
        zone: &HashMap<&'static str, Vec<Ipv4Addr>>,
        ttl_seconds: u32,
    ) -> Vec<u8> {
        let mut labels = Vec::new();
        let mut at = 12;
        while query[at] != 0 {
            let end = at + 1 + usize::from(query[at]);
            labels.push(std::str::from_utf8(&query[at + 1..end]).unwrap().to_lowercase());
            at = end;
        }
        let question = &query[12..at + 5];
        let is_a = query[at + 1..at + 3] == [0, 1];
        let found = zone.get(labels.join(".").as_str());
        let none = Vec::new();
        let addresses = if is_a { found.unwrap_or(&none) } else { &none };

        let mut reply = query[..2].to_vec();
        let no_such_name = if found.is_some() { 0 } else { 3 };
        reply.extend([0x81, 0x80 | no_such_name, 0, 1, 0]);
        reply.push(u8::try_from(addresses.len()).unwrap());
        reply.extend([0, 0, 0, 0]);
        reply.extend(question);
        for address in addresses {
            reply.extend([0xc0, 12, 0, 1, 0, 1]);
            reply.extend(ttl_seconds.to_be_bytes());
            reply.extend([0, 4]);
            reply.extend(address.octets());
        }
        reply
    }

    async fn next(news: &mut mpsc::Receiver<Resolved>) -> Resolved {
        tokio::time::timeout(Duration::from_secs(10), news.recv())
            .await
            .expect("in time")
            .expect("a task lives")
    }

    #[tokio::test]
    async fn a_name_is_asked_for_again_when_its_ttl_is_over() {
        let dns = FakeDns::start(0).await;
        let set = |addresses: &[[u8; 4]]| {
            let addresses = addresses.iter().map(|it| Ipv4Addr::from(*it)).collect();
            dns.zone.lock().unwrap().insert("shop.test", addresses);
        };
        set(&[[127, 0, 0, 9], [127, 0, 0, 2]]);
        let (sender, mut news) = mpsc::channel(8);
        let mut names = Names::new(Ok(dns.resolver.clone()), sender);
        names.follow(["shop.test", "shop.test"]);

        let first = next(&mut news).await;
        assert_eq!(&*first.name, "shop.test");
        let expected: Vec<IpAddr> = vec![[127, 0, 0, 2].into(), [127, 0, 0, 9].into()];
        assert_eq!(first.result.unwrap(), expected, "sorted");

        set(&[[127, 0, 0, 3]]);
        let begin = Instant::now();
        let second = next(&mut news).await;
        assert!(
            begin.elapsed() > Duration::from_millis(500),
            "a TTL of zero is not an invitation to flood the server"
        );
        assert_eq!(second.result.unwrap(), [IpAddr::from([127, 0, 0, 3])]);
    }

    #[tokio::test]
    async fn an_unknown_name_is_reported_and_tried_again() {
        let dns = FakeDns::start(60).await;
        let (sender, mut news) = mpsc::channel(8);
        let mut names = Names::new(Ok(dns.resolver.clone()), sender);
        names.follow(["gone.test"]);
        assert!(next(&mut news).await.result.is_err());
        dns.zone.lock().unwrap().insert("gone.test", vec![[127, 0, 0, 1].into()]);
        assert!(next(&mut news).await.result.is_ok());
    }

    #[tokio::test]
    async fn a_name_no_longer_wanted_is_left_alone() {
        let dns = FakeDns::start(0).await;
        let (sender, mut news) = mpsc::channel(8);
        let mut names = Names::new(Ok(dns.resolver.clone()), sender);
        names.follow(["gone.test"]);
        next(&mut news).await;
        names.follow([]);
        drop(names);
        assert!(news.recv().await.is_none(), "no task holds a sender");
    }

    #[tokio::test]
    async fn without_a_resolver_every_name_says_why() {
        let (sender, mut news) = mpsc::channel(8);
        let mut names = Names::new(Err("no `nameserver` line".to_owned()), sender);
        names.follow(["a.test"]);
        assert_eq!(next(&mut news).await.result.unwrap_err(), "no `nameserver` line");
    }

    #[tokio::test]
    async fn hosts_of_the_system_are_known() {
        let resolver = system_resolver();
        let (addresses, _) = resolve("localhost", &resolver).await.unwrap();
        assert!(addresses.iter().any(IpAddr::is_loopback));
    }
}
