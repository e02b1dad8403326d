//! Makes what belongs to no API what a document declares: the account, links and certificates that APIs
//! use, and the keys, plans and domain names that use APIs.

use super::apply::{Runner, endpoint, entries, find, inner, own, text, with};
use super::form::{
    API_KEY, CLIENT_CERTIFICATE, DOMAIN_NAME, Form, HTTP_VPC_LINK, MAPPING, PLAN_STAGE,
    PLAN_THROTTLE, USAGE_PLAN, VPC_LINK,
};
use super::present::{Secrets, domain_id, shared};
use crate::aws::Fault;
use crate::management::rest::api_key::hash;
use crate::resources::account::{ClientCertificate, HttpVpcLink, VpcLink};
use crate::resources::domain::{ApiMapping, DomainClaim, DomainName, RoutingRule};
use crate::resources::http::Api;
use crate::resources::rest::RestApi;
use crate::resources::usage::{ApiKey, ApiKeyValue, UsagePlan, UsagePlanKey};
use serde_json::{Map, Value, json};
use std::sync::Arc;

type Tree = Map<String, Value>;

/// What is declared, by ids: what pruning keeps.
#[derive(Debug, Default)]
pub(super) struct Kept {
    certificates: Vec<String>,
    links: Vec<String>,
    keys: Vec<String>,
    plans: Vec<String>,
    domains: Vec<String>,
}

/// Takes a look at what there is, for all nouns at once: none changes another's form.
fn look(runner: &mut Runner<'_, '_>) {
    let mut tree = Map::new();
    shared(&runner.call.draft, &runner.names(), Secrets::Written, &mut tree);
    runner.shared = tree;
}

/// What APIs use.
pub(super) fn before_apis(runner: &mut Runner<'_, '_>) -> Kept {
    look(runner);
    runner.attempt(&["account"], account);
    let mut links = runner.each("vpc_link", vpc_link);
    links.extend(runner.each("http_vpc_link", http_vpc_link));
    Kept { certificates: runner.each("client_certificate", certificate), links, ..Kept::default() }
}

/// What uses APIs.
pub(super) fn after_apis(runner: &mut Runner<'_, '_>, kept: &mut Kept) {
    look(runner);
    kept.keys = runner.each("api_key", key);
    // Plans name keys, which may be new.
    look(runner);
    kept.plans = runner.each("usage_plan", plan);
    kept.domains = runner.each("domain_name", domain);
}

/// Deletes keys, plans and domain names that are not declared.
pub(super) fn delete_users(runner: &mut Runner<'_, '_>, kept: &Kept) {
    for it in runner.call.draft.list::<DomainName>("") {
        let id = domain_id(&it);
        if !kept.domains.contains(&id) {
            runner.attempt(&[], |runner| {
                for mapping in runner.call.draft.list::<ApiMapping>(&id) {
                    delete_mapping(runner, &it, &mapping)?;
                }
                runner.v1("DeleteDomainName", Value::Object(domain_input(&it)))
            });
        }
    }
    for it in runner.call.draft.list::<UsagePlan>("") {
        if !kept.plans.contains(&it.id) {
            runner.attempt(&[], |runner| {
                // A plan that covers stages is not deleted.
                let mut bare = UsagePlan::clone(&it);
                bare.api_stages.clear();
                runner.call.draft.put("", &it.id, bare);
                runner.v1("DeleteUsagePlan", json!({"usagePlanId": it.id}))
            });
        }
    }
    for it in runner.call.draft.list::<ApiKey>("") {
        if !kept.keys.contains(&it.id) {
            runner.attempt(&[], |runner| runner.v1("DeleteApiKey", json!({"apiKey": it.id})));
        }
    }
}

