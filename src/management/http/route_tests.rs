//! Routes, route responses, models and authorizers: what refers to each other.

use crate::aws::Fault;
use crate::management::fixture::Fixture;
use serde_json::{Value, json};

/// An API, and calls on it.
struct Api {
    fixture: Fixture,
    id: String,
}

impl Api {
    fn new(input: Value) -> Self {
        let mut fixture = Fixture::new();
        let api = fixture.v2("CreateApi", input).unwrap();
        Self { fixture, id: api["apiId"].as_str().unwrap().to_owned() }
    }

    fn http() -> Self {
        Self::new(json!({"name": "a", "protocolType": "HTTP"}))
    }

    fn web_socket() -> Self {
        Self::new(json!({
            "name": "a", "protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.action"
        }))
    }

    fn call(&mut self, operation: &str, mut input: Value) -> Result<Value, Fault> {
        input["apiId"] = self.id.clone().into();
        self.fixture.v2(operation, input)
    }

    fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap()
    }

    #[track_caller]
    fn refused(&mut self, operation: &str, input: Value) -> (u16, String) {
        let fault = self.call(operation, input).unwrap_err();
        let kind = match fault.status {
            400 => "BadRequestException",
            404 => "NotFoundException",
            _ => "ConflictException",
        };
        assert_eq!(fault.kind, kind);
        (fault.status, fault.message)
    }

    fn jwt(&mut self, name: &str) -> Value {
        self.ok("CreateAuthorizer", jwt(name))["authorizerId"].clone()
    }

    fn integration(&mut self) -> String {
        let input = json!({
            "integrationType": "HTTP_PROXY", "integrationMethod": "ANY", "integrationUri": "https://example.com"
        });
        self.ok("CreateIntegration", input)["integrationId"].as_str().unwrap().to_owned()
    }
}

fn jwt(name: &str) -> Value {
    json!({
        "authorizerType": "JWT", "name": name, "identitySource": ["$request.header.Authorization"],
        "jwtConfiguration": {"issuer": "https://issuer.example", "audience": ["test"]},
    })
}

fn lambda(name: &str) -> Value {
    json!({
        "authorizerType": "REQUEST", "name": name, "identitySource": [],
        "authorizerUri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f/invocations",
    })
}

fn text(status: u16, message: &str) -> (u16, String) {
    (status, message.to_owned())
}

#[test]
fn a_route_is_answered_with_its_defaults() {
    let mut api = Api::http();
    let route = api.ok("CreateRoute", json!({"routeKey": "GET /"}));
    let id = route["routeId"].clone();
    assert_eq!(id.as_str().unwrap().len(), 7);
    let expected = json!({
        "apiKeyRequired": false, "authorizationType": "NONE", "routeId": id, "routeKey": "GET /"
    });
    assert_eq!(route, expected);
    assert_eq!(api.ok("GetRoute", json!({"routeId": id})), expected);
    assert_eq!(api.ok("GetRoutes", json!({})), json!({"items": [expected]}));
    assert_eq!(api.ok("DeleteRoute", json!({"routeId": id})), Value::Null);
    let gone = format!("Invalid Route identifier specified {}", id.as_str().unwrap());
    for operation in ["GetRoute", "UpdateRoute", "DeleteRoute"] {
        assert_eq!(api.refused(operation, json!({"routeId": id})), text(404, &gone));
    }
}

#[test]
fn route_keys_of_http_apis_have_a_form() {
    let mut api = Api::http();
    let form = "The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> /<RESOURCE PATH>\" or \"$default\"";
    for key in
        ["", "GET", "/items", "FETCH /items", "TRACE /items", "GET items", "$connect", "get /a"]
    {
        assert_eq!(api.refused("CreateRoute", json!({"routeKey": key})), text(400, form), "{key}");
    }
    for key in ["GET /{a+}/b", "GET /a{b}", "GET /a//b", "GET /{a}/{a}"] {
        let (status, message) = api.refused("CreateRoute", json!({"routeKey": key}));
        assert_eq!(status, 400);
        assert!(
            message.starts_with("The provided route key is not formatted properly"),
            "{message}"
        );
    }
    for key in ["$default", "ANY /{proxy+}", "GET /items/{id}", "GET /items/", "DELETE /"] {
        api.ok("CreateRoute", json!({"routeKey": key}));
    }
}

