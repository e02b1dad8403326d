//! What the management API holds, in the declared form.

use super::form::{
    ACCOUNT, API_KEY, CLIENT_CERTIFICATE, DOMAIN_NAME, FILE, HTTP_VPC_LINK, MAPPING,
};
use super::form::{Form, PLAN_STAGE, PLAN_THROTTLE, USAGE_PLAN, VPC_LINK};
use super::{present_http, present_rest};
use crate::resources::account::{Account, ClientCertificate, HttpVpcLink, VpcLink};
use crate::resources::domain::{ApiMapping, DomainName, RoutingRule};
use crate::resources::http::Api;
use crate::resources::rest::{EndpointConfiguration, RestApi};
use crate::resources::usage::{ApiKey, UsagePlan, UsagePlanKey};
use crate::resources::{Draft, Entity};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether secrets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Left out.
    Hidden,
    /// Values of API keys and private keys stand in plain text.
    Written,
}

/// Everything of the draft's region; with `apis` those APIs alone, by id or name.
pub(super) fn region(draft: &Draft<'_>, secrets: Secrets, apis: &[String]) -> Map<String, Value> {
    let names = Names::of(draft);
    let wanted = |id: &str, name: &str| {
        apis.is_empty() || apis.iter().any(|wanted| wanted == id || wanted == name)
    };
    let mut tree = Map::new();
    let rest = draft.list::<RestApi>("").into_iter().filter(|it| wanted(&it.id, &it.name));
    let rest = rest.map(|api| present_rest::api(draft, &names, &api)).collect();
    let (http, websocket): (Vec<_>, Vec<_>) = draft
        .list::<Api>("")
        .into_iter()
        .filter(|api| wanted(&api.api_id, &api.name))
        .partition(|api| api.is_http());
    let v2 = |apis: Vec<Arc<Api>>| -> Vec<Map<String, Value>> {
        apis.iter().map(|api| present_http::api(draft, &names, api)).collect()
    };
    insert(&mut tree, "rest_api", rest);
    insert(&mut tree, "http_api", v2(http));
    insert(&mut tree, "websocket_api", v2(websocket));
    if apis.is_empty() {
        shared(draft, &names, secrets, &mut tree);
    }
    FILE.plain(&tree)
}

/// What belongs to no API.
pub(super) fn shared(
    draft: &Draft<'_>,
    names: &Names,
    secrets: Secrets,
    tree: &mut Map<String, Value>,
) {
    if let Some(account) = draft.get::<Account>("", "account") {
        tree.insert("account".into(), Value::Object(ACCOUNT.written(&value(&*account))));
    }
    let certificates = draft.list::<ClientCertificate>("");
    let certificate = |certificate: &Arc<ClientCertificate>| {
        let mut written = CLIENT_CERTIFICATE.written(&value(&**certificate));
        if secrets == Secrets::Written {
            written.insert("certificate".into(), json!(certificate.pem_encoded_certificate));
            written.insert("private_key".into(), json!(certificate.private_key));
        }
        written
    };
    insert(tree, "client_certificate", certificates.iter().map(certificate).collect());
    insert(tree, "vpc_link", all::<VpcLink>(draft, &VPC_LINK));
    insert(tree, "http_vpc_link", all::<HttpVpcLink>(draft, &HTTP_VPC_LINK));
    let keys = draft.list::<ApiKey>("");
    let key = |key: &Arc<ApiKey>| {
        let mut written = API_KEY.written(&value(&**key));
        if secrets == Secrets::Written {
            written.insert("value".into(), json!(key.value));
        }
        written
    };
    insert(tree, "api_key", keys.iter().map(key).collect());
    let plans = draft.list::<UsagePlan>("");
    insert(tree, "usage_plan", plans.iter().map(|it| plan(draft, names, it)).collect());
    let domains = draft.list::<DomainName>("");
    let domain = |it: &Arc<DomainName>| {
        let mut written = domain(draft, names, it);
        let parts = [
            ("certificate_body", &it.certificate_body),
            ("certificate_private_key", &it.certificate_private_key),
            ("certificate_chain", &it.certificate_chain),
        ];
        for (key, text) in parts {
            if let Some(text) = text.as_ref().filter(|_| secrets == Secrets::Written) {
                written.insert(key.into(), json!(text));
            }
        }
        written
    };
    insert(tree, "domain_name", domains.iter().map(domain).collect());
}

