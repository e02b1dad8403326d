//! Domain names of v1: all three types, uniqueness, migration, and every path of the patch table.

use crate::aws::Fault;
use crate::management::domain::sample::{refusal, rest_api};
use crate::management::fixture::Fixture;
use crate::resources::Object;
use crate::resources::domain::{DomainClaim, DomainName};
use serde_json::{Value, json};

const CERTIFICATE: &str = "arn:aws:acm:us-east-1:000000000000:certificate/1";
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

fn regional(name: &str) -> Value {
    json!({
        "domainName": name,
        "regionalCertificateArn": CERTIFICATE,
        "endpointConfiguration": { "types": ["REGIONAL"] },
    })
}

fn made(fixture: &mut Fixture, input: Value) -> Value {
    fixture.v1("CreateDomainName", input).unwrap()
}

fn patched(fixture: &mut Fixture, name: &str, operations: Value) -> Result<Value, Fault> {
    let mut input = json!({ "domainName": name });
    input["patchOperations"] = operations;
    fixture.v1("UpdateDomainName", input)
}

fn one(op: &str, path: &str, value: &str) -> Value {
    json!([{ "op": op, "path": path, "value": value }])
}

#[test]
fn an_edge_name_points_to_a_distribution() {
    let mut fixture = Fixture::new();
    let input = json!({ "domainName": "a.example", "certificateArn": CERTIFICATE });
    let name = made(&mut fixture, input);
    let target = name["distributionDomainName"].as_str().unwrap();
    assert!(target.starts_with('d') && target.ends_with(".cloudfront.net"), "{target}");
    assert_eq!(
        name,
        json!({
            "domainName": "a.example",
            "domainNameArn": "arn:aws:apigateway:us-east-1::/domainnames/a.example",
            "certificateArn": CERTIFICATE,
            "certificateUploadDate": 1_772_359_200,
            "distributionDomainName": target,
            "distributionHostedZoneId": "Z2FDTNDATAQYW2",
            "endpointConfiguration": { "types": ["EDGE"], "ipAddressType": "ipv4" },
            "domainNameStatus": "AVAILABLE",
            "securityPolicy": "TLS_1_2",
            "routingMode": "BASE_PATH_MAPPING_ONLY",
        })
    );
}

#[test]
fn a_regional_name_points_into_its_region() {
    let mut fixture = Fixture::new();
    let name = made(&mut fixture, regional("a.example"));
    let target = name["regionalDomainName"].as_str().unwrap();
    assert!(
        target.starts_with("d-") && target.ends_with(".execute-api.us-east-1.localhost"),
        "{target}"
    );
    assert!(name["regionalHostedZoneId"].is_string());
    assert_eq!((name.get("distributionDomainName"), name.get("certificateArn")), (None, None));
    assert_eq!(name["regionalCertificateArn"], CERTIFICATE);
    let read = fixture.v1("GetDomainName", json!({ "domainName": "A.Example" })).unwrap();
    assert_eq!((&read["tags"], &read["domainName"]), (&json!({}), &json!("a.example")));
}

#[test]
fn a_private_name_has_an_id_an_account_and_policies() {
    let mut fixture = Fixture::new();
    let input = json!({
        "domainName": "a.example", "certificateArn": CERTIFICATE, "policy": POLICY,
        "endpointConfiguration": { "types": ["PRIVATE"] },
    });
    let name = made(&mut fixture, input.clone());
    let id = name["domainNameId"].as_str().unwrap().to_owned();
    assert_eq!(
        name["domainNameArn"],
        format!("arn:aws:apigateway:us-east-1:000000000000:/domainnames/a.example+{id}")
    );
    assert_eq!(name["endpointConfiguration"]["ipAddressType"], "dualstack");
    assert_eq!(name["policy"], POLICY, "an API's would be escaped");
    // Another of the same name, and a public one: private names are not of one world.
    let other = made(&mut fixture, input);
    assert_ne!(other["domainNameId"], name["domainNameId"]);
    made(&mut fixture, regional("a.example"));
    let read = json!({ "domainName": "a.example", "domainNameId": id });
    assert_eq!(
        fixture.v1("GetDomainName", read.clone()).unwrap()["domainNameArn"],
        name["domainNameArn"]
    );
    let mut update = read.clone();
    update["patchOperations"] = one("replace", "/managementPolicy", POLICY);
    let changed = fixture.v1("UpdateDomainName", update.clone()).unwrap();
    assert_eq!(changed["managementPolicy"], POLICY);
    update["patchOperations"] = one("replace", "/policy", "");
    assert_eq!(fixture.v1("UpdateDomainName", update).unwrap().get("policy"), None);
    fixture.v1("DeleteDomainName", read.clone()).unwrap();
    assert_eq!(refusal(fixture.v1("GetDomainName", read)).0, 404);
    let list = fixture.v1("GetDomainNames", json!({})).unwrap();
    assert_eq!(list["item"].as_array().map(Vec::len), Some(2));
    let sneaky =
        json!({ "domainName": format!("a.example+{}", other["domainNameId"].as_str().unwrap()) });
    assert_eq!(refusal(fixture.v1("GetDomainName", sneaky)).0, 404);
}