#[test]
fn a_route_key_is_taken_once() {
    let mut api = Api::http();
    api.ok("CreateRoute", json!({"routeKey": "GET /pets/{id}"}));
    let other = api.ok("CreateRoute", json!({"routeKey": "POST /pets/{name}"}))["routeId"].clone();
    let double = text(409, "Route with key GET /pets/{id} already exists for this API");
    assert_eq!(api.refused("CreateRoute", json!({"routeKey": "GET /pets/{id}"})), double);
    let input = json!({"routeId": other, "routeKey": "GET /pets/{id}"});
    assert_eq!(api.refused("UpdateRoute", input), double);
    let conflict = "The provided route key \"GET /pets/{name}\" has a conflicting variable on the same hierarchical level as \"GET /pets/{id}\"";
    let input = json!({"routeKey": "GET /pets/{name}"});
    assert_eq!(api.refused("CreateRoute", input), text(409, conflict));
    // Neither is the same request: another variable's place, a greedy one, another depth.
    for key in
        ["GET /{kind}/pets", "GET /pets/{rest+}", "GET /pets/{name}/toys", "ANY /pets/{name}"]
    {
        api.ok("CreateRoute", json!({"routeKey": key}));
    }
    // Keeping its own key is no conflict.
    api.ok("UpdateRoute", json!({"routeId": other, "routeKey": "POST /pets/{id}"}));
}

#[test]
fn a_target_is_an_integration_of_the_api() {
    let mut api = Api::http();
    let integration = api.integration();
    let malformed = "Unexpected or malformed target in route. Correct format should be integrations/<integration_id>.";
    let input = json!({"routeKey": "GET /", "target": integration});
    assert_eq!(api.refused("CreateRoute", input), text(400, malformed));
    let input = json!({"routeKey": "GET /", "target": "integrations/nothing"});
    let unknown = text(400, "Invalid Integration identifier specified nothing");
    assert_eq!(api.refused("CreateRoute", input), unknown);

    let input = json!({"routeKey": "GET /", "target": format!("integrations/{integration}")});
    let route = api.ok("CreateRoute", input)["routeId"].clone();
    let used = format!(
        "Cannot delete Integration because it is referenced by the following Routes with Ids: [{}]",
        route.as_str().unwrap()
    );
    let delete = json!({"integrationId": integration});
    assert_eq!(api.refused("DeleteIntegration", delete.clone()), text(409, &used));
    let updated = api.ok("UpdateRoute", json!({"routeId": route, "target": ""}));
    assert_eq!(updated.get("target"), None);
    assert_eq!(api.ok("DeleteIntegration", delete), Value::Null);
}

#[test]
fn authorization_needs_an_authorizer_of_its_kind() {
    let mut api = Api::http();
    let mut request = lambda("l");
    request["authorizerPayloadFormatVersion"] = "2.0".into();
    let custom = api.ok("CreateAuthorizer", request)["authorizerId"].clone();
    let tokens = api.jwt("j");
    let no_custom = "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.";
    let no_jwt = "Invalid authorizer ID specified. Setting the authorization type to JWT requires a valid JWT authorizer.";
    for (kind, authorizer, message) in [
        ("CUSTOM", &Value::Null, no_custom),
        ("CUSTOM", &tokens, no_custom),
        ("JWT", &custom, no_jwt),
        ("JWT", &json!("nothing"), no_jwt),
    ] {
        let input =
            json!({"routeKey": "GET /", "authorizationType": kind, "authorizerId": authorizer});
        assert_eq!(api.refused("CreateRoute", input), text(400, message));
    }
    let scopes = json!({"routeKey": "GET /", "authorizationScopes": ["a"]});
    let message =
        "Authorization Scopes are only valid for COGNITO_USER_POOLS and JWT authorization type";
    assert_eq!(api.refused("CreateRoute", scopes), text(400, message));
    let key = json!({"routeKey": "GET /", "apiKeyRequired": true});
    let message = "ApiKeyRequired is not currently supported for HTTP APIs.";
    assert_eq!(api.refused("CreateRoute", key), text(400, message));
    for (count, passes) in [(10, true), (11, false)] {
        let scopes: Vec<String> = (0..count).map(|index| format!("s{index}")).collect();
        let input = json!({
            "routeKey": format!("GET /{count}"), "authorizationType": "JWT", "authorizerId": tokens,
            "authorizationScopes": scopes,
        });
        assert_eq!(api.call("CreateRoute", input).is_ok(), passes);
    }
}

