//! Model to snapshot.

use super::api::{Api, HttpProxy, Integration, Phase, Program, Refusing, Route};
use super::function::{
    EventRules, Function, Lambda, LambdaFacts, Launch, Permission, STREAM_PAUSE_MAX, function_arn,
};
use super::path_template::{PathTemplate, Piece, ProxyPath};
use super::upstream::{Target, Upstream};
use super::{
    AccessLog, AccessLogIndex, Addresses, Authorizer, AuthorizerIndex, AuthorizerKind, Expression,
    HTTP_AUTHORIZER_TIMEOUT, IdentitySource, LambdaAuthorizer, Mock, Protocol,
    REST_AUTHORIZER_TIMEOUT, RemoteFunctions, RouteTable, Snapshot, UpstreamIndex,
};
use crate::model::{self, Model, PathPiece};
use std::sync::Arc;

/// Compiles a model. Cannot fail: whatever could was refused when the model was read. `seed` keys
/// the hash tables, so a simulation that gives the same seed gets the same program.
pub fn compile(model: &Model, version: u64, seed: u64) -> Snapshot {
    let mut access_logs = Vec::new();
    let Model { aws, authorizers, .. } = model;
    let apis = model.apis.iter();
    let apis = apis.map(|api| compile_api(api, authorizers, aws, &mut access_logs, seed)).collect();
    Snapshot {
        version,
        server: model.server.clone(),
        ring: model.ring.clone(),
        log: model.log.clone(),
        management: model.management.clone(),
        stage_logs: model.stage_logs.clone(),
        certificates: model.certificates.clone(),
        addresses: Addresses::build(&model.apis, seed),
        domain_suffixes: model.aws.domain_suffixes.iter().map(|it| it.as_str().into()).collect(),
        apis,
        upstreams: model.upstreams.iter().map(compile_upstream).collect(),
        functions: model.functions.iter().map(|it| compile_function(it, &model.aws)).collect(),
        remote_functions: RemoteFunctions::of(&model.remote_functions, &model.aws),
        access_logs,
    }
}

fn compile_api(
    api: &model::Api,
    declared: &[model::Authorizer],
    aws: &model::Aws,
    access_logs: &mut Vec<AccessLog>,
    seed: u64,
) -> Api {
    let used: Vec<&model::Authorizer> =
        declared.iter().filter(|it| api.routes.iter().any(|route| uses(route, it))).collect();
    let authorizers = used.iter().map(|it| compile_authorizer(it, api.protocol, aws)).collect();
    Api {
        id: stable_id(&api.name),
        name: api.name.as_str().into(),
        protocol: api.protocol,
        domain: api.domain.clone(),
        base_path: api.base_path.as_str().into(),
        stage: api.stage.as_str().into(),
        table: RouteTable::build(api.protocol, api.routes.iter().map(|route| &route.key), seed),
        routes: api.routes.iter().map(|route| compile_route(route, &used, aws)).collect(),
        authorizers,
        access_log: api.access_log.as_ref().map(|log| share(log, access_logs)),
        shared: None,
    }
}

/// APIs that log the same way to the same place share one log, so that a file is opened once.
fn share(log: &AccessLog, access_logs: &mut Vec<AccessLog>) -> AccessLogIndex {
    let known = access_logs.iter().position(|known| known == log);
    let index = known.unwrap_or_else(|| {
        access_logs.push(log.clone());
        access_logs.len() - 1
    });
    AccessLogIndex(index as u32)
}

fn uses(route: &model::Route, authorizer: &model::Authorizer) -> bool {
    route.authorizer.as_ref() == Some(&authorizer.name)
}

