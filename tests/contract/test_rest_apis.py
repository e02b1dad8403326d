"""REST APIs: create, read, list, change, delete, and every refusal that AWS words."""

import json
import time

import pytest

POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"*"}]}'


def test_create_fills_in_what_was_not_said(v1, name, answer_of):
    made = answer_of(v1.create_rest_api(name=name))
    assert len(made["id"]) == 10 and made["id"].isalnum() and made["id"] == made["id"].lower()
    assert abs(made.pop("createdDate").timestamp() - time.time()) < 60
    assert made == {
        "id": made["id"],
        "name": name,
        "apiKeySource": "HEADER",
        "disableExecuteApiEndpoint": False,
        "endpointConfiguration": {"types": ["EDGE"], "ipAddressType": "ipv4"},
        "rootResourceId": made["rootResourceId"],
        **{member: made[member] for member in ("securityPolicy", "apiStatus") if member in made},
    }
    # Single reads have tags, creates and lists do not.
    assert v1.get_rest_api(restApiId=made["id"])["tags"] == {}
    listed = [api for page in v1.get_paginator("get_rest_apis").paginate() for api in page["items"]]
    assert "tags" not in next(api for api in listed if api["id"] == made["id"])
    assert v1.get_resources(restApiId=made["id"])["items"] == [{"id": made["rootResourceId"], "path": "/"}]
    assert {model["name"] for model in v1.get_models(restApiId=made["id"])["items"]} == {"Empty", "Error"}


def test_create_keeps_what_was_said(v1, name):
    made = v1.create_rest_api(
        name=name,
        description="what it is",
        version="v7",
        binaryMediaTypes=["image/png", "application/octet-stream"],
        minimumCompressionSize=1024,
        apiKeySource="AUTHORIZER",
        endpointConfiguration={"types": ["REGIONAL"]},
        policy=POLICY,
        tags={"team": "a"},
        disableExecuteApiEndpoint=True,
    )
    for answer in (made, v1.get_rest_api(restApiId=made["id"])):
        assert answer["name"] == name
        assert answer["description"] == "what it is"
        assert answer["version"] == "v7"
        assert answer["binaryMediaTypes"] == ["image/png", "application/octet-stream"]
        assert answer["minimumCompressionSize"] == 1024
        assert answer["apiKeySource"] == "AUTHORIZER"
        assert answer["endpointConfiguration"] == {"types": ["REGIONAL"], "ipAddressType": "ipv4"}
        assert answer["tags"] == {"team": "a"}
        assert answer["disableExecuteApiEndpoint"] is True
        # The policy is the inside of a JSON string: Terraform puts quotes around it.
        assert json.loads(json.loads(f'"{answer["policy"]}"')) == json.loads(POLICY)


def test_a_private_api_is_dualstack(v1, name, bad):
    made = v1.create_rest_api(name=name, endpointConfiguration={"types": ["PRIVATE"]})
    assert made["endpointConfiguration"] == {"types": ["PRIVATE"], "ipAddressType": "dualstack"}
    bad(
        "Only dualstack ipAddressType is supported for Private APIs.",
        v1.create_rest_api,
        name=name,
        endpointConfiguration={"types": ["PRIVATE"], "ipAddressType": "ipv4"},
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"description": ""}, "Description cannot be an empty string"),
        (
            {"endpointConfiguration": {"types": []}},
            "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.",
        ),
        (
            {"endpointConfiguration": {"types": ["EDGE", "REGIONAL"]}},
            "Cannot create an api with multiple Endpoint Types.",
        ),
        (
            {"minimumCompressionSize": 10485761},
            "Invalid minimum compression size, must be between 0 and 10485760",
        ),
        ({"minimumCompressionSize": -1}, "Invalid minimum compression size, must be between 0 and 10485760"),
    ],
)
def test_create_refuses(v1, name, bad, given, message):
    bad(message, v1.create_rest_api, name=name, **given)


def test_the_largest_compression_size_is_taken(v1, name):
    for size in (0, 10485760):
        assert v1.create_rest_api(name=name, minimumCompressionSize=size)["minimumCompressionSize"] == size


