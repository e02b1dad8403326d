//! Documentation: locations, recorded refusals, imports, versions.

#![expect(
    clippy::needless_pass_by_value,
    reason = "a literal as an argument reads better without a borrow"
)]

use super::super::planted::{API, fixture, refusal};
use crate::management::fixture::Fixture;
use crate::resources::rest::DocumentationVersion;
use serde_json::{Value, json};

fn create(fixture: &mut Fixture, location: Value) -> Value {
    let input =
        json!({"restApiId": API, "location": location, "properties": "{\"description\":\"d\"}"});
    fixture.v1("CreateDocumentationPart", input).unwrap()
}

#[test]
fn a_part_is_made_shown_patched_and_deleted() {
    let mut fixture = fixture();
    let made = create(&mut fixture, json!({"type": "API"}));
    assert_eq!(
        made,
        json!({"id": made["id"], "location": {"type": "API"}, "properties": "{\"description\":\"d\"}"})
    );
    let named = json!({"restApiId": API, "documentationPartId": made["id"]});
    assert_eq!(fixture.v1("GetDocumentationPart", named.clone()).unwrap(), made);
    assert_eq!(
        fixture.v1("GetDocumentationParts", json!({"restApiId": API})).unwrap(),
        json!({"item": [made]})
    );
    let mut patch = |op: &str, path: &str, value: &str| {
        let mut input = named.clone();
        input["patchOperations"] = json!([{"op": op, "path": path, "value": value}]);
        fixture.v1("UpdateDocumentationPart", input).map_err(|fault| fault.message)
    };
    assert_eq!(patch("replace", "/properties", "{\"a\":1}").unwrap()["properties"], "{\"a\":1}");
    for (op, path, value, expected) in [
        ("replace", "/properties", "", "Documentation part properties must be non-empty"),
        ("replace", "/properties", "[]", "Documentation part properties must be a JSON object"),
        (
            "add",
            "/properties",
            "{}",
            "Invalid patch path  '/properties' specified for op 'add'. Please choose supported operations",
        ),
        (
            "replace",
            "/invalidPath",
            "x",
            "Invalid patch path  '/invalidPath' specified for op 'replace'. Must be one of: [/properties]",
        ),
    ] {
        assert_eq!(patch(op, path, value).unwrap_err(), expected);
    }
    assert_eq!(fixture.v1("DeleteDocumentationPart", named.clone()).unwrap(), Value::Null);
    for operation in ["GetDocumentationPart", "UpdateDocumentationPart", "DeleteDocumentationPart"]
    {
        assert_eq!(
            refusal(&mut fixture, operation, named.clone()),
            "404 NotFoundException: Invalid Documentation part identifier specified"
        );
    }
}

#[test]
fn a_wrong_api_is_refused_in_another_way_by_each_operation() {
    let mut fixture = fixture();
    let api = "404 NotFoundException: Invalid API identifier specified 000000000000:nope";
    let part = "404 NotFoundException: Invalid Documentation part identifier specified";
    for (operation, expected) in [
        ("CreateDocumentationPart", api),
        ("GetDocumentationParts", api),
        ("ImportDocumentationParts", api),
        ("DeleteDocumentationPart", api),
        ("GetDocumentationPart", part),
        ("UpdateDocumentationPart", part),
        ("CreateDocumentationVersion", api),
        ("GetDocumentationVersions", api),
        (
            "GetDocumentationVersion",
            "404 NotFoundException: Invalid Documentation version specified",
        ),
    ] {
        assert_eq!(
            refusal(&mut fixture, operation, json!({"restApiId": "nope"})),
            expected,
            "{operation}"
        );
    }
}

