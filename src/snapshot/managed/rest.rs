//! A stage of a REST API: a route per method, with its integration.

use super::authorizer::Authorizers;
use super::backend::Upstreams;
use super::guard::{self, Guarded};
use super::logging::{self, StageLogging};
use super::mapping::Known;
use super::rest_http::Placeholders;
use super::{
    BinaryTypes, Canary, CompiledStage, CustomLambda, DefaultEndpoint, GatewayResponses,
    ManagedStage, Mapped, Passes, Shared, StagePlace, UpstreamUse, Validation, lambda, mock, plan,
    rest_http, roles_of, service, validation,
};
use crate::model::RouteKey;
use crate::resources::rest::{self, Map, Method, Resource};
use crate::resources::rest_stage::{Definition, Stage};
use crate::snapshot::function::{
    EDGE_STREAM_PAUSE_MAX, Lambda, LambdaFacts, PayloadFormat, STREAM_PAUSE_MAX,
};
use crate::snapshot::{Api, Integration, Phase, Program, Protocol, Refusing, Route, RouteTable};
use std::sync::Arc;

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
        declared: stage,
        upstreams: Upstreams::default(),
        warnings: Vec::new(),
    };
    let guarded = guard::of_rest_stage(stage, &release.api);
    let has_canary = stage.canary_settings.is_some() && canary.is_some();
    let of_stage = (stage.deployment_id.as_str(), has_canary.then_some(false));
    let main = compiler.release(release, of_stage, &stage.variables, &guarded);
    let canary = stage.canary_settings.as_ref().zip(canary).map(|(settings, definition)| {
        let mut variables = stage.variables.clone();
        variables.extend(settings.stage_variable_overrides.clone().unwrap_or_default());
        let guarded = guard::of_rest_stage(stage, &definition.api);
        // 100 per cent is all of them: the largest number that can be drawn is spared a release.
        let share = (settings.percent_traffic.clamp(0.0, 100.0) / 100.0 * 2_f64.powi(64)) as u64;
        let of_stage = (settings.deployment_id.as_str(), Some(true));
        Canary { share, release: compiler.release(definition, of_stage, &variables, &guarded) }
    });
    let Compiler { upstreams, warnings, .. } = compiler;
    CompiledStage {
        roles: roles_of([&main].into_iter().chain(canary.as_ref().map(|it| &it.release))),
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

/// What a release's methods have in common.
struct Served<'s> {
    deployment_id: &'s str,
    definition: &'s Definition,
    variables: &'s Map,
    guarded: &'s Guarded,
}

struct Compiler<'c> {
    place: &'c StagePlace<'c>,
    stage: &'c str,
    declared: &'c Stage,
    upstreams: Upstreams,
    warnings: Vec<String>,
}

