//! Routing rules: Terraform's calls, both sides of every limit, private names.

use super::*;
use crate::management::domain::sample::{api, refusal, rest_api};
use crate::management::fixture::Fixture;
use serde_json::Value;

const DOMAIN: &str = "a.example";

fn domain() -> Fixture {
    let mut fixture = Fixture::new();
    rest_api(&mut fixture, "rest1", &["live"]);
    api(&mut fixture, "WEBSOCKET", "socket1", &["live"]);
    let input = json!({ "domainName": DOMAIN, "domainNameConfigurations": [{}] });
    fixture.v2("CreateDomainName", input).unwrap();
    fixture
}

fn of_path(path: &str) -> Value {
    json!({ "matchBasePaths": { "anyOf": [path] } })
}

fn of_header(header: &str, glob: &str) -> Value {
    json!({ "matchHeaders": { "anyOf": [{ "header": header, "valueGlob": glob }] } })
}

fn rule(priority: i64, conditions: Value) -> Value {
    let mut rule = json!({
        "domainName": DOMAIN,
        "priority": priority,
        "actions": [{ "invokeApi": { "apiId": "rest1", "stage": "live" } }],
    });
    rule["conditions"] = conditions;
    rule
}

/// What Terraform does: create, read, replace, delete.
#[test]
fn terraforms_life_of_a_rule() {
    let mut fixture = domain();
    let conditions = json!([of_path("shop/cart"), of_header("x-version", "beta*")]);
    let made = fixture.v2("CreateRoutingRule", rule(50, conditions.clone())).unwrap();
    let id = made["routingRuleId"].as_str().unwrap().to_owned();
    assert_eq!(
        made,
        json!({
            "routingRuleId": id,
            "routingRuleArn": format!("arn:aws:apigateway:us-east-1:000000000000:/domainnames/a.example/routingrules/{id}"),
            "priority": 50,
            "conditions": conditions,
            "actions": [{ "invokeApi": { "apiId": "rest1", "stage": "live", "stripBasePath": false } }],
        })
    );
    let read = json!({ "domainName": DOMAIN, "routingRuleId": id });
    assert_eq!(fixture.v2("GetRoutingRule", read.clone()), Ok(made));
    let mut put = rule(50, json!([of_path("shop")]));
    put["routingRuleId"] = id.as_str().into();
    put["actions"][0]["invokeApi"]["stripBasePath"] = true.into();
    let replaced = fixture.v2("PutRoutingRule", put).unwrap();
    assert_eq!(replaced["routingRuleId"], id);
    assert_eq!(replaced["conditions"], json!([of_path("shop")]));
    assert_eq!(replaced["actions"][0]["invokeApi"]["stripBasePath"], true);
    let list = fixture.v2("ListRoutingRules", json!({ "domainName": DOMAIN })).unwrap();
    assert_eq!(list, json!({ "routingRules": [replaced] }));
    assert_eq!(fixture.v2("DeleteRoutingRule", read.clone()), Ok(Value::Null));
    for name in ["GetRoutingRule", "DeleteRoutingRule", "PutRoutingRule"] {
        assert_eq!(refusal(fixture.v2(name, read.clone())).0, 404);
    }
}

#[test]
fn priorities_are_unique_and_in_range() {
    let mut fixture = domain();
    for (priority, is_ok) in [(0, false), (1, true), (1_000_000, true), (1_000_001, false)] {
        let answer = fixture.v2("CreateRoutingRule", rule(priority, json!([])));
        assert_eq!(answer.is_ok(), is_ok, "{priority}");
    }
    assert_eq!(refusal(fixture.v2("CreateRoutingRule", rule(1, json!([])))).0, 409);
    let other = fixture.v2("CreateRoutingRule", rule(2, json!([]))).unwrap();
    let mut put = rule(1, json!([]));
    put["routingRuleId"] = other["routingRuleId"].clone();
    assert_eq!(refusal(fixture.v2("PutRoutingRule", put)).0, 409);
}

