//! Functions as a whole: made, read, listed, deleted.

use super::code::{self, Source};
use super::configuration::{Given, answer};
use super::fault::{conflict, invalid, no_function};
use super::of_file::change;
use super::place::{Place, arn, version};
use super::version as versions;
use crate::aws::Fault;
use crate::management::operation::{Operation, read, write};
use crate::management::page::Page;
use crate::management::{Answer, Call, tagging};
use crate::resources::function::{
    Configuration, Function, FunctionAlias, FunctionEventConfig, FunctionPolicy, FunctionVersion,
    LATEST, owner, version_id,
};
use crate::resources::rest::Map;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateFunction", create),
    read("GetFunction", get),
    read("ListFunctions", list),
    change("DeleteFunction", delete),
    read("GetFunctionCodeSigningConfig", code_signing),
];

/// Characters of a name.
const NAME_CHARACTERS_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    code: Source,
    #[serde(default)]
    publish: bool,
    package_type: Option<String>,
    #[serde(default)]
    tags: Map,
    #[serde(flatten)]
    given: Given,
}

/// `CreateFunction`.
fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let name = Place::whole(call)?;
    if name.len() > NAME_CHARACTERS_MAX {
        return Err(Fault::validation(format!(
            "1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: \
             Member must have length less than or equal to {NAME_CHARACTERS_MAX}"
        )));
    }
    Given::refuse_unknown(call)?;
    let Create { code, publish, package_type, tags, given } = call.input()?;
    if package_type.is_some_and(|it| it != "Zip") {
        return Err(invalid("PackageType: ringgate runs no container images, only Zip"));
    }
    if given.runtime.is_none() || given.handler.is_none() {
        return Err(invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ));
    }
    if call.draft.has::<Function>("", &name) {
        return Err(conflict(format!("Function already exist: {name}")));
    }
    tagging::check(&tags).map_err(|fault| invalid(fault.message))?;
    let mut configuration = Configuration {
        function_name: name.clone(),
        timeout: 3,
        memory_size: 128,
        version: LATEST.into(),
        architectures: vec!["x86_64".into()],
        ephemeral_storage: 512,
        tracing_mode: "PassThrough".into(),
        log_format: "Text".into(),
        log_group: format!("/aws/lambda/{name}"),
        ..Configuration::default()
    };
    given.apply(&mut configuration, call.settings)?;
    code::take(call, code, &mut configuration)?;
    configuration.touch(call);
    let mut function = Function { latest: configuration, tags, ..Function::default() };
    let published = publish.then(|| versions::publish(call, &mut function, None));
    let answered = match &published {
        Some(published) => answer(call, published, Some(&published.version)),
        None => answer(call, &function.latest, None),
    };
    call.draft.put("", &name, function);
    Ok(Answer::Json(answered))
}

/// `GetFunction`.
fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = Place::of(call)?;
    let function = place.function(call)?;
    let configuration = place.configuration(call, 1.0)?;
    let mut answered = json!({
        "Configuration": answer(call, &configuration, place.qualifier.as_deref()),
        // Lambda gives a link to the zip here. Nobody but the store has it.
        "Code": { "RepositoryType": "ringgate", "Location": "" },
    });
    if !function.tags.is_empty() {
        answered["Tags"] = json!(function.tags);
    }
    if let Some(count) = function.reserved_concurrency {
        answered["Concurrency"] = json!({ "ReservedConcurrentExecutions": count });
    }
    Ok(Answer::Json(answered))
}

/// `ListFunctions`; with `FunctionVersion=ALL` all versions too.
fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let page = Page::lambda(call);
    let (items, next) = if call.text_of("FunctionVersion").is_some() {
        let mut all: Vec<(String, Value)> = Vec::new();
        for function in call.draft.list::<Function>("") {
            let name = &function.latest.function_name;
            all.push((format!("{name}:"), answer(call, &function.latest, Some(LATEST))));
            for published in call.draft.list::<FunctionVersion>(&owner(name)) {
                let it = &published.configuration;
                let number = it.version.parse().unwrap_or_default();
                let shown = answer(call, it, Some(&it.version));
                all.push((format!("{name}:{}", version_id(number)), shown));
            }
        }
        // Names are in order, but not with what is put behind them: `a:` and `a-b:`.
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        page.cut(&all, |(id, _)| id.clone(), |(_, shown)| Ok(shown.clone()))?
    } else {
        page.take(
            call,
            "",
            |function: &Function| &function.latest.function_name,
            |function| Ok(answer(call, &function.latest, None)),
        )?
    };
    Ok(listed("Functions", items, next))
}

/// A page under its own name.
pub(super) fn listed(member: &str, items: Vec<Value>, next: Option<String>) -> Answer {
    let mut list = serde_json::Map::new();
    list.insert(member.to_owned(), Value::Array(items));
    if let Some(next) = next {
        list.insert("NextMarker".into(), Value::String(next));
    }
    Answer::Json(Value::Object(list))
}

/// `DeleteFunction`: of a version where there is a qualifier.
fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = Place::of(call)?;
    place.function(call)?;
    let owner = owner(&place.name);
    match place.qualifier.as_deref() {
        None => {
            call.draft.remove_owned(&owner);
            call.draft.remove::<Function>("", &place.name);
        }
        Some(LATEST) => {
            return Err(invalid(
                "$LATEST version cannot be deleted without deleting the function.",
            ));
        }
        Some(number) => {
            if number.bytes().any(|byte| !byte.is_ascii_digit()) {
                return Err(invalid("Deletion of aliases is not currently supported."));
            }
            let found = version(call, &place.name, number);
            let found = found.ok_or_else(|| no_function(&place.arn(call)))?;
            let number = &found.configuration.version;
            let aliases: Vec<Arc<FunctionAlias>> = call.draft.list(&owner);
            let users: Vec<&str> = aliases
                .iter()
                .filter(|it| it.function_version == *number || it.weights.contains_key(number))
                .map(|it| it.name.as_str())
                .collect();
            if !users.is_empty() {
                return Err(conflict(format!(
                    "Version {number} cannot be deleted: these aliases refer to it: {}",
                    users.join(", ")
                )));
            }
            call.draft.remove::<FunctionPolicy>(&owner, number);
            call.draft.remove::<FunctionEventConfig>(&owner, number);
            let id = version_id(number.parse().unwrap_or_default());
            call.draft.remove::<FunctionVersion>(&owner, &id);
            code::release(call, &place.name, &found.configuration.code_sha256);
        }
    }
    Ok(Answer::Empty)
}

/// `GetFunctionCodeSigningConfig`: no function has any.
fn code_signing(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = Place::named(call, call.text("FunctionName"))?;
    if !call.draft.has::<Function>("", &place.name) {
        return Err(no_function(&arn(call, &place.name, None)));
    }
    Ok(Answer::Json(json!({ "CodeSigningConfigArn": "", "FunctionName": place.name })))
}
