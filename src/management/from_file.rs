//! APIs and functions of the configuration file, as nouns: so that `aws apigatewayv2 get-apis`, `aws lambda
//! list-functions` and the like show everything that is served. They are never stored and cannot be changed
//! here: the file is their only source, and a reload replaces them as a whole.

mod functions;

use crate::model::{
    self, AuthorizerKind, AuthorizerResponse, IdentitySource, Integration, MethodMatch, Model,
    PathPiece, PayloadFormat, Protocol, ProxyPath, RouteKey,
};
use crate::resources::rest::{EndpointConfiguration, Map};
use crate::resources::{Entity, Key, Object, Timestamp, http, http_stage, rest, rest_stage};
use crate::snapshot::function::function_arn;
use crate::snapshot::stable_id;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use functions::{FileFunction, FileFunctions};

/// The tag that tells an API or a function of the file from others, and its value.
const SOURCE_TAG: (&str, &str) = ("ringgate:source", "file");

/// Nouns by their places.
type Nouns = BTreeMap<Key, Arc<dyn Object>>;

/// The file's APIs and functions as nouns of its default region, read at `now`.
pub fn nouns(model: &Model, now: Timestamp) -> Nouns {
    let mut nouns = Nouns::new();
    let mut file = File { model, now, nouns: &mut nouns };
    for api in &model.apis {
        match api.protocol {
            Protocol::Http => file.http(api),
            Protocol::Rest => file.rest(api),
        }
    }
    for function in &model.functions {
        file.function(function);
    }
    nouns
}

struct File<'f> {
    model: &'f Model,
    now: Timestamp,
    nouns: &'f mut Nouns,
}

impl<'f> File<'f> {
    fn put<T: Entity>(&mut self, owner: &str, id: &str, noun: T) {
        let key = Key::new(&self.model.aws.region, owner, T::KIND, id);
        self.nouns.insert(key, Arc::new(noun));
    }

    fn http(&mut self, api: &model::Api) {
        let id = stable_id(&api.name);
        let noun = http::Api {
            api_id: id.to_string(),
            name: api.name.clone(),
            description: Some(description(api)),
            protocol_type: "HTTP".into(),
            route_selection_expression: "$request.method $request.path".into(),
            api_key_selection_expression: "$request.header.x-api-key".into(),
            ip_address_type: "ipv4".into(),
            created_date: self.now,
            tags: tags(),
            ..http::Api::default()
        };
        self.put("", &id, noun);
        for authorizer in self.authorizers(api) {
            let is_1 = authorizer.payload_format == PayloadFormat::V1;
            let noun = http::Authorizer {
                authorizer_id: authorizer_id(&authorizer.name),
                name: authorizer.name.clone(),
                authorizer_type: "REQUEST".into(),
                authorizer_uri: Some(self.invocation_arn(&authorizer.function)),
                authorizer_payload_format_version: Some(if is_1 { "1.0" } else { "2.0" }.into()),
                authorizer_result_ttl_in_seconds: Some(authorizer.ttl.as_secs() as i64),
                enable_simple_responses: (!is_1)
                    .then_some(authorizer.response == AuthorizerResponse::Simple),
                identity_source: sources(authorizer, "$request.", "$").collect(),
                ..http::Authorizer::default()
            };
            self.put(&id, &noun.authorizer_id.clone(), noun);
        }
        for route in &api.routes {
            let key = route.key.to_string();
            let route_id = part_id(api, &key);
            let back_end = self.back_end(route);
            let integration = http::Integration {
                integration_id: route_id.clone(),
                integration_type: back_end.r#type.into(),
                integration_method: back_end.method,
                integration_uri: back_end.uri,
                connection_type: "INTERNET".into(),
                payload_format_version: Some("1.0".into()),
                timeout_in_millis: back_end.timeout_in_millis,
                ..http::Integration::default()
            };
            let noun = http::Route {
                route_id: route_id.clone(),
                route_key: key,
                target: Some(format!("integrations/{route_id}")),
                authorization_type: authorization_type(route),
                authorizer_id: route.authorizer.as_deref().map(authorizer_id),
                ..http::Route::default()
            };
            self.put(&id, &route_id, integration);
            self.put(&id, &route_id, noun);
        }
        let stage = http_stage::Stage {
            stage_name: api.stage.clone(),
            created_date: self.now,
            last_updated_date: self.now,
            tags: tags(),
            ..http_stage::Stage::default()
        };
        self.put(&id, &api.stage, stage);
    }

