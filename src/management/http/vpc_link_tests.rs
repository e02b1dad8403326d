//! VPC links of v2: Terraform's calls, and that a link in use stays.

use super::*;
use crate::management::domain::sample::{api, put, refusal};
use crate::management::fixture::Fixture;
use serde_json::json;

fn made(fixture: &mut Fixture) -> Value {
    let input = json!({ "name": "link", "subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"] });
    fixture.v2("CreateVpcLink", input).unwrap()
}

/// What Terraform does: create, poll, rename, delete, poll until it is gone.
#[test]
fn terraforms_life_of_a_link() {
    let mut fixture = Fixture::new();
    let link = made(&mut fixture);
    let id = link["vpcLinkId"].clone();
    assert_eq!(
        link,
        json!({
            "vpcLinkId": id,
            "name": "link",
            "securityGroupIds": ["sg-1"],
            "subnetIds": ["subnet-1"],
            "vpcLinkStatus": "AVAILABLE",
            "vpcLinkStatusMessage": "VPC link is ready to route traffic",
            "vpcLinkVersion": "V2",
            "createdDate": "2026-03-01T10:00:00Z",
            "tags": {},
        })
    );
    let read = json!({ "vpcLinkId": id });
    assert_eq!(fixture.v2("GetVpcLink", read.clone()), Ok(link.clone()));
    assert_eq!(fixture.v2("GetVpcLinks", json!({})), Ok(json!({ "items": [link] })));
    let rename = json!({ "vpcLinkId": id, "name": "new" });
    assert_eq!(fixture.v2("UpdateVpcLink", rename).unwrap()["name"], "new");
    assert_eq!(fixture.v2("DeleteVpcLink", read.clone()), Ok(Value::Null));
    for name in ["GetVpcLink", "UpdateVpcLink", "DeleteVpcLink"] {
        let text = format!("Invalid VpcLink identifier specified {}", id.as_str().unwrap());
        let expected = (404, "NotFoundException", text);
        assert_eq!(refusal(fixture.v2(name, read.clone())), expected);
    }
}

#[test]
fn a_link_needs_a_name_and_a_subnet() {
    let mut fixture = Fixture::new();
    let input = |name: &str, subnets: &[&str]| json!({ "name": name, "subnetIds": subnets });
    for (input, is_ok) in [
        (input("a", &["s"]), true),
        (input(&"n".repeat(128), &["s"]), true),
        (input(&"n".repeat(129), &["s"]), false),
        (input("", &["s"]), false),
        (input("a", &[]), false),
    ] {
        assert_eq!(fixture.v2("CreateVpcLink", input.clone()).is_ok(), is_ok, "{input}");
    }
}

#[test]
fn a_link_in_use_stays() {
    let mut fixture = Fixture::new();
    let id = made(&mut fixture)["vpcLinkId"].as_str().unwrap().to_owned();
    api(&mut fixture, "HTTP", "http1", &[]);
    let integration = Integration {
        integration_id: "int1".into(),
        connection_type: "VPC_LINK".into(),
        connection_id: Some(id.clone()),
        ..Integration::default()
    };
    let route = Route {
        route_id: "route1".into(),
        route_key: "$default".into(),
        target: Some("integrations/int1".into()),
        ..Route::default()
    };
    put(&mut fixture, "http1", "int1", integration.clone());
    put(&mut fixture, "http1", "route1", route.clone());
    let text = format!(
        "Cannot delete vpc link. Vpc link '{id}', is referenced in [ANY:route1] in format of [Method:Resource]."
    );
    let input = json!({ "vpcLinkId": id });
    let expected = (400, "BadRequestException", text);
    assert_eq!(refusal(fixture.v2("DeleteVpcLink", input.clone())), expected);
    // A stage goes on serving what was deployed.
    let served = Definition {
        routes: vec![Arc::new(route.clone())],
        integrations: vec![Arc::new(integration)],
        ..Definition::default()
    };
    put(&mut fixture, "http1", "dep1", served);
    let stage = |deployment: Option<&str>| Stage {
        stage_name: "live".into(),
        deployment_id: deployment.map(str::to_owned),
        ..Stage::default()
    };
    put(&mut fixture, "http1", "live", stage(Some("dep1")));
    put(&mut fixture, "http1", "route1", Route { target: None, ..route });
    assert_eq!(refusal(fixture.v2("DeleteVpcLink", input.clone())), expected);
    put(&mut fixture, "http1", "live", stage(None));
    fixture.v2("DeleteVpcLink", input).unwrap();
}
