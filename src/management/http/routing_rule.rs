//! Routing rules: what is asked before a domain's mappings. The rule with the lowest priority whose
//! conditions all hold names the stage.

use super::super::domain::mapping::{self, ApiKind};
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::{Answer, Call, answer, domain};
use crate::aws::Fault;
use crate::resources::domain::{DomainName, MatchHeader, RoutingRule, RuleAction, RuleCondition};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateRoutingRule", create),
    read("GetRoutingRule", get),
    read("ListRoutingRules", list),
    write("PutRoutingRule", put),
    write("DeleteRoutingRule", delete),
];

/// The last to be asked.
const PRIORITY_MAX: i64 = 1_000_000;

/// Conditions on the path, of one rule.
const PATHS_MAX: usize = 1;

/// Conditions on headers, of one rule.
const HEADERS_MAX: usize = 2;

/// Characters of a header's name.
const HEADER_CHARACTERS_MAX: usize = 40;

/// Characters of a pattern.
const GLOB_CHARACTERS_MAX: usize = 128;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Input {
    priority: i64,
    conditions: Vec<RuleCondition>,
    actions: Vec<RuleAction>,
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let domain = domain::find_v2(call)?;
    let id = call.ids.short();
    store(call, &domain, &id)
}

fn put(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (domain, before) = find(call)?;
    store(call, &domain, &before.routing_rule_id)
}

fn store(call: &mut Call<'_>, domain: &DomainName, id: &str) -> Result<Answer, Fault> {
    let mut input: Input = call.input()?;
    if !(1..=PRIORITY_MAX).contains(&input.priority) {
        return Err(Fault::bad_request(format!(
            "Invalid priority specified: {}. Must be between 1 and {PRIORITY_MAX}",
            input.priority
        )));
    }
    check_conditions(&input.conditions)?;
    check_actions(call, &mut input.actions)?;
    let owner = domain::id(domain);
    let rules = call.draft.list::<RoutingRule>(&owner);
    if rules.iter().any(|it| it.priority == input.priority && it.routing_rule_id != id) {
        return Err(Fault::conflict(format!(
            "A routing rule with priority {} already exists for this domain name",
            input.priority
        )));
    }
    let rule = RoutingRule {
        routing_rule_id: id.to_owned(),
        routing_rule_arn: format!(
            "arn:aws:apigateway:{}:{}:/domainnames/{owner}/routingrules/{id}",
            call.region(),
            call.settings.account_id
        ),
        priority: input.priority,
        conditions: input.conditions,
        actions: input.actions,
    };
    let answer = Answer::of(&rule)?;
    call.draft.put(&owner, id, rule);
    Ok(answer)
}

fn check_conditions(conditions: &[RuleCondition]) -> Result<(), Fault> {
    let refused = |text: &str| Err(Fault::bad_request(format!("Invalid routing rule: {text}")));
    let (mut paths, mut headers) = (0, 0);
    for condition in conditions {
        match (&condition.match_base_paths, &condition.match_headers) {
            (Some(of_path), None) => {
                paths += 1;
                let [path] = of_path.any_of.as_slice() else {
                    return refused("matchBasePaths must have exactly one base path");
                };
                if path.is_empty() {
                    return refused("the base path must not be empty");
                }
                mapping::check_key(path)?;
            }
            (None, Some(of_headers)) => {
                headers += 1;
                if of_headers.any_of.is_empty() {
                    return refused("matchHeaders must have a header");
                }
                for header in &of_headers.any_of {
                    check_header(header)?;
                }
            }
            (None, None) | (Some(_), Some(_)) => {
                return refused("a condition has either matchBasePaths or matchHeaders");
            }
        }
    }
    match paths <= PATHS_MAX && headers <= HEADERS_MAX {
        true => Ok(()),
        false => refused("at most one condition on base paths and two on headers"),
    }
}

fn check_header(header: &MatchHeader) -> Result<(), Fault> {
    let is_name = |name: &str| {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        (1..=HEADER_CHARACTERS_MAX).contains(&name.len()) && name.bytes().all(is_token)
    };
    if !is_name(&header.header) {
        return Err(Fault::bad_request(format!(
            "Invalid routing rule: header names have 1 to {HEADER_CHARACTERS_MAX} characters of a token"
        )));
    }
    let glob = header.value_glob.as_str();
    if glob.is_empty() || glob.chars().count() > GLOB_CHARACTERS_MAX {
        return Err(Fault::bad_request(format!(
            "Invalid routing rule: header values have 1 to {GLOB_CHARACTERS_MAX} characters"
        )));
    }
    let inner = glob.strip_prefix('*').unwrap_or(glob);
    let inner = inner.strip_suffix('*').unwrap_or(inner);
    match inner.contains('*') {
        false => Ok(()),
        true => Err(Fault::bad_request(
            "Invalid routing rule: '*' may stand only at the ends of a header value",
        )),
    }
}

fn check_actions(call: &Call<'_>, actions: &mut [RuleAction]) -> Result<(), Fault> {
    let [RuleAction { invoke_api: target }] = actions else {
        return Err(Fault::bad_request("Invalid routing rule: exactly one action is expected"));
    };
    match mapping::api_kind(call, &target.api_id) {
        None => return Err(mapping::unknown_api(call, &target.api_id)),
        Some(ApiKind::WebSocket) => {
            return Err(Fault::bad_request("Routing rules are not supported for WebSocket APIs"));
        }
        Some(kind) if !mapping::has_stage(call, kind, &target.api_id, &target.stage) => {
            return Err(mapping::unknown_stage());
        }
        Some(_) => {}
    }
    target.strip_base_path.get_or_insert(false);
    Ok(())
}

fn find(call: &Call<'_>) -> Result<(Arc<DomainName>, Arc<RoutingRule>), Fault> {
    let domain = domain::find_v2(call)?;
    let found = call.draft.get::<RoutingRule>(&domain::id(&domain), call.text("routingRuleId"));
    let found =
        found.ok_or_else(|| Fault::not_found("Invalid routing rule identifier specified"))?;
    Ok((domain, found))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Answer::of(&*find(call)?.1)
}

/// Under another name than v2's other lists.
fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let owner = domain::id(&*domain::find_v2(call)?);
    let (rules, next) = Page::v2(call)?.take(
        call,
        &owner,
        |it: &RoutingRule| &it.routing_rule_id,
        answer::document,
    )?;
    let Answer::Json(list) = page::v2((Vec::new(), next)) else { return Err(Fault::internal()) };
    let mut answer = json!({ "routingRules": rules });
    if let Some(next) = list.get("nextToken") {
        answer["nextToken"] = next.clone();
    }
    Ok(Answer::Json(answer))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (domain, found) = find(call)?;
    call.draft.remove::<RoutingRule>(&domain::id(&domain), &found.routing_rule_id);
    Ok(Answer::Empty)
}

#[cfg(test)]
#[path = "routing_rule_tests.rs"]
mod tests;
