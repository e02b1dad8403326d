"""Documentation parts and versions of REST APIs."""

import json

import pytest

NO_PART = "Invalid Documentation part identifier specified"
API_PART = {"location": {"type": "API"}, "properties": '{"description":"all of it"}'}


def test_parts(v1, api, answer_of, patch, bad, missing, no_api):
    made = v1.create_documentation_part(restApiId=api, **API_PART)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert answer_of(made) == {"id": made["id"], **API_PART}
    at = {"restApiId": api, "documentationPartId": made["id"]}
    assert answer_of(v1.get_documentation_part(**at)) == answer_of(made)
    changed = v1.update_documentation_part(**at, patchOperations=patch(("replace", "/properties", '{"a":1}')))
    assert changed["properties"] == '{"a":1}'
    bad(
        "Documentation part properties must be non-empty",
        v1.update_documentation_part,
        **at,
        patchOperations=patch(("replace", "/properties", "")),
    )
    bad(
        "Invalid patch path  '/location' specified for op 'replace'. Must be one of: [/properties]",
        v1.update_documentation_part,
        **at,
        patchOperations=patch(("replace", "/location", "x")),
    )
    with pytest.raises(v1.exceptions.ConflictException):
        v1.create_documentation_part(restApiId=api, **API_PART)
    no_api(v1.create_documentation_part, **API_PART)
    no_api(v1.get_documentation_parts)
    no_api(v1.delete_documentation_part, documentationPartId=made["id"])
    missing(NO_PART, v1.update_documentation_part, restApiId="unknown123", documentationPartId=made["id"], patchOperations=[])
    assert v1.delete_documentation_part(**at)["ResponseMetadata"]["HTTPStatusCode"] == 202
    missing(NO_PART, v1.get_documentation_part, **at)
    missing(NO_PART, v1.delete_documentation_part, **at)
    missing(NO_PART, v1.update_documentation_part, **at, patchOperations=[])


def test_an_unknown_type(v1, api):
    with pytest.raises(v1.exceptions.ClientError) as refusal:
        v1.create_documentation_part(restApiId=api, location={"type": "wrong"}, properties="{}")
    error = refusal.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith(
        "1 validation error detected: Value 'wrong' at 'createDocumentationPartInput.location.type' failed to satisfy"
        " constraint: Member must satisfy enum value set: [RESPONSE_BODY, RESPONSE, METHOD, MODEL, AUTHORIZER,"
    )


def test_lists(v1, api, root):
    for part in (
        {"type": "API"},
        {"type": "RESOURCE", "path": "/pets"},
        {"type": "METHOD", "path": "/pets", "method": "GET"},
        {"type": "QUERY_PARAMETER", "path": "/pets", "method": "GET", "name": "q"},
    ):
        v1.create_documentation_part(restApiId=api, location=part, properties=json.dumps({"description": "x"}))

    def found(**filters):
        items = v1.get_documentation_parts(restApiId=api, **filters)["items"]
        return sorted(item["location"]["type"] for item in items)

    assert found() == ["API", "METHOD", "QUERY_PARAMETER", "RESOURCE"]
    assert found(type="METHOD") == ["METHOD"]
    assert found(nameQuery="q") == ["QUERY_PARAMETER"]
    assert found(path="/pets") == ["METHOD", "QUERY_PARAMETER", "RESOURCE"]
    assert found(locationStatus="DOCUMENTED") == ["API", "METHOD", "QUERY_PARAMETER", "RESOURCE"]
    pages = list(v1.get_paginator("get_documentation_parts").paginate(restApiId=api, PaginationConfig={"PageSize": 3}))
    assert [len(page["items"]) for page in pages] == [3, 1]


def test_import(v1, api, bad):
    document = {
        "swagger": "2.0",
        "info": {"title": "x", "version": "1"},
        "paths": {},
        "x-amazon-apigateway-documentation": {
            "version": "1",
            "documentationParts": [
                {"location": {"type": "API"}, "properties": {"description": "imported"}},
                {"location": {"type": "METHOD", "method": "GET"}, "properties": {"description": "a get"}},
            ],
        },
    }
    v1.create_documentation_part(restApiId=api, **API_PART)
    done = v1.import_documentation_parts(restApiId=api, mode="merge", body=json.dumps(document))
    assert (len(done["ids"]), done.get("warnings", [])) == (2, [])
    parts = {part["id"]: part for part in v1.get_documentation_parts(restApiId=api)["items"]}
    assert len(parts) == 2
    done = v1.import_documentation_parts(restApiId=api, mode="overwrite", body=json.dumps(document))
    assert len(done["ids"]) == 2 and not set(done["ids"]) & set(parts)
    parts = v1.get_documentation_parts(restApiId=api, type="API")["items"]
    assert [json.loads(part["properties"]) for part in parts] == [{"description": "imported"}]
    bad("Unable to build importer with provided input.", v1.import_documentation_parts, restApiId=api, body="nonsense")


def test_versions(v1, api, answer_of, patch, missing, mock):
    v1.create_documentation_part(restApiId=api, **API_PART)
    made = v1.create_documentation_version(restApiId=api, documentationVersion="1.0", description="first")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert answer_of(made) == {"version": "1.0", "description": "first", "createdDate": made["createdDate"]}
    at = {"restApiId": api, "documentationVersion": "1.0"}
    assert answer_of(v1.get_documentation_version(**at)) == answer_of(made)
    changed = v1.update_documentation_version(**at, patchOperations=patch(("replace", "/description", "changed")))
    assert changed["description"] == "changed"
    with pytest.raises(v1.exceptions.ConflictException):
        v1.create_documentation_version(**at)
    v1.create_deployment(restApiId=api, stageName="prod")
    v1.create_documentation_version(restApiId=api, documentationVersion="2.0", stageName="prod")
    assert v1.get_stage(restApiId=api, stageName="prod")["documentationVersion"] == "2.0"
    pages = list(
        v1.get_paginator("get_documentation_versions").paginate(restApiId=api, PaginationConfig={"PageSize": 1})
    )
    assert [version["version"] for page in pages for version in page["items"]] == ["1.0", "2.0"]
    assert v1.delete_documentation_version(**at)["ResponseMetadata"]["HTTPStatusCode"] == 202
    for call in (v1.get_documentation_version, v1.delete_documentation_version):
        missing("Invalid Documentation version specified", call, **at)
    missing("Invalid Documentation version specified", v1.update_documentation_version, **at, patchOperations=[])
