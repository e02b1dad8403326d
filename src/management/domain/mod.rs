//! Custom domain names: what both services do with the same objects. v1 knows edge-optimised,
//! regional and private names; v2 manages the regional ones only. How each shows them is in
//! `rest/domain_name` and `http/domain_name`.
//!
//! A name is one host of the whole world, so public ones are claimed over all regions. Private names
//! live inside networks: any number of them may be called the same, and their ids tell them apart.

pub(super) mod mapping;
#[cfg(test)]
pub(super) mod sample;

use super::Call;
use super::tagging;
use crate::aws::Fault;
use crate::resources::domain::{
    AccessAssociation, ApiMapping, DomainClaim, DomainName, MutualTls, RoutingRule,
};
use std::sync::Arc;

/// The zone of every CloudFront distribution.
const DISTRIBUTION_ZONE: &str = "Z2FDTNDATAQYW2";

/// The zone of regional targets. Amazon has one per region; there is none here to look into, but
/// tools pass it on to their DNS resources, so it has the form of one.
const REGIONAL_ZONE: &str = "Z1UJRXOUMOOFQ8";

/// Characters of a name (RFC 1035, section 2.3.4).
const NAME_CHARACTERS_MAX: usize = 253;

/// Characters of a label.
const LABEL_CHARACTERS_MAX: usize = 63;

/// The two types of names that are reached from anywhere, and the one that is not.
pub(super) const EDGE: &str = "EDGE";
pub(super) const REGIONAL: &str = "REGIONAL";
pub(super) const PRIVATE: &str = "PRIVATE";

const V1_ROUTING: [&str; 3] =
    ["BASE_PATH_MAPPING_ONLY", "ROUTING_RULE_ONLY", "ROUTING_RULE_THEN_BASE_PATH_MAPPING"];

const V2_ROUTING: [&str; 3] =
    ["API_MAPPING_ONLY", "ROUTING_RULE_ONLY", "ROUTING_RULE_THEN_API_MAPPING"];

/// A routing mode in v1's words, in which it is stored. Both services' words are taken.
///
/// # Errors
/// It is none.
pub(super) fn routing_mode(mode: &str) -> Result<String, Fault> {
    let index_in = |modes: &[&str]| modes.iter().position(|it| *it == mode);
    let found = index_in(&V1_ROUTING).or_else(|| index_in(&V2_ROUTING));
    found
        .map(|index| V1_ROUTING[index].to_owned())
        .ok_or_else(|| Fault::bad_request(format!("Invalid routing mode specified: {mode}")))
}

/// A stored routing mode in v2's words.
pub(super) fn v2_routing_mode(mode: &str) -> &'static str {
    let index = V1_ROUTING.iter().position(|name| *name == mode).unwrap_or_default();
    V2_ROUTING[index]
}

/// A domain name's place among its kind, and the owner of what belongs to it.
pub(super) fn id(domain: &DomainName) -> String {
    match &domain.domain_name_id {
        Some(id) => format!("{}+{id}", domain.domain_name),
        None => domain.domain_name.clone(),
    }
}

/// The domain name that a call speaks of: by `domainName`, and `domainNameId` when it is private.
///
/// # Errors
/// There is none.
pub(super) fn find(call: &Call<'_>) -> Result<Arc<DomainName>, Fault> {
    let name = call.text("domainName").to_ascii_lowercase();
    let id = match call.text_of("domainNameId").filter(|id| !id.is_empty()) {
        Some(id) => format!("{name}+{id}"),
        None => name.clone(),
    };
    let found = call.draft.get::<DomainName>("", &id);
    // Nor is a private name found by the id of its noun.
    found.filter(|domain| domain.domain_name == name).ok_or_else(unknown)
}

/// As [`find`], for v2, which has no hand in what HTTP APIs cannot be reached by.
///
/// # Errors
/// There is none, or v2 does not manage it.
pub(super) fn find_v2(call: &Call<'_>) -> Result<Arc<DomainName>, Fault> {
    let domain = find(call)?;
    check_v2(&domain)?;
    Ok(domain)
}

