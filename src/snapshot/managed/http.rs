//! A stage of an HTTP API: a route per route key, with its integration.

use super::authorizer::Authorizers;
use super::backend::{Checks, Upstreams, Uri, parse, timeout};
use super::rest::SEED;
use super::rest_http::{PieceSource, Place, Placeholders, pieces, plain};
use super::stage_variables::Token;
use super::{
    CompiledStage, Cors, DefaultEndpoint, ManagedStage, Passes, RequestMapping, Shared, Source,
    StageLogging, StagePlace, UpstreamUse, UriPiece, guard, http_mapping, lambda, logging, private,
    roles_of, service, service_action,
};
use crate::model::{Method as Verb, RouteKey};
use crate::resources::http::{self, Integration as Declared};
use crate::resources::http_stage::{Definition, Stage};
use crate::snapshot::function::{LambdaEdits, LambdaFacts, PayloadFormat};
use crate::snapshot::{
    Api, Authorizer, HttpProxy, Integration, Phase, Program, Protocol, ProxyPath, Refusing, Route,
    RouteTable,
};
use std::time::Duration;

/// What an integration without a time-out of its own has.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Compiles a stage. `release` is what the stage's deployment froze.
pub fn compile_http_stage(
    place: &StagePlace<'_>,
    stage: &Stage,
    release: &Definition,
) -> CompiledStage {
    let mut compiler =
        Compiler { place, stage, release, upstreams: Upstreams::default(), warnings: Vec::new() };
    let api = match release.api.protocol_type.as_str() {
        "WEBSOCKET" => compiler.unserved("WebSocket APIs are not served yet"),
        _ => compiler.api(),
    };
    let Compiler { upstreams, warnings, .. } = compiler;
    CompiledStage {
        roles: roles_of([&api]),
        stage: ManagedStage {
            api_id: place.api_id.into(),
            region: place.region.into(),
            name: stage.stage_name.as_str().into(),
            protocol: Protocol::Http,
            default_endpoint: DefaultEndpoint::of(release.api.disable_execute_api_endpoint),
            release: api,
            canary: None,
            upstreams: UpstreamUse::of(&upstreams),
        },
        upstreams: upstreams.0,
        warnings,
    }
}

struct Compiler<'c> {
    place: &'c StagePlace<'c>,
    stage: &'c Stage,
    release: &'c Definition,
    upstreams: Upstreams,
    warnings: Vec<String>,
}

