//! REST APIs as Amazon API Gateway shows them: the serde form of each noun is the answer of its `Get`
//! call, so what is stored, served to clients and compiled is one and the same.
//!
//! Members that Amazon leaves out when unset are `Option`s or collections skipped when empty. Limits
//! and enumerations are checked where a call comes in, never here.

use super::{Entity, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names to values.
pub type Map<V = String> = BTreeMap<String, V>;

/// A REST API without what is below it. Owner: none; id: the API's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RestApi {
    /// Ten characters.
    pub id: String,
    /// Need not be unique.
    pub name: String,
    /// Never empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was made.
    pub created_date: Timestamp,
    /// A label of the user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What an import found; only in the answer of that import.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// In the order in which they were given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub binary_media_types: Vec<String>,
    /// Bytes from which answers are compressed, 0 to 10485760; absent is never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_compression_size: Option<i64>,
    /// `HEADER` or `AUTHORIZER`.
    pub api_key_source: String,
    /// One of `EDGE`, `REGIONAL`, `PRIVATE`.
    pub endpoint_configuration: EndpointConfiguration,
    /// The resource policy, as a plain JSON document. Shown escaped, see the management API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Whether only custom domains reach it.
    pub disable_execute_api_endpoint: bool,
    /// The resource `/`.
    pub root_resource_id: String,
    /// Lowest TLS version and ciphers of its own endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_policy: Option<String>,
    /// `BASIC` or `STRICT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_access_mode: Option<String>,
    /// Tags.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub tags: Map,
}

/// How an API or domain name is reached.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointConfiguration {
    /// One of `EDGE`, `REGIONAL`, `PRIVATE`.
    pub types: Vec<String>,
    /// `ipv4` or `dualstack`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<String>,
    /// Interface endpoints of a private API.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vpc_endpoint_ids: Vec<String>,
}

impl Entity for RestApi {
    const KIND: &'static str = "rest-api";
}

/// One node of the path tree, with its methods. Owner: the API; id: its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resource {
    /// Ten characters for the root, six for others.
    pub id: String,
    /// The node above; the root has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// The last segment; the root has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_part: Option<String>,
    /// The full path from `/`.
    pub path: String,
    /// By verb: `GET`, `ANY`, ….
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub resource_methods: Map<Method>,
}

impl Entity for Resource {
    const KIND: &'static str = "resource";
}

/// What a client may ask of a resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Method {
    /// The verb, or `ANY`.
    pub http_method: String,
    /// `NONE`, `AWS_IAM`, `CUSTOM`, `COGNITO_USER_POOLS` or `JWT`.
    pub authorization_type: String,
    /// Of a custom, Cognito or JWT authorizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_id: Option<String>,
    /// Whether a key of a usage plan is asked for.
    pub api_key_required: bool,
    /// What checks parameters and body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_validator_id: Option<String>,
    /// For generated clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_name: Option<String>,
    /// `method.request.querystring.page` and the like; true is required.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub request_parameters: Map<bool>,
    /// Content type to model name.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub request_models: Map,
    /// By status code.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub method_responses: Map<MethodResponse>,
    /// Who answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method_integration: Option<Integration>,
    /// OAuth scopes, one of which a token must have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_scopes: Vec<String>,
}

/// An answer that a method declares.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MethodResponse {
    /// Three digits.
    pub status_code: String,
    /// `method.response.header.x`; an empty map that was sent is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_parameters: Option<Map<bool>>,
    /// Content type to model name; an empty map that was sent is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_models: Option<Map>,
}

/// Who answers a method, and how the request gets there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Integration {
    /// `HTTP`, `HTTP_PROXY`, `AWS`, `AWS_PROXY` or `MOCK`.
    #[serde(rename = "type")]
    pub r#type: String,
    /// The verb towards the back end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_method: Option<String>,
    /// The back end's URL or ARN, with `{name}` and `${stageVariables.name}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// `INTERNET` or `VPC_LINK`; only of HTTP integrations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_type: Option<String>,
    /// The VPC link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// A role's ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// `integration.request.header.x` to its expression.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub request_parameters: Map,
    /// Content type to mapping template; null where sent empty.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub request_templates: Map<Option<String>>,
    /// `WHEN_NO_MATCH`, `WHEN_NO_TEMPLATES` or `NEVER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passthrough_behavior: Option<String>,
    /// `CONVERT_TO_BINARY` or `CONVERT_TO_TEXT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_handling: Option<String>,
    /// Milliseconds until 504.
    pub timeout_in_millis: i64,
    /// Defaults to the resource's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_namespace: Option<String>,
    /// Parameters that make cache entries differ.
    pub cache_key_parameters: Vec<String>,
    /// By status code.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub integration_responses: Map<IntegrationResponse>,
    /// How the back end's certificate is checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<TlsConfig>,
    /// `BUFFERED` or `STREAM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_transfer_mode: Option<String>,
    /// The load balancer behind a VPC link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration_target: Option<String>,
}

