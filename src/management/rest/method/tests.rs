//! Methods and their responses as the service's model and recorded answers describe them.

use super::super::super::fixture::Fixture;
use super::super::sample::{Sample, merged, patch, refusal};
use crate::resources::rest::{Authorizer, Model, RequestValidator, Resource};
use crate::resources::{Draft, Entity};
use serde_json::{Value, json};

const AUTHORIZER: &str = "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.";
const VALIDATOR: &str = "Invalid Request Validator identifier specified";
const REPLACE: &str = "Invalid patch operation specified. Must be one of: [replace]";
const UNIQUE: &str = "Parameter names must be unique across querystring, header and path";
const FRAME: &str =
    "Invalid mapping expression specified: Validation Result: warnings : [], errors : ";

fn store<T: Entity>(fixture: &mut Fixture, owner: &str, id: &str, noun: T) {
    let mut draft = Draft::new(&fixture.state, &fixture.region);
    draft.put(owner, id, noun);
    let (touched, _) = draft.finish();
    fixture.state.apply(touched);
}

/// An API with an authorizer `auth01`, a validator `val001` and a model `Pet`.
fn furnished() -> Sample {
    let mut sample = Sample::new();
    let api = sample.api.clone();
    store(&mut sample.fixture, &api, "auth01", Authorizer::default());
    store(&mut sample.fixture, &api, "val001", RequestValidator::default());
    store(&mut sample.fixture, &api, "Pet", Model::default());
    sample
}

fn put(sample: &mut Sample, members: Value) -> Result<Value, crate::aws::Fault> {
    sample.at_root("PutMethod", merged(json!({"authorizationType": "NONE"}), members))
}

fn update(sample: &mut Sample, operations: &[(&str, &str, Option<&str>)]) -> Value {
    sample.at_root("UpdateMethod", patch(operations)).unwrap()
}

fn refused(sample: &mut Sample, operations: &[(&str, &str, Option<&str>)]) -> (u16, String) {
    refusal(sample.at_root("UpdateMethod", patch(operations)))
}

#[test]
fn a_method_shows_what_it_has() {
    let mut sample = furnished();
    let bare = json!({"httpMethod": "GET", "authorizationType": "NONE", "apiKeyRequired": false});
    assert_eq!(put(&mut sample, json!({})).unwrap(), bare);
    assert_eq!(sample.at_root("GetMethod", json!({})).unwrap(), bare);
    let all = json!({
        "httpMethod": "ANY", "authorizationType": "COGNITO_USER_POOLS", "authorizerId": "auth01",
        "apiKeyRequired": true, "operationName": "op", "requestValidatorId": "val001",
        "requestParameters": {"method.request.header.a": true, "method.request.path.b": false},
        "requestModels": {"application/json": "Pet"}, "authorizationScopes": ["a", "b"],
    });
    assert_eq!(put(&mut sample, all.clone()).unwrap(), all);
    let read = sample.at_root("GetMethod", json!({"httpMethod": "ANY"})).unwrap();
    assert_eq!(read, all);
}

#[test]
fn a_method_has_its_responses_and_integration_inside() {
    let mut sample = Sample::with_mock();
    sample.at_root("PutMethodResponse", json!({"statusCode": "200"})).unwrap();
    sample.at_root("PutIntegrationResponse", json!({"statusCode": "200"})).unwrap();
    let method = sample.at_root("GetMethod", json!({})).unwrap();
    assert_eq!(method["methodResponses"], json!({"200": {"statusCode": "200"}}));
    let integration = sample.at_root("GetIntegration", json!({})).unwrap();
    assert_eq!(method["methodIntegration"], integration);
    assert_eq!(integration["integrationResponses"], json!({"200": {"statusCode": "200"}}));
}

#[test]
fn a_method_is_not_put_twice() {
    let mut sample = Sample::with_method(json!({}));
    let fault = put(&mut sample, json!({})).unwrap_err();
    let expected = (409, "ConflictException", "Method already exists for this resource");
    assert_eq!((fault.status, fault.kind, fault.message.as_str()), expected);
}

