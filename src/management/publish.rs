//! What a change means for the shards: which stages and domain names are to be compiled anew.

use super::Settings;
use super::lambda::{code, event_rules, policy_document};
use crate::aws::policy::{Kind, Policy};
use crate::resources::account::{HttpVpcLink, VpcLink};
use crate::resources::domain::{ApiMapping, DomainName, RoutingRule};
use crate::resources::function::{
    Function, FunctionAlias, FunctionEventConfig, FunctionPolicy, FunctionUrl, FunctionVersion,
    LATEST, owner, version_id,
};
use crate::resources::{Entity, Key, State, Timestamp, http, http_stage, rest, rest_stage};
use crate::snapshot::Protocol;
use crate::snapshot::function::{FunctionChange, OtherVersion, Permission};
use crate::snapshot::managed::{
    ApiChange, CompiledStage, DomainChange, FunctionPlace, ManagedDelta, PrivateLink, StageChange,
    StagePlace, URL_STAGE, UsedCode, compile_domain, compile_function, compile_function_url,
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

/// Region, function, and a version's number or an alias; `None` is all of it.
type FunctionPart = (Box<str>, Box<str>, Option<Box<str>>);

/// What a change touches of what the shards serve.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Affected {
    /// Region, API, stage.
    stages: BTreeSet<(Box<str>, Box<str>, Box<str>)>,
    /// Region and API: all of its stages.
    apis: BTreeSet<(Box<str>, Box<str>)>,
    /// Region and the domain's id.
    domains: BTreeSet<(Box<str>, Box<str>)>,
    functions: BTreeSet<FunctionPart>,
    /// Region, function, and the id of one of its URLs.
    urls: BTreeSet<(Box<str>, Box<str>, Box<str>)>,
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
                rest_stage::Stage::KIND
                | http_stage::Stage::KIND
                | rest_stage::AuthorizerFlush::KIND => {
                    affected.stages.insert((region, key.owner.clone(), key.id.clone()));
                }
                DomainName::KIND => {
                    affected.domains.insert((region, key.id.clone()));
                }
                ApiMapping::KIND | RoutingRule::KIND => {
                    affected.domains.insert((region, key.owner.clone()));
                }
                Function::KIND => {
                    affected.functions.insert((region, key.id.clone(), None));
                }
                FunctionVersion::KIND | FunctionAlias::KIND => {
                    // Ids of versions have leading zeros.
                    let id = match key.kind {
                        FunctionVersion::KIND => key.id.trim_start_matches('0'),
                        _ => &key.id,
                    };
                    if let Some(name) = key.owner.strip_prefix("function/") {
                        affected.functions.insert((region, name.into(), Some(id.into())));
                    }
                }
                FunctionUrl::KIND => {
                    if let Some(name) = key.owner.strip_prefix("function/") {
                        affected.urls.insert((region, name.into(), key.id.clone()));
                    }
                }
                FunctionPolicy::KIND | FunctionEventConfig::KIND => {
                    let qualifier = (&*key.id != LATEST).then(|| key.id.clone());
                    if let Some(name) = key.owner.strip_prefix("function/") {
                        affected.functions.insert((region, name.into(), qualifier));
                    }
                }
                _ => {}
            }
        }
        affected
    }

    /// Everything: the start.
    pub(super) fn all(state: &State) -> Self {
        Self::by(state.iter().map(|(key, _)| key).filter(|key| !state.is_shown(key)))
    }

    /// What one change touches, and another.
    pub(super) fn and(mut self, other: Self) -> Self {
        let Self { stages, apis, domains, functions, urls } = other;
        self.stages.extend(stages);
        self.apis.extend(apis);
        self.domains.extend(domains);
        self.functions.extend(functions);
        self.urls.extend(urls);
        self
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
        for (region, api) in &self.apis {
            let (api_id, region) = (api.clone(), region.clone());
            delta.apis.push(match protocol_of(state, &region, api) {
                Some(protocol) => ApiChange::Put { api_id, region, protocol },
                None => ApiChange::Remove { api_id },
            });
        }
        for (region, api_id, name) in &self.stages {
            let links = private_links(state, region);
            let place = StagePlace {
                back_ends: &settings.back_ends,
                links: &links,
                ..StagePlace::of(region, &settings.account_id, api_id)
            };
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
        for (region, name, id) in &self.urls {
            let url = state.get::<FunctionUrl>(region, &owner(name), id);
            delta.stages.push(match url {
                Some(url) => {
                    let qualifier = Some(&*url.qualifier);
                    let place =
                        FunctionPlace { region, account_id: &settings.account_id, qualifier };
                    StageChange::Put(Box::new(compile_function_url(&place, name, &url)))
                }
                None => StageChange::Remove { api_id: id.clone(), name: URL_STAGE.into() },
            });
        }
        self.compile_functions(state, settings, &mut delta);
        delta
    }

    fn compile_functions(&mut self, state: &State, settings: &Settings, delta: &mut ManagedDelta) {
        // A function's reserved concurrency concerns all of its versions, and so may `$LATEST`.
        let whole = self.functions.iter().filter(|(_, _, qualifier)| qualifier.is_none());
        let mut parts = Vec::new();
        for (region, name, _) in whole {
            let owner = owner(name);
            let versions = state.list::<FunctionVersion>(region, &owner);
            let versions = versions.map(|(id, _)| id.trim_start_matches('0'));
            let aliases = state.list::<FunctionAlias>(region, &owner).map(|(id, _)| id);
            let all = versions.chain(aliases);
            parts.extend(all.map(|id| (region.clone(), name.clone(), Some(Box::from(id)))));
        }
        self.functions.extend(parts);
        for (region, name, qualifier) in &self.functions {
            // Shards have it with the file.
            let whole = Key::new(region, "", Function::KIND, name);
            if qualifier.is_none() && state.is_shown(&whole) {
                continue;
            }
            let account_id = &settings.account_id;
            let place = FunctionPlace { region, account_id, qualifier: qualifier.as_deref() };
            let compiled = compile_version(state, &place, name, settings);
            delta.functions.push(match compiled {
                Some((function, code)) => {
                    if !delta.codes.iter().any(|known| known.id == code.id) {
                        delta.codes.push(code);
                    }
                    FunctionChange::Put(Box::new(function))
                }
                None => FunctionChange::Remove { arn: place.arn(name).into() },
            });
        }
    }
}

