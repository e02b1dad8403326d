//! Event invoke configurations: how often events are tried that nobody waits for, how old they may
//! become, and where they go then. A function, a version and an alias each have their own.

use super::fault::{invalid, not_found};
use super::function::listed;
use super::of_file::change;
use super::place::{Place, arn, version};
use crate::aws::Fault;
use crate::management::operation::{Operation, read};
use crate::management::page::Page;
use crate::management::{Answer, Call, Settings};
use crate::resources::function::{
    Configuration, Function, FunctionAlias, FunctionEventConfig, LATEST, owner,
};
use crate::snapshot::function::{EventRules, EventTarget};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

pub(super) static OPERATIONS: &[Operation] = &[
    change("PutFunctionEventInvokeConfig", put),
    change("UpdateFunctionEventInvokeConfig", update),
    read("GetFunctionEventInvokeConfig", get),
    read("ListFunctionEventInvokeConfigs", list),
    change("DeleteFunctionEventInvokeConfig", delete),
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    maximum_retry_attempts: Option<u32>,
    maximum_event_age_in_seconds: Option<u32>,
    destination_config: Option<Destinations>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destinations {
    on_success: Option<Destination>,
    on_failure: Option<Destination>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    destination: Option<String>,
}

/// Refuses a destination that the file does not know: an event that goes there would be lost.
///
/// # Errors
/// It is not in `[functions] destinations`.
pub(super) fn check_destination(settings: &Settings, member: &str, arn: &str) -> Result<(), Fault> {
    if arn.is_empty() || settings.event_places.contains_key(arn) {
        return Ok(());
    }
    Err(invalid(format!(
        "The destination ARN {arn} of {member} is invalid: ringgate knows those that the configuration \
         file names in [functions] destinations"
    )))
}

/// What becomes of events of a version.
pub(in crate::management) fn rules(
    config: Option<&FunctionEventConfig>,
    configuration: &Configuration,
) -> EventRules {
    let target = |arn: &Option<String>| arn.as_deref().map(|arn| EventTarget::Arn(arn.into()));
    let mut rules = EventRules {
        dead_letter: target(&configuration.dead_letter_target),
        ..EventRules::default()
    };
    if let Some(config) = config {
        if let Some(retries_max) = config.maximum_retry_attempts {
            rules.retries_max = retries_max;
        }
        if let Some(seconds) = config.maximum_event_age_in_seconds {
            rules.age_max = Duration::from_secs(seconds.into());
        }
        rules.on_failure = target(&config.on_failure);
        rules.on_success = target(&config.on_success);
    }
    rules
}

/// As [`rules`], of what a call invokes; the file has its own.
pub(super) fn rules_of(
    call: &Call<'_>,
    place: &Place,
    configuration: &Configuration,
) -> Arc<EventRules> {
    if let Some(declared) = call.settings.file_functions.get(call.region(), &place.name) {
        return Arc::clone(&declared.rules);
    }
    let config = call.draft.get::<FunctionEventConfig>(&owner(&place.name), id(place));
    rules(config.as_deref(), configuration).into()
}

fn id(place: &Place) -> &str {
    place.qualifier.as_deref().unwrap_or(LATEST)
}

/// What a configuration is of, if it is there.
fn place(call: &Call<'_>) -> Result<Place, Fault> {
    let place = Place::of(call)?;
    let is_there = call.draft.has::<Function>("", &place.name)
        && match id(&place) {
            LATEST => true,
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                version(call, &place.name, number).is_some()
            }
            alias => call.draft.has::<FunctionAlias>(&owner(&place.name), alias),
        };
    match is_there {
        true => Ok(place),
        false => Err(not_found("The function doesn't exist.")),
    }
}

