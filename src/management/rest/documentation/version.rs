//! Documentation versions: all parts of an API as they were at one time.

use super::super::super::Call;
use super::super::super::answer::{self, Answer};
use super::super::super::page::{self, Page};
use super::super::super::patch::{self, Family, Op};
use super::super::place;
use crate::aws::Fault;
use crate::resources::rest::{DocumentationPart, DocumentationVersion};
use crate::resources::rest_stage::Stage;
use serde_json::Value;
use std::sync::Arc;

const FAMILY: Family = Family::Listed { add: &[], remove: &[], replace: &["/description"] };

pub(super) fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let label = call.text("documentationVersion").to_owned();
    if label.is_empty() {
        return Err(Fault::bad_request("Documentation version must be non-empty"));
    }
    if call.draft.has::<DocumentationVersion>(&api.id, &label) {
        return Err(Fault::conflict("Documentation version already exists"));
    }
    let stage = match call.text_of("stageName").filter(|name| !name.is_empty()) {
        Some(_) => Some(Stage::clone(&*place::stage(call)?)),
        None => None,
    };
    let parts = call.draft.list::<DocumentationPart>(&api.id);
    let version = DocumentationVersion {
        version: label.clone(),
        created_date: call.now,
        description: call.text_of("description").filter(|it| !it.is_empty()).map(str::to_owned),
        parts: parts.iter().map(|part| DocumentationPart::clone(part)).collect(),
    };
    let shown = show(&version)?;
    call.draft.put(&api.id, &label, version);
    if let Some(mut stage) = stage {
        stage.documentation_version = Some(label);
        stage.last_updated_date = call.now;
        let name = stage.stage_name.clone();
        call.draft.put(&api.id, &name, stage);
    }
    Ok(Answer::Json(shown))
}

pub(super) fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(Answer::Json(show(&*named(call)?)?))
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let page = Page::v1(call);
    Ok(page::v1(page.take(call, &api.id, |it: &DocumentationVersion| &it.version, show)?))
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut version = DocumentationVersion::clone(&*named(call)?);
    for operation in patch::operations(call)? {
        match (operation.op, operation.path.as_deref()) {
            (Op::Replace, Some("/description")) => version.description = operation.non_empty(),
            _ => return Err(FAMILY.bad_path(&operation)),
        }
    }
    let shown = show(&version)?;
    let (api_id, label) = (call.text("restApiId").to_owned(), version.version.clone());
    call.draft.put(&api_id, &label, version);
    Ok(Answer::Json(shown))
}

/// A stage that shows the version shows none then.
pub(super) fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let version = named(call)?;
    let api_id = call.text("restApiId").to_owned();
    for stage in call.draft.list::<Stage>(&api_id) {
        if stage.documentation_version.as_deref() == Some(&version.version) {
            let name = stage.stage_name.clone();
            let stage = Stage { documentation_version: None, ..Stage::clone(&stage) };
            call.draft.put(&api_id, &name, stage);
        }
    }
    call.draft.remove::<DocumentationVersion>(&api_id, &version.version);
    Ok(Answer::Empty)
}

/// A version without its parts, which only exports show.
fn show(version: &DocumentationVersion) -> Result<Value, Fault> {
    let mut shown = answer::document(version)?;
    if let Some(members) = shown.as_object_mut() {
        members.shift_remove("parts");
    }
    Ok(shown)
}

/// The version that a call names.
fn named(call: &Call<'_>) -> Result<Arc<DocumentationVersion>, Fault> {
    let version = call.draft.get(call.text("restApiId"), call.text("documentationVersion"));
    version.ok_or_else(|| Fault::not_found("Invalid Documentation version specified"))
}
