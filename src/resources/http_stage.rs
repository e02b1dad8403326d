//! Deployments and stages of HTTP and WebSocket APIs.

use super::http::{Api, Authorizer, Integration, IntegrationResponse, Model, Route, RouteResponse};
use super::rest::Map;
use super::rest_stage::AccessLogSettings;
use super::{Draft, Entity, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A frozen API. Owner: the API; what it froze is the [`Definition`] of the same id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deployment {
    /// Six characters.
    pub deployment_id: String,
    /// `PENDING`, `DEPLOYED` or `FAILED`.
    pub deployment_status: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_status_message: Option<String>,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether a stage with automatic deployment made it.
    pub auto_deployed: bool,
    /// When it was made.
    pub created_date: Timestamp,
}

impl Entity for Deployment {
    const KIND: &'static str = "http-deployment";
}

/// What a deployment froze. Owner: the API; id: the deployment's. Shares its parts with the API they were taken from, as long as those do not change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Definition {
    /// The API's own settings.
    pub api: Arc<Api>,
    /// By id.
    pub routes: Vec<Arc<Route>>,
    /// By id.
    pub integrations: Vec<Arc<Integration>>,
    /// By id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorizers: Vec<Arc<Authorizer>>,
    /// By id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Arc<Model>>,
    /// By route id.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub route_responses: Map<Vec<Arc<RouteResponse>>>,
    /// By integration id.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub integration_responses: Map<Vec<Arc<IntegrationResponse>>>,
}

impl Definition {
    /// An API and all its parts, as a deployment would freeze them now.
    pub fn of(draft: &Draft<'_>, api: &Arc<Api>) -> Self {
        let id = &api.api_id;
        let routes = draft.list::<Route>(id);
        let integrations = draft.list::<Integration>(id);
        let of_route = |route: &Arc<Route>| {
            let responses = draft.list::<RouteResponse>(&format!("{id}/{}", route.route_id));
            (!responses.is_empty()).then(|| (route.route_id.clone(), responses))
        };
        let of_integration = |integration: &Arc<Integration>| {
            let key = &integration.integration_id;
            let responses = draft.list::<IntegrationResponse>(&format!("{id}/{key}"));
            (!responses.is_empty()).then(|| (key.clone(), responses))
        };
        Self {
            api: Arc::clone(api),
            route_responses: routes.iter().filter_map(of_route).collect(),
            integration_responses: integrations.iter().filter_map(of_integration).collect(),
            authorizers: draft.list(id),
            models: draft.list(id),
            routes,
            integrations,
        }
    }
}

impl Entity for Definition {
    const KIND: &'static str = "http-definition";
}

/// A name that points to a deployment. Owner: the API; id: its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Stage {
    /// Letters, digits, `_` and `-`, or `$default`.
    pub stage_name: String,
    /// What it serves; none before the first deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// Whether every change is deployed.
    pub auto_deploy: bool,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// WebSocket only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate_id: Option<String>,
    /// Where a line per request goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_log_settings: Option<AccessLogSettings>,
    /// Of every route.
    pub default_route_settings: RouteSettings,
    /// By route key.
    pub route_settings: Map<RouteSettings>,
    /// Stage variables.
    pub stage_variables: Map,
    /// What became of the last automatic deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_deployment_status_message: Option<String>,
    /// Whether a quick create made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_gateway_managed: Option<bool>,
    /// When it was made.
    pub created_date: Timestamp,
    /// When it last changed.
    pub last_updated_date: Timestamp,
    /// Tags.
    pub tags: Map,
}

impl Entity for Stage {
    const KIND: &'static str = "http-stage";
}

/// What a stage sets for a route, or for all of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteSettings {
    /// Whether metrics are per route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detailed_metrics_enabled: Option<bool>,
    /// WebSocket only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_trace_enabled: Option<bool>,
    /// WebSocket only: `OFF`, `ERROR` or `INFO`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging_level: Option<String>,
    /// Requests at once; absent is no limit of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttling_burst_limit: Option<i64>,
    /// Requests per second; absent is no limit of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttling_rate_limit: Option<f64>,
}
