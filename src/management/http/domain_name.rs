//! Custom domain names, as v2 shows them: with one configuration each, which holds what v1 shows as
//! members of the name itself.

use super::super::domain::{self, EDGE, REGIONAL};
use super::super::operation::{Operation, read, write};
use super::super::page::{self, Page};
use super::super::{Answer, Call};
use crate::aws::Fault;
use crate::resources::domain::{DomainName, MutualTls};
use crate::resources::rest::{EndpointConfiguration, Map};
use serde::Deserialize;
use serde_json::{Map as Members, Value, json};

/// The operations of this file.
pub(super) static OPERATIONS: &[Operation] = &[
    write("CreateDomainName", create),
    read("GetDomainName", get),
    read("GetDomainNames", list),
    write("UpdateDomainName", update),
    write("DeleteDomainName", delete),
];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Input {
    domain_name: String,
    domain_name_configurations: Option<Vec<Configuration>>,
    mutual_tls_authentication: Option<MutualTls>,
    routing_mode: Option<String>,
    tags: Map,
}

/// What users set of a configuration; they may send the other members back, which changes nothing.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Configuration {
    certificate_arn: Option<String>,
    certificate_name: Option<String>,
    endpoint_type: Option<String>,
    ip_address_type: Option<String>,
    security_policy: Option<String>,
    ownership_verification_certificate_arn: Option<String>,
}

fn only(configurations: Option<Vec<Configuration>>) -> Result<Configuration, Fault> {
    let mut configurations = configurations.unwrap_or_default();
    match (configurations.pop(), configurations.is_empty()) {
        (Some(configuration), true) => Ok(configuration),
        _ => Err(Fault::bad_request("Invalid input. Expected one domain name configuration")),
    }
}

fn create(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input()?;
    let configuration = only(input.domain_name_configurations)?;
    let mutual = input.mutual_tls_authentication.unwrap_or_default();
    let mut new = DomainName {
        domain_name: input.domain_name,
        endpoint_configuration: EndpointConfiguration {
            types: vec![REGIONAL.into()],
            ..EndpointConfiguration::default()
        },
        mutual_tls_authentication: domain::changed_mutual_tls(
            None,
            mutual.truststore_uri.as_deref(),
            mutual.truststore_version.as_deref(),
        ),
        routing_mode: match input.routing_mode {
            Some(mode) => domain::routing_mode(&mode)?,
            None => String::new(),
        },
        tags: input.tags,
        ..DomainName::default()
    };
    configure(&mut new, configuration)?;
    let made = domain::create(call, new)?;
    Ok(Answer::Json(shown(&made)))
}

/// Replaces a name's configuration. What every name has keeps its value when it is left out.
fn configure(domain: &mut DomainName, new: Configuration) -> Result<(), Fault> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    if let Some(kind) = given(new.endpoint_type) {
        domain.endpoint_configuration.types = vec![kind];
    }
    if let Some(policy) = given(new.security_policy) {
        domain.security_policy = policy;
    }
    if let Some(kind) = given(new.ip_address_type) {
        domain.endpoint_configuration.ip_address_type = Some(kind);
    }
    if let Some(arn) = given(new.certificate_arn) {
        domain.regional_certificate_arn = Some(arn);
    }
    domain.regional_certificate_name = given(new.certificate_name);
    domain.ownership_verification_certificate_arn =
        given(new.ownership_verification_certificate_arn);
    domain::check_v2(domain)
}

fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(Answer::Json(shown(&*domain::find_v2(call)?)))
}

/// All public names, also those that only v1 manages: a list says what there is.
fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let page = Page::v2(call)?;
    // A private name is at another place than its name, but is not shown, so a page never ends there.
    let mut after = page.after.clone();
    let mut names = Vec::new();
    while names.len() <= page.limit {
        let found = call.draft.list_after::<DomainName>("", after.as_deref(), page.limit + 1);
        let is_end = found.len() <= page.limit;
        after = found.last().map(|last| domain::id(last));
        names.extend(found.into_iter().filter(|name| name.domain_name_id.is_none()));
        if is_end {
            break;
        }
    }
    Ok(page::v2(page.cut(&names, |name| domain::id(name), |name| Ok(shown(name)))?))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut changed = (*domain::find_v2(call)?).clone();
    let input: Input = call.input()?;
    if input.domain_name_configurations.is_some() {
        let before = changed.regional_certificate_arn.clone();
        configure(&mut changed, only(input.domain_name_configurations)?)?;
        if changed.regional_certificate_arn != before {
            changed.certificate_upload_date = Some(call.now);
        }
    }
    if let Some(mutual) = input.mutual_tls_authentication {
        let before = changed.mutual_tls_authentication.take();
        changed.mutual_tls_authentication = domain::changed_mutual_tls(
            before,
            mutual.truststore_uri.as_deref(),
            mutual.truststore_version.as_deref(),
        );
    }
    if let Some(mode) = input.routing_mode {
        changed.routing_mode = domain::routing_mode(&mode)?;
    }
    let changed = domain::update(call, changed)?;
    Ok(Answer::Json(shown(&changed)))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let found = domain::find_v2(call)?;
    domain::remove(call, &found);
    Ok(Answer::Empty)
}

fn shown(domain: &DomainName) -> Value {
    let mut answer = json!({
        "apiMappingSelectionExpression": "$request.basepath",
        "domainName": domain.domain_name,
        "domainNameArn": domain.domain_name_arn,
        "domainNameConfigurations": [configuration(domain)],
        "routingMode": domain::v2_routing_mode(&domain.routing_mode),
        "tags": domain.tags,
    });
    if let Some(mutual) = &domain.mutual_tls_authentication {
        answer["mutualTlsAuthentication"] = json!(mutual);
    }
    answer
}

fn configuration(domain: &DomainName) -> Value {
    let is_edge = domain::is(domain, EDGE) && !domain::is(domain, REGIONAL);
    let (target, zone, arn, name) = match is_edge {
        true => (
            &domain.distribution_domain_name,
            &domain.distribution_hosted_zone_id,
            &domain.certificate_arn,
            &domain.certificate_name,
        ),
        false => (
            &domain.regional_domain_name,
            &domain.regional_hosted_zone_id,
            &domain.regional_certificate_arn,
            &domain.regional_certificate_name,
        ),
    };
    let mut members = Members::new();
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            members.insert(name.into(), value.into());
        }
    };
    put("apiGatewayDomainName", target.as_deref());
    put("certificateArn", arn.as_deref());
    put("certificateName", name.as_deref());
    let uploaded_at = domain.certificate_upload_date.map(|time| time.iso());
    put("certificateUploadDate", uploaded_at.as_deref());
    put("domainNameStatus", Some(&domain.domain_name_status));
    put("domainNameStatusMessage", domain.domain_name_status_message.as_deref());
    put("endpointType", Some(if is_edge { EDGE } else { REGIONAL }));
    put("hostedZoneId", zone.as_deref());
    put("ipAddressType", domain.endpoint_configuration.ip_address_type.as_deref());
    put("securityPolicy", Some(&domain.security_policy));
    put(
        "ownershipVerificationCertificateArn",
        domain.ownership_verification_certificate_arn.as_deref(),
    );
    Value::Object(members)
}

#[cfg(test)]
#[path = "domain_name_tests.rs"]
mod tests;
