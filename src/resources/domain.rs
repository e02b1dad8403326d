//! Custom domain names and what they lead to. Both services show the same objects, each in its own
//! form, so these hold what both need.

use super::rest::{EndpointConfiguration, Map};
use super::{Entity, Timestamp};
use serde::{Deserialize, Serialize};

/// A custom domain name. Owner: none; id: the name, or `{name}+{domainNameId}` when private.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DomainName {
    /// In lower case.
    pub domain_name: String,
    /// Of private names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_name_id: Option<String>,
    /// The ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_name_arn: Option<String>,
    /// Label of an uploaded certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_name: Option<String>,
    /// Edge-optimised and private names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_arn: Option<String>,
    /// An uploaded certificate, PEM; not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_body: Option<String>,
    /// Its key, PEM. Never shown, never logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_private_key: Option<String>,
    /// What lies between it and its root, PEM; not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_chain: Option<String>,
    /// When the certificate came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_upload_date: Option<Timestamp>,
    /// Target of regional names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regional_domain_name: Option<String>,
    /// Its zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regional_hosted_zone_id: Option<String>,
    /// Label of an uploaded certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regional_certificate_name: Option<String>,
    /// Regional names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regional_certificate_arn: Option<String>,
    /// Target of edge-optimised names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution_domain_name: Option<String>,
    /// Its zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution_hosted_zone_id: Option<String>,
    /// How it is reached.
    pub endpoint_configuration: EndpointConfiguration,
    /// `AVAILABLE` and others.
    pub domain_name_status: String,
    /// Says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_name_status_message: Option<String>,
    /// Lowest TLS version and ciphers.
    pub security_policy: String,
    /// `BASIC` or `STRICT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_access_mode: Option<String>,
    /// Which clients may connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutual_tls_authentication: Option<MutualTls>,
    /// Proof for private certificate authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ownership_verification_certificate_arn: Option<String>,
    /// Who may manage a private name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management_policy: Option<String>,
    /// Who may use a private name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// `BASE_PATH_MAPPING_ONLY` (v2: `API_MAPPING_ONLY`), `ROUTING_RULE_ONLY` or `ROUTING_RULE_THEN_BASE_PATH_MAPPING`.
    pub routing_mode: String,
    /// Tags.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub tags: Map,
}

impl Entity for DomainName {
    const KIND: &'static str = "domain-name";
    const SECRETS: &'static [&'static str] = &["certificatePrivateKey"];
}

/// Says in which region a domain name lives, because names are unique over all of them. Region and owner: none; id: the name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DomainClaim {
    /// Where it is.
    pub region: String,
}

impl Entity for DomainClaim {
    const KIND: &'static str = "domain-claim";
}

/// Which clients may connect.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MutualTls {
    /// Where the authorities are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truststore_uri: Option<String>,
    /// Which version of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truststore_version: Option<String>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub truststore_warnings: Vec<String>,
}

/// What part of a domain leads to which stage (v1: base path mapping). Owner: the domain name's id; id: the key, `(none)` when empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiMapping {
    /// Six characters; v2 only.
    pub api_mapping_id: String,
    /// The path without slashes around it; may be empty.
    pub api_mapping_key: String,
    /// The API.
    pub api_id: String,
    /// The stage; without one the path's next segment names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
}

impl Entity for ApiMapping {
    const KIND: &'static str = "api-mapping";
}

/// A rule in front of mappings. Owner: the domain name's id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RoutingRule {
    /// Six characters.
    pub routing_rule_id: String,
    /// With the account.
    pub routing_rule_arn: String,
    /// 1 to 1000000, unique, lowest first.
    pub priority: i64,
    /// All of which must hold.
    pub conditions: Vec<RuleCondition>,
    /// Exactly one.
    pub actions: Vec<RuleAction>,
}

impl Entity for RoutingRule {
    const KIND: &'static str = "routing-rule";
}

/// One of the two.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RuleCondition {
    /// On the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_base_paths: Option<MatchBasePaths>,
    /// On headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_headers: Option<MatchHeaders>,
}

/// One of the paths must match.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MatchBasePaths {
    /// Without slashes around them.
    pub any_of: Vec<String>,
}

/// One of the headers must match.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MatchHeaders {
    /// The headers.
    pub any_of: Vec<MatchHeader>,
}

/// A header and its value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MatchHeader {
    /// The name.
    pub header: String,
    /// With `*` at the ends.
    pub value_glob: String,
}

/// Where to go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RuleAction {
    /// The stage.
    pub invoke_api: InvokeApi,
}

/// A stage as a target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InvokeApi {
    /// The API.
    pub api_id: String,
    /// The stage.
    pub stage: String,
    /// Whether the matched path is taken off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strip_base_path: Option<bool>,
}

/// Lets an endpoint use a private domain name. Owner: none; id: its ARN.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessAssociation {
    /// The ARN.
    pub domain_name_access_association_arn: String,
    /// The private name.
    pub domain_name_arn: String,
    /// `VPCE`.
    pub access_association_source_type: String,
    /// The endpoint.
    pub access_association_source: String,
    /// Tags.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub tags: Map,
}

impl Entity for AccessAssociation {
    const KIND: &'static str = "access-association";
}
