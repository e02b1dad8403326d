//! A stage of a REST API: a route per method, with its integration.

use super::backend::Upstreams;
use super::guard::{self, Guarded};
use super::mapping::Known;
use super::{
    Canary, CompiledStage, DefaultEndpoint, ManagedStage, Passes, StagePlace, UpstreamUse, lambda,
    mock, rest_http,
};
use crate::model::RouteKey;
use crate::resources::rest::{Map, Method, Resource, RestApi};
use crate::resources::rest_stage::{Definition, Stage};
use crate::snapshot::function::{LambdaFacts, PayloadFormat};
use crate::snapshot::{Api, Integration, Phase, Program, Protocol, Route, RouteTable};

/// Keys the hash of route tables. Only the operator's own words go into one, and a client can only
/// look them up, so nothing is gained by a secret one.
pub(super) const SEED: u64 = 0x726f_7574_6573;

/// Compiles a stage. `release` is what the stage's deployment froze; `canary` is what its canary's
/// deployment froze, where the stage has one.
pub fn compile_rest_stage(
    place: &StagePlace<'_>,
    stage: &Stage,
    release: &Definition,
    canary: Option<&Definition>,
) -> CompiledStage {
    let mut compiler = Compiler {
        place,
        stage: &stage.stage_name,
        upstreams: Upstreams::default(),
        warnings: Vec::new(),
    };
    let guarded = guard::of_rest_stage(stage, &release.api);
    let main = compiler.release(&stage.deployment_id, release, &stage.variables, &guarded);
    let canary = stage.canary_settings.as_ref().zip(canary).map(|(settings, definition)| {
        let mut variables = stage.variables.clone();
        variables.extend(settings.stage_variable_overrides.clone().unwrap_or_default());
        let guarded = guard::of_rest_stage(stage, &definition.api);
        // 100 per cent is all of them: the largest number that can be drawn is spared a release.
        let share = (settings.percent_traffic.clamp(0.0, 100.0) / 100.0 * 2_f64.powi(64)) as u64;
        let id = &settings.deployment_id;
        Canary { share, release: compiler.release(id, definition, &variables, &guarded) }
    });
    let Compiler { upstreams, warnings, .. } = compiler;
    CompiledStage {
        stage: ManagedStage {
            api_id: place.api_id.into(),
            region: place.region.into(),
            name: stage.stage_name.as_str().into(),
            protocol: Protocol::Rest,
            default_endpoint: DefaultEndpoint::of(release.api.disable_execute_api_endpoint),
            release: main,
            canary,
            upstreams: UpstreamUse::of(&upstreams),
        },
        upstreams: upstreams.0,
        warnings,
    }
}

/// What is the same for all methods of a release.
struct Shared<'s> {
    deployment_id: &'s str,
    api: &'s RestApi,
    variables: &'s Map,
    guarded: &'s Guarded,
}

struct Compiler<'c> {
    place: &'c StagePlace<'c>,
    stage: &'c str,
    upstreams: Upstreams,
    warnings: Vec<String>,
}

