//! Functions as made through the Lambda API.
//!
//! A function is `$LATEST`, which changes, and versions, which do not. Code is a noun of its own, named
//! by its hash: versions share it, and editing a description does not write megabytes.
//!
//! Unlike the other nouns these are stored under Amazon's own capital letters, so that a
//! configuration is answered as it is stored.

use super::rest::Map;
use super::{Entity, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map as Members, Value};

/// The version that changes.
pub const LATEST: &str = "$LATEST";

/// What the [`owner`] of something begins with that belongs to a function.
// Not the name alone: an API's id could be the same text, and deleting the API deletes what it owns.
pub const OWNER_PREFIX: &str = "function/";

/// The owner of what belongs to a function: its code, versions, aliases, policies, URLs.
pub fn owner(function_name: &str) -> String {
    format!("{OWNER_PREFIX}{function_name}")
}

/// A function. Owner: none; id: its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Function {
    /// `$LATEST`.
    pub latest: Configuration,
    /// The number of the newest version that ever was; 0 is none.
    pub last_version: u64,
    /// How many invocations may run at once; `None` leaves it to the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_concurrency: Option<u32>,
    /// Tags.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub tags: Map,
}

impl Entity for Function {
    const KIND: &'static str = "function";
    // Environment variables hold passwords; no log shows a configuration whole.
    const SECRETS: &'static [&'static str] = &["Latest"];
}

/// A published version. Owner: [`owner`]; id: [`version_id`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct FunctionVersion {
    /// As it was when it was published.
    pub configuration: Configuration,
}

impl Entity for FunctionVersion {
    const KIND: &'static str = "function-version";
    const SECRETS: &'static [&'static str] = &["Configuration"];
}

/// The id of a version's noun: ten digits, so that ids are in the order of numbers.
pub fn version_id(version: u64) -> String {
    format!("{version:010}")
}

/// What is run, and how: of `$LATEST` or of a version. Its JSON is what Lambda answers as
/// `FunctionConfiguration`, but for what is the same for all functions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Configuration {
    /// 1 to 64 letters, digits, `-` and `_`.
    pub function_name: String,
    /// `python3.12`, `nodejs22.x`, `provided.al2023`.
    pub runtime: String,
    /// A role's ARN; nothing is done with it.
    pub role: String,
    /// What of the code is called.
    pub handler: String,
    /// Bytes of the zip.
    pub code_size: u64,
    /// Base64 of the zip's SHA-256.
    pub code_sha256: String,
    /// Free text.
    pub description: String,
    /// Seconds that one invocation may take, 1 to 900.
    pub timeout: u32,
    /// MiB of memory, 128 to 10,240.
    pub memory_size: u32,
    /// When it was last changed.
    pub last_modified: Timestamp,
    /// `$LATEST` or a number.
    pub version: String,
    /// A new one with every change.
    pub revision_id: String,
    /// Environment variables; `None` when never given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// One of `x86_64` and `arm64`.
    pub architectures: Vec<String>,
    /// MiB under `/tmp`, 512 to 10,240.
    pub ephemeral_storage: u32,
    /// `Active` or `PassThrough`.
    pub tracing_mode: String,
    /// `Text` or `JSON`.
    pub log_format: String,
    /// Where log lines go: `/aws/lambda/{name}` unless said otherwise.
    pub log_group: String,
    /// The least level of the function's own log lines, with `JSON`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_log_level: Option<String>,
    /// The least level of the platform's log lines, with `JSON`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_log_level: Option<String>,
    /// Where events go whose invocation failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_target: Option<String>,
    /// Members that are shown as they were given and change nothing: `VpcConfig`, `KMSKeyArn`, ...
    #[serde(skip_serializing_if = "Members::is_empty")]
    pub shown: Members<String, Value>,
}

/// `Environment`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Environment {
    /// By name.
    pub variables: Map,
}

/// Code as it was uploaded. Owner: [`owner`]; id: the SHA-256 of the zip as lower-case hex digits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct FunctionCode {
    /// The zip as Base64 (RFC 4648 section 4).
    pub zip: String,
}

impl Entity for FunctionCode {
    const KIND: &'static str = "function-code";
    const SECRETS: &'static [&'static str] = &["Zip"];
}

/// A name for a version, or for two of them by weight. Owner: [`owner`]; id: its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct FunctionAlias {
    /// Not a number.
    pub name: String,
    /// What most invocations run.
    pub function_version: String,
    /// Free text.
    pub description: String,
    /// A new one with every change.
    pub revision_id: String,
    /// Other versions by the share of invocations that they run; at most one.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub weights: std::collections::BTreeMap<String, f64>,
}

impl Entity for FunctionAlias {
    const KIND: &'static str = "function-alias";
}

/// Who may invoke a function. Owner: [`owner`]; id: a version or an alias, `$LATEST` for the function
/// itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct FunctionPolicy {
    /// A new one with every change.
    pub revision_id: String,
    /// Statements of the policy language, each with its `Sid`, in the order in which they were added.
    pub statements: Vec<Value>,
}

impl Entity for FunctionPolicy {
    const KIND: &'static str = "function-policy";
}

/// An address of a function's own. Owner: [`owner`]; id: the first label of its host name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct FunctionUrl {
    /// The first label of its host name.
    pub url_id: String,
    /// An alias, `$LATEST` for the function itself: there is one for each.
    pub qualifier: String,
    /// `NONE` or `AWS_IAM`.
    pub auth_type: String,
    /// `BUFFERED` or `RESPONSE_STREAM`.
    pub invoke_mode: String,
    /// Cross-origin settings, as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Value>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub last_modified: Timestamp,
}

impl Entity for FunctionUrl {
    const KIND: &'static str = "function-url";
}

/// What becomes of events that nobody waits for. Owner: [`owner`]; id: a version or an alias, `$LATEST`
/// for the function itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct FunctionEventConfig {
    /// A version or an alias, `$LATEST` for the function itself.
    pub qualifier: String,
    /// When it was last changed.
    pub last_modified: Timestamp,
    /// How often one is tried again, 0 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_retry_attempts: Option<u32>,
    /// How many seconds old one may become, 60 to 21,600.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_event_age_in_seconds: Option<u32>,
    /// The ARN where one goes that was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<String>,
    /// The ARN where one goes that the function has taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_success: Option<String>,
}

impl Entity for FunctionEventConfig {
    const KIND: &'static str = "function-event-config";
}