/// Deletes APIs, links and certificates that are not declared.
pub(super) fn delete_rest(runner: &mut Runner<'_, '_>, apis: &[&String], kept: &Kept) {
    for it in runner.call.draft.list::<RestApi>("") {
        if !apis.contains(&&it.id) {
            runner.attempt(&[], |runner| runner.v1("DeleteRestApi", json!({"restApiId": it.id})));
        }
    }
    for it in runner.call.draft.list::<Api>("") {
        if !apis.contains(&&it.api_id) {
            runner.attempt(&[], |runner| runner.v2("DeleteApi", json!({"apiId": it.api_id})));
        }
    }
    for it in runner.call.draft.list::<VpcLink>("") {
        if !kept.links.contains(&it.id) {
            runner.attempt(&[], |runner| runner.v1("DeleteVpcLink", json!({"vpcLinkId": it.id})));
        }
    }
    for it in runner.call.draft.list::<HttpVpcLink>("") {
        if !kept.links.contains(&it.vpc_link_id) {
            let input = json!({"vpcLinkId": it.vpc_link_id});
            runner.attempt(&[], |runner| runner.v2("DeleteVpcLink", input));
        }
    }
    for it in runner.call.draft.list::<ClientCertificate>("") {
        if !kept.certificates.contains(&it.client_certificate_id) {
            let input = json!({"clientCertificateId": it.client_certificate_id});
            runner.attempt(&[], |runner| runner.v1("DeleteClientCertificate", input));
        }
    }
}

/// A noun as it is, in the declared form.
fn present(runner: &Runner<'_, '_>, form: &Form, list: &str, id: &str) -> Tree {
    let nouns = runner.shared.get(list).and_then(Value::as_array).into_iter().flatten();
    let mut nouns = nouns.filter_map(Value::as_object);
    let is_it = |noun: &&Tree| match list {
        "domain_name" => text(noun, "name").is_some_and(|name| match text(noun, "id") {
            Some(private) => format!("{name}+{private}") == id,
            None => name == id,
        }),
        _ => text(noun, "id") == Some(id),
    };
    nouns.find(is_it).map(|noun| form.plain(noun)).unwrap_or_default()
}

/// Whether what is declared is what is there; secrets that are not declared stay as they are.
fn is_same(runner: &Runner<'_, '_>, form: &Form, list: &str, id: &str, tree: &Tree) -> bool {
    let are = own(form, &present(runner, form, list, id));
    let declared = own(form, tree);
    let is_open = |key: &String| {
        ["value", "private_key", "certificate", "certificate_body", "certificate_private_key"]
            .contains(&&**key)
            || key == "certificate_chain"
    };
    let are: Tree =
        are.into_iter().filter(|(key, _)| declared.contains_key(key) || !is_open(key)).collect();
    are == declared
}

fn account(runner: &mut Runner<'_, '_>) -> Result<(), Fault> {
    let Some(tree) = runner.document.tree.get("account").and_then(Value::as_object) else {
        return Ok(());
    };
    let mut are = Map::new();
    shared(&runner.call.draft, &runner.names(), Secrets::Hidden, &mut are);
    if inner(&are, "account") == tree {
        return Ok(());
    }
    let arn = tree.get("cloudwatch_role_arn").cloned().unwrap_or_default();
    let patch = json!([{"op": "replace", "path": "/cloudwatchRoleArn", "value": arn}]);
    runner.v1("UpdateAccount", json!({"patchOperations": patch})).map(drop)
}

fn vpc_link(runner: &mut Runner<'_, '_>, tree: &Tree) -> Result<String, Fault> {
    let all = runner.call.draft.list::<VpcLink>("");
    let nouns: Vec<_> = all.iter().map(|it| (it.id.clone(), it.name.clone())).collect();
    let known = runner.known("VPC link", tree, &nouns)?;
    if let Some(id) = &known {
        if is_same(runner, &VPC_LINK, "vpc_link", id, tree) {
            return Ok(id.clone());
        }
        runner.call.draft.remove::<VpcLink>("", id);
    }
    let mut input = VPC_LINK.wire(tree);
    input.remove("id");
    let made = runner.v1("CreateVpcLink", Value::Object(input))?;
    let made = made["id"].as_str().unwrap_or_default();
    let id = known.as_deref().or_else(|| text(tree, "id")).unwrap_or(made).to_owned();
    runner.settle::<VpcLink>("", made, &id, |it| it.id.clone_from(&id))?;
    Ok(id)
}