/// Whether v2 manages a name.
///
/// # Errors
/// It is edge-optimised, or lets in TLS 1.0.
pub(super) fn check_v2(domain: &DomainName) -> Result<(), Fault> {
    let types = &domain.endpoint_configuration.types;
    if types.iter().any(|kind| kind == EDGE) || domain.security_policy == "TLS_1_0" {
        return Err(Fault::bad_request(
            "Only REGIONAL domain names with a security policy of TLS 1.2 can be managed through the API Gateway V2 API. For other domain names, use the API Gateway V1 API. Also note that only REST APIs can be attached to domain names when the endpoint type is EDGE or the security policy is TLS 1.0.",
        ));
    }
    Ok(())
}

fn unknown() -> Fault {
    Fault::not_found("Invalid domain name identifier specified")
}

/// Makes a domain name of what a user asked for: fills in what Amazon does, and claims it.
///
/// # Errors
/// It is no name, it is taken, or its members contradict each other.
pub(super) fn create(call: &mut Call<'_>, mut domain: DomainName) -> Result<DomainName, Fault> {
    domain.domain_name = name(&domain.domain_name)?;
    tagging::check(&domain.tags)?;
    let is_private = is(&domain, PRIVATE);
    if domain.endpoint_configuration.ip_address_type.is_none() {
        let default = if is_private { "dualstack" } else { "ipv4" };
        domain.endpoint_configuration.ip_address_type = Some(default.into());
    }
    if domain.security_policy.is_empty() {
        domain.security_policy = "TLS_1_2".into();
    }
    if domain.routing_mode.is_empty() {
        domain.routing_mode = V1_ROUTING[0].into();
    }
    domain.domain_name_status = "AVAILABLE".into();
    if is_private {
        domain.domain_name_id = Some(call.ids.long());
    }
    domain.domain_name_arn = Some(arn(call, &domain));
    domain.certificate_upload_date = has_certificate(&domain).then_some(call.now);
    settle(call, &mut domain)?;
    if !is_private {
        claim(call, &domain.domain_name)?;
    }
    call.draft.put("", &id(&domain), domain.clone());
    Ok(domain)
}

/// Stores a changed domain name.
///
/// # Errors
/// Its members contradict each other.
pub(super) fn update(call: &mut Call<'_>, mut domain: DomainName) -> Result<DomainName, Fault> {
    settle(call, &mut domain)?;
    call.draft.put("", &id(&domain), domain.clone());
    Ok(domain)
}

/// Removes a domain name with its mappings, rules and associations.
pub(super) fn remove(call: &mut Call<'_>, domain: &DomainName) {
    let id = id(domain);
    call.draft.remove::<DomainName>("", &id);
    // By kind and not all that the name owns: a name of one label could be an API's id.
    call.draft.remove_all::<ApiMapping>(&id);
    call.draft.remove_all::<RoutingRule>(&id);
    if domain.domain_name_id.is_none() {
        let name = domain.domain_name.as_str();
        call.draft.in_region("", |draft| draft.remove::<DomainClaim>("", name));
        return;
    }
    for association in call.draft.list::<AccessAssociation>("") {
        if Some(&association.domain_name_arn) == domain.domain_name_arn.as_ref() {
            let arn = association.domain_name_access_association_arn.as_str();
            call.draft.remove::<AccessAssociation>("", arn);
        }
    }
}

/// Whether a name is of a type.
pub(super) fn is(domain: &DomainName, kind: &str) -> bool {
    domain.endpoint_configuration.types.iter().any(|it| it == kind)
}

/// The ARN: of private names only with the account.
fn arn(call: &Call<'_>, domain: &DomainName) -> String {
    let account = match domain.domain_name_id {
        Some(_) => call.settings.account_id.as_str(),
        None => "",
    };
    format!("arn:aws:apigateway:{}:{account}:/domainnames/{}", call.region(), id(domain))
}