#[test]
fn putting_refuses_what_amazon_refuses() {
    let mut sample = furnished();
    let verbs = "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY";
    let cases = [
        (json!({"httpMethod": "TRACE"}), verbs.to_owned()),
        (json!({"httpMethod": "get"}), verbs.to_owned()),
        (json!({"authorizationType": "CUSTOM"}), AUTHORIZER.to_owned()),
        (
            json!({"authorizationType": "COGNITO_USER_POOLS", "authorizerId": "nope"}),
            AUTHORIZER.to_owned(),
        ),
        (
            json!({"authorizationType": "BASIC"}),
            "Invalid AuthorizationType specified. Valid options are NONE,AWS_IAM,CUSTOM,COGNITO_USER_POOLS,JWT".to_owned(),
        ),
        (json!({"requestValidatorId": "nope"}), VALIDATOR.to_owned()),
        (
            json!({"requestModels": {"application/json": "petModel"}}),
            "Invalid model identifier specified: petModel".to_owned(),
        ),
        (
            json!({"requestParameters": {
                "method.request.querystring.a": true, "method.request.header.a": false
            }}),
            UNIQUE.to_owned(),
        ),
        (
            json!({"requestParameters": {"paths": true}}),
            format!("{FRAME}[Invalid mapping expression specified: paths]"),
        ),
        // In the order in which Amazon looks.
        (
            json!({"authorizationType": "CUSTOM", "requestValidatorId": "nope"}),
            AUTHORIZER.to_owned(),
        ),
    ];
    for (members, message) in cases {
        assert_eq!(refusal(put(&mut sample, members)), (400, message));
    }
    // What needs no authorizer does not keep one.
    let method = put(&mut sample, json!({"authorizerId": "nope"})).unwrap();
    assert_eq!(method.get("authorizerId"), None);
}

#[test]
fn what_is_not_there_is_told_from_the_outside_in() {
    let mut sample = Sample::new();
    let resource = (404, "Invalid Resource identifier specified".to_owned());
    let method = (404, "Invalid Method identifier specified".to_owned());
    for name in ["PutMethod", "GetMethod", "UpdateMethod", "DeleteMethod"] {
        let wrong = sample.at_root(name, json!({"resourceId": "nope"}));
        assert_eq!(refusal(wrong), resource, "{name}");
        let wrong = sample.at_root(name, json!({"restApiId": "nope"}));
        assert_eq!(refusal(wrong), resource, "{name}");
        if name != "PutMethod" {
            assert_eq!(refusal(sample.at_root(name, json!({}))), method, "{name}");
        }
    }
    put(&mut sample, json!({})).unwrap();
    assert_eq!(sample.at_root("DeleteMethod", json!({})).unwrap(), Value::Null);
    assert_eq!(refusal(sample.at_root("DeleteMethod", json!({}))), method);
    put(&mut sample, json!({})).unwrap();
}

#[test]
fn flags_and_names_are_replaced() {
    let mut sample = Sample::with_method(json!({}));
    let key = |sample: &mut Sample, value| {
        update(sample, &[("replace", "/apiKeyRequired", value)])["apiKeyRequired"].clone()
    };
    assert_eq!(key(&mut sample, Some("true")), json!(true));
    assert_eq!(key(&mut sample, Some("garbage")), json!(false));
    assert_eq!(key(&mut sample, Some("TRUE")), json!(true));
    assert_eq!(key(&mut sample, None), json!(false));
    let method = update(&mut sample, &[("replace", "/operationName", Some("op"))]);
    assert_eq!(method["operationName"], json!("op"));
    let method = update(&mut sample, &[("replace", "/operationName", None)]);
    assert_eq!(method.get("operationName"), None);
    for path in [
        "/apiKeyRequired",
        "/operationName",
        "/authorizationType",
        "/authorizerId",
        "/requestValidatorId",
    ] {
        for op in ["add", "remove"] {
            assert_eq!(refused(&mut sample, &[(op, path, Some("x"))]), (400, REPLACE.to_owned()));
        }
    }
}

#[test]
fn a_type_and_its_authorizer_change_together() {
    let mut sample = furnished();
    put(&mut sample, json!({})).unwrap();
    let kind = ("replace", "/authorizationType", Some("CUSTOM"));
    let wrong = ("replace", "/authorizerId", Some("abc123"));
    let right = ("replace", "/authorizerId", Some("auth01"));
    assert_eq!(refused(&mut sample, &[kind]), (400, AUTHORIZER.to_owned()));
    // On a method that needs none, an authorizer is ignored, known or not.
    assert_eq!(update(&mut sample, &[wrong]).get("authorizerId"), None);
    assert_eq!(refused(&mut sample, &[kind, wrong]), (400, AUTHORIZER.to_owned()));
    // In any order.
    let method = update(&mut sample, &[right, kind]);
    assert_eq!(
        (&method["authorizationType"], &method["authorizerId"]),
        (&json!("CUSTOM"), &json!("auth01"))
    );
    // The one on the method will do.
    let cognito = ("replace", "/authorizationType", Some("COGNITO_USER_POOLS"));
    assert_eq!(update(&mut sample, &[cognito])["authorizerId"], json!("auth01"));
    let none = update(&mut sample, &[("replace", "/authorizationType", Some("NONE"))]);
    assert_eq!(none.get("authorizerId"), None);
}