fn http_vpc_link(runner: &mut Runner<'_, '_>, tree: &Tree) -> Result<String, Fault> {
    let all = runner.call.draft.list::<HttpVpcLink>("");
    let nouns: Vec<_> = all.iter().map(|it| (it.vpc_link_id.clone(), it.name.clone())).collect();
    let known = runner.known("VPC link", tree, &nouns)?;
    let before = known.as_ref().and_then(|id| find(&all, |it| it.vpc_link_id == *id)).cloned();
    if let Some(id) = &known {
        if is_same(runner, &HTTP_VPC_LINK, "http_vpc_link", id, tree) {
            return Ok(id.clone());
        }
        runner.call.draft.remove::<HttpVpcLink>("", id);
    }
    let mut input = HTTP_VPC_LINK.wire(tree);
    input.remove("vpcLinkId");
    let made = runner.v2("CreateVpcLink", Value::Object(input))?;
    let made = made["vpcLinkId"].as_str().unwrap_or_default();
    let id = known.as_deref().or_else(|| text(tree, "id")).unwrap_or(made).to_owned();
    runner.settle::<HttpVpcLink>("", made, &id, |it| {
        it.vpc_link_id.clone_from(&id);
        if let Some(before) = &before {
            it.created_date = before.created_date;
        }
    })?;
    Ok(id)
}

fn certificate(runner: &mut Runner<'_, '_>, tree: &Tree) -> Result<String, Fault> {
    let all = runner.call.draft.list::<ClientCertificate>("");
    // Certificates have no names; one without an id is known by its description.
    let name = |it: &Arc<ClientCertificate>| it.description.clone().unwrap_or_default();
    let nouns: Vec<_> = all.iter().map(|it| (it.client_certificate_id.clone(), name(it))).collect();
    let mut named = tree.clone();
    named.insert("name".into(), tree.get("description").cloned().unwrap_or_default());
    let known = runner.known("client certificate", &named, &nouns)?;
    let before = known.as_ref().and_then(|id| find(&all, |it| it.client_certificate_id == *id));
    let before = before.cloned();
    if let Some(id) = &known
        && is_same(runner, &CLIENT_CERTIFICATE, "client_certificate", id, tree)
    {
        return Ok(id.clone());
    }
    let mut input = CLIENT_CERTIFICATE.wire(tree);
    input.remove("clientCertificateId");
    let made = runner.v1("GenerateClientCertificate", Value::Object(input))?;
    let made = made["clientCertificateId"].as_str().unwrap_or_default();
    let id = known.as_deref().or_else(|| text(tree, "id")).unwrap_or(made).to_owned();
    let (pem, secret) = (text(tree, "certificate"), text(tree, "private_key"));
    runner.settle::<ClientCertificate>("", made, &id, |it| {
        it.client_certificate_id.clone_from(&id);
        if let Some(before) = &before {
            it.pem_encoded_certificate.clone_from(&before.pem_encoded_certificate);
            it.private_key.clone_from(&before.private_key);
            it.created_date = before.created_date;
            it.expiration_date = before.expiration_date;
        }
        // Both or none: a certificate with another's key would prove nothing.
        if let (Some(pem), Some(secret)) = (pem, secret) {
            pem.clone_into(&mut it.pem_encoded_certificate);
            secret.clone_into(&mut it.private_key);
        }
    })?;
    Ok(id)
}

fn key(runner: &mut Runner<'_, '_>, tree: &Tree) -> Result<String, Fault> {
    let all = runner.call.draft.list::<ApiKey>("");
    let name = |it: &Arc<ApiKey>| it.name.clone().unwrap_or_default();
    let nouns: Vec<_> = all.iter().map(|it| (it.id.clone(), name(it))).collect();
    let known = runner.known("API key", tree, &nouns)?;
    let before = known.as_ref().and_then(|id| find(&all, |it| it.id == *id)).cloned();
    if let Some(id) = &known
        && is_same(runner, &API_KEY, "api_key", id, tree)
    {
        return Ok(id.clone());
    }
    let mut input = API_KEY.wire(tree);
    input.remove("id");
    input.entry("enabled").or_insert(Value::Bool(true));
    let value = text(tree, "value").or_else(|| before.as_ref().map(|it| it.value.as_str()));
    if let Some(value) = value {
        input.insert("value".into(), json!(value));
    }
    if let Some(before) = &before {
        runner.call.draft.remove::<ApiKey>("", &before.id);
        runner.call.draft.remove::<ApiKeyValue>("", &hash(&before.value));
    }
    let made = runner.v1("CreateApiKey", Value::Object(input))?;
    let made = made["id"].as_str().unwrap_or_default();
    let id = known.as_deref().or_else(|| text(tree, "id")).unwrap_or(made).to_owned();
    let mut place = String::new();
    runner.settle::<ApiKey>("", made, &id, |it| {
        it.id.clone_from(&id);
        place = hash(&it.value);
        if let Some(before) = &before {
            it.created_date = before.created_date;
            it.stage_keys.clone_from(&before.stage_keys);
        }
    })?;
    runner.call.draft.put("", &place, ApiKeyValue { key_id: id.clone() });
    Ok(id)
}

