//! APIs: defaults, what is refused, updates, quick create.

use crate::aws::Fault;
use crate::management::fixture::Fixture;
use crate::resources::domain::{ApiMapping, DomainName};
use crate::resources::{Draft, Timestamp};
use serde_json::{Value, json};

fn http(fixture: &mut Fixture) -> String {
    make(fixture, json!({"name": "pets", "protocolType": "HTTP"}))
}

fn make(fixture: &mut Fixture, input: Value) -> String {
    let api = fixture.v2("CreateApi", input).expect("it is made");
    api["apiId"].as_str().expect("a text").to_owned()
}

fn bad(fault: &Fault) -> &str {
    assert_eq!((fault.status, fault.kind), (400, "BadRequestException"));
    &fault.message
}

const LAMBDA: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

#[test]
fn an_http_api_is_answered_with_its_defaults() {
    let mut fixture = Fixture::new();
    let api = fixture.v2("CreateApi", json!({"name": "pets", "protocolType": "HTTP"})).unwrap();
    let id = api["apiId"].as_str().unwrap();
    let expected = json!({
        "apiEndpoint": format!("https://{id}.execute-api.us-east-1.localhost"),
        "apiId": id,
        "apiKeySelectionExpression": "$request.header.x-api-key",
        "createdDate": "2026-03-01T10:00:00Z",
        "disableExecuteApiEndpoint": false,
        "ipAddressType": "ipv4",
        "name": "pets",
        "protocolType": "HTTP",
        "routeSelectionExpression": "$request.method $request.path",
        "tags": {},
    });
    assert_eq!(id.len(), 10);
    assert_eq!(api, expected);
    assert_eq!(fixture.v2("GetApi", json!({"apiId": id})).unwrap(), expected);
    assert_eq!(fixture.v2("GetApis", json!({})).unwrap(), json!({"items": [expected]}));
}

#[test]
fn a_web_socket_api_needs_an_expression_and_has_a_wss_endpoint() {
    let mut fixture = Fixture::new();
    let mut input = json!({"name": "chat", "protocolType": "WEBSOCKET"});
    let fault = fixture.v2("CreateApi", input.clone()).unwrap_err();
    assert_eq!(bad(&fault), "Invalid routeSelectionExpression");

    input["routeSelectionExpression"] = "$request.body.action".into();
    input["disableSchemaValidation"] = true.into();
    let api = fixture.v2("CreateApi", input).unwrap();
    assert!(api["apiEndpoint"].as_str().unwrap().starts_with("wss://"));
    assert_eq!(api["routeSelectionExpression"], "$request.body.action");
    assert_eq!(api["disableSchemaValidation"], true);
}

#[test]
fn what_cannot_be_an_api_is_refused() {
    let mut fixture = Fixture::new();
    let base = json!({
        "name": "a", "protocolType": "HTTP", "routeSelectionExpression": "${request.method} ${request.path}"
    });
    let web_socket = json!({
        "name": "a", "protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.action"
    });
    for (from, member, value, message) in [
        (
            &base,
            "protocolType",
            json!("?"),
            "Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]",
        ),
        (&base, "name", json!(""), "Invalid API name specified"),
        (
            &base,
            "name",
            json!("n".repeat(129)),
            "Invalid name specified: at most 128 characters are allowed",
        ),
        (
            &base,
            "routeSelectionExpression",
            json!("$request.body.action"),
            "Route selection expression is currently limited to \"${request.method} ${request.path}\"",
        ),
        (
            &base,
            "apiKeySelectionExpression",
            json!("$request.header.key"),
            "Invalid apiKeySelectionExpression",
        ),
        (
            &base,
            "tags",
            json!({"aws:cloudformation:stack-name": "a"}),
            "Invalid tag key. Tag keys cannot start with 'aws:' (case insensitive)",
        ),
        (
            &web_socket,
            "corsConfiguration",
            json!({}),
            "Cors is not supported for WEBSOCKET protocolType",
        ),
        (
            &web_socket,
            "target",
            json!("https://example.com"),
            "Quick create is not supported for WEBSOCKET protocolType",
        ),
    ] {
        let mut input = from.clone();
        input[member] = value;
        assert_eq!(bad(&fixture.v2("CreateApi", input).unwrap_err()), message);
    }
    assert!(fixture.state.is_empty(), "a refused call leaves nothing");
    fixture.v2("CreateApi", base).expect("the form with braces is accepted");
}

