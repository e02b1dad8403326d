//! REST APIs.

mod clone;
mod defaults;
mod endpoint;
mod patch;
#[cfg(test)]
mod tests;

use super::super::domain::mapping;
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::{Answer, Call, answer, policy, tagging};
use super::{place, usage_plan};
use crate::aws::Fault;
use crate::resources::http::Api;
use crate::resources::rest::{Map, Resource, RestApi};
use serde::Deserialize;
use serde_json::Value;

pub(super) use defaults::put_models;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateRestApi", create),
    read("GetRestApi", get),
    read("GetRestApis", list),
    write("UpdateRestApi", update),
    write("DeleteRestApi", delete),
];

/// Bytes from which answers can be compressed at most.
const COMPRESSION_SIZE_MAX: i64 = 10_485_760;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateInput {
    name: String,
    description: Option<String>,
    version: Option<String>,
    clone_from: Option<String>,
    binary_media_types: Vec<String>,
    minimum_compression_size: Option<Value>,
    api_key_source: Option<String>,
    endpoint_configuration: Option<endpoint::Input>,
    policy: Option<String>,
    tags: Map,
    disable_execute_api_endpoint: Option<bool>,
    security_policy: Option<String>,
    endpoint_access_mode: Option<String>,
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let input: CreateInput = call.input()?;
    check_name(&input.name)?;
    if input.description.as_deref() == Some("") {
        return Err(Fault::bad_request("Description cannot be an empty string"));
    }
    let endpoint = input.endpoint_configuration.map(endpoint::Input::check).transpose()?;
    let size = input.minimum_compression_size.as_ref().map(compression_size).transpose()?;
    let policy = input.policy.as_deref().map(policy::plain).transpose()?.flatten();
    tagging::check(&input.tags)?;
    let source = match input.clone_from.as_deref().filter(|id| !id.is_empty()) {
        None => None,
        Some(id) => {
            let source = call.draft.get::<RestApi>("", id);
            Some(source.ok_or_else(|| call.unknown_api(id))?)
        }
    };

    // What is not given comes from the API that is cloned, and from Amazon's defaults otherwise.
    let from = source.as_deref().cloned().unwrap_or_else(|| RestApi {
        api_key_source: "HEADER".into(),
        endpoint_configuration: endpoint::default(),
        ..RestApi::default()
    });
    let given_types = input.binary_media_types;
    let api = RestApi {
        id: new_id(call),
        name: input.name,
        description: input.description.or(from.description),
        created_date: call.now,
        version: input.version.filter(|version| !version.is_empty()).or(from.version),
        warnings: Vec::new(),
        binary_media_types: if given_types.is_empty() {
            from.binary_media_types
        } else {
            given_types
        },
        minimum_compression_size: size.or(from.minimum_compression_size),
        api_key_source: input.api_key_source.unwrap_or(from.api_key_source),
        endpoint_configuration: endpoint.unwrap_or(from.endpoint_configuration),
        policy: policy.or(from.policy),
        disable_execute_api_endpoint: input
            .disable_execute_api_endpoint
            .unwrap_or(from.disable_execute_api_endpoint),
        root_resource_id: call.ids.long(),
        security_policy: input.security_policy.or(from.security_policy),
        endpoint_access_mode: input.endpoint_access_mode.or(from.endpoint_access_mode),
        tags: input.tags,
    };
    match source {
        Some(source) => clone::copy_parts(call, &source, &api),
        None => {
            put_root(call, &api);
            put_models(call, &api.id);
        }
    }
    let answer = shown(&api);
    let id = api.id.clone();
    call.draft.put("", &id, api);
    answer.map(Answer::Json)
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    shown_with_tags(&*place::api(call)?)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let page = Page::v1(call).take(call, "", |api: &RestApi| &api.id, shown)?;
    Ok(page::v1(page))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut api = RestApi::clone(&*place::api(call)?);
    patch::apply(call, &mut api)?;
    let answer = shown_with_tags(&api)?;
    let id = api.id.clone();
    call.draft.put("", &id, api);
    Ok(answer)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let domains = mapping::domains_of(call, |mapping| mapping.api_id == api.id);
    if !domains.is_empty() {
        return Err(Fault::bad_request(format!(
            "Deleting RestApi {} failed. Please remove all base path mappings related to the RestApi in your domains: {}",
            api.id,
            domains.join(", ")
        )));
    }
    usage_plan::forget_api(call, &api.id);
    call.draft.remove_owned(&api.id);
    call.draft.remove::<RestApi>("", &api.id);
    Ok(Answer::Empty)
}

/// An identifier that no API of either service has in this region: both share one address.
fn new_id(call: &mut Call<'_>) -> String {
    loop {
        let id = call.ids.long();
        let is_taken = call.draft.has::<RestApi>("", &id) || call.draft.has::<Api>("", &id);
        if !is_taken {
            return id;
        }
    }
}

/// Adds the resource `/`, which every API has.
fn put_root(call: &mut Call<'_>, api: &RestApi) {
    let id = &api.root_resource_id;
    let root = Resource { id: id.clone(), path: "/".into(), ..Resource::default() };
    call.draft.put(&api.id, id, root);
}

fn check_name(name: &str) -> Result<(), Fault> {
    if name.is_empty() {
        return Err(Fault::bad_request("Name cannot be empty"));
    }
    Ok(())
}

/// The size from which answers are compressed.
fn compression_size(size: &Value) -> Result<i64, Fault> {
    let number = match size {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    };
    number.filter(|size| (0..=COMPRESSION_SIZE_MAX).contains(size)).ok_or_else(|| {
        Fault::bad_request(format!(
            "Invalid minimum compression size, must be between 0 and {COMPRESSION_SIZE_MAX}"
        ))
    })
}

/// An API as lists and the answer of its creation show it: `tags` only when there are any.
pub(super) fn shown(api: &RestApi) -> Result<Value, Fault> {
    let mut document = answer::document(api)?;
    if let Some(policy) = &api.policy {
        document["policy"] = Value::String(policy::escaped(policy));
    }
    Ok(document)
}

/// An API as single reads and updates show it.
pub(super) fn shown_with_tags(api: &RestApi) -> Result<Answer, Fault> {
    tagging::with_tags(&shown(api)?)
}
