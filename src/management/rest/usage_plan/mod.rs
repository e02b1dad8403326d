//! Usage plans: who may use which stages how much. `keys` puts API keys into plans, `usage` says what
//! they used.

pub(super) mod keys;
mod patch;
#[cfg(test)]
mod patch_tests;
#[cfg(test)]
mod tests;
mod usage;

use super::super::domain::mapping::{self, ApiKind};
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::{Answer, Call, answer, tagging};
use crate::aws::Fault;
use crate::resources::rest::Map;
use crate::resources::usage::{ApiStage, Quota, Throttle, UsagePlan, UsagePlanKey};
use serde::Deserialize;
use std::sync::Arc;

/// The operations of this folder.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateUsagePlan", create),
    read("GetUsagePlan", get),
    read("GetUsagePlans", list),
    write("UpdateUsagePlan", update),
    write("DeleteUsagePlan", delete),
    write("CreateUsagePlanKey", keys::create),
    read("GetUsagePlanKey", keys::get),
    read("GetUsagePlanKeys", keys::list),
    write("DeleteUsagePlanKey", keys::delete),
    read("GetUsage", usage::get),
    write("UpdateUsage", usage::update),
];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateInput {
    name: String,
    description: Option<String>,
    api_stages: Vec<ApiStage>,
    throttle: Option<Throttle>,
    quota: Option<Quota>,
    tags: Map,
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let input: CreateInput = call.input()?;
    let mut plan = UsagePlan {
        id: call.ids.short(),
        name: checked_name(input.name)?,
        description: input.description.filter(|text| !text.is_empty()),
        api_stages: Vec::new(),
        throttle: input.throttle,
        quota: input.quota,
        product_code: None,
        tags: input.tags,
    };
    tagging::check(&plan.tags)?;
    for ApiStage { api_id, stage, throttle } in input.api_stages {
        add_stage(call, &mut plan, &api_id, &stage, throttle)?;
    }
    check(&plan)?;
    let answer = Answer::of(&plan)?;
    let id = plan.id.clone();
    call.draft.put("", &id, plan);
    Ok(answer)
}

fn checked_name(name: String) -> Result<String, Fault> {
    match name.is_empty() {
        true => Err(Fault::bad_request("Usage Plan name cannot be blank")),
        false => Ok(name),
    }
}

/// Puts a stage into a plan; one that is in it already stays as it is.
fn add_stage(
    call: &Call<'_>,
    plan: &mut UsagePlan,
    api: &str,
    stage: &str,
    throttle: Map<Throttle>,
) -> Result<(), Fault> {
    if api.is_empty() || stage.is_empty() {
        return Err(Fault::bad_request("Invalid API Stage specified"));
    }
    if !is_stage(call, api, stage) {
        return Err(unknown_stage(&plan.id, api, stage));
    }
    if !covers(plan, api, stage) {
        check_other_plans(call, &plan.id, api, stage)?;
        plan.api_stages.push(ApiStage { api_id: api.into(), stage: stage.into(), throttle });
    }
    Ok(())
}

/// REST and WebSocket APIs know API keys; HTTP APIs do not.
fn is_stage(call: &Call<'_>, api: &str, stage: &str) -> bool {
    match mapping::api_kind(call, api) {
        Some(kind @ (ApiKind::Rest | ApiKind::WebSocket)) => {
            mapping::has_stage(call, kind, api, stage)
        }
        Some(ApiKind::Http) | None => false,
    }
}

fn unknown_stage(plan: &str, api: &str, stage: &str) -> Fault {
    Fault::not_found(format!(
        "Invalid API Stage {{api: {api}, stage: {stage}}} specified for usageplan {plan}"
    ))
}

fn covers(plan: &UsagePlan, api: &str, stage: &str) -> bool {
    plan.api_stages.iter().any(|it| it.api_id == api && it.stage == stage)
}

