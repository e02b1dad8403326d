//! Managed APIs on this shard: changes are laid over its table between two requests.
//!
//! A change touches the stages, domain names and pools that it names and nothing else, so it costs the
//! same however many APIs there are. Requests that are under way go on with the stage they began with;
//! what nobody uses any more goes to the control thread, which frees it.

use super::Shard;
use super::exchanges::ServedBy;
use super::upstream::pool::Pool;
use crate::control::endpoints::UpstreamEndpoints;
use crate::control::mailbox::{Delta, FromShard};
use crate::ring::Env;
use crate::snapshot::managed::StageChange;
use crate::snapshot::{ManagedStage, RouteIndex, Snapshot};
use crate::telemetry::Finished;
use std::rc::Rc;

impl<E: Env> Shard<E> {
    /// Serves a change from the next request on.
    pub(super) fn apply(&mut self, delta: Delta) {
        let Delta { sequence, upstreams, apis, mut stages, domains, unused, functions } = delta;
        for change in functions {
            self.change_function(change);
        }
        for new in &upstreams {
            let upstream = &new.upstream;
            let tls = upstream.tls.as_ref().and_then(|it| self.tls.client_config(it));
            let mut pool = Pool::new(upstream, tls);
            pool.is_managed = true;
            pool.set_endpoints(&new.targets);
            let id = self.pools.insert(pool);
            if let Some(before) = self.managed_pools.insert(upstream.key.clone(), id) {
                self.forget_pool(before);
            }
        }
        for change in &mut stages {
            let StageChange::Put(stage) = change else { continue };
            for upstream in &mut stage.upstreams {
                // A pool that is not there answers no request: 500, and never another back end's.
                let pool = self.managed_pools.get(&upstream.key);
                upstream.pool = pool.map_or(u64::MAX, |id| id.bits());
            }
        }
        let mut retired = (Vec::new(), Vec::new());
        match Rc::get_mut(&mut self.managed) {
            Some(managed) => {
                for change in stages {
                    let old = managed.change_stage(change);
                    retired.0.extend(old.and_then(|stage| Rc::try_unwrap(stage).ok()));
                }
                apis.into_iter().for_each(|it| managed.change_api(it));
                retired.1.extend(domains.into_iter().filter_map(|it| managed.change_domain(it)));
            }
            // Requests borrow the table only while they are begun, and none is now.
            None => tracing::error!(shard = self.id, "the table of managed APIs is in use"),
        }
        for key in unused {
            if let Some(id) = self.managed_pools.remove(&key) {
                self.forget_pool(id);
            }
        }
        if !retired.0.is_empty() || !retired.1.is_empty() {
            self.send_report(FromShard::RetiredManaged(retired.0, retired.1));
        }
        self.send_report(FromShard::Applied { shard: self.id, sequence });
    }

    /// Takes news of where targets are.
    pub(super) fn follow_addresses(&mut self, news: &[UpstreamEndpoints]) {
        for endpoints in news {
            if let Some(id) = self.managed_pools.get(&endpoints.upstream)
                && let Some(pool) = self.pools.get_mut(*id)
            {
                pool.set_endpoints(&endpoints.targets);
            }
        }
    }

    /// Counts a request that is over. Whether its configuration is the one that is served now: the numbers
    /// of an older one would be another API's, in counters as in access logs.
    pub(super) fn count_exchange(
        &mut self,
        snapshot: &Snapshot,
        api: &ServedBy,
        route: RouteIndex,
        finished: &Finished,
    ) -> bool {
        self.record.count_stage(api.api(snapshot), Some(route), finished);
        let is_current = snapshot.version == self.snapshot.version;
        if is_current {
            self.record.recorder.exchange(finished);
        } else {
            self.record.recorder.exchange(&Finished { api: None, route: None, ..*finished });
        }
        is_current
    }

    /// Lets go of what a request was served by. What it was the last to hold goes back.
    pub(super) fn release(&mut self, snapshot: Rc<Snapshot>, api: ServedBy) {
        self.retire(snapshot);
        if let ServedBy::Managed(stage, _) = api {
            self.retire_stage(stage);
        }
    }

    /// Gives a stage back when the last request that it served is over.
    fn retire_stage(&mut self, stage: Rc<ManagedStage>) {
        if let Ok(stage) = Rc::try_unwrap(stage) {
            self.send_report(FromShard::RetiredManaged(vec![stage], Vec::new()));
        }
    }
}
