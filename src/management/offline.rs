//! Offline: resources without a gateway that runs, from files or from the store, compiled as they would
//! be served. For commands that look and change nothing.

use super::declared::{self, Located, Prune, Refused};
use super::lane::nouns;
use super::publish::Affected;
use super::{Call, Settings};
use crate::aws::id::IdSource;
use crate::model::{Model, TemplateFindings};
use crate::resources::rest::RestApi;
use crate::resources::rest_stage::{Definition, Stage};
use crate::resources::{Draft, Entity, State, Timestamp, http};
use crate::snapshot::ManagedDelta;
use crate::store::{Store, StoreError};
use crate::verify::{self, Found};
use std::collections::BTreeSet;

impl Settings {
    /// As on the gateway of a configuration, but that nobody looks for mistakes in templates: whoever
    /// wants to see them asks for them.
    pub fn offline(model: &Model) -> Self {
        Self { template_findings: TemplateFindings::Off, ..Self::of(model) }
    }
}

/// What would be served.
#[derive(Debug)]
pub struct Offline {
    state: State,
    settings: Settings,
}

impl Offline {
    /// What files declare, as `ringgate apply` would make it in an empty account. The same files give the
    /// same ids.
    ///
    /// # Errors
    /// What is refused, with its place.
    pub fn declared(
        texts: &[&str],
        region: &str,
        now: Timestamp,
        settings: Settings,
    ) -> Result<Self, Vec<Refused>> {
        let documents = declared::read(texts, region)
            .map_err(|problems| problems.iter().map(unreadable).collect::<Vec<_>>())?;
        let mut state = State::default();
        let mut ids = IdSource::seeded(1);
        let input = serde_json::Map::new();
        let draft = Draft::new(&state, region);
        let mut call = Call { draft, input, now, ids: &mut ids, settings: &settings };
        let outcome = declared::apply(&mut call, &documents, Prune::Below);
        if !outcome.troubles.is_empty() {
            return Err(declared::refused(outcome.troubles));
        }
        let (touched, _) = call.draft.finish();
        state.apply(touched);
        Ok(Self { state, settings })
    }

    /// What a store holds.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub async fn stored(url: &str, settings: Settings) -> Result<Self, StoreError> {
        let (_, rows) = Store::open_existing(url).await?.load().await?;
        Ok(Self { state: nouns(rows)?, settings })
    }

    /// Mistakes in the templates of all REST APIs, with the API and stage that they are of. What several
    /// stages serve is looked at once.
    pub fn findings(&self) -> Vec<(String, Found)> {
        let mut found = Vec::new();
        for (key, _) in self.state.iter().filter(|(key, _)| key.kind == RestApi::KIND) {
            let Some(api) = self.state.get::<RestApi>(&key.region, "", &key.id) else { continue };
            let stages = self.state.list::<Stage>(&key.region, &api.id);
            let mut seen = BTreeSet::new();
            for (_, stage) in stages {
                let served =
                    self.state.get::<Definition>(&key.region, &api.id, &stage.deployment_id);
                let Some(served) = served else { continue };
                if seen.insert(stage.deployment_id.clone()) {
                    let place = format!("{}, stage {}", api.name, stage.stage_name);
                    let of_stage = verify::definition(&served, Some(&stage.variables));
                    found.extend(of_stage.found.into_iter().map(|it| (place.clone(), it)));
                }
            }
            if seen.is_empty() {
                let draft = Draft::new(&self.state, &key.region);
                let definition = Definition::of(&draft, &api);
                let of_api = verify::definition(&definition, None);
                found.extend(of_api.found.into_iter().map(|it| (api.name.clone(), it)));
            }
        }
        found
    }

    /// How many REST and HTTP APIs there are.
    pub fn count(&self) -> usize {
        let is_api = |kind| [RestApi::KIND, http::Api::KIND].contains(&kind);
        self.state.iter().filter(|(key, _)| is_api(key.kind)).count()
    }

    /// Everything, compiled for shards.
    pub fn compile(&self) -> ManagedDelta {
        Affected::all(&self.state).compile(&self.state, &self.settings)
    }
}

fn unreadable((file, problem): &Located) -> Refused {
    let span = (problem.span.start, problem.span.end);
    Refused { file: Some(*file), span, message: problem.kind.to_string() }
}