impl Compiler<'_> {
    fn warn(&mut self, key: &str, reason: &str) {
        let StagePlace { api_id, .. } = self.place;
        let stage = &self.stage.stage_name;
        self.warnings.push(format!("API {api_id}, stage {stage}, {key}: {reason}"));
    }

    fn api(&mut self) -> Api {
        let mut keys = Vec::new();
        let mut routes = Vec::new();
        let stage = self.stage;
        let mut authorizers = Authorizers::new(self.place, &stage.stage_variables);
        for route in &self.release.routes {
            match route.route_key.parse::<RouteKey>() {
                Ok(key) => {
                    routes.push(self.route(&key, route, &mut authorizers));
                    keys.push(key);
                }
                Err(error) => self.warn(&route.route_key, &format!("it is left out: {error}")),
            }
        }
        self.with_routes(&keys, routes, authorizers.into_used())
    }

    /// An API that refuses everything.
    fn unserved(&mut self, reason: &str) -> Api {
        self.warn("every route", reason);
        let refused = Route {
            key: "$default".into(),
            parameters: Box::default(),
            program: Program { phases: [Phase::Refuse(Refusing::Misconfigured)].into() },
            integration: Integration::Misconfigured,
            validation: None,
            resource_id: Box::default(),
        };
        self.with_routes(&[RouteKey::Default], vec![refused], Box::default())
    }

    fn detailed(&self, keys: &[RouteKey]) -> Box<[bool]> {
        let own = |key: &RouteKey| self.stage.route_settings.get(&key.to_string());
        let is_detailed = |key| {
            let settings = own(key).unwrap_or(&self.stage.default_route_settings);
            settings.detailed_metrics_enabled == Some(true)
        };
        let detailed: Box<[bool]> = keys.iter().map(is_detailed).collect();
        if detailed.contains(&true) { detailed } else { Box::default() }
    }

    /// HTTP APIs have access logs and no execution logs.
    fn logging(&self) -> Option<Box<StageLogging>> {
        let settings = self.stage.access_log_settings.as_ref()?;
        let (arn, format) = (settings.destination_arn.as_deref(), settings.format.as_deref());
        let access = logging::access(arn, format, false)?;
        Some(Box::new(StageLogging { access: Some(access), execution: None }))
    }

    fn with_routes(
        &self,
        keys: &[RouteKey],
        routes: Vec<Route>,
        authorizers: Box<[Authorizer]>,
    ) -> Api {
        let deployment = self.stage.deployment_id.as_deref().unwrap_or_default();
        let shared = Shared {
            cors: self.release.api.cors_configuration.as_ref().and_then(Cors::of),
            detailed: self.detailed(keys),
            logging: self.logging(),
            ..Shared::of(self.place, deployment, &self.stage.stage_variables)
        };
        Api {
            id: self.place.api_id.into(),
            name: self.release.api.name.as_str().into(),
            protocol: Protocol::Http,
            domain: None,
            base_path: "".into(),
            stage: self.stage.stage_name.as_str().into(),
            table: RouteTable::build(Protocol::Http, keys, SEED),
            routes: routes.into(),
            authorizers,
            access_log: None,
            shared: Some(shared.into()),
        }
    }

    fn route(
        &mut self,
        key: &RouteKey,
        route: &http::Route,
        authorizers: &mut Authorizers<'_>,
    ) -> Route {
        let parameters: Box<[Box<str>]> = key.parameters().map(Into::into).collect();
        let mut phases = Vec::new();
        let mut own = guard::of_route(route);
        if own.is_none() && route.authorization_type == "CUSTOM" {
            match authorizers.http(&self.release.authorizers, route.authorizer_id.as_deref()) {
                Ok(index) => phases.push(Phase::Authorize(index)),
                Err(reason) => own = Some((Refusing::AuthorizerMisconfigured, reason)),
            }
        }
        let (last, integration) = match own {
            Some((refusing, reason)) => {
                self.warn(&route.route_key, &reason);
                (Phase::Refuse(refusing), Integration::Misconfigured)
            }
            None => {
                let made = self.integration(key, &parameters, route);
                let made = made.unwrap_or_else(|reason| {
                    self.warn(&route.route_key, &reason);
                    Integration::Misconfigured
                });
                (Phase::Integrate, made)
            }
        };
        phases.push(last);
        Route {
            key: route.route_key.as_str().into(),
            parameters,
            program: Program { phases: phases.into() },
            integration,
            validation: None,
            resource_id: Box::default(),
        }
    }

    fn integration(
        &mut self,
        key: &RouteKey,
        parameters: &[Box<str>],
        route: &http::Route,
    ) -> Result<Integration, String> {
        let target = route.target.as_deref().and_then(|it| it.strip_prefix("integrations/"));
        let id = target.ok_or("it has no integration")?;
        let mut all = self.release.integrations.iter();
        let declared = all.find(|it| it.integration_id == id);
        let declared = declared.ok_or_else(|| format!("there is no integration {id}"))?;
        match declared.integration_type.as_str() {
            "HTTP_PROXY" => {
                let variables = &self.stage.stage_variables;
                let tls = declared.tls_config.as_ref();
                let checks = Checks {
                    insecure: false,
                    server_name: tls.and_then(|it| it.server_name_to_verify.as_deref()),
                };
                let uri = declared.integration_uri.as_deref().ok_or("it has no URI")?;
                let known = http_mapping::Known { variables, parameters };
                let upstreams = &mut self.upstreams;
                let is_default = *key == RouteKey::Default;
                let (uri, appends) = match declared.connection_type.as_str() {
                    "VPC_LINK" => private(self.place, self.stage, declared, uri, is_default)?,
                    _ => (parse(uri, variables, checks)?, is_default),
                };
                proxy(declared, appends, known, uri, upstreams).map(Integration::HttpProxy)
            }
            "AWS_PROXY" if declared.integration_subtype.is_some() => {
                let subtype = declared.integration_subtype.as_deref().unwrap_or_default();
                let known =
                    http_mapping::Known { variables: &self.stage.stage_variables, parameters };
                let upstreams = &mut self.upstreams;
                service_action::request(declared, subtype, self.place, known, upstreams)
                    .map(Integration::HttpProxy)
            }
            "AWS_PROXY" => {
                let variables = &self.stage.stage_variables;
                let known = http_mapping::Known { variables, parameters };
                let edits = LambdaEdits {
                    request: http_mapping::request(&declared.request_parameters, known)?,
                    response: http_mapping::responses(&declared.response_parameters, known)?,
                };
                let is_edited = edits.request.is_some() || edits.response.is_some();
                let declared = lambda::Declared {
                    uri: declared.integration_uri.as_deref(),
                    payload_format: match declared.payload_format_version.as_deref() {
                        Some("2.0") => PayloadFormat::V2,
                        _ => PayloadFormat::V1,
                    },
                    timeout_in_millis: declared.timeout_in_millis,
                    timeout: lambda::HTTP_TIMEOUT,
                    variables,
                    role: declared.credentials_arn.as_deref(),
                    facts: LambdaFacts::default(),
                };
                let mut function = lambda::compile(self.place, declared)?;
                function.edits = is_edited.then(|| Box::new(edits));
                Ok(Integration::Lambda(function))
            }
            kind => Err(format!("integrations of type {kind} are not served yet")),
        }
    }
}

