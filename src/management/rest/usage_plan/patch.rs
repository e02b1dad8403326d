//! What `UpdateUsagePlan` may change.

use super::super::super::Call;
use super::super::super::patch::{self, Family, Op, PatchOperation};
use super::{add_stage, checked_name, unknown_stage};
use crate::aws::Fault;
use crate::resources::rest::Map;
use crate::resources::usage::{ApiStage, Throttle, UsagePlan};

/// Amazon's own list, its spelling kept; the other two are in the order of letters.
const REMOVE: &[&str] = &[
    "/apiStages",
    "/quota",
    "/throttle",
    "/productCode",
    "/apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>",
    "/apiStages/<apidId:stageName>/throttle",
];

const FAMILY: Family = Family::Listed {
    add: &[
        "/apiStages",
        "/productCode",
        "/quota/limit",
        "/quota/offset",
        "/quota/period",
        "/throttle/burstLimit",
        "/throttle/rateLimit",
    ],
    remove: REMOVE,
    replace: &[
        "/description",
        "/name",
        "/productCode",
        "/quota/limit",
        "/quota/offset",
        "/quota/period",
        "/throttle/burstLimit",
        "/throttle/rateLimit",
    ],
};

/// Applies a call's operations in order; what they leave is checked as a whole by the caller.
pub(super) fn apply(call: &Call<'_>, plan: &mut UsagePlan) -> Result<(), Fault> {
    for operation in patch::operations(call)? {
        apply_one(call, plan, &operation)?;
    }
    Ok(())
}

fn apply_one(
    call: &Call<'_>,
    plan: &mut UsagePlan,
    operation: &PatchOperation,
) -> Result<(), Fault> {
    let path = operation.path.as_deref().unwrap_or("null");
    match (path, operation.op) {
        ("/name", Op::Replace) => {
            plan.name = checked_name(operation.value.clone().unwrap_or_default())?;
        }
        ("/description", Op::Replace) => plan.description = operation.non_empty(),
        ("/productCode", Op::Add | Op::Replace) => plan.product_code = operation.non_empty(),
        ("/productCode", Op::Remove) => plan.product_code = None,
        ("/apiStages", Op::Add) => {
            let (api, stage) = api_stage(operation.value.as_deref())?;
            add_stage(call, plan, api, stage, Map::new())?;
        }
        ("/apiStages", Op::Remove) => {
            let (api, stage) = api_stage(operation.value.as_deref())?;
            let index = index_of(plan, api, stage)?;
            plan.api_stages.remove(index);
        }
        ("/throttle", Op::Remove) => plan.throttle = None,
        ("/quota", Op::Remove) => plan.quota = None,
        ("/throttle/rateLimit", Op::Add | Op::Replace) => {
            plan.throttle.get_or_insert_default().rate_limit = rate(operation)?;
        }
        ("/throttle/burstLimit", Op::Add | Op::Replace) => {
            plan.throttle.get_or_insert_default().burst_limit = count(operation)?;
        }
        ("/quota/limit", Op::Add | Op::Replace) => {
            plan.quota.get_or_insert_default().limit = count(operation)?;
        }
        ("/quota/offset", Op::Add | Op::Replace) => {
            plan.quota.get_or_insert_default().offset = count(operation)?;
        }
        ("/quota/period", Op::Add | Op::Replace) => {
            let period = operation.value.clone().unwrap_or_default();
            plan.quota.get_or_insert_default().period = period;
        }
        _ => match stage_throttle(path) {
            Some((stage, rest)) => change_stage_throttle(plan, operation, stage, rest)?,
            None => return Err(refused(operation)),
        },
    }
    Ok(())
}

/// A refused `remove` is always answered with what can be removed.
fn refused(operation: &PatchOperation) -> Fault {
    match operation.op {
        Op::Remove => Family::Listed { add: &[], remove: REMOVE, replace: &[] }.bad_path(operation),
        _ => FAMILY.bad_path(operation),
    }
}

