//! HTTP and WebSocket APIs as `apigatewayv2` shows them. The serde form of each noun is the answer of
//! its `Get` call, except that times are numbers here and ISO 8601 there.

use super::rest::Map;
use super::{Entity, Timestamp};
use serde::{Deserialize, Serialize};

/// An HTTP or WebSocket API without what is below it. Owner: none; id: the API's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Api {
    /// Ten characters.
    pub api_id: String,
    /// Need not be unique.
    pub name: String,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `HTTP` or `WEBSOCKET`.
    pub protocol_type: String,
    /// What of a request names its route.
    pub route_selection_expression: String,
    /// Where a WebSocket API finds the key.
    pub api_key_selection_expression: String,
    /// Whether only custom domains reach it.
    pub disable_execute_api_endpoint: bool,
    /// WebSocket only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_schema_validation: Option<bool>,
    /// HTTP only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors_configuration: Option<Cors>,
    /// `ipv4` or `dualstack`.
    pub ip_address_type: String,
    /// A label of the user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether another service made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_gateway_managed: Option<bool>,
    /// What an import left out; only in its answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub import_info: Vec<String>,
    /// What an import found; only in its answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// When it was made.
    pub created_date: Timestamp,
    /// Tags.
    pub tags: Map,
    /// What `target` made; not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quick_create: Option<QuickCreate>,
}

impl Entity for Api {
    const KIND: &'static str = "api";
}

impl Api {
    /// Whether it is an HTTP API; otherwise it is a WebSocket API.
    pub fn is_http(&self) -> bool {
        self.protocol_type == "HTTP"
    }
}

/// The parts that a quick create made and keeps together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QuickCreate {
    /// Its route.
    pub route_id: String,
    /// Its integration.
    pub integration_id: String,
}

/// Cross-origin rules of an HTTP API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cors {
    /// Whether cookies may come along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_credentials: Option<bool>,
    /// Request headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_headers: Option<Vec<String>>,
    /// Verbs, or `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_methods: Option<Vec<String>>,
    /// Origins, or `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_origins: Option<Vec<String>>,
    /// Response headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expose_headers: Option<Vec<String>>,
    /// Seconds, -1 to 86400.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<i64>,
}

/// A route key and what serves it. Owner: the API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Route {
    /// Six or seven characters.
    pub route_id: String,
    /// `GET /pets/{id}`, `$default`, or a WebSocket key.
    pub route_key: String,
    /// `integrations/{id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// WebSocket only.
    pub api_key_required: bool,
    /// `NONE`, `AWS_IAM`, `CUSTOM` or `JWT`.
    pub authorization_type: String,
    /// Its authorizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_id: Option<String>,
    /// OAuth scopes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_scopes: Vec<String>,
    /// WebSocket only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_selection_expression: Option<String>,
    /// For generated clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_name: Option<String>,
    /// WebSocket only.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub request_models: Map,
    /// WebSocket only.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub request_parameters: Map<ParameterConstraints>,
    /// WebSocket only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route_response_selection_expression: Option<String>,
    /// Whether a quick create made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_gateway_managed: Option<bool>,
}

impl Entity for Route {
    const KIND: &'static str = "route";
}

/// Whether a parameter must be there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ParameterConstraints {
    /// Whether it must.
    pub required: bool,
}

/// What a WebSocket route sends back. Owner: `{api}/{route}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteResponse {
    /// Six or seven characters.
    pub route_response_id: String,
    /// `$default`.
    pub route_response_key: String,
    /// Chooses a model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_selection_expression: Option<String>,
    /// Selection value to model name.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub response_models: Map,
    /// Declared parameters.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub response_parameters: Map<ParameterConstraints>,
}

impl Entity for RouteResponse {
    const KIND: &'static str = "route-response";
}

/// Who answers a route. Owner: the API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Integration {
    /// Six or seven characters.
    pub integration_id: String,
    /// `AWS_PROXY`, `HTTP_PROXY`, `AWS`, `HTTP` or `MOCK`.
    pub integration_type: String,
    /// A service's action, e.g. `SQS-SendMessage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration_subtype: Option<String>,
    /// The verb towards the back end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration_method: Option<String>,
    /// The back end's URL or ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration_uri: Option<String>,
    /// `INTERNET` or `VPC_LINK`.
    pub connection_type: String,
    /// The VPC link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// WebSocket only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_handling_strategy: Option<String>,
    /// A role's ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_arn: Option<String>,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// WebSocket only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration_response_selection_expression: Option<String>,
    /// WebSocket only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passthrough_behavior: Option<String>,
    /// `1.0` or `2.0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_format_version: Option<String>,
    /// Parameter mappings.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub request_parameters: Map,
    /// Status code to parameter mappings.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub response_parameters: Map<Map>,
    /// WebSocket only.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub request_templates: Map,
    /// WebSocket only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_selection_expression: Option<String>,
    /// Milliseconds until 503 (HTTP) or an error message.
    pub timeout_in_millis: i64,
    /// Of private integrations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<TlsConfig>,
    /// Whether a quick create made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_gateway_managed: Option<bool>,
}

impl Entity for Integration {
    const KIND: &'static str = "integration";
}

/// How a private back end's certificate is checked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsConfig {
    /// The name it must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name_to_verify: Option<String>,
}

/// How a WebSocket integration's answer becomes a message. Owner: `{api}/{integration}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IntegrationResponse {
    /// Six or seven characters.
    pub integration_response_id: String,
    /// `$default` or a pattern between slashes.
    pub integration_response_key: String,
    /// How bytes and text are converted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_handling_strategy: Option<String>,
    /// Mappings.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub response_parameters: Map,
    /// Content type to template.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub response_templates: Map,
    /// Chooses a template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_selection_expression: Option<String>,
}

impl Entity for IntegrationResponse {
    const KIND: &'static str = "integration-response";
}

/// A JSON schema with a name, of a WebSocket API. Owner: the API; id: the model's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Model {
    /// Six characters.
    pub model_id: String,
    /// Letters and digits.
    pub name: String,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// As given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
}

impl Entity for Model {
    const KIND: &'static str = "message-model";
}

/// Who decides about a caller. Owner: the API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Authorizer {
    /// Six characters.
    pub authorizer_id: String,
    /// Unique in the API.
    pub name: String,
    /// `REQUEST` or `JWT`.
    pub authorizer_type: String,
    /// The function's invocation ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_uri: Option<String>,
    /// A role's ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_credentials_arn: Option<String>,
    /// `1.0` or `2.0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_payload_format_version: Option<String>,
    /// 0 to 3600.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer_result_ttl_in_seconds: Option<i64>,
    /// Only with format 2.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_simple_responses: Option<bool>,
    /// Expressions.
    pub identity_source: Vec<String>,
    /// WebSocket only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_validation_expression: Option<String>,
    /// Of JWT authorizers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt_configuration: Option<JwtConfiguration>,
}

impl Entity for Authorizer {
    const KIND: &'static str = "http-authorizer";
}

/// Which tokens pass.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JwtConfiguration {
    /// One of which a token must name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
    /// Who signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}