#[test]
fn only_another_type_drops_an_authorizer() {
    let mut api = Api::http();
    let tokens = api.jwt("j");
    let input = json!({
        "routeKey": "GET /test", "authorizationType": "JWT", "authorizerId": tokens,
        "authorizationScopes": ["user.email", "user.id"],
    });
    let route = api.ok("CreateRoute", input)["routeId"].clone();
    let kept = api.ok("UpdateRoute", json!({"routeId": route, "authorizerId": ""}));
    assert_eq!(kept["authorizerId"], tokens, "an empty id alone keeps it");

    // Terraform resends the type with another authorizer.
    let another = api.jwt("another");
    let input = json!({
        "routeId": route, "authorizationType": "JWT", "authorizerId": another, "authorizationScopes": ["user.id"]
    });
    let updated = api.ok("UpdateRoute", input);
    assert_eq!(updated["authorizerId"], another);
    assert_eq!(updated["authorizationScopes"], json!(["user.id"]));

    let used = text(409, "Cannot delete authorizer 'another', is referenced in route: GET /test");
    let delete = json!({"authorizerId": another});
    assert_eq!(api.refused("DeleteAuthorizer", delete.clone()), used);
    let open = api.ok("UpdateRoute", json!({"routeId": route, "authorizationType": "NONE"}));
    assert_eq!((open.get("authorizerId"), open.get("authorizationScopes")), (None, None));
    assert_eq!(api.ok("DeleteAuthorizer", delete), Value::Null);
}

#[test]
fn keys_and_authorization_of_web_socket_routes() {
    let mut api = Api::web_socket();
    for key in ["$connect", "$disconnect", "$default", "chat/join", "send message"] {
        api.ok("CreateRoute", json!({"routeKey": key, "apiKeyRequired": key == "$connect"}));
    }
    for key in ["", "$other"] {
        assert_eq!(api.refused("CreateRoute", json!({"routeKey": key})).0, 400);
    }
    let double = text(409, "Route with key chat/join already exists for this API");
    assert_eq!(api.refused("CreateRoute", json!({"routeKey": "chat/join"})), double);
    let elsewhere = "Currently, authorization is restricted to the $connect route only";
    let input = json!({"routeKey": "list", "authorizationType": "AWS_IAM"});
    assert_eq!(api.refused("CreateRoute", input), text(400, elsewhere));
    let input = json!({"routeKey": "list", "authorizationType": "JWT"});
    let wrong = text(400, "Invalid authorization type specified: JWT");
    assert_eq!(api.refused("CreateRoute", input), wrong);

    let custom = api.ok("CreateAuthorizer", lambda("l"))["authorizerId"].clone();
    let routes = api.ok("GetRoutes", json!({}));
    let connect = routes["items"].as_array().unwrap().iter();
    let connect = connect.clone().find(|route| route["routeKey"] == "$connect").unwrap();
    let connect = connect["routeId"].clone();
    let input = json!({"routeId": connect, "authorizationType": "CUSTOM", "authorizerId": custom});
    assert_eq!(api.ok("UpdateRoute", input)["authorizerId"], custom);
    let input = json!({"routeId": connect, "authorizationType": "AWS_IAM", "authorizerId": ""});
    assert_eq!(api.ok("UpdateRoute", input).get("authorizerId"), None);
}