fn plan(runner: &mut Runner<'_, '_>, tree: &Tree) -> Result<String, Fault> {
    let all = runner.call.draft.list::<UsagePlan>("");
    let nouns: Vec<_> = all.iter().map(|it| (it.id.clone(), it.name.clone())).collect();
    let known = runner.known("usage plan", tree, &nouns)?;
    if let Some(id) = &known {
        let are = present(runner, &USAGE_PLAN, "usage_plan", id);
        let without_id = |tree: &Tree| {
            let mut tree = tree.clone();
            tree.remove("id");
            tree
        };
        if without_id(&are) == without_id(tree) {
            return Ok(id.clone());
        }
        runner.call.draft.remove::<UsagePlan>("", id);
    }
    let mut input = USAGE_PLAN.wire(tree);
    input.remove("id");
    let stages = tree.get("stage").and_then(Value::as_array).into_iter().flatten();
    let mut api_stages = Vec::new();
    for (index, stage) in stages.filter_map(Value::as_object).enumerate() {
        runner.attempt(&["stage", &index.to_string()], |runner| {
            let mut entry = PLAN_STAGE.wire(stage);
            let api = runner.api_named(text(stage, "api").unwrap_or_default())?;
            entry.insert("apiId".into(), json!(api));
            let throttles = entries(stage, "throttle")
                .map(|(method, it)| (method.clone(), Value::Object(PLAN_THROTTLE.wire(it))));
            let throttles: Tree = throttles.collect();
            if !throttles.is_empty() {
                entry.insert("throttle".into(), Value::Object(throttles));
            }
            api_stages.push(Value::Object(entry));
            Ok(())
        });
    }
    input.insert("apiStages".into(), Value::Array(api_stages));
    let made = runner.v1("CreateUsagePlan", Value::Object(input))?;
    let made = made["id"].as_str().unwrap_or_default();
    let id = known.as_deref().or_else(|| text(tree, "id")).unwrap_or(made).to_owned();
    runner.settle::<UsagePlan>("", made, &id, |it| it.id.clone_from(&id))?;
    keys_of_plan(runner, &id, tree)?;
    Ok(id)
}

fn keys_of_plan(runner: &mut Runner<'_, '_>, plan: &str, tree: &Tree) -> Result<(), Fault> {
    let names = tree.get("keys").and_then(Value::as_array).into_iter().flatten();
    let mut wanted = Vec::new();
    for name in names.filter_map(Value::as_str) {
        runner.attempt(&["keys"], |runner| {
            let names = runner.names();
            wanted.push(runner.one_named("API key", name, &names.keys().ids(name))?);
            Ok(())
        });
    }
    let are = runner.call.draft.list::<UsagePlanKey>(plan);
    for gone in are.iter().filter(|it| !wanted.contains(&it.key_id)) {
        runner.v1("DeleteUsagePlanKey", json!({"usagePlanId": plan, "keyId": gone.key_id}))?;
    }
    for key in wanted.iter().filter(|key| !are.iter().any(|it| it.key_id == **key)) {
        let input = json!({"usagePlanId": plan, "keyId": key, "keyType": "API_KEY"});
        runner.attempt(&["keys"], |runner| runner.v1("CreateUsagePlanKey", input));
    }
    Ok(())
}

