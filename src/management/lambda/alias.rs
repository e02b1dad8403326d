//! Aliases: names for versions, which can be moved without anybody who calls them noticing; and shared
//! out between two versions by weight.

use super::fault::{changed_since, conflict, invalid, no_function, not_found};
use super::function::listed;
use super::of_file::change;
use super::place::{self, Place, arn};
use super::url;
use crate::aws::Fault;
use crate::management::operation::{Operation, read};
use crate::management::page::Page;
use crate::management::{Answer, Call};
use crate::resources::function::{
    Function, FunctionAlias, FunctionEventConfig, FunctionPolicy, FunctionUrl, LATEST, owner,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) static OPERATIONS: &[Operation] = &[
    change("CreateAlias", create),
    read("GetAlias", get),
    change("UpdateAlias", update),
    change("DeleteAlias", delete),
    read("ListAliases", list),
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<Routing>,
    revision_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Routing {
    #[serde(default)]
    additional_version_weights: BTreeMap<String, f64>,
}

fn answer(call: &Call<'_>, function: &str, alias: &FunctionAlias) -> Value {
    let mut shown = json!({
        "AliasArn": arn(call, function, Some(&alias.name)),
        "Name": alias.name,
        "FunctionVersion": alias.function_version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    });
    if !alias.weights.is_empty() {
        shown["RoutingConfig"] = json!({ "AdditionalVersionWeights": alias.weights });
    }
    shown
}

/// The name of a function that is there.
fn function(call: &Call<'_>) -> Result<String, Fault> {
    let name = Place::whole(call)?;
    match call.draft.has::<Function>("", &name) {
        true => Ok(name),
        false => Err(no_function(&arn(call, &name, None))),
    }
}

fn found(call: &Call<'_>, function: &str) -> Result<Arc<FunctionAlias>, Fault> {
    let name = call.text("Name");
    let alias = call.draft.get::<FunctionAlias>(&owner(function), name);
    alias.ok_or_else(|| {
        not_found(format!("Cannot find alias arn: {}", arn(call, function, Some(name))))
    })
}

/// Sets what is given, and checks the whole.
fn apply(
    call: &mut Call<'_>,
    function: &str,
    input: Input,
    alias: &mut FunctionAlias,
) -> Result<(), Fault> {
    if let Some(version) = input.function_version {
        alias.function_version = version;
    }
    if let Some(description) = input.description {
        alias.description = description;
    }
    if let Some(routing) = input.routing_config {
        alias.weights = routing.additional_version_weights;
    }
    let check = |version: &str| match version {
        LATEST => Ok(()),
        number if place::version(call, function, number).is_some() => Ok(()),
        number => Err(no_function(&arn(call, function, Some(number)))),
    };
    check(&alias.function_version)?;
    if alias.weights.len() > 1 {
        return Err(invalid(
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ));
    }
    for (version, weight) in &alias.weights {
        if alias.function_version == LATEST || version == LATEST {
            return Err(invalid(
                "$LATEST is not supported for an alias pointing to more than 1 version",
            ));
        }
        if *version == alias.function_version {
            return Err(invalid(format!(
                "Invalid function version {version}. Function version {version} is already included \
                 in routing configuration."
            )));
        }
        if !(0.0..=1.0).contains(weight) {
            return Err(Fault::validation(format!(
                "1 validation error detected: Value '{{{version}={weight}}}' at \
                 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must \
                 satisfy constraint: [Member must have value less than or equal to 1.0, Member must \
                 have value greater than or equal to 0.0]"
            )));
        }
        check(version)?;
    }
    alias.revision_id = call.ids.uuid();
    Ok(())
}

/// `CreateAlias`.
fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let function = function(call)?;
    let name = call.text("Name").to_owned();
    if call.draft.has::<FunctionAlias>(&owner(&function), &name) {
        let arn = arn(call, &function, Some(&name));
        return Err(conflict(format!("Alias already exists: {arn}")));
    }
    let mut alias = FunctionAlias { name: name.clone(), ..FunctionAlias::default() };
    let input = call.input()?;
    apply(call, &function, input, &mut alias)?;
    let answered = answer(call, &function, &alias);
    call.draft.put(&owner(&function), &name, alias);
    Ok(Answer::Json(answered))
}

/// `GetAlias`.
fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let function = function(call)?;
    let alias = found(call, &function)?;
    Ok(Answer::Json(answer(call, &function, &alias)))
}

/// `UpdateAlias`.
fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let function = function(call)?;
    let mut alias = (*found(call, &function)?).clone();
    let input: Input = call.input()?;
    if input.revision_id.as_ref().is_some_and(|it| *it != alias.revision_id) {
        return Err(changed_since("GetAlias"));
    }
    apply(call, &function, input, &mut alias)?;
    let answered = answer(call, &function, &alias);
    let name = alias.name.clone();
    call.draft.put(&owner(&function), &name, alias);
    Ok(Answer::Json(answered))
}

/// `DeleteAlias`: also of one that is not there.
fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let function = function(call)?;
    let (owner, name) = (owner(&function), call.text("Name").to_owned());
    call.draft.remove::<FunctionAlias>(&owner, &name);
    call.draft.remove::<FunctionPolicy>(&owner, &name);
    call.draft.remove::<FunctionEventConfig>(&owner, &name);
    if let Some(url) = url::of(call, &function, &name) {
        call.draft.remove::<FunctionUrl>(&owner, &url.url_id);
    }
    Ok(Answer::Empty)
}

/// `ListAliases`, all or those of a version.
fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let function = function(call)?;
    let version = call.text_of("FunctionVersion");
    let all: Vec<Arc<FunctionAlias>> = call.draft.list(&owner(&function));
    let is_listed = |alias: &&Arc<FunctionAlias>| {
        version.is_none_or(|it| it == alias.function_version || alias.weights.contains_key(it))
    };
    let wanted: Vec<&Arc<FunctionAlias>> = all.iter().filter(is_listed).collect();
    let show = |alias: &&Arc<FunctionAlias>| Ok(answer(call, &function, alias));
    let (items, next) = Page::lambda(call).cut(&wanted, |alias| alias.name.clone(), show)?;
    Ok(listed("Aliases", items, next))
}