fn all<T: Entity>(draft: &Draft<'_>, form: &Form) -> Vec<Map<String, Value>> {
    draft.list::<T>("").iter().map(|noun| form.written(&value(&**noun))).collect()
}

fn plan(draft: &Draft<'_>, names: &Names, plan: &UsagePlan) -> Map<String, Value> {
    let mut written = USAGE_PLAN.written(&value(plan));
    let stage = |stage: &crate::resources::usage::ApiStage| {
        let mut entry = PLAN_STAGE.written(&value(stage));
        entry.insert("api".into(), json!(names.api(&stage.api_id)));
        let throttles = stage.throttle.iter().map(|(method, throttle)| {
            (method.clone(), Value::Object(PLAN_THROTTLE.written(&value(throttle))))
        });
        entry.insert("throttle".into(), Value::Object(throttles.collect()));
        entry
    };
    let mut stages: Vec<_> = plan.api_stages.iter().map(stage).collect();
    stages.sort_by_key(|entry| (entry["api"].to_string(), entry["stage"].to_string()));
    written.insert("stage".into(), json!(stages));
    let keys = draft.list::<UsagePlanKey>(&plan.id);
    let mut keys: Vec<String> = keys.iter().map(|key| names.key(&key.key_id)).collect();
    keys.sort();
    written.insert("keys".into(), json!(keys));
    written
}

fn domain(draft: &Draft<'_>, names: &Names, domain: &DomainName) -> Map<String, Value> {
    let mut written = DOMAIN_NAME.written(&value(domain));
    endpoint(&mut written, &domain.endpoint_configuration);
    let owner = domain_id(domain);
    let mappings = draft.list::<ApiMapping>(&owner);
    let mapping = |mapping: &Arc<ApiMapping>| {
        let mut entry = MAPPING.written(&value(&**mapping));
        entry.insert("api".into(), json!(names.api(&mapping.api_id)));
        (mapping.api_mapping_key.clone(), Value::Object(entry))
    };
    written.insert("mapping".into(), Value::Object(mappings.iter().map(mapping).collect()));
    let mut rules = draft.list::<RoutingRule>(&owner);
    rules.sort_by_key(|rule| rule.priority);
    let rules: Vec<Value> = rules.iter().map(|it| rule(names, it)).collect();
    written.insert("routing_rule".into(), Value::Array(rules));
    written
}

fn rule(names: &Names, rule: &RoutingRule) -> Value {
    let mut written = json!({ "priority": rule.priority });
    if let Some(action) = rule.actions.first() {
        written["api"] = json!(names.api(&action.invoke_api.api_id));
        written["stage"] = json!(action.invoke_api.stage);
        if let Some(strip) = action.invoke_api.strip_base_path {
            written["strip_base_path"] = json!(strip);
        }
    }
    for condition in &rule.conditions {
        if let Some(paths) = &condition.match_base_paths {
            written["base_paths"] = json!(paths.any_of);
        }
        if let Some(headers) = &condition.match_headers {
            let header = |it: &crate::resources::domain::MatchHeader| json!({ "header": it.header, "value_glob": it.value_glob });
            written["headers"] = headers.any_of.iter().map(header).collect();
        }
    }
    written
}

/// The id of a domain name, which owns its mappings and rules.
pub(super) fn domain_id(domain: &DomainName) -> String {
    match &domain.domain_name_id {
        Some(id) => format!("{}+{id}", domain.domain_name),
        None => domain.domain_name.clone(),
    }
}