/// What is behind a private integration, and whether the request's path goes behind its own. A load
/// balancer's or service's ARN has none: it gets the request's, the stage's name in front.
fn private(
    place: &StagePlace<'_>,
    stage: &Stage,
    declared: &Declared,
    uri: &str,
    is_default: bool,
) -> Result<(Uri, bool), String> {
    let variables = &stage.stage_variables;
    let tls = declared.tls_config.as_ref();
    let named = tls.and_then(|it| it.server_name_to_verify.as_deref());
    let tls = private::Tls { server_name: named, turns_on: named.is_some(), insecure: false };
    let target = service::resolved(uri, variables).unwrap_or_else(|_| uri.to_owned());
    let link = declared.connection_id.as_deref();
    let upstream = private::upstream(place, link, &target, tls, variables)?;
    if !target.starts_with("arn:") {
        return Ok((Uri { upstream, ..parse(uri, variables, Checks::default())? }, is_default));
    }
    let path = match stage.stage_name.as_str() {
        "$default" => Vec::new(),
        name => vec![Token::Text(format!("/{name}"))],
    };
    Ok((Uri { upstream, path, query: None }, true))
}

/// `appends`: the request's path goes behind the URI's.
fn proxy(
    declared: &Declared,
    appends: bool,
    known: http_mapping::Known<'_>,
    uri: Uri,
    upstreams: &mut Upstreams,
) -> Result<HttpProxy, String> {
    let Uri { upstream, path, query } = uri;
    let edited = http_mapping::request(&declared.request_parameters, known)?;
    let answers = http_mapping::responses(&declared.response_parameters, known)?;
    let method = declared.integration_method.as_deref();
    let method = match method.filter(|it| !it.is_empty() && *it != "ANY") {
        Some(name) => Some(Verb::from_name(name).ok_or_else(|| format!("`{name}` is no method"))?),
        None => None,
    };
    let source = |name: &str| {
        let index = known.parameters.iter().position(|it| &**it == name);
        index.map(|index| PieceSource::Value(Source::Path(index)))
    };
    let resolved = Placeholders::Resolved;
    let query = pieces(query.as_deref().unwrap_or_default(), source, Place::Query, resolved);
    let is_edited = edited.is_some();
    let (path, mapping) = match (appends, &path[..]) {
        (true, []) if query.is_empty() && !is_edited => (ProxyPath::AsReceived, None),
        (true, [Token::Text(prefix)]) if query.is_empty() && !is_edited => {
            let prefix = prefix.trim_end_matches('/');
            let mut written = Vec::new();
            crate::snapshot::path_template::write_literal(prefix.as_bytes(), &mut written);
            let path = match prefix {
                "" => ProxyPath::AsReceived,
                _ => ProxyPath::Under(written.into()),
            };
            (path, None)
        }
        _ => {
            let mut path = pieces(&path, source, Place::Path, resolved).into_vec();
            if appends {
                // The slash between the two is the request path's own.
                if let Some(UriPiece::Literal(last)) = path.last_mut() {
                    *last = last.strip_suffix(b"/").unwrap_or(last).into();
                }
                path.push(UriPiece::RequestPath);
            }
            let mapping = RequestMapping {
                path: path.into(),
                query,
                added_query: Box::default(),
                headers: Box::default(),
                passes: Passes::Everything,
                edits: edited.map(Box::new),
            };
            match plain(&mapping) {
                Some(path) => (path, None),
                None => (ProxyPath::AsReceived, Some(Box::new(mapping))),
            }
        }
    };
    Ok(HttpProxy {
        upstream: upstreams.index(upstream),
        method: method.map(|it| it.name().into()),
        path,
        is_streamed: false,
        timeout: timeout(declared.timeout_in_millis, TIMEOUT),
        mapping,
        response: None,
        edits: answers.map(Box::new),
        service: None,
    })
}
