//! Makes a region what a document declares, by the operations that clients call.
//!
//! Whatever differs is made anew by its `Create` or `Put` operation, so that all of Amazon's checks run,
//! and then takes the identity of what it replaces. What does not differ is left alone: it may have come
//! to be in a way that no single call can repeat. All of it happens on one draft, so either everything
//! is done, in one change that can be undone as one, or nothing.
//!
//! A refused part does not end the work: the others are tried too, so that a user sees everything that
//! is wrong at once.

use super::super::operation::Operation;
use super::super::{Answer, Call, http, operation, rest};
use super::form::{Form, Kind};
use super::present::{self, Names, Secrets};
use super::read::{Document, Place};
use super::{apply_http, apply_rest, apply_shared};
use crate::aws::{Fault, shapes};
use crate::resources::Entity;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Something that was refused.
#[derive(Debug, Clone)]
pub(in crate::management) struct Trouble {
    /// Where it is declared; nowhere for what is to be deleted.
    pub(in crate::management) place: Option<Place>,
    pub(in crate::management) message: String,
}

/// What happened besides what the difference of two forms shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// The noun's id.
    pub(super) id: String,
    pub(super) line: String,
}

/// Whether what is not declared is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::management) enum Prune {
    /// Only below APIs that are declared.
    Below,
    /// Everywhere in the regions that are declared.
    All,
}

/// The work on one region.
pub(super) struct Runner<'r, 'c> {
    pub(super) call: &'r mut Call<'c>,
    pub(super) document: &'r Document,
    /// Where the work is in the document.
    path: Vec<String>,
    pub(super) troubles: Vec<Trouble>,
    pub(super) notes: Vec<Note>,
    /// What belongs to no API, as it was when it was last looked at.
    pub(super) shared: Map<String, Value>,
}

/// Makes the draft's region what the document declares. Returns what was refused, and notes.
pub(super) fn region(
    call: &mut Call<'_>,
    document: &Document,
    prune: Prune,
) -> (Vec<Trouble>, Vec<Note>) {
    let mut runner = Runner {
        call,
        document,
        path: Vec::new(),
        troubles: Vec::new(),
        notes: Vec::new(),
        shared: Map::new(),
    };
    let mut kept = apply_shared::before_apis(&mut runner);
    let rest = runner.each("rest_api", apply_rest::api);
    let http = runner.each("http_api", |runner, tree| apply_http::api(runner, tree, "HTTP"));
    let websocket =
        runner.each("websocket_api", |runner, tree| apply_http::api(runner, tree, "WEBSOCKET"));
    apply_shared::after_apis(&mut runner, &mut kept);
    // Knock-on refusals would only hide what is wrong.
    if runner.troubles.is_empty() {
        if prune == Prune::All {
            apply_shared::delete_users(&mut runner, &kept);
        }
        runner.attempt(&[], |runner| {
            apply_rest::delete_stages(runner, &rest)?;
            apply_http::delete_stages(runner, &http)?;
            apply_http::delete_stages(runner, &websocket)
        });
        if prune == Prune::All {
            let apis: Vec<&String> =
                rest.iter().chain(&http).chain(&websocket).map(|api| &api.id).collect();
            apply_shared::delete_rest(&mut runner, &apis, &kept);
        }
        runner.attempt(&[], |runner| http::deployment::follow_changes(runner.call));
    }
    (runner.troubles, runner.notes)
}

/// An API that is declared: its id, and the stages that it is to have.
pub(super) struct Declared {
    pub(super) id: String,
    pub(super) stages: Vec<String>,
}

impl Declared {
    pub(super) fn of(id: String, tree: &Map<String, Value>) -> Self {
        Self { id, stages: inner(tree, "stage").keys().cloned().collect() }
    }
}

