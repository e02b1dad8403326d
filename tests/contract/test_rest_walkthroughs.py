"""REST APIs with their resources, methods and integrations, as boto3 makes and reads them."""

import json

import pytest

LAMBDA = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:us-east-1:000000000000:function:f/invocations"
)


@pytest.fixture
def api(v1):
    api = v1.create_rest_api(name="pets")
    yield {"restApiId": api["id"], "resourceId": api["rootResourceId"]}
    v1.delete_rest_api(restApiId=api["id"])


def without_metadata(answer):
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_an_api_is_made_read_changed_and_deleted(v1, refused):
    policy = {"Version": "2012-10-17", "Statement": []}
    made = v1.create_rest_api(
        name="pets", description="d", tags={"a": "b"}, policy=json.dumps(policy)
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    id = made["id"]
    assert made["createdDate"].year >= 2024
    assert made["endpointConfiguration"] == {"types": ["EDGE"], "ipAddressType": "ipv4"}
    # Terraform puts quotation marks around the policy and reads it as a string.
    assert json.loads(json.loads(f'"{made["policy"]}"')) == policy
    assert without_metadata(v1.get_rest_api(restApiId=id)) == without_metadata(made)
    changed = v1.update_rest_api(
        restApiId=id,
        patchOperations=[
            {"op": "add", "path": "/binaryMediaTypes/image~1png"},
            {"op": "replace", "path": "/minimumCompressionSize", "value": "10"},
        ],
    )
    assert changed["binaryMediaTypes"] == ["image/png"]
    assert changed["minimumCompressionSize"] == 10
    pages = v1.get_paginator("get_rest_apis").paginate(PaginationConfig={"PageSize": 1})
    assert id in [api["id"] for page in pages for api in page["items"]]
    deleted = v1.delete_rest_api(restApiId=id)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 202
    unknown = f"Invalid API identifier specified 000000000000:{id}"
    refused("NotFoundException", 404, unknown, v1.get_rest_api, restApiId=id)


def test_resources_form_a_tree(v1, api, refused):
    root, id = api["resourceId"], api["restApiId"]
    pets = v1.create_resource(restApiId=id, parentId=root, pathPart="pets")
    assert (pets["path"], pets["ResponseMetadata"]["HTTPStatusCode"]) == ("/pets", 201)
    v1.create_resource(restApiId=id, parentId=pets["id"], pathPart="{petId}")
    moved = [{"op": "replace", "path": "/pathPart", "value": "dogs"}]
    v1.update_resource(restApiId=id, resourceId=pets["id"], patchOperations=moved)
    pages = v1.get_paginator("get_resources").paginate(restApiId=id)
    paths = [item["path"] for page in pages for item in page["items"]]
    assert paths == ["/", "/dogs", "/dogs/{petId}"]
    refused(
        "ConflictException",
        409,
        "Another resource with the same parent already has this name: dogs",
        v1.create_resource,
        restApiId=id,
        parentId=root,
        pathPart="dogs",
    )
    v1.delete_resource(restApiId=id, resourceId=pets["id"])
    assert len(v1.get_resources(restApiId=id)["items"]) == 1


def test_a_method_holds_its_responses_and_integration(v1, api, refused):
    at = api | {"httpMethod": "GET"}
    put = v1.put_method(
        **at, authorizationType="NONE", requestParameters={"method.request.header.a": True}
    )
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 201
    again = "Method already exists for this resource"
    refused("ConflictException", 409, again, v1.put_method, **at, authorizationType="NONE")
    v1.put_method_response(
        **at, statusCode="200", responseParameters={"method.response.header.X": False}
    )
    integration = v1.put_integration(
        **at,
        type="HTTP",
        integrationHttpMethod="POST",
        uri="http://example.com",
        requestParameters={"integration.request.header.b": "method.request.header.a"},
    )
    # The verb towards the back end travels under the name of the other one.
    assert integration["httpMethod"] == "POST"
    v1.put_integration_response(
        **at, statusCode="200", responseParameters={"method.response.header.X": "'x'"}
    )
    method = v1.get_method(**at)
    assert method["methodIntegration"]["integrationResponses"]["200"]["statusCode"] == "200"
    assert method["methodResponses"]["200"]["responseParameters"] == {
        "method.response.header.X": False
    }
    embedded = v1.get_resources(restApiId=api["restApiId"], embed=["methods"])["items"][0]
    assert embedded["resourceMethods"]["GET"] == without_metadata(method)
    plain = v1.get_resource(**api)
    assert plain["resourceMethods"] == {"GET": {}}
    patched = v1.update_method_response(
        **at,
        statusCode="200",
        patchOperations=[
            {"op": "add", "path": "/responseModels/application~1json", "value": "Empty"}
        ],
    )
    assert patched["ResponseMetadata"]["HTTPStatusCode"] == 201
    for delete, more in [
        (v1.delete_integration_response, {"statusCode": "200"}),
        (v1.delete_integration, {}),
        (v1.delete_method_response, {"statusCode": "200"}),
        (v1.delete_method, {}),
    ]:
        assert delete(**at, **more)["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_functions_are_integrations_too(v1, api, refused):
    at = api | {"httpMethod": "ANY"}
    v1.put_method(**at, authorizationType="AWS_IAM", apiKeyRequired=True)
    proxy = v1.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=LAMBDA)
    assert "connectionType" not in proxy
    assert proxy["cacheNamespace"] == api["resourceId"]
    refused(
        "ValidationException",
        400,
        "1 validation error detected: Value 'HTTPS_PROXY' at 'putIntegrationInput.type' failed to "
        "satisfy constraint: Member must satisfy enum value set: "
        "[HTTP, MOCK, AWS_PROXY, HTTP_PROXY, AWS]",
        v1.put_integration,
        **at,
        type="HTTPS_PROXY",
    )
