//! What can be patched of a usage plan, and in which words the rest is refused.

use crate::aws::Fault;
use crate::management::domain::sample::{refusal, rest_api};
use crate::management::fixture::Fixture;
use serde_json::{Value, json};

struct Plan {
    fixture: Fixture,
    id: Value,
}

impl Plan {
    fn new() -> Self {
        let mut fixture = Fixture::new();
        rest_api(&mut fixture, "api1", &["prod", "test"]);
        let stages = json!([{ "apiId": "api1", "stage": "prod" }]);
        let input = json!({ "name": "p", "apiStages": stages });
        let id = fixture.v1("CreateUsagePlan", input).unwrap()["id"].clone();
        Self { fixture, id }
    }

    fn patch(&mut self, op: &str, path: &str, value: Option<&str>) -> Result<Value, Fault> {
        let mut operation = json!({ "op": op, "path": path });
        if let Some(value) = value {
            operation["value"] = value.into();
        }
        let input = json!({ "usagePlanId": self.id, "patchOperations": [operation] });
        self.fixture.v1("UpdateUsagePlan", input)
    }
}

#[test]
fn limits_come_and_go() {
    let mut plan = Plan::new();
    assert_eq!(
        plan.patch("replace", "/throttle/rateLimit", Some("0.5")).unwrap()["throttle"],
        json!({ "burstLimit": 0, "rateLimit": 0.5 })
    );
    plan.patch("add", "/throttle/burstLimit", Some("7")).unwrap();
    let without = plan.patch("remove", "/throttle", None).unwrap();
    assert_eq!(without.get("throttle"), None);
    let operations = json!([
        { "op": "add", "path": "/quota/limit", "value": "9" },
        { "op": "add", "path": "/quota/offset", "value": "2" },
        { "op": "add", "path": "/quota/period", "value": "WEEK" },
    ]);
    let input = json!({ "usagePlanId": plan.id, "patchOperations": operations });
    let with = plan.fixture.v1("UpdateUsagePlan", input).unwrap();
    assert_eq!(with["quota"], json!({ "limit": 9, "offset": 2, "period": "WEEK" }));
    let without = plan.patch("remove", "/quota", None).unwrap();
    assert_eq!(without.get("quota"), None);
    let code = plan.patch("replace", "/productCode", Some("c")).unwrap();
    assert_eq!(code["productCode"], "c");
    assert_eq!(plan.patch("remove", "/productCode", None).unwrap().get("productCode"), None);
    let named = plan.patch("replace", "/name", Some("new")).unwrap();
    assert_eq!((&named["name"], &named["tags"]), (&json!("new"), &json!({})));
}

#[test]
fn a_period_is_needed_and_offsets_are_checked_at_the_end() {
    let mut plan = Plan::new();
    assert!(plan.patch("add", "/quota/limit", Some("9")).is_err());
    let operations = |offset: &str| {
        json!([
            { "op": "add", "path": "/quota/offset", "value": offset },
            { "op": "add", "path": "/quota/period", "value": "WEEK" },
        ])
    };
    for (offset, is_ok) in [("6", true), ("7", false)] {
        let input = json!({ "usagePlanId": plan.id, "patchOperations": operations(offset) });
        assert_eq!(plan.fixture.v1("UpdateUsagePlan", input).is_ok(), is_ok);
    }
}

#[test]
fn methods_are_named_escaped_or_as_they_are() {
    for (path, key) in [
        ("//pets/GET", "/pets/GET"),
        ("/~1pets/GET", "/pets/GET"),
        ("/~1pets~1{id}/POST", "/pets/{id}/POST"),
        ("//pets/{id}/POST", "/pets/{id}/POST"),
        ("/~1/GET", "//GET"),
        ("///GET", "//GET"),
        ("/pets/GET", "pets/GET"),
    ] {
        let mut plan = Plan::new();
        let begin = format!("/apiStages/api1:prod/throttle{path}");
        let set = plan.patch("replace", &format!("{begin}/rateLimit"), Some("2")).unwrap();
        let expected = json!({ key: { "burstLimit": 0, "rateLimit": 2.0 } });
        assert_eq!(set["apiStages"][0]["throttle"], expected, "{path}");
        let cleared = plan.patch("remove", &begin, None).unwrap();
        assert_eq!(cleared["apiStages"][0].get("throttle"), None, "{path}");
    }
}

#[test]
fn all_methods_of_a_stage_are_set_and_cleared_together() {
    let mut plan = Plan::new();
    let path = "/apiStages/api1:prod/throttle";
    let all = r#"{"/pets/GET":{"rateLimit":1.0,"burstLimit":1}}"#;
    for op in ["add", "replace"] {
        let set = plan.patch(op, path, Some(all)).unwrap();
        assert_eq!(set["apiStages"][0]["throttle"]["/pets/GET"]["burstLimit"], 1);
    }
    assert_eq!(plan.patch("remove", path, None).unwrap()["apiStages"][0].get("throttle"), None);
    assert!(plan.patch("add", path, Some("no map")).is_err());
}

#[test]
fn stages_are_named_in_the_value() {
    let mut plan = Plan::new();
    let added = plan.patch("add", "/apiStages", Some("api1:test")).unwrap();
    assert_eq!(added["apiStages"][1], json!({ "apiId": "api1", "stage": "test" }));
    for value in [None, Some(""), Some("api1"), Some("api1:"), Some("a:b:c")] {
        for op in ["add", "remove"] {
            assert_eq!(
                refusal(plan.patch(op, "/apiStages", value)),
                (400, "BadRequestException", "Invalid API Stage specified".into())
            );
        }
    }
    let unknown = format!(
        "Invalid API Stage {{api: api1, stage: none}} specified for usageplan {}",
        plan.id.as_str().unwrap()
    );
    for (op, path, value) in [
        ("add", "/apiStages", Some("api1:none")),
        ("remove", "/apiStages", Some("api1:none")),
        ("replace", "/apiStages/api1:none/throttle//a/GET/rateLimit", Some("1")),
    ] {
        let expected = (404, "NotFoundException", unknown.clone());
        assert_eq!(refusal(plan.patch(op, path, value)), expected);
    }
}

#[test]
fn what_cannot_be_patched_is_refused_in_amazons_words() {
    let mut plan = Plan::new();
    let removable = "[/apiStages, /quota, /throttle, /productCode, /apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>, /apiStages/<apidId:stageName>/throttle]";
    for path in ["/name", "/throttle/rateLimit", "/x", "/apiStages/api1:prod"] {
        assert_eq!(
            refusal(plan.patch("remove", path, None)).2,
            format!(
                "Invalid patch path  '{path}' specified for op 'remove'. Must be one of: {removable}"
            )
        );
    }
    assert_eq!(
        refusal(plan.patch("add", "/name", Some("x"))).2,
        "Invalid patch path  '/name' specified for op 'add'. Please choose supported operations"
    );
    for (path, value) in [
        ("/throttle/rateLimit", Some("fast")),
        ("/throttle/rateLimit", Some("NaN")),
        ("/throttle/rateLimit", Some("-1")),
        ("/throttle/burstLimit", Some("1.5")),
        ("/throttle/burstLimit", Some("-1")),
        ("/quota/limit", None),
        ("/name", Some("")),
        ("/apiStages/api1:prod/throttle/GET", Some("1")),
        ("/apiStages/api1:prod/throttle//a/GET/otherLimit", Some("1")),
        ("/apiStages/api1:prod/throttle//a/get/rateLimit", Some("1")),
    ] {
        assert_eq!(refusal(plan.patch("replace", path, value)).0, 400, "{path}");
    }
}
