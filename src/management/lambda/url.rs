//! Function URLs: an address of a function's own, without an API before it.

use super::fault::{conflict, no_function, nothing_there};
use super::function::listed;
use super::of_file::change;
use super::place::{Place, arn};
use crate::aws::Fault;
use crate::management::operation::{Operation, read, write};
use crate::management::page::Page;
use crate::management::{Answer, Call};
use crate::resources::function::{Function, FunctionAlias, FunctionUrl, LATEST, owner};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) static OPERATIONS: &[Operation] = &[
    change("CreateFunctionUrlConfig", create),
    read("GetFunctionUrlConfig", get),
    write("UpdateFunctionUrlConfig", update),
    write("DeleteFunctionUrlConfig", delete),
    read("ListFunctionUrlConfigs", list),
];

/// Where a URL is, if its function and alias are there.
fn place(call: &Call<'_>) -> Result<Place, Fault> {
    let place = Place::of(call)?;
    if !call.draft.has::<Function>("", &place.name) {
        return Err(no_function(&arn(call, &place.name, None)));
    }
    let alias = place.qualifier.as_deref();
    if alias.is_some_and(|it| !call.draft.has::<FunctionAlias>(&owner(&place.name), it)) {
        return Err(no_function(&place.arn(call)));
    }
    Ok(place)
}

fn id(place: &Place) -> &str {
    place.qualifier.as_deref().unwrap_or(LATEST)
}

fn found(call: &Call<'_>, place: &Place) -> Result<Arc<FunctionUrl>, Fault> {
    of(call, &place.name, id(place)).ok_or_else(nothing_there)
}

/// The URL of a function or of one of its aliases.
pub(super) fn of(call: &Call<'_>, function: &str, qualifier: &str) -> Option<Arc<FunctionUrl>> {
    let all: Vec<Arc<FunctionUrl>> = call.draft.list(&owner(function));
    all.into_iter().find(|url| url.qualifier == qualifier)
}

fn answer(call: &Call<'_>, place: &Place, url: &FunctionUrl) -> Value {
    let (region, suffix) = (call.region(), &call.settings.domain_suffix);
    let mut shown = json!({
        "FunctionUrl": format!("https://{}.lambda-url.{region}.{suffix}/", url.url_id),
        "FunctionArn": place.arn(call),
        "AuthType": url.auth_type,
        "CreationTime": url.created.iso(),
        "InvokeMode": url.invoke_mode,
    });
    if let Some(cors) = &url.cors {
        shown["Cors"] = cors.clone();
    }
    shown
}

/// Sets what is given.
fn apply(call: &Call<'_>, url: &mut FunctionUrl) {
    if let Some(auth_type) = call.text_of("AuthType") {
        url.auth_type = auth_type.to_owned();
    }
    if let Some(mode) = call.text_of("InvokeMode") {
        url.invoke_mode = mode.to_owned();
    }
    if let Some(cors) = call.input.get("Cors") {
        url.cors = Some(cors.clone()).filter(|it| it.as_object().is_some_and(|it| !it.is_empty()));
    }
    url.last_modified = call.now;
}

/// `CreateFunctionUrlConfig`.
fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = place(call)?;
    let owner = owner(&place.name);
    if of(call, &place.name, id(&place)).is_some() {
        return Err(conflict(format!(
            "Failed to create function url config for [functionArn = {}]. Error message:  \
             FunctionUrlConfig exists for this Lambda function",
            place.arn(call)
        )));
    }
    let mut url = FunctionUrl {
        // Amazon's have 32 characters.
        url_id: call.ids.long() + &call.ids.long() + &call.ids.short() + &call.ids.short(),
        qualifier: id(&place).to_owned(),
        invoke_mode: "BUFFERED".into(),
        created: call.now,
        ..FunctionUrl::default()
    };
    apply(call, &mut url);
    let answered = answer(call, &place, &url);
    let url_id = url.url_id.clone();
    call.draft.put(&owner, &url_id, url);
    Ok(Answer::Json(answered))
}

/// With when it was last changed, which the answer to its making does not have.
fn whole(call: &Call<'_>, place: &Place, url: &FunctionUrl) -> Value {
    let mut shown = answer(call, place, url);
    shown["LastModifiedTime"] = json!(url.last_modified.iso());
    shown
}

/// `GetFunctionUrlConfig`.
fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = place(call)?;
    let url = found(call, &place)?;
    Ok(Answer::Json(whole(call, &place, &url)))
}

/// `UpdateFunctionUrlConfig`.
fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = place(call)?;
    let mut url = (*found(call, &place)?).clone();
    apply(call, &mut url);
    let answered = whole(call, &place, &url);
    let url_id = url.url_id.clone();
    call.draft.put(&owner(&place.name), &url_id, url);
    Ok(Answer::Json(answered))
}

/// `DeleteFunctionUrlConfig`.
fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let place = place(call)?;
    let url = found(call, &place)?;
    call.draft.remove::<FunctionUrl>(&owner(&place.name), &url.url_id);
    Ok(Answer::Empty)
}

/// `ListFunctionUrlConfigs`: the function's and its aliases'.
fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let name = Place::whole(call)?;
    if !call.draft.has::<Function>("", &name) {
        return Err(no_function(&arn(call, &name, None)));
    }
    let owner = owner(&name);
    let aliases: Vec<Arc<FunctionAlias>> = call.draft.list(&owner);
    let qualifiers =
        std::iter::once(None).chain(aliases.iter().map(|alias| Some(alias.name.clone())));
    let mut all: Vec<(String, Value)> = qualifiers
        .filter_map(|qualifier| {
            let place = Place { name: name.clone(), qualifier };
            let url = of(call, &name, id(&place))?;
            Some((id(&place).to_owned(), whole(call, &place, &url)))
        })
        .collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    let page = Page::lambda(call);
    let (items, next) = page.cut(&all, |(id, _)| id.clone(), |(_, shown)| Ok(shown.clone()))?;
    Ok(listed("FunctionUrlConfigs", items, next))
}
