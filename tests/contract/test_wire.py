"""The bytes of calls and answers, without boto3: what other SDKs and people with curl see."""

import http.client
import json
import re
import urllib.parse

import pytest


class Raw:
    """Calls without a signature: this gateway has no credentials."""

    def __init__(self, gateway):
        self.address = gateway.management

    def __call__(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.address, timeout=30)
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return response.status, fields, content


@pytest.fixture(scope="module")
def raw(gateway):
    return Raw(gateway)


def test_an_answer(raw, name):
    status, fields, content = raw("POST", "/restapis", {"name": name})
    assert status == 201
    assert fields["content-type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", fields["x-amzn-requestid"])
    api = json.loads(content)
    # Epoch seconds, a number; nothing is null, nothing is empty.
    assert isinstance(api["createdDate"], (int, float)) and api["createdDate"] > 1.7e9
    assert not {"description", "version", "policy", "binaryMediaTypes", "minimumCompressionSize", "tags"} & set(api)
    assert b"null" not in content


def test_times_of_v2(raw, name):
    status, _, content = raw("POST", "/v2/apis", {"name": name, "protocolType": "HTTP"})
    assert status == 201
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", json.loads(content)["createdDate"])


def test_lists(raw, name):
    _, _, content = raw("POST", "/restapis", {"name": name})
    api = json.loads(content)["id"]
    listed = json.loads(raw("GET", "/restapis?limit=1")[2])
    assert set(listed) == {"item", "position"} and len(listed["item"]) == 1
    position = urllib.parse.quote(listed["position"], safe="")
    # It can be put into a URL as it is.
    assert position == listed["position"]
    assert json.loads(raw("GET", f"/restapis?limit=1&position={position}")[2])["item"] != listed["item"]
    assert json.loads(raw("GET", f"/restapis/{api}/stages")[2]) == {"item": []}
    assert json.loads(raw("GET", f"/restapis/{api}/authorizers")[2]) == {"item": []}
    listed = json.loads(raw("GET", "/v2/apis?maxResults=1")[2])
    assert set(listed) <= {"items", "nextToken"}


@pytest.mark.parametrize("limit", ["0", "-1", "100000"])
def test_odd_limits_are_taken_by_v1(raw, limit):
    assert raw("GET", f"/restapis?limit={limit}")[0] == 200


@pytest.mark.parametrize("accept", ["application/json", "application/hal+json", "*/*", "text/html", None])
def test_the_answer_is_plain_json_for_everybody(raw, accept):
    _, fields, content = raw("GET", "/account", headers={"Accept": accept} if accept else {})
    assert fields["content-type"] == "application/json"
    account = json.loads(content)
    assert account["throttleSettings"] == {"burstLimit": 5000, "rateLimit": 10000.0}
    # A double looks like one.
    assert b"10000.0" in content
    assert account["apiKeyVersion"] == "4"
    assert "_links" not in account


def test_errors(raw):
    status, fields, content = raw("GET", "/restapis/unknown123")
    assert status == 404
    assert fields["x-amzn-errortype"] == "NotFoundException"
    assert fields["content-type"] == "application/json"
    assert json.loads(content) == {"message": "Invalid API identifier specified 000000000000:unknown123"}
    status, fields, content = raw("GET", "/v2/apis/unknown123")
    assert (status, fields["x-amzn-errortype"]) == (404, "NotFoundException")
    assert json.loads(content)["message"] == "Invalid API identifier specified 000000000000:unknown123"


def test_paths_that_are_no_operation(raw):
    for method, path in (("GET", "/nothing"), ("POST", "/account"), ("GET", "/v2/nothing"), ("GET", "/v3/apis")):
        status, fields, content = raw(method, path)
        assert status in (403, 404), path
        assert fields["x-amzn-errortype"], path
        assert json.loads(content)["message"], path


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": True}, "class java.lang.Boolean can not be converted to an String"),
        (
            {"name": 5},
            "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String",
        ),
        (
            {"name": "x", "tags": {"a": 1}},
            "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String",
        ),
    ],
)
def test_wrong_types(raw, body, message):
    status, fields, content = raw("POST", "/restapis", body)
    assert (status, fields["x-amzn-errortype"]) == (400, "SerializationException")
    assert json.loads(content) == {"message": message}


@pytest.mark.parametrize("body", ["{", "[]", '"x"', "null", "\xff", '{"name":"a",}'])
def test_what_is_no_object(raw, body):
    status, fields, content = raw("POST", "/restapis", body.encode("latin-1"))
    assert status == 400
    assert fields["x-amzn-errortype"] in ("SerializationException", "BadRequestException", "ValidationException")
    assert json.loads(content)["message"]


def test_required_members(raw):
    for body in ({}, {"name": None}, None):
        status, fields, content = raw("POST", "/restapis", body)
        assert (status, fields["x-amzn-errortype"]) == (400, "ValidationException")
        assert json.loads(content) == {
            "message": "1 validation error detected: Value null at 'createRestApiInput.name' failed to satisfy constraint:"
            " Member must not be null"
        }


def test_null_is_absent_and_the_unknown_is_ignored(raw, name):
    body = {"name": name, "description": None, "tags": None, "nothing": {"a": [1]}, "binaryMediaTypes": None}
    status, _, content = raw("POST", "/restapis?unknown=1", body)
    assert status == 201
    assert "description" not in json.loads(content)


