//! Documentation parts out of an OpenAPI document's extension `x-amazon-apigateway-documentation`.

use super::super::super::Call;
use super::super::super::answer::Answer;
use super::super::place;
use super::location;
use crate::aws::Fault;
use crate::resources::rest::{DocumentationLocation, DocumentationPart};
use serde_json::{Value, json};

/// One part as a document has it.
struct Found {
    location: DocumentationLocation,
    properties: String,
}

pub(super) fn import(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let (found, warnings) = read(call.text("body"))?;
    if call.is_set("failOnWarnings") && !warnings.is_empty() {
        let lines: String = warnings.iter().map(|warning| format!("\n\t{warning}")).collect();
        return Err(Fault::bad_request(format!("Warnings found during import:{lines}")));
    }
    // Merging is the service's default.
    if call.text("mode") == "overwrite" {
        call.draft.remove_all::<DocumentationPart>(&api.id);
    }
    let mut known_parts: Vec<DocumentationPart> = call
        .draft
        .list::<DocumentationPart>(&api.id)
        .iter()
        .map(|part| DocumentationPart::clone(part))
        .collect();
    let mut ids = Vec::new();
    for Found { location, properties } in found {
        let place =
            known_parts.iter_mut().find(|part| location::is_same(&part.location, &location));
        let part = match place {
            Some(part) => {
                part.properties = properties;
                part.clone()
            }
            None => {
                let part = DocumentationPart { id: call.ids.short(), location, properties };
                known_parts.push(part.clone());
                part
            }
        };
        let id = part.id.clone();
        call.draft.put(&api.id, &id, part);
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let mut answer = json!({ "ids": ids });
    if !warnings.is_empty() {
        answer["warnings"] = json!(warnings);
    }
    Ok(Answer::Json(answer))
}

/// The parts of a document, and what cannot be used of it.
fn read(document: &str) -> Result<(Vec<Found>, Vec<String>), Fault> {
    let Ok(Value::Object(document)) = serde_json::from_str(document) else {
        // Looks like YAML. To everything else Amazon's own text says enough.
        let is_yaml = !document.trim_start().starts_with(['{', '[']) && document.contains(':');
        let hint = if is_yaml { " Only JSON documents can be read here." } else { "" };
        return Err(Fault::bad_request(format!(
            "Unable to build importer with provided input.{hint}"
        )));
    };
    let parts = document
        .get("x-amazon-apigateway-documentation")
        .and_then(|extension| extension.get("documentationParts"))
        .and_then(Value::as_array);
    let (mut found, mut warnings) = (Vec::new(), Vec::new());
    for part in parts.into_iter().flatten() {
        match read_part(part) {
            Ok(part) => found.push(part),
            Err(warning) => warnings.push(warning),
        }
    }
    Ok((found, warnings))
}

fn read_part(part: &Value) -> Result<Found, String> {
    let location = part.get("location").cloned().unwrap_or_default();
    let location: DocumentationLocation = serde_json::from_value(location)
        .map_err(|_| format!("Invalid location of a documentation part: {part}. Ignoring."))?;
    let location =
        location::check(location).map_err(|fault| format!("{} Ignoring.", fault.message))?;
    let properties = match part.get("properties") {
        Some(properties @ Value::Object(members)) if !members.is_empty() => properties.to_string(),
        _ => {
            return Err(format!(
                "No properties in the documentation part for {}. Ignoring.",
                location::describe(&location)
            ));
        }
    };
    Ok(Found { location, properties })
}