#[test]
fn scopes_come_and_go() {
    let mut sample = furnished();
    put(&mut sample, json!({})).unwrap();
    const PATH: &str = "/authorizationScopes";
    let both = [("add", PATH, Some("a")), ("add", PATH, Some("b")), ("add", PATH, Some("a"))];
    assert_eq!(update(&mut sample, &both)["authorizationScopes"], json!(["a", "b"]));
    let method = update(&mut sample, &[("remove", PATH, Some("a"))]);
    assert_eq!(method["authorizationScopes"], json!(["b"]));
    let method = update(&mut sample, &[("remove", PATH, Some("b"))]);
    assert_eq!(method.get("authorizationScopes"), None);
    let expected = "Invalid patch operation specified. Must be one of: [add, remove]";
    assert_eq!(refused(&mut sample, &[("replace", PATH, Some("a"))]), (400, expected.to_owned()));
}

#[test]
fn validators_are_known_and_taken_away_by_no_value() {
    let mut sample = furnished();
    put(&mut sample, json!({})).unwrap();
    const PATH: &str = "/requestValidatorId";
    let set = |value| [("replace", PATH, value)];
    assert_eq!(update(&mut sample, &set(Some("val001")))["requestValidatorId"], json!("val001"));
    assert_eq!(refused(&mut sample, &set(Some("fake-id"))), (400, VALIDATOR.to_owned()));
    assert_eq!(update(&mut sample, &set(None)).get("requestValidatorId"), None);
    update(&mut sample, &set(Some("val001")));
    assert_eq!(update(&mut sample, &set(Some(""))).get("requestValidatorId"), None);
}

#[test]
fn parameters_and_models_are_entries_of_the_path() {
    let mut sample = furnished();
    put(&mut sample, json!({})).unwrap();
    const PARAMETER: &str = "/requestParameters/method.request.querystring.optional";
    const MODEL: &str = "/requestModels/application~1json";
    let added = [("add", PARAMETER, Some("true")), ("add", MODEL, Some("Empty"))];
    let method = update(&mut sample, &added);
    assert_eq!(method["requestParameters"], json!({"method.request.querystring.optional": true}));
    assert_eq!(method["requestModels"], json!({"application/json": "Empty"}));
    let replaced = [("replace", PARAMETER, Some("false")), ("replace", MODEL, Some("Pet"))];
    let method = update(&mut sample, &replaced);
    assert_eq!(method["requestParameters"], json!({"method.request.querystring.optional": false}));
    assert_eq!(method["requestModels"], json!({"application/json": "Pet"}));
    let method = update(&mut sample, &[("remove", PARAMETER, None), ("remove", MODEL, None)]);
    assert_eq!((method.get("requestParameters"), method.get("requestModels")), (None, None));

    let cases = [
        (("add", MODEL, Some("nope")), 400, "Invalid model identifier specified: nope"),
        (("remove", MODEL, None), 404, "Content-Type specified was not found"),
        (("remove", PARAMETER, None), 404, "Invalid parameter name specified"),
        (("replace", PARAMETER, Some("true")), 404, "Invalid parameter name specified"),
        (("add", "/requestParameters", Some("{}")), 400, "Invalid patch path /requestParameters"),
        (("add", "/requestModels", Some("{}")), 400, "Invalid patch path /requestModels"),
        (
            ("add", "/requestModels/application/json", Some("Empty")),
            400,
            "Invalid patch path /requestModels/application/json",
        ),
        (("replace", "/httpMethod", Some("PUT")), 400, "Invalid patch path /httpMethod"),
        (("replace", "/resourceId", Some("x")), 400, "Invalid patch path /resourceId"),
    ];
    for (operation, status, message) in cases {
        assert_eq!(refused(&mut sample, &[operation]), (status, message.to_owned()));
    }
    let bad = ("add", "/requestParameters/x", Some("true"));
    let expected = format!("{FRAME}[Invalid mapping expression specified: x]");
    assert_eq!(refused(&mut sample, &[bad]), (400, expected));
    update(&mut sample, &[("add", PARAMETER, Some("true"))]);
    let twice = ("add", "/requestParameters/method.request.path.optional", Some("true"));
    assert_eq!(refused(&mut sample, &[twice]), (400, UNIQUE.to_owned()));
}

