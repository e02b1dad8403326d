//! VPC links of REST APIs.

use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::patch::{self, Family, Op};
use super::super::{Answer, Call, answer, tagging};
use crate::aws::Fault;
use crate::resources::account::VpcLink;
use crate::resources::rest::{Integration, Map, Resource, RestApi};
use crate::resources::rest_stage::{Definition, Stage};
use serde::Deserialize;
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateVpcLink", create),
    read("GetVpcLink", get),
    read("GetVpcLinks", list),
    write("UpdateVpcLink", update),
    write("DeleteVpcLink", delete),
];

const PATCH: Family = Family::Listed { add: &[], remove: &[], replace: &["/name", "/description"] };

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateInput {
    #[serde(default)]
    name: String,
    description: Option<String>,
    #[serde(default)]
    target_arns: Vec<String>,
    #[serde(default)]
    tags: Map,
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let input: CreateInput = call.input()?;
    if input.name.is_empty() {
        return Err(Fault::bad_request("Name cannot be empty"));
    }
    if input.target_arns.len() > 1 {
        return Err(Fault::bad_request("More than one target arn specified for vpc link."));
    }
    for arn in &input.target_arns {
        if !is_load_balancer(arn) {
            return Err(Fault::bad_request(format!("Invalid ARN. ARN is not well formed {arn}")));
        }
    }
    tagging::check(&input.tags)?;
    let link = VpcLink {
        id: call.ids.short(),
        name: input.name,
        description: input.description,
        target_arns: input.target_arns,
        status: "AVAILABLE".into(),
        status_message: Some("Your vpc link is ready for use".into()),
        tags: input.tags,
    };
    // Amazon takes minutes, and says so in the first answer only. There is nothing to wait for here.
    let mut document = answer::document(&link)?;
    document["status"] = "PENDING".into();
    if let Some(members) = document.as_object_mut() {
        members.remove("statusMessage");
    }
    let id = link.id.clone();
    call.draft.put("", &id, link);
    Ok(Answer::Json(document))
}

fn find(call: &Call<'_>) -> Result<Arc<VpcLink>, Fault> {
    let link = call.draft.get::<VpcLink>("", call.text("vpcLinkId"));
    link.ok_or_else(|| Fault::not_found("Invalid Vpc Link identifier specified"))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    tagging::with_tags(&*find(call)?)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let page = Page::v1(call);
    let links = page.take(call, "", |link: &VpcLink| &link.id, answer::document)?;
    Ok(page::v1(links))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut link = (*find(call)?).clone();
    for operation in patch::operations(call)? {
        match (operation.path.as_deref().unwrap_or("null"), operation.op) {
            ("/name", Op::Replace) => {
                link.name = operation
                    .non_empty()
                    .ok_or_else(|| Fault::bad_request("Name cannot be empty"))?;
            }
            ("/description", Op::Replace) => link.description = operation.non_empty(),
            (path, _) if path.starts_with("/targetArns") => {
                return Err(Fault::bad_request("Target arns are not allowed to be changed/added."));
            }
            _ => return Err(PATCH.bad_path(&operation)),
        }
    }
    let answer = tagging::with_tags(&link)?;
    let id = link.id.clone();
    call.draft.put("", &id, link);
    Ok(answer)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let link = find(call)?;
    let users = users(call, &link.id);
    if !users.is_empty() {
        return Err(Fault::bad_request(format!(
            "Cannot delete vpc link. Vpc link '{}', is referenced in [{}] in format of [{USERS_FORMAT}].",
            link.id,
            users.join(", ")
        )));
    }
    call.draft.remove::<VpcLink>("", &link.id);
    Ok(Answer::Empty)
}

/// How [`users`] writes a method.
pub(in crate::management) const USERS_FORMAT: &str = "RESTApiId:Method:Resource:Stage";

/// The methods that go through a link: those being edited, and those that stages serve.
pub(in crate::management) fn users(call: &Call<'_>, link: &str) -> Vec<String> {
    let mut users = Vec::new();
    for api in call.draft.list::<RestApi>("") {
        for resource in call.draft.list::<Resource>(&api.id) {
            collect(&api.id, &resource, link, "", &mut users);
        }
        for stage in call.draft.list::<Stage>(&api.id) {
            let definition = call.draft.get::<Definition>(&api.id, &stage.deployment_id);
            for resource in definition.iter().flat_map(|definition| &definition.resources) {
                collect(&api.id, resource, link, &stage.stage_name, &mut users);
            }
        }
    }
    users
}