#[test]
fn a_location_has_what_its_type_has_and_is_there_once() {
    let mut fixture = fixture();
    create(&mut fixture, json!({"type": "API"}));
    create(&mut fixture, json!({"type": "METHOD", "path": "/pets"}));
    for (location, expected) in [
        (
            json!({"type": "API"}),
            "409 ConflictException: Documentation part already exists for the specified location: type 'API'.",
        ),
        (
            json!({"type": "METHOD", "path": "/pets", "method": "*"}),
            "409 ConflictException: Documentation part already exists for the specified location: type 'METHOD', path '/pets', method '*'.",
        ),
        (
            json!({"type": "API", "name": "x"}),
            "400 BadRequestException: [Location type: API cannot have path, method, statusCode or name defined.]",
        ),
        (
            json!({"type": "RESOURCE", "method": "GET"}),
            "400 BadRequestException: [Location type: RESOURCE cannot have method, statusCode or name defined.]",
        ),
        (
            json!({"type": "RESPONSE", "name": "x"}),
            "400 BadRequestException: [Location type: RESPONSE cannot have name defined.]",
        ),
        (
            json!({"type": "MODEL"}),
            "400 BadRequestException: [Location type: MODEL must have name defined.]",
        ),
    ] {
        let input = json!({"restApiId": API, "location": location, "properties": "{}"});
        assert_eq!(refusal(&mut fixture, "CreateDocumentationPart", input), expected);
    }
    let empty = json!({"restApiId": API, "location": {"type": "RESOURCE"}, "properties": ""});
    assert!(refusal(&mut fixture, "CreateDocumentationPart", empty).contains("must be non-empty"));
    create(&mut fixture, json!({"type": "METHOD", "path": "/pets", "method": "GET"}));
    create(
        &mut fixture,
        json!({"type": "RESPONSE_HEADER", "path": "/pets", "method": "GET", "statusCode": "200", "name": "X"}),
    );
}

#[test]
fn lists_are_filtered_and_show_what_is_missing() {
    let mut fixture = fixture();
    create(&mut fixture, json!({"type": "API"}));
    create(&mut fixture, json!({"type": "METHOD", "path": "/pets", "method": "GET"}));
    create(&mut fixture, json!({"type": "MODEL", "name": "Pet"}));
    let mut list = |members: Value| {
        let mut input = json!({"restApiId": API});
        input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let list = fixture.v1("GetDocumentationParts", input).unwrap();
        let items = list["item"].as_array().unwrap().clone();
        let show = |item: &Value| {
            assert_eq!(item.get("id").is_some(), item.get("properties").is_some());
            serde_json::from_value(item["location"].clone())
                .map(|it| super::location::describe(&it))
                .unwrap()
        };
        let mut shown: Vec<String> = items.iter().map(show).collect();
        shown.sort();
        shown
    };
    assert_eq!(list(json!({"type": "MODEL"})), ["type 'MODEL', name 'Pet'"]);
    assert_eq!(list(json!({"nameQuery": "Pet"})), ["type 'MODEL', name 'Pet'"]);
    assert_eq!(list(json!({"path": "/pets"})), ["type 'METHOD', path '/pets', method 'GET'"]);
    assert_eq!(list(json!({"locationStatus": "DOCUMENTED"})).len(), 3);
    assert_eq!(
        list(json!({"locationStatus": "UNDOCUMENTED"})),
        [
            "type 'METHOD', path '/', method 'GET'",
            "type 'RESOURCE', path '/'",
            "type 'RESOURCE', path '/pets'",
            "type 'RESPONSE', path '/', method 'GET', statusCode '200'",
            "type 'RESPONSE', path '/pets', method 'GET', statusCode '200'",
        ]
    );
}

#[test]
fn documents_are_merged_or_take_the_place_of_all() {
    let mut fixture = fixture();
    let old = create(&mut fixture, json!({"type": "API"}));
    let model = create(&mut fixture, json!({"type": "MODEL", "name": "Pet"}));
    let document = json!({"openapi": "3.0.0", "x-amazon-apigateway-documentation": {"documentationParts": [
        {"location": {"type": "API"}, "properties": {"description": "new", "info": {"version": "3"}}},
        {"location": {"type": "RESPONSE", "path": "/", "method": "GET", "statusCode": "200"}, "properties": {"description": "ok"}},
    ]}})
    .to_string();
    let merged = fixture
        .v1("ImportDocumentationParts", json!({"restApiId": API, "body": document}))
        .unwrap();
    assert_eq!(merged["ids"][0], old["id"], "merging keeps what there is");
    let named = json!({"restApiId": API, "documentationPartId": old["id"]});
    assert_eq!(
        fixture.v1("GetDocumentationPart", named.clone()).unwrap()["properties"],
        "{\"description\":\"new\",\"info\":{\"version\":\"3\"}}"
    );
    let again = json!({"restApiId": API, "body": document, "mode": "overwrite"});
    let overwritten = fixture.v1("ImportDocumentationParts", again).unwrap();
    assert_eq!(overwritten["ids"].as_array().unwrap().len(), 2);
    assert_ne!(overwritten["ids"][0], old["id"], "all ids are new");
    assert!(overwritten.get("warnings").is_none());
    assert!(fixture.v1("GetDocumentationPart", named).is_err());
    let gone = json!({"restApiId": API, "documentationPartId": model["id"]});
    assert!(fixture.v1("GetDocumentationPart", gone).is_err());
}

