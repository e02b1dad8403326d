//! Base path mappings: v1's view of which path of a domain leads to which stage. It has one level of
//! paths and REST APIs only; the other mappings of the same domain are v2's.

use super::super::domain::mapping::{self, ApiKind, NONE};
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::patch::{self, Family, Op};
use super::super::{Answer, Call, domain};
use crate::aws::Fault;
use crate::resources::domain::{ApiMapping, DomainName};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateBasePathMapping", create),
    read("GetBasePathMapping", get),
    read("GetBasePathMappings", list),
    write("UpdateBasePathMapping", update),
    write("DeleteBasePathMapping", delete),
];

const PATCH: Family = Family::Plain;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateInput {
    base_path: Option<String>,
    rest_api_id: String,
    stage: Option<String>,
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let domain = domain::find(call)?;
    let input: CreateInput = call.input()?;
    let new = ApiMapping {
        api_mapping_id: call.ids.short(),
        api_mapping_key: mapping::key(input.base_path.as_deref()).to_owned(),
        api_id: input.rest_api_id,
        stage: stage(input.stage),
    };
    check(call, &domain, &new, None)?;
    let answer = shown(&new);
    mapping::put(call, &domain, None, new);
    Ok(Answer::Json(answer))
}

/// A stage as it is stored: absent, empty and `(none)` leave it to the path.
fn stage(name: Option<String>) -> Option<String> {
    name.filter(|name| !name.is_empty() && name != NONE)
}

/// Checks a new mapping, or one that was at another key before.
fn check(
    call: &Call<'_>,
    domain: &DomainName,
    new: &ApiMapping,
    before: Option<&str>,
) -> Result<(), Fault> {
    let key = new.api_mapping_key.as_str();
    check_level(key)?;
    mapping::check_key(key)?;
    if mapping::api_kind(call, &new.api_id) != Some(ApiKind::Rest) {
        return Err(Fault::bad_request("Invalid REST API identifier specified"));
    }
    if let Some(stage) = &new.stage
        && !mapping::has_stage(call, ApiKind::Rest, &new.api_id, stage)
    {
        return Err(mapping::unknown_stage());
    }
    if before == Some(key) {
        return Ok(());
    }
    let owner = domain::id(domain);
    if call.draft.has::<ApiMapping>(&owner, mapping::id(key)) {
        return Err(Fault::conflict("Base path already exists for this domain name"));
    }
    let has_empty = before != Some("") && call.draft.has::<ApiMapping>(&owner, NONE);
    // Another than the one that is moved: two of them are enough to know.
    let others = call.draft.list_after::<ApiMapping>(&owner, None, 2);
    let has_others = others.iter().any(|it| Some(it.api_mapping_key.as_str()) != before);
    if has_empty || (key.is_empty() && has_others) {
        return Err(Fault::conflict(
            "Only one base path mapping is allowed if the base path is empty.",
        ));
    }
    Ok(())
}

/// Only v2 has levels.
fn check_level(key: &str) -> Result<(), Fault> {
    match key.contains('/') {
        false => Ok(()),
        true => Err(Fault::bad_request(
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level base path mapping, use API Gateway V2.",
        )),
    }
}

fn find(call: &Call<'_>) -> Result<(Arc<DomainName>, Arc<ApiMapping>), Fault> {
    let domain = domain::find(call)?;
    let key = mapping::key(call.text_of("basePath"));
    check_level(key)?;
    let found = call.draft.get::<ApiMapping>(&domain::id(&domain), mapping::id(key));
    let found = found.filter(|it| is_of_v1(call, it));
    let found =
        found.ok_or_else(|| Fault::not_found("Invalid base path mapping identifier specified"))?;
    Ok((domain, found))
}

/// Whether v1 shows a mapping.
fn is_of_v1(call: &Call<'_>, mapping: &ApiMapping) -> bool {
    !mapping.api_mapping_key.contains('/')
        && mapping::api_kind(call, &mapping.api_id) == Some(ApiKind::Rest)
}

fn shown(mapping: &ApiMapping) -> Value {
    let mut answer = json!({
        "basePath": mapping::id(&mapping.api_mapping_key),
        "restApiId": mapping.api_id,
    });
    if let Some(stage) = &mapping.stage {
        answer["stage"] = stage.as_str().into();
    }
    answer
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(Answer::Json(shown(&find(call)?.1)))
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let owner = domain::id(&*domain::find(call)?);
    let mappings = Page::v1(call).take_where(
        call,
        &owner,
        |it: &ApiMapping| is_of_v1(call, it),
        |it| mapping::id(&it.api_mapping_key),
        |it| Ok(shown(it)),
    )?;
    Ok(page::v1(mappings))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (domain, before) = find(call)?;
    let mut new = (*before).clone();
    for operation in patch::operations(call)? {
        let path = operation.path.as_deref().unwrap_or("null");
        let known = ["/basePath", "/basepath", "/restapiId", "/restApiId", "/stage"];
        if !known.contains(&path) {
            return Err(PATCH.bad_path(&operation));
        }
        if operation.op != Op::Replace {
            return Err(PATCH.bad_op(&operation, &["replace"]));
        }
        match path {
            "/stage" => new.stage = stage(operation.value),
            // Amazon's own name of it has a small letter, users' scripts have both.
            "/restapiId" | "/restApiId" => new.api_id = operation.value.unwrap_or_default(),
            _ => new.api_mapping_key = mapping::key(operation.value.as_deref()).to_owned(),
        }
    }
    check(call, &domain, &new, Some(&before.api_mapping_key))?;
    let answer = shown(&new);
    mapping::put(call, &domain, Some(&before.api_mapping_key), new);
    Ok(Answer::Json(answer))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (domain, found) = find(call)?;
    call.draft.remove::<ApiMapping>(&domain::id(&domain), mapping::id(&found.api_mapping_key));
    Ok(Answer::Empty)
}

#[cfg(test)]
#[path = "base_path_mapping_tests.rs"]
mod tests;
