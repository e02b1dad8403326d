//! The declared form: what the management API holds as TOML that people write, compare and keep in git.
//!
//! ```text
//! export:  draft --present--> tree --write--> TOML
//! apply:   TOML --read--> tree --apply--> the operations' functions on one draft
//!                                         --present--> tree, compared with the one before
//! ```
//!
//! A tree is JSON in the form's own words, which the tables in [`form`] define; keys whose values say
//! what their absence says are left out of it, so two trees that mean the same are the same. What a
//! change shows to people is the difference between two trees, never a list of what was called.

pub mod adopt;
mod apply;
mod apply_http;
mod apply_rest;
mod apply_shared;
mod difference;
mod form;
mod present;
mod present_http;
mod present_rest;
mod read;
mod serve;
#[cfg(test)]
mod tests;
mod write;

pub use difference::Group;
pub use present::Secrets;
pub use read::{Document, Located, Place, read};
pub use serve::{Answered, Refused, Sent};

pub(in crate::management) use apply::{Prune, Trouble};
pub(in crate::management) use serve::{
    apply as answer_apply, diff, export as answer_export, refused,
};

use super::Call;
use crate::aws::Fault;
use crate::resources::Draft;
use crate::resources::http::Api;
use crate::resources::rest::RestApi;
use crate::resources::{http_stage, rest_stage};
use present::Names;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One exported file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// A file name.
    pub name: String,
    /// TOML.
    pub text: String,
}

/// A whole region in one file, or those APIs alone that are named by id or name.
pub fn export(draft: &Draft<'_>, secrets: Secrets, apis: &[String]) -> String {
    write::text(draft.region(), &present::region(draft, secrets, apis))
}

/// A whole region in a file for each API, and one for what belongs to no API.
pub fn export_files(draft: &Draft<'_>, secrets: Secrets, apis: &[String]) -> Vec<File> {
    let mut rest = present::region(draft, secrets, apis);
    let mut files = BTreeMap::new();
    for kind in ["rest_api", "http_api", "websocket_api"] {
        let Some(Value::Array(list)) = rest.remove(kind) else { continue };
        for api in list {
            let name = file_name(&api);
            let mut tree = Map::new();
            tree.insert(kind.to_owned(), Value::Array(vec![api.clone()]));
            let text = write::text(draft.region(), &tree);
            let id = api["id"].as_str().unwrap_or_default();
            let taken = files.contains_key(&format!("{name}.toml"));
            let name = if taken { format!("{name}-{id}.toml") } else { format!("{name}.toml") };
            files.insert(name, text);
        }
    }
    if !rest.is_empty() {
        files.insert("shared.toml".to_owned(), write::text(draft.region(), &rest));
    }
    files.into_iter().map(|(name, text)| File { name, text }).collect()
}

/// An API's file, after its name.
fn file_name(api: &Value) -> String {
    let name = api["name"].as_str().unwrap_or_default();
    let plain = |it: char| if it.is_ascii_alphanumeric() || "-_".contains(it) { it } else { '-' };
    let name: String = name.chars().map(plain).collect();
    match name.trim_matches('-') {
        "" | "shared" => format!("api-{}", api["id"].as_str().unwrap_or_default()),
        name => name.to_lowercase(),
    }
}

/// What an application changes, or why it does not.
#[derive(Debug, Default)]
pub(in crate::management) struct Outcome {
    /// By region, what differs.
    pub(in crate::management) groups: Vec<Group>,
    /// What was refused; the draft is to be dropped then.
    pub(in crate::management) troubles: Vec<Trouble>,
    /// Of what there was before: as long as it is the same, so is what the same files change.
    pub(in crate::management) fingerprint: String,
}

