//! A custom domain name and what it leads to.

use crate::resources::domain::{ApiMapping, DomainName, RoutingRule};
use crate::snapshot::Domain;
use std::sync::Arc;

/// A custom domain name, as a shard looks it up.
#[derive(Debug, Clone)]
pub struct ManagedDomain {
    /// In lower case.
    pub domain: Domain,
}

/// Compiles a domain name with all of its mappings and rules. `None`: nobody can reach it (private
/// names); remove it where it was served before.
pub fn compile_domain(
    domain: &DomainName,
    _mappings: &[Arc<ApiMapping>],
    _rules: &[Arc<RoutingRule>],
) -> Option<ManagedDomain> {
    let name = domain.domain_name.to_ascii_lowercase();
    if domain.domain_name_id.is_some() {
        return None;
    }
    let domain = match name.strip_prefix("*.") {
        Some(parent) => Domain::Wildcard(parent.into()),
        None => Domain::Exact(name.as_str().into()),
    };
    Some(ManagedDomain { domain })
}
