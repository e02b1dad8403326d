//! What of an API could be documented, but is not.

use super::location;
use crate::resources::Draft;
use crate::resources::rest::{
    Authorizer, DocumentationLocation, DocumentationPart, Method, Model, Resource,
};
use std::sync::Arc;

/// All places of an API without a part of their own.
pub(super) fn places(
    draft: &Draft<'_>,
    api_id: &str,
    parts: &[Arc<DocumentationPart>],
) -> Vec<DocumentationLocation> {
    let mut places = vec![of_type("API")];
    for authorizer in draft.list::<Authorizer>(api_id) {
        places.push(named(of_type("AUTHORIZER"), &authorizer.name));
    }
    for model in draft.list::<Model>(api_id) {
        places.push(named(of_type("MODEL"), &model.name));
    }
    for resource in draft.list::<Resource>(api_id) {
        let path = Some(resource.path.clone());
        places.push(DocumentationLocation { path, ..of_type("RESOURCE") });
        for (verb, method) in &resource.resource_methods {
            of_method(&resource.path, verb, method, &mut places);
        }
    }
    places.retain(|place| !parts.iter().any(|part| location::is_same(&part.location, place)));
    places
}

fn of_method(path: &str, verb: &str, method: &Method, places: &mut Vec<DocumentationLocation>) {
    let at = |kind: &str| DocumentationLocation {
        path: Some(path.to_owned()),
        method: Some(verb.to_owned()),
        ..of_type(kind)
    };
    places.push(at("METHOD"));
    for parameter in method.request_parameters.keys() {
        let name = parameter.strip_prefix("method.request.").and_then(|rest| rest.split_once('.'));
        match name {
            Some(("path", name)) => places.push(named(at("PATH_PARAMETER"), name)),
            Some(("querystring" | "multivaluequerystring", name)) => {
                places.push(named(at("QUERY_PARAMETER"), name));
            }
            Some(("header" | "multivalueheader", name)) => {
                places.push(named(at("REQUEST_HEADER"), name));
            }
            _ => {}
        }
    }
    if !method.request_models.is_empty() {
        places.push(at("REQUEST_BODY"));
    }
    for (code, response) in &method.method_responses {
        let at = |kind: &str| DocumentationLocation { status_code: Some(code.clone()), ..at(kind) };
        places.push(at("RESPONSE"));
        for parameter in response.response_parameters.iter().flat_map(|it| it.keys()) {
            if let Some(name) = parameter.strip_prefix("method.response.header.") {
                places.push(named(at("RESPONSE_HEADER"), name));
            }
        }
        if response.response_models.as_ref().is_some_and(|models| !models.is_empty()) {
            places.push(at("RESPONSE_BODY"));
        }
    }
}

fn of_type(kind: &str) -> DocumentationLocation {
    DocumentationLocation { r#type: kind.to_owned(), ..DocumentationLocation::default() }
}

fn named(location: DocumentationLocation, name: &str) -> DocumentationLocation {
    DocumentationLocation { name: Some(name.to_owned()), ..location }
}
