//! VPC links of the second version: for HTTP APIs, and for REST APIs that name them.

use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::rest::vpc_link as v1;
use super::super::{Answer, Call, answer, tagging};
use crate::aws::Fault;
use crate::resources::account::HttpVpcLink;
use crate::resources::http::{Api, Integration, Route};
use crate::resources::http_stage::{Definition, Stage};
use crate::resources::rest::Map;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateVpcLink", create),
    read("GetVpcLink", get),
    read("GetVpcLinks", list),
    write("UpdateVpcLink", update),
    write("DeleteVpcLink", delete),
];

/// Characters of a name (the model's `StringWithLengthBetween1And128`).
const NAME_CHARACTERS_MAX: usize = 128;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateInput {
    name: String,
    security_group_ids: Vec<String>,
    subnet_ids: Vec<String>,
    tags: Map,
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let input: CreateInput = call.input()?;
    if input.subnet_ids.is_empty() {
        return Err(Fault::bad_request("At least one subnet must be specified for a VPC link"));
    }
    tagging::check(&input.tags)?;
    let link = HttpVpcLink {
        vpc_link_id: call.ids.short(),
        name: checked_name(input.name)?,
        security_group_ids: input.security_group_ids,
        subnet_ids: input.subnet_ids,
        // Amazon takes minutes to put interfaces into the subnets. There is nothing to wait for here.
        vpc_link_status: "AVAILABLE".into(),
        vpc_link_status_message: Some("VPC link is ready to route traffic".into()),
        vpc_link_version: "V2".into(),
        created_date: call.now,
        tags: input.tags,
    };
    let answer = Answer::Json(shown(&link)?);
    let id = link.vpc_link_id.clone();
    call.draft.put("", &id, link);
    Ok(answer)
}

fn checked_name(name: String) -> Result<String, Fault> {
    if name.is_empty() {
        return Err(Fault::bad_request("Name cannot be empty"));
    }
    match name.chars().count() > NAME_CHARACTERS_MAX {
        true => Err(Fault::bad_request(format!(
            "Invalid VPC link name, can be at most {NAME_CHARACTERS_MAX} characters."
        ))),
        false => Ok(name),
    }
}

fn shown(link: &HttpVpcLink) -> Result<Value, Fault> {
    let mut document = answer::document(link)?;
    document["createdDate"] = link.created_date.iso().into();
    Ok(document)
}

fn find(call: &Call<'_>) -> Result<Arc<HttpVpcLink>, Fault> {
    let id = call.text("vpcLinkId");
    let link = call.draft.get::<HttpVpcLink>("", id);
    link.ok_or_else(|| Fault::not_found(format!("Invalid VpcLink identifier specified {id}")))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(Answer::Json(shown(&*find(call)?)?))
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let links = Page::v2(call)?.take(call, "", |link: &HttpVpcLink| &link.vpc_link_id, shown)?;
    Ok(page::v2(links))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut link = (*find(call)?).clone();
    if let Some(name) = call.text_of("name") {
        link.name = checked_name(name.to_owned())?;
    }
    let answer = Answer::Json(shown(&link)?);
    let id = link.vpc_link_id.clone();
    call.draft.put("", &id, link);
    Ok(answer)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let link = find(call)?;
    let id = &link.vpc_link_id;
    let refused = |users: &[String], format: &str| {
        Err(Fault::bad_request(format!(
            "Cannot delete vpc link. Vpc link '{id}', is referenced in [{}] in format of [{format}].",
            users.join(", ")
        )))
    };
    let routes = routes(call, id);
    if !routes.is_empty() {
        return refused(&routes, "Method:Resource");
    }
    let methods = v1::users(call, id);
    if !methods.is_empty() {
        return refused(&methods, v1::USERS_FORMAT);
    }
    call.draft.remove::<HttpVpcLink>("", id);
    Ok(Answer::Empty)
}

/// The routes that go through a link: those being edited, and those that stages serve.
fn routes(call: &Call<'_>, link: &str) -> Vec<String> {
    let mut users = BTreeSet::new();
    for api in call.draft.list::<Api>("") {
        let integrations = call.draft.list::<Integration>(&api.api_id);
        // Most APIs have no such integration, and then their routes do not matter.
        if integrations.iter().any(|it| goes_through(it, link)) {
            let routes = call.draft.list::<Route>(&api.api_id);
            collect(&routes, &integrations, link, &mut users);
        }
        for stage in call.draft.list::<Stage>(&api.api_id) {
            let deployment = stage.deployment_id.as_deref().unwrap_or_default();
            if let Some(served) = call.draft.get::<Definition>(&api.api_id, deployment) {
                collect(&served.routes, &served.integrations, link, &mut users);
            }
        }
    }
    users.into_iter().collect()
}

fn goes_through(integration: &Integration, link: &str) -> bool {
    integration.connection_type == "VPC_LINK" && integration.connection_id.as_deref() == Some(link)
}

fn collect(
    routes: &[Arc<Route>],
    integrations: &[Arc<Integration>],
    link: &str,
    users: &mut BTreeSet<String>,
) {
    for route in routes {
        let target = route.target.as_deref().and_then(|it| it.strip_prefix("integrations/"));
        let Some(target) = target else { continue };
        let is_user =
            integrations.iter().any(|it| it.integration_id == target && goes_through(it, link));
        if is_user {
            let verb = route.route_key.split_once(' ').map_or("ANY", |(verb, _)| verb);
            users.insert(format!("{verb}:{}", route.route_id));
        }
    }
}

#[cfg(test)]
#[path = "vpc_link_tests.rs"]
mod tests;
