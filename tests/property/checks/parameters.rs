//! Parameter mappings of REST and HTTP APIs from anybody, with requests and answers from anybody: what
//! leaves is one request, what is answered is one answer, and no value becomes a field of its own.

use ringgate::exchange::integrate::http_proxy::{self, Made};
use ringgate::exchange::transform::{self, Scratch};
use ringgate::exchange::{ClientFacts, Context, Exchange, Ids, MethodRequest, admit, route};
use ringgate::explain::{Asked, Reply, World, explain};
use ringgate::http::{self, Fields, HeadLimits, RequestKind};
use ringgate::model;
use ringgate::resources::http as v2;
use ringgate::resources::http_stage;
use ringgate::resources::rest::{
    Integration as Declared, IntegrationResponse, Map, Method, MethodResponse, Resource, RestApi,
};
use ringgate::resources::rest_stage;
use ringgate::snapshot::managed::{
    BinaryTypes, CompiledStage, ManagedDelta, StageChange, StagePlace, compile_http_stage,
    compile_rest_stage,
};
use ringgate::snapshot::{Integration, Managed, Snapshot, compile};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// As shards have them, with room for what mappings add.
const LIMITS: HeadLimits =
    HeadLimits { request_line_bytes: 1 << 20, head_bytes: 1 << 20, fields: http::FIELDS_MAX };

/// Lines of fields that are given: with what a gateway adds they are no more than can be read.
const GIVEN_FIELDS_MAX: usize = 64;

/// A field that must not be there, unless a mapping is called so.
const SMUGGLED: &str = "x-smuggled";

/// Who asks, and of what a request is made.
struct Given<'t> {
    /// `target=value` lines.
    request: &'t str,
    /// The same.
    response: &'t str,
    /// Behind the stage's path.
    target: &'t str,
    /// Lines of the request's and of the answer's head.
    fields: &'t str,
    /// Of the request and of the answer.
    content: &'t str,
}

/// `text`: request mappings, response mappings, a path, fields, content, with NUL bytes between.
pub(crate) fn check(text: &str) {
    let mut parts = text.splitn(5, '\0');
    let mut next = || parts.next().unwrap_or_default();
    let given = Given {
        request: next(),
        response: next(),
        target: next(),
        fields: next(),
        content: next(),
    };
    if given.fields.lines().count() > GIVEN_FIELDS_MAX {
        return;
    }
    for stage in [rest_stage(&given), http_stage(&given)] {
        leaving(&stage, &given);
        answered(stage, &given);
    }
}

fn mappings(text: &str) -> Map {
    let lines = text.lines().take(20).filter_map(|line| line.split_once('='));
    lines.map(|(target, value)| (target.to_owned(), value.to_owned())).collect()
}

fn variables() -> Map {
    [("v".to_owned(), "variable".to_owned())].into()
}

fn rest_stage(given: &Given<'_>) -> CompiledStage {
    let request_parameters: Map = mappings(given.request);
    let response_parameters = mappings(given.response);
    let declared = |map: &Map, side: &str| -> Map<bool> {
        // What a mapping names must be declared by the method.
        let named = map.iter().flat_map(|(target, value)| [target, value]);
        named.filter(|name| name.starts_with(side)).map(|name| (name.clone(), false)).collect()
    };
    let method = Method {
        http_method: "POST".into(),
        authorization_type: "NONE".into(),
        request_parameters: declared(&request_parameters, "method.request."),
        method_responses: [(
            "200".to_owned(),
            MethodResponse {
                status_code: "200".into(),
                response_parameters: Some(declared(&response_parameters, "method.response.")),
                ..MethodResponse::default()
            },
        )]
        .into(),
        method_integration: Some(Declared {
            r#type: "HTTP".into(),
            http_method: Some("POST".into()),
            uri: Some("http://back.test/base/{p}/{q}?fixed=1&{r}".into()),
            request_parameters,
            integration_responses: [(
                "200".to_owned(),
                IntegrationResponse {
                    status_code: "200".into(),
                    response_parameters: Some(response_parameters),
                    ..IntegrationResponse::default()
                },
            )]
            .into(),
            ..Declared::default()
        }),
        ..Method::default()
    };
    let resource = Resource {
        id: "aaaaaa".into(),
        path: "/x/{a}/{proxy+}".into(),
        path_part: Some("{proxy+}".into()),
        resource_methods: [("POST".to_owned(), method)].into(),
        ..Resource::default()
    };
    let definition = rest_stage::Definition {
        api: Arc::new(RestApi { id: "rest000000".into(), ..RestApi::default() }),
        resources: vec![Arc::new(resource)],
        ..rest_stage::Definition::default()
    };
    let stage = rest_stage::Stage {
        stage_name: "prod".into(),
        variables: variables(),
        ..rest_stage::Stage::default()
    };
    compile_rest_stage(&StagePlace::of("us-east-1", "1", "rest000000"), &stage, &definition, None)
}

