//! Offline: resources without a gateway that runs, from files or from the store, compiled as they would
//! be served. For commands that look and change nothing.

use super::declared::{self, Located, Prune, Refused};
use super::lane::nouns;
use super::publish::Affected;
use super::{Call, Settings};
use crate::aws::id::IdSource;
use crate::resources::{Draft, State, Timestamp};
use crate::snapshot::ManagedDelta;
use crate::store::{Store, StoreError};

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

    /// Everything, compiled for shards.
    pub fn compile(&self) -> ManagedDelta {
        Affected::all(&self.state).compile(&self.state, &self.settings)
    }
}

fn unreadable((file, problem): &Located) -> Refused {
    let span = (problem.span.start, problem.span.end);
    Refused { file: Some(*file), span, message: problem.kind.to_string() }
}