#[test]
fn a_public_name_is_one_of_all_regions() {
    let mut fixture = Fixture::new();
    made(&mut fixture, regional("a.example"));
    let taken =
        (400, "BadRequestException", "The domain name you provided already exists.".to_owned());
    assert_eq!(refusal(fixture.v1("CreateDomainName", regional("A.example"))), taken);
    fixture.region = "eu-west-1".into();
    assert_eq!(refusal(fixture.v1("CreateDomainName", regional("a.example"))), taken);
    assert_eq!(
        fixture.state.get::<DomainClaim>("", "", "a.example").map(|claim| claim.region.clone()),
        Some("us-east-1".to_owned())
    );
    fixture.region = "us-east-1".into();
    fixture.v1("DeleteDomainName", json!({ "domainName": "a.example" })).unwrap();
    fixture.region = "eu-west-1".into();
    made(&mut fixture, regional("a.example"));
}

#[test]
fn unknown_names_are_told() {
    let mut fixture = Fixture::new();
    for name in ["GetDomainName", "UpdateDomainName", "DeleteDomainName", "GetBasePathMappings"] {
        assert_eq!(
            refusal(fixture.v1(name, json!({ "domainName": "a.example", "domainNameId": "x" }))),
            (404, "NotFoundException", "Invalid domain name identifier specified".into())
        );
    }
}

#[test]
fn contradictions_are_refused() {
    let mut fixture = Fixture::new();
    let with = |member: &str, value: Value| {
        let mut input = regional("a.example");
        input[member] = value;
        input
    };
    for input in [
        with("domainName", json!("")),
        with("domainName", json!("a b")),
        with("regionalCertificateArn", json!("nonsense")),
        with("endpointConfiguration", json!({ "types": ["EDGE", "REGIONAL"] })),
        with("endpointConfiguration", json!({ "types": ["OTHER"] })),
        with("endpointConfiguration", json!({ "types": ["PRIVATE"], "ipAddressType": "ipv4" })),
        with("endpointConfiguration", json!({ "types": ["REGIONAL"], "ipAddressType": "ipv6" })),
        with("policy", json!(POLICY)),
        with("policy", json!("no JSON")),
        with("endpointAccessMode", json!("STRICT")),
        with("mutualTlsAuthentication", json!({ "truststoreUri": "http://a/b" })),
        with("mutualTlsAuthentication", json!({ "truststoreUri": "s3://bucket" })),
        with("mutualTlsAuthentication", json!({ "truststoreVersion": "1" })),
        with("routingMode", json!("OTHER")),
        with("certificateBody", json!("pem")),
        with("tags", json!({ "aws:x": "y" })),
        json!({
            "domainName": "a.example",
            "endpointConfiguration": { "types": ["EDGE"] },
            "mutualTlsAuthentication": { "truststoreUri": "s3://b/k" },
        }),
    ] {
        let text = input.to_string();
        assert_eq!(refusal(fixture.v1("CreateDomainName", input)).0, 400, "{text}");
    }
    assert!(fixture.state.is_empty(), "a refused name is not claimed");
}

#[test]
fn an_uploaded_certificate_is_kept_and_not_shown() {
    let mut fixture = Fixture::new();
    let input = json!({
        "domainName": "a.example", "certificateName": "c", "certificateBody": "BODY",
        "certificatePrivateKey": "S3CRET", "certificateChain": "CHAIN",
    });
    let name = made(&mut fixture, input);
    assert_eq!(
        (&name["certificateName"], &name["certificateUploadDate"]),
        (&json!("c"), &json!(1_772_359_200))
    );
    for text in ["BODY", "S3CRET", "CHAIN"] {
        assert!(!name.to_string().contains(text));
    }
    let stored = fixture.state.get::<DomainName>("us-east-1", "", "a.example").unwrap();
    assert_eq!(stored.certificate_private_key.as_deref(), Some("S3CRET"));
    assert!(!Object::to_redacted(&*stored).to_string().contains("S3CRET"));
}

