//! What a method asks of its requests: parameters that must be there, content that fits a model.

use super::schema::Schema;
use crate::resources::rest::{Method, Model, RequestValidator};
use std::sync::Arc;

/// What is checked before a request reaches its integration.
#[derive(Debug, Default)]
pub struct Validation {
    /// Parameters that must not be missing or blank, in the order in which Amazon names them.
    pub parameters: Box<[Required]>,
    /// Media type (lower case) to model. Empty: content is not looked at.
    models: Box<[(Box<str>, Option<Schema>)]>,
}

/// A parameter that must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Required {
    /// Where.
    pub place: ParameterPlace,
    /// Its name.
    pub name: Box<str>,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterPlace {
    /// A header field; capitals do not matter.
    Header,
    /// The path.
    Path,
    /// The query string.
    Query,
}

/// The model for content of some type.
#[derive(Debug)]
pub enum ModelFor<'v> {
    /// There is none: any content passes.
    None,
    /// This one.
    Schema(&'v Schema),
    /// One that cannot be used: nothing passes.
    Broken,
}

impl Validation {
    /// Whether content is looked at.
    pub fn wants_content(&self) -> bool {
        !self.models.is_empty()
    }

    /// The model for a media type without parameters.
    pub fn model(&self, media_type: &str) -> ModelFor<'_> {
        let of =
            |wanted: &str| self.models.iter().find(|(known, _)| known.eq_ignore_ascii_case(wanted));
        match of(media_type).or_else(|| of("$default")) {
            None => ModelFor::None,
            Some((_, Some(schema))) => ModelFor::Schema(schema),
            Some((_, None)) => ModelFor::Broken,
        }
    }
}

/// What a method's validator checks. `None`: it has none, or one that checks nothing.
///
/// # Errors
/// The validator is not there, so that nobody can say what it would let through.
pub(super) fn compile(
    method: &Method,
    validators: &[Arc<RequestValidator>],
    models: &[Arc<Model>],
    warn: &mut impl FnMut(String),
) -> Result<Option<Validation>, String> {
    let Some(id) = method.request_validator_id.as_deref().filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    let validator = validators
        .iter()
        .find(|it| it.id == id)
        .ok_or_else(|| format!("there is no request validator {id}"))?;
    let mut validation = Validation::default();
    if validator.validate_request_parameters {
        let required = method.request_parameters.iter().filter(|(_, is_required)| **is_required);
        validation.parameters = required.filter_map(|(key, _)| parameter(key)).collect();
    }
    if validator.validate_request_body {
        let compiled = method.request_models.iter().map(|(media_type, name)| {
            let compiled = match models.iter().find(|it| it.name == *name) {
                Some(model) => Schema::compile(model, models),
                // Amazon gives these two to every API; ours may not list them.
                None if name == "Empty" || name == "Error" => {
                    Schema::compile(&Model { name: name.clone(), ..Model::default() }, &[])
                }
                None => Err(format!("there is no model {name}")),
            };
            let schema = compiled.map_err(&mut *warn).ok();
            (media_type.to_ascii_lowercase().into(), schema)
        });
        validation.models = compiled.collect();
    }
    let is_idle = validation.parameters.is_empty() && validation.models.is_empty();
    Ok((!is_idle).then_some(validation))
}

fn parameter(key: &str) -> Option<Required> {
    let (place, name) = key.strip_prefix("method.request.")?.split_once('.')?;
    let place = match place {
        "header" | "multivalueheader" => ParameterPlace::Header,
        "path" => ParameterPlace::Path,
        "querystring" | "multivaluequerystring" => ParameterPlace::Query,
        _ => return None,
    };
    Some(Required { place, name: name.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(body: bool, parameters: bool) -> Option<Validation> {
        let method: Method = serde_json::from_value(serde_json::json!({
            "requestValidatorId": "v",
            "requestParameters": {
                "method.request.querystring.qs1": true,
                "method.request.header.x-header-param": true,
                "method.request.path.issuer": true,
                "method.request.querystring.free": false,
            },
            "requestModels": { "application/json": "M", "text/x": "None", "a/b": "Empty" },
        }))
        .unwrap();
        let validator = RequestValidator {
            id: "v".into(),
            validate_request_body: body,
            validate_request_parameters: parameters,
            ..RequestValidator::default()
        };
        let model = Model {
            name: "M".into(),
            schema: Some("{\"type\": \"object\"}".into()),
            ..Model::default()
        };
        compile(&method, &[validator.into()], &[model.into()], &mut |_| {}).unwrap()
    }

    #[test]
    fn parameters_are_named_in_the_order_of_their_keys() {
        let validation = compiled(false, true).unwrap();
        let names: Vec<_> = validation.parameters.iter().map(|it| &*it.name).collect();
        assert_eq!(names, ["x-header-param", "issuer", "qs1"]);
        assert!(!validation.wants_content());
    }

    #[test]
    fn content_is_held_against_the_model_of_its_type() {
        let validation = compiled(true, false).unwrap();
        assert!(validation.parameters.is_empty());
        assert!(matches!(validation.model("Application/JSON"), ModelFor::Schema(_)));
        assert!(matches!(validation.model("a/b"), ModelFor::Schema(_)));
        assert!(matches!(validation.model("text/x"), ModelFor::Broken));
        assert!(matches!(validation.model("text/y"), ModelFor::None));
    }

    #[test]
    fn a_validator_that_checks_nothing_is_none_and_one_that_is_gone_a_mistake() {
        assert!(compiled(false, false).is_none());
        let method = Method { request_validator_id: Some("v".into()), ..Method::default() };
        assert!(compile(&method, &[], &[], &mut |_| {}).is_err());
        assert!(compile(&Method::default(), &[], &[], &mut |_| {}).unwrap().is_none());
    }
}
