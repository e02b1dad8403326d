//! Models: JSON schemas with names, and the templates made from them.

mod schema;
mod template;

use super::super::answer::Answer;
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::patch::{self, Family, Op};
use super::super::{Call, answer};
use super::place;
use crate::aws::Fault;
use crate::resources::rest::Model;
use serde_json::Value;
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateModel", create),
    read("GetModel", get),
    read("GetModels", list),
    write("UpdateModel", update),
    write("DeleteModel", delete),
    read("GetModelTemplate", get_template),
];

const FAMILY: Family =
    Family::Listed { add: &[], remove: &[], replace: &["/description", "/schema"] };

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let name = call.text("name").to_owned();
    if name.is_empty() {
        return Err(Fault::bad_request("Model name must be non-empty"));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Fault::bad_request(format!("Model name must be alphanumeric: {name}")));
    }
    if call.draft.has::<Model>(&api.id, &name) {
        return Err(Fault::conflict("Model name already exists for this REST API"));
    }
    let content_type = call.text_of("contentType").unwrap_or("application/json").to_owned();
    if !is_media_type(&content_type) {
        return Err(Fault::bad_request(format!("Invalid content type specified: {content_type}")));
    }
    let schema = call.text("schema").to_owned();
    schema::check(&schema, &content_type)?;
    let model = Model {
        id: call.ids.short(),
        name: name.clone(),
        description: non_empty(call.text_of("description")),
        schema: Some(schema),
        content_type,
    };
    let answer = Answer::of(&model)?;
    call.draft.put(&api.id, &name, model);
    Ok(answer)
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let model = named(call)?;
    let mut shown = answer::document(&*model)?;
    if call.is_set("flatten")
        && let Some(flat) = schema::flatten(&call.draft, call.text("restApiId"), &model)
    {
        shown["schema"] = Value::String(flat);
    }
    Ok(Answer::Json(shown))
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let page = Page::v1(call);
    Ok(page::v1(page.take(call, &api.id, |model: &Model| &model.name, answer::document)?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut model = Model::clone(&*named(call)?);
    for operation in patch::operations(call)? {
        match (operation.op, operation.path.as_deref()) {
            (Op::Replace, Some("/description")) => model.description = operation.non_empty(),
            (Op::Replace, Some("/schema")) => {
                let schema = operation.value.unwrap_or_default();
                schema::check(&schema, &model.content_type)?;
                model.schema = Some(schema);
            }
            _ => return Err(FAMILY.bad_path(&operation)),
        }
    }
    let answer = Answer::of(&model)?;
    let (api_id, name) = (call.text("restApiId").to_owned(), model.name.clone());
    call.draft.put(&api_id, &name, model);
    Ok(answer)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let model = named(call)?;
    let api_id = call.text("restApiId").to_owned();
    let name = &model.name;
    let in_request = place::method_with(call, &api_id, |method| {
        method.request_models.values().any(|used| used == name)
    });
    if let Some((path, verb)) = in_request {
        return Err(Fault::conflict(format!(
            "Cannot delete model '{name}', is referenced in method request: {path}/{verb}"
        )));
    }
    let in_response = place::method_with(call, &api_id, |method| {
        let responses = method.method_responses.values();
        let mut models = responses.flat_map(|response| response.response_models.iter().flatten());
        models.any(|(_, used)| used == name)
    });
    if let Some((path, verb)) = in_response {
        return Err(Fault::conflict(format!(
            "Cannot delete model '{name}', is referenced in method response: {path}/{verb}"
        )));
    }
    call.draft.remove::<Model>(&api_id, name);
    Ok(Answer::Empty)
}

fn get_template(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let model = named(call)?;
    let flat = schema::flatten(&call.draft, call.text("restApiId"), &model);
    let schema = flat.as_deref().or(model.schema.as_deref()).unwrap_or_default();
    Ok(Answer::Json(serde_json::json!({ "value": template::from_schema(schema) })))
}

/// The model that a call names.
fn named(call: &Call<'_>) -> Result<Arc<Model>, Fault> {
    let name = call.text("modelName");
    let model = call.draft.get(call.text("restApiId"), name);
    model.ok_or_else(|| Fault::not_found(format!("Invalid model name specified: {name}")))
}

/// `type/subtype` of the characters that Amazon lets through.
fn is_media_type(text: &str) -> bool {
    let is_token = |token: &str| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte);
        !token.is_empty() && token.bytes().all(is_known)
    };
    text.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

fn non_empty(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests;
