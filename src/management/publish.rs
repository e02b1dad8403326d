//! What a change means for the shards: which stages and domain names are to be compiled anew.

use super::Settings;
use crate::resources::domain::{ApiMapping, DomainName, RoutingRule};
use crate::resources::{Entity, Key, State, http, http_stage, rest, rest_stage};
use crate::snapshot::managed::{
    CompiledStage, DomainChange, ManagedDelta, StageChange, StagePlace, compile_domain,
    compile_http_stage, compile_rest_stage,
};
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Hands a change to the shards, in the order of calls. The future ends when it is handed over; the
/// sender is told when every shard serves it.
pub type Publisher = Box<
    dyn Fn(ManagedDelta, oneshot::Sender<()>) -> Pin<Box<dyn Future<Output = ()> + Send>>
        + Send
        + Sync,
>;

/// What a change touches of what the shards serve.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Affected {
    /// Region, API, stage.
    stages: BTreeSet<(Box<str>, Box<str>, Box<str>)>,
    /// Region and API: all of its stages.
    apis: BTreeSet<(Box<str>, Box<str>)>,
    /// Region and the domain's id.
    domains: BTreeSet<(Box<str>, Box<str>)>,
}

impl Affected {
    /// By the keys that were touched. What is edited but not deployed touches nothing.
    pub(super) fn by<'k>(keys: impl IntoIterator<Item = &'k Key>) -> Self {
        let mut affected = Self::default();
        for key in keys {
            let region = key.region.clone();
            match key.kind {
                rest::RestApi::KIND | http::Api::KIND => {
                    affected.apis.insert((region, key.id.clone()));
                }
                rest_stage::Stage::KIND | http_stage::Stage::KIND => {
                    affected.stages.insert((region, key.owner.clone(), key.id.clone()));
                }
                DomainName::KIND => {
                    affected.domains.insert((region, key.id.clone()));
                }
                ApiMapping::KIND | RoutingRule::KIND => {
                    affected.domains.insert((region, key.owner.clone()));
                }
                _ => {}
            }
        }
        affected
    }

    /// Everything: the start.
    pub(super) fn all(state: &State) -> Self {
        Self::by(state.iter().map(|(key, _)| key))
    }

    /// Compiles what is affected from the state after the change. Costs what it compiles, however
    /// much else there is.
    pub(super) fn compile(mut self, state: &State, settings: &Settings) -> ManagedDelta {
        for (region, api) in &self.apis {
            let rest = state.list::<rest_stage::Stage>(region, api).map(|(name, _)| name);
            let http = state.list::<http_stage::Stage>(region, api).map(|(name, _)| name);
            let names = rest.chain(http);
            self.stages.extend(names.map(|name| (region.clone(), api.clone(), name.into())));
        }
        let mut delta = ManagedDelta::default();
        for (region, api_id, name) in &self.stages {
            let place = StagePlace { region, account_id: &settings.account_id, api_id };
            delta.stages.push(match compile_stage(state, &place, name) {
                Some(stage) => StageChange::Put(Box::new(stage)),
                None => StageChange::Remove { api_id: api_id.clone(), name: name.clone() },
            });
        }
        for (region, id) in &self.domains {
            let domain = state.get::<DomainName>(region, "", id);
            let compiled = domain.and_then(|domain| {
                let mappings: Vec<_> =
                    state.list::<ApiMapping>(region, id).map(|(_, mapping)| mapping).collect();
                let rules: Vec<_> =
                    state.list::<RoutingRule>(region, id).map(|(_, rule)| rule).collect();
                compile_domain(&domain, &mappings, &rules)
            });
            delta.domains.push(match compiled {
                Some(domain) => DomainChange::Put(Box::new(domain)),
                None => DomainChange::Remove { name: id.to_ascii_lowercase().into() },
            });
        }
        delta
    }
}

/// `None` when there is no such stage, or nothing that it could serve.
fn compile_stage(state: &State, place: &StagePlace<'_>, name: &str) -> Option<CompiledStage> {
    let (region, api) = (place.region, place.api_id);
    if let Some(stage) = state.get::<rest_stage::Stage>(region, api, name) {
        let definition =
            |id: &str| -> Option<Arc<rest_stage::Definition>> { state.get(region, api, id) };
        let release = definition(&stage.deployment_id)?;
        let canary =
            stage.canary_settings.as_ref().and_then(|canary| definition(&canary.deployment_id));
        return Some(compile_rest_stage(place, &stage, &release, canary.as_deref()));
    }
    let stage = state.get::<http_stage::Stage>(region, api, name)?;
    let id = stage.deployment_id.as_deref()?;
    let release = state.get::<http_stage::Definition>(region, api, id)?;
    Some(compile_http_stage(place, &stage, &release))
}
