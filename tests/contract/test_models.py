"""Models and request validators of REST APIs."""

import json

import pytest

PET = json.dumps({
    "$schema": "http://json-schema.org/draft-04/schema#",
    "title": "Pet",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
})
EMPTY_SCHEMA = "Model schema must have at least 1 property or array items defined"


def test_the_models_of_a_new_api(v1, api):
    empty = v1.get_model(restApiId=api, modelName="Empty")
    assert empty["description"] == "This is a default empty schema model"
    assert empty["contentType"] == "application/json"
    assert json.loads(empty["schema"]) == {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "Empty Schema",
        "type": "object",
    }
    error = v1.get_model(restApiId=api, modelName="Error")
    assert error["description"] == "This is a default error schema model"
    assert json.loads(error["schema"])["properties"] == {"message": {"type": "string"}}


def test_create_get_update_delete(v1, api, answer_of, patch, bad, missing, conflict):
    create = {"restApiId": api, "name": "Pet", "contentType": "application/json"}
    made = v1.create_model(**create, schema=PET, description="a pet")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert len(made["id"]) == 6
    # As it was given, to the byte.
    expected = {**create, "id": made["id"], "schema": PET, "description": "a pet"}
    del expected["restApiId"]
    assert answer_of(made) == expected
    assert answer_of(v1.get_model(restApiId=api, modelName="Pet")) == expected
    conflict("Model name already exists for this REST API", v1.create_model, **create, schema=PET)
    at = {"restApiId": api, "modelName": "Pet"}
    changed = v1.update_model(**at, patchOperations=patch(("replace", "/description", "b"), ("replace", "/schema", '{"type":"array","items":{}}')))
    assert (changed["description"], changed["schema"]) == ("b", '{"type":"array","items":{}}')
    bad(
        "Invalid patch path  '/name' specified for op 'replace'. Must be one of: [/description, /schema]",
        v1.update_model,
        **at,
        patchOperations=patch(("replace", "/name", "x")),
    )
    bad(
        "Invalid patch path  '/schema' specified for op 'remove'. Please choose supported operations",
        v1.update_model,
        **at,
        patchOperations=patch(("remove", "/schema")),
    )
    template = v1.get_model_template(**at)["value"]
    assert "$inputRoot" in template
    assert v1.delete_model(**at)["ResponseMetadata"]["HTTPStatusCode"] == 202
    unknown = "Invalid model name specified: Pet"
    for call in (v1.get_model, v1.delete_model, v1.get_model_template):
        missing(unknown, call, **at)
    missing(unknown, v1.update_model, **at, patchOperations=[])
    assert {model["name"] for model in v1.get_models(restApiId=api)["items"]} == {"Empty", "Error"}


def test_create_refuses(v1, api, bad, no_api):
    create = {"restApiId": api, "contentType": "application/json"}
    no_api(v1.create_model, name="Pet", contentType="application/json", schema=PET)
    bad("Model name must be non-empty", v1.create_model, **create, name="", schema=PET)
    bad(EMPTY_SCHEMA, v1.create_model, **create, name="Pet")
    bad(EMPTY_SCHEMA, v1.create_model, **create, name="Pet", schema="")
    bad(
        "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified]",
        v1.create_model,
        **create,
        name="Pet",
        schema="{",
    )


def test_references_are_inlined_on_request(v1, api):
    v1.create_model(restApiId=api, name="Pet", contentType="application/json", schema=PET)
    reference = f"https://apigateway.amazonaws.com/restapis/{api}/models/Pet"
    schema = json.dumps({"type": "array", "items": {"$ref": reference}})
    v1.create_model(restApiId=api, name="Pets", contentType="application/json", schema=schema)
    assert v1.get_model(restApiId=api, modelName="Pets")["schema"] == schema
    flat = json.loads(v1.get_model(restApiId=api, modelName="Pets", flatten=True)["schema"])
    assert reference not in json.dumps(flat)
    assert "age" in json.dumps(flat)


def test_a_model_in_use_stays(v1, api, root, conflict):
    v1.create_model(restApiId=api, name="Pet", contentType="application/json", schema=PET)
    v1.put_method(
        restApiId=api,
        resourceId=root,
        httpMethod="ANY",
        authorizationType="NONE",
        requestModels={"application/json": "Pet"},
    )
    conflict(
        "Cannot delete model 'Pet', is referenced in method request: //ANY",
        v1.delete_model,
        restApiId=api,
        modelName="Pet",
    )


def test_request_validators(v1, api, answer_of, patch, bad, missing, no_api):
    made = v1.create_request_validator(restApiId=api, name="both")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    expected = {"id": made["id"], "name": "both", "validateRequestBody": False, "validateRequestParameters": False}
    assert answer_of(made) == expected
    at = {"restApiId": api, "requestValidatorId": made["id"]}
    changed = v1.update_request_validator(
        **at,
        patchOperations=patch(
            ("replace", "/name", "body"),
            ("replace", "/validateRequestBody", "true"),
            ("replace", "/validateRequestParameters", "TRUE"),
        ),
    )
    expected = {"id": made["id"], "name": "body", "validateRequestBody": True, "validateRequestParameters": True}
    assert answer_of(changed) == expected
    assert answer_of(v1.get_request_validator(**at)) == expected
    assert v1.get_request_validators(restApiId=api)["items"] == [expected]
    # No value is false.
    changed = v1.update_request_validator(**at, patchOperations=patch(("replace", "/validateRequestBody")))
    assert changed["validateRequestBody"] is False
    bad(
        "Request Validator name cannot be blank",
        v1.update_request_validator,
        **at,
        patchOperations=patch(("replace", "/name", "")),
    )
    bad(
        "Invalid patch path  '/x' specified for op 'replace'. Must be one of: [/name, /validateRequestParameters,"
        " /validateRequestBody]",
        v1.update_request_validator,
        **at,
        patchOperations=patch(("replace", "/x", "")),
    )
    bad(
        "Invalid patch path  '/name' specified for op 'add'. Please choose supported operations",
        v1.update_request_validator,
        **at,
        patchOperations=patch(("add", "/name", "x")),
    )
    bad("Invalid REST API identifier specified", v1.create_request_validator, restApiId="unknown", name="x")
    no_api(v1.get_request_validators)
    assert v1.delete_request_validator(**at)["ResponseMetadata"]["HTTPStatusCode"] == 202
    unknown = "Invalid Request Validator identifier specified"
    for call in (v1.get_request_validator, v1.delete_request_validator):
        missing(unknown, call, **at)
        missing(unknown, call, restApiId="unknown", requestValidatorId=made["id"])
    missing(unknown, v1.update_request_validator, **at, patchOperations=[])


def test_pages(v1, api):
    for number in range(4):
        v1.create_model(restApiId=api, name=f"M{number}", contentType="application/json", schema=PET)
        v1.create_request_validator(restApiId=api, name=f"v{number}")
    pages = v1.get_paginator("get_models").paginate(restApiId=api, PaginationConfig={"PageSize": 2})
    names = [model["name"] for page in pages for model in page["items"]]
    assert sorted(names) == ["Empty", "Error", "M0", "M1", "M2", "M3"]
    pages = list(v1.get_paginator("get_request_validators").paginate(restApiId=api, PaginationConfig={"PageSize": 3}))
    assert [len(page["items"]) for page in pages] == [3, 1]
