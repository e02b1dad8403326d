//! Usage plans and their keys: Terraform's calls, stages, overlaps and deletion.

use super::*;
use crate::management::domain::sample::{api, refusal, rest_api};
use crate::management::fixture::Fixture;
use crate::resources::usage::Usage;
use serde_json::{Value, json};

fn plan(fixture: &mut Fixture, input: Value) -> Value {
    fixture.v1("CreateUsagePlan", input).unwrap()
}

fn key(fixture: &mut Fixture, name: &str) -> Value {
    fixture.v1("CreateApiKey", json!({ "name": name })).unwrap()
}

fn attach(fixture: &mut Fixture, plan: &Value, key: &Value) -> Result<Value, Fault> {
    let input = json!({ "usagePlanId": plan, "keyId": key, "keyType": "API_KEY" });
    fixture.v1("CreateUsagePlanKey", input)
}

#[test]
fn a_plan_shows_its_stages_always_and_tags_when_read() {
    let mut fixture = Fixture::new();
    let made = plan(&mut fixture, json!({ "name": "p" }));
    assert_eq!(made, json!({ "id": made["id"], "name": "p", "apiStages": [] }));
    let read = fixture.v1("GetUsagePlan", json!({ "usagePlanId": made["id"] })).unwrap();
    assert_eq!(read["tags"], json!({}));
    let list = fixture.v1("GetUsagePlans", json!({})).unwrap();
    assert_eq!(list["item"], json!([made]));
}

