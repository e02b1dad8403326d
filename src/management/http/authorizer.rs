//! Authorizers of HTTP and WebSocket APIs.
//!
//! Unlike AWS, nothing is fetched from a token's issuer when an authorizer is made, and an issuer may
//! be reached over plain HTTP: local identity providers often are.

use super::super::answer::document;
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::{Answer, Call};
use super::members::Members;
use super::{api, stage};
use crate::aws::Fault;
use crate::resources::http::{Api, Authorizer, JwtConfiguration, Route};
use crate::resources::rest_stage::AuthorizerFlush;
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateAuthorizer", create),
    write("DeleteAuthorizer", delete),
    read("GetAuthorizer", get),
    read("GetAuthorizers", list),
    write("ResetAuthorizersCache", reset_cache),
    write("UpdateAuthorizer", update),
];

/// Seconds for which a result is kept when nothing is said.
const TTL_DEFAULT: i64 = 300;

/// Seconds for which a result may be kept.
const TTL_MAX: i64 = 3600;

/// Audiences of a JWT authorizer.
const AUDIENCES_MAX: usize = 50;

fn find(call: &Call<'_>, api: &Api) -> Result<Arc<Authorizer>, Fault> {
    let id = call.text("authorizerId");
    call.draft
        .get(&api.api_id, id)
        .ok_or_else(|| Fault::not_found(format!("Invalid Authorizer identifier specified {id}")))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let mut authorizer = Authorizer { authorizer_id: call.ids.short(), ..Authorizer::default() };
    lay(&mut authorizer, Members(&call.input))?;
    let is_cached = api.is_http() && !authorizer.identity_source.is_empty();
    if is_cached && authorizer.authorizer_type == "REQUEST" {
        authorizer.authorizer_result_ttl_in_seconds.get_or_insert(TTL_DEFAULT);
    }
    put(call, &api, authorizer)
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    Answer::of(&*find(call, &api)?)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let page = Page::v2(call)?;
    Ok(page::v2(page.take(
        call,
        &api.api_id,
        |authorizer: &Authorizer| &authorizer.authorizer_id,
        document,
    )?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let before = find(call, &api)?;
    let mut authorizer = Authorizer::clone(&before);
    lay(&mut authorizer, Members(&call.input))?;
    if authorizer.authorizer_type != before.authorizer_type
        && let Some(key) = user(call, &api, &before)
    {
        // The route's authorization type would no longer fit.
        return Err(Fault::conflict(format!(
            "Cannot change the type of authorizer '{}', is referenced in route: {key}",
            before.name
        )));
    }
    put(call, &api, authorizer)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let authorizer = find(call, &api)?;
    if let Some(key) = user(call, &api, &authorizer) {
        return Err(Fault::conflict(format!(
            "Cannot delete authorizer '{}', is referenced in route: {key}",
            authorizer.name
        )));
    }
    call.draft.remove::<Authorizer>(&api.api_id, &authorizer.authorizer_id);
    Ok(Answer::Empty)
}

/// Nothing is kept of authorizers' answers in what is stored, and no stage keeps any yet: there is
/// nothing to forget.
fn reset_cache(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let api = api::find(call)?;
    let stage = stage::find(call, &api)?;
    let name = stage.stage_name.clone();
    // Touched, so that a stage of the file is refused, which cannot be changed here.
    call.draft.put_shared(&api.api_id, &name, stage);
    let flush = AuthorizerFlush { flush_id: call.ids.uuid() };
    call.draft.put(&api.api_id, &name, flush);
    Ok(Answer::Empty)
}

/// The key of a route that uses an authorizer.
fn user(call: &Call<'_>, api: &Api, authorizer: &Authorizer) -> Option<String> {
    let routes = call.draft.list::<Route>(&api.api_id);
    let uses =
        |route: &&Arc<Route>| route.authorizer_id.as_ref() == Some(&authorizer.authorizer_id);
    routes.iter().find(uses).map(|route| route.route_key.clone())
}

fn lay(authorizer: &mut Authorizer, given: Members<'_>) -> Result<(), Fault> {
    given.within(&[
        ("name", 128),
        ("authorizerUri", 2048),
        ("identityValidationExpression", 1024),
    ])?;
    given.word("name", &mut authorizer.name);
    given.word("authorizerType", &mut authorizer.authorizer_type);
    given.text("authorizerUri", &mut authorizer.authorizer_uri);
    given.text("authorizerCredentialsArn", &mut authorizer.authorizer_credentials_arn);
    given.text("authorizerPayloadFormatVersion", &mut authorizer.authorizer_payload_format_version);
    if let Some(seconds) = given.number("authorizerResultTtlInSeconds") {
        authorizer.authorizer_result_ttl_in_seconds = Some(seconds);
    }
    given.flag_of("enableSimpleResponses", &mut authorizer.enable_simple_responses);
    given.texts("identitySource", &mut authorizer.identity_source);
    authorizer.identity_source.retain(|source| !source.is_empty());
    given.text("identityValidationExpression", &mut authorizer.identity_validation_expression);
    if let Some(jwt) = given.structure::<JwtConfiguration>("jwtConfiguration")? {
        authorizer.jwt_configuration = (jwt != JwtConfiguration::default()).then_some(jwt);
    }
    Ok(())
}

/// Checks an authorizer and stores it.
fn put(call: &mut Call<'_>, api: &Api, mut authorizer: Authorizer) -> Result<Answer, Fault> {
    if !api.is_http() {
        // Results are not kept: a connection asks once.
        authorizer.authorizer_result_ttl_in_seconds = None;
    }
    if authorizer.name.is_empty() {
        return Err(Fault::bad_request("Invalid Authorizer name specified"));
    }
    match (&*authorizer.authorizer_type, api.is_http()) {
        ("REQUEST", true) => check_request(&authorizer)?,
        ("REQUEST", false) => check_message(&authorizer)?,
        ("JWT", true) => check_jwt(&authorizer)?,
        ("JWT", false) => {
            return Err(Fault::bad_request(
                "Only REQUEST authorizer type is supported on WEBSOCKET protocol Apis.",
            ));
        }
        (other, _) => {
            let text = format!("Invalid authorizer type specified: {other}");
            return Err(Fault::bad_request(text));
        }
    }
    let others = call.draft.list::<Authorizer>(&api.api_id);
    let is_double = |other: &Arc<Authorizer>| {
        other.name == authorizer.name && other.authorizer_id != authorizer.authorizer_id
    };
    if others.iter().any(is_double) {
        return Err(Fault::bad_request(format!(
            "Authorizer name must be unique. Authorizer {} already exists in this RestApi.",
            authorizer.name
        )));
    }
    let answer = Answer::of(&authorizer);
    let id = authorizer.authorizer_id.clone();
    call.draft.put(&api.api_id, &id, authorizer);
    answer
}

fn check_uri(authorizer: &Authorizer) -> Result<(), Fault> {
    match &authorizer.authorizer_uri {
        None => Err(Fault::bad_request("AuthorizerUri is a required field in an Authorizer")),
        Some(uri) if uri.starts_with("arn:") => Ok(()),
        Some(uri) => Err(Fault::bad_request(format!("Invalid Authorizer URI: {uri}"))),
    }
}

/// A function that decides about requests of an HTTP API.
fn check_request(authorizer: &Authorizer) -> Result<(), Fault> {
    match authorizer.authorizer_payload_format_version.as_deref() {
        None => {
            return Err(Fault::bad_request(
                "AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer",
            ));
        }
        Some("2.0") => {}
        Some("1.0") if authorizer.enable_simple_responses == Some(true) => {
            return Err(Fault::bad_request(
                "EnableSimpleResponses can only be set for AuthorizerPayloadFormatVersion \"2.0\".",
            ));
        }
        Some("1.0") => {}
        Some(other) => {
            let text = format!("AuthorizerPayloadFormatVersion {other} is not supported");
            return Err(Fault::bad_request(text));
        }
    }
    check_uri(authorizer)?;
    let seconds = authorizer.authorizer_result_ttl_in_seconds.unwrap_or_default();
    if !(0..=TTL_MAX).contains(&seconds) {
        return Err(Fault::bad_request(format!(
            "Authorizer result TTL outside allowable range. TTL must be between 0 and {TTL_MAX} seconds."
        )));
    }
    if seconds > 0 && authorizer.identity_source.is_empty() {
        return Err(Fault::bad_request(
            "Identity source must be set if authorizer caching is enabled (TTL is greater than 0)",
        ));
    }
    let places = ["$request.header.", "$request.querystring.", "$context.", "$stageVariables."];
    check_sources(authorizer, &places, "Invalid identity source expression")
}

/// A function that decides about connections to a WebSocket API.
fn check_message(authorizer: &Authorizer) -> Result<(), Fault> {
    let http_only = [
        ("AuthorizerPayloadFormatVersion", authorizer.authorizer_payload_format_version.is_some()),
        ("EnableSimpleResponses", authorizer.enable_simple_responses == Some(true)),
    ];
    if let Some((name, _)) = http_only.iter().find(|(_, is_set)| *is_set) {
        return Err(Fault::bad_request(format!(
            "{name} is not supported on WEBSOCKET protocol Apis."
        )));
    }
    check_uri(authorizer)?;
    let places =
        ["route.request.header.", "route.request.querystring.", "context.", "stageVariables."];
    check_sources(authorizer, &places, "Invalid request identity source expression")
}

fn check_jwt(authorizer: &Authorizer) -> Result<(), Fault> {
    let Some(jwt) = &authorizer.jwt_configuration else {
        let text = "JwtConfiguration must not be null for JWT Authorizer";
        return Err(Fault::bad_request(text));
    };
    let issuer = jwt.issuer.as_deref().unwrap_or_default();
    let is_url = ["https://", "http://"]
        .iter()
        .any(|scheme| issuer.strip_prefix(scheme).is_some_and(|host| !host.is_empty()));
    if !is_url {
        let text = "Invalid issuer: Issuer is not a valid URL for JWT Authorizer";
        return Err(Fault::bad_request(text));
    }
    if !(1..=AUDIENCES_MAX).contains(&jwt.audience.len()) {
        return Err(Fault::bad_request(format!(
            "JwtConfiguration must have 1 to {AUDIENCES_MAX} audiences for JWT Authorizer"
        )));
    }
    if authorizer.identity_source.len() != 1 {
        let text = "Exactly one identity source must be set for JWT Authorizer";
        return Err(Fault::bad_request(text));
    }
    let places = ["$request.header.", "$request.querystring."];
    check_sources(authorizer, &places, "Invalid identity source expression")
}

fn check_sources(authorizer: &Authorizer, places: &[&str], text: &str) -> Result<(), Fault> {
    let is_good = |source: &str| {
        let name = places.iter().find_map(|place| source.strip_prefix(place));
        name.is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace))
    };
    match authorizer.identity_source.iter().find(|source| !is_good(source)) {
        Some(source) => Err(Fault::bad_request(format!("{text}: {source}"))),
        None => Ok(()),
    }
}
