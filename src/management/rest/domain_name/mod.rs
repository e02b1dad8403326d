//! Custom domain names, as v1 shows them.

mod patch;
#[cfg(test)]
mod tests;

use super::super::domain::{self, EDGE, REGIONAL};
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::{Answer, Call, answer, policy, tagging};
use crate::aws::Fault;
use crate::resources::domain::{DomainName, MutualTls};
use crate::resources::rest::{EndpointConfiguration, Map};
use serde::Deserialize;
use serde_json::{Value, json};

/// The operations of this folder.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateDomainName", create),
    read("GetDomainName", get),
    read("GetDomainNames", list),
    write("UpdateDomainName", update),
    write("DeleteDomainName", delete),
];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateInput {
    domain_name: String,
    certificate_name: Option<String>,
    certificate_body: Option<String>,
    certificate_private_key: Option<String>,
    certificate_chain: Option<String>,
    certificate_arn: Option<String>,
    regional_certificate_name: Option<String>,
    regional_certificate_arn: Option<String>,
    endpoint_configuration: EndpointConfiguration,
    tags: Map,
    security_policy: Option<String>,
    endpoint_access_mode: Option<String>,
    mutual_tls_authentication: Option<MutualTls>,
    ownership_verification_certificate_arn: Option<String>,
    policy: Option<String>,
    routing_mode: Option<String>,
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let input: CreateInput = call.input()?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let mut endpoint_configuration = input.endpoint_configuration;
    if endpoint_configuration.types.is_empty() {
        let is_regional = input.regional_certificate_arn.is_some()
            || input.regional_certificate_name.is_some()
            || input.mutual_tls_authentication.is_some();
        endpoint_configuration.types = vec![if is_regional { REGIONAL } else { EDGE }.into()];
    }
    if endpoint_configuration.types.len() > 1 {
        return Err(Fault::bad_request(
            "Cannot create a domain name with multiple Endpoint Types.",
        ));
    }
    let mutual = input.mutual_tls_authentication.unwrap_or_default();
    let made = domain::create(
        call,
        DomainName {
            domain_name: input.domain_name,
            certificate_name: given(input.certificate_name),
            certificate_body: given(input.certificate_body),
            certificate_private_key: given(input.certificate_private_key),
            certificate_chain: given(input.certificate_chain),
            certificate_arn: given(input.certificate_arn),
            regional_certificate_name: given(input.regional_certificate_name),
            regional_certificate_arn: given(input.regional_certificate_arn),
            endpoint_configuration,
            tags: input.tags,
            security_policy: input.security_policy.unwrap_or_default(),
            endpoint_access_mode: given(input.endpoint_access_mode),
            mutual_tls_authentication: domain::changed_mutual_tls(
                None,
                mutual.truststore_uri.as_deref(),
                mutual.truststore_version.as_deref(),
            ),
            ownership_verification_certificate_arn: given(
                input.ownership_verification_certificate_arn,
            ),
            policy: policy::plain(input.policy.as_deref().unwrap_or_default())?,
            routing_mode: match input.routing_mode {
                Some(mode) => domain::routing_mode(&mode)?,
                None => String::new(),
            },
            ..DomainName::default()
        },
    )?;
    Ok(Answer::Json(shown(&made)?))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    tagging::with_tags(&shown(&*domain::find(call)?)?)
}

fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    // Other accounts' names are those that their owners share; there are no other accounts here.
    if call.text("resourceOwner") == "OTHER_ACCOUNTS" {
        return Ok(Answer::Json(json!({ "item": [] })));
    }
    // A private name's place is not its name alone, so pages are cut by places.
    let page = Page::v1(call);
    let names = call.draft.list_after::<DomainName>("", page.after.as_deref(), page.limit + 1);
    Ok(page::v1(page.cut(&names, |name| domain::id(name), |name| shown(name))?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut changed = (*domain::find(call)?).clone();
    patch::apply(call, &mut changed)?;
    let changed = domain::update(call, changed)?;
    tagging::with_tags(&shown(&changed)?)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let found = domain::find(call)?;
    domain::remove(call, &found);
    Ok(Answer::Empty)
}

/// A name as v1 shows it: without what was uploaded. Its policies are shown as they are, where those of
/// APIs are escaped: Terraform reads them so (provider 5.100 plans a change for ever otherwise).
fn shown(domain: &DomainName) -> Result<Value, Fault> {
    let mut document = answer::document(domain)?;
    if let Some(members) = document.as_object_mut() {
        for member in ["certificateBody", "certificatePrivateKey", "certificateChain"] {
            members.shift_remove(member);
        }
    }
    Ok(document)
}