    fn rest(&mut self, api: &model::Api) {
        let id = stable_id(&api.name);
        let root = part_id(api, "/");
        let noun = rest::RestApi {
            id: id.to_string(),
            name: api.name.clone(),
            description: Some(description(api)),
            created_date: self.now,
            api_key_source: "HEADER".into(),
            endpoint_configuration: EndpointConfiguration {
                types: vec!["REGIONAL".into()],
                ip_address_type: Some("ipv4".into()),
                vpc_endpoint_ids: Vec::new(),
            },
            root_resource_id: root,
            tags: tags(),
            ..rest::RestApi::default()
        };
        self.put("", &id, noun);
        for authorizer in self.authorizers(api) {
            let sources: Vec<String> = sources(authorizer, "method.request.", "").collect();
            let noun = rest::Authorizer {
                id: authorizer_id(&authorizer.name),
                name: authorizer.name.clone(),
                r#type: match authorizer.kind {
                    AuthorizerKind::Token => "TOKEN".into(),
                    AuthorizerKind::Request => "REQUEST".into(),
                },
                auth_type: Some("custom".into()),
                authorizer_uri: Some(self.invocation_arn(&authorizer.function)),
                identity_source: (!sources.is_empty()).then(|| sources.join(",")),
                identity_validation_expression: authorizer.validation.clone(),
                authorizer_result_ttl_in_seconds: Some(authorizer.ttl.as_secs() as i64),
                ..rest::Authorizer::default()
            };
            self.put(&id, &noun.id.clone(), noun);
        }
        for resource in self.resources(api).into_values() {
            let resource_id = resource.id.clone();
            self.put(&id, &resource_id, resource);
        }
        let stage = rest_stage::Stage {
            stage_name: api.stage.clone(),
            cache_cluster_status: "NOT_AVAILABLE".into(),
            created_date: self.now,
            last_updated_date: self.now,
            tags: tags(),
            ..rest_stage::Stage::default()
        };
        self.put(&id, &api.stage, stage);
    }

    /// A REST API's path tree with its methods, by path.
    fn resources(&self, api: &model::Api) -> BTreeMap<String, rest::Resource> {
        let mut tree = BTreeMap::new();
        for route in &api.routes {
            let (verb, path) = match &route.key {
                RouteKey::Default => ("ANY", "/{proxy+}".to_owned()),
                RouteKey::Path { method, path } => {
                    let verb = match method {
                        MethodMatch::Any => "ANY",
                        MethodMatch::Only(method) => method.name(),
                    };
                    (verb, path.to_string())
                }
            };
            grow(&mut tree, api, &path);
            let Some(resource) = tree.get_mut(&path) else { continue };
            let back_end = self.back_end(route);
            let integration = rest::Integration {
                r#type: back_end.r#type.into(),
                http_method: back_end.method,
                connection_type: back_end.uri.is_some().then(|| "INTERNET".into()),
                uri: back_end.uri,
                passthrough_behavior: Some("WHEN_NO_MATCH".into()),
                timeout_in_millis: back_end.timeout_in_millis,
                cache_namespace: Some(resource.id.clone()),
                ..rest::Integration::default()
            };
            let method = rest::Method {
                http_method: verb.into(),
                authorization_type: authorization_type(route),
                authorizer_id: route.authorizer.as_deref().map(authorizer_id),
                method_integration: Some(integration),
                ..rest::Method::default()
            };
            resource.resource_methods.insert(verb.into(), method);
        }
        tree
    }

    /// Those of the file's authorizers that an API uses.
    fn authorizers(&self, api: &model::Api) -> Vec<&'f model::Authorizer> {
        let is_used = |it: &&model::Authorizer| {
            api.routes.iter().any(|route| route.authorizer.as_ref() == Some(&it.name))
        };
        self.model.authorizers.iter().filter(is_used).collect()
    }

    /// What API Gateway invokes a function by.
    fn invocation_arn(&self, function: &str) -> String {
        let (region, account) = (&self.model.aws.region, &self.model.aws.account_id);
        let arn = function_arn(region, account, function);
        format!("arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations")
    }

    fn back_end(&self, route: &model::Route) -> BackEnd {
        match &route.integration {
            Integration::Mock(_) => {
                BackEnd { r#type: "MOCK", uri: None, method: None, timeout_in_millis: 29_000 }
            }
            Integration::HttpProxy(proxy) => {
                let path = match &proxy.path {
                    ProxyPath::AsReceived => "{path}".to_owned(),
                    ProxyPath::Under(prefix) => format!("{prefix}{{path}}"),
                    ProxyPath::Pattern(pattern) => {
                        let names: Vec<&str> = route.key.parameters().collect();
                        let piece = |piece: &PathPiece| match piece {
                            PathPiece::Literal(text) => text.to_string(),
                            PathPiece::Parameter(index) => {
                                format!("{{{}}}", names.get(*index).copied().unwrap_or_default())
                            }
                        };
                        pattern.pieces.iter().map(piece).collect()
                    }
                };
                let upstream = self.model.upstreams.get(proxy.upstream);
                let uri = upstream.map(|upstream| {
                    let scheme = if upstream.tls.is_some() { "https" } else { "http" };
                    format!("{scheme}://{}/{}", upstream.name, path.trim_start_matches('/'))
                });
                BackEnd {
                    r#type: "HTTP_PROXY",
                    uri,
                    method: Some(proxy.method.map_or("ANY", |method| method.name()).into()),
                    timeout_in_millis: proxy.timeout.as_millis() as i64,
                }
            }
            Integration::Lambda(lambda) => {
                let (region, account) = (&self.model.aws.region, &self.model.aws.account_id);
                let name = &lambda.function;
                BackEnd {
                    r#type: "AWS_PROXY",
                    uri: Some(format!("arn:aws:lambda:{region}:{account}:function:{name}")),
                    method: Some("POST".into()),
                    timeout_in_millis: 29_000,
                }
            }
        }
    }
}

