//! For tests: an API put straight into the state, so that a test of one operation does not hang on
//! the operations that make an API.

use super::super::fixture::Fixture;
use crate::resources::rest::{
    EndpointConfiguration, Integration, IntegrationResponse, Map, Method, MethodResponse, Resource,
    RestApi,
};
use crate::resources::{Draft, Entity};

/// The API's id.
pub(super) const API: &str = "a1b2c3d4e5";

/// Nouns in memory with the API: `GET /` and `GET /pets`, both mocks that answer 200.
pub(super) fn fixture() -> Fixture {
    let mut fixture = bare();
    put(&mut fixture, API, "root000000", resource("root000000", "/", method("GET")));
    put(&mut fixture, API, "pets01", resource("pets01", "/pets", method("GET")));
    fixture
}

/// As [`fixture`], without resources.
pub(super) fn bare() -> Fixture {
    let mut fixture = Fixture::new();
    let api = RestApi {
        id: API.into(),
        name: "shop".into(),
        api_key_source: "HEADER".into(),
        endpoint_configuration: EndpointConfiguration {
            types: vec!["REGIONAL".into()],
            ..EndpointConfiguration::default()
        },
        root_resource_id: "root000000".into(),
        ..RestApi::default()
    };
    put(&mut fixture, "", API, api);
    fixture
}

/// A resource with one method.
pub(super) fn resource(id: &str, path: &str, method: Method) -> Resource {
    Resource {
        id: id.into(),
        path: path.into(),
        resource_methods: Map::from([(method.http_method.clone(), method)]),
        ..Resource::default()
    }
}

/// A method with a mock that answers 200 and `{"pets": "all"}`.
pub(super) fn method(verb: &str) -> Method {
    let template = |text: &str| Map::from([("application/json".to_owned(), Some(text.to_owned()))]);
    let response = IntegrationResponse {
        status_code: "200".into(),
        response_templates: Some(template("{\"pets\": \"all\"}")),
        ..IntegrationResponse::default()
    };
    let declared = MethodResponse { status_code: "200".into(), ..MethodResponse::default() };
    Method {
        http_method: verb.into(),
        authorization_type: "NONE".into(),
        method_responses: Map::from([("200".to_owned(), declared)]),
        method_integration: Some(Integration {
            r#type: "MOCK".into(),
            request_templates: template("{\"statusCode\": 200}"),
            passthrough_behavior: Some("WHEN_NO_MATCH".into()),
            timeout_in_millis: 29_000,
            integration_responses: Map::from([("200".to_owned(), response)]),
            ..Integration::default()
        }),
        ..Method::default()
    }
}

/// Puts any noun where it belongs.
pub(super) fn put<T: Entity>(fixture: &mut Fixture, owner: &str, id: &str, noun: T) {
    let mut draft = Draft::new(&fixture.state, &fixture.region);
    draft.put(owner, id, noun);
    let (touched, _) = draft.finish();
    fixture.state.apply(touched);
}

/// The error type and message with which an operation refuses.
pub(super) fn refusal(fixture: &mut Fixture, name: &str, input: serde_json::Value) -> String {
    let fault = fixture.v1(name, input).expect_err("it is refused");
    format!("{} {}: {}", fault.status, fault.kind, fault.message)
}
