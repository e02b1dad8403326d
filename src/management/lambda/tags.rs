//! Tags of functions.

use super::fault::{invalid, no_function};
use super::of_file::change;
use super::place::Place;
use crate::aws::Fault;
use crate::management::operation::{Operation, read};
use crate::management::{Answer, Call, tagging};
use crate::resources::function::Function;
use crate::resources::rest::Map;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

pub(super) static OPERATIONS: &[Operation] =
    &[read("ListTags", list), change("TagResource", tag), change("UntagResource", untag)];

fn found(call: &Call<'_>) -> Result<(String, Arc<Function>), Fault> {
    let arn = call.text("Resource");
    let place = Place::named(call, arn)?;
    if place.qualifier.is_some() {
        return Err(invalid(
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        ));
    }
    match call.draft.get::<Function>("", &place.name) {
        Some(function) => Ok((place.name, function)),
        None => Err(no_function(arn)),
    }
}

/// `ListTags`.
fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(Answer::Json(json!({ "Tags": found(call)?.1.tags })))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tags {
    tags: Map,
}

/// `TagResource`.
fn tag(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (name, function) = found(call)?;
    let Tags { tags } = call.input()?;
    let mut function = (*function).clone();
    function.tags.extend(tags);
    tagging::check(&function.tags).map_err(|fault| invalid(fault.message))?;
    call.draft.put("", &name, function);
    Ok(Answer::Empty)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagKeys {
    tag_keys: Vec<String>,
}

/// `UntagResource`.
fn untag(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (name, function) = found(call)?;
    let TagKeys { tag_keys } = call.input()?;
    let mut function = (*function).clone();
    function.tags.retain(|key, _| !tag_keys.contains(key));
    call.draft.put("", &name, function);
    Ok(Answer::Empty)
}
