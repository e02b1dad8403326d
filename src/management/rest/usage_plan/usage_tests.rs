//! Usage: pairs per day, periods, ranges, and setting what is left.

use super::*;
use crate::management::domain::sample::{put, refusal};
use crate::management::fixture::Fixture;
use crate::resources::rest::Map;

/// A plan with a key, on the first day of March 2026, a Sunday.
fn plan(quota: Value) -> (Fixture, String, String) {
    let mut fixture = Fixture::new();
    let mut input = json!({ "name": "p" });
    input["quota"] = quota;
    let plan = fixture.v1("CreateUsagePlan", input).unwrap();
    let plan = plan["id"].as_str().unwrap().to_owned();
    let key = fixture.v1("CreateApiKey", json!({})).unwrap()["id"].as_str().unwrap().to_owned();
    let input = json!({ "usagePlanId": plan, "keyId": key, "keyType": "API_KEY" });
    fixture.v1("CreateUsagePlanKey", input).unwrap();
    (fixture, plan, key)
}

fn usage(fixture: &mut Fixture, plan: &str, from: &str, to: &str) -> Result<Value, Fault> {
    fixture.v1("GetUsage", json!({ "usagePlanId": plan, "startDate": from, "endDate": to }))
}

#[test]
fn every_day_has_a_pair() {
    let (mut fixture, plan, key) = plan(json!({ "limit": 10, "period": "DAY" }));
    let days = Map::from([("2026-02-27".to_owned(), vec![4, 6])]);
    put(&mut fixture, &plan, &key, Usage { days });
    let answer = usage(&mut fixture, &plan, "2026-02-26", "2026-03-01").unwrap();
    assert_eq!(
        answer,
        json!({
            "usagePlanId": plan, "startDate": "2026-02-26", "endDate": "2026-03-01",
            "values": { key: [[0, 10], [4, 6], [0, 10], [0, 10]] },
        })
    );
}

#[test]
fn what_is_left_lasts_until_the_period_ends() {
    let (mut fixture, plan, key) = plan(json!({ "limit": 10, "period": "WEEK" }));
    let days = Map::from([("2026-02-26".to_owned(), vec![4, 6])]);
    put(&mut fixture, &plan, &key, Usage { days });
    let answer = usage(&mut fixture, &plan, "2026-02-25", "2026-03-02").unwrap();
    let expected = json!([[0, 10], [4, 6], [0, 6], [0, 6], [0, 10], [0, 10]]);
    assert_eq!(answer["values"][&key], expected, "weeks begin on Sunday, the first of March");
}

#[test]
fn periods_begin_where_their_offset_says() {
    let start = |period: &str, offset: i64, day: &str| {
        let quota = Quota { limit: 1, offset, period: period.into() };
        period_start(&quota, date(day).unwrap()).to_string()
    };
    assert_eq!(start("DAY", 0, "2026-03-01"), "2026-03-01");
    assert_eq!(start("WEEK", 0, "2026-03-07"), "2026-03-01");
    assert_eq!(start("WEEK", 1, "2026-03-01"), "2026-02-23");
    assert_eq!(start("MONTH", 0, "2026-03-31"), "2026-03-01");
    assert_eq!(start("MONTH", 27, "2026-03-27"), "2026-02-28");
    assert_eq!(start("MONTH", 27, "2026-03-28"), "2026-03-28");
    assert_eq!(start("MONTH", 9, "2026-01-09"), "2025-12-10");
}

#[test]
fn ranges_are_dates_of_the_last_ninety_days() {
    let (mut fixture, plan, _) = plan(json!({ "limit": 10, "period": "DAY" }));
    for (from, to, is_ok) in [
        ("2025-12-01", "2026-03-01", true),
        ("2025-11-30", "2026-03-01", false),
        ("2026-03-01", "2026-05-30", true),
        ("2026-03-01", "2026-05-31", false),
        ("2026-03-01", "2026-02-28", false),
        ("2026-02-30", "2026-03-01", false),
        ("2026-3-1", "2026-03-01", false),
        ("2026-03-01T00:00:00Z", "2026-03-01", false),
        ("", "", false),
        ("-9999-01-01", "9999-12-31", false),
    ] {
        assert_eq!(usage(&mut fixture, &plan, from, to).is_ok(), is_ok, "{from} {to}");
    }
    assert_eq!(
        refusal(usage(&mut fixture, "none", "2026-03-01", "2026-03-01")),
        (404, "NotFoundException", "Invalid Usage Plan ID specified".into())
    );
}