#[test]
fn request_parameters_merge_and_are_deleted_one_by_one() {
    let mut api = Api::web_socket();
    let header = "route.request.header.authorization";
    let query = "route.request.querystring.authToken";
    let input = json!({"routeKey": "$connect", "requestParameters": {header: {"required": true}}});
    let route = api.ok("CreateRoute", input)["routeId"].clone();
    // Terraform: delete the changed one, then send all that are wanted.
    let delete = json!({"routeId": route, "requestParameterKey": header});
    assert_eq!(api.ok("DeleteRouteRequestParameter", delete.clone()), Value::Null);
    let (status, _) = api.refused("DeleteRouteRequestParameter", delete);
    assert_eq!(status, 404, "Terraform goes on after that");
    let wanted = json!({header: {"required": false}, query: {"required": true}});
    let input = json!({"routeId": route, "requestParameters": wanted});
    assert_eq!(api.ok("UpdateRoute", input)["requestParameters"], wanted);
    let merged = json!({"routeId": route, "requestParameters": {query: {"required": false}}});
    let merged = api.ok("UpdateRoute", merged);
    assert_eq!(merged["requestParameters"][header], json!({"required": false}));
    assert_eq!(merged["requestParameters"][query], json!({"required": false}));
}

#[test]
fn models_are_named_by_routes_and_stay_while_they_are() {
    let mut api = Api::web_socket();
    let schema = r#"{"type":"object","properties":{"id":{"type":"string"}}}"#;
    let model = api.ok("CreateModel", json!({"name": "Pet", "schema": schema, "description": "d"}));
    let id = model["modelId"].clone();
    let expected = json!({
        "modelId": id, "name": "Pet", "schema": schema, "description": "d", "contentType": "application/json"
    });
    assert_eq!(model, expected);
    assert_eq!(api.ok("GetModel", json!({"modelId": id})), expected);
    assert_eq!(api.ok("GetModels", json!({})), json!({"items": [expected]}));
    let template = api.ok("GetModelTemplate", json!({"modelId": id}));
    assert!(template["value"].as_str().unwrap().contains("\"id\" : \"$inputRoot.id\""));

    let double = text(409, "Model name Pet already exists for this API");
    assert_eq!(api.refused("CreateModel", json!({"name": "Pet", "schema": schema})), double);
    for (input, message) in [
        (json!({"name": "a-b", "schema": schema}), "Model name must be alphanumeric: a-b"),
        (json!({"name": "", "schema": schema}), "Model name must be non-empty"),
        (
            json!({"name": "A", "schema": ""}),
            "Model schema must have at least 1 property or array items defined",
        ),
        (
            json!({"name": "A", "schema": "{"}),
            "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified]",
        ),
    ] {
        assert_eq!(api.refused("CreateModel", input), text(400, message));
    }
    let wrong = json!({"routeKey": "$default", "requestModels": {"test": "Cat"}});
    let unknown = text(400, "Invalid model identifier specified: Cat");
    assert_eq!(api.refused("CreateRoute", wrong), unknown);
    let input = json!({
        "routeKey": "$default", "modelSelectionExpression": "action", "requestModels": {"test": "Pet"}
    });
    let route = api.ok("CreateRoute", input)["routeId"].clone();
    let used = text(409, "Cannot delete model 'Pet', is referenced in route: $default");
    assert_eq!(api.refused("DeleteModel", json!({"modelId": id})), used);
    assert_eq!(api.refused("UpdateModel", json!({"modelId": id, "name": "Dog"})).0, 409);
    let updated = api.ok("UpdateModel", json!({"modelId": id, "name": "Pet", "description": ""}));
    assert_eq!(updated.get("description"), None);
    // The map is replaced whole.
    let input = json!({"routeId": route, "requestModels": {}});
    assert_eq!(api.ok("UpdateRoute", input).get("requestModels"), None);
    assert_eq!(api.ok("DeleteModel", json!({"modelId": id})), Value::Null);
    let gone = format!("Invalid Model identifier specified {}", id.as_str().unwrap());
    for operation in ["GetModel", "GetModelTemplate", "UpdateModel", "DeleteModel"] {
        assert_eq!(api.refused(operation, json!({"modelId": id})), text(404, &gone));
    }
}

