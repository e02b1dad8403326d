//! Documentation parts and versions: what users write about an API, piece by piece.

mod import;
mod location;
mod undocumented;
mod version;

use super::super::Call;
use super::super::answer::{self, Answer};
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::patch::{self, Family, Op};
use super::place;
use crate::aws::Fault;
use crate::resources::rest::{DocumentationLocation, DocumentationPart};
use serde_json::{Value, json};
use std::sync::Arc;

/// The operations of this file and its folder.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateDocumentationPart", create),
    read("GetDocumentationPart", get),
    read("GetDocumentationParts", list),
    write("UpdateDocumentationPart", update),
    write("DeleteDocumentationPart", delete),
    write("ImportDocumentationParts", import::import),
    write("CreateDocumentationVersion", version::create),
    read("GetDocumentationVersion", version::get),
    read("GetDocumentationVersions", version::list),
    write("UpdateDocumentationVersion", version::update),
    write("DeleteDocumentationVersion", version::delete),
];

const FAMILY: Family = Family::Listed { add: &[], remove: &[], replace: &["/properties"] };

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let location = call.input.get("location").cloned().unwrap_or_default();
    let location: DocumentationLocation = serde_json::from_value(location)
        .map_err(|_| Fault::bad_request("Invalid request input"))?;
    let location = location::check(location)?;
    let properties = call.text("properties").to_owned();
    check_properties(&properties)?;
    let parts = call.draft.list::<DocumentationPart>(&api.id);
    if parts.iter().any(|part| location::is_same(&part.location, &location)) {
        return Err(Fault::conflict(format!(
            "Documentation part already exists for the specified location: {}.",
            location::describe(&location)
        )));
    }
    let part = DocumentationPart { id: call.ids.short(), location, properties };
    let answer = Answer::of(&part)?;
    let id = part.id.clone();
    call.draft.put(&api.id, &id, part);
    Ok(answer)
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Answer::of(&*named(call)?)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let wanted = |member: &str| call.text_of(member).filter(|text| !text.is_empty());
    let (kind, name, path) = (wanted("type"), wanted("nameQuery"), wanted("path"));
    let fits = |location: &DocumentationLocation| {
        kind.is_none_or(|kind| location.r#type == kind)
            && name.is_none_or(|name| location.name.as_deref() == Some(name))
            && path.is_none_or(|path| location.path.as_deref() == Some(path))
    };
    let parts = call.draft.list::<DocumentationPart>(&api.id);
    let page = Page::v1(call);
    if call.text("locationStatus") == "UNDOCUMENTED" {
        let mut places = undocumented::places(&call.draft, &api.id, &parts);
        places.retain(fits);
        places.sort_by_key(location::describe);
        let show =
            |place: &DocumentationLocation| Ok(json!({ "location": answer::document(place)? }));
        return Ok(page::v1(page.cut(&places, location::describe, show)?));
    }
    let fitting: Vec<_> = parts.into_iter().filter(|part| fits(&part.location)).collect();
    let show = |part: &Arc<DocumentationPart>| answer::document(&**part);
    Ok(page::v1(page.cut(&fitting, |part| part.id.clone(), show)?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut part = DocumentationPart::clone(&*named(call)?);
    for operation in patch::operations(call)? {
        match (operation.op, operation.path.as_deref()) {
            (Op::Replace, Some("/properties")) => {
                let properties = operation.value.unwrap_or_default();
                check_properties(&properties)?;
                part.properties = properties;
            }
            _ => return Err(FAMILY.bad_path(&operation)),
        }
    }
    let answer = Answer::of(&part)?;
    let (api_id, id) = (call.text("restApiId").to_owned(), part.id.clone());
    call.draft.put(&api_id, &id, part);
    Ok(answer)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    // Get and update do not look for the API first: recorded from AWS.
    let api = place::api(call)?;
    let part = named(call)?;
    call.draft.remove::<DocumentationPart>(&api.id, &part.id);
    Ok(Answer::Empty)
}

/// The part that a call names.
fn named(call: &Call<'_>) -> Result<Arc<DocumentationPart>, Fault> {
    let part = call.draft.get(call.text("restApiId"), call.text("documentationPartId"));
    part.ok_or_else(|| Fault::not_found("Invalid Documentation part identifier specified"))
}

/// Properties are a JSON object, as text.
fn check_properties(properties: &str) -> Result<(), Fault> {
    if properties.trim().is_empty() {
        return Err(Fault::bad_request("Documentation part properties must be non-empty"));
    }
    match serde_json::from_str(properties) {
        Ok(Value::Object(_)) => Ok(()),
        _ => Err(Fault::bad_request("Documentation part properties must be a JSON object")),
    }
}

#[cfg(test)]
mod tests;