impl Runner<'_, '_> {
    /// Does something for each element of one of the document's lists.
    pub(super) fn each<T>(
        &mut self,
        key: &'static str,
        act: impl Fn(&mut Self, &Map<String, Value>) -> Result<T, Fault>,
    ) -> Vec<T> {
        let document = self.document;
        let list = document.tree.get(key).and_then(Value::as_array).into_iter().flatten();
        let trees = list.filter_map(Value::as_object).enumerate();
        let done = trees.map(|(index, tree)| {
            self.attempt(&[key, &index.to_string()], |runner| act(runner, tree))
        });
        done.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    /// Does something for each entry of a table that is not already `present` as it is declared.
    pub(super) fn each_changed<T>(
        &mut self,
        table: &str,
        tree: &Map<String, Value>,
        present: &Map<String, Value>,
        act: impl Fn(&mut Self, &str, &Map<String, Value>) -> Result<T, Fault>,
    ) {
        let present = inner(present, table);
        for (name, declared) in entries(tree, table) {
            if present.get(name).and_then(Value::as_object) != Some(declared) {
                self.attempt(&[table, name], |runner| act(runner, name, declared));
            }
        }
    }

    /// Does something that stands at these keys below where the work is; a refusal is noted.
    pub(super) fn attempt<T>(
        &mut self,
        keys: &[&str],
        act: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Option<T> {
        let length = self.path.len();
        self.path.extend(keys.iter().map(|key| (*key).to_owned()));
        let done = act(self);
        if let Err(fault) = &done {
            let place = match self.path.is_empty() {
                true => None,
                false => self.document.place(&self.path).cloned(),
            };
            self.troubles.push(Trouble { place, message: fault.message.clone() });
        }
        self.path.truncate(length);
        done.ok()
    }

    /// Notes what became of a noun.
    pub(super) fn note(&mut self, id: &str, line: String) {
        self.notes.push(Note { id: id.to_owned(), line });
    }

    /// Calls an operation of v1.
    pub(super) fn v1(&mut self, name: &'static str, input: Value) -> Result<Value, Fault> {
        self.run(shapes::apigateway(), rest::TABLES, name, input)
    }

    /// Calls an operation of v2.
    pub(super) fn v2(&mut self, name: &'static str, input: Value) -> Result<Value, Fault> {
        self.run(shapes::apigatewayv2(), http::TABLES, name, input)
    }

    fn run(
        &mut self,
        service: &'static shapes::Service,
        tables: &[&'static [Operation]],
        name: &'static str,
        input: Value,
    ) -> Result<Value, Fault> {
        let Value::Object(input) = input else { return Err(Fault::internal()) };
        let missing =
            || Fault::bad_request(format!("ringgate does not have the operation {name} yet"));
        service.operation(name).ok_or_else(missing)?.check(&input)?;
        let operation = operation::find(tables, name).ok_or_else(missing)?;
        let before = std::mem::replace(&mut self.call.input, input);
        let answer = (operation.run)(self.call);
        self.call.input = before;
        Ok(match answer? {
            Answer::Json(value) => value,
            Answer::Empty | Answer::File { .. } => Value::Null,
        })
    }

    /// Takes what an operation has just made away from its new id and puts it where it belongs.
    pub(super) fn settle<T: Entity + Clone>(
        &mut self,
        owner: &str,
        made: &str,
        id: &str,
        change: impl FnOnce(&mut T),
    ) -> Result<(), Fault> {
        let noun = self.call.draft.get::<T>(owner, made).ok_or_else(Fault::internal)?;
        let mut noun = T::clone(&noun);
        change(&mut noun);
        self.call.draft.remove::<T>(owner, made);
        self.call.draft.put(owner, id, noun);
        Ok(())
    }

    /// The names of now.
    pub(super) fn names(&self) -> Names {
        Names::of(&self.call.draft)
    }

    /// The id of the API that a text names.
    pub(super) fn api_named(&self, name: &str) -> Result<String, Fault> {
        self.one_named("API", name, &self.names().apis().ids(name))
    }

    /// The one of several ids that a name means.
    pub(super) fn one_named(&self, what: &str, name: &str, ids: &[&str]) -> Result<String, Fault> {
        match *ids {
            [id] => Ok(id.to_owned()),
            [] => Err(Fault::bad_request(format!("there is no {what} `{name}`"))),
            _ => Err(Fault::bad_request(format!(
                "several {what}s are called `{name}`: name one by its id, {}",
                ids.join(" or ")
            ))),
        }
    }

    /// What a `vpc_link` key says, as Amazon's `connectionId`: a name, an id or a stage variable.
    pub(super) fn link(
        &self,
        tree: &Map<String, Value>,
        wire: &mut Map<String, Value>,
    ) -> Result<(), Fault> {
        let Some(name) = text(tree, "vpc_link") else { return Ok(()) };
        let id = match name.starts_with("${") {
            true => name.to_owned(),
            false => self.one_named("VPC link", name, &self.names().links().ids(name))?,
        };
        wire.insert("connectionId".into(), json!(id));
        Ok(())
    }

    /// Which noun of a kind a declaration means: by its `id`, else the only one of its name. `nouns`
    /// are ids and names of all that there are.
    pub(super) fn known(
        &self,
        what: &str,
        tree: &Map<String, Value>,
        nouns: &[(String, String)],
    ) -> Result<Option<String>, Fault> {
        if let Some(id) = text(tree, "id") {
            let is_id = (1..=32).contains(&id.len())
                && id.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
            if !is_id {
                return Err(Fault::bad_request(format!(
                    "expected 1 to 32 small letters and digits for `id`, found `{id}`; leave it out to have one made"
                )));
            }
            return Ok(nouns.iter().any(|(known, _)| known == id).then(|| id.to_owned()));
        }
        let name = text(tree, "name").unwrap_or_default();
        let ids = nouns.iter().filter(|(_, known)| known == name).map(|(id, _)| id.as_str());
        match ids.collect::<Vec<_>>()[..] {
            [] => Ok(None),
            [id] => Ok(Some(id.to_owned())),
            ref ids => Err(Fault::bad_request(format!(
                "several {what}s are called `{name}`: say which with `id`, {}",
                ids.join(" or ")
            ))),
        }
    }
}

/// The region as it is, with secrets: what differences are taken of.
pub(super) fn present(call: &Call<'_>) -> Map<String, Value> {
    present::region(&call.draft, Secrets::Written, &[])
}

/// A text of a tree.
pub(super) fn text<'t>(tree: &'t Map<String, Value>, key: &str) -> Option<&'t str> {
    tree.get(key).and_then(Value::as_str)
}

/// A table of a tree; empty where there is none.
pub(super) fn inner<'t>(tree: &'t Map<String, Value>, key: &str) -> &'t Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    tree.get(key).and_then(Value::as_object).unwrap_or(&NONE)
}