#[test]
fn http_apis_have_no_models_and_no_responses() {
    let mut api = Api::http();
    let route = api.ok("CreateRoute", json!({"routeKey": "GET /"}))["routeId"].clone();
    let integration = api.integration();
    for (operation, input, message) in [
        (
            "CreateModel",
            json!({"name": "A", "schema": "{}"}),
            "Currently, Models are not permitted for APIs with a protocol type of HTTP",
        ),
        (
            "CreateRouteResponse",
            json!({"routeId": route, "routeResponseKey": "$default"}),
            "RouteResponses are currently not supported for this API protocol type.",
        ),
        (
            "CreateIntegrationResponse",
            json!({"integrationId": integration, "integrationResponseKey": "$default"}),
            "IntegrationResponses are currently not supported for this API protocol type.",
        ),
    ] {
        assert_eq!(api.refused(operation, input), text(400, message));
    }
}

#[test]
fn a_route_has_one_response() {
    let mut api = Api::web_socket();
    let route = api.ok("CreateRoute", json!({"routeKey": "list"}))["routeId"].clone();
    let wrong = json!({"routeId": route, "routeResponseKey": "200"});
    let message = "Currently, only $default is supported as a RouteResponseKey.";
    assert_eq!(api.refused("CreateRouteResponse", wrong), text(400, message));
    let input = json!({"routeId": route, "routeResponseKey": "$default", "responseModels": {"test": "Pet"}});
    let response = api.ok("CreateRouteResponse", input.clone());
    let id = response["routeResponseId"].clone();
    let expected = json!({"routeResponseId": id, "routeResponseKey": "$default", "responseModels": {"test": "Pet"}});
    assert_eq!(response, expected);
    assert_eq!(api.refused("CreateRouteResponse", input).0, 409);
    let one = json!({"routeId": route, "routeResponseId": id});
    assert_eq!(api.ok("GetRouteResponse", one.clone()), expected);
    assert_eq!(
        api.ok("GetRouteResponses", json!({"routeId": route})),
        json!({"items": [expected]})
    );
    let mut input = one.clone();
    input["modelSelectionExpression"] = "action".into();
    input["responseModels"] = json!({});
    let updated = api.ok("UpdateRouteResponse", input);
    assert_eq!(updated["modelSelectionExpression"], "action");
    assert_eq!(updated.get("responseModels"), None);
    assert_eq!(api.ok("DeleteRouteResponse", one.clone()), Value::Null);
    let gone = format!("Invalid RouteResponse identifier specified {}", id.as_str().unwrap());
    assert_eq!(api.refused("GetRouteResponse", one), text(404, &gone));
}

#[test]
fn deleting_a_route_deletes_its_response() {
    let mut api = Api::web_socket();
    let route = api.ok("CreateRoute", json!({"routeKey": "list"}))["routeId"].clone();
    let before = api.fixture.state.len();
    api.ok("CreateRouteResponse", json!({"routeId": route, "routeResponseKey": "$default"}));
    api.ok("DeleteRoute", json!({"routeId": route}));
    assert_eq!(api.fixture.state.len(), before - 1);
}

