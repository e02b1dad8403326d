//! API keys: Terraform's calls, limits, lists, and keys from files.

use super::*;
use crate::management::domain::sample::refusal;
use crate::management::fixture::Fixture;
use serde_json::json;

const VALUE: &str = "abcdefghij0123456789";

fn made(fixture: &mut Fixture, input: Value) -> Value {
    fixture.v1("CreateApiKey", input).unwrap()
}

fn patched(fixture: &mut Fixture, id: &Value, operations: Value) -> Result<Value, Fault> {
    let mut input = json!({ "apiKey": id });
    input["patchOperations"] = operations;
    fixture.v1("UpdateApiKey", input)
}

#[test]
fn a_key_of_nothing_has_amazons_defaults() {
    let mut fixture = Fixture::new();
    let key = made(&mut fixture, json!({}));
    let value = key["value"].as_str().unwrap();
    assert!(value.len() == 40 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(key["id"].as_str().map(str::len), Some(10));
    assert_eq!(
        key,
        json!({
            "id": key["id"],
            "value": value,
            "enabled": false,
            "createdDate": 1_772_359_200,
            "lastUpdatedDate": 1_772_359_200,
            "stageKeys": [],
        })
    );
}

#[test]
fn the_value_is_shown_only_when_asked_for() {
    let mut fixture = Fixture::new();
    let id = made(&mut fixture, json!({ "value": VALUE }))["id"].clone();
    let read = fixture.v1("GetApiKey", json!({ "apiKey": id })).unwrap();
    assert_eq!((read.get("value"), &read["tags"]), (None, &json!({})));
    let read = fixture.v1("GetApiKey", json!({ "apiKey": id, "includeValue": true })).unwrap();
    assert_eq!(read["value"], VALUE);
    let list = fixture.v1("GetApiKeys", json!({})).unwrap();
    assert_eq!((list["item"][0].get("value"), list["item"][0].get("tags")), (None, None));
    let list = fixture.v1("GetApiKeys", json!({ "includeValues": true })).unwrap();
    assert_eq!(list["item"][0]["value"], VALUE);
}

/// What Terraform does with a key whose value is not configured.
#[test]
fn terraforms_life_of_a_key() {
    let mut fixture = Fixture::new();
    let input = json!({
        "name": "k", "description": "Managed by Terraform", "enabled": true, "value": "",
        "tags": { "a": "1" },
    });
    let key = made(&mut fixture, input);
    assert_eq!(key["value"].as_str().map(str::len), Some(40));
    assert_eq!(key["tags"], json!({ "a": "1" }));
    let id = key["id"].clone();
    let read = fixture.v1("GetApiKey", json!({ "apiKey": id, "includeValue": true })).unwrap();
    assert_eq!(read["value"], key["value"]);
    fixture.now.0 += 60;
    let operations = json!([
        { "op": "replace", "path": "/enabled", "value": "false" },
        { "op": "replace", "path": "/description", "value": "" },
    ]);
    let changed = patched(&mut fixture, &id, operations).unwrap();
    assert_eq!((&changed["enabled"], changed.get("description")), (&json!(false), None));
    assert_eq!(changed["lastUpdatedDate"], 1_772_359_260);
    assert_eq!(changed.get("value"), None);
    fixture.v1("DeleteApiKey", json!({ "apiKey": id })).unwrap();
    assert_eq!(
        refusal(fixture.v1("GetApiKey", json!({ "apiKey": id }))),
        (404, "NotFoundException", "Invalid API Key identifier specified".into())
    );
}

#[test]
fn keys_have_limits() {
    let mut fixture = Fixture::new();
    for (input, message) in [
        (json!({ "value": "v".repeat(19) }), "API Key value should be at least 20 characters"),
        (
            json!({ "value": "v".repeat(129) }),
            "API Key value exceeds maximum size of 128 characters",
        ),
        (
            json!({ "name": "n".repeat(1025) }),
            "Invalid API Key name, can be at most 1024 characters.",
        ),
        (json!({ "description": "d".repeat(125_001) }), "Invalid API Key description specified."),
    ] {
        assert_eq!(
            refusal(fixture.v1("CreateApiKey", input)),
            (400, "BadRequestException", message.into())
        );
    }
    for input in [
        json!({ "value": "v".repeat(20) }),
        json!({ "value": "v".repeat(128) }),
        json!({ "name": "n".repeat(1024) }),
        json!({ "description": "d".repeat(125_000) }),
    ] {
        made(&mut fixture, input);
    }
    let named = made(&mut fixture, json!({ "name": "" }));
    assert_eq!(named.get("name"), None, "an empty name is none");
}

#[test]
fn no_two_keys_have_one_value() {
    let mut fixture = Fixture::new();
    let id = made(&mut fixture, json!({ "value": VALUE }))["id"].clone();
    assert_eq!(
        refusal(fixture.v1("CreateApiKey", json!({ "value": VALUE }))),
        (409, "ConflictException", "API Key already exists".into())
    );
    fixture.v1("DeleteApiKey", json!({ "apiKey": id })).unwrap();
    made(&mut fixture, json!({ "value": VALUE }));
}

#[test]
fn an_id_is_the_value_only_for_who_says_so() {
    let mut fixture = Fixture::new();
    let input = json!({ "value": VALUE, "generateDistinctId": false });
    assert_eq!(made(&mut fixture, input)["id"], VALUE);
    let other = made(&mut fixture, json!({ "generateDistinctId": true }));
    assert_ne!(other["id"], other["value"]);
}

#[test]
fn stage_keys_are_pairs() {
    let mut fixture = Fixture::new();
    let input = json!({ "stageKeys": [{ "restApiId": "api", "stageName": "prod" }] });
    let key = made(&mut fixture, input);
    assert_eq!(key["stageKeys"], json!(["api/prod"]));
    let operations = json!([
        { "op": "add", "path": "/stages", "value": "api/test" },
        { "op": "remove", "path": "/stages", "value": "api/prod" },
    ]);
    let changed = patched(&mut fixture, &key["id"], operations).unwrap();
    assert_eq!(changed["stageKeys"], json!(["api/test"]));
}

#[test]
fn what_cannot_be_patched_is_refused_in_amazons_words() {
    let mut fixture = Fixture::new();
    let id = made(&mut fixture, json!({}))["id"].clone();
    for (op, path, message) in [
        (
            "replace",
            "/value",
            "Invalid patch path  '/value' specified for op 'replace'. Must be one of: [/description, /enabled, /name, /customerId]",
        ),
        (
            "add",
            "/name",
            "Invalid patch path  '/name' specified for op 'add'. Please choose supported operations",
        ),
    ] {
        let operations = json!([{ "op": op, "path": path, "value": "x" }]);
        assert_eq!(refusal(patched(&mut fixture, &id, operations)).2, message);
    }
    let bad = json!([{ "op": "replace", "path": "/enabled", "value": "invalid" }]);
    assert_eq!(patched(&mut fixture, &id, bad).unwrap()["enabled"], false);
    assert!(patched(&mut fixture, &id, json!([])).is_ok());
}

#[test]
fn lists_are_filtered_by_the_beginning_of_a_name_and_by_customer() {
    let mut fixture = Fixture::new();
    for (name, customer) in [("alpha", "c1"), ("alphabet", "c2"), ("Alpha", "c1"), ("beta", "c1")] {
        made(&mut fixture, json!({ "name": name, "customerId": customer }));
    }
    let names = |fixture: &mut Fixture, input: Value| {
        let list = fixture.v1("GetApiKeys", input).unwrap();
        let items = list["item"].as_array().unwrap().clone();
        let mut names: Vec<String> =
            items.iter().map(|key| key["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&mut fixture, json!({ "nameQuery": "alpha" })), ["alpha", "alphabet"]);
    assert!(names(&mut fixture, json!({ "nameQuery": "lpha" })).is_empty());
    let both = json!({ "nameQuery": "alpha", "customerId": "c1" });
    assert_eq!(names(&mut fixture, both), ["alpha"]);
}

#[test]
fn pages_cover_all_keys_once_also_when_filtered() {
    let mut fixture = Fixture::new();
    for index in 0..60 {
        let name = if index % 3 == 0 { "yes" } else { "no" };
        made(&mut fixture, json!({ "name": name }));
    }
    for (filter, count) in [("", 60), ("yes", 20), ("none", 0)] {
        let mut seen = std::collections::BTreeSet::new();
        let mut input = json!({ "limit": 7, "nameQuery": filter });
        loop {
            let page = fixture.v1("GetApiKeys", input.clone()).unwrap();
            let items = page["item"].as_array().unwrap();
            assert!(items.len() <= 7);
            for key in items {
                assert!(seen.insert(key["id"].to_string()), "shown twice");
            }
            let Some(position) = page.get("position") else { break };
            input["position"] = position.clone();
        }
        assert_eq!(seen.len(), count, "{filter}");
    }
}

#[test]
fn a_file_makes_keys_and_puts_them_into_plans() {
    let mut fixture = Fixture::new();
    let plan = fixture.v1("CreateUsagePlan", json!({ "name": "p" })).unwrap()["id"].clone();
    let other = fixture.v1("CreateUsagePlan", json!({ "name": "q" })).unwrap()["id"].clone();
    let long = "a".repeat(30);
    let body = format!(
        "usageplanids,KEY, name ,Ignored,Enabled,description\n\"{0},{1}\",{long},first,x,true,\"d, e\"\n,{long}b,second\n",
        plan.as_str().unwrap(),
        other.as_str().unwrap(),
    );
    let answer = fixture.v1("ImportApiKeys", json!({ "body": body, "format": "csv" })).unwrap();
    assert_eq!(answer["warnings"], json!([]));
    assert_eq!(answer["ids"].as_array().map(Vec::len), Some(2));
    let first = json!({ "apiKey": answer["ids"][0], "includeValue": true });
    let first = fixture.v1("GetApiKey", first).unwrap();
    assert_eq!(
        (&first["name"], &first["description"], &first["enabled"], &first["value"]),
        (&json!("first"), &json!("d, e"), &json!(true), &json!(long))
    );
    let second = fixture.v1("GetApiKey", json!({ "apiKey": answer["ids"][1] })).unwrap();
    assert_eq!((&second["enabled"], second.get("description")), (&json!(false), None));
    for plan in [&plan, &other] {
        let keys = fixture.v1("GetUsagePlanKeys", json!({ "usagePlanId": plan })).unwrap();
        assert_eq!(keys["item"][0]["id"], answer["ids"][0]);
    }
    // The same value again: overwritten, not doubled.
    let body = format!("Name,Key\nrenamed,{long}\n");
    let again = fixture.v1("ImportApiKeys", json!({ "body": body })).unwrap();
    assert_eq!(again["ids"], json!([answer["ids"][0]]));
    let list = fixture.v1("GetApiKeys", json!({ "nameQuery": "renamed" })).unwrap();
    assert_eq!(list["item"].as_array().map(Vec::len), Some(1));
}

#[test]
fn bad_lines_of_a_file_are_warnings_or_fail_all() {
    let mut fixture = Fixture::new();
    let good = "g".repeat(30);
    let body = format!(
        "Name,Key,Enabled,UsagePlanIds\na,{}\nb,\nc,{good},TRUE,nosuch\nd,{good}d,maybe\n",
        "s".repeat(29)
    );
    let expected = json!([
        "Line 2: API Key value should be at least 30 characters",
        "Line 3: Name and Key must not be empty",
        "Line 4: Usage plan nosuch: Invalid Usage Plan ID specified",
        "Line 5: Enabled must be TRUE or FALSE",
    ]);
    let failed = json!({ "body": body, "failOnWarnings": true });
    assert_eq!(refusal(fixture.v1("ImportApiKeys", failed)).0, 400);
    assert_eq!(fixture.v1("GetApiKeys", json!({})).unwrap(), json!({ "item": [] }));
    let answer = fixture.v1("ImportApiKeys", json!({ "body": body })).unwrap();
    assert_eq!(answer["warnings"], expected);
    assert_eq!(answer["ids"].as_array().map(Vec::len), Some(1));
    for body in ["", "Name\nx", "Key,Description\n"] {
        assert_eq!(refusal(fixture.v1("ImportApiKeys", json!({ "body": body }))).0, 400);
    }
}