#[test]
fn bad_documents_are_refused_and_odd_parts_warned_of() {
    let mut fixture = fixture();
    for body in ["", "{", "[1]", "\"text\""] {
        let refused = refusal(
            &mut fixture,
            "ImportDocumentationParts",
            json!({"restApiId": API, "body": body}),
        );
        assert!(
            refused.starts_with(
                "400 BadRequestException: Unable to build importer with provided input."
            )
        );
    }
    let yaml = refusal(
        &mut fixture,
        "ImportDocumentationParts",
        json!({"restApiId": API, "body": "openapi: 3.0.0"}),
    );
    assert!(yaml.ends_with("Only JSON documents can be read here."));
    let odd = json!({"x-amazon-apigateway-documentation": {"documentationParts": [
        {"location": {"type": "NONSENSE"}, "properties": {"a": 1}}, {"location": {"type": "API"}},
    ]}})
    .to_string();
    let warned =
        fixture.v1("ImportDocumentationParts", json!({"restApiId": API, "body": odd})).unwrap();
    assert_eq!(
        (warned["ids"].clone(), warned["warnings"].as_array().unwrap().len()),
        (json!([]), 2)
    );
    let strict = json!({"restApiId": API, "body": odd, "failOnWarnings": true});
    assert!(
        refusal(&mut fixture, "ImportDocumentationParts", strict)
            .contains("Warnings found during import:\n\t")
    );
}

#[test]
fn a_version_keeps_all_parts_and_can_be_put_on_a_stage() {
    let mut fixture = fixture();
    create(&mut fixture, json!({"type": "API"}));
    fixture.v1("CreateDeployment", json!({"restApiId": API, "stageName": "prod"})).unwrap();
    let input = json!({"restApiId": API, "documentationVersion": "v1", "stageName": "prod", "description": "d"});
    let made = fixture.v1("CreateDocumentationVersion", input.clone()).unwrap();
    assert_eq!(made, json!({"version": "v1", "createdDate": 1_772_359_200, "description": "d"}));
    let stage = json!({"restApiId": API, "stageName": "prod"});
    assert_eq!(fixture.v1("GetStage", stage.clone()).unwrap()["documentationVersion"], "v1");
    let region = fixture.region.clone();
    let kept = fixture.state.get::<DocumentationVersion>(&region, API, "v1").unwrap();
    assert_eq!(kept.parts.len(), 1);

    let named = json!({"restApiId": API, "documentationVersion": "v1"});
    assert_eq!(fixture.v1("GetDocumentationVersion", named.clone()).unwrap(), made);
    assert_eq!(
        fixture.v1("GetDocumentationVersions", json!({"restApiId": API})).unwrap(),
        json!({"item": [made]})
    );
    assert!(
        refusal(&mut fixture, "CreateDocumentationVersion", input)
            .starts_with("409 ConflictException")
    );
    let mut patch = named.clone();
    patch["patchOperations"] = json!([{"op": "replace", "path": "/description", "value": "new"}]);
    assert_eq!(fixture.v1("UpdateDocumentationVersion", patch).unwrap()["description"], "new");
    assert_eq!(fixture.v1("DeleteDocumentationVersion", named.clone()).unwrap(), Value::Null);
    assert!(fixture.v1("GetStage", stage).unwrap().get("documentationVersion").is_none());
    assert_eq!(
        refusal(&mut fixture, "DeleteDocumentationVersion", named),
        "404 NotFoundException: Invalid Documentation version specified"
    );
    let unknown = json!({"restApiId": API, "documentationVersion": "v2", "stageName": "nope"});
    assert!(
        refusal(&mut fixture, "CreateDocumentationVersion", unknown)
            .contains("Invalid stage identifier")
    );
}
