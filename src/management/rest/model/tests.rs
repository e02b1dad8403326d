//! Models: recorded refusals, references made local, and templates.

use super::super::planted::{API, fixture, method, put, refusal, resource};
use crate::management::fixture::Fixture;
use crate::resources::rest::Map;
use serde_json::{Value, json};

const BAD_SCHEMA: &str = "400 BadRequestException: Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified]";
const EMPTY_SCHEMA: &str =
    "400 BadRequestException: Model schema must have at least 1 property or array items defined";

fn model(fixture: &mut Fixture, name: &str, schema: &Value) -> Value {
    let schema = schema.to_string();
    let input = json!({"restApiId": API, "name": name, "contentType": "application/json", "schema": schema});
    fixture.v1("CreateModel", input).unwrap()
}

fn named(name: &str) -> Value {
    json!({"restApiId": API, "modelName": name})
}

#[test]
fn what_is_created_is_what_is_shown_and_listed() {
    let mut fixture = fixture();
    let input = json!({"restApiId": API, "name": "Pet", "contentType": "application/json",
        "description": "a pet", "schema": "{ \"type\": \"object\" }"});
    let made = fixture.v1("CreateModel", input).unwrap();

    assert_eq!(made["id"].as_str().map(str::len), Some(6));
    assert_eq!(made["schema"], "{ \"type\": \"object\" }", "as given, blanks and all");
    assert_eq!(made["description"], "a pet");
    assert_eq!(fixture.v1("GetModel", named("Pet")).unwrap(), made);
    let list = fixture.v1("GetModels", json!({"restApiId": API})).unwrap();
    assert_eq!(list, json!({"item": [made]}));
    let bare = model(&mut fixture, "Bare", &json!({"type": "object"}));
    assert!(bare.get("description").is_none(), "unset members are left out");
}