#[test]
fn a_name_moves_from_edge_to_regional_at_once_or_in_steps() {
    let mut fixture = Fixture::new();
    for (name, path) in [("a.example", "0"), ("b.example", "EDGE")] {
        made(&mut fixture, json!({ "domainName": name, "certificateArn": CERTIFICATE }));
        let operations = json!([
            { "op": "add", "path": "/regionalCertificateArn", "value": CERTIFICATE },
            { "op": "remove", "path": "/certificateArn" },
            { "op": "replace", "path": format!("/endpointConfiguration/types/{path}"), "value": "REGIONAL" },
        ]);
        let moved = patched(&mut fixture, name, operations).unwrap();
        assert_eq!(moved["endpointConfiguration"]["types"], json!(["REGIONAL"]));
        assert!(moved["regionalDomainName"].is_string());
        assert_eq!(
            (moved.get("distributionDomainName"), moved.get("certificateArn")),
            (None, None)
        );
    }
    let edge =
        made(&mut fixture, json!({ "domainName": "c.example", "certificateArn": CERTIFICATE }));
    let operations = json!([
        { "op": "add", "path": "/endpointConfiguration/types", "value": "REGIONAL" },
        { "op": "add", "path": "/regionalCertificateArn", "value": CERTIFICATE },
    ]);
    let both = patched(&mut fixture, "c.example", operations).unwrap();
    assert_eq!(both["endpointConfiguration"]["types"], json!(["EDGE", "REGIONAL"]));
    assert_eq!(both["distributionDomainName"], edge["distributionDomainName"]);
    let operations = one("remove", "/endpointConfiguration/types", "EDGE");
    let moved = patched(&mut fixture, "c.example", operations).unwrap();
    assert_eq!(moved["regionalDomainName"], both["regionalDomainName"]);
    assert_eq!(moved.get("distributionDomainName"), None);
    for operations in [
        one("remove", "/endpointConfiguration/types", "REGIONAL"),
        one("add", "/endpointConfiguration/types", "PRIVATE"),
        one("replace", "/endpointConfiguration/types/0", "PRIVATE"),
        one("replace", "/endpointConfiguration/types/0", "OTHER"),
        one("replace", "/endpointConfiguration/types/7", "EDGE"),
        one("replace", "/endpointConfiguration/types", "EDGE"),
        one("add", "/endpointConfiguration/types/0", "EDGE"),
        one("replace", "/endpointConfiguration/typesX", "EDGE"),
    ] {
        let text = operations.to_string();
        assert_eq!(refusal(patched(&mut fixture, "c.example", operations)).0, 400, "{text}");
    }
}

/// What Terraform does: create, read, changes, mutual TLS off, delete.
#[test]
fn terraforms_life_of_a_name() {
    let mut fixture = Fixture::new();
    let mut input = regional("a.example");
    input["securityPolicy"] = "TLS_1_2".into();
    input["tags"] = json!({ "a": "b" });
    input["mutualTlsAuthentication"] =
        json!({ "truststoreUri": "s3://b/k", "truststoreVersion": "1" });
    let name = made(&mut fixture, input);
    assert_eq!(name["tags"], json!({ "a": "b" }));
    assert_eq!(
        name["mutualTlsAuthentication"],
        json!({ "truststoreUri": "s3://b/k", "truststoreVersion": "1" })
    );
    fixture.now.0 += 60;
    let operations = json!([
        { "op": "replace", "path": "/regionalCertificateArn", "value": format!("{CERTIFICATE}2") },
        { "op": "replace", "path": "/mutualTlsAuthentication/truststoreUri", "value": "" },
        { "op": "replace", "path": "/securityPolicy", "value": "TLS_1_0" },
        { "op": "replace", "path": "/routingMode", "value": "ROUTING_RULE_ONLY" },
        { "op": "replace", "path": "/endpointConfiguration/ipAddressType", "value": "dualstack" },
    ]);
    let changed = patched(&mut fixture, "a.example", operations).unwrap();
    assert_eq!(changed.get("mutualTlsAuthentication"), None);
    assert_eq!(changed["certificateUploadDate"], 1_772_359_260);
    assert_eq!(
        (&changed["securityPolicy"], &changed["routingMode"]),
        (&json!("TLS_1_0"), &json!("ROUTING_RULE_ONLY"))
    );
    assert_eq!(changed["endpointConfiguration"]["ipAddressType"], "dualstack");
    assert_eq!(changed["domainNameStatus"], "AVAILABLE");
    rest_api(&mut fixture, "api1", &["prod"]);
    let mapping = json!({ "domainName": "a.example", "restApiId": "api1", "stage": "prod" });
    fixture.v1("CreateBasePathMapping", mapping).unwrap();
    fixture.v1("DeleteDomainName", json!({ "domainName": "a.example" })).unwrap();
    made(&mut fixture, regional("a.example"));
    let list = fixture.v1("GetBasePathMappings", json!({ "domainName": "a.example" })).unwrap();
    assert_eq!(list, json!({ "item": [] }), "a name takes its mappings with it");
}