#[test]
fn a_changed_parameter_leaves_the_caches_key() {
    let mut sample = Sample::with_method(json!({"requestParameters": {
        "method.request.querystring.a": false, "method.request.querystring.b": false,
    }}));
    let keys = ["method.request.querystring.a", "method.request.querystring.b"];
    let input = json!({"type": "MOCK", "cacheKeyParameters": keys});
    sample.at_root("PutIntegration", input).unwrap();
    let path = "/requestParameters/method.request.querystring.a";
    let method = update(&mut sample, &[("replace", path, Some("true"))]);
    assert_eq!(method["methodIntegration"]["cacheKeyParameters"], json!([keys[1]]));
    let path = "/requestParameters/method.request.querystring.b";
    let method = update(&mut sample, &[("remove", path, None)]);
    assert_eq!(method["methodIntegration"]["cacheKeyParameters"], json!([]));
}

#[test]
fn nothing_of_a_refused_update_stays() {
    let mut sample = Sample::with_method(json!({}));
    let both = [("replace", "/apiKeyRequired", Some("true")), ("replace", "/nope", Some("x"))];
    assert_eq!(refused(&mut sample, &both).0, 400);
    let root = sample.root.clone();
    let stored = sample.fixture.state.get::<Resource>("us-east-1", &sample.api, &root).unwrap();
    assert!(!stored.resource_methods["GET"].api_key_required);
    assert_eq!(
        sample.at_root("UpdateMethod", json!({"patchOperations": []})).unwrap()["apiKeyRequired"],
        json!(false)
    );
}

#[test]
fn responses_show_what_was_sent() {
    let mut sample = Sample::with_method(json!({}));
    for (code, members) in [
        ("200", json!({})),
        ("201", json!({"responseParameters": {}, "responseModels": {}})),
        (
            "400",
            json!({
                "responseParameters": {"method.response.header.X": true},
                "responseModels": {"application/json": "Error"},
            }),
        ),
    ] {
        let expected = merged(json!({"statusCode": code}), members);
        assert_eq!(sample.at_root("PutMethodResponse", expected.clone()).unwrap(), expected);
        let read = sample.at_root("GetMethodResponse", json!({"statusCode": code})).unwrap();
        assert_eq!(read, expected);
    }
    let again = sample.at_root("PutMethodResponse", json!({"statusCode": "200"}));
    assert_eq!(refusal(again), (409, "Response already exists for this resource".to_owned()));
    let cases = [
        (
            json!({"responseParameters": {"method.response.body.x": true}}),
            format!("{FRAME}[Invalid mapping expression specified: method.response.body.x]"),
        ),
        (
            json!({"responseModels": {"application/json": "nope"}}),
            "Invalid model identifier specified: nope".to_owned(),
        ),
    ];
    for (members, message) in cases {
        let input = merged(json!({"statusCode": "500"}), members);
        assert_eq!(refusal(sample.at_root("PutMethodResponse", input)), (400, message));
    }
}

#[test]
fn unknown_responses_are_told_after_resource_and_method() {
    let mut sample = Sample::with_method(json!({}));
    for name in ["GetMethodResponse", "UpdateMethodResponse", "DeleteMethodResponse"] {
        let mut refused = |members| {
            let input = merged(json!({"statusCode": "404"}), members);
            refusal(sample.at_root(name, input))
        };
        assert_eq!(refused(json!({})), (404, "Invalid Response status code specified".to_owned()));
        let expected = (404, "Invalid Method identifier specified".to_owned());
        assert_eq!(refused(json!({"httpMethod": "PUT"})), expected);
        let expected = (404, "Invalid Resource identifier specified".to_owned());
        assert_eq!(refused(json!({"resourceId": "nope", "httpMethod": "PUT"})), expected);
    }
    let input = json!({"statusCode": "200", "httpMethod": "PUT"});
    let expected = (404, "Invalid Method identifier specified".to_owned());
    assert_eq!(refusal(sample.at_root("PutMethodResponse", input)), expected);
}

