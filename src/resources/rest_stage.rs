//! Deployments and stages of REST APIs.

use super::rest::{Authorizer, GatewayResponse, Map, Model, RequestValidator, Resource, RestApi};
use super::{Draft, Entity, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A frozen API. Owner: the API; what it froze is the [`Definition`] of the same id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deployment {
    /// Six characters.
    pub id: String,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was made.
    pub created_date: Timestamp,
}

impl Entity for Deployment {
    const KIND: &'static str = "deployment";
}

/// What a deployment froze. Owner: the API; id: the deployment's. Shares its parts with the API they were taken from, as long as those do not change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Definition {
    /// The API's own settings.
    pub api: Arc<RestApi>,
    /// By path.
    pub resources: Vec<Arc<Resource>>,
    /// By name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Arc<Model>>,
    /// By id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request_validators: Vec<Arc<RequestValidator>>,
    /// By id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorizers: Vec<Arc<Authorizer>>,
    /// By type; customised ones only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateway_responses: Vec<Arc<GatewayResponse>>,
}

impl Definition {
    /// An API and all its parts, as a deployment would freeze them now.
    pub fn of(draft: &Draft<'_>, api: &Arc<RestApi>) -> Self {
        let mut resources = draft.list::<Resource>(&api.id);
        resources.sort_by(|one, other| one.path.cmp(&other.path));
        Self {
            api: Arc::clone(api),
            resources,
            models: draft.list(&api.id),
            request_validators: draft.list(&api.id),
            authorizers: draft.list(&api.id),
            gateway_responses: draft.list(&api.id),
        }
    }
}

impl Entity for Definition {
    const KIND: &'static str = "definition";
}

/// A name that points to a deployment. Owner: the API; id: its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Stage {
    /// What it serves.
    pub deployment_id: String,
    /// What it shows to back ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate_id: Option<String>,
    /// Letters, digits, `_` and `-`.
    pub stage_name: String,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether there is a response cache.
    pub cache_cluster_enabled: bool,
    /// Gigabytes, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_cluster_size: Option<String>,
    /// `AVAILABLE` or `NOT_AVAILABLE`.
    pub cache_cluster_status: String,
    /// By the text of the patch path without its leading slash, escapes kept.
    pub method_settings: Map<MethodSetting>,
    /// Stage variables.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub variables: Map,
    /// Which documentation it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documentation_version: Option<String>,
    /// Where a line per request goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_log_settings: Option<AccessLogSettings>,
    /// The release that gets a part of the traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary_settings: Option<CanarySettings>,
    /// X-Ray.
    pub tracing_enabled: bool,
    /// The web ACL in front of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_acl_arn: Option<String>,
    /// Tags.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub tags: Map,
    /// When it was made.
    pub created_date: Timestamp,
    /// When it last changed.
    pub last_updated_date: Timestamp,
}

impl Entity for Stage {
    const KIND: &'static str = "stage";
}

/// When the verdicts of a stage's authorizers were last forgotten: of a REST API's stage or an HTTP API's.
/// Owner: the API; id: the stage's name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizerFlush {
    /// Another one each time.
    pub flush_id: String,
}

impl Entity for AuthorizerFlush {
    const KIND: &'static str = "authorizer-flush";
}

/// What a stage sets for a method, or for all of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MethodSetting {
    /// Whether metrics are per method.
    pub metrics_enabled: bool,
    /// `OFF`, `ERROR` or `INFO`; absent until set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging_level: Option<String>,
    /// Whether requests and answers are logged in full.
    pub data_trace_enabled: bool,
    /// Requests at once; -1 is no limit of its own.
    pub throttling_burst_limit: i64,
    /// Requests per second; -1 is no limit of its own.
    pub throttling_rate_limit: f64,
    /// Whether answers are kept.
    pub caching_enabled: bool,
    /// Seconds, 0 to 3600.
    pub cache_ttl_in_seconds: i64,
    /// Whether the cache is encrypted.
    pub cache_data_encrypted: bool,
    /// Whether invalidation needs a permission.
    pub require_authorization_for_cache_control: bool,
    /// What is answered without it.
    pub unauthorized_cache_control_header_strategy: String,
}

/// The release that gets a part of the traffic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CanarySettings {
    /// 0 to 100.
    pub percent_traffic: f64,
    /// What it serves.
    pub deployment_id: String,
    /// Laid over the stage's variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_variable_overrides: Option<Map>,
    /// Whether it shares the stage's cache.
    pub use_stage_cache: bool,
}

/// Where a line per request goes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessLogSettings {
    /// With `$context` variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// A log group or delivery stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_arn: Option<String>,
}
