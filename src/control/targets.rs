//! Targets: what is known at this moment about the targets of every upstream that is served.
//!
//! Upstreams come from snapshots, and from the stages of managed APIs, which are counted, come and go
//! one by one, and are told one by one: their number must not make a change of one of them dear.
//!
//! Puts the news of `dns` and `health` together into [`Endpoints`]. Follows the upstreams of the
//! snapshots in service, the old and the new one while a reload is under way, so a shard finds
//! addresses for whichever it serves. An address that fails its checks is left out; when all of a
//! target's do, all are listed and the target is marked, so that a shard may still choose to try.

use super::dns::{Names, Resolved, Task};
use super::endpoints::{Endpoints, Health, TargetEndpoints, UpstreamEndpoints};
use super::health::{CheckId, CheckPlan, TlsConfigure, Verdict, keep_checking};
use crate::snapshot::{Snapshot, Upstream};
use hickory_resolver::TokioResolver;
use rustls_pki_types::ServerName;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::mpsc;

/// News waiting to be taken; the tasks wait when it is full.
const NEWS_MAX: usize = 256;

/// Everything known about targets, and the tasks that find it out.
#[derive(Debug)]
pub struct Targets {
    /// By key.
    upstreams: BTreeMap<Box<str>, Followed>,
    /// Names in the targets of those.
    declared_names: HashSet<Box<str>>,
    /// Upstreams of managed APIs by key. They have no health checks.
    managed: HashMap<Box<str>, Counted>,
    /// Keys of those by the name in their target.
    managed_names: HashMap<Box<str>, BTreeSet<Box<str>>>,
    /// Keys of those whose addresses have changed since they were told.
    changed_managed: BTreeSet<Box<str>>,
    /// Last known addresses by name.
    addresses: HashMap<Box<str>, Vec<IpAddr>>,
    /// Names whose last question failed, or that have not been answered yet.
    unresolved: HashMap<Box<str>, Unresolved>,
    checks: BTreeMap<CheckId, Check>,
    names: Names,
    resolved: mpsc::Receiver<Resolved>,
    verdicts: mpsc::Receiver<Verdict>,
    verdict_sender: mpsc::Sender<Verdict>,
    tls_configure: TlsConfigure,
    /// What [`Targets::changed`] told last.
    told: Endpoints,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unresolved {
    NotAnsweredYet,
    Failing,
}

/// An upstream as declared; its key stands for the whole definition, so it never changes.
#[derive(Debug)]
struct Followed {
    upstream: Upstream,
    tls: Option<Result<Arc<rustls::ClientConfig>, String>>,
}

/// An upstream of managed APIs.
#[derive(Debug)]
struct Counted {
    upstream: Upstream,
    /// How many stages use it, at least one.
    uses: usize,
}

/// What has changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// All endpoints of the snapshots' upstreams, where one of them has changed.
    pub declared: Option<Endpoints>,
    /// The changed ones among those of managed APIs.
    pub managed: Vec<UpstreamEndpoints>,
}

#[derive(Debug)]
struct Check {
    _task: Task,
    healthy: bool,
}

/// One checked address, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckedAddress<'t> {
    /// The upstream's name.
    pub upstream: &'t str,
    /// `host:port` as declared.
    pub target: &'t str,
    /// One address of the target.
    pub address: SocketAddr,
    /// The verdict.
    pub healthy: bool,
}

impl Targets {
    /// Follows nothing yet.
    pub fn new(resolver: Result<TokioResolver, String>, tls_configure: TlsConfigure) -> Self {
        let (resolved_sender, resolved) = mpsc::channel(NEWS_MAX);
        let (verdict_sender, verdicts) = mpsc::channel(NEWS_MAX);
        Self {
            upstreams: BTreeMap::new(),
            declared_names: HashSet::new(),
            managed: HashMap::new(),
            managed_names: HashMap::new(),
            changed_managed: BTreeSet::new(),
            addresses: HashMap::new(),
            unresolved: HashMap::new(),
            checks: BTreeMap::new(),
            names: Names::new(resolver, resolved_sender),
            resolved,
            verdicts,
            verdict_sender,
            tls_configure,
            told: Endpoints::default(),
        }
    }