#[test]
fn limits_are_numbers_and_an_offset_is_filled_in() {
    let mut fixture = Fixture::new();
    rest_api(&mut fixture, "api1", &["prod"]);
    let input = json!({
        "name": "p", "description": "d",
        "throttle": { "burstLimit": 20, "rateLimit": 10 },
        "quota": { "limit": 5, "period": "MONTH" },
        "apiStages": [{
            "apiId": "api1", "stage": "prod",
            "throttle": { "/pets/GET": { "burstLimit": 1, "rateLimit": 0.5 } },
        }],
        "tags": { "a": "b" },
    });
    let made = plan(&mut fixture, input);
    assert_eq!(made["throttle"].to_string(), r#"{"burstLimit":20,"rateLimit":10.0}"#);
    assert_eq!(made["quota"], json!({ "limit": 5, "offset": 0, "period": "MONTH" }));
    let method = &made["apiStages"][0]["throttle"]["/pets/GET"];
    assert_eq!(*method, json!({ "burstLimit": 1, "rateLimit": 0.5 }));
    assert_eq!(made["tags"], json!({ "a": "b" }));
}

#[test]
fn offsets_lie_in_their_period() {
    let mut fixture = Fixture::new();
    for (period, offset, is_ok) in [
        ("DAY", 0, true),
        ("DAY", 1, false),
        ("WEEK", 6, true),
        ("WEEK", 7, false),
        ("MONTH", 27, true),
        ("MONTH", 28, false),
        ("MONTH", -1, false),
        ("YEAR", 0, false),
    ] {
        let quota = json!({ "limit": 1, "offset": offset, "period": period });
        let answer = fixture.v1("CreateUsagePlan", json!({ "name": "p", "quota": quota }));
        assert_eq!(answer.is_ok(), is_ok, "{period} {offset}");
    }
}

#[test]
fn stages_of_a_plan_must_exist() {
    let mut fixture = Fixture::new();
    rest_api(&mut fixture, "api1", &["prod"]);
    api(&mut fixture, "WEBSOCKET", "socket", &["live"]);
    api(&mut fixture, "HTTP", "http", &["live"]);
    let with = |api: &str, stage: &str| json!({ "name": "p", "apiStages": [{ "apiId": api, "stage": stage }] });
    for (api, stage) in [("api1", "test"), ("none", "prod"), ("http", "live")] {
        let (status, _, message) = refusal(fixture.v1("CreateUsagePlan", with(api, stage)));
        let begin =
            format!("Invalid API Stage {{api: {api}, stage: {stage}}} specified for usageplan ");
        assert_eq!((status, message.starts_with(&begin)), (404, true), "{message}");
    }
    for input in [with("", "prod"), with("api1", "")] {
        assert_eq!(
            refusal(fixture.v1("CreateUsagePlan", input)),
            (400, "BadRequestException", "Invalid API Stage specified".into())
        );
    }
    plan(&mut fixture, with("api1", "prod"));
    plan(&mut fixture, with("socket", "live"));
}

#[test]
fn unknown_plans_are_told() {
    let mut fixture = Fixture::new();
    let expected = (404, "NotFoundException", "Invalid Usage Plan ID specified".to_owned());
    for name in ["GetUsagePlan", "UpdateUsagePlan", "DeleteUsagePlan", "GetUsagePlanKey"] {
        let input = json!({ "usagePlanId": "none", "keyId": "k", "patchOperations": [] });
        assert_eq!(refusal(fixture.v1(name, input)), expected, "{name}");
    }
    let list = fixture.v1("GetUsagePlanKeys", json!({ "usagePlanId": "none" })).unwrap();
    assert_eq!(list, json!({ "item": [] }));
}

/// What Terraform does with a plan, a key and their connection.
#[test]
fn terraforms_life_of_a_plan() {
    let mut fixture = Fixture::new();
    rest_api(&mut fixture, "api1", &["prod", "test"]);
    let stages = json!([{ "apiId": "api1", "stage": "prod" }]);
    let made = plan(&mut fixture, json!({ "name": "p", "apiStages": stages }));
    let id = made["id"].clone();
    let update = |fixture: &mut Fixture, operations: Value| {
        let input = json!({ "usagePlanId": id, "patchOperations": operations });
        fixture.v1("UpdateUsagePlan", input)
    };
    let code = json!([{ "op": "add", "path": "/productCode", "value": "code" }]);
    assert_eq!(update(&mut fixture, code).unwrap()["productCode"], "code");
    let key = key(&mut fixture, "k");
    let attached = attach(&mut fixture, &id, &key["id"]).unwrap();
    let expected =
        json!({ "id": key["id"], "type": "API_KEY", "value": key["value"], "name": "k" });
    assert_eq!(attached, expected);
    let read = json!({ "usagePlanId": id, "keyId": key["id"] });
    assert_eq!(fixture.v1("GetUsagePlanKey", read.clone()).unwrap(), expected);
    // Removes and adds again every stage, then their throttles.
    let moved = json!([
        { "op": "remove", "path": "/apiStages", "value": "api1:prod" },
        { "op": "add", "path": "/apiStages", "value": "api1:prod" },
        { "op": "add", "path": "/apiStages", "value": "api1:test" },
        { "op": "replace", "path": "/apiStages/api1:prod/throttle//test/GET/rateLimit", "value": "3" },
        { "op": "replace", "path": "/apiStages/api1:prod/throttle//test/GET/burstLimit", "value": "4" },
        { "op": "add", "path": "/throttle/burstLimit", "value": "5" },
        { "op": "add", "path": "/throttle/rateLimit", "value": "10" },
    ]);
    let changed = update(&mut fixture, moved).unwrap();
    assert_eq!(
        changed["apiStages"],
        json!([
            {
                "apiId": "api1", "stage": "prod",
                "throttle": { "/test/GET": { "burstLimit": 4, "rateLimit": 3.0 } },
            },
            { "apiId": "api1", "stage": "test" },
        ])
    );
    assert_eq!(changed["throttle"], json!({ "burstLimit": 5, "rateLimit": 10.0 }));
    let delete = json!({ "usagePlanId": id });
    let (status, _, message) = refusal(fixture.v1("DeleteUsagePlan", delete.clone()));
    let expected = format!(
        "Cannot delete Usage Plan {} because there are API Stages associated with it, including api1:prod",
        id.as_str().unwrap()
    );
    assert_eq!((status, message), (400, expected));
    let away = json!([
        { "op": "remove", "path": "/apiStages", "value": "api1:prod" },
        { "op": "remove", "path": "/apiStages", "value": "api1:test" },
    ]);
    assert_eq!(update(&mut fixture, away).unwrap()["apiStages"], json!([]));
    fixture.v1("DeleteUsagePlan", delete).unwrap();
    assert_eq!(fixture.state.list::<UsagePlanKey>("us-east-1", id.as_str().unwrap()).count(), 0);
    // The key outlives the plan.
    fixture.v1("GetApiKey", json!({ "apiKey": key["id"] })).unwrap();
}

#[test]
fn keys_are_attached_once_and_detached() {
    let mut fixture = Fixture::new();
    let id = plan(&mut fixture, json!({ "name": "p" }))["id"].clone();
    let key_id = key(&mut fixture, "k")["id"].clone();
    assert_eq!(
        refusal(attach(&mut fixture, &id, &json!("none"))),
        (404, "NotFoundException", "Invalid API Key identifier specified".into())
    );
    assert_eq!(refusal(attach(&mut fixture, &json!("none"), &key_id)).0, 404);
    let bad_type = json!({ "usagePlanId": id, "keyId": key_id, "keyType": "OTHER" });
    assert_eq!(refusal(fixture.v1("CreateUsagePlanKey", bad_type)).0, 400);
    attach(&mut fixture, &id, &key_id).unwrap();
    assert_eq!(refusal(attach(&mut fixture, &id, &key_id)).0, 409);
    let plans = |fixture: &mut Fixture, key: &Value| {
        let list = fixture.v1("GetUsagePlans", json!({ "keyId": key })).unwrap();
        list["item"].as_array().unwrap().len()
    };
    assert_eq!(plans(&mut fixture, &key_id), 1);
    assert_eq!(plans(&mut fixture, &json!("other")), 0);
    let named = json!({ "usagePlanId": id, "nameQuery": "K" });
    let list = fixture.v1("GetUsagePlanKeys", named).unwrap();
    assert_eq!(list, json!({ "item": [] }), "names are compared letter by letter");
    let input = json!({ "usagePlanId": id, "keyId": key_id });
    fixture.v1("DeleteUsagePlanKey", input.clone()).unwrap();
    for name in ["GetUsagePlanKey", "DeleteUsagePlanKey"] {
        assert_eq!(
            refusal(fixture.v1(name, input.clone())),
            (404, "NotFoundException", "Invalid Usage Plan Key identifier specified".into())
        );
    }
}

#[test]
fn a_deleted_key_is_in_no_plan() {
    let mut fixture = Fixture::new();
    let id = plan(&mut fixture, json!({ "name": "p" }))["id"].clone();
    let key_id = key(&mut fixture, "k")["id"].clone();
    attach(&mut fixture, &id, &key_id).unwrap();
    fixture.v1("DeleteApiKey", json!({ "apiKey": key_id })).unwrap();
    let list = fixture.v1("GetUsagePlanKeys", json!({ "usagePlanId": id })).unwrap();
    assert_eq!(list, json!({ "item": [] }));
    let owner = id.as_str().unwrap();
    assert_eq!(fixture.state.list::<UsagePlanKey>("us-east-1", owner).count(), 0);
    assert_eq!(fixture.state.list::<Usage>("us-east-1", owner).count(), 0);
}

#[test]
fn a_key_reaches_a_stage_through_one_plan_only() {
    let mut fixture = Fixture::new();
    rest_api(&mut fixture, "api1", &["prod", "test"]);
    let stages = |stage: &str| json!([{ "apiId": "api1", "stage": stage }]);
    let one = plan(&mut fixture, json!({ "name": "1", "apiStages": stages("prod") }))["id"].clone();
    let two = plan(&mut fixture, json!({ "name": "2", "apiStages": stages("test") }))["id"].clone();
    let three =
        plan(&mut fixture, json!({ "name": "3", "apiStages": stages("prod") }))["id"].clone();
    let key_id = key(&mut fixture, "k")["id"].clone();
    attach(&mut fixture, &one, &key_id).unwrap();
    attach(&mut fixture, &two, &key_id).unwrap();
    let text = |plan: &Value, other: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        format!(
            "The API Key {} cannot be added to Usage Plan {}: it is already subscribed to Usage Plan {} for stage api1:prod",
            text(&key_id),
            text(plan),
            text(other)
        )
    };
    assert_eq!(
        refusal(attach(&mut fixture, &three, &key_id)),
        (409, "ConflictException", text(&three, &one))
    );
    let operations = json!([{ "op": "add", "path": "/apiStages", "value": "api1:prod" }]);
    let input = json!({ "usagePlanId": two, "patchOperations": operations });
    assert_eq!(
        refusal(fixture.v1("UpdateUsagePlan", input)),
        (409, "ConflictException", text(&two, &one))
    );
}

#[test]
fn a_plan_of_stages_that_are_gone_can_be_deleted() {
    let mut fixture = Fixture::new();
    rest_api(&mut fixture, "api1", &["prod"]);
    let stages = json!([{ "apiId": "api1", "stage": "prod" }]);
    let id = plan(&mut fixture, json!({ "name": "p", "apiStages": stages }))["id"].clone();
    let mut draft = crate::resources::Draft::new(&fixture.state, "us-east-1");
    draft.remove::<crate::resources::rest_stage::Stage>("api1", "prod");
    let (touched, _) = draft.finish();
    fixture.state.apply(touched);
    let away = json!([{ "op": "remove", "path": "/apiStages", "value": "api1:prod" }]);
    let input = json!({ "usagePlanId": id, "patchOperations": away });
    assert_eq!(fixture.v1("UpdateUsagePlan", input).unwrap()["apiStages"], json!([]));
    fixture.v1("DeleteUsagePlan", json!({ "usagePlanId": id })).unwrap();
}