fn http_stage(given: &Given<'_>) -> CompiledStage {
    let integration = v2::Integration {
        integration_id: "i".into(),
        integration_type: "HTTP_PROXY".into(),
        integration_method: Some("ANY".into()),
        integration_uri: Some("http://back.test/base/{a}".into()),
        connection_type: "INTERNET".into(),
        payload_format_version: Some("1.0".into()),
        request_parameters: mappings(given.request),
        response_parameters: [("200".to_owned(), mappings(given.response))].into(),
        timeout_in_millis: 30_000,
        ..v2::Integration::default()
    };
    let route = v2::Route {
        route_id: "r".into(),
        route_key: "POST /x/{a}/{proxy+}".into(),
        target: Some("integrations/i".into()),
        authorization_type: "NONE".into(),
        ..v2::Route::default()
    };
    let definition = http_stage::Definition {
        api: Arc::new(v2::Api {
            api_id: "http000000".into(),
            protocol_type: "HTTP".into(),
            ..v2::Api::default()
        }),
        routes: vec![Arc::new(route)],
        integrations: vec![Arc::new(integration)],
        ..http_stage::Definition::default()
    };
    let stage = http_stage::Stage {
        stage_name: "prod".into(),
        stage_variables: variables(),
        ..http_stage::Stage::default()
    };
    compile_http_stage(&StagePlace::of("us-east-1", "1", "http000000"), &stage, &definition)
}

fn snapshot() -> Snapshot {
    thread_local! {
        static EMPTY: Snapshot =
            compile(&model::parse(Path::new("none"), String::new()).expect("nothing is wrong with it"), 0, 0);
    }
    EMPTY.with(Clone::clone)
}

/// A request's head that a client could send, if that is one.
fn head(api: &str, given: &Given<'_>) -> Vec<u8> {
    let length = given.content.len();
    let fields = given.fields.replace('\n', "\r\n");
    let (target, end) = (given.target, if fields.is_empty() { "" } else { "\r\n" });
    format!(
        "POST /_aws/execute-api/{api}/prod/x/{target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n{fields}{end}\r\n"
    )
    .into()
}

/// Whether a line break made a field of a value.
fn is_smuggled(given: &Given<'_>, name: &str) -> bool {
    let told = format!("{}{}{}", given.request, given.response, given.fields).to_ascii_lowercase();
    name.eq_ignore_ascii_case(SMUGGLED) && !told.contains(SMUGGLED)
}

