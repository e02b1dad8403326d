//! Method settings: values, keys in all written forms, and where a new entry begins.

use super::{patch, remove, replace, staged};
use crate::management::rest::planted::put;
use crate::resources::account::Account;
use serde_json::json;

#[test]
fn one_setting_makes_an_entry_with_defaults() {
    let (mut fixture, ..) = staged();
    let patched = replace(&mut fixture, "/test/GET/throttling/burstLimit", "124").unwrap();
    assert_eq!(
        patched["methodSettings"],
        json!({"test/GET": {"metricsEnabled": false, "dataTraceEnabled": false, "throttlingBurstLimit": 124,
            "throttlingRateLimit": 10000.0, "cachingEnabled": false, "cacheTtlInSeconds": 300,
            "cacheDataEncrypted": false, "requireAuthorizationForCacheControl": true,
            "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER"}}),
        "and no logging level until one is set"
    );
}

#[test]
fn every_setting_has_its_member_and_values() {
    let (mut fixture, ..) = staged();
    for (suffix, value, member, expected) in [
        ("metrics/enabled", "true", "metricsEnabled", json!(true)),
        ("logging/loglevel", "INFO", "loggingLevel", json!("INFO")),
        ("logging/dataTrace", "true", "dataTraceEnabled", json!(true)),
        ("throttling/burstLimit", "0", "throttlingBurstLimit", json!(0)),
        ("throttling/burstLimit", "-1", "throttlingBurstLimit", json!(-1)),
        ("throttling/rateLimit", "2.5", "throttlingRateLimit", json!(2.5)),
        ("throttling/rateLimit", "-1.000000", "throttlingRateLimit", json!(-1.0)),
        ("caching/enabled", "true", "cachingEnabled", json!(true)),
        ("caching/ttlInSeconds", "0", "cacheTtlInSeconds", json!(0)),
        ("caching/ttlInSeconds", "3600", "cacheTtlInSeconds", json!(3600)),
        ("caching/dataEncrypted", "true", "cacheDataEncrypted", json!(true)),
        (
            "caching/requireAuthorizationForCacheControl",
            "false",
            "requireAuthorizationForCacheControl",
            json!(false),
        ),
        (
            "caching/unauthorizedCacheControlHeaderStrategy",
            "FAIL_WITH_403",
            "unauthorizedCacheControlHeaderStrategy",
            json!("FAIL_WITH_403"),
        ),
    ] {
        let patched = replace(&mut fixture, &format!("/*/*/{suffix}"), value).unwrap();
        assert_eq!(patched["methodSettings"]["*/*"][member], expected, "{suffix} {value}");
    }
    for (suffix, value, expected) in [
        (
            "caching/ttlInSeconds",
            "3601",
            "Invalid time-to-live setting, must be an integer no greater than 3600",
        ),
        (
            "caching/ttlInSeconds",
            "-1",
            "Invalid time-to-live setting, must be an integer no greater than 3600",
        ),
        ("throttling/burstLimit", "-2", "Invalid throttling burst limit: -2."),
        ("throttling/burstLimit", "1.5", "Invalid throttling burst limit: 1.5."),
        ("throttling/rateLimit", "NaN", "Invalid throttling rate limit: NaN."),
        ("throttling/rateLimit", "-0.5", "Invalid throttling rate limit: -0.5."),
        (
            "logging/loglevel",
            "DEBUG",
            "Invalid logging level specified. Valid options are OFF,ERROR,INFO",
        ),
        (
            "caching/unauthorizedCacheControlHeaderStrategy",
            "x",
            "Invalid unauthorized cache control",
        ),
    ] {
        let refused = replace(&mut fixture, &format!("/*/*/{suffix}"), value).unwrap_err();
        assert!(refused.starts_with(&format!("400 {expected}")), "{refused}");
    }
    let operations = json!([{"op": "add", "path": "/*/*/metrics/enabled", "value": "true"}]);
    assert_eq!(
        patch(&mut fixture, operations).unwrap_err(),
        "400 Invalid add operation with path: /*/*/metrics/enabled"
    );
}