/// How an API or domain name is reached, as three keys.
pub(super) fn endpoint(written: &mut Map<String, Value>, endpoint: &EndpointConfiguration) {
    if let Some(kind) = endpoint.types.first() {
        written.insert("endpoint".into(), json!(kind));
        // The default is said by nothing, as where nothing was asked for.
        let default = if kind == "PRIVATE" { "dualstack" } else { "ipv4" };
        if let Some(address) = endpoint.ip_address_type.as_ref().filter(|it| *it != default) {
            written.insert("ip_address_type".into(), json!(address));
        }
    }
    written.insert("vpc_endpoint_ids".into(), json!(endpoint.vpc_endpoint_ids));
    if endpoint.vpc_endpoint_ids.is_empty() {
        written.remove("vpc_endpoint_ids");
    }
}

/// A noun as JSON.
pub(super) fn value(noun: &impl Serialize) -> Value {
    // Structs of texts, numbers and maps with text keys: cannot fail.
    serde_json::to_value(noun).unwrap_or_default()
}

/// Adds a list, in the order of names and then ids.
fn insert(tree: &mut Map<String, Value>, key: &str, mut list: Vec<Map<String, Value>>) {
    let text = |entry: &Map<String, Value>, key: &str| {
        entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    list.sort_by_key(|entry| (text(entry, "name"), text(entry, "id")));
    tree.insert(key.to_owned(), json!(list));
}

/// The names by which the form refers to what Amazon names by ids.
#[derive(Debug, Default)]
pub(super) struct Names {
    apis: ByName,
    keys: ByName,
    links: ByName,
}

/// Ids to names, and back.
#[derive(Debug, Default)]
pub(super) struct ByName(BTreeMap<String, String>);

impl ByName {
    fn of<'n>(pairs: impl IntoIterator<Item = (&'n str, &'n str)>) -> Self {
        Self(pairs.into_iter().map(|(id, name)| (id.to_owned(), name.to_owned())).collect())
    }

    /// The name where it says enough, otherwise the id.
    pub(super) fn name<'n>(&'n self, id: &'n str) -> &'n str {
        match self.0.get(id) {
            Some(name) if !name.is_empty() && self.ids(name).len() == 1 => name,
            _ => id,
        }
    }

    /// The ids that a name or id can mean: ids go first.
    pub(super) fn ids(&self, name: &str) -> Vec<&str> {
        if let Some((id, _)) = self.0.get_key_value(name) {
            return vec![id];
        }
        let named = self.0.iter().filter(|(_, known)| *known == name);
        named.map(|(id, _)| id.as_str()).collect()
    }
}

impl Names {
    /// Of everything in the draft's region.
    pub(super) fn of(draft: &Draft<'_>) -> Self {
        let rest = draft.list::<RestApi>("");
        let http = draft.list::<Api>("");
        let keys = draft.list::<ApiKey>("");
        let v1 = draft.list::<VpcLink>("");
        let v2 = draft.list::<HttpVpcLink>("");
        let rest = rest.iter().map(|it| (it.id.as_str(), it.name.as_str()));
        let http = http.iter().map(|it| (it.api_id.as_str(), it.name.as_str()));
        let v1 = v1.iter().map(|it| (it.id.as_str(), it.name.as_str()));
        let v2 = v2.iter().map(|it| (it.vpc_link_id.as_str(), it.name.as_str()));
        let key = |it: &'_ Arc<ApiKey>| (it.id.clone(), it.name.clone().unwrap_or_default());
        let keys = ByName(keys.iter().map(key).collect());
        Self { apis: ByName::of(rest.chain(http)), keys, links: ByName::of(v1.chain(v2)) }
    }

    pub(super) fn api(&self, id: &str) -> String {
        self.apis.name(id).to_owned()
    }

    pub(super) fn key(&self, id: &str) -> String {
        self.keys.name(id).to_owned()
    }

    pub(super) fn link(&self, id: &str) -> String {
        self.links.name(id).to_owned()
    }

    pub(super) fn apis(&self) -> &ByName {
        &self.apis
    }

    pub(super) fn keys(&self) -> &ByName {
        &self.keys
    }

    pub(super) fn links(&self) -> &ByName {
        &self.links
    }
}