fn found(call: &Call<'_>, place: &Place) -> Result<Arc<FunctionEventConfig>, Fault> {
    let config = call.draft.get::<FunctionEventConfig>(&owner(&place.name), id(place));
    config.ok_or_else(|| {
        let arn = arn(call, &place.name, Some(id(place)));
        not_found(format!("The function {arn} doesn't have an EventInvokeConfig"))
    })
}

fn answer(call: &Call<'_>, name: &str, config: &FunctionEventConfig) -> Value {
    let destination = |arn: &Option<String>| match arn {
        Some(arn) => json!({ "Destination": arn }),
        None => json!({}),
    };
    let mut shown = json!({
        "LastModified": config.last_modified.0,
        "FunctionArn": arn(call, name, Some(&config.qualifier)),
    });
    if let Some(retries_max) = config.maximum_retry_attempts {
        shown["MaximumRetryAttempts"] = json!(retries_max);
    }
    if let Some(seconds) = config.maximum_event_age_in_seconds {
        shown["MaximumEventAgeInSeconds"] = json!(seconds);
    }
    shown["DestinationConfig"] = json!({
        "OnSuccess": destination(&config.on_success),
        "OnFailure": destination(&config.on_failure),
    });
    shown
}

/// Sets what is given.
fn set(
    call: &mut Call<'_>,
    place: &Place,
    mut config: FunctionEventConfig,
) -> Result<Answer, Fault> {
    let given: Input = call.input()?;
    if given.maximum_retry_attempts.is_none()
        && given.maximum_event_age_in_seconds.is_none()
        && given.destination_config.is_none()
    {
        return Err(invalid(
            "You must specify at least one of error handling or destination setting.",
        ));
    }
    config.maximum_retry_attempts = given.maximum_retry_attempts.or(config.maximum_retry_attempts);
    let seconds = given.maximum_event_age_in_seconds;
    config.maximum_event_age_in_seconds = seconds.or(config.maximum_event_age_in_seconds);
    if let Some(destinations) = given.destination_config {
        let set = |kept: &mut Option<String>, given: Option<Destination>, member| {
            let Some(arn) = given.and_then(|it| it.destination) else { return Ok(()) };
            check_destination(call.settings, member, &arn)?;
            *kept = Some(arn).filter(|arn| !arn.is_empty());
            Ok(())
        };
        set(&mut config.on_success, destinations.on_success, "OnSuccess")?;
        set(&mut config.on_failure, destinations.on_failure, "OnFailure")?;
    }
    config.last_modified = call.now;
    let answered = answer(call, &place.name, &config);
    call.draft.put(&owner(&place.name), id(place), config);
    Ok(Answer::Json(answered))
}

/// `PutFunctionEventInvokeConfig`: what is not given is as if it had never been.
fn put(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = place(call)?;
    let qualifier = id(&place).to_owned();
    set(call, &place, FunctionEventConfig { qualifier, ..FunctionEventConfig::default() })
}

/// `UpdateFunctionEventInvokeConfig`: what is not given stays.
fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = place(call)?;
    let config = (*found(call, &place)?).clone();
    set(call, &place, config)
}

/// `GetFunctionEventInvokeConfig`.
fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = place(call)?;
    let config = found(call, &place)?;
    Ok(Answer::Json(answer(call, &place.name, &config)))
}

/// `DeleteFunctionEventInvokeConfig`.
fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = place(call)?;
    found(call, &place)?;
    call.draft.remove::<FunctionEventConfig>(&owner(&place.name), id(&place));
    Ok(Answer::Empty)
}

/// `ListFunctionEventInvokeConfigs`: those of the function, its versions and aliases.
fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let name = Place::whole(call)?;
    if !call.draft.has::<Function>("", &name) {
        return Err(not_found("The function doesn't exist."));
    }
    let (items, next) = Page::lambda(call).take(
        call,
        &owner(&name),
        |config: &FunctionEventConfig| &config.qualifier,
        |config| Ok(answer(call, &name, config)),
    )?;
    Ok(listed("FunctionEventInvokeConfigs", items, next))
}