fn has_certificate(domain: &DomainName) -> bool {
    let members = [
        &domain.certificate_arn,
        &domain.certificate_name,
        &domain.regional_certificate_arn,
        &domain.regional_certificate_name,
    ];
    members.iter().any(|member| member.is_some())
}

fn claim(call: &mut Call<'_>, name: &str) -> Result<(), Fault> {
    let region = call.region().to_owned();
    call.draft.in_region("", |draft| {
        if draft.has::<DomainClaim>("", name) {
            return Err(Fault::bad_request("The domain name you provided already exists."));
        }
        draft.put("", name, DomainClaim { region });
        Ok(())
    })
}

/// A name in lower case, as DNS compares it; the first label may be `*`.
fn name(text: &str) -> Result<String, Fault> {
    if text.is_empty() {
        return Err(Fault::bad_request("No Domain Name specified"));
    }
    let name = text.to_ascii_lowercase();
    let is_label = |label: &str| {
        let is_character = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=LABEL_CHARACTERS_MAX).contains(&label.len()) && label.bytes().all(is_character)
    };
    let labels = name.strip_prefix("*.").unwrap_or(&name);
    match name.len() <= NAME_CHARACTERS_MAX && labels.split('.').all(is_label) {
        true => Ok(name),
        false => Err(Fault::bad_request(format!("Invalid domain name specified: {text}"))),
    }
}

/// Checks what must hold of a name however it came to be, and gives it the targets of its types.
fn settle(call: &mut Call<'_>, domain: &mut DomainName) -> Result<(), Fault> {
    check_types(domain)?;
    let (is_edge, is_regional) = (is(domain, EDGE), is(domain, REGIONAL));
    check_members(domain)?;
    match is_edge {
        true if domain.distribution_domain_name.is_none() => {
            let target = format!("d{}.cloudfront.net", call.ids.thirteen());
            domain.distribution_domain_name = Some(target);
            domain.distribution_hosted_zone_id = Some(DISTRIBUTION_ZONE.into());
        }
        true => {}
        false => {
            domain.distribution_domain_name = None;
            domain.distribution_hosted_zone_id = None;
        }
    }
    match is_regional {
        true if domain.regional_domain_name.is_none() => {
            let suffix = &call.settings.domain_suffix;
            let target = format!("d-{}.execute-api.{}.{suffix}", call.ids.long(), call.region());
            domain.regional_domain_name = Some(target);
            domain.regional_hosted_zone_id = Some(REGIONAL_ZONE.into());
        }
        true => {}
        false => {
            domain.regional_domain_name = None;
            domain.regional_hosted_zone_id = None;
        }
    }
    Ok(())
}

/// One type, or both public ones while a name moves from one to the other.
fn check_types(domain: &DomainName) -> Result<(), Fault> {
    let types = &domain.endpoint_configuration.types;
    if types.iter().any(|kind| ![EDGE, REGIONAL, PRIVATE].contains(&kind.as_str())) {
        return Err(Fault::bad_request(
            "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE",
        ));
    }
    let fits = match types.as_slice() {
        [_] => true,
        [one, other] => one != other && one != PRIVATE && other != PRIVATE,
        _ => false,
    };
    if !fits {
        return Err(Fault::bad_request(
            "A domain name has one endpoint type, or EDGE and REGIONAL while it migrates.",
        ));
    }
    // What a name is bound to, and whether it is claimed, differs: it cannot turn into the other.
    if is(domain, PRIVATE) != domain.domain_name_id.is_some() {
        return Err(Fault::bad_request(
            "The endpoint type of a domain name cannot change from or to PRIVATE.",
        ));
    }
    Ok(())
}

