//! Versions: `$LATEST` as it was at some time, under a number, for ever.

use super::configuration::answer;
use super::fault::{changed_since, invalid, no_function};
use super::function::listed;
use super::of_file::change;
use super::place::{Place, arn};
use crate::aws::Fault;
use crate::management::operation::{Operation, read};
use crate::management::page::Page;
use crate::management::{Answer, Call};
use crate::resources::function::{
    Configuration, Function, FunctionVersion, LATEST, owner, version_id,
};
use serde_json::Value;

pub(super) static OPERATIONS: &[Operation] =
    &[change("PublishVersion", create), read("ListVersionsByFunction", list)];

/// Publishes `$LATEST` as it is; what has not changed since the last time is that version again.
pub(super) fn publish(
    call: &mut Call<'_>,
    function: &mut Function,
    description: Option<String>,
) -> Configuration {
    let owner = owner(&function.latest.function_name);
    let last = call.draft.get::<FunctionVersion>(&owner, &version_id(function.last_version));
    if let Some(last) = last.filter(|last| is_same(&last.configuration, &function.latest)) {
        return last.configuration.clone();
    }
    function.last_version += 1;
    let mut configuration = Configuration {
        version: function.last_version.to_string(),
        revision_id: call.ids.uuid(),
        ..function.latest.clone()
    };
    if let Some(description) = description {
        configuration.description = description;
    }
    let version = FunctionVersion { configuration: configuration.clone() };
    call.draft.put(&owner, &version_id(function.last_version), version);
    configuration
}

/// Whether they run the same.
fn is_same(version: &Configuration, latest: &Configuration) -> bool {
    let latest = Configuration {
        version: version.version.clone(),
        revision_id: version.revision_id.clone(),
        last_modified: version.last_modified,
        description: version.description.clone(),
        ..latest.clone()
    };
    *version == latest
}

/// `PublishVersion`.
fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let name = Place::whole(call)?;
    let found = call.draft.get::<Function>("", &name);
    let mut function = (*found.ok_or_else(|| no_function(&arn(call, &name, None)))?).clone();
    if call.text_of("RevisionId").is_some_and(|it| it != function.latest.revision_id) {
        return Err(changed_since("GetFunction"));
    }
    let is = &function.latest.code_sha256;
    if let Some(given) = call.text_of("CodeSha256").filter(|it| !it.is_empty() && it != is) {
        return Err(invalid(format!(
            "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({is}). Please try \
             again with the CodeSHA256 in $LATEST."
        )));
    }
    let description = call.text_of("Description").filter(|it| !it.is_empty()).map(str::to_owned);
    let published = publish(call, &mut function, description);
    call.draft.put("", &name, function);
    Ok(Answer::Json(answer(call, &published, Some(&published.version))))
}

/// `ListVersionsByFunction`: `$LATEST` first, then by number.
fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = Place::named(call, call.text("FunctionName"))?;
    let function = place.function(call)?;
    let mut all: Vec<(String, Value)> =
        vec![(version_id(0), answer(call, &function.latest, Some(LATEST)))];
    for published in call.draft.list::<FunctionVersion>(&owner(&place.name)) {
        let it = &published.configuration;
        let id = version_id(it.version.parse().unwrap_or_default());
        all.push((id, answer(call, it, Some(&it.version))));
    }
    let page = Page::lambda(call);
    let (items, next) = page.cut(&all, |(id, _)| id.clone(), |(_, shown)| Ok(shown.clone()))?;
    Ok(listed("Versions", items, next))
}
