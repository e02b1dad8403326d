//! World: everything that a request could meet, compiled as for a shard, with the names of back ends.

use crate::exchange::{Admitted, Origin};
use crate::snapshot::function::FunctionChange;
use crate::snapshot::managed::{ManagedDelta, StageChange};
use crate::snapshot::{Function, Managed, ManagedStage, Snapshot, Upstream, UpstreamIndex};
use std::collections::BTreeMap;

/// What is served.
#[derive(Debug)]
pub struct World {
    pub(super) snapshot: Snapshot,
    pub(super) managed: Managed,
    /// By API and stage.
    upstreams: BTreeMap<(Box<str>, Box<str>), Vec<Upstream>>,
    functions: Vec<Function>,
    /// The stages of the management API, as it made them: id, name, stage, address.
    stages: Vec<(Box<str>, Box<str>, Box<str>)>,
    /// What the compiler said: a line each.
    pub warnings: Vec<String>,
}

impl World {
    /// APIs of the file, and those of the management API.
    pub fn new(snapshot: Snapshot, delta: ManagedDelta) -> Self {
        let functions = snapshot.functions.clone();
        // Nobody attacks this table.
        let mut world = Self {
            snapshot,
            managed: Managed::new([1, 2, 3, 4]),
            upstreams: BTreeMap::new(),
            functions,
            stages: Vec::new(),
            warnings: Vec::new(),
        };
        for change in delta.stages {
            let StageChange::Put(compiled) = change else { continue };
            let compiled = *compiled;
            let ManagedStage { api_id, name, release, .. } = &compiled.stage;
            world.stages.push((api_id.clone(), release.name.clone(), name.clone()));
            world.upstreams.insert((api_id.clone(), name.clone()), compiled.upstreams);
            world.warnings.extend(compiled.warnings);
            world.managed.change_stage(StageChange::Put(Box::new(compiled.stage)));
        }
        for change in delta.apis {
            world.managed.change_api(change);
        }
        for change in delta.domains {
            world.managed.change_domain(change);
        }
        for change in delta.functions {
            if let FunctionChange::Put(function) = change {
                world.functions.push(*function);
            }
        }
        world
    }

    /// The path in front of an API's own paths, by its id or name; `None`: there is none, or several.
    /// Without a stage it is the only one.
    pub fn base_of(&self, api: &str, stage: Option<&str>) -> Result<String, String> {
        let is = |id: &str, name: &str| id == api || name == api;
        let managed = self.stages.iter().filter(|(id, name, _)| is(id, name));
        let managed: Vec<_> = managed.collect();
        let of_file = self.snapshot.apis.iter().find(|it| is(&it.id, &it.name));
        if managed.is_empty() {
            let found = of_file.ok_or_else(|| {
                let names = self.names();
                format!("there is no API `{api}`; there are: {}", names.join(", "))
            })?;
            return Ok(found.base_path.to_string());
        }
        let wanted = managed.iter().filter(|(_, _, name)| stage.is_none_or(|it| **name == *it));
        match wanted.collect::<Vec<_>>()[..] {
            [(id, _, stage)] => Ok(format!("/_aws/execute-api/{id}/{stage}")),
            [] => {
                let names: Vec<&str> = managed.iter().map(|(_, _, stage)| &**stage).collect();
                Err(format!("API `{api}` has no such stage; it has: {}", names.join(", ")))
            }
            _ => {
                let names: Vec<&str> = managed.iter().map(|(_, _, stage)| &**stage).collect();
                Err(format!("API `{api}` has several stages, name one: {}", names.join(", ")))
            }
        }
    }

    /// All APIs, for a message: a name and its stages.
    pub(super) fn names(&self) -> Vec<String> {
        let of_file = self.snapshot.apis.iter().map(|api| format!("`{}`", api.name));
        let managed = self.stages.iter();
        let managed = managed.map(|(id, name, stage)| format!("`{name}` ({id}, stage {stage})"));
        of_file.chain(managed).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.snapshot.apis.is_empty() && self.stages.is_empty()
    }

    pub(super) fn upstream(
        &self,
        admitted: &Admitted<'_>,
        index: UpstreamIndex,
    ) -> Option<&Upstream> {
        let all = match admitted.origin {
            Origin::File(_) => &self.snapshot.upstreams,
            Origin::Managed(stage, _) => {
                self.upstreams.get(&(stage.api_id.clone(), stage.name.clone()))?
            }
        };
        all.get(index.0 as usize)
    }

    pub(super) fn function(&self, arn: &str) -> Option<&Function> {
        self.functions.iter().find(|function| *function.arn == *arn)
    }

    /// Where a function is invoked that is not here.
    pub(super) fn elsewhere(&self, arn: &str) -> Option<&str> {
        let place = self.snapshot.remote_functions.find(arn)?;
        Some(&self.snapshot.upstream(place.remote.upstream).name)
    }
}