/// Makes the draft what the documents declare, each in its region.
pub(in crate::management) fn apply(
    call: &mut Call<'_>,
    documents: &BTreeMap<String, Document>,
    prune: Prune,
) -> Outcome {
    let mut outcome = Outcome::default();
    for (region, document) in documents {
        let home = call.draft.go_to(region);
        let before = apply::present(call);
        outcome.fingerprint = fingerprint(&outcome.fingerprint, region, &before);
        let (troubles, notes) = apply::region(call, document, prune);
        let after = apply::present(call);
        call.draft.go_to(&home);
        let mut groups = difference::groups(&before, &after);
        for note in notes {
            match groups.iter_mut().find(|group| group.id.as_ref() == Some(&note.id)) {
                Some(group) => group.lines.push(note.line),
                // What was so before needs no word.
                None if note.line.starts_with('!') => {}
                None => groups.push(Group {
                    title: format!("~ {}", titled(&after, &note.id)),
                    id: Some(note.id),
                    lines: vec![note.line],
                }),
            }
        }
        if documents.len() > 1 {
            groups.iter_mut().for_each(|group| group.title.push_str(&format!(" in {region}")));
        }
        outcome.groups.extend(groups);
        outcome.troubles.extend(troubles);
    }
    outcome
}

/// Continues a fingerprint with a region.
fn fingerprint(before: &str, region: &str, tree: &Map<String, Value>) -> String {
    let text = format!("{before}\n{region}\n{}", Value::Object(tree.clone()));
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The heading of an API.
fn titled(tree: &Map<String, Value>, id: &str) -> String {
    for kind in ["rest_api", "http_api", "websocket_api"] {
        let list = tree.get(kind).and_then(Value::as_array).into_iter().flatten();
        if let Some(api) = list.into_iter().find(|api| api["id"] == id) {
            return difference::title(kind, api);
        }
    }
    id.to_owned()
}

/// What is edited and not deployed: how an API differs from what one of its stages serves.
///
/// # Errors
/// There is no such API or stage, or several APIs are called so.
pub fn undeployed(draft: &Draft<'_>, api: &str, stage: &str) -> Result<Group, Fault> {
    let names = Names::of(draft);
    let ids = names.apis().ids(api);
    let id = match ids[..] {
        [id] => id,
        [] => return Err(Fault::not_found(format!("there is no API `{api}`"))),
        _ => {
            let text = format!("several APIs are called `{api}`: {}", ids.join(" and "));
            return Err(Fault::bad_request(text));
        }
    };
    let unknown = || Fault::not_found(format!("API `{api}` has no stage `{stage}`"));
    // Names, texts for people and tags are not deployed.
    let deployed = |tree: Map<String, Value>| -> Map<String, Value> {
        let is_not = ["name", "id", "description", "version", "tags"];
        tree.into_iter().filter(|(key, _)| !is_not.contains(&&**key)).collect()
    };
    let (kind, name, form, was, is) = if let Some(noun) = draft.get::<RestApi>("", id) {
        let stage = draft.get::<rest_stage::Stage>(id, stage).ok_or_else(unknown)?;
        let served = draft.get::<rest_stage::Definition>(id, present_rest::released(&stage));
        let was = served.map(|served| present_rest::definition(&names, &served));
        let is = present_rest::definition(&names, &rest_stage::Definition::of(draft, &noun));
        ("rest_api", noun.name.clone(), &form::REST_API, was, is)
    } else {
        let noun = draft.get::<Api>("", id).ok_or_else(Fault::internal)?;
        let stage = draft.get::<http_stage::Stage>(id, stage).ok_or_else(unknown)?;
        let served = stage.deployment_id.as_deref();
        let served = served.and_then(|served| draft.get::<http_stage::Definition>(id, served));
        let was = served.map(|served| present_http::definition(&names, &served));
        let is = present_http::definition(&names, &http_stage::Definition::of(draft, &noun));
        let (kind, form) = match noun.is_http() {
            true => ("http_api", &form::HTTP_API),
            false => ("websocket_api", &form::WEBSOCKET_API),
        };
        (kind, noun.name.clone(), form, was, is)
    };
    let title = format!("~ {kind} {} ({id}), stage {stage}", write::quoted(&name));
    let lines = difference::lines(form, &deployed(was.unwrap_or_default()), &deployed(is));
    Ok(Group { title, lines, id: None })
}
