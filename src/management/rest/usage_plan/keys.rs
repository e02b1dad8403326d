//! Which API keys are in a plan.

use super::super::super::page::{self, Page};
use super::super::super::{Answer, Call};
use super::super::api_key;
use super::{by_id, covers, find, overlap};
use crate::aws::Fault;
use crate::resources::usage::{ApiKey, UsagePlan, UsagePlanKey};
use serde_json::{Value, json};
use std::sync::Arc;

/// The only type of keys.
const KEY_TYPE: &str = "API_KEY";

pub(super) fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    if call.text("keyType") != KEY_TYPE {
        return Err(Fault::bad_request("Invalid Key Type specified. Must be one of: [API_KEY]"));
    }
    let (plan, key) = (call.text("usagePlanId").to_owned(), call.text("keyId").to_owned());
    if call.draft.has::<UsagePlanKey>(&plan, &key) {
        return Err(Fault::conflict(format!("API Key {key} is already in Usage Plan {plan}")));
    }
    let key = add(call, &plan, &key)?;
    Ok(Answer::Json(shown(&key)))
}

/// Puts a key into a plan; one that is in it already stays.
///
/// # Errors
/// There is no such plan or key, or another plan of the key covers one of this plan's stages.
pub(in crate::management::rest) fn add(
    call: &mut Call<'_>,
    plan: &str,
    key: &str,
) -> Result<Arc<ApiKey>, Fault> {
    let key = api_key::by_id(call, key)?;
    let plan = by_id(call, plan)?;
    for other in call.draft.list::<UsagePlan>("") {
        if other.id == plan.id || !call.draft.has::<UsagePlanKey>(&other.id, &key.id) {
            continue;
        }
        let shared = plan.api_stages.iter().find(|it| covers(&other, &it.api_id, &it.stage));
        if let Some(stage) = shared {
            return Err(overlap(&key.id, &plan.id, &other.id, &stage.api_id, &stage.stage));
        }
    }
    let noun = UsagePlanKey { key_id: key.id.clone(), key_type: KEY_TYPE.into() };
    call.draft.put(&plan.id, &key.id, noun);
    Ok(key)
}

fn shown(key: &ApiKey) -> Value {
    let mut answer = json!({ "id": key.id, "type": KEY_TYPE, "value": key.value });
    if let Some(name) = &key.name {
        answer["name"] = name.as_str().into();
    }
    answer
}

fn find_key(call: &Call<'_>) -> Result<(Arc<UsagePlan>, Arc<ApiKey>), Fault> {
    let plan = find(call)?;
    let id = call.text("keyId");
    let key = call.draft.get::<UsagePlanKey>(&plan.id, id);
    let key = key.and_then(|key| call.draft.get::<ApiKey>("", &key.key_id));
    match key {
        Some(key) => Ok((plan, key)),
        None => Err(unknown_key()),
    }
}

/// The refusal of a key that is not in the plan.
pub(super) fn unknown_key() -> Fault {
    Fault::not_found("Invalid Usage Plan Key identifier specified")
}

pub(super) fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(Answer::Json(shown(&find_key(call)?.1)))
}

/// A plan that does not exist has no keys, as on Amazon.
pub(super) fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (plan, prefix) = (call.text("usagePlanId"), call.text("nameQuery"));
    let key_of = |noun: &UsagePlanKey| call.draft.get::<ApiKey>("", &noun.key_id);
    let keep = |noun: &UsagePlanKey| {
        key_of(noun).is_some_and(|key| api_key::has_prefix(key.name.as_deref(), prefix))
    };
    let keys = Page::v1(call).take_where(
        call,
        plan,
        keep,
        |noun| &noun.key_id,
        |noun| Ok(key_of(noun).map_or(Value::Null, |key| shown(&key))),
    )?;
    Ok(page::v1(keys))
}

/// Detaches only: the key lives on, and what it used is remembered should it come back.
pub(super) fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (plan, key) = find_key(call)?;
    call.draft.remove::<UsagePlanKey>(&plan.id, &key.id);
    Ok(Answer::Empty)
}