fn leaving(compiled: &CompiledStage, given: &Given<'_>) {
    let raw = head(&compiled.stage.api_id, given);
    let mut fields = Fields::new();
    let Ok(Some(head)) = http::request_head(&raw, &mut fields, &LIMITS) else { return };
    if head.head_bytes != raw.len() {
        return;
    }
    let (snapshot, mut managed) = (snapshot(), Managed::new([1, 2, 3, 4]));
    managed.change_stage(StageChange::Put(Box::new(compiled.stage.clone())));
    let address = ([127, 0, 0, 1], 80).into();
    let client =
        ClientFacts { peer: address, local: address, is_tls: false, peer_is_trusted: false };
    let ids = Ids::new([1, 2, 3, 4]);
    let mut exchange = Exchange::new(&snapshot, &managed, &head, &fields, &client, ids);
    exchange.received = Duration::from_secs(1_772_359_200);
    exchange.content = Some(given.content.as_bytes());
    if admit::admit(&mut exchange, || 0).is_err() {
        return;
    }
    let Ok(route) = route::route(&mut exchange) else { return };
    let types = BinaryTypes::default();
    let mut scratch = Scratch::new(1);
    let request;
    let (proxy, made) = match &route.integration {
        Integration::HttpProxy(proxy) => (proxy, None),
        Integration::Mapped(mapped) => {
            let Some(proxy) = &mapped.proxy else { return };
            request = MethodRequest::of(&exchange, Context::of(&exchange));
            match transform::request(&mapped.plan, &request, &types, &mut scratch) {
                Ok(made) => (&**proxy, Some(made)),
                Err(_) => return,
            }
        }
        _ => return,
    };
    let made = made.as_ref().map(|made| Made {
        content_bytes: made.content.len(),
        is_made: made.is_made,
        overrides: &made.overrides,
    });
    let mut written = Vec::new();
    let made = made.as_ref();
    let place = http_proxy::request_head(&exchange, proxy, made, &mut written);
    let Ok(place) = place else { return };
    if !place.is_mapped {
        written.splice(place.at..place.at, *b"host: back.test\r\n");
    }
    let mut sent = Fields::new();
    let read = http::request_head(&written, &mut sent, &LIMITS);
    let shown = String::from_utf8_lossy(&written);
    // A `Host` that is mapped is whatever the mapping says; that it is no host is for the back end to say.
    let is_mapped = given.request.to_ascii_lowercase().contains("header.host");
    if is_mapped && matches!(&read, Err(refused) if refused.cause() == "host invalid") {
        return;
    }
    let read = read.unwrap_or_else(|refused| panic!("{}: {shown}", refused.cause()));
    let read = read.unwrap_or_else(|| panic!("it has no end: {shown}"));
    assert_eq!(read.head_bytes, written.len(), "more than one request: {shown}");
    assert_eq!(read.method, "POST");
    let path = read.target.path();
    assert!(!http::path::has_dot_segment(path), "{shown}");
    for field in sent.iter() {
        let name = String::from_utf8_lossy(field.name);
        assert!(!is_smuggled(given, &name), "{shown}");
    }
    let length = sent.iter().filter(|it| it.known == http::Known::ContentLength).count();
    assert!(length <= 1, "{shown}");
}

fn answered(stage: CompiledStage, given: &Given<'_>) {
    let api = stage.stage.api_id.clone();
    let delta =
        ManagedDelta { stages: vec![StageChange::Put(Box::new(stage))], ..ManagedDelta::default() };
    let world = World::new(snapshot(), delta);
    let fields = given.fields.replace('\n', "\r\n");
    let length = given.content.len();
    let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{fields}\r\n\r\n");
    let address = ([127, 0, 0, 1], 80).into();
    let asked = Asked {
        head: head(&api, given),
        content: given.content.into(),
        peer: address,
        local: address,
        is_tls: false,
        received: Duration::from_secs(1_772_359_200),
        random: [1, 2, 3, 4],
        reply: Some(Reply { head: reply.into(), content: given.content.into() }),
        verdict: None,
    };
    let told = explain(&world, &asked);
    let Some(answer) = told.answer else { return };
    let (head, _) = answer.text.split_once("\n\n").unwrap_or((&answer.text, ""));
    let head = format!("{}\r\n\r\n", head.replace('\n', "\r\n"));
    let mut fields = Fields::new();
    let read = http::response_head(head.as_bytes(), &mut fields, &LIMITS, RequestKind::Other);
    let read = read.unwrap_or_else(|bad| panic!("{}: {head}", bad.cause()));
    assert_eq!(read.expect("it has an end").status, answer.status, "{head}");
    for field in fields.iter() {
        let name = String::from_utf8_lossy(field.name);
        assert!(!is_smuggled(given, &name), "{head}");
    }
}
