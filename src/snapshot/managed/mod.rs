//! Managed: what shards run of the APIs that were made through the management API.
//!
//! Such APIs come one by one and by the thousand, so they are no part of the [`super::Snapshot`],
//! which is replaced as a whole. Each stage is compiled alone ([`compile_rest_stage`],
//! [`compile_http_stage`]), each domain name with what it leads to too ([`compile_domain`]); a
//! [`ManagedDelta`] names what is new and what is gone, and a shard lays it over its own [`Managed`]
//! table between two requests. So a deployment costs what it deploys, however many APIs there are.
//!
//! Compiling cannot fail: what cannot be served becomes a route that refuses, as Amazon answers a
//! misconfigured one, with a [`CompiledStage::warnings`] that says why. What cannot be checked yet
//! (authorizers, API keys, policies) refuses too and never lets anything through.

mod authorizer;
mod back_ends;
mod backend;
mod cors;
mod domain;
mod function;
mod function_url;
mod gateway_response;
mod guard;
mod http;
mod http_mapping;
mod lambda;
mod logging;
mod mapping;
mod mock;
mod plan;
mod policy;
mod private;
mod rest;
mod rest_http;
mod schema;
mod schema_cost;
mod service;
mod service_action;
mod service_names;
mod shared;
mod stage_variables;
mod status_code;
mod table;
mod validation;

pub use back_ends::{BackEnds, PrivateLink};
pub use cors::{Allowed, Cors};
pub use domain::{
    Condition, HeaderGlob, ManagedDomain, Mapping, RoutingMode, Rule, compile_domain,
};
pub use function::{FunctionPlace, UsedCode, compile_function};
pub use function_url::{URL_STAGE, compile_function_url};
pub use gateway_response::{Body, GatewayResponse, GatewayResponses, Piece, Value};
pub use http::compile_http_stage;
pub use http_mapping::{Action, AnswerEdits, Edit, RequestEdits, ResponseEdits};
pub use lambda::CustomLambda;
pub use logging::{AccessLogging, ExecutionLogging, Level, LogGroups, StageLogging};
pub use mapping::{
    BodyPath, Callee, ContextName, HeaderPlace, MappedResponse, Passes, Placeholder,
    RequestMapping, ResponseMapping, ResponseSource, Source, UriPiece, Values, answer_field,
    header_place,
};
pub use mock::MappedMock;
pub use plan::{
    Answers, ContentHandling, Mapped, Passthrough, Plan, PlannedAnswer, Templating, Unsupported,
};
pub use rest::compile_rest_stage;
pub use schema::Schema;
pub use shared::{BinaryTypes, Shared};
pub use status_code::status_code;
pub use table::{ApiStages, Managed};
pub use validation::{ModelFor, ParameterPlace, Required, Validation};

use super::function::FunctionChange;
use super::{Api, Integration, Protocol, Upstream};
use crate::resources::rest::{Map, Method, Model, RequestValidator, Resource};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The plan of a MOCK or HTTP integration as it is declared now, for test calls.
///
/// # Errors
/// Why none of it can be served.
pub fn plan_method(
    place: &StagePlace<'_>,
    resource: &Resource,
    method: &Method,
    variables: &Map,
    warn: &mut dyn FnMut(String),
) -> Result<Plan, String> {
    let integration = method.method_integration.as_ref().ok_or("it has no integration")?;
    let known = mapping::Known {
        place,
        stage: "test-invoke-stage",
        variables,
        resource_path: &resource.path,
        resource_id: &resource.id,
        parameters: &[],
    };
    plan::compile(method, integration, &known, &mut |it| warn(it))
}

/// What a method's validator checks, for test calls. `None`: nothing.
///
/// # Errors
/// The validator is not there.
pub fn validation_of(
    method: &Method,
    validators: &[Arc<RequestValidator>],
    models: &[Arc<Model>],
) -> Result<Option<Validation>, String> {
    validation::compile(method, validators, models, &mut |_| {})
}

/// The roles in whose names these releases call AWS services.
fn roles_of<'a>(releases: impl IntoIterator<Item = &'a Api>) -> BTreeSet<Box<str>> {
    let routes = releases.into_iter().flat_map(|release| &release.routes);
    let services = routes.filter_map(|route| match &route.integration {
        Integration::HttpProxy(proxy) => proxy.service.as_deref(),
        Integration::Mapped(mapped) => mapped.proxy.as_ref()?.service.as_deref(),
        _ => None,
    });
    services.map(|service| service.role.clone()).collect()
}

static NOTHING: BackEnds = BackEnds::nothing();

/// Where a stage is.
#[derive(Debug, Clone, Copy)]
pub struct StagePlace<'p> {
    /// The API's region: part of its host name.
    pub region: &'p str,
    /// The account: part of its ARNs and of `$context.accountId`.
    pub account_id: &'p str,
    /// The API.
    pub api_id: &'p str,
    /// What the file says about where it may call.
    pub back_ends: &'p BackEnds,
    /// VPC links of its region.
    pub links: &'p [PrivateLink],
}

impl<'p> StagePlace<'p> {
    /// A place where the file says nothing about back ends.
    pub const fn of(region: &'p str, account_id: &'p str, api_id: &'p str) -> Self {
        Self { region, account_id, api_id, back_ends: &NOTHING, links: &[] }
    }
}