#[test]
fn responses_are_patched_entry_by_entry() {
    let mut sample = Sample::with_method(json!({}));
    let empty = json!({"statusCode": "200", "responseParameters": {}, "responseModels": {}});
    sample.at_root("PutMethodResponse", empty).unwrap();
    let mut update = |operations: &[(&str, &str, Option<&str>)]| {
        sample.at_root(
            "UpdateMethodResponse",
            merged(json!({"statusCode": "200"}), patch(operations)),
        )
    };
    const HEADER: &str = "/responseParameters/method.response.header.my-header";
    const MODEL: &str = "/responseModels/application~1json";
    let added = update(&[("add", HEADER, Some("true")), ("add", MODEL, Some("Empty"))]).unwrap();
    assert_eq!(
        added,
        json!({
            "statusCode": "200",
            "responseParameters": {"method.response.header.my-header": true},
            "responseModels": {"application/json": "Empty"},
        })
    );
    let replaced =
        update(&[("replace", HEADER, Some("false")), ("replace", MODEL, Some("Error"))]).unwrap();
    assert_eq!(replaced["responseParameters"]["method.response.header.my-header"], json!(false));
    assert_eq!(replaced["responseModels"]["application/json"], json!("Error"));
    // The last entry takes its member along.
    let removed = update(&[("remove", HEADER, None), ("remove", MODEL, None)]).unwrap();
    assert_eq!(removed, json!({"statusCode": "200"}));

    let cases = [
        (("remove", HEADER, None), 404, "Invalid parameter name specified"),
        (("replace", HEADER, Some("true")), 404, "Invalid parameter name specified"),
        (("remove", MODEL, None), 404, "Content-Type specified was not found"),
        (("replace", MODEL, Some("Empty")), 404, "Content-Type specified was not found"),
        (("add", MODEL, Some("nope")), 400, "Invalid model identifier specified: nope"),
        (
            ("add", "/wrong/method.response.header.my-header", Some("true")),
            400,
            "Invalid patch path /wrong/method.response.header.my-header",
        ),
        (("replace", "/statusCode", Some("201")), 400, "Invalid patch path /statusCode"),
        (
            ("copy", HEADER, Some("true")),
            400,
            "Invalid patch operation specified. Must be one of: [add, remove, replace]",
        ),
    ];
    for (operation, status, message) in cases {
        assert_eq!(refusal(update(&[operation])), (status, message.to_owned()));
    }
}

/// What Terraform sends for a method and its response, in its order.
#[test]
fn terraforms_calls_for_a_method_and_its_response() {
    let mut sample = furnished();
    let root = sample.root.clone();
    let resource = sample.resource(&root, "{id}");
    let at = json!({"resourceId": resource, "httpMethod": "POST"});
    let mut call = |name: &str, members: Value| sample.at_root(name, merged(at.clone(), members));
    let input = json!({
        "apiKeyRequired": false, "authorizationType": "NONE",
        "requestModels": {"application/json": "Pet"},
        "requestParameters": {"method.request.path.id": true},
    });
    call("PutMethod", input).unwrap();
    call("GetMethod", json!({})).unwrap();
    let changes = patch(&[
        ("remove", "/requestModels/application~1json", None),
        ("add", "/requestParameters/method.request.header.X-Tenant", Some("true")),
        ("replace", "/requestParameters/method.request.path.id", Some("false")),
        ("replace", "/authorizationType", Some("CUSTOM")),
        ("replace", "/authorizerId", Some("auth01")),
        ("replace", "/apiKeyRequired", Some("true")),
        ("replace", "/requestValidatorId", None),
        ("replace", "/operationName", None),
    ]);
    let method = call("UpdateMethod", changes).unwrap();
    assert_eq!(method["authorizerId"], json!("auth01"));
    assert_eq!(
        refusal(call("GetIntegration", json!({}))).1,
        "Invalid Integration identifier specified"
    );
    let response = json!({"statusCode": "200", "responseModels": {"application/json": "Empty"}});
    call("PutMethodResponse", response).unwrap();
    let changes = patch(&[
        ("replace", "/responseModels/application~1json", Some("Pet")),
        ("add", "/responseParameters/method.response.header.X", Some("true")),
    ]);
    call("UpdateMethodResponse", merged(json!({"statusCode": "200"}), changes)).unwrap();
    call("GetMethodResponse", json!({"statusCode": "200"})).unwrap();
    call("DeleteMethodResponse", json!({"statusCode": "200"})).unwrap();
    call("DeleteMethod", json!({})).unwrap();
    assert_eq!(call("DeleteMethod", json!({})).unwrap_err().kind, "NotFoundException");
}

#[test]
fn a_type_in_small_letters_is_kept_as_it_was_written() {
    let mut sample = Sample::new();
    let method = sample.at_root("PutMethod", json!({"authorizationType": "none"})).unwrap();
    assert_eq!(method["authorizationType"], "none");
}