/// A key reaches a stage through one plan only: otherwise a request would have two limits.
fn check_other_plans(call: &Call<'_>, plan: &str, api: &str, stage: &str) -> Result<(), Fault> {
    let mut others = call.draft.list::<UsagePlan>("");
    others.retain(|other| other.id != plan && covers(other, api, stage));
    // Most stages have one plan, so the keys are seldom looked at.
    if others.is_empty() {
        return Ok(());
    }
    for key in call.draft.list::<UsagePlanKey>(plan) {
        for other in &others {
            if call.draft.has::<UsagePlanKey>(&other.id, &key.key_id) {
                return Err(overlap(&key.key_id, plan, &other.id, api, stage));
            }
        }
    }
    Ok(())
}

fn overlap(key: &str, plan: &str, other: &str, api: &str, stage: &str) -> Fault {
    Fault::conflict(format!(
        "The API Key {key} cannot be added to Usage Plan {plan}: it is already subscribed to Usage Plan {other} for stage {api}:{stage}"
    ))
}

/// Checks limits as a whole, after all of a call's changes.
fn check(plan: &UsagePlan) -> Result<(), Fault> {
    let of_methods = plan.api_stages.iter().flat_map(|stage| stage.throttle.values());
    for throttle in plan.throttle.iter().chain(of_methods) {
        if throttle.burst_limit < 0 || !throttle.rate_limit.is_finite() || throttle.rate_limit < 0.0
        {
            return Err(Fault::bad_request("Usage Plan throttle limits must not be negative"));
        }
    }
    let Some(quota) = &plan.quota else { return Ok(()) };
    if quota.limit < 0 {
        return Err(Fault::bad_request("Usage Plan quota limit must not be negative"));
    }
    let (last_offset, range) = match quota.period.as_str() {
        "DAY" => (0, "zero in the DAY period"),
        "WEEK" => (6, "between zero and six inclusive in the WEEK period"),
        "MONTH" => (27, "between zero and 27 inclusive in the MONTH period"),
        _ => {
            return Err(Fault::bad_request(
                "Usage Plan quota period must be one of: [DAY, WEEK, MONTH]",
            ));
        }
    };
    match (0..=last_offset).contains(&quota.offset) {
        true => Ok(()),
        false => Err(Fault::bad_request(format!("Usage Plan quota offset must be {range}"))),
    }
}

/// Takes a deleted API's stages out of all plans.
pub(in crate::management) fn forget_api(call: &mut Call<'_>, api: &str) {
    for plan in call.draft.list::<UsagePlan>("") {
        if plan.api_stages.iter().any(|stage| stage.api_id == api) {
            let mut changed = UsagePlan::clone(&plan);
            changed.api_stages.retain(|stage| stage.api_id != api);
            call.draft.put("", &plan.id, changed);
        }
    }
}

/// The plan that a call names.
///
/// # Errors
/// There is none.
fn find(call: &Call<'_>) -> Result<Arc<UsagePlan>, Fault> {
    by_id(call, call.text("usagePlanId"))
}

fn by_id(call: &Call<'_>, id: &str) -> Result<Arc<UsagePlan>, Fault> {
    let plan = call.draft.get::<UsagePlan>("", id);
    plan.ok_or_else(|| Fault::not_found("Invalid Usage Plan ID specified"))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    tagging::with_tags(&*find(call)?)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let key = call.text_of("keyId").filter(|key| !key.is_empty());
    let keep =
        |plan: &UsagePlan| key.is_none_or(|key| call.draft.has::<UsagePlanKey>(&plan.id, key));
    let plans = Page::v1(call).take_where(call, "", keep, |plan| &plan.id, answer::document)?;
    Ok(page::v1(plans))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut plan = (*find(call)?).clone();
    patch::apply(call, &mut plan)?;
    check(&plan)?;
    let answer = tagging::with_tags(&plan)?;
    let id = plan.id.clone();
    call.draft.put("", &id, plan);
    Ok(answer)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let plan = find(call)?;
    // Stages that are gone hold nothing back: there is nothing left to take them away from.
    let used = plan.api_stages.iter().find(|it| is_stage(call, &it.api_id, &it.stage));
    if let Some(stage) = used {
        return Err(Fault::bad_request(format!(
            "Cannot delete Usage Plan {} because there are API Stages associated with it, including {}:{}",
            plan.id, stage.api_id, stage.stage
        )));
    }
    call.draft.remove_owned(&plan.id);
    call.draft.remove::<UsagePlan>("", &plan.id);
    Ok(Answer::Empty)
}