fn collect(api: &str, resource: &Resource, link: &str, stage: &str, users: &mut Vec<String>) {
    let goes_through = |integration: &Integration| {
        integration.connection_id.as_deref() == Some(link)
            && integration.connection_type.as_deref() == Some("VPC_LINK")
    };
    for (verb, method) in &resource.resource_methods {
        if method.method_integration.as_ref().is_some_and(goes_through) {
            users.push(format!("{api}:{verb}:{}:{stage}", resource.id));
        }
    }
}

/// `arn:{partition}:elasticloadbalancing:…`; whether it exists is not ours to know.
fn is_load_balancer(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    parts.len() == 6
        && parts[0] == "arn"
        && parts[1].starts_with("aws")
        && parts[2] == "elasticloadbalancing"
        && parts[5].starts_with("loadbalancer/")
}

#[cfg(test)]
mod tests {
    use crate::management::fixture::Fixture;
    use serde_json::{Value, json};

    const TARGET: &str =
        "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/nlb/0123456789abcdef";

    fn made(fixture: &mut Fixture) -> Value {
        fixture.v1("CreateVpcLink", json!({ "name": "link", "targetArns": [TARGET] })).unwrap()
    }

    #[test]
    fn a_link_is_pending_once_and_then_there() {
        let mut fixture = Fixture::new();
        let link = made(&mut fixture);
        assert_eq!(link["status"], "PENDING");
        assert_eq!(link.get("statusMessage"), None);
        let read = fixture.v1("GetVpcLink", json!({ "vpcLinkId": link["id"] })).unwrap();
        assert_eq!(
            read,
            json!({
                "id": link["id"],
                "name": "link",
                "targetArns": [TARGET],
                "status": "AVAILABLE",
                "statusMessage": "Your vpc link is ready for use",
                "tags": {},
            })
        );
        let links = fixture.v1("GetVpcLinks", json!({})).unwrap();
        assert_eq!(links["item"].as_array().map(Vec::len), Some(1));
        assert_eq!(links["item"][0].get("tags"), None);
    }

    #[test]
    fn bad_links_are_refused() {
        let mut fixture = Fixture::new();
        for (name, targets, message) in [
            ("", vec![TARGET], "Name cannot be empty"),
            ("a", vec![TARGET, TARGET], "More than one target arn specified for vpc link."),
            ("a", vec!["x"], "Invalid ARN. ARN is not well formed x"),
        ] {
            let input = json!({ "name": name, "targetArns": targets });
            assert_eq!(fixture.v1("CreateVpcLink", input).unwrap_err().message, message);
        }
    }

    #[test]
    fn name_and_description_change_and_targets_do_not() {
        let mut fixture = Fixture::new();
        let id = made(&mut fixture)["id"].clone();
        let patch = |path: &str, value: &str| {
            json!({
                "vpcLinkId": id,
                "patchOperations": [{ "op": "replace", "path": path, "value": value }],
            })
        };
        let renamed = fixture.v1("UpdateVpcLink", patch("/name", "new")).unwrap();
        assert_eq!((renamed["name"].as_str(), &renamed["tags"]), (Some("new"), &json!({})));
        let fault = fixture.v1("UpdateVpcLink", patch("/targetArns/0", "x")).unwrap_err();
        assert_eq!(fault.message, "Target arns are not allowed to be changed/added.");
        let fault = fixture.v1("UpdateVpcLink", patch("/x", "x")).unwrap_err();
        assert_eq!(
            fault.message,
            "Invalid patch path  '/x' specified for op 'replace'. Must be one of: [/name, /description]"
        );
    }

    #[test]
    fn a_deleted_link_is_gone() {
        let mut fixture = Fixture::new();
        let id = made(&mut fixture)["id"].clone();
        fixture.v1("DeleteVpcLink", json!({ "vpcLinkId": id })).unwrap();
        let fault = fixture.v1("GetVpcLink", json!({ "vpcLinkId": id })).unwrap_err();
        assert_eq!(
            (fault.status, fault.message.as_str()),
            (404, "Invalid Vpc Link identifier specified")
        );
    }
}
