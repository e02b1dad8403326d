//! What stands in front of a route and cannot be checked here yet: it refuses everybody.

use super::policy::lets_everybody_in;
use crate::resources::{http, rest, rest_stage};
use crate::snapshot::Refusing;

/// A refusal, with the reason for the log.
pub(super) type Guarded = Option<(Refusing, String)>;

/// What keeps everybody from a whole REST stage.
pub(super) fn of_rest_stage(stage: &rest_stage::Stage, api: &rest::RestApi) -> Guarded {
    let is_private = api.endpoint_configuration.types.iter().any(|it| it == "PRIVATE");
    match &api.policy {
        Some(policy) if !lets_everybody_in(policy) => Some((
            Refusing::AccessDenied,
            "the API's resource policy cannot be evaluated yet, so it refuses".to_owned(),
        )),
        // Amazon refuses every call of a private API without a policy.
        None if is_private => {
            Some((Refusing::AccessDenied, "a private API without a resource policy".to_owned()))
        }
        Some(_) | None if stage.web_acl_arn.as_ref().is_some_and(|it| !it.is_empty()) => Some((
            Refusing::Forbidden,
            "the stage's web ACL cannot be evaluated yet, so it refuses".to_owned(),
        )),
        Some(_) | None => None,
    }
}

/// What keeps everybody from a method, be its authorizer's verdict what it may.
pub(super) fn of_method(method: &rest::Method) -> Guarded {
    match method.authorization_type.to_ascii_uppercase().as_str() {
        // Whether the authorizer can be asked is found out when it is compiled.
        "NONE" | "CUSTOM" => {}
        "AWS_IAM" => {
            return Some((
                Refusing::Unsigned,
                "authorization AWS_IAM cannot be checked yet, so it refuses".to_owned(),
            ));
        }
        kind => {
            return Some((
                Refusing::AuthorizerMisconfigured,
                format!("authorization `{kind}` cannot be checked yet, so it refuses"),
            ));
        }
    }
    method
        .api_key_required
        .then(|| (Refusing::Forbidden, "API keys cannot be checked yet, so it refuses".to_owned()))
}

/// What keeps everybody from a route of an HTTP API.
pub(super) fn of_route(route: &http::Route) -> Guarded {
    match route.authorization_type.as_str() {
        "NONE" | "CUSTOM" => None,
        "AWS_IAM" => Some((
            Refusing::Forbidden,
            "authorization AWS_IAM cannot be checked yet, so it refuses".to_owned(),
        )),
        kind => Some((
            Refusing::AuthorizerMisconfigured,
            format!("authorization `{kind}` cannot be checked yet, so it refuses"),
        )),
    }
}