/// Which rules an API follows. `None`: it is gone, or of a kind that is not served.
fn protocol_of(state: &State, region: &str, api_id: &str) -> Option<Protocol> {
    if state.get::<rest::RestApi>(region, "", api_id).is_some() {
        return Some(Protocol::Rest);
    }
    let api = state.get::<http::Api>(region, "", api_id)?;
    (api.protocol_type == "HTTP").then_some(Protocol::Http)
}

/// The function that an integration names by its ARN, as shards know it. `None`: there is none, or none
/// that could be run.
pub(super) fn function_of(
    state: &State,
    settings: &Settings,
    region: &str,
    arn: &str,
) -> Option<crate::snapshot::Function> {
    let mut parts = arn.strip_prefix("arn:aws:lambda:")?.split(':').skip(2);
    let (Some("function"), Some(name), qualifier) = (parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let place = FunctionPlace { region, account_id: &settings.account_id, qualifier };
    compile_version(state, &place, name, settings).map(|(function, _)| function)
}

/// `None` when there is no such function or version, or nothing that could run it.
fn compile_version(
    state: &State,
    place: &FunctionPlace<'_>,
    name: &str,
    settings: &Settings,
) -> Option<(crate::snapshot::Function, UsedCode)> {
    let function = state.get::<Function>(place.region, "", name)?;
    let owner = owner(name);
    let number = match place.qualifier {
        None => LATEST.to_owned(),
        Some(it) if it.bytes().all(|byte| byte.is_ascii_digit()) => it.to_owned(),
        // Of an alias with weights, what most invocations run.
        Some(alias) => {
            let alias = state.get::<FunctionAlias>(place.region, &owner, alias)?;
            alias.function_version.clone()
        }
    };
    let version;
    let configuration = match number.as_str() {
        LATEST => &function.latest,
        number => {
            let id = version_id(number.parse().ok()?);
            version = state.get::<FunctionVersion>(place.region, &owner, &id)?;
            &version.configuration
        }
    };
    let code = code::used_by(state, place.region, configuration)?;
    let reserved = function.reserved_concurrency;
    let permission = match settings.functions_need_permission {
        true => permission(state, place, &owner),
        false => Permission::Everybody,
    };
    let mut compiled = compile_function(place, configuration, reserved, &code.id, permission)?;
    compiled.other = other_version(state, place, name);
    let id = place.qualifier.unwrap_or(LATEST);
    let config = state.get::<FunctionEventConfig>(place.region, &owner, id);
    compiled.events = event_rules(config.as_deref(), configuration).into();
    Some((compiled, code))
}

/// What a share of an alias's invocations run.
fn other_version(state: &State, place: &FunctionPlace<'_>, name: &str) -> Option<OtherVersion> {
    let alias = state.get::<FunctionAlias>(place.region, &owner(name), place.qualifier?)?;
    let (version, weight) = alias.weights.first_key_value()?;
    let place = FunctionPlace { qualifier: Some(version), ..*place };
    // 1 is all but the largest number that can be drawn.
    let share = (weight.clamp(0.0, 1.0) * 2_f64.powi(64)) as u64;
    Some(OtherVersion { arn: place.arn(name).into(), share })
}

/// The VPC links of a region, of both kinds: their ids are of one space.
pub(super) fn private_links(state: &State, region: &str) -> Vec<PrivateLink> {
    let of_rest = state.list::<VpcLink>(region, "").map(|(id, link)| PrivateLink {
        id: id.into(),
        name: link.name.as_str().into(),
        targets: link.target_arns.iter().map(|arn| arn.as_str().into()).collect(),
    });
    let of_http = state.list::<HttpVpcLink>(region, "").map(|(id, link)| PrivateLink {
        id: id.into(),
        name: link.name.as_str().into(),
        targets: Box::default(),
    });
    of_rest.chain(of_http).collect()
}

/// `None` when there is no such stage, or nothing that it could serve.
fn compile_stage(state: &State, place: &StagePlace<'_>, name: &str) -> Option<CompiledStage> {
    let (mut compiled, created) = compile_release(state, place, name)?;
    // A stage of the same name may have been there before.
    let flush = state.get::<rest_stage::AuthorizerFlush>(place.region, place.api_id, name);
    let flush = flush.as_ref().map_or("", |flush| &flush.flush_id);
    compiled.stage.forget_verdicts_before(&format!("{} {flush}", created.0));
    Some(compiled)
}

/// With when the stage was made.
fn compile_release(
    state: &State,
    place: &StagePlace<'_>,
    name: &str,
) -> Option<(CompiledStage, Timestamp)> {
    let (region, api) = (place.region, place.api_id);
    if let Some(stage) = state.get::<rest_stage::Stage>(region, api, name) {
        let definition =
            |id: &str| -> Option<Arc<rest_stage::Definition>> { state.get(region, api, id) };
        let release = definition(&stage.deployment_id)?;
        let canary =
            stage.canary_settings.as_ref().and_then(|canary| definition(&canary.deployment_id));
        let compiled = compile_rest_stage(place, &stage, &release, canary.as_deref());
        return Some((compiled, stage.created_date));
    }
    let stage = state.get::<http_stage::Stage>(region, api, name)?;
    let id = stage.deployment_id.as_deref()?;
    let release = state.get::<http_stage::Definition>(region, api, id)?;
    Some((compile_http_stage(place, &stage, &release), stage.created_date))
}

/// What was said of a function, a version or an alias; each has permissions of its own.
fn permission(state: &State, place: &FunctionPlace<'_>, owner: &str) -> Permission {
    let id = place.qualifier.unwrap_or(LATEST);
    let Some(policy) = state.get::<FunctionPolicy>(place.region, owner, id) else {
        return Permission::Nobody;
    };
    match Policy::of(&policy_document(&policy), Kind::Resource { short_form: None }) {
        Ok(policy) => Permission::By(Arc::new(policy)),
        Err(error) => {
            tracing::warn!(%error, owner, "a function's policy cannot be read, so it permits nothing");
            Permission::Nobody
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::management::fixture::Fixture;
    use crate::resources::function::FunctionCode;

    const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

    fn fixture() -> Fixture {
        let mut fixture = Fixture::new();
        // The least zip there is: an empty file, `a`.
        let zip = "UEsDBAoAAAAAAAAAAAAAAAAAAAAAAAAAAAABAAAAYVBLAQIKAAoAAAAAAAAAAAAAAAAAAAAAAAAA\
                   AAABAAAAAAAAAAAAAAAAAAAAAABhUEsFBgAAAAABAAEALwAAAB8AAAAAAA==";
        let created = serde_json::json!({
            "FunctionName": "f",
            "Runtime": "python3.12",
            "Handler": "app.handler",
            "Role": "arn:aws:iam::000000000000:role/r",
            "Code": { "ZipFile": zip },
        });
        fixture.lambda("CreateFunction", created).unwrap();
        fixture.lambda("PublishVersion", serde_json::json!({ "FunctionName": "f" })).unwrap();
        let alias =
            serde_json::json!({ "FunctionName": "f", "Name": "prod", "FunctionVersion": "1" });
        fixture.lambda("CreateAlias", alias).unwrap();
        fixture
    }

    /// What becomes of functions when these keys were touched: the end of the ARN, and the version
    /// that is put there.
    fn changes(fixture: &Fixture, keys: &[Key]) -> Vec<(String, Option<String>)> {
        let delta = Affected::by(keys).compile(&fixture.state, &fixture.settings);
        let is_put = |change: &FunctionChange| matches!(change, FunctionChange::Put(_));
        // Versions share their code.
        assert_eq!(delta.codes.len(), usize::from(delta.functions.iter().any(is_put)));
        let end = |arn: &str| arn.strip_prefix(ARN).unwrap().to_owned();
        let told = delta.functions.iter().map(|change| match change {
            FunctionChange::Put(it) => (end(&it.arn), Some(it.launch.version.clone())),
            FunctionChange::Remove { arn } => (end(arn), None),
        });
        told.collect()
    }

    fn key(kind: &'static str, owner: &str, id: &str) -> Key {
        Key::new("us-east-1", owner, kind, id)
    }

    #[test]
    fn what_the_file_hides_is_taken_from_the_shards_and_given_back() {
        let mut fixture = fixture();
        let (whole, version) = (key(Function::KIND, "", "f"), "0000000001");
        let put = |end: &str, version: &str| (end.to_owned(), Some(version.to_owned()));
        let gone = |end: &str| (end.to_owned(), None);
        let file = || {
            let noun: Arc<dyn crate::resources::Object> = Arc::new(Function::default());
            [(whole.clone(), noun)].into()
        };
        let moved = fixture.state.show(file());
        // Of the function itself nothing is told: the file's takes its place.
        assert_eq!(changes(&fixture, &moved), [gone(":1"), gone(":prod")]);
        assert_eq!(changes(&fixture, std::slice::from_ref(&whole)), []);
        let of_another_host = [key(FunctionVersion::KIND, "function/f", version)];
        assert_eq!(changes(&fixture, &of_another_host), [gone(":1")]);
        let delta = Affected::all(&fixture.state).compile(&fixture.state, &fixture.settings);
        assert!(delta.functions.is_empty(), "nothing of it is served from the start");
        let moved = fixture.state.show([].into());
        let whole = [put("", LATEST), put(":1", "1"), put(":prod", "1")];
        assert_eq!(changes(&fixture, &moved), whole);
    }

    #[test]
    fn an_api_is_told_of_without_its_stages() {
        let mut fixture = Fixture::new();
        let mut made = |input: serde_json::Value| {
            let api = fixture.v2("CreateApi", input).unwrap();
            api["apiId"].as_str().unwrap().to_owned()
        };
        let http = made(serde_json::json!({ "name": "a", "protocolType": "HTTP" }));
        let chat = made(serde_json::json!({
            "name": "b", "protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.a",
        }));
        let rest = fixture.v1("CreateRestApi", serde_json::json!({ "name": "c" })).unwrap();
        let rest = rest["id"].as_str().unwrap().to_owned();
        for (kind, id, expected) in [
            (http::Api::KIND, &*http, Some(Protocol::Http)),
            (http::Api::KIND, &chat, None),
            (rest::RestApi::KIND, &rest, Some(Protocol::Rest)),
            (http::Api::KIND, "gone", None),
        ] {
            let delta =
                Affected::by(&[key(kind, "", id)]).compile(&fixture.state, &fixture.settings);
            let [change] = &delta.apis[..] else { panic!("one change of {id}") };
            let (found, told) = match change {
                ApiChange::Put { api_id, region, protocol } => {
                    assert_eq!(&**region, "us-east-1");
                    (api_id, Some(*protocol))
                }
                ApiChange::Remove { api_id } => (api_id, None),
            };
            assert_eq!((&**found, told), (id, expected));
            assert!(delta.stages.is_empty() && !delta.is_empty());
        }
    }

    #[test]
    fn a_function_is_all_its_versions_and_aliases() {
        let fixture = fixture();
        let put = |end: &str, version: &str| (end.to_owned(), Some(version.to_owned()));
        let whole = [put("", LATEST), put(":1", "1"), put(":prod", "1")];
        assert_eq!(changes(&fixture, &[key(Function::KIND, "", "f")]), whole);
        let alias = key(FunctionAlias::KIND, "function/f", "prod");
        assert_eq!(changes(&fixture, &[alias]), [put(":prod", "1")]);
        let version = key(FunctionVersion::KIND, "function/f", &version_id(1));
        assert_eq!(changes(&fixture, &[version]), [put(":1", "1")]);
        assert_eq!(changes(&fixture, &[key(FunctionCode::KIND, "function/f", "x")]), []);
    }

    #[test]
    fn rules_for_events_are_a_versions_own() {
        let mut fixture = fixture();
        let given = serde_json::json!({ "FunctionName": "f:prod", "MaximumRetryAttempts": 0 });
        fixture.lambda("PutFunctionEventInvokeConfig", given).unwrap();
        let key = key(FunctionEventConfig::KIND, "function/f", "prod");
        assert_eq!(changes(&fixture, &[key]), [(":prod".to_owned(), Some("1".to_owned()))]);
        for (end, retries_max) in [("", 2), (":1", 2), (":prod", 0)] {
            let arn = format!("{ARN}{end}");
            let function =
                function_of(&fixture.state, &fixture.settings, "us-east-1", &arn).unwrap();
            assert_eq!(function.events.retries_max, retries_max, "{end}");
        }
    }

    #[test]
    fn what_is_gone_is_removed() {
        let fixture = fixture();
        let version = key(FunctionVersion::KIND, "function/f", &version_id(20));
        assert_eq!(changes(&fixture, &[version]), [(":20".to_owned(), None)]);
        let alias = key(FunctionAlias::KIND, "function/f", "other");
        assert_eq!(changes(&fixture, &[alias]), [(":other".to_owned(), None)]);
    }

    #[test]
    fn permissions_are_a_versions_own() {
        let mut fixture = fixture();
        let permission = serde_json::json!({
            "FunctionName": "f:prod",
            "StatementId": "s",
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
        });
        fixture.lambda("AddPermission", permission).unwrap();
        let permissions = |fixture: &Fixture| {
            let keys = [key(Function::KIND, "", "f")];
            let delta = Affected::by(&keys).compile(&fixture.state, &fixture.settings);
            let told = delta.functions.into_iter().map(|change| match change {
                FunctionChange::Put(function) => match function.permission {
                    Permission::Everybody => "everybody",
                    Permission::Nobody => "nobody",
                    Permission::By(_) => "some",
                },
                FunctionChange::Remove { .. } => "gone",
            });
            told.collect::<Vec<_>>()
        };
        assert_eq!(permissions(&fixture), ["nobody", "nobody", "some"]);
        fixture.settings.functions_need_permission = false;
        assert_eq!(permissions(&fixture), ["everybody"; 3]);
    }
}
