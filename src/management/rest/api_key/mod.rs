//! API keys: the secrets that name who calls. A key's value is found by its hash, so that no two keys
//! have the same and none is looked for by walking over all of them.

mod import;
#[cfg(test)]
mod tests;

use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::patch::{self, Family, Op};
use super::super::{Answer, Call, answer, tagging};
use crate::aws::Fault;
use crate::resources::rest::Map;
use crate::resources::usage::{ApiKey, ApiKeyValue, Usage, UsagePlan, UsagePlanKey};
use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// The operations of this folder.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateApiKey", create),
    read("GetApiKey", get),
    read("GetApiKeys", list),
    write("UpdateApiKey", update),
    write("DeleteApiKey", delete),
    write("ImportApiKeys", import::import),
];

const PATCH: Family = Family::Listed {
    add: &["/labels", "/stages"],
    remove: &["/labels", "/stages"],
    replace: &["/description", "/enabled", "/name", "/customerId"],
};

/// Characters of a value.
const VALUE_CHARACTERS_MIN: usize = 20;
const VALUE_CHARACTERS_MAX: usize = 128;

/// Characters of a name.
const NAME_CHARACTERS_MAX: usize = 1024;

/// Characters of a description.
const DESCRIPTION_CHARACTERS_MAX: usize = 125_000;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateInput {
    name: Option<String>,
    description: Option<String>,
    enabled: bool,
    generate_distinct_id: Option<bool>,
    value: Option<String>,
    stage_keys: Vec<StageKey>,
    customer_id: Option<String>,
    tags: Map,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StageKey {
    rest_api_id: String,
    stage_name: String,
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let input: CreateInput = call.input()?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let value = match given(input.value) {
        Some(value) => checked_value(value, VALUE_CHARACTERS_MIN)?,
        None => call.ids.api_key_value(),
    };
    tagging::check(&input.tags)?;
    let mut stage_keys: Vec<String> = Vec::with_capacity(input.stage_keys.len());
    for StageKey { rest_api_id, stage_name } in input.stage_keys {
        let stage = format!("{rest_api_id}/{stage_name}");
        if !stage_keys.contains(&stage) {
            stage_keys.push(stage);
        }
    }
    let key = ApiKey {
        id: match input.generate_distinct_id {
            // Only who says so gets the id of the days before usage plans, which is the secret itself.
            Some(false) => value.clone(),
            _ => call.ids.long(),
        },
        value,
        name: checked_name(given(input.name))?,
        customer_id: given(input.customer_id),
        description: checked_description(given(input.description))?,
        enabled: input.enabled,
        created_date: call.now,
        last_updated_date: call.now,
        stage_keys,
        tags: input.tags,
    };
    if by_value(call, &key.value).is_some() {
        return Err(Fault::conflict("API Key already exists"));
    }
    let answer = Answer::of(&key)?;
    put_new(call, key);
    Ok(answer)
}

/// Stores a key that nobody has, with the way to it from its value.
fn put_new(call: &mut Call<'_>, key: ApiKey) {
    call.draft.put("", &hash(&key.value), ApiKeyValue { key_id: key.id.clone() });
    let id = key.id.clone();
    call.draft.put("", &id, key);
}

/// The key with a value.
fn by_value(call: &Call<'_>, value: &str) -> Option<Arc<ApiKey>> {
    let found = call.draft.get::<ApiKeyValue>("", &hash(value))?;
    call.draft.get::<ApiKey>("", &found.key_id)
}

/// SHA-256 of a value in hexadecimal digits: where [`ApiKeyValue`] is found.
pub(in crate::management) fn hash(value: &str) -> String {
    digest(&SHA256, value.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn checked_value(value: String, characters_min: usize) -> Result<String, Fault> {
    let characters = value.chars().count();
    if characters < characters_min {
        return Err(Fault::bad_request(format!(
            "API Key value should be at least {characters_min} characters"
        )));
    }
    if characters > VALUE_CHARACTERS_MAX {
        return Err(Fault::bad_request(format!(
            "API Key value exceeds maximum size of {VALUE_CHARACTERS_MAX} characters"
        )));
    }
    Ok(value)
}

fn checked_name(name: Option<String>) -> Result<Option<String>, Fault> {
    match &name {
        Some(name) if name.chars().count() > NAME_CHARACTERS_MAX => Err(Fault::bad_request(
            format!("Invalid API Key name, can be at most {NAME_CHARACTERS_MAX} characters."),
        )),
        _ => Ok(name),
    }
}

fn checked_description(description: Option<String>) -> Result<Option<String>, Fault> {
    match &description {
        Some(text) if text.chars().count() > DESCRIPTION_CHARACTERS_MAX => {
            Err(Fault::bad_request("Invalid API Key description specified."))
        }
        _ => Ok(description),
    }
}

/// A key by its id.
///
/// # Errors
/// There is none.
pub(super) fn by_id(call: &Call<'_>, id: &str) -> Result<Arc<ApiKey>, Fault> {
    let key = call.draft.get::<ApiKey>("", id);
    key.ok_or_else(|| Fault::not_found("Invalid API Key identifier specified"))
}

/// A key with or without its value.
fn shown(key: &ApiKey, with_value: bool) -> Result<Value, Fault> {
    let mut document = answer::document(key)?;
    if !with_value && let Some(members) = document.as_object_mut() {
        members.shift_remove("value");
    }
    Ok(document)
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let key = by_id(call, call.text("apiKey"))?;
    tagging::with_tags(&shown(&key, call.is_set("includeValue"))?)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let prefix = call.text("nameQuery");
    let customer = call.text_of("customerId").filter(|id| !id.is_empty());
    let with_values = call.is_set("includeValues");
    let keep = |key: &ApiKey| {
        has_prefix(key.name.as_deref(), prefix)
            && customer.is_none_or(|customer| key.customer_id.as_deref() == Some(customer))
    };
    let keys =
        Page::v1(call).take_where(call, "", keep, |key| &key.id, |key| shown(key, with_values))?;
    Ok(page::v1(keys))
}

/// Whether a name begins with a text, letter by letter; everything begins with nothing.
pub(super) fn has_prefix(name: Option<&str>, prefix: &str) -> bool {
    name.unwrap_or_default().starts_with(prefix)
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut key = (*by_id(call, call.text("apiKey"))?).clone();
    for operation in patch::operations(call)? {
        match (operation.path.as_deref().unwrap_or("null"), operation.op) {
            ("/name", Op::Replace) => key.name = checked_name(operation.non_empty())?,
            ("/description", Op::Replace) => {
                key.description = checked_description(operation.non_empty())?;
            }
            ("/enabled", Op::Replace) => key.enabled = operation.is_true(),
            ("/customerId", Op::Replace) => key.customer_id = operation.non_empty(),
            ("/stages", Op::Add) => {
                let stage = stage_key(operation.value.as_deref())?;
                if !key.stage_keys.contains(&stage) {
                    key.stage_keys.push(stage);
                }
            }
            ("/stages", Op::Remove) => {
                let stage = stage_key(operation.value.as_deref())?;
                key.stage_keys.retain(|it| *it != stage);
            }
            // Amazon keeps labels and shows them nowhere.
            ("/labels", Op::Add | Op::Remove) => {}
            _ => return Err(PATCH.bad_path(&operation)),
        }
    }
    key.last_updated_date = call.now;
    let answer = tagging::with_tags(&shown(&key, false)?)?;
    let id = key.id.clone();
    call.draft.put("", &id, key);
    Ok(answer)
}

/// `api/stage`, as stage keys are written.
fn stage_key(value: Option<&str>) -> Result<String, Fault> {
    match value.and_then(|value| value.split_once('/')) {
        Some((api, stage)) if !api.is_empty() && !stage.is_empty() => Ok(format!("{api}/{stage}")),
        _ => Err(Fault::bad_request("Invalid API Stage specified")),
    }
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let key = by_id(call, call.text("apiKey"))?;
    for plan in call.draft.list::<UsagePlan>("") {
        call.draft.remove::<UsagePlanKey>(&plan.id, &key.id);
        call.draft.remove::<Usage>(&plan.id, &key.id);
    }
    call.draft.remove::<ApiKeyValue>("", &hash(&key.value));
    call.draft.remove::<ApiKey>("", &key.id);
    Ok(Answer::Empty)
}
