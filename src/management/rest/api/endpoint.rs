//! How an API is reached: its endpoint's type, addresses and private endpoints.

use crate::aws::Fault;
use crate::resources::rest::EndpointConfiguration;
use serde::Deserialize;

/// Where an API can be reached from, as Amazon lists them in refusals.
const TYPES: [&str; 3] = ["REGIONAL", "EDGE", "PRIVATE"];

/// As a caller sends it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Input {
    types: Option<Vec<String>>,
    ip_address_type: Option<String>,
    vpc_endpoint_ids: Vec<String>,
}

impl Input {
    /// Checks it and fills in what is not there.
    pub(super) fn check(self) -> Result<EndpointConfiguration, Fault> {
        let kind = match self.types.as_deref() {
            None => "EDGE".to_owned(),
            Some([]) => {
                return Err(Fault::bad_request(
                    "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.",
                ));
            }
            Some([kind]) => known_type(Some(kind))?.to_owned(),
            Some(_) => {
                return Err(Fault::bad_request(
                    "Cannot create an api with multiple Endpoint Types.",
                ));
            }
        };
        let ip_address_type = match self.ip_address_type {
            Some(given) => known_address_type(&kind, Some(&given))?,
            None => default_address_type(&kind).to_owned(),
        };
        if kind != "PRIVATE" && !self.vpc_endpoint_ids.is_empty() {
            return Err(not_private());
        }
        Ok(EndpointConfiguration {
            types: vec![kind],
            ip_address_type: Some(ip_address_type),
            vpc_endpoint_ids: self.vpc_endpoint_ids,
        })
    }
}

/// What an API has when nothing is said.
pub(super) fn default() -> EndpointConfiguration {
    EndpointConfiguration {
        types: vec!["EDGE".into()],
        ip_address_type: Some("ipv4".into()),
        vpc_endpoint_ids: Vec::new(),
    }
}

/// 400: only private APIs have endpoints in a VPC.
pub(super) fn not_private() -> Fault {
    Fault::bad_request("VPCEndpoints can only be specified with PRIVATE apis.")
}

/// A type by its name.
pub(super) fn known_type(kind: Option<&str>) -> Result<&str, Fault> {
    kind.filter(|kind| TYPES.contains(kind)).ok_or_else(|| {
        let types = TYPES.join(",");
        Fault::bad_request(format!("Invalid EndpointTypes specified. Valid options are {types}"))
    })
}

/// The addresses of an endpoint of a type, by name.
pub(super) fn known_address_type(kind: &str, addresses: Option<&str>) -> Result<String, Fault> {
    match addresses {
        Some("ipv4") if kind == "PRIVATE" => {
            Err(Fault::bad_request("Only dualstack ipAddressType is supported for Private APIs."))
        }
        Some(known @ ("ipv4" | "dualstack")) => Ok(known.to_owned()),
        _ => Err(Fault::bad_request("ipAddressType must be either ipv4 or dualstack.")),
    }
}

fn default_address_type(kind: &str) -> &'static str {
    if kind == "PRIVATE" { "dualstack" } else { "ipv4" }
}

/// Changes the type; what only the other type may have follows.
pub(super) fn set_type(endpoint: &mut EndpointConfiguration, kind: &str) {
    endpoint.types = vec![kind.to_owned()];
    if kind == "PRIVATE" {
        endpoint.ip_address_type = Some("dualstack".into());
    } else {
        endpoint.vpc_endpoint_ids.clear();
    }
}