#[test]
fn one_key_or_a_page_of_them() {
    let (mut fixture, plan, key) = plan(json!({ "limit": 10, "period": "DAY" }));
    let other = fixture.v1("CreateApiKey", json!({})).unwrap()["id"].clone();
    let input = json!({ "usagePlanId": plan, "keyId": other, "keyType": "API_KEY" });
    fixture.v1("CreateUsagePlanKey", input).unwrap();
    let of = |mut more: Value| {
        more["usagePlanId"] = plan.as_str().into();
        more["startDate"] = "2026-03-01".into();
        more["endDate"] = "2026-03-01".into();
        more
    };
    let one = fixture.v1("GetUsage", of(json!({ "keyId": key }))).unwrap();
    assert_eq!(one["values"], json!({ key.clone(): [[0, 10]] }));
    let none = fixture.v1("GetUsage", of(json!({ "keyId": "none" }))).unwrap();
    assert_eq!(none["values"], json!({}));
    let first = fixture.v1("GetUsage", of(json!({ "limit": 1 }))).unwrap();
    let rest = of(json!({ "limit": 1, "position": first["position"] }));
    let second = fixture.v1("GetUsage", rest).unwrap();
    assert_eq!(second.get("position"), None);
    let keys =
        |page: &Value| page["values"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut all = [keys(&first), keys(&second)].concat();
    all.sort();
    let mut expected = vec![key, other.as_str().unwrap().to_owned()];
    expected.sort();
    assert_eq!(all, expected);
}

#[test]
fn what_is_left_can_be_set() {
    let (mut fixture, plan, key) = plan(json!({ "limit": 10, "period": "MONTH" }));
    let patch = |op: &str, path: &str, value: &str| {
        json!({
            "usagePlanId": plan, "keyId": key,
            "patchOperations": [{ "op": op, "path": path, "value": value }],
        })
    };
    let answer = fixture.v1("UpdateUsage", patch("replace", "/remaining", "50")).unwrap();
    assert_eq!(
        answer,
        json!({
            "usagePlanId": plan, "startDate": "2026-03-01", "endDate": "2026-03-01",
            "values": { key.clone(): [[0, 50]] },
        })
    );
    let later = usage(&mut fixture, &plan, "2026-03-01", "2026-03-02").unwrap();
    assert_eq!(later["values"][&key], json!([[0, 50], [0, 50]]));
    for (op, path, value, message) in [
        (
            "add",
            "/remaining",
            "1",
            "Invalid patch path  '/remaining' specified for op 'add'. Must be one of: []",
        ),
        (
            "replace",
            "/used",
            "1",
            "Invalid patch path  '/used' specified for op 'replace'. Must be one of: [/remaining]",
        ),
        ("replace", "/remaining", "-1", "Invalid remaining quota specified: '-1'"),
        ("replace", "/remaining", "", "Invalid remaining quota specified: ''"),
    ] {
        assert_eq!(refusal(fixture.v1("UpdateUsage", patch(op, path, value))).2, message);
    }
    let mut other = patch("replace", "/remaining", "1");
    other["keyId"] = "none".into();
    assert_eq!(refusal(fixture.v1("UpdateUsage", other)).0, 404);
}

#[test]
fn without_a_quota_nothing_runs_out() {
    let (mut fixture, plan, key) = plan(Value::Null);
    let answer = usage(&mut fixture, &plan, "2026-03-01", "2026-03-01").unwrap();
    assert_eq!(answer["values"][&key], json!([[0, -1]]));
    let operations = json!([{ "op": "replace", "path": "/remaining", "value": "1" }]);
    let input = json!({ "usagePlanId": plan, "keyId": key, "patchOperations": operations });
    assert_eq!(refusal(fixture.v1("UpdateUsage", input)).0, 400);
}