#[test]
fn cross_origin_rules_are_checked_stored_and_removed() {
    let mut fixture = Fixture::new();
    let wrong =
        |cors: Value| json!({"name": "a", "protocolType": "HTTP", "corsConfiguration": cors});
    for (cors, message) in [
        (
            json!({"allowCredentials": true, "allowOrigins": ["*"]}),
            "allow-credentials is not supported if 'allow-origin' is *",
        ),
        (
            json!({"allowOrigins": ["google.com"]}),
            "Invalid allowOrigins specified: google.com. An origin is * or begins with http:// or https://",
        ),
        (
            json!({"maxAge": 86401}),
            "Invalid maxAge specified. It must be between -1 and 86400 seconds",
        ),
        (
            json!({"maxAge": -2}),
            "Invalid maxAge specified. It must be between -1 and 86400 seconds",
        ),
    ] {
        assert_eq!(bad(&fixture.v2("CreateApi", wrong(cors)).unwrap_err()), message);
    }
    let id = http(&mut fixture);
    // As Terraform sends it: all six members, the order and the case kept.
    let cors = json!({
        "allowCredentials": true,
        "allowHeaders": [],
        "allowMethods": ["*"],
        "allowOrigins": ["https://example.io", "HTTP://WWW.EXAMPLE.ORG"],
        "exposeHeaders": ["X-Api-Id"],
        "maxAge": 86400,
    });
    let api = fixture.v2("UpdateApi", json!({"apiId": id, "corsConfiguration": cors})).unwrap();
    let mut expected = cors.clone();
    expected.as_object_mut().unwrap().remove("allowHeaders");
    assert_eq!(api["corsConfiguration"], expected);
    for _ in 0..2 {
        let answer = fixture.v2("DeleteCorsConfiguration", json!({"apiId": id})).unwrap();
        assert_eq!(answer, Value::Null, "also when there is none any more");
    }
    let api = fixture.v2("GetApi", json!({"apiId": id})).unwrap();
    assert_eq!(api.get("corsConfiguration"), None);
}

#[test]
fn an_update_replaces_what_it_names_and_empty_texts_clear() {
    let mut fixture = Fixture::new();
    let id = make(
        &mut fixture,
        json!({
            "name": "pets", "protocolType": "HTTP", "description": "d", "version": "v1",
            "disableExecuteApiEndpoint": true, "tags": {"a": "1"}, "ipAddressType": "dualstack",
        }),
    );
    fixture.now = Timestamp(fixture.now.0 + 60);
    let api = fixture.v2("UpdateApi", json!({"apiId": id, "name": "cats"})).unwrap();
    assert_eq!(api["name"], "cats");
    assert_eq!((&api["description"], &api["version"]), (&json!("d"), &json!("v1")));
    assert_eq!(api["ipAddressType"], "dualstack");
    assert_eq!(api["createdDate"], "2026-03-01T10:00:00Z");
    assert_eq!(api["tags"], json!({"a": "1"}));

    // Terraform, after a reimport or when an attribute is dropped.
    let cleared =
        json!({"apiId": id, "description": "", "version": "", "disableExecuteApiEndpoint": false});
    let api = fixture.v2("UpdateApi", cleared).unwrap();
    assert_eq!((api.get("description"), api.get("version")), (None, None));
    assert_eq!(api["disableExecuteApiEndpoint"], false);
    let fault = fixture.v2("UpdateApi", json!({"apiId": id, "name": ""})).unwrap_err();
    assert_eq!(bad(&fault), "Invalid API name specified");
}