def test_a_wrong_enumeration_comes_before_an_empty_description(v1, name, refused):
    refused(
        "ValidationException",
        400,
        "1 validation error detected: Value '[wrong]' at 'createRestApiInput.endpointConfiguration.types' failed to"
        " satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [PRIVATE, EDGE,"
        " REGIONAL]]",
        v1.create_rest_api,
        name=name,
        description="",
        endpointConfiguration={"types": ["wrong"]},
    )
    # Several are reported together.
    with pytest.raises(v1.exceptions.ClientError) as refusal:
        v1.create_rest_api(name=name, apiKeySource="NOWHERE", endpointConfiguration={"types": ["wrong"]})
    message = refusal.value.response["Error"]["Message"]
    assert message.startswith("2 validation errors detected: Value '")
    assert set(message.split(": ", 1)[1].split("; ")) == {
        "Value '[wrong]' at 'createRestApiInput.endpointConfiguration.types' failed to satisfy constraint: Member must"
        " satisfy constraint: [Member must satisfy enum value set: [PRIVATE, EDGE, REGIONAL]]",
        "Value 'NOWHERE' at 'createRestApiInput.apiKeySource' failed to satisfy constraint: Member must satisfy enum value"
        " set: [AUTHORIZER, HEADER]",
    }


def test_names_are_no_keys_and_ids_know_their_case(v1, name, missing):
    one, other = (v1.create_rest_api(name=name)["id"] for _ in range(2))
    assert one != other
    upper = one.upper()
    if upper != one:
        missing(f"Invalid API identifier specified 000000000000:{upper}", v1.get_rest_api, restApiId=upper)


def test_an_unknown_api(v1, no_api):
    no_api(v1.get_rest_api)
    no_api(v1.delete_rest_api)
    no_api(v1.update_rest_api, patchOperations=[{"op": "replace", "path": "/name", "value": "x"}])
    no_api(v1.get_resources)
    no_api(v1.get_models)


def test_update(v1, api, patch, answer_of):
    def update(*operations):
        return v1.update_rest_api(restApiId=api, patchOperations=patch(*operations))

    before = answer_of(v1.get_rest_api(restApiId=api))
    assert answer_of(update()) == before
    changed = update(
        ("replace", "/name", "renamed"),
        ("replace", "/description", "said"),
        ("replace", "/version", "2"),
        ("replace", "/apiKeySource", "AUTHORIZER"),
        ("replace", "/disableExecuteApiEndpoint", "true"),
        ("replace", "/minimumCompressionSize", "0"),
        ("replace", "/endpointConfiguration/types/EDGE", "REGIONAL"),
        ("add", "/binaryMediaTypes/image~1png"),
        ("replace", "/binaryMediaTypes/image~1jpeg"),
        ("replace", "/policy", POLICY),
    )
    assert changed["name"] == "renamed"
    assert changed["description"] == "said"
    assert changed["version"] == "2"
    assert changed["apiKeySource"] == "AUTHORIZER"
    assert changed["disableExecuteApiEndpoint"] is True
    assert changed["minimumCompressionSize"] == 0
    assert changed["endpointConfiguration"] == {"types": ["REGIONAL"], "ipAddressType": "ipv4"}
    assert changed["binaryMediaTypes"] == ["image/png", "image/jpeg"]
    assert changed["tags"] == {}
    assert answer_of(v1.get_rest_api(restApiId=api)) == answer_of(changed)
    changed = update(("replace", "/binaryMediaTypes/image~1png", "image/gif"))
    assert sorted(changed["binaryMediaTypes"]) == ["image/gif", "image/jpeg"]
    changed = update(
        ("remove", "/binaryMediaTypes/image~1gif"),
        ("remove", "/binaryMediaTypes/image~1jpeg"),
        ("remove", "/description"),
        ("replace", "/minimumCompressionSize"),
        ("replace", "/policy", ""),
        ("replace", "/endpointConfiguration/types/0", "PRIVATE"),
    )
    for member in ("binaryMediaTypes", "description", "minimumCompressionSize", "policy"):
        assert member not in changed
    assert changed["endpointConfiguration"] == {"types": ["PRIVATE"], "ipAddressType": "dualstack"}
    changed = update(("add", "/endpointConfiguration/vpcEndpointIds", "vpce-0123456789abcdef0"))
    assert changed["endpointConfiguration"]["vpcEndpointIds"] == ["vpce-0123456789abcdef0"]
    # A bad boolean is false.
    assert update(("replace", "/disableExecuteApiEndpoint", "perhaps"))["disableExecuteApiEndpoint"] is False
    assert update(("replace", "/disableExecuteApiEndpoint", "TRUE"))["disableExecuteApiEndpoint"] is True
    assert update(("add", "/binaryMediaTypes/-", "image/png"))["binaryMediaTypes"] == ["-"]


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (("replace", "/nothing", "x"), "Invalid patch path /nothing"),
        (("replace", "/tags/a", "x"), "Invalid patch path /tags/a"),
        (("add", "/binaryMediaTypes", "image/png"), "Invalid patch path /binaryMediaTypes"),
        (("replace", "/binaryMediaTypes", "image/png"), "Invalid patch path /binaryMediaTypes"),
        (("remove", "/binaryMediaTypes"), "Invalid patch path /binaryMediaTypes"),
        (
            ("replace", "/minimumCompressionSize", "-1"),
            "Invalid minimum compression size, must be between 0 and 10485760",
        ),
        (
            ("replace", "/minimumCompressionSize", "text"),
            "Invalid minimum compression size, must be between 0 and 10485760",
        ),
        (
            ("add", "/minimumCompressionSize", "1"),
            "Invalid patch operation specified. Must be one of: [replace]",
        ),
        (
            ("replace", "/endpointConfiguration/types/0", "wrong"),
            "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE",
        ),
        (
            ("copy", "/endpointConfiguration/types/0", "EDGE"),
            "Invalid patch operation specified. Must be 'add'|'remove'|'replace'",
        ),
        (
            ("replace", "/endpointConfiguration/ipAddressType", "ipv6"),
            "ipAddressType must be either ipv4 or dualstack.",
        ),
    ],
)
def test_update_refuses(v1, api, patch, bad, operation, message):
    bad(message, v1.update_rest_api, restApiId=api, patchOperations=patch(("replace", "/name", "changed"), operation))
    # All or nothing.
    assert v1.get_rest_api(restApiId=api)["name"] != "changed"


