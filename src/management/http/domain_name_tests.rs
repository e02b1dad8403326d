//! Domain names of v2: Terraform's calls, and what is seen of names that v1 made.

use super::*;
use crate::management::domain::sample::refusal;
use crate::management::fixture::Fixture;

const CERTIFICATE: &str = "arn:aws:acm:us-east-1:000000000000:certificate/1";

fn input(name: &str) -> Value {
    json!({
        "domainName": name,
        "domainNameConfigurations": [{
            "certificateArn": CERTIFICATE, "endpointType": "REGIONAL", "securityPolicy": "TLS_1_2",
        }],
    })
}

/// What Terraform does: create, poll, change certificate and mutual TLS, turn that off, delete.
#[test]
fn terraforms_life_of_a_name() {
    let mut fixture = Fixture::new();
    let made = fixture.v2("CreateDomainName", input("a.example")).unwrap();
    let configuration = &made["domainNameConfigurations"][0];
    let target = configuration["apiGatewayDomainName"].as_str().unwrap();
    assert!(target.ends_with(".execute-api.us-east-1.localhost"), "{target}");
    assert_eq!(
        made,
        json!({
            "apiMappingSelectionExpression": "$request.basepath",
            "domainName": "a.example",
            "domainNameArn": "arn:aws:apigateway:us-east-1::/domainnames/a.example",
            "domainNameConfigurations": [{
                "apiGatewayDomainName": target,
                "certificateArn": CERTIFICATE,
                "certificateUploadDate": "2026-03-01T10:00:00Z",
                "domainNameStatus": "AVAILABLE",
                "endpointType": "REGIONAL",
                "hostedZoneId": configuration["hostedZoneId"],
                "ipAddressType": "ipv4",
                "securityPolicy": "TLS_1_2",
            }],
            "routingMode": "API_MAPPING_ONLY",
            "tags": {},
        })
    );
    let name = json!({ "domainName": "a.example" });
    assert_eq!(fixture.v2("GetDomainName", name.clone()), Ok(made.clone()));
    fixture.now.0 += 60;
    let mut update = input("a.example");
    update["domainNameConfigurations"][0]["certificateArn"] = format!("{CERTIFICATE}2").into();
    update["domainNameConfigurations"][0]["ipAddressType"] = "dualstack".into();
    update["mutualTlsAuthentication"] =
        json!({ "truststoreUri": "s3://b/k", "truststoreVersion": "1" });
    update["routingMode"] = "ROUTING_RULE_THEN_API_MAPPING".into();
    let changed = fixture.v2("UpdateDomainName", update).unwrap();
    let configuration = &changed["domainNameConfigurations"][0];
    assert_eq!(configuration["apiGatewayDomainName"], target, "the target stays");
    assert_eq!(configuration["certificateUploadDate"], "2026-03-01T10:01:00Z");
    assert_eq!(configuration["ipAddressType"], "dualstack");
    assert_eq!(changed["mutualTlsAuthentication"]["truststoreUri"], "s3://b/k");
    assert_eq!(changed["routingMode"], "ROUTING_RULE_THEN_API_MAPPING");
    let v1 = fixture.v1("GetDomainName", name.clone()).unwrap();
    assert_eq!(v1["routingMode"], "ROUTING_RULE_THEN_BASE_PATH_MAPPING");
    assert_eq!(v1["regionalDomainName"], target);
    let off =
        json!({ "domainName": "a.example", "mutualTlsAuthentication": { "truststoreUri": "" } });
    let changed = fixture.v2("UpdateDomainName", off).unwrap();
    assert_eq!(changed.get("mutualTlsAuthentication"), None);
    fixture.v2("DeleteDomainName", name.clone()).unwrap();
    assert_eq!(
        refusal(fixture.v2("GetDomainName", name)),
        (404, "NotFoundException", "Invalid domain name identifier specified".into())
    );
    assert!(fixture.state.is_empty(), "nothing is left, the claim neither");
}

#[test]
fn exactly_one_configuration_is_expected() {
    let mut fixture = Fixture::new();
    let expected = (
        400,
        "BadRequestException",
        "Invalid input. Expected one domain name configuration".to_owned(),
    );
    let mut two = input("a.example");
    two["domainNameConfigurations"] = json!([{}, {}]);
    for input in [json!({ "domainName": "a.example" }), two.clone()] {
        assert_eq!(refusal(fixture.v2("CreateDomainName", input)), expected);
    }
    fixture.v2("CreateDomainName", input("a.example")).unwrap();
    assert_eq!(refusal(fixture.v2("UpdateDomainName", two)), expected);
}