#[test]
fn conditions_have_limits() {
    let mut fixture = domain();
    let long = |count: usize| "x".repeat(count);
    let two_paths = json!({ "matchBasePaths": { "anyOf": ["a", "b"] } });
    let both = json!({
        "matchBasePaths": { "anyOf": ["a"] },
        "matchHeaders": { "anyOf": [{ "header": "a", "valueGlob": "b" }] },
    });
    let cases = [
        (json!([of_path("a"), of_header("a", "b"), of_header("c", "*d*")]), true),
        (json!([of_header("a", "*")]), true),
        (json!([of_header(&long(40), &long(128))]), true),
        (json!([of_header(&long(41), "a")]), false),
        (json!([of_header("a", &long(129))]), false),
        (json!([of_header("a", "")]), false),
        (json!([of_header("a", "b*c")]), false),
        (json!([of_header("a b", "c")]), false),
        (json!([of_path("a"), of_path("b")]), false),
        (json!([of_header("a", "b"), of_header("a", "b"), of_header("a", "b")]), false),
        (json!([of_path("/a")]), false),
        (json!([of_path("")]), false),
        (json!([two_paths]), false),
        (json!([both]), false),
        (json!([{}]), false),
        (json!([{ "matchHeaders": { "anyOf": [] } }]), false),
    ];
    for (index, (conditions, is_ok)) in cases.into_iter().enumerate() {
        let answer = fixture.v2("CreateRoutingRule", rule(index as i64 + 1, conditions.clone()));
        assert_eq!(answer.is_ok(), is_ok, "{conditions} {answer:?}");
    }
}

#[test]
fn a_rule_leads_to_one_stage_of_an_api_of_requests() {
    let mut fixture = domain();
    let mut input = rule(1, json!([]));
    for (api, stage, message) in [
        ("none", "live", "Invalid API identifier specified 000000000000:none"),
        ("rest1", "none", "Invalid stage identifier specified"),
        ("socket1", "live", "Routing rules are not supported for WebSocket APIs"),
    ] {
        input["actions"] = json!([{ "invokeApi": { "apiId": api, "stage": stage } }]);
        let refused = refusal(fixture.v2("CreateRoutingRule", input.clone()));
        assert_eq!((refused.0, refused.2.as_str()), (400, message));
    }
    let target = json!({ "invokeApi": { "apiId": "rest1", "stage": "live" } });
    for actions in [json!([]), json!([target, target])] {
        input["actions"] = actions;
        assert_eq!(refusal(fixture.v2("CreateRoutingRule", input.clone())).0, 400);
    }
}

#[test]
fn private_names_have_rules_of_their_own() {
    let mut fixture = domain();
    let private =
        json!({ "domainName": DOMAIN, "endpointConfiguration": { "types": ["PRIVATE"] } });
    let private = fixture.v1("CreateDomainName", private).unwrap()["domainNameId"].clone();
    let mut input = rule(1, json!([]));
    input["domainNameId"] = private.clone();
    let made = fixture.v2("CreateRoutingRule", input).unwrap();
    let expected = format!("/domainnames/a.example+{}/routingrules/", private.as_str().unwrap());
    assert!(made["routingRuleArn"].as_str().unwrap().contains(&expected));
    let public = fixture.v2("ListRoutingRules", json!({ "domainName": DOMAIN })).unwrap();
    assert_eq!(public, json!({ "routingRules": [] }));
    let list = json!({ "domainName": DOMAIN, "domainNameId": private });
    assert_eq!(fixture.v2("ListRoutingRules", list).unwrap(), json!({ "routingRules": [made] }));
}

#[test]
fn lists_are_pages() {
    let mut fixture = domain();
    for priority in 1..=3 {
        fixture.v2("CreateRoutingRule", rule(priority, json!([]))).unwrap();
    }
    let page = json!({ "domainName": DOMAIN, "maxResults": 2 });
    let page = fixture.v2("ListRoutingRules", page).unwrap();
    let rest = json!({ "domainName": DOMAIN, "nextToken": page["nextToken"] });
    let rest = fixture.v2("ListRoutingRules", rest).unwrap();
    assert_eq!(page["routingRules"].as_array().map(Vec::len), Some(2));
    assert_eq!(rest["routingRules"].as_array().map(Vec::len), Some(1));
    assert_eq!(rest.get("nextToken"), None);
}