#[test]
fn creation_is_refused_in_amazons_words() {
    let mut fixture = fixture();
    model(&mut fixture, "Pet", &json!({"type": "object"}));
    let cases = [
        (
            json!({"restApiId": "nope", "name": ""}),
            "404 NotFoundException: Invalid API identifier specified 000000000000:nope",
        ),
        (
            json!({"restApiId": API, "name": ""}),
            "400 BadRequestException: Model name must be non-empty",
        ),
        (
            json!({"restApiId": API, "name": "my-pet"}),
            "400 BadRequestException: Model name must be alphanumeric: my-pet",
        ),
        (
            json!({"restApiId": API, "name": "Pet"}),
            "409 ConflictException: Model name already exists for this REST API",
        ),
        (
            json!({"restApiId": API, "name": "P", "contentType": "json", "schema": "{}"}),
            "400 BadRequestException: Invalid content type specified: json",
        ),
        (json!({"restApiId": API, "name": "P", "contentType": "application/json"}), EMPTY_SCHEMA),
        (
            json!({"restApiId": API, "name": "P", "contentType": "application/xml", "schema": ""}),
            EMPTY_SCHEMA,
        ),
        (
            json!({"restApiId": API, "name": "P", "contentType": "application/json", "schema": "{"}),
            BAD_SCHEMA,
        ),
        (
            json!({"restApiId": API, "name": "P", "contentType": "application/json", "schema": "[]"}),
            BAD_SCHEMA,
        ),
        (
            json!({"restApiId": API, "name": "P", "contentType": "application/json", "schema": "{\"type\": \"String\"}"}),
            BAD_SCHEMA,
        ),
        (
            json!({"restApiId": API, "name": "P", "contentType": "application/json", "schema": "{\"properties\": {\"a\": {\"type\": 1}}}"}),
            BAD_SCHEMA,
        ),
        (
            json!({"restApiId": API, "name": "P", "contentType": "application/json", "schema": "{\"required\": \"a\"}"}),
            BAD_SCHEMA,
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(refusal(&mut fixture, "CreateModel", input.clone()), expected, "{input}");
    }
    let xml =
        json!({"restApiId": API, "name": "X", "contentType": "application/xml", "schema": "<a/>"});
    assert!(fixture.v1("CreateModel", xml).is_ok(), "only JSON's schemas are looked into");
    assert!(fixture.v1("CreateModel", json!({})).is_err(), "no panic without members");
}

#[test]
fn an_unknown_model_is_not_found() {
    let mut fixture = fixture();
    for operation in ["GetModel", "UpdateModel", "DeleteModel", "GetModelTemplate"] {
        assert_eq!(
            refusal(&mut fixture, operation, named("Nope")),
            "404 NotFoundException: Invalid model name specified: Nope"
        );
    }
    assert_eq!(
        refusal(&mut fixture, "GetModels", json!({"restApiId": "nope"})),
        "404 NotFoundException: Invalid API identifier specified 000000000000:nope"
    );
}

#[test]
fn description_and_schema_can_be_replaced() {
    let mut fixture = fixture();
    model(&mut fixture, "Pet", &json!({"type": "object"}));
    let mut patch = |op: &str, path: &str, value: &str| {
        let operations = json!([{"op": op, "path": path, "value": value}]);
        let input = json!({"restApiId": API, "modelName": "Pet", "patchOperations": operations});
        fixture.v1("UpdateModel", input).map_err(|fault| fault.message)
    };
    assert_eq!(patch("replace", "/description", "new").unwrap()["description"], "new");
    assert!(patch("replace", "/description", "").unwrap().get("description").is_none());
    assert_eq!(
        patch("replace", "/schema", "{\"type\":\"array\"}").unwrap()["schema"],
        "{\"type\":\"array\"}"
    );
    assert_eq!(
        patch("replace", "/name", "x").unwrap_err(),
        "Invalid patch path  '/name' specified for op 'replace'. Must be one of: [/description, /schema]"
    );
    assert_eq!(
        patch("add", "/schema", "{}").unwrap_err(),
        "Invalid patch path  '/schema' specified for op 'add'. Please choose supported operations"
    );
    assert!(patch("replace", "/schema", "").unwrap_err().starts_with("Model schema must have"));
    assert!(patch("replace", "/schema", "{").unwrap_err().starts_with("Invalid model specified"));
}

#[test]
fn a_model_in_use_stays() {
    let mut fixture = fixture();
    model(&mut fixture, "Pet", &json!({"type": "object"}));
    let mut any = method("ANY");
    any.request_models = Map::from([("application/json".into(), "Pet".into())]);
    put(&mut fixture, API, "root000000", resource("root000000", "/", any.clone()));
    assert_eq!(
        refusal(&mut fixture, "DeleteModel", named("Pet")),
        "409 ConflictException: Cannot delete model 'Pet', is referenced in method request: //ANY"
    );
    any.request_models.clear();
    any.method_responses.get_mut("200").unwrap().response_models =
        Some(Map::from([("application/json".into(), "Pet".into())]));
    put(&mut fixture, API, "root000000", resource("root000000", "/pets", any));
    assert_eq!(
        refusal(&mut fixture, "DeleteModel", named("Pet")),
        "409 ConflictException: Cannot delete model 'Pet', is referenced in method response: /pets/ANY"
    );
    put(&mut fixture, API, "root000000", resource("root000000", "/", method("ANY")));
    assert_eq!(fixture.v1("DeleteModel", named("Pet")).unwrap(), Value::Null);
    assert!(fixture.v1("GetModel", named("Pet")).is_err());
}

#[test]
fn flattening_makes_references_definitions_even_in_circles() {
    let mut fixture = fixture();
    let reference = |name: &str| json!({"$ref": format!("https://apigateway.amazonaws.com/restapis/{API}/models/{name}")});
    model(
        &mut fixture,
        "Owner",
        &json!({"type": "object", "definitions": {"Id": {"type": "string"}},
        "properties": {"id": {"$ref": "#/definitions/Id"}, "pets": {"type": "array", "items": reference("Pet")}}}),
    );
    model(
        &mut fixture,
        "Pet",
        &json!({"type": "object", "properties": {
        "owner": {"$ref": "Owner"}, "other": reference("Unknown")}}),
    );
    let plain = fixture.v1("GetModel", named("Pet")).unwrap();
    let flat = fixture
        .v1("GetModel", json!({"restApiId": API, "modelName": "Pet", "flatten": true}))
        .unwrap();

    assert!(!plain["schema"].as_str().unwrap().contains("definitions"));
    let schema: Value = serde_json::from_str(flat["schema"].as_str().unwrap()).unwrap();
    assert_eq!(schema["properties"]["owner"]["$ref"], "#/definitions/Owner");
    assert_eq!(schema["properties"]["other"], reference("Unknown"), "nothing to put there");
    let owner = &schema["definitions"]["Owner"];
    assert_eq!(owner["properties"]["pets"]["items"]["$ref"], "#");
    assert_eq!(owner["properties"]["id"]["$ref"], "#/definitions/Owner/definitions/Id");
    assert_eq!(schema.pointer("/definitions/Owner/definitions/Id/type").unwrap(), "string");
}

#[test]
fn a_name_taken_by_an_own_definition_is_not_overwritten() {
    let mut fixture = fixture();
    model(&mut fixture, "Id", &json!({"type": "integer"}));
    model(
        &mut fixture,
        "Pet",
        &json!({"definitions": {"Id": {"type": "string"}},
        "properties": {"a": {"$ref": "#/definitions/Id"}, "b": {"$ref": "Id"}}}),
    );
    let flat = fixture
        .v1("GetModel", json!({"restApiId": API, "modelName": "Pet", "flatten": true}))
        .unwrap();
    let schema: Value = serde_json::from_str(flat["schema"].as_str().unwrap()).unwrap();
    assert_eq!(
        schema["definitions"],
        json!({"Id": {"type": "string"}, "Id_": {"type": "integer"}})
    );
    assert_eq!(schema["properties"]["b"]["$ref"], "#/definitions/Id_");
}

#[test]
fn many_references_to_each_other_do_not_grow_the_answer() {
    let mut fixture = fixture();
    for index in 0..30 {
        let next = json!({"$ref": format!("M{}", index + 1)});
        model(&mut fixture, &format!("M{index}"), &json!({"properties": {"a": next, "b": next}}));
    }
    let flat = fixture
        .v1("GetModel", json!({"restApiId": API, "modelName": "M0", "flatten": true}))
        .unwrap();
    assert!(flat["schema"].as_str().unwrap().len() < 10_000);
    // Templates write references out, to a bounded depth and size.
    let wide = (0..100).map(|index| (format!("p{index}"), json!({"$ref": "#"})));
    model(&mut fixture, "Wide", &json!({"properties": wide.collect::<serde_json::Map<_, _>>()}));
    for name in ["M0", "Wide"] {
        let template = fixture.v1("GetModelTemplate", named(name)).unwrap();
        assert!(template["value"].as_str().unwrap().len() < 300_000);
    }
}

#[test]
fn a_template_has_the_models_shape() {
    let mut fixture = fixture();
    model(
        &mut fixture,
        "Error",
        &json!({"type": "object", "properties": {"message": {"type": "string"}}}),
    );
    model(
        &mut fixture,
        "Pets",
        &json!({"type": "array", "items": {"type": "object",
        "properties": {"id": {"type": "integer"}, "price": {"type": "number"}}}}),
    );
    assert_eq!(
        fixture.v1("GetModelTemplate", named("Error")).unwrap(),
        json!({"value": "#set($inputRoot = $input.path('$'))\n{\n  \"message\" : \"foo\"\n}"})
    );
    assert_eq!(
        fixture.v1("GetModelTemplate", named("Pets")).unwrap()["value"],
        "#set($inputRoot = $input.path('$'))\n[\n## One element per element of the input; change the loop if yours is elsewhere\n#foreach($elem in $inputRoot)\n  {\n    \"id\" : 42,\n    \"price\" : 42.0\n  }\n#if($foreach.hasNext),#end\n#end\n]"
    );
}
