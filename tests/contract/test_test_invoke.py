"""TestInvokeMethod: what is defined now, not what is deployed."""

import re


def test_a_mock(v1, mock, patch, missing):
    api, root = mock
    at = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    answer = v1.test_invoke_method(**at, pathWithQueryString="/?a=b")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["status"] == 200
    assert isinstance(answer["latency"], int)
    lines = answer["log"].splitlines()
    assert answer["log"].endswith("\n")
    assert re.fullmatch(r"Execution log for request [0-9a-f-]{36}", lines[0])
    stamp = r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC \d{4} : "
    expected = [
        r"Starting execution for request: [0-9a-f-]{36}",
        r"HTTP Method: GET, Resource Path: /",
        r"Method request path: \{\}",
        r"Method request query string: \{a=b\}",
        r"Method request headers: \{\}",
        r"Method request body before transformations: ",
        r"Method response body after transformations: ",
        r"Method response headers: \{Content-Type=application/json\}",
        r"Successfully completed execution",
        r"Method completed with status: 200",
    ]
    assert len(lines) == 1 + len(expected)
    for line, text in zip(lines[1:], expected):
        assert re.fullmatch(stamp + text, line), line
    missing("Invalid Method identifier specified", v1.test_invoke_method, **{**at, "httpMethod": "PUT"})
    missing("Invalid Resource identifier specified", v1.test_invoke_method, **{**at, "resourceId": "unknown"})


def test_path_parameters(v1, api, root):
    resource = v1.create_resource(restApiId=api, parentId=root, pathPart="{petId}")["id"]
    at = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
    v1.put_method(**at, authorizationType="NONE")
    v1.put_integration(**at, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    v1.put_integration_response(**at, statusCode="200")
    v1.put_method_response(**at, statusCode="200")

    def line(**input):
        log = v1.test_invoke_method(**at, **input)["log"]
        return re.search(r"Method request path: (.*)", log).group(1)

    assert line(pathWithQueryString="/123") == "{petId=123}"
    assert line() == "{petId={petId}}"
    assert line(pathWithQueryString="/a/b") == "{}"


def test_a_failure_of_the_gateway(v1, api, root):
    at = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    v1.put_method(**at, authorizationType="NONE")
    answer = v1.test_invoke_method(**at)
    assert answer["status"] == 500
    assert answer["body"] == '{"message": "Internal server error"}'
    assert answer["headers"]["x-amzn-ErrorType"] == "InternalServerErrorException"
    assert "Execution failed due to configuration error: No integration defined for method" in answer["log"]
    assert answer["log"].endswith("Method completed with status: 500\n")