impl Compiler<'_> {
    fn warn(&mut self, key: &str, reason: &str) {
        let StagePlace { api_id, .. } = self.place;
        self.warnings.push(format!("API {api_id}, stage {}, {key}: {reason}", self.stage));
    }

    /// `of_stage`: which deployment it is, and whether it is a canary's.
    fn release(
        &mut self,
        definition: &Definition,
        of_stage: (&str, Option<bool>),
        variables: &Map,
        guarded: &Guarded,
    ) -> Api {
        let mut keys = Vec::new();
        let mut routes = Vec::new();
        let mut authorizers = Authorizers::new(self.place, variables);
        if let Some((_, reason)) = guarded {
            self.warn("every route", reason);
        }
        let of = Served { deployment_id: of_stage.0, definition, variables, guarded };
        for resource in &definition.resources {
            for (verb, method) in &resource.resource_methods {
                let text = format!("{verb} {}", resource.path);
                match text.parse::<RouteKey>() {
                    Ok(key) => {
                        routes.push(self.route(
                            &text,
                            &key,
                            resource,
                            method,
                            &of,
                            &mut authorizers,
                        ));
                        keys.push(key);
                    }
                    Err(error) => self.warn(&text, &format!("it is left out: {error}")),
                }
            }
        }
        let mut warnings = Vec::new();
        let shared = Shared {
            endpoint_type: endpoint_type(&definition.api),
            is_canary: of_stage.1,
            detailed: logging::detailed(&self.declared.method_settings, &keys),
            logging: self.logging(&keys, of_stage.1 == Some(true)),
            binary_types: BinaryTypes::of(&definition.api.binary_media_types),
            gateway_responses: GatewayResponses::of(&definition.gateway_responses, &mut |it| {
                warnings.push(it)
            }),
            ..Shared::of(self.place, of_stage.0, variables)
        };
        for reason in warnings {
            self.warn("every route", &reason);
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
            authorizers: authorizers.into_used(),
            access_log: None,
            shared: Some(shared.into()),
        }
    }

    fn logging(&self, routes: &[RouteKey], is_canary: bool) -> Option<Box<StageLogging>> {
        let settings = self.declared.access_log_settings.as_ref();
        let arn = settings.and_then(|it| it.destination_arn.as_deref());
        let format = settings.and_then(|it| it.format.as_deref());
        let access = logging::access(arn, format, is_canary);
        let settings = &self.declared.method_settings;
        let api_id = self.place.api_id;
        let execution = logging::execution(api_id, self.stage, settings, routes, is_canary);
        let is_any = access.is_some() || execution.is_some();
        is_any.then(|| Box::new(StageLogging { access, execution }))
    }

    fn route(
        &mut self,
        text: &str,
        key: &RouteKey,
        resource: &Resource,
        method: &Method,
        of: &Served<'_>,
        authorizers: &mut Authorizers<'_>,
    ) -> Route {
        let &Served { definition, variables, guarded, .. } = of;
        let parameters: Box<[Box<str>]> = key.parameters().map(Into::into).collect();
        let mut phases = Vec::new();
        let is_custom = method.authorization_type.eq_ignore_ascii_case("CUSTOM");
        let mut own = None;
        if guarded.is_none() && is_custom {
            match authorizers.rest(&definition.authorizers, method.authorizer_id.as_deref()) {
                Ok(index) => phases.push(Phase::Authorize(index)),
                Err(reason) => own = Some((Refusing::AuthorizerMisconfigured, reason)),
            }
        }
        if guarded.is_none() {
            // The authorizer goes first: a caller whom it refuses learns nothing of the rest.
            own = own.or_else(|| guard::of_method(method));
        }
        if let Some((_, reason)) = &own {
            self.warn(text, reason);
        }
        let (last, integration) = match guarded.as_ref().or(own.as_ref()) {
            // Nothing of it is ever run, so its back ends need not be known.
            Some((refusing, _)) => (Phase::Refuse(*refusing), Integration::Misconfigured),
            None => {
                let known = Known {
                    place: self.place,
                    stage: self.stage,
                    variables,
                    resource_path: &resource.path,
                    resource_id: &resource.id,
                    parameters: &parameters,
                };
                let binary = BinaryTypes::of(&definition.api.binary_media_types);
                let integration = self.integration(text, method, &known, of, &binary);
                (Phase::Integrate, integration)
            }
        };
        phases.push(last);
        let (phases, validation) = self.validated(text, phases, method, definition);
        Route {
            key: text.into(),
            parameters,
            program: Program { phases: phases.into() },
            integration,
            validation: validation.map(Arc::new),
            resource_id: resource.id.as_str().into(),
        }
    }

    /// Puts the check of a method's validator in front of what its requests run.
    fn validated(
        &mut self,
        text: &str,
        mut phases: Vec<Phase>,
        method: &Method,
        definition: &Definition,
    ) -> (Vec<Phase>, Option<Validation>) {
        // A request that is refused in any case is told nothing of what it should have been like.
        if !matches!(phases.last(), Some(Phase::Integrate)) {
            return (phases, None);
        }
        let mut warnings = Vec::new();
        let Definition { request_validators, models, .. } = definition;
        let mut warn = |it| warnings.push(it);
        let compiled = validation::compile(method, request_validators, models, &mut warn);
        for reason in warnings {
            self.warn(text, &reason);
        }
        match compiled {
            Ok(None) => (phases, None),
            Ok(Some(validation)) => {
                phases.insert(phases.len() - 1, Phase::Validate);
                (phases, Some(validation))
            }
            Err(reason) => {
                self.warn(text, &reason);
                phases.pop();
                phases.push(Phase::Refuse(Refusing::Misconfigured));
                (phases, None)
            }
        }
    }

    fn integration(
        &mut self,
        text: &str,
        method: &Method,
        known: &Known<'_>,
        of: &Served<'_>,
        binary: &BinaryTypes,
    ) -> Integration {
        let Some(declared) = &method.method_integration else {
            self.warn(text, "it has no integration");
            return Integration::Misconfigured;
        };
        let mut warnings = Vec::new();
        let warn = &mut |it| warnings.push(it);
        let made = match declared.r#type.as_str() {
            "MOCK" => plan::compile(method, declared, known, warn).map(|plan| {
                // Content that may be binary is looked at by the plan.
                let is_text = binary.is_empty() && plan.handling.is_none();
                let fixed = is_text.then(|| mock::compile(method, declared, known, warn));
                let fixed = fixed.flatten().map(Box::new);
                let plan = plan.into();
                Integration::Mapped(Mapped { fixed, proxy: None, function: None, plan })
            }),
            "HTTP_PROXY" => {
                let upstreams = &mut self.upstreams;
                let resolved = Placeholders::Resolved;
                rest_http::request(declared, known, Passes::Everything, resolved, upstreams)
                    .map(Integration::HttpProxy)
            }
            "HTTP" => plan::compile(method, declared, known, warn).and_then(|plan| {
                let is_planned = plan::is_needed(declared, &plan, !binary.is_empty());
                let placeholders =
                    if is_planned { Placeholders::Named } else { Placeholders::Resolved };
                let passes = Passes::Content;
                let upstreams = &mut self.upstreams;
                let mut proxy =
                    rest_http::request(declared, known, passes, placeholders, upstreams)?;
                if is_planned {
                    let (proxy, plan) = (Some(Box::new(proxy)), plan.into());
                    let (fixed, function) = (None, None);
                    return Ok(Integration::Mapped(Mapped { fixed, proxy, function, plan }));
                }
                proxy.response = Some(Box::new(rest_http::responses(method, declared, known)?));
                Ok(Integration::HttpProxy(proxy))
            }),
            "AWS_PROXY" => rest_http::check_headers(declared)
                .and_then(|()| self.function(method, declared, known, of))
                .map(Integration::Lambda),
            "AWS" if lambda::is_function_uri(declared.uri.as_deref()) => {
                let function = self.function(method, declared, known, of);
                function.and_then(|lambda| {
                    let mapping = rest_http::mapped_headers(declared, known)?;
                    let plan = plan::compile(method, declared, known, warn)?.into();
                    let function = Some(Box::new(CustomLambda { lambda, mapping }));
                    let (fixed, proxy) = (None, None);
                    Ok(Integration::Mapped(Mapped { fixed, proxy, function, plan }))
                })
            }
            "AWS" => plan::compile(method, declared, known, warn).and_then(|plan| {
                let proxy = service::request(declared, known, &mut self.upstreams)?;
                let (proxy, plan) = (Some(Box::new(proxy)), plan.into());
                Ok(Integration::Mapped(Mapped { fixed: None, proxy, function: None, plan }))
            }),
            kind => Err(format!("integrations of type {kind} are not served yet")),
        };
        for reason in warnings {
            self.warn(text, &reason);
        }
        made.unwrap_or_else(|reason| {
            self.warn(text, &reason);
            Integration::Misconfigured
        })
    }

    /// The function that an integration names, as it is invoked for this method.
    fn function(
        &self,
        method: &Method,
        declared: &rest::Integration,
        known: &Known<'_>,
        of: &Served<'_>,
    ) -> Result<Lambda, String> {
        // Recorded: anything else fails each request.
        if declared.http_method.as_deref() != Some("POST") {
            return Err("the integration's method must be POST to invoke a function".to_owned());
        }
        let media_types = of.definition.api.binary_media_types.iter();
        let is_streamed = declared.response_transfer_mode.as_deref() == Some("STREAM");
        let kinds = &of.definition.api.endpoint_configuration.types;
        let pause_max = match kinds.iter().any(|kind| kind == "EDGE") {
            true => EDGE_STREAM_PAUSE_MAX,
            false => STREAM_PAUSE_MAX,
        };
        let declared = lambda::Declared {
            uri: declared.uri.as_deref(),
            payload_format: PayloadFormat::V1,
            timeout_in_millis: declared.timeout_in_millis,
            timeout: lambda::REST_TIMEOUT,
            variables: of.variables,
            role: declared.credentials.as_deref(),
            facts: LambdaFacts {
                deployment_id: of.deployment_id.into(),
                resource_id: known.resource_id.into(),
                operation_name: method.operation_name.as_deref().map(Into::into),
                binary_media_types: media_types.map(|it| it.as_str().into()).collect(),
                streams: is_streamed.then_some(pause_max),
                ..LambdaFacts::default()
            },
        };
        lambda::compile(self.place, declared)
    }
}

/// `$context.endpointType`.
fn endpoint_type(api: &rest::RestApi) -> &'static str {
    let kinds = &api.endpoint_configuration.types;
    let is = |kind: &str| kinds.iter().any(|known| known == kind);
    match () {
        () if is("PRIVATE") => "PRIVATE",
        () if is("EDGE") => "EDGE",
        () => "REGIONAL",
    }
}