#[test]
fn an_unknown_api_is_told_with_the_account() {
    let mut fixture = Fixture::new();
    let id = http(&mut fixture);
    for (operation, wrong) in [
        ("GetApi", "unknown".to_owned()),
        ("UpdateApi", id.to_uppercase()),
        ("DeleteApi", "unknown".into()),
    ] {
        let fault = fixture.v2(operation, json!({"apiId": wrong})).unwrap_err();
        assert_eq!((fault.status, fault.kind), (404, "NotFoundException"));
        let text = format!("Invalid API identifier specified 000000000000:{wrong}");
        assert_eq!(fault.message, text);
    }
}

#[test]
fn apis_come_in_pages() {
    let mut fixture = Fixture::new();
    for _ in 0..3 {
        http(&mut fixture);
    }
    let first = fixture.v2("GetApis", json!({"maxResults": "2"})).unwrap();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let next = json!({"maxResults": "2", "nextToken": first["nextToken"]});
    let second = fixture.v2("GetApis", next).unwrap();
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert_eq!(second.get("nextToken"), None);
    for wrong in ["0", "501", "x"] {
        let fault = fixture.v2("GetApis", json!({"maxResults": wrong})).unwrap_err();
        assert_eq!(fault.kind, "BadRequestException");
    }
}

#[test]
fn deleting_an_api_deletes_everything_of_it_and_nothing_else() {
    let mut fixture = Fixture::new();
    let other = http(&mut fixture);
    let before = fixture.state.len();
    let id = make(
        &mut fixture,
        json!({"name": "quick", "protocolType": "HTTP", "target": "https://example.com"}),
    );
    assert!(fixture.state.len() > before + 4);
    assert_eq!(fixture.v2("DeleteApi", json!({"apiId": id})).unwrap(), Value::Null);
    assert_eq!(fixture.state.len(), before);
    fixture.v2("GetApi", json!({"apiId": other})).expect("the other one stays");
}

#[test]
fn a_mapped_api_cannot_be_deleted() {
    let mut fixture = Fixture::new();
    let id = http(&mut fixture);
    let mut draft = Draft::new(&fixture.state, "us-east-1");
    let name = DomainName { domain_name: "api.example.com".into(), ..Default::default() };
    draft.put("", "api.example.com", name);
    let mapping = ApiMapping { api_id: id.clone(), stage: Some("v1".into()), ..Default::default() };
    draft.put("api.example.com", "(none)", mapping);
    let (touched, _) = draft.finish();
    fixture.state.apply(touched);

    let fault = fixture.v2("DeleteApi", json!({"apiId": id})).unwrap_err();
    let expected = format!(
        "Deleting API {id} failed. Please remove all API mappings for the API from your custom domain names."
    );
    assert_eq!(bad(&fault), expected);

    fixture.v2("CreateStage", json!({"apiId": id, "stageName": "v1"})).unwrap();
    fixture.v2("CreateStage", json!({"apiId": id, "stageName": "v2"})).unwrap();
    let fault = fixture.v2("DeleteStage", json!({"apiId": id, "stageName": "v1"})).unwrap_err();
    assert!(bad(&fault).starts_with("Deleting stage v1 failed."));
    fixture.v2("DeleteStage", json!({"apiId": id, "stageName": "v2"})).unwrap();
}