fn domain(runner: &mut Runner<'_, '_>, tree: &Tree) -> Result<String, Fault> {
    let name = text(tree, "name").unwrap_or_default().to_ascii_lowercase();
    let place = match text(tree, "id") {
        Some(id) => format!("{name}+{id}"),
        None => name.clone(),
    };
    let before = runner.call.draft.get::<DomainName>("", &place);
    if before.is_none() || !is_same(runner, &DOMAIN_NAME, "domain_name", &place, tree) {
        domain_settings(runner, tree, &name, &place, before.as_deref())?;
    }
    let noun = runner.call.draft.get::<DomainName>("", &place).ok_or_else(Fault::internal)?;
    mappings(runner, tree, &noun, &place)?;
    rules(runner, tree, &noun, &place)?;
    Ok(place)
}

fn domain_settings(
    runner: &mut Runner<'_, '_>,
    tree: &Tree,
    name: &str,
    place: &str,
    before: Option<&DomainName>,
) -> Result<(), Fault> {
    let mut input = DOMAIN_NAME.wire(tree);
    for member in ["domainNameId", "managementPolicy"] {
        input.remove(member);
    }
    input.insert("endpointConfiguration".into(), endpoint(tree));
    for (key, member, was) in [
        ("certificate_body", "certificateBody", before.and_then(|it| it.certificate_body.as_ref())),
        (
            "certificate_private_key",
            "certificatePrivateKey",
            before.and_then(|it| it.certificate_private_key.as_ref()),
        ),
        (
            "certificate_chain",
            "certificateChain",
            before.and_then(|it| it.certificate_chain.as_ref()),
        ),
    ] {
        // An uploaded certificate stays as long as the file speaks of it and says no other.
        let is_kept = input.contains_key("certificateName");
        if let Some(text) = text(tree, key).or_else(|| was.map(String::as_str).filter(|_| is_kept))
        {
            input.insert(member.into(), json!(text));
        }
    }
    if before.is_some() {
        runner.call.draft.remove::<DomainName>("", place);
        let draft = &mut runner.call.draft;
        draft.in_region("", |draft| draft.remove::<DomainClaim>("", name));
    }
    let made = runner.v1("CreateDomainName", Value::Object(input))?;
    let new = made["domainNameId"].as_str();
    let made = match new {
        Some(id) => format!("{name}+{id}"),
        None => name.to_owned(),
    };
    let private = text(tree, "id").map(str::to_owned);
    let new = new.map(str::to_owned);
    let policy = text(tree, "management_policy").map(str::to_owned);
    runner.settle::<DomainName>("", &made, place, |it| {
        if let (Some(private), Some(new)) = (&private, &new) {
            it.domain_name_arn = it.domain_name_arn.take().map(|arn| arn.replace(new, private));
            it.domain_name_id = Some(private.clone());
        }
        it.management_policy = policy.or_else(|| it.management_policy.take());
        let Some(before) = before else { return };
        // Clients' DNS points to the targets that they were told of.
        let same = before.endpoint_configuration.types == it.endpoint_configuration.types;
        if same {
            it.regional_domain_name.clone_from(&before.regional_domain_name);
            it.distribution_domain_name.clone_from(&before.distribution_domain_name);
            it.certificate_upload_date = before.certificate_upload_date;
        }
    })
}

/// The members that name a domain name.
fn domain_input(domain: &DomainName) -> Tree {
    let mut input = Map::new();
    input.insert("domainName".into(), json!(domain.domain_name));
    if let Some(id) = &domain.domain_name_id {
        input.insert("domainNameId".into(), json!(id));
    }
    input
}

/// A mapping's key as v1 and the store have it.
fn base_path(key: &str) -> &str {
    if key.is_empty() { "(none)" } else { key }
}

/// Only the newer service knows paths of several segments.
fn delete_mapping(
    runner: &mut Runner<'_, '_>,
    domain: &DomainName,
    mapping: &ApiMapping,
) -> Result<(), Fault> {
    let key = &mapping.api_mapping_key;
    if key.contains('/') {
        let id = &mapping.api_mapping_id;
        let input = json!({"domainName": domain.domain_name, "apiMappingId": id});
        return runner.v2("DeleteApiMapping", input).map(drop);
    }
    let mut input = domain_input(domain);
    input.insert("basePath".into(), json!(base_path(key)));
    runner.v1("DeleteBasePathMapping", Value::Object(input)).map(drop)
}

