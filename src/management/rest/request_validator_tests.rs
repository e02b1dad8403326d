//! Request validators: recorded refusals, patches, and that one in use stays.

use super::super::planted::{API, fixture, method, put, refusal, resource};
use serde_json::{Value, json};

#[test]
fn a_validator_is_made_shown_listed_and_deleted() {
    let mut fixture = fixture();
    let made =
        fixture.v1("CreateRequestValidator", json!({"restApiId": API, "name": "both"})).unwrap();
    let id = made["id"].clone();
    assert_eq!(
        made,
        json!({"id": id, "name": "both", "validateRequestBody": false, "validateRequestParameters": false})
    );
    let named = json!({"restApiId": API, "requestValidatorId": id});
    assert_eq!(fixture.v1("GetRequestValidator", named.clone()).unwrap(), made);
    assert_eq!(
        fixture.v1("GetRequestValidators", json!({"restApiId": API})).unwrap(),
        json!({"item": [made]})
    );
    assert_eq!(fixture.v1("DeleteRequestValidator", named.clone()).unwrap(), Value::Null);
    assert_eq!(
        refusal(&mut fixture, "DeleteRequestValidator", named),
        "404 NotFoundException: Invalid Request Validator identifier specified"
    );
}

#[test]
fn a_wrong_api_is_refused_in_another_way_by_each_operation() {
    let mut fixture = fixture();
    let wrong = json!({"restApiId": "nope", "requestValidatorId": "abc123"});
    for (operation, expected) in [
        (
            "CreateRequestValidator",
            "400 BadRequestException: Invalid REST API identifier specified",
        ),
        (
            "GetRequestValidators",
            "404 NotFoundException: Invalid API identifier specified 000000000000:nope",
        ),
        (
            "GetRequestValidator",
            "404 NotFoundException: Invalid Request Validator identifier specified",
        ),
        (
            "UpdateRequestValidator",
            "404 NotFoundException: Invalid Request Validator identifier specified",
        ),
        (
            "DeleteRequestValidator",
            "404 NotFoundException: Invalid Request Validator identifier specified",
        ),
    ] {
        assert_eq!(refusal(&mut fixture, operation, wrong.clone()), expected, "{operation}");
    }
}

#[test]
fn patches_replace_name_and_flags_and_nothing_else() {
    let mut fixture = fixture();
    let made =
        fixture.v1("CreateRequestValidator", json!({"restApiId": API, "name": "both"})).unwrap();
    let id = made["id"].clone();
    let mut patch = |operation: Value| {
        let input =
            json!({"restApiId": API, "requestValidatorId": id, "patchOperations": [operation]});
        fixture.v1("UpdateRequestValidator", input).map_err(|fault| fault.message)
    };
    let replace = |path: &str, value: &str| json!({"op": "replace", "path": path, "value": value});
    assert_eq!(patch(replace("/name", "new")).unwrap()["name"], "new");
    assert_eq!(
        patch(replace("/validateRequestBody", "TRUE")).unwrap()["validateRequestBody"],
        true
    );
    assert_eq!(
        patch(replace("/validateRequestParameters", "true")).unwrap()["validateRequestParameters"],
        true
    );
    assert_eq!(
        patch(json!({"op": "replace", "path": "/validateRequestBody"})).unwrap()["validateRequestBody"],
        false,
        "a missing value is false"
    );
    for (operation, expected) in [
        (replace("/name", ""), "Request Validator name cannot be blank"),
        (
            replace("/invalidPath", "x"),
            "Invalid patch path  '/invalidPath' specified for op 'replace'. Must be one of: [/name, /validateRequestParameters, /validateRequestBody]",
        ),
        (
            json!({"op": "add", "path": "/validateRequestBody", "value": "true"}),
            "Invalid patch path  '/validateRequestBody' specified for op 'add'. Please choose supported operations",
        ),
        (
            json!({"op": "remove", "path": "/validateRequestBody"}),
            "Invalid patch path  '/validateRequestBody' specified for op 'remove'. Please choose supported operations",
        ),
    ] {
        assert_eq!(patch(operation).unwrap_err(), expected);
    }
}

#[test]
fn a_validator_in_use_stays() {
    let mut fixture = fixture();
    let made =
        fixture.v1("CreateRequestValidator", json!({"restApiId": API, "name": "both"})).unwrap();
    let mut get = method("GET");
    get.request_validator_id = made["id"].as_str().map(str::to_owned);
    put(&mut fixture, API, "pets01", resource("pets01", "/pets", get));
    assert_eq!(
        refusal(
            &mut fixture,
            "DeleteRequestValidator",
            json!({"restApiId": API, "requestValidatorId": made["id"]})
        ),
        "409 ConflictException: Cannot delete validator 'both', is referenced in method: GET//pets"
    );
}