impl Compiler<'_> {
    fn warn(&mut self, key: &str, reason: &str) {
        let StagePlace { api_id, .. } = self.place;
        self.warnings.push(format!("API {api_id}, stage {}, {key}: {reason}", self.stage));
    }

    fn release(
        &mut self,
        deployment_id: &str,
        definition: &Definition,
        variables: &Map,
        guarded: &Guarded,
    ) -> Api {
        let shared = Shared { deployment_id, api: &definition.api, variables, guarded };
        let mut keys = Vec::new();
        let mut routes = Vec::new();
        if let Some((_, reason)) = guarded {
            self.warn("every route", reason);
        }
        for resource in &definition.resources {
            for (verb, method) in &resource.resource_methods {
                let text = format!("{verb} {}", resource.path);
                match text.parse::<RouteKey>() {
                    Ok(key) => {
                        let route = self.route(&text, &key, resource, method, &shared);
                        routes.push(route);
                        keys.push(key);
                    }
                    Err(error) => self.warn(&text, &format!("it is left out: {error}")),
                }
            }
        }
        Api {
            id: self.place.api_id.into(),
            name: definition.api.name.as_str().into(),
            protocol: Protocol::Rest,
            domain: None,
            base_path: "".into(),
            stage: self.stage.into(),
            table: RouteTable::build(Protocol::Rest, &keys, SEED),
            routes: routes.into(),
            access_log: None,
        }
    }

    fn route(
        &mut self,
        text: &str,
        key: &RouteKey,
        resource: &Resource,
        method: &Method,
        shared: &Shared<'_>,
    ) -> Route {
        let Shared { variables, guarded, .. } = *shared;
        let parameters: Box<[Box<str>]> = key.parameters().map(Into::into).collect();
        let own = match guarded {
            Some(_) => None,
            None => guard::of_method(method),
        };
        if let Some((_, reason)) = &own {
            self.warn(text, reason);
        }
        let (phase, integration) = match guarded.as_ref().or(own.as_ref()) {
            // Nothing of it is ever run, so its back ends need not be known.
            Some((refusing, _)) => (Phase::Refuse(*refusing), Integration::Misconfigured),
            None => {
                if method.request_validator_id.is_some() {
                    self.warn(text, "requests are not validated yet");
                }
                let known = Known {
                    place: self.place,
                    stage: self.stage,
                    variables,
                    resource_path: &resource.path,
                    resource_id: &resource.id,
                    parameters: &parameters,
                };
                (Phase::Integrate, self.integration(text, method, &known, shared))
            }
        };
        Route {
            key: text.into(),
            parameters,
            program: Program { phases: [phase].into() },
            integration,
        }
    }

    fn integration(
        &mut self,
        text: &str,
        method: &Method,
        known: &Known<'_>,
        shared: &Shared<'_>,
    ) -> Integration {
        let Some(declared) = &method.method_integration else {
            self.warn(text, "it has no integration");
            return Integration::Misconfigured;
        };
        let made = match declared.r#type.as_str() {
            "MOCK" => {
                let mut warnings = Vec::new();
                let mock = mock::compile(method, declared, known, &mut |it| warnings.push(it));
                for reason in warnings {
                    self.warn(text, &reason);
                }
                Ok(Integration::MappedMock(mock))
            }
            "HTTP_PROXY" => {
                let upstreams = &mut self.upstreams;
                rest_http::request(declared, known, Passes::Everything, upstreams)
                    .map(Integration::HttpProxy)
            }
            "HTTP" => rest_http::responses(method, declared, known).and_then(|response| {
                let upstreams = &mut self.upstreams;
                let mut proxy = rest_http::request(declared, known, Passes::Content, upstreams)?;
                proxy.response = Some(Box::new(response));
                Ok(Integration::HttpProxy(proxy))
            }),
            "AWS_PROXY" => {
                let media_types = shared.api.binary_media_types.iter();
                let declared = lambda::Declared {
                    uri: declared.uri.as_deref(),
                    payload_format: PayloadFormat::V1,
                    timeout_in_millis: declared.timeout_in_millis,
                    timeout: lambda::REST_TIMEOUT,
                    variables: shared.variables,
                    role: declared.credentials.as_deref(),
                    facts: LambdaFacts {
                        deployment_id: shared.deployment_id.into(),
                        resource_id: known.resource_id.into(),
                        operation_name: method.operation_name.as_deref().map(Into::into),
                        binary_media_types: media_types.map(|it| it.as_str().into()).collect(),
                        ..LambdaFacts::default()
                    },
                };
                lambda::compile(self.place, declared).map(Integration::Lambda)
            }
            kind => Err(format!("integrations of type {kind} are not served yet")),
        };
        made.unwrap_or_else(|reason| {
            self.warn(text, &reason);
            Integration::Misconfigured
        })
    }
}
