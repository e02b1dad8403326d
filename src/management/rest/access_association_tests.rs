//! Access associations: how they are named, refused and ended.

use super::*;
use crate::management::domain::sample::refusal;
use crate::management::fixture::Fixture;
use serde_json::Value;

fn private(fixture: &mut Fixture) -> Value {
    let input =
        json!({ "domainName": "a.example", "endpointConfiguration": { "types": ["PRIVATE"] } });
    fixture.v1("CreateDomainName", input).unwrap()
}

fn input(domain: &Value, endpoint: &str) -> Value {
    json!({
        "domainNameArn": domain["domainNameArn"],
        "accessAssociationSourceType": "VPCE",
        "accessAssociationSource": endpoint,
    })
}

fn made(fixture: &mut Fixture, domain: &Value, endpoint: &str) -> Value {
    fixture.v1("CreateDomainNameAccessAssociation", input(domain, endpoint)).unwrap()
}

fn list(fixture: &mut Fixture) -> Value {
    fixture.v1("GetDomainNameAccessAssociations", json!({ "resourceOwner": "SELF" })).unwrap()["item"]
        .clone()
}

#[test]
fn an_association_is_named_by_domain_and_endpoint() {
    let mut fixture = Fixture::new();
    let domain = private(&mut fixture);
    let arn = "arn:aws:apigateway:us-east-1:000000000000:/domainnameaccessassociations/domainname/a.example/vpcesource/vpce-1";
    let association = made(&mut fixture, &domain, "vpce-1");
    assert_eq!(
        association,
        json!({
            "domainNameAccessAssociationArn": arn,
            "domainNameArn": domain["domainNameArn"],
            "accessAssociationSourceType": "VPCE",
            "accessAssociationSource": "vpce-1",
        })
    );
    assert_eq!(list(&mut fixture), json!([association]));
    let others = json!({ "resourceOwner": "OTHER_ACCOUNTS" });
    let others = fixture.v1("GetDomainNameAccessAssociations", others).unwrap();
    assert_eq!(others, json!({ "item": [] }));
    let tags = json!({ "resourceArn": arn, "tags": { "a": "b" } });
    fixture.v1("TagResource", tags).unwrap();
    assert_eq!(list(&mut fixture)[0]["tags"], json!({ "a": "b" }));
}

#[test]
fn wrong_associations_are_refused() {
    let mut fixture = Fixture::new();
    let domain = private(&mut fixture);
    made(&mut fixture, &domain, "vpce-1");
    let public =
        json!({ "domainName": "b.example", "endpointConfiguration": { "types": ["EDGE"] } });
    let public = fixture.v1("CreateDomainName", public).unwrap();
    let elsewhere = domain["domainNameArn"].as_str().unwrap().replace("us-east-1", "eu-west-1");
    for (input, status) in [
        (input(&domain, "vpce-1"), 409),
        (input(&domain, "eni-1"), 400),
        (input(&public, "vpce-1"), 400),
        (input(&json!({ "domainNameArn": "x" }), "vpce-1"), 404),
        (input(&json!({ "domainNameArn": elsewhere }), "vpce-2"), 404),
    ] {
        let text = input.to_string();
        let refused = refusal(fixture.v1("CreateDomainNameAccessAssociation", input));
        assert_eq!(refused.0, status, "{text}");
    }
}

#[test]
fn deleting_rejecting_and_losing_the_name_all_end_it() {
    let mut fixture = Fixture::new();
    let domain = private(&mut fixture);
    let arn = |association: &Value| association["domainNameAccessAssociationArn"].clone();
    let one = made(&mut fixture, &domain, "vpce-1");
    let delete = json!({ "domainNameAccessAssociationArn": arn(&one) });
    assert_eq!(fixture.v1("DeleteDomainNameAccessAssociation", delete.clone()), Ok(Value::Null));
    assert_eq!(refusal(fixture.v1("DeleteDomainNameAccessAssociation", delete)).0, 404);
    let two = made(&mut fixture, &domain, "vpce-2");
    let mut reject = json!({ "domainNameAccessAssociationArn": arn(&two), "domainNameArn": "x" });
    assert_eq!(refusal(fixture.v1("RejectDomainNameAccessAssociation", reject.clone())).0, 404);
    reject["domainNameArn"] = domain["domainNameArn"].clone();
    fixture.v1("RejectDomainNameAccessAssociation", reject).unwrap();
    made(&mut fixture, &domain, "vpce-3");
    let name = json!({ "domainName": "a.example", "domainNameId": domain["domainNameId"] });
    fixture.v1("DeleteDomainName", name).unwrap();
    assert_eq!(list(&mut fixture), json!([]));
}