#[test]
fn keys_are_given_back_as_they_were_written() {
    for (path, key) in [
        ("/*/*", "*/*"),
        ("/pets/GET", "pets/GET"),
        ("/pets/{id}/GET", "pets/{id}/GET"),
        ("/~1pets~1{id}/GET", "~1pets~1{id}/GET"),
        ("/~1/GET", "~1/GET"),
        ("//GET", "/GET"),
        ("//tenant/{tenant-name}/codes/GET", "/tenant/{tenant-name}/codes/GET"),
        ("/{proxy+}/ANY", "{proxy+}/ANY"),
        ("/pets/*", "pets/*"),
    ] {
        let (mut fixture, ..) = staged();
        let patched = replace(&mut fixture, &format!("{path}/metrics/enabled"), "true").unwrap();
        let keys: Vec<_> = patched["methodSettings"].as_object().unwrap().keys().collect();
        assert_eq!(keys, [key]);
        let removed = remove(&mut fixture, path).unwrap();
        assert_eq!(removed["methodSettings"], json!({}), "{path}");
        assert_eq!(
            remove(&mut fixture, path).unwrap_err(),
            format!(
                "400 Cannot remove method setting {key} because there is no method setting for this method "
            )
        );
    }
}

#[test]
fn what_tutorials_print_is_understood() {
    for (path, key) in [
        ("/methodSettings/*/*/throttlingRateLimit", "*/*"),
        ("/methodSettings/~1pets/GET/throttlingRateLimit", "~1pets/GET"),
        ("/methodSettings/pets/{id}/GET/throttling/rateLimit", "pets/{id}/GET"),
        // A resource may be called so.
        ("/methodSettings/GET/throttling/rateLimit", "methodSettings/GET"),
    ] {
        let (mut fixture, ..) = staged();
        let patched = replace(&mut fixture, path, "7").unwrap();
        assert_eq!(patched["methodSettings"][key]["throttlingRateLimit"], 7.0, "{path}");
        let removed = remove(&mut fixture, &format!("/{key}")).unwrap();
        assert_eq!(removed["methodSettings"], json!({}));
    }
    let (mut fixture, ..) = staged();
    replace(&mut fixture, "/methodSettings/pets/GET/loggingLevel", "ERROR").unwrap();
    assert!(remove(&mut fixture, "/methodSettings/pets/GET").is_ok());
}

#[test]
fn a_new_entry_begins_as_what_holds_for_all_and_then_goes_its_own_way() {
    let (mut fixture, ..) = staged();
    replace(&mut fixture, "/*/*/caching/enabled", "true").unwrap();
    replace(&mut fixture, "/pets/GET/throttling/burstLimit", "124").unwrap();
    let patched = replace(&mut fixture, "/*/*/caching/enabled", "false").unwrap();
    assert_eq!(patched["methodSettings"]["pets/GET"]["cachingEnabled"], true);
    assert_eq!(patched["methodSettings"]["pets/GET"]["throttlingBurstLimit"], 124);
    assert_eq!(patched["methodSettings"]["*/*"]["throttlingBurstLimit"], 5000);
}

#[test]
fn execution_logs_need_a_role_only_where_that_is_asked_for() {
    let (mut fixture, ..) = staged();
    assert!(replace(&mut fixture, "/*/*/logging/loglevel", "INFO").is_ok());
    remove(&mut fixture, "/*/*").unwrap();
    fixture.settings.logging_needs_role = true;
    for (suffix, value) in [("loglevel", "INFO"), ("loglevel", "ERROR"), ("dataTrace", "true")] {
        assert_eq!(
            replace(&mut fixture, &format!("/*/*/logging/{suffix}"), value).unwrap_err(),
            "400 CloudWatch Logs role ARN must be set in account settings to enable logging"
        );
    }
    assert!(replace(&mut fixture, "/*/*/logging/loglevel", "OFF").is_ok());
    assert!(replace(&mut fixture, "/*/*/metrics/enabled", "true").is_ok());
    let role = Some("arn:aws:iam::000000000000:role/logs".to_owned());
    put(&mut fixture, "", "account", Account { cloudwatch_role_arn: role, ..Account::default() });
    assert!(replace(&mut fixture, "/*/*/logging/loglevel", "INFO").is_ok());
}
