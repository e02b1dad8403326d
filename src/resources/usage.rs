//! API keys, usage plans and what connects them.

use super::rest::Map;
use super::{Entity, Timestamp};
use serde::{Deserialize, Serialize};

/// A key that clients send. Owner: none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiKey {
    /// Ten characters.
    pub id: String,
    /// The secret: 20 to 128 characters. Shown only when asked for, never logged.
    pub value: String,
    /// Not unique.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of AWS Marketplace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it opens anything.
    pub enabled: bool,
    /// When it was made.
    pub created_date: Timestamp,
    /// When it last changed.
    pub last_updated_date: Timestamp,
    /// Legacy: `api/stage`.
    pub stage_keys: Vec<String>,
    /// Tags.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub tags: Map,
}

impl Entity for ApiKey {
    const KIND: &'static str = "api-key";
    const SECRETS: &'static [&'static str] = &["value"];
}

/// Says which key has a value, so that a value is found without a walk over all keys. Owner: none; id: SHA-256 of the value in hexadecimal digits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiKeyValue {
    /// The key.
    pub key_id: String,
}

impl Entity for ApiKeyValue {
    const KIND: &'static str = "api-key-value";
}

/// Who may use which stages how much. Owner: none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UsagePlan {
    /// Six characters.
    pub id: String,
    /// Not unique.
    pub name: String,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The stages it covers.
    pub api_stages: Vec<ApiStage>,
    /// Per key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle>,
    /// Per key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// Of AWS Marketplace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_code: Option<String>,
    /// Tags.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub tags: Map,
}

impl Entity for UsagePlan {
    const KIND: &'static str = "usage-plan";
}

/// A stage that a plan covers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiStage {
    /// The API.
    pub api_id: String,
    /// The stage's name.
    pub stage: String,
    /// By `{resource}/{VERB}`, e.g. `/pets/GET`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub throttle: Map<Throttle>,
}

/// A token bucket.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Throttle {
    /// Requests at once.
    pub burst_limit: i64,
    /// Requests per second.
    pub rate_limit: f64,
}

/// Requests per period.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Quota {
    /// How many.
    pub limit: i64,
    /// Taken off the first period.
    pub offset: i64,
    /// `DAY`, `WEEK` or `MONTH`.
    pub period: String,
}

/// A key in a plan. Owner: the plan; id: the key's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UsagePlanKey {
    /// The key.
    pub key_id: String,
    /// `API_KEY`.
    pub key_type: String,
}

impl Entity for UsagePlanKey {
    const KIND: &'static str = "usage-plan-key";
}

/// What a key used of a plan. Owner: the plan; id: the key's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// Date `YYYY-MM-DD` to used and remaining requests.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub days: Map<Vec<i64>>,
}

impl Entity for Usage {
    const KIND: &'static str = "usage";
}
