//! Settings: what the file says that calls and stages depend on, and how a reload changes it.
//!
//! Stages are compiled with them, so others are the lane's business: it takes them up between two
//! writes, compiles what they concern anew, and has the shards serve it.

use super::from_file::FileFunctions;
use super::publish::Affected;
use crate::model::{EventPlace, Model, TemplateFindings};
use crate::resources::function::Function;
use crate::resources::{Entity, Key, Object, State, http_stage, rest_stage};
use crate::snapshot::managed::BackEnds;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::{Notify, oneshot};

/// What is the same for all calls.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Twelve digits: in ARNs and in some messages.
    pub account_id: String,
    /// `example.com` of `{api}.execute-api.{region}.example.com`: the first of `[aws] domain_suffix`.
    pub domain_suffix: String,
    /// Whether turning on execution logs needs a role in the account's settings, as on AWS.
    pub logging_needs_role: bool,
    /// Whether an API needs a function's permission to invoke it, as on AWS.
    pub functions_need_permission: bool,
    /// What becomes of mistakes in templates that are deployed.
    pub template_findings: TemplateFindings,
    /// Where the file says that AWS services are, and what is behind VPC links.
    pub back_ends: Arc<BackEnds>,
    /// What the file says of where functions' events may go, by ARN.
    pub event_places: Arc<BTreeMap<String, EventPlace>>,
    /// The functions that the file declares.
    pub file_functions: Arc<FileFunctions>,
}

impl Settings {
    /// As a configuration says.
    pub fn of(model: &Model) -> Self {
        Self {
            account_id: model.aws.account_id.clone(),
            domain_suffix: model.aws.domain_suffixes.first().cloned().unwrap_or_default(),
            logging_needs_role: false,
            functions_need_permission: model.aws.functions_need_permission,
            template_findings: model.management.template_findings,
            back_ends: Arc::new(BackEnds::of(model)),
            event_places: Arc::new(model.all_functions.destinations.clone()),
            file_functions: Arc::new(FileFunctions::of(model)),
        }
    }

    /// Whether nothing that shards serve depends on what differs.
    pub(super) fn serves_as(&self, other: &Self) -> bool {
        self.back_ends.has_endpoints_of(&other.back_ends)
            && self.back_ends.has_links_of(&other.back_ends)
            && self.functions_need_permission == other.functions_need_permission
    }

    /// What shards serve otherwise once these settings are `new`.
    pub(super) fn affected_by(&self, new: &Self, state: &State) -> Affected {
        let has_services = !self.back_ends.has_endpoints_of(&new.back_ends);
        let has_links = !self.back_ends.has_links_of(&new.back_ends);
        let is_affected =
            |calls: Calls| (has_services && calls.services) || (has_links && calls.links);
        let stages = state.iter().filter(|(key, _)| match key.kind {
            rest_stage::Stage::KIND => {
                let stage = state.get::<rest_stage::Stage>(&key.region, &key.owner, &key.id);
                let of = |id: &str| state.get(&key.region, &key.owner, id);
                stage.is_some_and(|stage| {
                    let canary = stage.canary_settings.as_ref().map(|it| &it.deployment_id);
                    let releases = [Some(&stage.deployment_id), canary].into_iter().flatten();
                    releases.filter_map(|id| of(id)).any(|it| is_affected(Calls::of_rest(&it)))
                })
            }
            http_stage::Stage::KIND => {
                let stage = state.get::<http_stage::Stage>(&key.region, &key.owner, &key.id);
                let id = stage.as_ref().and_then(|stage| stage.deployment_id.as_deref());
                let release = id.and_then(|id| state.get(&key.region, &key.owner, id));
                release.is_some_and(|it| is_affected(Calls::of_http(&it)))
            }
            // Their permissions are compiled into them.
            Function::KIND => self.functions_need_permission != new.functions_need_permission,
            _ => false,
        });
        Affected::by(stages.map(|(key, _)| key))
    }
}

/// What of the file an API's integrations depend on.
#[derive(Debug, Clone, Copy)]
struct Calls {
    /// Where AWS services are.
    services: bool,
    /// What is behind VPC links.
    links: bool,
}

/// `connectionType` of a private integration.
const PRIVATE: &str = "VPC_LINK";