#[test]
fn both_services_have_one_set_of_names() {
    let mut fixture = Fixture::new();
    fixture.v2("CreateDomainName", input("a.example")).unwrap();
    let v1 = json!({ "domainName": "a.example" });
    for answer in
        [fixture.v1("CreateDomainName", v1), fixture.v2("CreateDomainName", input("a.example"))]
    {
        assert_eq!(
            refusal(answer),
            (400, "BadRequestException", "The domain name you provided already exists.".into())
        );
    }
}

#[test]
fn what_only_v1_manages_is_listed_and_refused() {
    let mut fixture = Fixture::new();
    fixture.v1("CreateDomainName", json!({ "domainName": "edge.example" })).unwrap();
    let old = json!({
        "domainName": "old.example", "securityPolicy": "TLS_1_0",
        "endpointConfiguration": { "types": ["REGIONAL"] },
    });
    fixture.v1("CreateDomainName", old).unwrap();
    let private =
        json!({ "domainName": "p.example", "endpointConfiguration": { "types": ["PRIVATE"] } });
    fixture.v1("CreateDomainName", private).unwrap();
    let begin = "Only REGIONAL domain names with a security policy of TLS 1.2 can be managed through the API Gateway V2 API.";
    for domain in ["edge.example", "old.example"] {
        for name in ["GetDomainName", "UpdateDomainName", "DeleteDomainName", "GetApiMappings"] {
            let (status, _, message) = refusal(fixture.v2(name, json!({ "domainName": domain })));
            assert_eq!((status, message.starts_with(begin)), (400, true), "{name} {message}");
        }
    }
    for member in [json!({ "endpointType": "EDGE" }), json!({ "securityPolicy": "TLS_1_0" })] {
        let input = json!({ "domainName": "b.example", "domainNameConfigurations": [member] });
        assert!(refusal(fixture.v2("CreateDomainName", input)).2.starts_with(begin));
    }
    let list = fixture.v2("GetDomainNames", json!({})).unwrap();
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|it| &it["domainName"]).collect();
    assert_eq!(names, ["edge.example", "old.example"], "v2 cannot name private ones");
    assert_eq!(list["items"][0]["domainNameConfigurations"][0]["endpointType"], "EDGE");
}

#[test]
fn pages_of_names_skip_private_ones() {
    let mut fixture = Fixture::new();
    for index in 0..5 {
        let private =
            json!({ "domainName": "a.example", "endpointConfiguration": { "types": ["PRIVATE"] } });
        fixture.v1("CreateDomainName", private).unwrap();
        fixture.v2("CreateDomainName", input(&format!("{index}.example"))).unwrap();
    }
    fixture.v2("CreateDomainName", input("z.example")).unwrap();
    let mut seen = Vec::new();
    let mut page = json!({ "maxResults": "2" });
    loop {
        let list = fixture.v2("GetDomainNames", page.clone()).unwrap();
        let items = list["items"].as_array().unwrap();
        seen.extend(items.iter().map(|it| it["domainName"].as_str().unwrap().to_owned()));
        let Some(next) = list.get("nextToken") else { break };
        page["nextToken"] = next.clone();
    }
    assert_eq!(
        seen,
        ["0.example", "1.example", "2.example", "3.example", "4.example", "z.example"]
    );
}

#[test]
fn a_replaced_configuration_keeps_what_every_name_has() {
    let mut fixture = Fixture::new();
    let mut create = input("a.example");
    let ownership = "arn:aws:acm:us-east-1:000000000000:certificate/2";
    create["domainNameConfigurations"][0]["ownershipVerificationCertificateArn"] = ownership.into();
    let made = fixture.v2("CreateDomainName", create).unwrap();
    let configuration = &made["domainNameConfigurations"][0];
    assert_eq!(configuration["ownershipVerificationCertificateArn"], ownership);
    let update = json!({ "domainName": "a.example", "domainNameConfigurations": [{}] });
    let changed = fixture.v2("UpdateDomainName", update).unwrap();
    let configuration = &changed["domainNameConfigurations"][0];
    assert_eq!(configuration.get("ownershipVerificationCertificateArn"), None);
    assert_eq!(
        (&configuration["certificateArn"], &configuration["securityPolicy"]),
        (&json!(CERTIFICATE), &json!("TLS_1_2"))
    );
}