fn check_members(domain: &DomainName) -> Result<(), Fault> {
    let is_private = is(domain, PRIVATE);
    match domain.endpoint_configuration.ip_address_type.as_deref() {
        Some("ipv4") if is_private => {
            return Err(Fault::bad_request(
                "Only dualstack ipAddressType is supported for Private domain names.",
            ));
        }
        None | Some("ipv4" | "dualstack") => {}
        Some(_) => {
            return Err(Fault::bad_request("ipAddressType must be either ipv4 or dualstack."));
        }
    }
    if !is_private && (domain.policy.is_some() || domain.management_policy.is_some()) {
        return Err(Fault::bad_request("Policies are supported only for private domain names."));
    }
    if domain.endpoint_access_mode.is_some()
        && !domain.security_policy.starts_with("SecurityPolicy_")
    {
        return Err(Fault::bad_request(
            "The endpoint access mode can be set only with a security policy that starts with SecurityPolicy_.",
        ));
    }
    for arn in [&domain.certificate_arn, &domain.regional_certificate_arn].into_iter().flatten() {
        if !arn.starts_with("arn:") {
            return Err(Fault::bad_request(format!("Invalid certificate ARN specified: {arn}")));
        }
    }
    if domain.certificate_body.is_some() && domain.certificate_private_key.is_none() {
        return Err(Fault::bad_request("An uploaded certificate needs a certificatePrivateKey."));
    }
    let Some(mutual) = &domain.mutual_tls_authentication else { return Ok(()) };
    if is_private || is(domain, EDGE) {
        return Err(Fault::bad_request(
            "Mutual TLS is supported only for domain names whose endpoint type is REGIONAL.",
        ));
    }
    let place = mutual.truststore_uri.as_deref().and_then(|uri| uri.strip_prefix("s3://"));
    match place.and_then(|place| place.split_once('/')) {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok(()),
        _ => Err(Fault::bad_request("Invalid truststore URI, expected s3://bucket/key.")),
    }
}

/// What a change of mutual TLS leaves: an absent member stays, an empty version is none, and an empty
/// truststore turns it off.
pub(super) fn changed_mutual_tls(
    before: Option<MutualTls>,
    uri: Option<&str>,
    version: Option<&str>,
) -> Option<MutualTls> {
    if uri.is_some_and(str::is_empty) {
        return None;
    }
    let mut mutual = before.unwrap_or_default();
    if let Some(uri) = uri {
        mutual.truststore_uri = Some(uri.to_owned());
    }
    if let Some(version) = version {
        mutual.truststore_version = Some(version.to_owned()).filter(|version| !version.is_empty());
    }
    (mutual != MutualTls::default()).then_some(mutual)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_hosts_in_lower_case() {
        assert_eq!(name("API.Example.com").as_deref(), Ok("api.example.com"));
        assert_eq!(name("*.example.com").as_deref(), Ok("*.example.com"));
        assert!(name(&format!("{}.a", "x".repeat(63))).is_ok());
        let long = format!("{}.a", "x".repeat(64));
        for bad in ["", ".", "a..b", "a b", "a/b", "x.*.example.com", "a+b", &long] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn both_services_words_of_a_routing_mode_are_one() {
        for (v1, v2) in V1_ROUTING.iter().zip(V2_ROUTING) {
            assert_eq!(routing_mode(v2).as_deref(), Ok(*v1));
            assert_eq!(routing_mode(v1).as_deref(), Ok(*v1));
            assert_eq!(v2_routing_mode(v1), v2);
        }
        assert!(routing_mode("OTHER").is_err());
    }

    #[test]
    fn an_empty_truststore_turns_mutual_tls_off() {
        let on = changed_mutual_tls(None, Some("s3://b/k"), Some("1"));
        assert_eq!(on.as_ref().and_then(|it| it.truststore_version.as_deref()), Some("1"));
        let kept = changed_mutual_tls(on.clone(), None, Some(""));
        let kept = kept.map(|it| (it.truststore_uri, it.truststore_version));
        assert_eq!(kept, Some((Some("s3://b/k".to_owned()), None)));
        assert_eq!(changed_mutual_tls(on, Some(""), None), None);
    }

    proptest! {
        #[test]
        fn any_name_is_taken_or_refused(text in ".{0,80}") {
            let _ = name(&text);
        }
    }
}