    /// Follows the upstreams of these snapshots and no others.
    pub fn follow(&mut self, snapshots: &[&Snapshot]) {
        let mut old = std::mem::take(&mut self.upstreams);
        for upstream in snapshots.iter().flat_map(|snapshot| &snapshot.upstreams) {
            if self.upstreams.contains_key(&upstream.key) {
                continue;
            }
            let followed = old.remove(&upstream.key).unwrap_or_else(|| Followed {
                upstream: upstream.clone(),
                tls: upstream.tls.as_ref().map(self.tls_configure),
            });
            self.upstreams.insert(upstream.key.clone(), followed);
        }
        let upstreams = self.upstreams.values().map(|followed| &followed.upstream);
        self.declared_names = upstreams.flat_map(names_of).map(Into::into).collect();
        let names: HashSet<&str> =
            self.declared_names.iter().chain(self.managed_names.keys()).map(|it| &**it).collect();
        self.addresses.retain(|name, _| names.contains(&**name));
        self.unresolved.retain(|name, _| names.contains(&**name));
        for name in &names {
            if !self.addresses.contains_key(*name) {
                self.unresolved.entry((*name).into()).or_insert(Unresolved::NotAnsweredYet);
            }
        }
        self.names.follow(names);
        self.follow_checks();
    }

    /// Asks for all names again as the system's configuration says now.
    pub fn restart_names(&mut self, resolver: Result<TokioResolver, String>) {
        self.names.restart(resolver);
    }

    /// A stage uses an upstream. Returns whether it is the first.
    pub fn begin_use(&mut self, upstream: &Upstream) -> bool {
        if let Some(counted) = self.managed.get_mut(&upstream.key) {
            counted.uses += 1;
            return false;
        }
        for name in names_of(upstream) {
            self.managed_names.entry(name.into()).or_default().insert(upstream.key.clone());
            if !self.addresses.contains_key(name) {
                self.unresolved.entry(name.into()).or_insert(Unresolved::NotAnsweredYet);
            }
            self.names.add(name);
        }
        let counted = Counted { upstream: upstream.clone(), uses: 1 };
        self.managed.insert(upstream.key.clone(), counted);
        true
    }

    /// A stage does not use an upstream any more. Returns whether it was the last.
    pub fn end_use(&mut self, key: &str) -> bool {
        let Some(counted) = self.managed.get_mut(key) else { return false };
        counted.uses -= 1;
        if counted.uses > 0 {
            return false;
        }
        let Some(counted) = self.managed.remove(key) else { return false };
        self.changed_managed.remove(key);
        for name in names_of(&counted.upstream) {
            let Some(keys) = self.managed_names.get_mut(name) else { continue };
            keys.remove(key);
            if !keys.is_empty() {
                continue;
            }
            self.managed_names.remove(name);
            if !self.declared_names.contains(name) {
                self.names.remove(name);
                self.addresses.remove(name);
                self.unresolved.remove(name);
            }
        }
        true
    }

    /// Whether a stage uses that upstream.
    pub fn is_used(&self, key: &str) -> bool {
        self.managed.contains_key(key)
    }

