"""Models, documentation, deployments, stages and test calls of REST APIs, as boto3 and `aws` see them."""

import json

import pytest

TEMPLATE = {"application/json": '{"statusCode": 200}'}


@pytest.fixture
def api(v1, name):
    """An API with the mock `GET /pets/{petId}`: its id and the resource's."""
    made = v1.create_rest_api(name=name)
    id = made["id"]
    pets = v1.create_resource(restApiId=id, parentId=made["rootResourceId"], pathPart="pets")["id"]
    pet = v1.create_resource(restApiId=id, parentId=pets, pathPart="{petId}")["id"]
    method = {"restApiId": id, "resourceId": pet, "httpMethod": "GET"}
    v1.put_method(**method, authorizationType="NONE")
    v1.put_method_response(**method, statusCode="200")
    v1.put_integration(**method, type="MOCK", requestTemplates=TEMPLATE)
    v1.put_integration_response(
        **method, statusCode="200", responseTemplates={"application/json": '{"pet": 1}'}
    )
    return id, pet


def status(answer):
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def test_a_canary_is_released_promoted_and_removed(v1, api, refused):
    id, _ = api
    first = v1.create_deployment(restApiId=id, stageName="prod", variables={"a": "1", "b": "2"})
    assert status(first) == 201
    canary = {"percentTraffic": 50.0, "stageVariableOverrides": {"a": "canary"}}
    second = v1.create_deployment(restApiId=id, stageName="prod", canarySettings=canary)
    stage = v1.get_stage(restApiId=id, stageName="prod")
    assert stage["deploymentId"] == first["id"]
    assert stage["canarySettings"] == {**canary, "deploymentId": second["id"], "useStageCache": False}
    promote = [
        {"op": "replace", "path": "/canarySettings/percentTraffic", "value": "0.0"},
        {"op": "copy", "from": "/canarySettings/stageVariableOverrides", "path": "/variables"},
        {"op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId"},
    ]
    stage = v1.update_stage(restApiId=id, stageName="prod", patchOperations=promote)
    assert (stage["deploymentId"], stage["variables"]) == (second["id"], {"a": "canary", "b": "2"})
    gone = [{"op": "remove", "path": "/canarySettings"}]
    assert "canarySettings" not in v1.update_stage(restApiId=id, stageName="prod", patchOperations=gone)
    refused(
        "BadRequestException",
        400,
        "Active stages pointing to this deployment must be moved or deleted",
        v1.delete_deployment,
        restApiId=id,
        deploymentId=second["id"],
    )
    assert status(v1.delete_stage(restApiId=id, stageName="prod")) == 202
    assert status(v1.delete_deployment(restApiId=id, deploymentId=second["id"])) == 202


def test_method_settings_are_read_back_as_written(gateway, v1, api):
    id, _ = api
    v1.create_deployment(restApiId=id, stageName="prod")
    stage = ["--rest-api-id", id, "--stage-name", "prod"]
    operations = "op=replace,path=/~1pets/GET/throttling/rateLimit,value=2.5"
    patched = gateway.aws("apigateway", "update-stage", *stage, "--patch-operations", operations)
    assert patched["methodSettings"]["~1pets/GET"]["throttlingRateLimit"] == 2.5
    assert "loggingLevel" not in patched["methodSettings"]["~1pets/GET"]
    remove = "op=remove,path=/~1pets/GET"
    patched = gateway.aws("apigateway", "update-stage", *stage, "--patch-operations", remove)
    assert patched["methodSettings"] == {}


def test_a_deployment_sums_up_its_methods(v1, api):
    id, _ = api
    made = v1.create_deployment(restApiId=id)["id"]
    shown = v1.get_deployment(restApiId=id, deploymentId=made, embed=["apisummary"])
    guard = {"authorizationType": "NONE", "apiKeyRequired": False}
    assert shown["apiSummary"] == {"/pets/{petId}": {"GET": guard}}


def test_a_method_is_tried_before_it_is_deployed(v1, api, refused):
    id, pet = api
    method = {"restApiId": id, "resourceId": pet, "httpMethod": "GET"}
    answer = v1.test_invoke_method(**method, pathWithQueryString="/pets/123?foo=bar")
    assert (answer["status"], json.loads(answer["body"])) == (200, {"pet": 1})
    assert answer["headers"] == {"Content-Type": "application/json"}
    assert "Method request path: {petId=123}\n" in answer["log"]
    assert "Method request query string: {foo=bar}\n" in answer["log"]
    assert answer["log"].endswith("Method completed with status: 200\n")
    missing = {**method, "httpMethod": "POST"}
    refused(
        "NotFoundException", 404, "Invalid Method identifier specified", v1.test_invoke_method, **missing
    )


def test_models_come_in_pages_and_flattened(v1, api):
    id, _ = api
    for index in range(30):
        schema = json.dumps({"properties": {"next": {"$ref": f"M{(index + 1) % 30}"}}})
        v1.create_model(restApiId=id, name=f"M{index}", contentType="application/json", schema=schema)
    pages = list(v1.get_paginator("get_models").paginate(restApiId=id, PaginationConfig={"PageSize": 20}))
    names = [model["name"] for page in pages for model in page["items"]]
    # The two that every API begins with.
    assert len(names) == len(set(names)) == 32
    flat = json.loads(v1.get_model(restApiId=id, modelName="M0", flatten=True)["schema"])
    assert len(flat["definitions"]) == 29
    assert v1.get_model_template(restApiId=id, modelName="Error")["value"].startswith("#set($inputRoot")


def test_documentation_is_imported_and_kept_in_versions(v1, api, refused):
    id, _ = api
    part = {"location": {"type": "API"}, "properties": {"description": "d"}}
    document = {"x-amazon-apigateway-documentation": {"documentationParts": [part]}}
    imported = v1.import_documentation_parts(
        restApiId=id, mode="overwrite", body=json.dumps(document).encode()
    )
    parts = v1.get_documentation_parts(restApiId=id, type="API")["items"]
    assert [part["id"] for part in parts] == imported["ids"]
    made = v1.create_documentation_version(restApiId=id, documentationVersion="1.0")
    assert (made["version"], status(made)) == ("1.0", 201)
    assert "parts" not in v1.get_documentation_version(restApiId=id, documentationVersion="1.0")
    refused(
        "BadRequestException",
        400,
        "Unable to build importer with provided input.",
        v1.import_documentation_parts,
        restApiId=id,
        body=b"{",
    )


def test_gateway_responses_shine_through(v1, api):
    id, _ = api
    assert len(v1.get_gateway_responses(restApiId=id)["items"]) == 21
    made = v1.put_gateway_response(restApiId=id, responseType="DEFAULT_4XX", statusCode="418")
    assert (made["defaultResponse"], status(made)) == (False, 201)
    shown = v1.get_gateway_response(restApiId=id, responseType="THROTTLED")
    assert (shown["defaultResponse"], shown["statusCode"]) == (True, "418")
    assert status(v1.delete_gateway_response(restApiId=id, responseType="DEFAULT_4XX")) == 202


def test_what_is_not_there_yet_says_so(v1):
    with pytest.raises(v1.exceptions.BadRequestException) as refusal:
        v1.import_rest_api(body=b"{}")
    assert "CreateRestApi" in refusal.value.response["Error"]["Message"]
    assert len(v1.get_sdk_types()["items"]) == 6
