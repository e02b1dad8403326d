//! What `UpdateDomainName` may change.

use super::super::super::patch::{self, Family, Op, PatchOperation};
use super::super::super::{Call, domain, policy};
use crate::aws::Fault;
use crate::resources::domain::DomainName;

const FAMILY: Family = Family::Plain;

/// The lowest TLS versions and ciphers that there are (the model's `SecurityPolicy`).
const SECURITY_POLICIES: [&str; 12] = [
    "TLS_1_0",
    "TLS_1_2",
    "SecurityPolicy_TLS13_1_3_2025_09",
    "SecurityPolicy_TLS13_1_3_FIPS_2025_09",
    "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_FIPS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_FIPS_PFS_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_PQ_2025_09",
    "SecurityPolicy_TLS13_1_2_2021_06",
    "SecurityPolicy_TLS13_2025_EDGE",
    "SecurityPolicy_TLS12_PFS_2025_EDGE",
    "SecurityPolicy_TLS12_2018_EDGE",
];

/// Applies a call's operations in order; what they leave is checked as a whole by the caller.
pub(super) fn apply(call: &Call<'_>, domain: &mut DomainName) -> Result<(), Fault> {
    for operation in patch::operations(call)? {
        apply_one(call, domain, &operation)?;
    }
    Ok(())
}

fn apply_one(
    call: &Call<'_>,
    domain: &mut DomainName,
    operation: &PatchOperation,
) -> Result<(), Fault> {
    let path = operation.path.as_deref().unwrap_or("null");
    if let Some(types) = path.strip_prefix("/endpointConfiguration/types") {
        return change_type(domain, operation, types);
    }
    let any: &[&str] = &["add", "replace", "remove"];
    let only_replace: &[&str] = &["replace"];
    let allowed = match path {
        "/certificateArn"
        | "/certificateName"
        | "/regionalCertificateArn"
        | "/regionalCertificateName"
        | "/mutualTlsAuthentication/truststoreUri"
        | "/mutualTlsAuthentication/truststoreVersion"
        | "/ownershipVerificationCertificateArn" => any,
        "/endpointConfiguration/ipAddressType"
        | "/securityPolicy"
        | "/endpointAccessMode"
        | "/routingMode"
        | "/policy"
        | "/managementPolicy" => only_replace,
        _ => return Err(FAMILY.bad_path(operation)),
    };
    if !allowed.contains(&operation.op.name()) {
        return Err(FAMILY.bad_op(operation, allowed));
    }
    // Removing a member and setting it to nothing are the same.
    let value = operation.non_empty().filter(|_| operation.op != Op::Remove);
    let uploaded_at = value.as_ref().map(|_| call.now);
    match path {
        "/certificateArn" => {
            domain.certificate_arn = value;
            domain.certificate_upload_date = uploaded_at.or(domain.certificate_upload_date);
        }
        "/regionalCertificateArn" => {
            domain.regional_certificate_arn = value;
            domain.certificate_upload_date = uploaded_at.or(domain.certificate_upload_date);
        }
        "/certificateName" => domain.certificate_name = value,
        "/regionalCertificateName" => domain.regional_certificate_name = value,
        "/ownershipVerificationCertificateArn" => {
            domain.ownership_verification_certificate_arn = value;
        }
        "/mutualTlsAuthentication/truststoreUri" => {
            let uri = Some(value.as_deref().unwrap_or_default());
            let before = domain.mutual_tls_authentication.take();
            domain.mutual_tls_authentication = domain::changed_mutual_tls(before, uri, None);
        }
        "/mutualTlsAuthentication/truststoreVersion" => {
            let version = Some(value.as_deref().unwrap_or_default());
            let before = domain.mutual_tls_authentication.take();
            domain.mutual_tls_authentication = domain::changed_mutual_tls(before, None, version);
        }
        "/endpointConfiguration/ipAddressType" => {
            // Absent would be the default; Amazon has no such answer, so it is refused as any other.
            let kind = value.unwrap_or_else(|| "null".into());
            domain.endpoint_configuration.ip_address_type = Some(kind);
        }
        "/securityPolicy" => {
            let name = value.unwrap_or_default();
            if !SECURITY_POLICIES.contains(&name.as_str()) {
                return Err(Fault::bad_request(format!(
                    "Invalid security policy specified. Must be one of: [{}]",
                    SECURITY_POLICIES.join(", ")
                )));
            }
            domain.security_policy = name;
        }
        "/endpointAccessMode" => match value.as_deref() {
            None | Some("BASIC" | "STRICT") => domain.endpoint_access_mode = value,
            Some(_) => {
                return Err(Fault::bad_request(
                    "Invalid endpoint access mode specified. Must be one of: [BASIC, STRICT]",
                ));
            }
        },
        "/routingMode" => {
            domain.routing_mode = domain::routing_mode(value.as_deref().unwrap_or("null"))?;
        }
        "/policy" => domain.policy = policy::plain(value.as_deref().unwrap_or_default())?,
        "/managementPolicy" => {
            domain.management_policy = policy::plain(value.as_deref().unwrap_or_default())?;
        }
        _ => return Err(FAMILY.bad_path(operation)),
    }
    Ok(())
}

/// `/endpointConfiguration/types` adds and removes the type in its value, for a name that moves
/// slowly; `…/types/0` and `…/types/{TYPE}` replace one at once.
fn change_type(
    domain: &mut DomainName,
    operation: &PatchOperation,
    which: &str,
) -> Result<(), Fault> {
    let value = operation.value.clone().unwrap_or_default();
    let types = &mut domain.endpoint_configuration.types;
    match (which.strip_prefix('/'), operation.op) {
        (None, Op::Add) if which.is_empty() => {
            if !types.contains(&value) {
                types.push(value);
            }
        }
        (None, Op::Remove) if which.is_empty() => types.retain(|kind| *kind != value),
        (Some(which), Op::Replace) => {
            let index = match which {
                "0" => Some(0),
                "1" => Some(1),
                kind => types.iter().position(|it| it == kind),
            };
            let Some(kind) = index.and_then(|index| types.get_mut(index)) else {
                return Err(FAMILY.bad_path(operation));
            };
            *kind = value;
        }
        (None, _) if which.is_empty() => {
            return Err(FAMILY.bad_op(operation, &["add", "remove"]));
        }
        (Some(_), _) => return Err(FAMILY.bad_op(operation, &["replace"])),
        (None, _) => return Err(FAMILY.bad_path(operation)),
    }
    Ok(())
}
