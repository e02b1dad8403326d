//! Authorizers of REST APIs: who decides about a caller.

use super::super::answer::Answer;
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::patch::{self, Family, Op, PatchOperation};
use super::super::{Call, answer};
use super::place;
use crate::aws::Fault;
use crate::resources::rest::Authorizer;
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateAuthorizer", create),
    read("GetAuthorizer", get),
    read("GetAuthorizers", list),
    write("UpdateAuthorizer", update),
    write("DeleteAuthorizer", delete),
];

/// Seconds that a decision may be kept at most (the service's limit).
const TTL_MAX: i64 = 3600;

/// Seconds that a decision is kept when nothing is said (the service's default).
const TTL_DEFAULT: i64 = 300;

const FAMILY: Family = Family::Listed {
    add: &["/providerARNs"],
    remove: &["/providerARNs"],
    replace: &[
        "/name",
        "/type",
        "/authType",
        "/authorizerUri",
        "/authorizerCredentials",
        "/identitySource",
        "/identityValidationExpression",
        "/authorizerResultTtlInSeconds",
    ],
};

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    // Whatever the caller says of these two is not what is stored.
    call.input.remove("id");
    let mut authorizer: Authorizer = call.input()?;
    if authorizer.name.is_empty() {
        return Err(Fault::bad_request("Authorizer name must be non-empty"));
    }
    for member in [
        &mut authorizer.auth_type,
        &mut authorizer.authorizer_uri,
        &mut authorizer.authorizer_credentials,
        &mut authorizer.identity_source,
        &mut authorizer.identity_validation_expression,
    ] {
        member.take_if(|text| text.is_empty());
    }
    let is_cognito = authorizer.r#type == COGNITO;
    if is_cognito {
        // AWS keeps them only where a patch says so; Terraform knows and patches.
        authorizer.authorizer_credentials = None;
    }
    authorizer.auth_type.get_or_insert_with(|| {
        if is_cognito { "cognito_user_pools".to_owned() } else { "custom".to_owned() }
    });
    check(call, &api.id, &authorizer)?;
    authorizer.id = call.ids.short();
    let answer = Answer::of(&authorizer)?;
    let id = authorizer.id.clone();
    call.draft.put(&api.id, &id, authorizer);
    Ok(answer)
}

const COGNITO: &str = "COGNITO_USER_POOLS";

/// What must hold of an authorizer, new or changed.
fn check(call: &Call<'_>, api_id: &str, authorizer: &Authorizer) -> Result<(), Fault> {
    let name = &authorizer.name;
    let others = call.draft.list::<Authorizer>(api_id);
    if others.iter().any(|other| other.name == *name && other.id != authorizer.id) {
        return Err(Fault::bad_request(format!(
            "Authorizer name must be unique. Authorizer {name} already exists in this RestApi."
        )));
    }
    let ttl = authorizer.authorizer_result_ttl_in_seconds.unwrap_or(TTL_DEFAULT);
    if !(0..=TTL_MAX).contains(&ttl) {
        return Err(Fault::bad_request(
            "Authorizer result TTL outside allowable range. TTL must be between 0 and 3600 seconds.",
        ));
    }
    let has_source = authorizer.identity_source.is_some();
    match authorizer.r#type.as_str() {
        COGNITO => {
            if authorizer.provider_arns.is_empty() {
                return Err(Fault::bad_request(
                    "Authorizers of type COGNITO_USER_POOLS need at least one provider ARN",
                ));
            }
            if let Some(arn) = authorizer.provider_arns.iter().find(|arn| !is_user_pool(arn)) {
                return Err(Fault::bad_request(format!("Invalid Provider ARN: {arn}")));
            }
        }
        kind => {
            let uri = authorizer.authorizer_uri.as_deref().unwrap_or_default();
            if !is_invocation(uri) {
                return Err(Fault::bad_request(format!(
                    "Invalid Authorizer URI: {uri}. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation."
                )));
            }
            if kind == "TOKEN" && !has_source {
                return Err(Fault::bad_request(
                    "Authorizers of type TOKEN need an identity source, such as method.request.header.Authorization",
                ));
            }
            if kind == "REQUEST" && !has_source && ttl > 0 {
                return Err(Fault::bad_request(
                    "Authorizers of type REQUEST need an identity source while their results are cached; name one or set the TTL to 0",
                ));
            }
        }
    }
    Ok(())
}

/// `arn:aws:cognito-idp:{region}:{account}:userpool/{id}`.
fn is_user_pool(arn: &str) -> bool {
    let mut parts = arn.splitn(6, ':');
    parts.next() == Some("arn")
        && parts.next().is_some()
        && parts.next() == Some("cognito-idp")
        && parts.nth(2).is_some_and(|resource| resource.starts_with("userpool/"))
}