/// A table of a table.
pub(super) fn entries<'t>(
    tree: &'t Map<String, Value>,
    key: &str,
) -> impl Iterator<Item = (&'t String, &'t Map<String, Value>)> + use<'t> {
    inner(tree, key).iter().filter_map(|(name, value)| Some((name, value.as_object()?)))
}

/// A noun's own members: without its parts, its identity and how it is deployed.
pub(super) fn own(form: &Form, tree: &Map<String, Value>) -> Map<String, Value> {
    let is_own = |kind: Kind| !matches!(kind, Kind::Named(_) | Kind::NamedTwice(_) | Kind::List(_));
    let members =
        form.members.iter().filter(|it| is_own(it.kind) && it.name != "id" && it.name != "deploy");
    members.filter_map(|it| Some((it.name.to_owned(), tree.get(it.name)?.clone()))).collect()
}

/// `endpoint` and what belongs to it, as Amazon's `endpointConfiguration`.
pub(super) fn endpoint(tree: &Map<String, Value>) -> Value {
    let mut endpoint = json!({ "types": [text(tree, "endpoint").unwrap_or("EDGE")] });
    if let Some(address) = tree.get("ip_address_type") {
        endpoint["ipAddressType"] = address.clone();
    }
    if let Some(ids) = tree.get("vpc_endpoint_ids") {
        endpoint["vpcEndpointIds"] = ids.clone();
    }
    endpoint
}

/// Input with more members.
pub(super) fn with(mut wire: Map<String, Value>, more: &[(&str, &str)]) -> Value {
    for (member, text) in more {
        wire.insert((*member).to_owned(), json!(text));
    }
    Value::Object(wire)
}

/// The first that fits.
pub(super) fn find<T>(nouns: &[Arc<T>], fits: impl Fn(&T) -> bool) -> Option<&Arc<T>> {
    nouns.iter().find(|noun| fits(noun))
}