#[test]
fn members_are_patched_as_the_table_says() {
    let mut fixture = Fixture::new();
    made(&mut fixture, regional("a.example"));
    let strict = json!([
        { "op": "replace", "path": "/securityPolicy", "value": "SecurityPolicy_TLS13_1_2_2021_06" },
        { "op": "replace", "path": "/endpointAccessMode", "value": "STRICT" },
    ]);
    assert_eq!(patched(&mut fixture, "a.example", strict).unwrap()["endpointAccessMode"], "STRICT");
    for (path, member) in [
        ("/certificateName", "certificateName"),
        ("/regionalCertificateName", "regionalCertificateName"),
        ("/certificateArn", "certificateArn"),
        ("/ownershipVerificationCertificateArn", "ownershipVerificationCertificateArn"),
    ] {
        for op in ["add", "replace"] {
            let set = patched(&mut fixture, "a.example", one(op, path, CERTIFICATE)).unwrap();
            assert_eq!(set[member], CERTIFICATE, "{op} {path}");
        }
        let removed = patched(&mut fixture, "a.example", one("remove", path, "")).unwrap();
        assert_eq!(removed.get(member), None, "{path}");
    }
    let on = json!([
        { "op": "add", "path": "/mutualTlsAuthentication/truststoreUri", "value": "s3://b/k" },
        { "op": "add", "path": "/mutualTlsAuthentication/truststoreVersion", "value": "1" },
    ]);
    patched(&mut fixture, "a.example", on).unwrap();
    let version = one("remove", "/mutualTlsAuthentication/truststoreVersion", "");
    let without = patched(&mut fixture, "a.example", version).unwrap();
    assert_eq!(without["mutualTlsAuthentication"], json!({ "truststoreUri": "s3://b/k" }));
    for (operations, message) in [
        (one("replace", "/x", "y"), Some("Invalid patch path /x")),
        (
            one("add", "/securityPolicy", "TLS_1_2"),
            Some("Invalid patch operation specified. Must be one of: [replace]"),
        ),
        (
            one("replace", "/endpointConfiguration/ipAddressType", "ipv5"),
            Some("ipAddressType must be either ipv4 or dualstack."),
        ),
        (one("replace", "/securityPolicy", "TLS_9"), None),
        (one("replace", "/endpointAccessMode", "LOOSE"), None),
        (one("replace", "/routingMode", "LOOSE"), None),
        (one("replace", "/policy", POLICY), None),
        (one("replace", "/policy", "x"), None),
        (one("replace", "/regionalCertificateArn", "x"), None),
    ] {
        let (status, _, text) = refusal(patched(&mut fixture, "a.example", operations.clone()));
        assert_eq!(status, 400, "{operations}");
        if let Some(message) = message {
            assert_eq!(text, message);
        }
    }
}

#[test]
fn lists_are_pages_of_this_accounts_names() {
    let mut fixture = Fixture::new();
    for name in ["c.example", "a.example", "b.example"] {
        made(&mut fixture, regional(name));
    }
    let page = fixture.v1("GetDomainNames", json!({ "limit": 2 })).unwrap();
    let names: Vec<_> =
        page["item"].as_array().unwrap().iter().map(|it| it["domainName"].as_str()).collect();
    assert_eq!(names, [Some("a.example"), Some("b.example")]);
    let rest = json!({ "limit": 2, "position": page["position"] });
    let rest = fixture.v1("GetDomainNames", rest).unwrap();
    assert_eq!((&rest["item"][0]["domainName"], rest.get("position")), (&json!("c.example"), None));
    let others = json!({ "resourceOwner": "OTHER_ACCOUNTS" });
    assert_eq!(fixture.v1("GetDomainNames", others).unwrap(), json!({ "item": [] }));
}
