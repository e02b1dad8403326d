//! What is not there yet says so, and where to look instead.

use super::super::planted::{API, fixture, refusal};
use serde_json::json;

#[test]
fn what_is_not_there_says_what_is() {
    let mut fixture = fixture();
    fixture.v1("CreateDeployment", json!({"restApiId": API, "stageName": "prod"})).unwrap();
    for (operation, there) in [
        ("ImportRestApi", "CreateRestApi"),
        ("PutRestApi", "CreateRestApi"),
        ("GetExport", "GetResources"),
        ("GetSdk", "OpenAPI"),
    ] {
        let refused =
            refusal(&mut fixture, operation, json!({"restApiId": API, "stageName": "prod"}));
        assert!(refused.starts_with("400 BadRequestException: "), "{refused}");
        assert!(refused.contains(there), "{refused}");
    }
    for (operation, expected) in [
        ("PutRestApi", "404 NotFoundException: Invalid API identifier specified 000000000000:nope"),
        ("GetExport", "404 NotFoundException: Invalid stage identifier specified"),
        ("GetSdk", "404 NotFoundException: Invalid stage identifier specified"),
    ] {
        assert_eq!(refusal(&mut fixture, operation, json!({"restApiId": "nope"})), expected);
    }
}

#[test]
fn types_of_sdks_are_amazons() {
    let mut fixture = fixture();
    let list = fixture.v1("GetSdkTypes", json!({})).unwrap();
    let ids: Vec<_> = list["item"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    assert_eq!(ids, ["android", "java", "javascript", "objectivec", "ruby", "swift"]);
    let android = fixture.v1("GetSdkType", json!({"id": "android"})).unwrap();
    assert_eq!(android, list["item"][0]);
    let required = android["configurationProperties"].as_array().unwrap().iter();
    let required: Vec<_> =
        required.filter(|it| it["required"] == true).map(|it| it["name"].clone()).collect();
    assert_eq!(required, ["groupId", "artifactId", "artifactVersion", "invokerPackage"]);
    assert!(refusal(&mut fixture, "GetSdkType", json!({"id": "cobol"})).starts_with("404"));
}