def test_an_unknown_operation_of_a_patch(v1, api, refused):
    refused(
        "ValidationException",
        400,
        "1 validation error detected: Value 'put' at 'updateRestApiInput.patchOperations.1.member.op' failed to satisfy"
        " constraint: Member must satisfy enum value set: [add, remove, move, test, replace, copy]",
        v1.update_rest_api,
        restApiId=api,
        patchOperations=[{"op": "put", "path": "/name", "value": "x"}],
    )


def test_a_policy_that_the_prompts_show(v1, api, patch):
    changed = v1.update_rest_api(restApiId=api, patchOperations=patch(("replace", "/policy", POLICY)))
    assert changed["policy"].startswith('{\\"Version\\":')


def test_delete_takes_everything_below_with_it(v1, mock, missing, no_api):
    api, root = mock
    v1.create_deployment(restApiId=api, stageName="prod")
    answer = v1.delete_rest_api(restApiId=api)["ResponseMetadata"]
    assert (answer["HTTPStatusCode"], answer["HTTPHeaders"].get("content-length", "0")) == (202, "0")
    message = f"Invalid API identifier specified 000000000000:{api}"
    missing(message, v1.get_rest_api, restApiId=api)
    missing(message, v1.delete_rest_api, restApiId=api)
    missing("Invalid Resource identifier specified", v1.get_resource, restApiId=api, resourceId=root)
    missing("Invalid stage identifier specified", v1.get_stage, restApiId=api, stageName="prod")


def test_clone(v1, mock, name, answer_of):
    api, _ = mock
    v1.create_model(restApiId=api, name="Pet", contentType="application/json", schema='{"type":"object"}')
    v1.create_deployment(restApiId=api, stageName="prod")
    made = v1.create_rest_api(name=name + "-clone", cloneFrom=api)
    assert made["id"] != api
    (root,) = v1.get_resources(restApiId=made["id"], embed=["methods"])["items"]
    assert root["id"] == made["rootResourceId"]
    assert root["resourceMethods"]["GET"]["methodIntegration"]["type"] == "MOCK"
    assert {model["name"] for model in v1.get_models(restApiId=made["id"])["items"]} == {"Empty", "Error", "Pet"}
    assert v1.get_stages(restApiId=made["id"])["item"] == []
    assert v1.get_deployments(restApiId=made["id"])["items"] == []
