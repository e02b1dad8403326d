//! A shard's table of managed stages and domain names.
//!
//! Changed between two requests, one entry at a time: a change costs the same whether there are ten
//! APIs or ten thousand. A request that is under way keeps its stage alive by itself; a stage that was
//! replaced is given back, so that another thread frees it.

use super::{ApiChange, DomainChange, ManagedDomain, ManagedStage, StageChange};
use crate::snapshot::{Domain, Protocol};
use ahash::RandomState;
use std::collections::HashMap;
use std::rc::Rc;

/// What one shard serves of managed APIs.
#[derive(Debug)]
pub struct Managed {
    apis: HashMap<Box<str>, ApiStages, RandomState>,
    exact: HashMap<Box<str>, ManagedDomain, RandomState>,
    /// By what follows the `*.`.
    wildcard: HashMap<Box<str>, ManagedDomain, RandomState>,
}

/// One API and its stages. What is in the table has a stage, or was told of by itself.
#[derive(Debug)]
pub struct ApiStages {
    /// Which rules the API follows.
    pub protocol: Protocol,
    /// Part of its host name.
    pub region: Box<str>,
    /// Whether it is there without a stage, too. Function URLs are their only stage.
    is_told: bool,
    /// By name.
    stages: Vec<Rc<ManagedStage>>,
}

impl ApiStages {
    /// A stage by its name.
    pub fn stage(&self, name: &[u8]) -> Option<&Rc<ManagedStage>> {
        let order = |stage: &Rc<ManagedStage>| stage.name.as_bytes().cmp(name);
        self.stages.binary_search_by(order).ok().map(|index| &self.stages[index])
    }

    /// Any of them: for what all have in common.
    pub fn any(&self) -> Option<&Rc<ManagedStage>> {
        self.stages.first()
    }
}

impl Managed {
    /// Nothing yet. `seed` keys the tables: clients choose what is looked up.
    pub fn new(seed: [u64; 4]) -> Self {
        let hash = RandomState::with_seeds(seed[0], seed[1], seed[2], seed[3]);
        Self {
            apis: HashMap::with_hasher(hash.clone()),
            exact: HashMap::with_hasher(hash.clone()),
            wildcard: HashMap::with_hasher(hash),
        }
    }

    /// An API with its stages; `None`: there is none.
    pub fn api(&self, id: &str) -> Option<&ApiStages> {
        self.apis.get(id)
    }

    /// Whether there is any domain name: without one hosts need not be looked at.
    pub fn has_domains(&self) -> bool {
        !self.exact.is_empty() || !self.wildcard.is_empty()
    }

    /// The domain name that a host belongs to; `host` is in lower case, without port and final dot.
    pub fn domain(&self, host: &str) -> Option<&ManagedDomain> {
        if let Some(domain) = self.exact.get(host) {
            return Some(domain);
        }
        // A wildcard stands for one label that is not empty.
        let (label, parent) = host.split_once('.')?;
        self.wildcard.get(parent).filter(|_| !label.is_empty())
    }

    /// Takes notice of an API, or forgets it.
    pub fn change_api(&mut self, change: ApiChange) {
        match change {
            ApiChange::Put { api_id, region, protocol } => {
                self.entry(api_id, region, protocol).is_told = true;
            }
            ApiChange::Remove { api_id } => {
                if let Some(api) = self.apis.get_mut(&api_id) {
                    api.is_told = false;
                    self.drop_empty(&api_id);
                }
            }
        }
    }

    fn entry(&mut self, api_id: Box<str>, region: Box<str>, protocol: Protocol) -> &mut ApiStages {
        let api = self.apis.entry(api_id).or_insert_with(|| ApiStages {
            protocol,
            region: Box::default(),
            is_told: false,
            stages: Vec::new(),
        });
        api.protocol = protocol;
        api.region = region;
        api
    }

    fn drop_empty(&mut self, api_id: &str) {
        if self.apis.get(api_id).is_some_and(|api| !api.is_told && api.stages.is_empty()) {
            self.apis.remove(api_id);
        }
    }

    /// Puts a stage in or takes it out. Gives back the one that is no longer served.
    pub fn change_stage(&mut self, change: StageChange<ManagedStage>) -> Option<Rc<ManagedStage>> {
        match change {
            StageChange::Put(stage) => {
                let stage = Rc::<ManagedStage>::from(stage);
                let place = (stage.api_id.clone(), stage.region.clone());
                let api = self.entry(place.0, place.1, stage.protocol);
                match api.stages.binary_search_by(|known| known.name.cmp(&stage.name)) {
                    Ok(index) => Some(std::mem::replace(&mut api.stages[index], stage)),
                    Err(index) => {
                        api.stages.insert(index, stage);
                        None
                    }
                }
            }
            StageChange::Remove { api_id, name } => {
                let api = self.apis.get_mut(&api_id)?;
                let index = api.stages.binary_search_by(|known| known.name.cmp(&name)).ok()?;
                let removed = api.stages.remove(index);
                self.drop_empty(&api_id);
                Some(removed)
            }
        }
    }