#[test]
fn authorizers_of_http_apis() {
    let mut api = Api::http();
    let mut request = lambda("auth");
    let missing = "AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer";
    assert_eq!(api.refused("CreateAuthorizer", request.clone()), text(400, missing));
    request["authorizerPayloadFormatVersion"] = "2.0".into();
    for (member, value, message) in [
        (
            "authorizerPayloadFormatVersion",
            json!("3.0"),
            "AuthorizerPayloadFormatVersion 3.0 is not supported",
        ),
        ("authorizerUri", json!(""), "AuthorizerUri is a required field in an Authorizer"),
        ("authorizerUri", json!("auth_uri"), "Invalid Authorizer URI: auth_uri"),
        ("name", json!(""), "Invalid Authorizer name specified"),
        (
            "authorizerResultTtlInSeconds",
            json!(1),
            "Identity source must be set if authorizer caching is enabled (TTL is greater than 0)",
        ),
        (
            "authorizerResultTtlInSeconds",
            json!(3601),
            "Authorizer result TTL outside allowable range. TTL must be between 0 and 3600 seconds.",
        ),
        (
            "identitySource",
            json!(["route.request.header.a"]),
            "Invalid identity source expression: route.request.header.a",
        ),
    ] {
        let mut input = request.clone();
        input[member] = value;
        assert_eq!(api.refused("CreateAuthorizer", input), text(400, message));
    }
    let mut simple = request.clone();
    simple["authorizerPayloadFormatVersion"] = "1.0".into();
    simple["enableSimpleResponses"] = true.into();
    let message =
        "EnableSimpleResponses can only be set for AuthorizerPayloadFormatVersion \"2.0\".";
    assert_eq!(api.refused("CreateAuthorizer", simple), text(400, message));

    let plain = api.ok("CreateAuthorizer", request.clone());
    assert_eq!(plain.get("authorizerResultTtlInSeconds"), None, "there is nothing to keep it by");
    assert_eq!(plain["identitySource"], json!([]));
    let double = "Authorizer name must be unique. Authorizer auth already exists in this RestApi.";
    assert_eq!(api.refused("CreateAuthorizer", request.clone()), text(400, double));

    request["name"] = "cached".into();
    request["identitySource"] = json!(["$request.header.Auth"]);
    request["enableSimpleResponses"] = true.into();
    request["authorizerCredentialsArn"] = "arn:aws:iam::000000000000:role/r".into();
    let mut longest = request.clone();
    longest["name"] = "longest".into();
    longest["authorizerResultTtlInSeconds"] = 3600.into();
    let longest = api.ok("CreateAuthorizer", longest);
    assert_eq!(longest["authorizerResultTtlInSeconds"], 3600);
    api.ok("DeleteAuthorizer", json!({"authorizerId": longest["authorizerId"]}));
    let cached = api.ok("CreateAuthorizer", request);
    assert_eq!(cached["authorizerResultTtlInSeconds"], 300, "Terraform waits for this default");
    assert_eq!(cached["authorizerId"].as_str().unwrap().len(), 6);
    let update = json!({
        "authorizerId": cached["authorizerId"], "authorizerPayloadFormatVersion": "1.0",
        "enableSimpleResponses": false, "authorizerResultTtlInSeconds": 0,
        "identitySource": ["$request.querystring.User", "$context.routeKey"],
        "authorizerCredentialsArn": "",
    });
    let updated = api.ok("UpdateAuthorizer", update);
    assert_eq!(updated["authorizerResultTtlInSeconds"], 0);
    assert_eq!(updated["identitySource"].as_array().unwrap().len(), 2);
    assert_eq!(updated.get("authorizerCredentialsArn"), None);
    assert_eq!(updated["name"], "cached");
    let gone = text(404, "Invalid Authorizer identifier specified unknown");
    for operation in ["GetAuthorizer", "UpdateAuthorizer", "DeleteAuthorizer"] {
        assert_eq!(api.refused(operation, json!({"authorizerId": "unknown"})), gone);
    }
    assert_eq!(api.ok("GetAuthorizers", json!({}))["items"].as_array().unwrap().len(), 2);
}