/// What one change of the management API changes for the shards. Applied in order, stages first.
#[derive(Debug, Clone, Default)]
pub struct ManagedDelta {
    /// APIs that are there or gone, whatever stages they have.
    pub apis: Vec<ApiChange>,
    /// Stages that are new, changed or gone.
    pub stages: Vec<StageChange>,
    /// Domain names that are new, changed or gone.
    pub domains: Vec<DomainChange>,
    /// Functions that are new, changed or gone.
    pub functions: Vec<FunctionChange>,
    /// Code that these functions run.
    pub codes: Vec<UsedCode>,
}

impl ManagedDelta {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.apis.is_empty()
            && self.stages.is_empty()
            && self.domains.is_empty()
            && self.functions.is_empty()
    }

    /// Lays a later one behind this one.
    pub fn extend(&mut self, later: ManagedDelta) {
        self.apis.extend(later.apis);
        self.stages.extend(later.stages);
        self.domains.extend(later.domains);
        self.functions.extend(later.functions);
        self.codes.extend(later.codes);
    }
}

/// What becomes of an API. One without a stage is known too: it answers in its protocol's words.
#[derive(Debug, Clone)]
pub enum ApiChange {
    /// It is there.
    Put {
        /// Its id.
        api_id: Box<str>,
        /// Part of its host name.
        region: Box<str>,
        /// Which rules it follows.
        protocol: Protocol,
    },
    /// It is gone. Its stages go by changes of their own.
    Remove {
        /// Its id.
        api_id: Box<str>,
    },
}

/// What becomes of a stage. `S` is [`CompiledStage`] until the control thread has taken the upstreams
/// out, then [`ManagedStage`].
#[derive(Debug, Clone)]
pub enum StageChange<S = CompiledStage> {
    /// It is served from now on; one of the same API and name is replaced.
    Put(Box<S>),
    /// It is gone.
    Remove {
        /// The API.
        api_id: Box<str>,
        /// The stage's name.
        name: Box<str>,
    },
}

/// What becomes of a domain name.
#[derive(Debug, Clone)]
pub enum DomainChange {
    /// It is served from now on; one of the same name is replaced.
    Put(Box<ManagedDomain>),
    /// It is gone.
    Remove {
        /// In lower case; a wildcard begins with `*.`.
        name: Box<str>,
    },
}

/// A stage as it was compiled.
#[derive(Debug, Clone)]
pub struct CompiledStage {
    /// What shards run.
    pub stage: ManagedStage,
    /// The back ends that it calls, by the index that its routes use. Those with the same key are one.
    pub upstreams: Vec<Upstream>,
    /// The roles in whose names it calls AWS services.
    pub roles: BTreeSet<Box<str>>,
    /// What is not served as it was declared, and why: a line each, to be logged once per deployment.
    pub warnings: Vec<String>,
}

/// One stage of an API, as a shard runs it.
#[derive(Debug, Clone)]
pub struct ManagedStage {
    /// The API.
    pub api_id: Box<str>,
    /// Its region.
    pub region: Box<str>,
    /// The stage's name; `$default` needs no segment in the path.
    pub name: Box<str>,
    /// Which rules the API follows.
    pub protocol: Protocol,
    /// Whether the API's own host name leads here.
    pub default_endpoint: DefaultEndpoint,
    /// What the stage's deployment serves.
    pub release: Api,
    /// What a part of the requests gets instead.
    pub canary: Option<Canary>,
    /// The back ends by the index that routes use.
    pub upstreams: Box<[UpstreamUse]>,
}

/// Whether an API answers at its own host name and at the path forms that stand for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultEndpoint {
    /// It does.
    Enabled,
    /// Only custom domain names lead to it (`disableExecuteApiEndpoint`).
    Disabled,
    /// It is no API: only a function URL's own names lead to it.
    FunctionUrl,
}

impl DefaultEndpoint {
    /// From the API's setting.
    fn of(disable_execute_api_endpoint: bool) -> Self {
        if disable_execute_api_endpoint { Self::Disabled } else { Self::Enabled }
    }
}

/// The release that a part of the requests gets.
#[derive(Debug, Clone)]
pub struct Canary {
    /// Of 2^64 requests.
    pub share: u64,
    /// What they get.
    pub release: Api,
}

/// Which of a stage's releases serves a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// The deployment that the stage points to.
    Stage,
    /// The canary's.
    Canary,
}

/// A back end that a stage calls.
#[derive(Debug, Clone)]
pub struct UpstreamUse {
    /// [`Upstream::key`].
    pub key: Box<str>,
    /// The serving shard's own number for its connections to it, put in when the shard takes the
    /// stage; so that a request finds them without a lookup by name.
    pub pool: u64,
}

impl UpstreamUse {
    fn of(upstreams: &backend::Upstreams) -> Box<[Self]> {
        upstreams.0.iter().map(|it| Self { key: it.key.clone(), pool: 0 }).collect()
    }
}

impl ManagedStage {
    /// The release for a request; `draw` is a random number, asked for only while there is a canary.
    pub fn choose(&self, draw: impl FnOnce() -> u64) -> Release {
        match &self.canary {
            Some(canary) if draw() < canary.share => Release::Canary,
            Some(_) | None => Release::Stage,
        }
    }

    /// Begins anew with what authorizers said ([`crate::snapshot::Authorizer::forget_before`]).
    pub fn forget_verdicts_before(&mut self, since: &str) {
        let canary = self.canary.as_mut().map(|canary| &mut canary.release);
        for release in std::iter::once(&mut self.release).chain(canary) {
            release.authorizers.iter_mut().for_each(|it| it.forget_before(since));
        }
    }

    /// A release's program.
    pub fn api(&self, release: Release) -> &Api {
        match (release, &self.canary) {
            (Release::Canary, Some(canary)) => &canary.release,
            (Release::Stage | Release::Canary, _) => &self.release,
        }
    }
}
