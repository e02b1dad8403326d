//! Definition: every template of an API that is deployed, with what is declared around it.

use super::{Finding, Promise, Subject, gateway_response, template};
use crate::resources::rest::{Integration, IntegrationResponse, Map, Method, Resource};
use crate::resources::rest_stage::Definition;
use serde_json::Value;
use std::collections::BTreeMap;

/// Templates of one definition that are looked at. Each takes about a tenth of a millisecond, and a
/// deployment must not keep the writes behind it waiting.
pub(super) const TEMPLATES_MAX: usize = 1_000;

/// What was found in a definition.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// In the order of paths.
    pub found: Vec<Found>,
    /// Templates beyond the bound.
    pub left_out: usize,
}

/// A mistake in one of a definition's templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which template: `POST /orders, request template for application/json`.
    pub place: String,
    /// Its text.
    pub text: String,
    /// What is wrong.
    pub finding: Finding,
}

/// Looks through a definition. `variables` are those of the stage that is to serve it; `None`: there is
/// none yet.
pub fn definition(definition: &Definition, variables: Option<&Map>) -> Findings {
    let parsed = definition.models.iter().filter_map(|model| {
        let schema = serde_json::from_str(model.schema.as_deref()?).ok()?;
        Some((model.name.clone(), schema))
    });
    let models: BTreeMap<String, Value> = parsed.collect();
    let mut looked =
        Looked { models: &models, variables, findings: Findings::default(), left: TEMPLATES_MAX };
    for resource in &definition.resources {
        for (verb, method) in &resource.resource_methods {
            if let Some(integration) = &method.method_integration {
                looked.method(resource, verb, method, integration);
            }
        }
    }
    for response in &definition.gateway_responses {
        for (media_type, text) in &response.response_templates {
            let place =
                format!("gateway response {}, template for {media_type}", response.response_type);
            let mut subject = looked.subject();
            subject.promise = promise(media_type);
            looked.look(&place, text, || gateway_response::check(text, &subject));
        }
    }
    looked.findings
}

struct Looked<'d> {
    models: &'d BTreeMap<String, Value>,
    variables: Option<&'d Map>,
    findings: Findings,
    left: usize,
}

impl<'d> Looked<'d> {
    fn subject(&self) -> Subject<'d> {
        let names = self.variables.map(|it| it.keys().map(String::as_str).collect());
        Subject { models: Some(self.models), stage_variables: names, ..Subject::default() }
    }

    fn method(
        &mut self,
        resource: &Resource,
        verb: &str,
        method: &'d Method,
        integration: &'d Integration,
    ) {
        let key = format!("{verb} {}", resource.path);
        let around = |looked: &Self| {
            let mut subject = looked.subject();
            subject.path = path_parameters(&resource.path);
            subject.has_authorizer = !matches!(&*method.authorization_type, "" | "NONE");
            for (name, is_required) in &method.request_parameters {
                let Some((place, name)) =
                    name.strip_prefix("method.request.").and_then(|it| it.split_once('.'))
                else {
                    continue;
                };
                let parameter = (name.to_owned(), *is_required);
                match place {
                    "querystring" | "multivaluequerystring" => subject.querystring.push(parameter),
                    "header" | "multivalueheader" => subject.header.push(parameter),
                    _ => {}
                }
            }
            subject
        };
        if !matches!(&*integration.r#type, "MOCK" | "HTTP" | "AWS") {
            // Proxy integrations run no templates.
            return;
        }
        for (media_type, text) in &integration.request_templates {
            let Some(text) = text.as_deref().filter(|text| !text.is_empty()) else { continue };
            let mut subject = around(self);
            subject.promise = request_promise(integration, media_type);
            let model = method.request_models.get(media_type);
            subject.body = model.and_then(|name| self.models.get(name)).filter(|it| is_telling(it));
            let place = format!("{key}, request template for {media_type}");
            self.look(&place, text, || template(text, &subject));
        }
        for response in integration.integration_responses.values() {
            let none = Map::new();
            for (media_type, text) in response.response_templates.as_ref().unwrap_or(&none) {
                let Some(text) = text.as_deref().filter(|text| !text.is_empty()) else { continue };
                let mut subject = around(self);
                subject.is_response = true;
                subject.promise = response_promise(response, media_type);
                let status = &response.status_code;
                let place = format!("{key}, response template of {status} for {media_type}");
                self.look(&place, text, || template(text, &subject));
            }
        }
    }

    fn look(&mut self, place: &str, text: &str, look: impl FnOnce() -> Vec<Finding>) {
        if self.left == 0 {
            self.findings.left_out += 1;
            return;
        }
        self.left -= 1;
        self.findings.found.extend(look().into_iter().map(|finding| Found {
            place: place.to_owned(),
            text: text.to_owned(),
            finding,
        }));
    }
}

/// Names of path parameters.
fn path_parameters(path: &str) -> Vec<String> {
    let parts = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    parts.map(|name| name.trim_end_matches('+').to_owned()).collect()
}

/// Whether a schema says what a body has in it.
fn is_telling(schema: &Value) -> bool {
    ["properties", "items", "$ref", "allOf", "oneOf", "anyOf", "enum"]
        .iter()
        .any(|word| !schema[*word].is_null())
}

fn promise(media_type: &str) -> Promise {
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = media_type == "application/json"
        || media_type.ends_with("+json")
        || media_type.starts_with("application/x-amz-json");
    if is_json { Promise::Json } else { Promise::Nothing }
}

/// What a request template must make. The content type says what the client sends; the integration may be
/// told another.
fn request_promise(integration: &Integration, media_type: &str) -> Promise {
    if integration.r#type == "MOCK" {
        return Promise::Status;
    }
    let is_without_content = integration
        .http_method
        .as_deref()
        .is_some_and(|method| matches!(method, "GET" | "HEAD" | "OPTIONS"));
    let mapped = integration
        .request_parameters
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("integration.request.header.content-type"));
    let uri = integration.uri.as_deref().unwrap_or_default();
    // Services that take forms, and those whose content is an object or a message of any kind.
    let is_of_service = integration.r#type == "AWS" && !uri.contains(":lambda:path/");
    let takes_json = ["dynamodb", "states", "kinesis", "events", "firehose", "logs"]
        .iter()
        .any(|service| uri.contains(&format!(":{service}:action/")));
    match mapped {
        _ if is_without_content => Promise::Nothing,
        Some((_, expression)) => match expression.strip_prefix('\'') {
            Some(text) => promise(text.trim_end_matches('\'')),
            None => Promise::Nothing,
        },
        None if is_of_service && !takes_json => Promise::Nothing,
        None => promise(media_type),
    }
}

fn response_promise(response: &IntegrationResponse, media_type: &str) -> Promise {
    let parameters = response.response_parameters.iter().flatten();
    let mapped = parameters
        .filter(|(name, _)| name.eq_ignore_ascii_case("method.response.header.content-type"))
        .map(|(_, expression)| expression)
        .next();
    match mapped {
        Some(expression) => match expression.strip_prefix('\'') {
            Some(text) => promise(text.trim_end_matches('\'')),
            None => Promise::Nothing,
        },
        None => promise(media_type),
    }
}
