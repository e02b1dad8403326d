//! API mappings: Terraform's calls, keys and targets that are refused, pages.

use super::*;
use crate::management::domain::sample::{api, refusal, rest_api};
use crate::management::fixture::Fixture;
use serde_json::{Value, json};

const DOMAIN: &str = "a.example";

/// A domain, and an API of each kind with the stage `live`.
fn domain() -> Fixture {
    let mut fixture = Fixture::new();
    rest_api(&mut fixture, "rest1", &["live"]);
    api(&mut fixture, "HTTP", "http1", &["live", "other"]);
    api(&mut fixture, "WEBSOCKET", "socket1", &["live"]);
    let input = json!({ "domainName": DOMAIN, "domainNameConfigurations": [{}] });
    fixture.v2("CreateDomainName", input).unwrap();
    fixture
}

fn made(fixture: &mut Fixture, key: Value, api: &str) -> Result<Value, Fault> {
    let mut input = json!({ "domainName": DOMAIN, "apiId": api, "stage": "live" });
    if !key.is_null() {
        input["apiMappingKey"] = key;
    }
    fixture.v2("CreateApiMapping", input)
}

/// What Terraform does: it sends the API again whenever it changes something.
#[test]
fn terraforms_life_of_a_mapping() {
    let mut fixture = domain();
    let mapping = made(&mut fixture, json!("v1"), "http1").unwrap();
    let id = mapping["apiMappingId"].clone();
    let expected =
        json!({ "apiMappingId": id, "apiMappingKey": "v1", "apiId": "http1", "stage": "live" });
    assert_eq!(mapping, expected);
    let read = json!({ "domainName": DOMAIN, "apiMappingId": id });
    assert_eq!(fixture.v2("GetApiMapping", read.clone()), Ok(expected));
    let mut update = read.clone();
    update["apiId"] = "http1".into();
    update["apiMappingKey"] = "v2".into();
    update["stage"] = "other".into();
    let expected =
        json!({ "apiMappingId": id, "apiMappingKey": "v2", "apiId": "http1", "stage": "other" });
    assert_eq!(fixture.v2("UpdateApiMapping", update), Ok(expected.clone()));
    let list = fixture.v2("GetApiMappings", json!({ "domainName": DOMAIN })).unwrap();
    assert_eq!(list, json!({ "items": [expected] }));
    assert_eq!(fixture.v2("DeleteApiMapping", read.clone()), Ok(Value::Null));
    for name in ["GetApiMapping", "UpdateApiMapping", "DeleteApiMapping"] {
        assert_eq!(
            refusal(fixture.v2(name, read.clone())),
            (
                404,
                "NotFoundException",
                "The api mapping resource specified in the request was not found.".into()
            )
        );
    }
}

#[test]
fn the_root_has_three_names() {
    for key in [Value::Null, json!(""), json!("(none)")] {
        let mut fixture = domain();
        assert_eq!(made(&mut fixture, key, "http1").unwrap()["apiMappingKey"], "");
        let (status, _, message) = refusal(made(&mut fixture, json!("(none)"), "http1"));
        assert_eq!(
            (status, message.as_str()),
            (409, "ApiMapping key already exists for this domain name")
        );
        made(&mut fixture, json!("beside"), "http1")
            .expect("in v2 the root may have others beside it");
    }
}

#[test]
fn keys_have_levels_except_for_sockets() {
    let mut fixture = domain();
    made(&mut fixture, json!("a/b"), "http1").unwrap();
    made(&mut fixture, json!("a/c"), "rest1").unwrap();
    assert_eq!(refusal(made(&mut fixture, json!("a/d"), "socket1")).0, 400);
    made(&mut fixture, json!("d"), "socket1").unwrap();
    for key in ["/", "/a", "a b", "a/"] {
        assert_eq!(
            refusal(made(&mut fixture, json!(key), "http1")),
            (
                400,
                "BadRequestException",
                "An ApiMapping key may contain only letters, numbers and one of $-_.+!*'()".into()
            )
        );
    }
}

#[test]
fn wrong_targets_are_refused() {
    let mut fixture = domain();
    assert_eq!(
        refusal(made(&mut fixture, json!("a"), "none")),
        (400, "BadRequestException", "Invalid API identifier specified 000000000000:none".into())
    );
    let input = json!({ "domainName": DOMAIN, "apiId": "http1", "stage": "none" });
    assert_eq!(
        refusal(fixture.v2("CreateApiMapping", input)),
        (400, "BadRequestException", "Invalid stage identifier specified".into())
    );
    made(&mut fixture, json!("a"), "http1").unwrap();
    let b = made(&mut fixture, json!("b"), "http1").unwrap();
    let clash =
        json!({ "domainName": DOMAIN, "apiMappingId": b["apiMappingId"], "apiMappingKey": "a" });
    assert_eq!(refusal(fixture.v2("UpdateApiMapping", clash)).0, 409);
    let elsewhere = json!({ "domainName": "b.example", "apiId": "http1", "stage": "live" });
    assert_eq!(refusal(fixture.v2("CreateApiMapping", elsewhere)).0, 404);
}

#[test]
fn lists_are_pages() {
    let mut fixture = domain();
    for key in ["b", "", "a"] {
        made(&mut fixture, json!(key), "http1").unwrap();
    }
    let page = json!({ "domainName": DOMAIN, "maxResults": "2" });
    let page = fixture.v2("GetApiMappings", page).unwrap();
    let rest = json!({ "domainName": DOMAIN, "nextToken": page["nextToken"] });
    let rest = fixture.v2("GetApiMappings", rest).unwrap();
    let keys = |page: &Value| {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|it| it["apiMappingKey"].clone()).collect::<Vec<_>>()
    };
    assert_eq!([keys(&page), keys(&rest)].concat(), ["", "a", "b"]);
    let bad = json!({ "domainName": DOMAIN, "maxResults": "none" });
    assert_eq!(refusal(fixture.v2("GetApiMappings", bad)).0, 400);
}
