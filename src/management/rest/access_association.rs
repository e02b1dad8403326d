//! Access associations: which VPC endpoint may use which private domain name.

use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::{Answer, Call, answer, tagging};
use crate::aws::Fault;
use crate::resources::domain::{AccessAssociation, DomainName};
use crate::resources::rest::Map;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateDomainNameAccessAssociation", create),
    read("GetDomainNameAccessAssociations", list),
    write("DeleteDomainNameAccessAssociation", delete),
    write("RejectDomainNameAccessAssociation", reject),
];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateInput {
    domain_name_arn: String,
    access_association_source_type: String,
    access_association_source: String,
    tags: Map,
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let input: CreateInput = call.input()?;
    if input.access_association_source_type != "VPCE" {
        return Err(Fault::bad_request("Invalid access association source type specified"));
    }
    let source = input.access_association_source;
    if !source.starts_with("vpce-") || source.contains('/') {
        return Err(Fault::bad_request("Invalid access association source specified"));
    }
    tagging::check(&input.tags)?;
    let domain = private_domain(call, &input.domain_name_arn)?;
    // By the name and not by its id, as Amazon has it: an endpoint resolves a name to one of them.
    let arn = format!(
        "arn:aws:apigateway:{}:{}:/domainnameaccessassociations/domainname/{}/vpcesource/{source}",
        call.region(),
        call.settings.account_id,
        domain.domain_name,
    );
    if call.draft.has::<AccessAssociation>("", &arn) {
        return Err(Fault::conflict(format!(
            "A domain name access association between {} and {source} already exists",
            domain.domain_name
        )));
    }
    let association = AccessAssociation {
        domain_name_access_association_arn: arn.clone(),
        domain_name_arn: input.domain_name_arn,
        access_association_source_type: input.access_association_source_type,
        access_association_source: source,
        tags: input.tags,
    };
    let answer = Answer::of(&association)?;
    call.draft.put("", &arn, association);
    Ok(answer)
}

/// `arn:{partition}:apigateway:{region}:{account}:/domainnames/{name}+{id}`.
fn private_domain(call: &Call<'_>, arn: &str) -> Result<Arc<DomainName>, Fault> {
    let unknown = || Fault::not_found("Invalid domain name identifier specified");
    let (_, id) = arn.split_once("/domainnames/").ok_or_else(unknown)?;
    let domain = call.draft.get::<DomainName>("", id).ok_or_else(unknown)?;
    if domain.domain_name_id.is_none() {
        return Err(Fault::bad_request(
            "Domain name access associations are supported only for private domain names.",
        ));
    }
    match domain.domain_name_arn.as_deref() == Some(arn) {
        true => Ok(domain),
        false => Err(unknown()),
    }
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    // Those of other accounts are those that others made with names of this one.
    if call.text("resourceOwner") == "OTHER_ACCOUNTS" {
        return Ok(Answer::Json(json!({ "item": [] })));
    }
    let associations = Page::v1(call).take(
        call,
        "",
        |it: &AccessAssociation| &it.domain_name_access_association_arn,
        answer::document,
    )?;
    Ok(page::v1(associations))
}

fn find(call: &Call<'_>) -> Result<Arc<AccessAssociation>, Fault> {
    let arn = call.text("domainNameAccessAssociationArn");
    call.draft.get::<AccessAssociation>("", arn).ok_or_else(|| {
        Fault::not_found("Invalid domain name access association identifier specified")
    })
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let found = find(call)?;
    call.draft.remove::<AccessAssociation>("", &found.domain_name_access_association_arn);
    Ok(Answer::Empty)
}

/// What the owner of the domain name does, where [`delete`] is the owner of the endpoint's: with one
/// account the same.
fn reject(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let found = find(call)?;
    if found.domain_name_arn != call.text("domainNameArn") {
        return Err(Fault::not_found("Invalid domain name identifier specified"));
    }
    call.draft.remove::<AccessAssociation>("", &found.domain_name_access_association_arn);
    Ok(Answer::Empty)
}

#[cfg(test)]
#[path = "access_association_tests.rs"]
mod tests;
