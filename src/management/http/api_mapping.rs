//! API mappings: v2's view of which path of a domain leads to which stage.

use super::super::domain::mapping::{self, ApiKind};
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::{Answer, Call, answer, domain};
use crate::aws::Fault;
use crate::resources::domain::{ApiMapping, DomainName};
use serde::Deserialize;
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateApiMapping", create),
    read("GetApiMapping", get),
    read("GetApiMappings", list),
    write("UpdateApiMapping", update),
    write("DeleteApiMapping", delete),
];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Input {
    api_id: Option<String>,
    api_mapping_key: Option<String>,
    stage: Option<String>,
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let domain = domain::find_v2(call)?;
    let input: Input = call.input()?;
    let new = ApiMapping {
        api_mapping_id: call.ids.short(),
        api_mapping_key: mapping::key(input.api_mapping_key.as_deref()).to_owned(),
        api_id: input.api_id.unwrap_or_default(),
        stage: Some(input.stage.unwrap_or_default()),
    };
    check(call, &domain, &new, None)?;
    let answer = Answer::of(&new)?;
    mapping::put(call, &domain, None, new);
    Ok(answer)
}

/// Checks a new mapping, or one that was at another key before.
fn check(
    call: &Call<'_>,
    domain: &DomainName,
    new: &ApiMapping,
    before: Option<&str>,
) -> Result<(), Fault> {
    let key = new.api_mapping_key.as_str();
    mapping::check_key(key)?;
    let Some(kind) = mapping::api_kind(call, &new.api_id) else {
        return Err(mapping::unknown_api(call, &new.api_id));
    };
    if let Some(stage) = &new.stage
        && !mapping::has_stage(call, kind, &new.api_id, stage)
    {
        return Err(mapping::unknown_stage());
    }
    if kind == ApiKind::WebSocket && key.contains('/') {
        return Err(Fault::bad_request(
            "Multi-level API mappings are not supported for WebSocket APIs",
        ));
    }
    let is_taken = || call.draft.has::<ApiMapping>(&domain::id(domain), mapping::id(key));
    if before != Some(key) && is_taken() {
        return Err(Fault::conflict("ApiMapping key already exists for this domain name"));
    }
    Ok(())
}

/// By its id: mappings lie by their keys, which requests are matched by, so the few of one domain are
/// looked through.
fn find(call: &Call<'_>) -> Result<(Arc<DomainName>, Arc<ApiMapping>), Fault> {
    let domain = domain::find_v2(call)?;
    let id = call.text("apiMappingId");
    let mut mappings = call.draft.list::<ApiMapping>(&domain::id(&domain)).into_iter();
    let found = mappings.find(|it| it.api_mapping_id == id).ok_or_else(|| {
        Fault::not_found("The api mapping resource specified in the request was not found.")
    })?;
    Ok((domain, found))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Answer::of(&*find(call)?.1)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let owner = domain::id(&*domain::find_v2(call)?);
    let mappings = Page::v2(call)?.take(
        call,
        &owner,
        |it: &ApiMapping| mapping::id(&it.api_mapping_key),
        answer::document,
    )?;
    Ok(page::v2(mappings))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (domain, before) = find(call)?;
    let input: Input = call.input()?;
    let mut new = (*before).clone();
    if let Some(api) = input.api_id {
        new.api_id = api;
    }
    if let Some(key) = &input.api_mapping_key {
        new.api_mapping_key = mapping::key(Some(key)).to_owned();
    }
    if let Some(stage) = input.stage {
        new.stage = Some(stage);
    }
    check(call, &domain, &new, Some(&before.api_mapping_key))?;
    let answer = Answer::of(&new)?;
    mapping::put(call, &domain, Some(&before.api_mapping_key), new);
    Ok(answer)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (domain, found) = find(call)?;
    call.draft.remove::<ApiMapping>(&domain::id(&domain), mapping::id(&found.api_mapping_key));
    Ok(Answer::Empty)
}

#[cfg(test)]
#[path = "api_mapping_tests.rs"]
mod tests;
