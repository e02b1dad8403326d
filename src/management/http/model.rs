//! Models of WebSocket APIs.

use super::super::answer::document;
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::{Answer, Call};
use super::members::Members;
use super::{api, model_template};
use crate::aws::Fault;
use crate::resources::http::{Api, Model, Route};
use serde_json::{Value, json};
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateModel", create),
    write("DeleteModel", delete),
    read("GetModel", get),
    read("GetModelTemplate", get_template),
    read("GetModels", list),
    write("UpdateModel", update),
];

/// Characters of a schema.
const SCHEMA_MAX: usize = 32_768;

fn find(call: &Call<'_>, api: &Api) -> Result<Arc<Model>, Fault> {
    let id = call.text("modelId");
    call.draft
        .get(&api.api_id, id)
        .ok_or_else(|| Fault::not_found(format!("Invalid Model identifier specified {id}")))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    if api.is_http() {
        return Err(Fault::bad_request(
            "Currently, Models are not permitted for APIs with a protocol type of HTTP",
        ));
    }
    let model = Model {
        model_id: call.ids.short(),
        content_type: Some("application/json".to_owned()),
        ..Model::default()
    };
    put(call, &api, model)
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    Answer::of(&*find(call, &api)?)
}

fn get_template(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let model = find(call, &api)?;
    let models = call.draft.list::<Model>(&api.api_id);
    let schema_of = |name: &str| {
        let model = models.iter().find(|model| model.name == name)?;
        serde_json::from_str(model.schema.as_deref()?).ok()
    };
    let schema: Value = serde_json::from_str(model.schema.as_deref().unwrap_or_default())
        .map_err(|_| Fault::bad_request(INVALID_SCHEMA))?;
    Ok(Answer::Json(json!({ "value": model_template::template(&schema, &schema_of) })))
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let page = Page::v2(call)?;
    Ok(page::v2(page.take(call, &api.api_id, |model: &Model| &model.model_id, document)?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let before = find(call, &api)?;
    let model = Model::clone(&before);
    let is_renamed = call.text_of("name").is_some_and(|name| name != before.name);
    if is_renamed && let Some(key) = user(call, &api, &before.name) {
        // Routes hold the model's name, so they would lose it.
        return Err(Fault::conflict(format!(
            "Cannot rename model '{}', is referenced in route: {key}",
            before.name
        )));
    }
    put(call, &api, model)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let model = find(call, &api)?;
    if let Some(key) = user(call, &api, &model.name) {
        return Err(Fault::conflict(format!(
            "Cannot delete model '{}', is referenced in route: {key}",
            model.name
        )));
    }
    call.draft.remove::<Model>(&api.api_id, &model.model_id);
    Ok(Answer::Empty)
}

/// The key of a route that uses a model.
fn user(call: &Call<'_>, api: &Api, name: &str) -> Option<String> {
    let routes = call.draft.list::<Route>(&api.api_id);
    let uses = |route: &&Arc<Route>| route.request_models.values().any(|used| used == name);
    routes.iter().find(uses).map(|route| route.route_key.clone())
}

/// Lays the call's members over a model, checks and stores it.
fn put(call: &mut Call<'_>, api: &Api, mut model: Model) -> Result<Answer, Fault> {
    let given = Members(&call.input);
    given.within(&[
        ("name", 128),
        ("description", 1024),
        ("contentType", 256),
        ("schema", SCHEMA_MAX),
    ])?;
    given.word("name", &mut model.name);
    given.text("description", &mut model.description);
    given.text("schema", &mut model.schema);
    if let Some(kind) = given.given("contentType").filter(|kind| !kind.is_empty()) {
        model.content_type = Some(kind.to_owned());
    }
    check(&model)?;
    let others = call.draft.list::<Model>(&api.api_id);
    let is_double =
        |other: &Arc<Model>| other.name == model.name && other.model_id != model.model_id;
    if others.iter().any(is_double) {
        let text = format!("Model name {} already exists for this API", model.name);
        return Err(Fault::conflict(text));
    }
    let answer = Answer::of(&model);
    let id = model.model_id.clone();
    call.draft.put(&api.api_id, &id, model);
    answer
}

const INVALID_SCHEMA: &str = "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified]";

fn check(model: &Model) -> Result<(), Fault> {
    if model.name.is_empty() {
        return Err(Fault::bad_request("Model name must be non-empty"));
    }
    if !model.name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let text = format!("Model name must be alphanumeric: {}", model.name);
        return Err(Fault::bad_request(text));
    }
    let Some(schema) = &model.schema else {
        return Err(Fault::bad_request(
            "Model schema must have at least 1 property or array items defined",
        ));
    };
    match serde_json::from_str::<Value>(schema) {
        Ok(Value::Object(_)) => Ok(()),
        _ => Err(Fault::bad_request(INVALID_SCHEMA)),
    }
}