def test_constraints_that_boto3_sees_itself(raw, name):
    """They are checked here too: not every client is generated from the model."""
    configuration = {"certificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/a", "endpointType": "REGIONAL"}
    domain = f"{name}.wire.example"
    raw("POST", "/v2/domainnames", {"domainName": domain, "domainNameConfigurations": [configuration]})
    action = {"invokeApi": {"apiId": "a" * 10, "stage": "s"}}
    for priority in (0, 1000001):
        rule = {"priority": priority, "conditions": [], "actions": [action]}
        status, fields, content = raw("POST", f"/v2/domainnames/{domain}/routingrules", rule)
        assert (status, fields["x-amzn-errortype"]) == (400, "BadRequestException"), content
    for age in (-2, 86401):
        body = {"name": name, "protocolType": "HTTP", "corsConfiguration": {"maxAge": age}}
        status, fields, content = raw("POST", "/v2/apis", body)
        assert (status, fields["x-amzn-errortype"]) == (400, "BadRequestException"), content


def test_tags_by_every_form_of_the_arn(raw, name):
    _, _, content = raw("POST", "/restapis", {"name": name})
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{json.loads(content)['id']}"
    encoded = urllib.parse.quote(arn, safe="")
    status, _, content = raw("PUT", f"/tags/{encoded}", {"tags": {"a": "1", "b": "2"}})
    assert (status, content) == (204, b"")
    for form in (encoded, arn, urllib.parse.quote(arn, safe="/"), urllib.parse.quote(arn, safe=":")):
        assert json.loads(raw("GET", f"/tags/{form}")[2]) == {"tags": {"a": "1", "b": "2"}}, form
        assert json.loads(raw("GET", f"/v2/tags/{form}")[2]) == {"tags": {"a": "1", "b": "2"}}, form
    assert raw("DELETE", f"/tags/{encoded}?tagKeys=a&tagKeys=b")[0] == 204
    assert json.loads(raw("GET", f"/tags/{encoded}")[2]) == {"tags": {}}


def test_path_segments_are_decoded_once(raw, name):
    _, _, content = raw("POST", "/v2/apis", {"name": name, "protocolType": "HTTP"})
    api = json.loads(content)["apiId"]
    raw("POST", f"/v2/apis/{api}/routes", {"routeKey": "GET /pets"})
    raw("POST", f"/v2/apis/{api}/stages", {"stageName": "$default", "autoDeploy": True})
    for stage in ("$default", "%24default"):
        path = f"/v2/apis/{api}/stages/{stage}"
        status, _, _ = raw("PATCH", path, {"routeSettings": {"GET /pets": {"throttlingBurstLimit": 1}}})
        assert status == 200
        assert raw("DELETE", f"{path}/routesettings/GET%20%2Fpets")[0] == 204


def test_the_empty_base_path_on_the_wire(raw, v1, mock, name):
    api, _ = mock
    v1.create_deployment(restApiId=api, stageName="prod")
    domain = f"{name}.none.example"
    v1.create_domain_name(domainName=domain, certificateArn="arn:aws:acm:us-east-1:000000000000:certificate/a")
    v1.create_base_path_mapping(domainName=domain, restApiId=api)
    for form in ("(none)", "%28none%29"):
        status, _, content = raw("GET", f"/domainnames/{domain}/basepathmappings/{form}")
        assert (status, json.loads(content)["basePath"]) == (200, "(none)")


def test_put_integration_travels_with_other_names(raw, api, root, v1):
    """`integrationHttpMethod` of the model is `httpMethod` on the wire, in the request too."""
    v1.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    path = f"/restapis/{api}/resources/{root}/methods/GET/integration"
    status, _, content = raw("PUT", path, {"type": "HTTP_PROXY", "httpMethod": "POST", "uri": "http://a.example"})
    assert (status, json.loads(content)["httpMethod"]) == (201, "POST")


def test_status_codes_are_text(raw, api, root, v1):
    v1.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    path = f"/restapis/{api}/resources/{root}/methods/GET/responses/200"
    assert json.loads(raw("PUT", path, {})[2]) == {"statusCode": "200"}


def test_a_policy_is_escaped_on_the_wire(raw, name):
    _, _, content = raw("POST", "/restapis", {"name": name, "policy": '{"Version":"2012-10-17","Statement":[]}'})
    # Decoded once it still begins with a backslash before each quotation mark.
    assert json.loads(content)["policy"].startswith('{\\"Version\\":')


def test_a_delete_has_no_content(raw, name):
    _, _, content = raw("POST", "/restapis", {"name": name})
    status, fields, content = raw("DELETE", f"/restapis/{json.loads(content)['id']}")
    assert (status, content) == (202, b"")
    _, _, content = raw("POST", "/v2/apis", {"name": name, "protocolType": "HTTP"})
    status, fields, content = raw("DELETE", f"/v2/apis/{json.loads(content)['apiId']}")
    assert (status, content) == (204, b"")
    assert "content-length" not in fields


def test_who_calls(gateway):
    """Terraform's provider and the CDK ask this first."""
    identity = gateway.client("sts").get_caller_identity()
    assert identity["Account"] == "000000000000"
    assert identity["Arn"].startswith("arn:aws:")
    assert identity["UserId"]