    /// The names of an upstream of which nothing has been heard yet.
    pub fn not_answered_of<'u>(&self, upstream: &'u Upstream) -> impl Iterator<Item = &'u str> {
        names_of(upstream)
            .filter(|name| self.unresolved.get(*name) == Some(&Unresolved::NotAnsweredYet))
    }

    /// What is known of the targets of an upstream of managed APIs.
    pub fn targets_of(&self, upstream: &Upstream) -> Vec<TargetEndpoints> {
        let known = upstream.targets.iter().map(|target| TargetEndpoints {
            target: target.address.clone(),
            addresses: self.addresses_of(&target.host, target.port),
            health: Health::Healthy,
        });
        known.collect()
    }

    /// Names that snapshots declare of which nothing has been heard yet, neither good nor bad.
    pub fn not_answered_yet(&self) -> impl Iterator<Item = &Box<str>> {
        self.declared_names
            .iter()
            .filter(|name| self.unresolved.get(*name) == Some(&Unresolved::NotAnsweredYet))
    }

    /// Waits until something has changed; then the shards should be told. Also returns when a name is
    /// answered for the first time, whatever it was. Cancelling loses nothing.
    pub async fn changed(&mut self) -> News {
        loop {
            let answered = self.take_news().await;
            let now = self.endpoints();
            let declared = (now != self.told).then(|| {
                self.told = now.clone();
                now
            });
            let changed = std::mem::take(&mut self.changed_managed);
            let managed = changed.into_iter().filter_map(|key| {
                let targets = self.targets_of(&self.managed.get(&key)?.upstream);
                Some(UpstreamEndpoints { upstream: key, targets })
            });
            let news = News { managed: managed.collect(), declared };
            if answered || news != News::default() {
                return news;
            }
        }
    }

    /// What is known now, for shards that are about to get a snapshot; [`Targets::changed`] counts
    /// from here.
    pub fn tell(&mut self) -> Endpoints {
        self.told = self.endpoints();
        self.told.clone()
    }

    /// Every checked address with its verdict.
    pub fn checked(&self) -> impl Iterator<Item = CheckedAddress<'_>> {
        self.checks.iter().filter_map(|(id, check)| {
            Some(CheckedAddress {
                upstream: &self.upstreams.get(&id.upstream)?.upstream.name,
                target: &id.target,
                address: id.address,
                healthy: check.healthy,
            })
        })
    }

    /// Waits for one piece of news, then takes all there are. Says whether a name was answered for the
    /// first time.
    async fn take_news(&mut self) -> bool {
        let mut answered = tokio::select! {
            Some(resolved) = self.resolved.recv() => self.on_resolved(resolved),
            Some(verdict) = self.verdicts.recv() => {
                self.on_verdict(verdict);
                false
            }
        };
        while let Ok(resolved) = self.resolved.try_recv() {
            answered |= self.on_resolved(resolved);
        }
        while let Ok(verdict) = self.verdicts.try_recv() {
            self.on_verdict(verdict);
        }
        answered
    }

    /// Says whether it is the first answer for that name.
    fn on_resolved(&mut self, resolved: Resolved) -> bool {
        let Resolved { name, result } = resolved;
        let is_managed = self.managed_names.contains_key(&name);
        if !is_managed && !self.declared_names.contains(&name) {
            // A task that was ended had spoken just before.
            return false;
        }
        let is_first = self.unresolved.get(&name) == Some(&Unresolved::NotAnsweredYet);
        match result {
            Ok(addresses) => {
                if self.unresolved.remove(&name) == Some(Unresolved::Failing) {
                    tracing::info!(name = &*name, "upstream name resolves again");
                }
                if self.addresses.get(&name) != Some(&addresses) {
                    tracing::debug!(name = &*name, ?addresses, "upstream name resolved");
                    if let Some(keys) = self.managed_names.get(&name) {
                        self.changed_managed.extend(keys.iter().cloned());
                    }
                    let is_declared = self.declared_names.contains(&name);
                    self.addresses.insert(name, addresses);
                    if is_declared {
                        self.follow_checks();
                    }
                }
            }
            Err(error) => {
                // Once per outage; the retries in between would only repeat it.
                let before = self.unresolved.insert(name.clone(), Unresolved::Failing);
                if before != Some(Unresolved::Failing) {
                    tracing::warn!(
                        name = &*name,
                        error,
                        kept = self.addresses.get(&name).map_or(0, Vec::len),
                        "upstream name does not resolve; its last addresses are kept"
                    );
                }
            }
        }
        is_first
    }

    fn on_verdict(&mut self, verdict: Verdict) {
        let Verdict { id, result } = verdict;
        // A task that was ended may have spoken just before.
        let Some(check) = self.checks.get_mut(&id) else {
            return;
        };
        check.healthy = result.is_ok();
        let CheckId { upstream, target, address } = &id;
        match result {
            Ok(()) => tracing::info!(upstream, target, %address, "target passes its health check"),
            Err(error) => {
                tracing::warn!(upstream, target, %address, error, "target fails its health check");
            }
        }
    }

    /// One check per address of every target that has checks; those that stay keep their verdict.
    fn follow_checks(&mut self) {
        let mut wanted = BTreeSet::new();
        for (key, followed) in &self.upstreams {
            if followed.upstream.health.is_none() {
                continue;
            }
            for target in &followed.upstream.targets {
                for address in self.addresses_of(&target.host, target.port) {
                    wanted.insert(CheckId {
                        upstream: key.clone(),
                        target: target.address.clone(),
                        address,
                    });
                }
            }
        }
        self.checks.retain(|id, _| wanted.contains(id));
        for id in wanted {
            if self.checks.contains_key(&id) {
                continue;
            }
            if let Some(plan) = self.plan(&id) {
                let checking = keep_checking(id.clone(), plan, self.verdict_sender.clone());
                let check = Check { _task: Task(tokio::spawn(checking)), healthy: true };
                self.checks.insert(id, check);
            }
        }
    }

    fn plan(&self, id: &CheckId) -> Option<CheckPlan> {
        let Followed { upstream, tls } = self.upstreams.get(&id.upstream)?;
        let target = upstream.targets.iter().find(|target| target.address == id.target)?;
        let tls = tls.clone().map(|config| {
            let declared = upstream.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
            let name = declared.unwrap_or(&target.host).to_owned();
            let name = ServerName::try_from(name)
                .map_err(|error| format!("server name for TLS: {error}"))?;
            Ok((config?, name))
        });
        Some(CheckPlan {
            check: upstream.health.clone()?,
            authority: target.authority.clone(),
            tls,
        })
    }

    fn addresses_of(&self, host: &str, port: u16) -> Vec<SocketAddr> {
        match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => self
                .addresses
                .get(host)
                .into_iter()
                .flatten()
                .map(|address| SocketAddr::new(*address, port))
                .collect(),
        }
    }

    fn endpoints(&self) -> Endpoints {
        let upstreams = self.upstreams.iter().map(|(key, followed)| {
            let targets = followed.upstream.targets.iter().map(|target| {
                let all = self.addresses_of(&target.host, target.port);
                let healthy: Vec<_> = all
                    .iter()
                    .copied()
                    .filter(|address| self.is_healthy(key, &target.address, *address))
                    .collect();
                let health = if healthy.is_empty() && !all.is_empty() {
                    Health::Unhealthy
                } else {
                    Health::Healthy
                };
                TargetEndpoints {
                    target: target.address.clone(),
                    addresses: match health {
                        Health::Healthy => healthy,
                        Health::Unhealthy => all,
                    },
                    health,
                }
            });
            UpstreamEndpoints { upstream: key.clone(), targets: targets.collect() }
        });
        Endpoints { upstreams: upstreams.collect() }
    }

    fn is_healthy(&self, upstream: &str, target: &str, address: SocketAddr) -> bool {
        let id = CheckId { upstream: upstream.into(), target: target.into(), address };
        self.checks.get(&id).is_none_or(|check| check.healthy)
    }
}

