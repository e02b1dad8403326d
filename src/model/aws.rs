//! `[aws]`: the account, region and names that AWS protocols need. Stored here, used by later parts.

use std::collections::BTreeMap;

/// Account, region and names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aws {
    /// Twelve digits.
    pub account_id: String,
    /// Default region.
    pub region: String,
    /// Suffixes under which APIs get their own names:
    /// `{api-id}.execute-api.{region}.{domain_suffix}`.
    pub domain_suffixes: Vec<String>,
    /// Service name, or `*` for every other one, to the base URL where it lives.
    pub endpoints: BTreeMap<String, String>,
}