impl Calls {
    fn of_rest(definition: &rest_stage::Definition) -> Self {
        let methods = definition.resources.iter().flat_map(|it| it.resource_methods.values());
        let mut integrations = methods.filter_map(|method| method.method_integration.as_ref());
        let is_private = |declared: Option<&str>| declared == Some(PRIVATE);
        Self {
            services: integrations.clone().any(|it| it.r#type == "AWS"),
            links: integrations.any(|it| is_private(it.connection_type.as_deref())),
        }
    }

    fn of_http(definition: &http_stage::Definition) -> Self {
        let mut integrations = definition.integrations.iter();
        Self {
            services: integrations.clone().any(|it| it.integration_subtype.is_some()),
            links: integrations.any(|it| it.connection_type == PRIVATE),
        }
    }
}

/// The settings of now, and those that a reload of the file brought.
#[derive(Debug)]
pub(super) struct Current {
    now: RwLock<Arc<Settings>>,
    /// The latest that nobody has taken up; one before it is of no use any more.
    next: Mutex<Option<Followed>>,
    arrived: Notify,
}

/// What a reload brought.
#[derive(Debug)]
pub(super) struct Followed {
    /// Settings to be followed.
    pub settings: Arc<Settings>,
    /// What of the file is shown from now on.
    pub shown: BTreeMap<Key, Arc<dyn Object>>,
    /// Who is told when the shards serve what has changed.
    pub done: oneshot::Sender<()>,
}

impl Current {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self { now: RwLock::new(settings), next: Mutex::default(), arrived: Notify::new() }
    }

    /// Those of now.
    pub(super) fn now(&self) -> Arc<Settings> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes them those of now.
    pub(super) fn set(&self, settings: Arc<Settings>) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Has the lane follow others, and show other nouns of the file. What is returned ends when every shard
    /// serves what they changed, or when still others came before they were taken up.
    pub(super) fn bring(
        &self,
        settings: Settings,
        shown: BTreeMap<Key, Arc<dyn Object>>,
    ) -> oneshot::Receiver<()> {
        let (done, served) = oneshot::channel();
        let next = Followed { settings: Arc::new(settings), shown, done };
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
        self.arrived.notify_one();
        served
    }

    /// Waits for others. Cancelling loses nothing.
    pub(super) async fn next(&self) -> Followed {
        loop {
            if let Some(next) = self.next.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return next;
            }
            self.arrived.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;
    use std::path::Path;

    fn settings(text: &str) -> Settings {
        Settings::of(&model::parse(Path::new("test.toml"), text.to_owned()).unwrap())
    }

    const LINKED: &str = "[[upstream]]\nname = \"u\"\ntargets = [\"10.0.0.1:80\"]\n\
                          [[vpc_link]]\nlink = \"l\"\nupstream = \"u\"\n";

    #[test]
    fn back_ends_are_told_apart_by_what_they_lead_to() {
        let plain = settings("");
        let linked = settings(LINKED);
        let moved = settings(&LINKED.replace("10.0.0.1", "10.0.0.2"));
        let renamed = settings(&LINKED.replace("\"l\"", "\"m\""));
        let local = settings("[aws]\nendpoints = { \"*\" = \"http://127.0.0.1:1\" }");
        for (one, other, endpoints, links) in [
            (&plain, &plain, true, true),
            (&linked, &settings(LINKED), true, true),
            (&plain, &linked, true, false),
            (&linked, &moved, true, false),
            (&linked, &renamed, true, false),
            (&plain, &local, false, true),
        ] {
            assert_eq!(one.back_ends.has_endpoints_of(&other.back_ends), endpoints);
            assert_eq!(one.back_ends.has_links_of(&other.back_ends), links);
        }
    }

    #[test]
    fn only_the_latest_settings_are_followed() {
        let current = Current::new(Arc::new(settings("")));
        let mut first = current.bring(settings(LINKED), BTreeMap::new());
        let other = settings("[aws]\naccount_id = \"111111111111\"");
        let mut second = current.bring(other, BTreeMap::new());
        let next = futures_lite::future::block_on(current.next());
        assert_eq!(next.settings.account_id, "111111111111");
        assert_eq!(first.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert_eq!(second.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        next.done.send(()).unwrap();
        assert_eq!(second.try_recv(), Ok(()));
    }
}