#[test]
fn jwt_authorizers() {
    let mut api = Api::http();
    for (member, value, message) in [
        ("jwtConfiguration", Value::Null, "JwtConfiguration must not be null for JWT Authorizer"),
        (
            "jwtConfiguration",
            json!({"issuer": "issuer", "audience": ["a"]}),
            "Invalid issuer: Issuer is not a valid URL for JWT Authorizer",
        ),
        (
            "jwtConfiguration",
            json!({"issuer": "https://a", "audience": []}),
            "JwtConfiguration must have 1 to 50 audiences for JWT Authorizer",
        ),
        ("identitySource", json!([]), "Exactly one identity source must be set for JWT Authorizer"),
        ("identitySource", json!(["$context.a"]), "Invalid identity source expression: $context.a"),
    ] {
        let mut input = jwt("j");
        input[member] = value;
        if input[member].is_null() {
            input.as_object_mut().unwrap().remove(member);
        }
        assert_eq!(api.refused("CreateAuthorizer", input), text(400, message));
    }
    for (count, passes) in [(50, true), (51, false)] {
        let mut input = jwt(&format!("j{count}"));
        let audience: Vec<String> = (0..count).map(|index| format!("a{index}")).collect();
        input["jwtConfiguration"]["audience"] = json!(audience);
        assert_eq!(api.call("CreateAuthorizer", input).is_ok(), passes);
    }
    let authorizer = api.ok("CreateAuthorizer", jwt("local"));
    let mut expected = jwt("local");
    expected["authorizerId"] = authorizer["authorizerId"].clone();
    assert_eq!(authorizer, expected, "no time, no format, no flag");
}

#[test]
fn authorizers_of_web_socket_apis() {
    let mut api = Api::web_socket();
    let message = "Only REQUEST authorizer type is supported on WEBSOCKET protocol Apis.";
    assert_eq!(api.refused("CreateAuthorizer", jwt("j")), text(400, message));
    let mut input = lambda("l");
    input["identitySource"] = json!(["$request.header.Auth"]);
    let message = "Invalid request identity source expression: $request.header.Auth";
    assert_eq!(api.refused("CreateAuthorizer", input.clone()), text(400, message));
    input["identitySource"] =
        json!(["route.request.header.Auth", "route.request.querystring.Name"]);
    let authorizer = api.ok("CreateAuthorizer", input);
    assert_eq!(authorizer.get("authorizerResultTtlInSeconds"), None);
    assert_eq!(authorizer.get("authorizerPayloadFormatVersion"), None);
    // Terraform back to no sources.
    let input = json!({"authorizerId": authorizer["authorizerId"], "identitySource": []});
    assert_eq!(api.ok("UpdateAuthorizer", input)["identitySource"], json!([]));
}

#[test]
fn an_authorizer_in_use_keeps_its_type() {
    let mut api = Api::http();
    let tokens = api.jwt("j");
    let input = json!({"routeKey": "GET /", "authorizationType": "JWT", "authorizerId": tokens});
    api.ok("CreateRoute", input);
    let mut update = lambda("j");
    update["authorizerId"] = tokens;
    update["authorizerPayloadFormatVersion"] = "2.0".into();
    assert_eq!(api.refused("UpdateAuthorizer", update).0, 409);
}

#[test]
fn resetting_the_cache_of_authorizers_needs_a_stage() {
    let mut api = Api::http();
    let input = json!({"stageName": "v1"});
    let gone = text(404, "Invalid stage identifier specified");
    assert_eq!(api.refused("ResetAuthorizersCache", input.clone()), gone);
    api.ok("CreateStage", input.clone());
    assert_eq!(api.ok("ResetAuthorizersCache", input), Value::Null);
}

/// Amazon's quotas may be raised there on request; here memory is the bound.
#[test]
fn there_may_be_more_of_everything_than_amazons_quotas() {
    let mut api = Api::http();
    for index in 0..301 {
        api.integration();
        api.ok("CreateRoute", json!({"routeKey": format!("GET /{index}")}));
    }
    for index in 0..11 {
        api.ok("CreateStage", json!({"stageName": format!("s{index}")}));
        let mut request = lambda(&format!("a{index}"));
        request["authorizerPayloadFormatVersion"] = "2.0".into();
        api.ok("CreateAuthorizer", request);
    }
    let stages = api.ok("GetStages", json!({"maxResults": "100"}));
    assert_eq!(stages["items"].as_array().unwrap().len(), 11);
}