    /// Puts a domain name in or takes it out. Gives back the one that is no longer served.
    pub fn change_domain(&mut self, change: DomainChange) -> Option<ManagedDomain> {
        match change {
            DomainChange::Put(domain) => {
                let table = match &domain.domain {
                    Domain::Exact(_) => &mut self.exact,
                    Domain::Wildcard(_) => &mut self.wildcard,
                };
                let (Domain::Exact(name) | Domain::Wildcard(name)) = &domain.domain;
                table.insert(name.clone(), *domain)
            }
            DomainChange::Remove { name } => match name.strip_prefix("*.") {
                Some(parent) => self.wildcard.remove(parent),
                None => self.exact.remove(&name),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::rest_stage::{Definition, Stage};
    use crate::snapshot::managed::{StagePlace, compile_rest_stage};

    fn put(api_id: &str, name: &str) -> StageChange<ManagedStage> {
        let place = StagePlace::of("us-east-1", "1", api_id);
        let stage = Stage { stage_name: name.to_owned(), ..Stage::default() };
        let compiled = compile_rest_stage(&place, &stage, &Definition::default(), None);
        StageChange::Put(Box::new(compiled.stage))
    }

    fn gone(api_id: &str, name: &str) -> StageChange<ManagedStage> {
        StageChange::Remove { api_id: api_id.into(), name: name.into() }
    }

    fn names(table: &Managed, api_id: &str) -> Vec<String> {
        let Some(api) = table.api(api_id) else { return Vec::new() };
        let found: Vec<_> = api.stages.iter().map(|stage| stage.name.to_string()).collect();
        for name in &found {
            assert_eq!(&*api.stage(name.as_bytes()).expect("it is found").name, name);
        }
        assert!(api.stage(b"none").is_none());
        found
    }

    #[test]
    fn stages_come_are_replaced_and_go() {
        let mut table = Managed::new([1, 2, 3, 4]);
        for name in ["prod", "$default", "test", "beta"] {
            assert!(table.change_stage(put("a", name)).is_none());
        }
        assert!(table.change_stage(put("b", "prod")).is_none());
        assert_eq!(names(&table, "a"), ["$default", "beta", "prod", "test"]);
        let old = table.change_stage(put("a", "prod")).expect("the one before");
        assert_eq!(&*old.name, "prod");
        assert!(Rc::try_unwrap(old).is_ok(), "the table holds it no longer");
        assert!(table.change_stage(gone("a", "none")).is_none());
        assert!(table.change_stage(gone("none", "prod")).is_none());
        for name in ["prod", "$default", "test", "beta"] {
            assert!(table.change_stage(gone("a", name)).is_some(), "{name}");
        }
        assert!(table.api("a").is_none(), "an API without stages is none");
        assert_eq!(names(&table, "b"), ["prod"]);
    }

    #[test]
    fn an_api_that_was_told_of_is_there_without_stages() {
        let mut table = Managed::new([1, 2, 3, 4]);
        let told = || ApiChange::Put {
            api_id: "a".into(),
            region: "eu-west-1".into(),
            protocol: Protocol::Http,
        };
        let forgotten = || ApiChange::Remove { api_id: "a".into() };
        table.change_api(forgotten());
        assert!(table.api("a").is_none());
        table.change_api(told());
        let api = table.api("a").expect("it is there");
        assert_eq!(
            (api.protocol, &*api.region, api.any().is_some()),
            (Protocol::Http, "eu-west-1", false)
        );
        table.change_stage(put("a", "prod"));
        assert!(table.change_stage(gone("a", "prod")).is_some());
        assert!(table.api("a").is_some(), "it stays without its stage");
        // Whichever goes first.
        table.change_stage(put("a", "prod"));
        table.change_api(forgotten());
        assert_eq!(names(&table, "a"), ["prod"], "a stage needs nobody's word");
        table.change_stage(gone("a", "prod"));
        assert!(table.api("a").is_none());
        table.change_api(told());
        table.change_api(forgotten());
        assert!(table.api("a").is_none());
    }

    #[test]
    fn domains_come_are_replaced_and_go() {
        let mut table = Managed::new([1, 2, 3, 4]);
        assert!(!table.has_domains());
        let put = |name: &str| {
            let name = crate::resources::domain::DomainName {
                domain_name: name.to_owned(),
                ..Default::default()
            };
            let domain = super::super::compile_domain(&name, &[], &[]).expect("a public name");
            DomainChange::Put(Box::new(domain))
        };
        for name in ["a.test", "*.a.test"] {
            assert!(table.change_domain(put(name)).is_none());
            assert!(table.change_domain(put(name)).is_some());
        }
        assert!(table.domain("a.test").is_some() && table.domain("x.a.test").is_some());
        for host in [".a.test", "x.y.a.test", "test", ""] {
            assert!(table.domain(host).is_none(), "{host}");
        }
        for name in ["a.test", "*.a.test"] {
            assert!(table.change_domain(DomainChange::Remove { name: name.into() }).is_some());
            assert!(table.change_domain(DomainChange::Remove { name: name.into() }).is_none());
        }
        assert!(!table.has_domains());
    }
}