/// `api:stage`.
fn api_stage(value: Option<&str>) -> Result<(&str, &str), Fault> {
    match value.and_then(|value| value.split_once(':')) {
        Some((api, stage)) if !api.is_empty() && !stage.is_empty() && !stage.contains(':') => {
            Ok((api, stage))
        }
        _ => Err(Fault::bad_request("Invalid API Stage specified")),
    }
}

fn index_of(plan: &UsagePlan, api: &str, stage: &str) -> Result<usize, Fault> {
    let is_it = |it: &ApiStage| it.api_id == api && it.stage == stage;
    plan.api_stages.iter().position(is_it).ok_or_else(|| unknown_stage(&plan.id, api, stage))
}

/// `/apiStages/{api:stage}/throttle`, and what follows it: nothing, or a method. Users write a
/// method's path escaped (Amazon's guide), or as it is (Terraform), so it is not split at slashes.
fn stage_throttle(path: &str) -> Option<(&str, Option<&str>)> {
    let (stage, rest) = path.strip_prefix("/apiStages/")?.split_once('/')?;
    let rest = rest.strip_prefix("throttle")?;
    match rest.strip_prefix('/') {
        Some(method) => Some((stage, Some(method))),
        None => rest.is_empty().then_some((stage, None)),
    }
}

fn change_stage_throttle(
    plan: &mut UsagePlan,
    operation: &PatchOperation,
    stage: &str,
    method: Option<&str>,
) -> Result<(), Fault> {
    let stage = patch::unescape(stage);
    let (api, stage) = api_stage(Some(&stage))?;
    let index = index_of(plan, api, stage)?;
    let throttle = &mut plan.api_stages[index].throttle;
    match (method, operation.op) {
        (None, Op::Remove) => throttle.clear(),
        (None, Op::Add | Op::Replace) => {
            let text = operation.value.as_deref().unwrap_or_default();
            *throttle = serde_json::from_str::<Map<Throttle>>(text).map_err(|_| {
                Fault::bad_request("Invalid method throttle settings specified, expected a map")
            })?;
        }
        (Some(method), Op::Remove) => {
            let key = method_key(method).ok_or_else(|| refused(operation))?;
            throttle.remove(&key);
        }
        (Some(path), Op::Add | Op::Replace) => {
            let (method, limit) = path.rsplit_once('/').ok_or_else(|| refused(operation))?;
            let key = method_key(method).ok_or_else(|| refused(operation))?;
            match limit {
                "rateLimit" => throttle.entry(key).or_default().rate_limit = rate(operation)?,
                "burstLimit" => throttle.entry(key).or_default().burst_limit = count(operation)?,
                _ => return Err(refused(operation)),
            }
        }
        (_, Op::Move | Op::Copy | Op::Test) => return Err(refused(operation)),
    }
    Ok(())
}

/// `{resource}/{VERB}` as answers show it.
fn method_key(text: &str) -> Option<String> {
    let key = patch::unescape(text);
    let (_, verb) = key.rsplit_once('/')?;
    let is_verb = !verb.is_empty() && verb.bytes().all(|byte| byte.is_ascii_uppercase());
    (is_verb || verb == "*").then_some(key)
}

fn rate(operation: &PatchOperation) -> Result<f64, Fault> {
    let number = operation.value.as_deref().and_then(|value| value.trim().parse::<f64>().ok());
    number.filter(|number| number.is_finite()).ok_or_else(|| not_a_number(operation))
}

fn count(operation: &PatchOperation) -> Result<i64, Fault> {
    let number = operation.value.as_deref().and_then(|value| value.trim().parse::<i32>().ok());
    number.map(i64::from).ok_or_else(|| not_a_number(operation))
}

fn not_a_number(operation: &PatchOperation) -> Fault {
    Fault::bad_request(format!(
        "Invalid value '{}' specified for path '{}', expected a number",
        operation.value.as_deref().unwrap_or("null"),
        operation.path.as_deref().unwrap_or("null")
    ))
}