#[test]
fn quick_create_makes_three_managed_parts_that_serve_at_once() {
    for (target, kind, method, format) in
        [("https://example.com", "HTTP_PROXY", "ANY", "1.0"), (LAMBDA, "AWS_PROXY", "POST", "2.0")]
    {
        let mut fixture = Fixture::new();
        let input = json!({"name": "q", "protocolType": "HTTP", "target": target, "credentialsArn": "arn:aws:iam::1:role/r"});
        let api = fixture.v2("CreateApi", input).unwrap();
        for hidden in ["target", "quickCreate", "routeKey"] {
            assert_eq!(api.get(hidden), None);
        }
        let id = &api["apiId"];
        let integrations = fixture.v2("GetIntegrations", json!({"apiId": id})).unwrap();
        let integration = &integrations["items"][0];
        assert_eq!(integration["integrationType"], kind);
        assert_eq!(integration["integrationMethod"], method);
        assert_eq!(integration["payloadFormatVersion"], format);
        assert_eq!(integration["integrationUri"], target);
        assert_eq!(integration["credentialsArn"], "arn:aws:iam::1:role/r");
        assert_eq!(integration["apiGatewayManaged"], true);
        let integration_id = integration["integrationId"].as_str().unwrap();
        assert_eq!(integration_id.len(), 7);

        let routes = fixture.v2("GetRoutes", json!({"apiId": id})).unwrap();
        let route = &routes["items"][0];
        assert_eq!(route["routeKey"], "$default");
        assert_eq!(route["target"], format!("integrations/{integration_id}"));
        assert_eq!(route["apiGatewayManaged"], true);

        let stage = fixture.v2("GetStage", json!({"apiId": id, "stageName": "$default"})).unwrap();
        assert_eq!(
            (&stage["autoDeploy"], &stage["apiGatewayManaged"]),
            (&json!(true), &json!(true))
        );
        assert!(stage["deploymentId"].is_string(), "it serves at once");

        for (operation, input) in [
            ("DeleteIntegration", json!({"apiId": id, "integrationId": integration_id})),
            ("DeleteRoute", json!({"apiId": id, "routeId": route["routeId"]})),
            ("DeleteStage", json!({"apiId": id, "stageName": "$default"})),
            ("UpdateRoute", json!({"apiId": id, "routeId": route["routeId"], "routeKey": "GET /"})),
        ] {
            let fault = fixture.v2(operation, input).unwrap_err();
            assert!(bad(&fault).contains("managed by its API"), "{operation}: {}", fault.message);
        }
        // Everything else about them may be changed.
        let input = json!({"apiId": id, "integrationId": integration_id, "timeoutInMillis": 1000});
        fixture.v2("UpdateIntegration", input).unwrap();
        let input = json!({"apiId": id, "stageName": "$default", "description": "d"});
        fixture.v2("UpdateStage", input).unwrap();
    }
}

#[test]
fn quick_create_can_be_updated_through_the_api_alone() {
    let mut fixture = Fixture::new();
    let input =
        json!({"name": "q", "protocolType": "HTTP", "target": LAMBDA, "routeKey": "GET /a"});
    let id = make(&mut fixture, input);
    let update = json!({"apiId": id, "target": "http://example.com", "routeKey": "ANY /b", "credentialsArn": "arn:aws:iam::1:role/r"});
    fixture.v2("UpdateApi", update).unwrap();
    let integrations = fixture.v2("GetIntegrations", json!({"apiId": id})).unwrap();
    assert_eq!(integrations["items"][0]["integrationType"], "HTTP_PROXY");
    assert_eq!(integrations["items"][0]["credentialsArn"], "arn:aws:iam::1:role/r");
    let routes = fixture.v2("GetRoutes", json!({"apiId": id})).unwrap();
    assert_eq!(routes["items"][0]["routeKey"], "ANY /b");

    let plain = http(&mut fixture);
    let fault = fixture.v2("UpdateApi", json!({"apiId": plain, "target": LAMBDA})).unwrap_err();
    assert!(bad(&fault).contains("created with a target"));
    for (input, message) in [
        (
            json!({"name": "q", "protocolType": "HTTP", "target": "ftp://a"}),
            "Invalid target specified: ftp://a. A target is a URL or the ARN of a Lambda function",
        ),
        (
            json!({"name": "q", "protocolType": "HTTP", "routeKey": "GET /"}),
            "Target must be set when RouteKey or CredentialsArn is set",
        ),
    ] {
        assert_eq!(bad(&fixture.v2("CreateApi", input).unwrap_err()), message);
    }
}

#[test]
fn regions_do_not_see_each_others_apis() {
    let mut fixture = Fixture::new();
    let id = http(&mut fixture);
    fixture.region = "eu-west-1".into();
    assert_eq!(fixture.v2("GetApis", json!({})).unwrap(), json!({"items": []}));
    assert_eq!(fixture.v2("GetApi", json!({"apiId": id})).unwrap_err().status, 404);
    let api = fixture.v2("CreateApi", json!({"name": "b", "protocolType": "HTTP"})).unwrap();
    assert!(api["apiEndpoint"].as_str().unwrap().contains(".execute-api.eu-west-1."));
}
