//! Base path mappings: the empty path's names, refusals, and what only v2 shows.

use super::*;
use crate::management::domain::sample::{api, refusal, rest_api};
use crate::management::fixture::Fixture;

const DOMAIN: &str = "a.example";

/// A domain, a REST API with the stages `prod` and `test`, and an HTTP API.
fn domain() -> Fixture {
    let mut fixture = Fixture::new();
    rest_api(&mut fixture, "api1", &["prod", "test"]);
    api(&mut fixture, "HTTP", "http1", &["live"]);
    let input = json!({ "domainName": DOMAIN, "endpointConfiguration": { "types": ["REGIONAL"] } });
    fixture.v1("CreateDomainName", input).unwrap();
    fixture
}

fn made(fixture: &mut Fixture, path: Value, stage: Value) -> Result<Value, Fault> {
    let mut input = json!({ "domainName": DOMAIN, "restApiId": "api1" });
    if !path.is_null() {
        input["basePath"] = path;
    }
    if !stage.is_null() {
        input["stage"] = stage;
    }
    fixture.v1("CreateBasePathMapping", input)
}

fn read(fixture: &mut Fixture, path: &str) -> Result<Value, Fault> {
    fixture.v1("GetBasePathMapping", json!({ "domainName": DOMAIN, "basePath": path }))
}

fn patched(fixture: &mut Fixture, path: &str, operations: Value) -> Result<Value, Fault> {
    let mut input = json!({ "domainName": DOMAIN, "basePath": path });
    input["patchOperations"] = operations;
    fixture.v1("UpdateBasePathMapping", input)
}

#[test]
fn an_empty_path_is_called_none() {
    for path in [Value::Null, json!(""), json!("(none)")] {
        let mut fixture = domain();
        let expected = json!({ "basePath": "(none)", "restApiId": "api1", "stage": "prod" });
        assert_eq!(made(&mut fixture, path, json!("prod")), Ok(expected.clone()));
        assert_eq!(read(&mut fixture, "(none)"), Ok(expected));
    }
}

#[test]
fn a_stage_may_be_left_to_the_path() {
    for stage in [Value::Null, json!(""), json!("(none)")] {
        let mut fixture = domain();
        let mapping = made(&mut fixture, json!("v1"), stage).unwrap();
        assert_eq!(mapping, json!({ "basePath": "v1", "restApiId": "api1" }));
    }
}

#[test]
fn wrong_mappings_are_refused_in_amazons_words() {
    let mut fixture = domain();
    made(&mut fixture, json!("v1"), json!("prod")).unwrap();
    let conflict = |text: &str| (409, "ConflictException", text.to_owned());
    let bad = |text: &str| (400, "BadRequestException", text.to_owned());
    assert_eq!(
        refusal(made(&mut fixture, json!("v1"), json!("test"))),
        conflict("Base path already exists for this domain name")
    );
    assert_eq!(
        refusal(made(&mut fixture, json!("v2"), json!("none"))),
        bad("Invalid stage identifier specified")
    );
    for path in ["a/b", "/"] {
        assert_eq!(
            refusal(made(&mut fixture, json!(path), json!("prod"))),
            bad(
                "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level base path mapping, use API Gateway V2."
            )
        );
    }
    assert_eq!(refusal(made(&mut fixture, json!("a b"), json!("prod"))).0, 400);
    for api in ["none", "http1"] {
        let input = json!({ "domainName": DOMAIN, "basePath": "v2", "restApiId": api });
        assert_eq!(
            refusal(fixture.v1("CreateBasePathMapping", input)),
            bad("Invalid REST API identifier specified")
        );
    }
    let elsewhere = json!({ "domainName": "b.example", "restApiId": "api1" });
    assert_eq!(
        refusal(fixture.v1("CreateBasePathMapping", elsewhere)),
        (404, "NotFoundException", "Invalid domain name identifier specified".into())
    );
}

#[test]
fn an_empty_path_stands_alone() {
    let conflict = (
        409,
        "ConflictException",
        "Only one base path mapping is allowed if the base path is empty.".to_owned(),
    );
    let mut fixture = domain();
    made(&mut fixture, json!(""), json!("prod")).unwrap();
    assert_eq!(refusal(made(&mut fixture, json!("v1"), json!("prod"))), conflict);
    let rename = json!([{ "op": "replace", "path": "/basePath", "value": "v1" }]);
    patched(&mut fixture, "(none)", rename).unwrap();
    made(&mut fixture, json!("v2"), json!("prod")).unwrap();
    assert_eq!(refusal(made(&mut fixture, json!(""), json!("prod"))), conflict);
}