fn mappings(
    runner: &mut Runner<'_, '_>,
    tree: &Tree,
    domain: &DomainName,
    place: &str,
) -> Result<(), Fault> {
    let present = present(runner, &DOMAIN_NAME, "domain_name", place);
    let (declared, are) = (inner(tree, "mapping"), inner(&present, "mapping"));
    for key in are.keys().filter(|key| !declared.contains_key(*key)) {
        if let Some(mapping) = runner.call.draft.get::<ApiMapping>(place, base_path(key)) {
            delete_mapping(runner, domain, &mapping)?;
        }
    }
    for (key, tree) in entries(tree, "mapping") {
        if are.get(key).and_then(Value::as_object) == Some(tree) {
            continue;
        }
        runner.attempt(&["mapping", key], |runner| {
            let before = runner.call.draft.get::<ApiMapping>(place, base_path(key));
            runner.call.draft.remove::<ApiMapping>(place, base_path(key));
            let api = runner.api_named(text(tree, "api").unwrap_or_default())?;
            let mut input = MAPPING.wire(tree);
            let types = &domain.endpoint_configuration.types;
            // The newer service knows HTTP APIs and paths of several segments, the older one the
            // other kinds of domain names and mappings without a stage.
            let is_newer = types.iter().all(|it| it == "REGIONAL")
                && domain.security_policy != "TLS_1_0"
                && input.contains_key("stage");
            input.extend(domain_input(domain));
            if is_newer {
                input.remove("domainNameId");
                runner.v2(
                    "CreateApiMapping",
                    with(input, &[("apiId", &api), ("apiMappingKey", key)]),
                )?;
            } else {
                runner.v1(
                    "CreateBasePathMapping",
                    with(input, &[("restApiId", &api), ("basePath", base_path(key))]),
                )?;
            }
            let Some(before) = before else { return Ok(()) };
            runner.settle::<ApiMapping>(place, base_path(key), base_path(key), |it| {
                it.api_mapping_id.clone_from(&before.api_mapping_id);
            })
        });
    }
    Ok(())
}

fn rules(
    runner: &mut Runner<'_, '_>,
    tree: &Tree,
    domain: &DomainName,
    place: &str,
) -> Result<(), Fault> {
    let list = |tree: &Tree| {
        tree.get("routing_rule").and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let declared = list(tree);
    let are = list(&present(runner, &DOMAIN_NAME, "domain_name", place));
    let known = runner.call.draft.list::<RoutingRule>(place);
    for rule in &known {
        if !declared.iter().any(|it| it["priority"] == rule.priority) {
            let mut input = domain_input(domain);
            input.insert("routingRuleId".into(), json!(rule.routing_rule_id));
            runner.v2("DeleteRoutingRule", Value::Object(input))?;
        }
    }
    for (index, rule) in declared.iter().enumerate() {
        if are.contains(rule) {
            continue;
        }
        runner.attempt(&["routing_rule", &index.to_string()], |runner| {
            let api = runner.api_named(rule["api"].as_str().unwrap_or_default())?;
            let mut invoke = json!({"apiId": api, "stage": rule["stage"]});
            if let Some(strip) = rule.get("strip_base_path") {
                invoke["stripBasePath"] = strip.clone();
            }
            let mut conditions = Vec::new();
            if let Some(paths) = rule.get("base_paths") {
                conditions.push(json!({"matchBasePaths": {"anyOf": paths}}));
            }
            if let Some(headers) = rule.get("headers").and_then(Value::as_array) {
                let header =
                    |it: &Value| json!({"header": it["header"], "valueGlob": it["value_glob"]});
                let headers: Vec<Value> = headers.iter().map(header).collect();
                conditions.push(json!({"matchHeaders": {"anyOf": headers}}));
            }
            let mut input = domain_input(domain);
            input.insert("priority".into(), rule["priority"].clone());
            input.insert("conditions".into(), Value::Array(conditions));
            input.insert("actions".into(), json!([{"invokeApi": invoke}]));
            match known.iter().find(|it| rule["priority"] == it.priority) {
                Some(before) => {
                    input.insert("routingRuleId".into(), json!(before.routing_rule_id));
                    runner.v2("PutRoutingRule", Value::Object(input))
                }
                None => runner.v2("CreateRoutingRule", Value::Object(input)),
            }
        });
    }
    Ok(())
}