/// Names among an upstream's targets: addresses need no resolving.
fn names_of(upstream: &Upstream) -> impl Iterator<Item = &str> {
    let hosts = upstream.targets.iter().map(|target| &*target.host);
    hosts.filter(|host| host.parse::<IpAddr>().is_err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::dns::tests::{FakeDns, resolver_at};
    use crate::control::test_snapshot::{snapshot, upstream};
    use crate::snapshot::{HealthCheck, StatusSet};
    use std::net::Ipv4Addr;
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn no_tls(_: &crate::snapshot::UpstreamTls) -> Result<Arc<rustls::ClientConfig>, String> {
        Err("no TLS in this test".to_owned())
    }

    impl Targets {
        /// Waits until every name was answered once, at most that long; the names that were not.
        async fn first_answers(&mut self, patience: Duration) -> Vec<Box<str>> {
            let all = async {
                while self.not_answered_yet().next().is_some() {
                    self.take_news().await;
                }
            };
            let _ = tokio::time::timeout(patience, all).await;
            self.not_answered_yet().cloned().collect()
        }
    }

    async fn changed(targets: &mut Targets) -> Endpoints {
        let news = tokio::time::timeout(PATIENCE, targets.changed()).await.expect("news in time");
        news.declared.expect("news of a declared upstream")
    }

    #[tokio::test]
    async fn names_are_resolved_and_addresses_need_no_asking() {
        let dns = FakeDns::start(60).await;
        let shop: Vec<Ipv4Addr> = vec![[127, 0, 0, 1].into(), [127, 0, 0, 2].into()];
        dns.zone.lock().unwrap().insert("shop.test", shop);
        let mut targets = Targets::new(Ok(dns.resolver.clone()), no_tls);
        let literal = upstream("literal#1", &["127.0.0.9:90", "[::1]:90"]);
        let named = upstream("named#2", &["shop.test:80", "gone.test:80"]);
        targets.follow(&[&snapshot(1, vec![named, literal])]);

        let late = targets.first_answers(PATIENCE).await;
        assert!(late.is_empty(), "an answer that says no is an answer");
        let endpoints = targets.tell();
        let literal = endpoints.upstream("literal#1").unwrap();
        assert_eq!(literal[0].addresses, ["127.0.0.9:90".parse().unwrap()]);
        assert_eq!(literal[1].addresses, ["[::1]:90".parse().unwrap()]);
        let named = endpoints.upstream("named#2").unwrap();
        assert_eq!(
            named[0].addresses,
            ["127.0.0.1:80", "127.0.0.2:80"].map(|it| it.parse().unwrap())
        );
        assert!(named[1].addresses.is_empty());
    }

    #[tokio::test]
    async fn the_last_addresses_stay_when_dns_fails() {
        let dns = FakeDns::start(0).await;
        let known = vec![Ipv4Addr::LOCALHOST];
        dns.zone.lock().unwrap().insert("shop.test", known);
        let mut targets = Targets::new(Ok(dns.resolver.clone()), no_tls);
        targets.follow(&[&snapshot(1, vec![upstream("shop#1", &["shop.test:80"])])]);
        targets.first_answers(PATIENCE).await;
        let before = targets.tell();

        dns.zone.lock().unwrap().clear();
        while targets.unresolved.is_empty() {
            tokio::time::timeout(PATIENCE, targets.take_news()).await.unwrap();
        }
        assert_eq!(targets.endpoints(), before);
    }

    #[tokio::test]
    async fn impatience_names_who_has_not_answered() {
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let resolver = resolver_at(silent.local_addr().unwrap().port());
        let mut targets = Targets::new(Ok(resolver), no_tls);
        targets.follow(&[&snapshot(1, vec![upstream("shop#1", &["shop.test:80"])])]);
        let late = targets.first_answers(Duration::from_millis(50)).await;
        assert_eq!(late, ["shop.test".into()]);
    }

    #[tokio::test]
    async fn a_sick_address_is_left_out_and_a_sick_target_is_marked() {
        // The first address answers 200, the other refuses.
        let well = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = well.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = well.accept().await {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            }
        });
        let dns = FakeDns::start(60).await;
        let both = vec![[127, 0, 0, 1].into(), [127, 0, 0, 2].into()];
        dns.zone.lock().unwrap().insert("shop.test", both);
        let mut checked = upstream("shop#1", &[&format!("shop.test:{port}")]);
        checked.health = Some(HealthCheck {
            path: "/".to_owned(),
            interval: Duration::from_millis(10),
            timeout: Duration::from_secs(1),
            healthy_after: 1,
            unhealthy_after: 2,
            expect: StatusSet { ranges: vec![(200, 200)] },
        });
        let mut targets = Targets::new(Ok(dns.resolver.clone()), no_tls);
        targets.follow(&[&snapshot(1, vec![checked])]);
        targets.first_answers(PATIENCE).await;
        let told = targets.tell();
        assert_eq!(told.upstream("shop#1").unwrap()[0].addresses.len(), 2);

        let one = changed(&mut targets).await;
        let one = &one.upstream("shop#1").unwrap()[0];
        let well = SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(one.addresses, [well]);
        assert_eq!(one.health, Health::Healthy);
        assert_eq!(targets.checked().filter(|it| it.healthy).count(), 1);

        serving.abort();
        let none = changed(&mut targets).await;
        let none = &none.upstream("shop#1").unwrap()[0];
        assert_eq!(none.health, Health::Unhealthy);
        assert_eq!(none.addresses.len(), 2, "still told, to be tried in need");
    }

    #[tokio::test]
    async fn an_upstream_of_stages_lives_as_long_as_one_uses_it() {
        let dns = FakeDns::start(60).await;
        dns.zone.lock().unwrap().insert("shop.test", vec![Ipv4Addr::LOCALHOST]);
        let mut targets = Targets::new(Ok(dns.resolver.clone()), no_tls);
        let (one, other) = (upstream("m/1", &["shop.test:80"]), upstream("m/2", &["shop.test:81"]));
        assert!(targets.begin_use(&one), "the first use");
        assert!(!targets.begin_use(&one));
        assert!(targets.begin_use(&other));
        assert_eq!(targets.not_answered_of(&one).collect::<Vec<_>>(), ["shop.test"]);
        assert_eq!(targets.not_answered_yet().count(), 0, "no reload waits for it");

        let news = tokio::time::timeout(PATIENCE, targets.changed()).await.expect("news in time");
        assert_eq!(news.declared, None);
        let told: Vec<_> = news.managed.iter().map(|it| &*it.upstream).collect();
        assert_eq!(told, ["m/1", "m/2"], "both have that name");
        assert_eq!(targets.targets_of(&one)[0].addresses, ["127.0.0.1:80".parse().unwrap()]);
        assert_eq!(targets.not_answered_of(&one).count(), 0);

        assert!(!targets.end_use("m/1"));
        assert!(targets.end_use("m/1") && !targets.is_used("m/1"));
        assert!(!targets.end_use("m/1"), "it is gone");
        assert_eq!(targets.targets_of(&other)[0].addresses.len(), 1, "its name is still followed");
        targets.follow(&[&snapshot(1, vec![upstream("file#1", &["shop.test:82"])])]);
        assert!(targets.end_use("m/2"));
        assert_eq!(targets.tell().upstream("file#1").unwrap()[0].addresses.len(), 1);
        targets.follow(&[]);
        assert!(targets.addresses.is_empty() && targets.managed_names.is_empty());
    }

    #[tokio::test]
    async fn a_reload_keeps_the_names_of_stages() {
        let dns = FakeDns::start(60).await;
        dns.zone.lock().unwrap().insert("shop.test", vec![Ipv4Addr::LOCALHOST]);
        let mut targets = Targets::new(Ok(dns.resolver.clone()), no_tls);
        let used = upstream("m/1", &["shop.test:80"]);
        targets.begin_use(&used);
        tokio::time::timeout(PATIENCE, targets.changed()).await.expect("news in time");
        targets.follow(&[&snapshot(1, vec![upstream("file#1", &["127.0.0.1:82"])])]);
        assert_eq!(targets.targets_of(&used)[0].addresses.len(), 1);
        assert!(targets.tell().upstream("m/1").is_none(), "told one by one, not with the file's");
    }

    #[tokio::test]
    async fn what_no_snapshot_names_is_no_longer_followed() {
        let mut targets = Targets::new(Err("none".to_owned()), no_tls);
        let old = snapshot(1, vec![upstream("a#1", &["a.test:80"])]);
        let new = snapshot(2, vec![upstream("b#1", &["127.0.0.1:80"])]);
        targets.follow(&[&old]);
        targets.follow(&[&old, &new]);
        assert!(targets.tell().upstream("a#1").is_some());
        assert!(targets.tell().upstream("b#1").is_some());
        targets.follow(&[&new]);
        assert!(targets.tell().upstream("a#1").is_none());
        assert!(targets.unresolved.is_empty());
    }
}