/// Who answers, in the words of both services.
struct BackEnd {
    r#type: &'static str,
    uri: Option<String>,
    method: Option<String>,
    timeout_in_millis: i64,
}

fn authorization_type(route: &model::Route) -> String {
    if route.authorizer.is_some() { "CUSTOM".into() } else { "NONE".into() }
}

/// As shards have it.
fn authorizer_id(name: &str) -> String {
    stable_id(name).chars().take(6).collect()
}

/// Where an authorizer looks, in the words of a service.
fn sources<'a>(
    authorizer: &'a model::Authorizer,
    request: &'a str,
    context: &'a str,
) -> impl Iterator<Item = String> + 'a {
    authorizer.identity_sources.iter().map(move |source| match source {
        IdentitySource::Header(name) => format!("{request}header.{name}"),
        IdentitySource::Query(name) => format!("{request}querystring.{name}"),
        IdentitySource::Context(name) => format!("{context}context.{name}"),
    })
}

/// Adds the resource of a path and all above it.
fn grow(tree: &mut BTreeMap<String, rest::Resource>, api: &model::Api, path: &str) {
    if tree.contains_key(path) {
        return;
    }
    let (parent, part) = match path.rsplit_once('/') {
        Some((_, "")) | None => (None, None),
        Some(("", part)) => (Some("/"), Some(part)),
        Some((parent, part)) => (Some(parent), Some(part)),
    };
    if let Some(parent) = parent {
        grow(tree, api, parent);
    }
    let resource = rest::Resource {
        id: part_id(api, path),
        parent_id: parent.map(|parent| part_id(api, parent)),
        path_part: part.map(str::to_owned),
        path: path.to_owned(),
        resource_methods: Map::new(),
    };
    tree.insert(path.to_owned(), resource);
}

fn description(api: &model::Api) -> String {
    let place = match &api.domain {
        Some(domain) => format!("{domain}{}", api.base_path),
        None => format!("{}/", api.base_path),
    };
    format!("Declared in ringgate's configuration file; served at {place}. Read-only here.")
}

fn tags() -> Map {
    let (name, value) = SOURCE_TAG;
    Map::from([(name.to_owned(), value.to_owned())])
}

/// The id of a part of an API: the same after every start.
fn part_id(api: &model::Api, part: &str) -> String {
    stable_id(&format!("{}\n{part}", api.name)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const FILE: &str = r#"
[[api]]
name = "shop"
protocol = "http"
base_path = "/shop"
[[api.route]]
route = "GET /products/{id}"
integration = { type = "http_proxy", upstream = "catalog", path = "/v1/{id}" }
[[upstream]]
name = "catalog"
targets = ["127.0.0.1:9001"]
[[api]]
name = "old"
protocol = "rest"
[[api.route]]
route = "GET /a/b"
integration = { type = "mock", status = 200 }
"#;

    fn get<T: Entity>(nouns: &Nouns, owner: &str) -> Vec<Arc<T>> {
        let of = |(key, object): (&Key, &Arc<dyn Object>)| {
            (key.kind == T::KIND && &*key.owner == owner)
                .then(|| Arc::clone(object).into_any().downcast::<T>().unwrap())
        };
        nouns.iter().filter_map(of).collect()
    }

    #[test]
    fn an_http_api_shows_its_routes_and_back_ends() {
        let model = model::parse(Path::new("f"), FILE.to_owned()).unwrap();
        let nouns = nouns(&model, Timestamp(1));
        let api = &get::<http::Api>(&nouns, "")[0];
        assert_eq!((api.name.as_str(), api.tags["ringgate:source"].as_str()), ("shop", "file"));
        assert!(api.description.as_ref().unwrap().contains("/shop/"));
        let route = &get::<http::Route>(&nouns, &api.api_id)[0];
        assert_eq!(route.route_key, "GET /products/{id}");
        let integration = &get::<http::Integration>(&nouns, &api.api_id)[0];
        assert_eq!(integration.integration_uri.as_deref(), Some("http://catalog/v1/{id}"));
    }

    #[test]
    fn a_rest_api_shows_its_path_tree() {
        let model = model::parse(Path::new("f"), FILE.to_owned()).unwrap();
        let nouns = nouns(&model, Timestamp(1));
        let api = &get::<rest::RestApi>(&nouns, "")[0];
        let resources = get::<rest::Resource>(&nouns, &api.id);
        let mut paths: Vec<_> = resources.iter().map(|resource| resource.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["/", "/a", "/a/b"]);
        let root = resources.iter().find(|resource| resource.path == "/").unwrap();
        assert_eq!(root.id, api.root_resource_id);
        let leaf = resources.iter().find(|resource| resource.path == "/a/b").unwrap();
        assert!(leaf.resource_methods.contains_key("GET"));
    }
}