#[test]
fn a_mapping_is_patched() {
    let mut fixture = domain();
    rest_api(&mut fixture, "api2", &["prod"]);
    made(&mut fixture, json!("v1"), json!("prod")).unwrap();
    let replace =
        |path: &str, value: &str| json!([{ "op": "replace", "path": path, "value": value }]);
    let moved = patched(&mut fixture, "v1", replace("/basePath", "")).unwrap();
    assert_eq!(moved["basePath"], "(none)");
    assert_eq!(refusal(read(&mut fixture, "v1")).0, 404);
    let moved = patched(&mut fixture, "(none)", replace("/basePath", "v2")).unwrap();
    assert_eq!(moved["basePath"], "v2");
    for (path, value, member) in [
        ("/stage", "test", "stage"),
        ("/stage", "prod", "stage"),
        ("/restapiId", "api2", "restApiId"),
        ("/restApiId", "api1", "restApiId"),
    ] {
        let changed = patched(&mut fixture, "v2", replace(path, value)).unwrap();
        assert_eq!(changed[member], value, "{path}");
    }
    let open = patched(&mut fixture, "v2", replace("/stage", "")).unwrap();
    assert_eq!(open.get("stage"), None);
    made(&mut fixture, json!("v3"), json!("prod")).unwrap();
    for (operations, status, message) in [
        (replace("/basePath", "v3"), 409, "Base path already exists for this domain name"),
        (replace("/stage", "none"), 400, "Invalid stage identifier specified"),
        (replace("/restApiId", "none"), 400, "Invalid REST API identifier specified"),
        (replace("/x", "y"), 400, "Invalid patch path /x"),
        (
            json!([{ "op": "remove", "path": "/stage" }]),
            400,
            "Invalid patch operation specified. Must be one of: [replace]",
        ),
    ] {
        let (found, _, text) = refusal(patched(&mut fixture, "v2", operations));
        assert_eq!((found, text.as_str()), (status, message));
    }
}

#[test]
fn a_deleted_mapping_is_gone() {
    let mut fixture = domain();
    made(&mut fixture, json!("v1"), json!("prod")).unwrap();
    let input = json!({ "domainName": DOMAIN, "basePath": "v1" });
    assert_eq!(fixture.v1("DeleteBasePathMapping", input.clone()), Ok(Value::Null));
    for name in ["DeleteBasePathMapping", "GetBasePathMapping", "UpdateBasePathMapping"] {
        assert_eq!(
            refusal(fixture.v1(name, input.clone())),
            (404, "NotFoundException", "Invalid base path mapping identifier specified".into())
        );
    }
}

#[test]
fn what_is_only_v2s_is_not_shown() {
    let mut fixture = domain();
    made(&mut fixture, json!("v1"), json!("prod")).unwrap();
    for (key, api, stage) in [("a/b", "api1", "prod"), ("web", "http1", "live")] {
        let input =
            json!({ "domainName": DOMAIN, "apiMappingKey": key, "apiId": api, "stage": stage });
        fixture.v2("CreateApiMapping", input).unwrap();
    }
    let list = fixture.v1("GetBasePathMappings", json!({ "domainName": DOMAIN })).unwrap();
    let expected = json!([{ "basePath": "v1", "restApiId": "api1", "stage": "prod" }]);
    assert_eq!(list["item"], expected);
    assert_eq!(refusal(read(&mut fixture, "a/b")).0, 400);
    assert_eq!(refusal(read(&mut fixture, "web")).0, 404);
}

#[test]
fn lists_are_pages() {
    let mut fixture = domain();
    for path in ["b", "c", "a"] {
        made(&mut fixture, json!(path), json!("prod")).unwrap();
    }
    let page = json!({ "domainName": DOMAIN, "limit": 2 });
    let page = fixture.v1("GetBasePathMappings", page).unwrap();
    assert_eq!(
        (&page["item"][0]["basePath"], &page["item"][1]["basePath"]),
        (&json!("a"), &json!("b"))
    );
    let rest = json!({ "domainName": DOMAIN, "limit": 2, "position": page["position"] });
    let rest = fixture.v1("GetBasePathMappings", rest).unwrap();
    assert_eq!((&rest["item"][0]["basePath"], rest.get("position")), (&json!("c"), None));
}