fn compile_authorizer(
    declared: &model::Authorizer,
    protocol: Protocol,
    aws: &model::Aws,
) -> Authorizer {
    use model::AuthorizerKind::{Request, Token};
    use model::AuthorizerResponse::{Policy, Simple};
    let kind = match (protocol, declared.kind, declared.payload_format, declared.response) {
        (Protocol::Rest, Token, _, _) => AuthorizerKind::Token,
        (Protocol::Rest, Request, _, _) => AuthorizerKind::Request,
        (Protocol::Http, _, model::PayloadFormat::V1, _) => AuthorizerKind::Http1,
        (Protocol::Http, _, model::PayloadFormat::V2, Policy) => AuthorizerKind::Http2Policy,
        (Protocol::Http, _, model::PayloadFormat::V2, Simple) => AuthorizerKind::Http2Simple,
    };
    let source = |source: &model::IdentitySource| match source {
        model::IdentitySource::Header(name) => IdentitySource::Header(name.as_str().into()),
        model::IdentitySource::Query(name) => IdentitySource::Query(name.as_str().into()),
        model::IdentitySource::Context(name) => IdentitySource::Context(name.as_str().into()),
    };
    let rules = LambdaAuthorizer {
        // Six characters, as Amazon's.
        id: stable_id(&declared.name)[..6].into(),
        kind,
        sources: declared.identity_sources.iter().map(source).collect(),
        expression: declared.validation.as_deref().map(Expression::checked),
        ttl: declared.ttl,
    };
    let timeout = declared.timeout.unwrap_or(match protocol {
        Protocol::Rest => REST_AUTHORIZER_TIMEOUT,
        Protocol::Http => HTTP_AUTHORIZER_TIMEOUT,
    });
    let function = function_arn(&aws.region, &aws.account_id, &declared.function);
    Authorizer::new(rules, &function, false, timeout, (&aws.region, &aws.account_id))
}

fn compile_route(
    route: &model::Route,
    authorizers: &[&model::Authorizer],
    aws: &model::Aws,
) -> Route {
    let index = authorizers.iter().position(|it| uses(route, it));
    let phases: Box<[Phase]> = match (index, &route.authorizer) {
        (Some(index), _) => {
            [Phase::Authorize(AuthorizerIndex(index as u32)), Phase::Integrate].into()
        }
        (None, None) => [Phase::Integrate].into(),
        // One that is not declared was refused when the file was read; it must never let anybody in.
        (None, Some(_)) => [Phase::Refuse(Refusing::AuthorizerMisconfigured)].into(),
    };
    Route {
        key: route.key.to_string().into(),
        parameters: route.key.parameters().map(Into::into).collect(),
        program: Program { phases },
        integration: match &route.integration {
            model::Integration::Mock(mock) => Integration::Mock(Mock::compile(mock)),
            model::Integration::Lambda(lambda) => Integration::Lambda(Lambda {
                function: function_arn(&aws.region, &aws.account_id, &lambda.function).into(),
                payload_format: lambda.payload_format,
                timeout: lambda.timeout,
                needs_permission: false,
                facts: Box::new(LambdaFacts {
                    region: aws.region.as_str().into(),
                    account_id: aws.account_id.as_str().into(),
                    streams: lambda.stream.then_some(STREAM_PAUSE_MAX),
                    ..LambdaFacts::default()
                }),
                edits: None,
            }),
            model::Integration::HttpProxy(proxy) => Integration::HttpProxy(HttpProxy {
                upstream: UpstreamIndex(proxy.upstream as u32),
                method: proxy.method.map(|method| method.name().into()),
                path: compile_path(&proxy.path),
                is_streamed: false,
                timeout: proxy.timeout,
                mapping: None,
                response: None,
                edits: None,
                service: None,
            }),
        },
        validation: None,
        resource_id: Box::default(),
    }
}

fn compile_path(path: &model::ProxyPath) -> ProxyPath {
    match path {
        model::ProxyPath::AsReceived => ProxyPath::AsReceived,
        model::ProxyPath::Under(prefix) => ProxyPath::Under(prefix.as_bytes().into()),
        model::ProxyPath::Pattern(pattern) => ProxyPath::Template(PathTemplate {
            pieces: pattern
                .pieces
                .iter()
                .map(|piece| match piece {
                    PathPiece::Literal(text) => Piece::Literal(text.as_bytes().into()),
                    PathPiece::Parameter(index) => Piece::Parameter(*index),
                })
                .collect(),
        }),
    }
}