/// `arn:aws:apigateway:{region}:lambda:path/{version}/functions/{function}/invocations`; the function
/// may be a stage variable.
fn is_invocation(uri: &str) -> bool {
    let mut parts = uri.splitn(6, ':');
    parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next() == Some("apigateway")
        && parts.next().is_some_and(|region| !region.is_empty())
        && parts.next() == Some("lambda")
        && parts.next().is_some_and(|path| {
            path.starts_with("path/")
                && path.contains("/functions/")
                && path.ends_with("/invocations")
        })
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Answer::of(&*named(call)?)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = place::api(call)?;
    let page = Page::v1(call);
    Ok(page::v1(page.take(
        call,
        &api.id,
        |authorizer: &Authorizer| &authorizer.id,
        answer::document,
    )?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut authorizer = Authorizer::clone(&*named(call)?);
    for operation in patch::operations(call)? {
        change(&mut authorizer, &operation)?;
    }
    let api_id = call.text("restApiId").to_owned();
    check(call, &api_id, &authorizer)?;
    let answer = Answer::of(&authorizer)?;
    let id = authorizer.id.clone();
    call.draft.put(&api_id, &id, authorizer);
    Ok(answer)
}

fn change(authorizer: &mut Authorizer, operation: &PatchOperation) -> Result<(), Fault> {
    match (operation.op, operation.path.as_deref()) {
        (Op::Replace, Some("/name")) => {
            let name = operation.non_empty();
            authorizer.name =
                name.ok_or_else(|| Fault::bad_request("Authorizer name must be non-empty"))?;
        }
        (Op::Replace, Some("/type")) => {
            let kind = operation.value.as_deref().unwrap_or_default();
            if !["TOKEN", "REQUEST", COGNITO].contains(&kind) {
                return Err(Fault::bad_request(
                    "Invalid authorizer type specified. Valid options are TOKEN,REQUEST,COGNITO_USER_POOLS",
                ));
            }
            authorizer.r#type = kind.to_owned();
        }
        (Op::Replace, Some("/authType")) => authorizer.auth_type = operation.non_empty(),
        (Op::Replace, Some("/authorizerUri")) => authorizer.authorizer_uri = operation.non_empty(),
        (Op::Replace, Some("/authorizerCredentials")) => {
            authorizer.authorizer_credentials = operation.non_empty();
        }
        (Op::Replace, Some("/identitySource")) => {
            authorizer.identity_source = operation.non_empty();
        }
        (Op::Replace, Some("/identityValidationExpression")) => {
            authorizer.identity_validation_expression = operation.non_empty();
        }
        (Op::Replace, Some("/authorizerResultTtlInSeconds")) => {
            let ttl = operation.non_empty().map(|text| text.parse::<i64>()).transpose();
            authorizer.authorizer_result_ttl_in_seconds = ttl.map_err(|_| {
                Fault::bad_request("Authorizer result TTL outside allowable range. TTL must be between 0 and 3600 seconds.")
            })?;
        }
        (Op::Add, Some("/providerARNs")) => {
            let arn = operation.value.clone().unwrap_or_default();
            if !authorizer.provider_arns.contains(&arn) {
                authorizer.provider_arns.push(arn);
            }
        }
        (Op::Remove, Some("/providerARNs")) => {
            let arn = operation.value.as_deref().unwrap_or_default();
            authorizer.provider_arns.retain(|kept| kept != arn);
        }
        _ => return Err(FAMILY.bad_path(operation)),
    }
    Ok(())
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let authorizer = named(call)?;
    let api_id = call.text("restApiId").to_owned();
    let user = place::method_with(call, &api_id, |method| {
        method.authorizer_id.as_deref() == Some(&authorizer.id)
    });
    if let Some((path, verb)) = user {
        return Err(Fault::conflict(format!(
            "Cannot delete authorizer '{}', is referenced in method: {verb}/{path}",
            authorizer.name
        )));
    }
    call.draft.remove::<Authorizer>(&api_id, &authorizer.id);
    Ok(Answer::Empty)
}

/// The authorizer that a call names.
pub(super) fn named(call: &Call<'_>) -> Result<Arc<Authorizer>, Fault> {
    let authorizer = call.draft.get(call.text("restApiId"), call.text("authorizerId"));
    authorizer.ok_or_else(|| Fault::not_found("Invalid Authorizer identifier specified"))
}

#[cfg(test)]
#[path = "authorizer_tests.rs"]
mod tests;