/// How a back end's certificate is checked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsConfig {
    /// Whether private and self-signed certificates pass.
    pub insecure_skip_verification: bool,
}

/// How a back end's answer becomes one of the method's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IntegrationResponse {
    /// The method response it becomes.
    pub status_code: String,
    /// A Java regular expression on the back end's status or error; absent is the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection_pattern: Option<String>,
    /// `method.response.header.x` to its expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_parameters: Option<Map>,
    /// Content type to mapping template; null where sent empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_templates: Option<Map<Option<String>>>,
    /// `CONVERT_TO_BINARY` or `CONVERT_TO_TEXT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_handling: Option<String>,
}

/// A JSON schema with a name. Owner: the API; id: its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Model {
    /// Six characters.
    pub id: String,
    /// Letters and digits.
    pub name: String,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema draft 4, as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// A media type.
    pub content_type: String,
}

impl Entity for Model {
    const KIND: &'static str = "model";
}

/// What is checked before a request reaches its integration. Owner: the API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestValidator {
    /// Six characters.
    pub id: String,
    /// Not unique.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the body must match its model.
    pub validate_request_body: bool,
    /// Whether required parameters must be there.
    pub validate_request_parameters: bool,
}

impl Entity for RequestValidator {
    const KIND: &'static str = "request-validator";
}

/// Who decides about a caller. Owner: the API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Authorizer {
    /// Six characters.
    pub id: String,
    /// Unique in the API.
    pub name: String,
    /// `TOKEN`, `REQUEST`, `COGNITO_USER_POOLS` or `JWT`.
    #[serde(rename = "type")]
    pub r#type: String,
    /// User pools.
    #[serde(rename = "providerARNs", skip_serializing_if = "Vec::is_empty")]
    pub provider_arns: Vec<String>,
    /// `custom`, `cognito_user_pools` or what an import said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_type: Option<String>,
    /// The function's invocation ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_uri: Option<String>,
    /// A role's ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_credentials: Option<String>,
    /// Comma-separated expressions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_source: Option<String>,
    /// A regular expression on the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_validation_expression: Option<String>,
    /// 0 to 3600; absent is 300.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_result_ttl_in_seconds: Option<i64>,
}

impl Entity for Authorizer {
    const KIND: &'static str = "authorizer";
}

/// A customised answer of the gateway's own. Owner: the API; id: its type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayResponse {
    /// One of the 21 types.
    pub response_type: String,
    /// Three digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<String>,
    /// `gatewayresponse.header.x` to its expression.
    pub response_parameters: Map,
    /// Content type to template.
    pub response_templates: Map,
    /// Always false in the store: defaults are not stored.
    pub default_response: bool,
}

impl Entity for GatewayResponse {
    const KIND: &'static str = "gateway-response";
}

/// A piece of documentation. Owner: the API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DocumentationPart {
    /// Six characters.
    pub id: String,
    /// What it is about; unique in the API.
    pub location: DocumentationLocation,
    /// A JSON object, as given.
    pub properties: String,
}

impl Entity for DocumentationPart {
    const KIND: &'static str = "documentation-part";
}

/// What a piece of documentation is about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DocumentationLocation {
    /// `API`, `RESOURCE`, `METHOD`, ….
    #[serde(rename = "type")]
    pub r#type: String,
    /// The resource's path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The verb, or `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Three digits, or `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<String>,
    /// Of the parameter, header, model ….
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// All parts as they were. Owner: the API; id: the version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DocumentationVersion {
    /// The user's label.
    pub version: String,
    /// When it was made.
    pub created_date: Timestamp,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The parts; not shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<DocumentationPart>,
}

impl Entity for DocumentationVersion {
    const KIND: &'static str = "documentation-version";
}