fn compile_function(function: &model::Function, aws: &model::Aws) -> Function {
    // Every field and the account take part; the text holds secrets and is only hashed.
    let fingerprint = fnv1a(format!("{function:?} {} {}", aws.region, aws.account_id).as_bytes());
    let key: Box<str> = format!("{}#{fingerprint:016x}", function.name).into();
    let workers = &function.workers;
    Function {
        arn: function_arn(&aws.region, &aws.account_id, &function.name).into(),
        key: key.clone(),
        timeout: function.timeout,
        init_timeout: workers.init_timeout,
        idle_timeout: workers.idle_timeout,
        workers_min: workers.min,
        workers_max: workers.max,
        queue_max: workers.queue_max,
        reserved_concurrency: function.reserved_concurrency,
        permission: Permission::Everybody,
        events: Arc::new(EventRules::of_file(function)),
        other: None,
        launch: Arc::new(Launch {
            name: function.name.clone(),
            version: "$LATEST".to_owned(),
            key,
            runtime: function.runtime.clone(),
            handler: function.handler.clone(),
            code: function.code.place(),
            client: Some(function.client),
            isolation: Some(function.isolation),
            environment: function.environment.clone(),
            memory_bytes: function.memory_bytes,
            storage_bytes: function.storage_bytes,
            user: function.user,
            log: function.log.clone(),
            region: aws.region.clone(),
            reserved_concurrency: function.reserved_concurrency,
        }),
    }
}

pub(super) fn compile_upstream(upstream: &model::Upstream) -> Upstream {
    let default_port = if upstream.tls.is_some() { 443 } else { 80 };
    Upstream {
        key: format!("{}#{:016x}", upstream.name, fingerprint(upstream)).into(),
        name: upstream.name.as_str().into(),
        targets: upstream
            .targets
            .iter()
            .map(|target| compile_target(target, upstream.host.as_deref(), default_port))
            .collect(),
        balance: upstream.balance.clone(),
        tls: upstream.tls.clone(),
        timeouts: upstream.timeouts.clone(),
        limits: upstream.limits.clone(),
        health: upstream.health.clone(),
        eject: upstream.eject.clone(),
        retry: upstream.retry.clone(),
    }
}

fn compile_target(target: &model::Target, host: Option<&str>, default_port: u16) -> Target {
    let (name, port) = (&target.host, target.port);
    // Only an IPv6 address has a colon.
    let bracketed = match name.contains(':') {
        true => format!("[{name}]"),
        false => name.clone(),
    };
    let authority = match host {
        Some(host) => host.to_owned(),
        None if port == default_port => bracketed.clone(),
        None => format!("{bracketed}:{port}"),
    };
    Target {
        host: name.as_str().into(),
        port,
        address: format!("{bracketed}:{port}").into(),
        weight: target.weight,
        authority: authority.into(),
    }
}

/// A number that changes when anything in the definition does: the hash of its debug text, which
/// names every field and holds no secret.
fn fingerprint(upstream: &model::Upstream) -> u64 {
    fnv1a(format!("{upstream:?}").as_bytes())
}

/// An API's id from its name: ten characters of `[a-z0-9]`, Amazon's form, the same on every host and
/// in every version. Of a thousand APIs two collide with a chance of one in seven thousand million.
pub fn stable_id(name: &str) -> Box<str> {
    const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut hash = mix(fnv1a(name.as_bytes()));
    let mut id = String::with_capacity(10);
    for _ in 0..10 {
        id.push(char::from(DIGITS[(hash % 36) as usize]));
        hash /= 36;
    }
    id.into()
}

/// FNV-1a, 64 bits. Not a hash for tables: one whose value is the same for ever, unlike `ahash`.
pub(super) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Spreads the last bytes of a short text over all bits (the finisher of SplitMix64).
fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
