"""Access logs and execution logs of stages: declared by update_stage, read from their files."""

import json
import re
import time
import urllib.request

import pytest
from deployed import ROLE, invocation_of, zipped

ACCOUNT = "000000000000"
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def host(api):
    return f"{api}.execute-api.us-east-1.localhost"


def group(name):
    return f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{name}:*"


@pytest.fixture
def lines(gateway):
    """Waits for that many lines in a log group's file: `lines("group", 3)`."""

    def read(name, count):
        file = gateway.folder / "logs" / f"{name}.log"
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = file.read_text().splitlines() if file.exists() else []
            if len(found) >= count:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{file} has {found}, not {count} lines")

    return read


@pytest.fixture
def stage(v1, api, root, backend):
    """`api` with `POST /pets/{id}` to the back end, `GET /pets` as a mock with a model, `GET /gone` to nobody; stage `prod`."""
    pets = v1.create_resource(restApiId=api, parentId=root, pathPart="pets")["id"]
    pet = v1.create_resource(restApiId=api, parentId=pets, pathPart="{id}")["id"]
    gone = v1.create_resource(restApiId=api, parentId=root, pathPart="gone")["id"]
    at = {"restApiId": api, "resourceId": pet, "httpMethod": "POST"}
    v1.put_method(**at, authorizationType="NONE", requestParameters={"method.request.path.id": True})
    v1.put_integration(
        **at,
        type="HTTP_PROXY",
        integrationHttpMethod="POST",
        uri=f"{backend}/back/{{id}}",
        requestParameters={"integration.request.path.id": "method.request.path.id"},
    )
    at = {"restApiId": api, "resourceId": pets, "httpMethod": "GET"}
    v1.put_method(**at, authorizationType="NONE")
    template = {"application/json": '{"statusCode": 200}'}
    v1.put_integration(**at, type="MOCK", requestTemplates=template)
    v1.put_method_response(**at, statusCode="200")
    v1.put_integration_response(**at, statusCode="200", responseTemplates={"application/json": "[]"})
    at = {"restApiId": api, "resourceId": gone, "httpMethod": "GET"}
    v1.put_method(**at, authorizationType="NONE")
    v1.put_integration(**at, type="HTTP_PROXY", integrationHttpMethod="GET", uri="http://127.0.0.1:9/")
    v1.create_deployment(restApiId=api, stageName="prod")
    return api


def test_an_access_log_has_a_line_per_request(gateway, v1, stage, patch, lines, name):
    format = (
        '{"id":"$context.requestId","status":"$context.status","key":"$context.httpMethod $context.resourcePath",'
        '"path":"$context.path","stage":"$context.stage","api":"$context.apiId","account":"$context.accountId",'
        '"deployment":"$context.deploymentId","resource":"$context.resourceId","latency":"$context.responseLatency",'
        '"back":"$context.integration.status","error":"$context.error.responseType","principal":"$context.authorizer.principalId",'
        '"type":$context.error.messageString,"odd":"$context.no.such"}'
    )
    format = format.replace('"type":$context.error.messageString', '"message":"$context.error.message"')
    v1.update_stage(
        restApiId=stage,
        stageName="prod",
        patchOperations=patch(
            ("replace", "/accessLogSettings/destinationArn", group(name)),
            ("replace", "/accessLogSettings/format", format),
        ),
    )
    request = lambda method, path: gateway.request(method, f"/prod{path}", host=host(stage))
    assert request("POST", "/pets/7?a=b")[0] == 200
    assert request("GET", "/pets")[0] == 200
    assert request("GET", "/gone")[0] == 504
    assert request("GET", "/nope")[0] == 403
    # Each shard writes its own lines; those of two do not come in order.
    by_path = {record["path"]: record for record in map(json.loads, lines(name, 4))}
    proxied, mock, gone, nope = (by_path[f"/prod{path}"] for path in ("/pets/7", "/pets", "/gone", "/nope"))
    assert re.fullmatch("[0-9a-f-]{36}", proxied["id"])
    assert (proxied["status"], proxied["back"], proxied["key"]) == ("200", "200", "POST /pets/{id}")
    assert (proxied["path"], proxied["stage"], proxied["api"]) == ("/prod/pets/7", "prod", stage)
    assert proxied["account"] == ACCOUNT
    assert proxied["deployment"] == v1.get_stage(restApiId=stage, stageName="prod")["deploymentId"]
    assert proxied["latency"].isdigit()
    assert (proxied["error"], proxied["principal"], proxied["odd"]) == ("-", "-", "-")
    assert (mock["status"], mock["back"], mock["key"]) == ("200", "-", "GET /pets")
    assert (gone["status"], gone["error"]) == ("504", "INTEGRATION_FAILURE")
    assert (nope["status"], nope["error"]) == ("403", "MISSING_AUTHENTICATION_TOKEN")
    v1.update_stage(restApiId=stage, stageName="prod", patchOperations=patch(("remove", "/accessLogSettings")))
    assert request("GET", "/pets")[0] == 200
    time.sleep(0.5)
    assert len(lines(name, 4)) == 4, "a stage that logs no longer"


def test_an_access_log_tells_of_a_name_that_was_replaced(gateway, v1, stage, patch, lines, name):
    v1.update_stage(
        restApiId=stage,
        stageName="prod",
        patchOperations=patch(
            ("replace", "/accessLogSettings/destinationArn", group(name)),
            ("replace", "/accessLogSettings/format", "$context.requestId $context.extendedRequestId"),
        ),
    )
    given = "01234567-89AB-4def-bedc-ba9876543210"
    for named, told in (("mine", "UUID_REPLACED_INVALID_REQUEST_ID"), (given, given)):
        headers = {"x-amzn-RequestId": named}
        _, fields, _ = gateway.request("GET", "/prod/pets", host=host(stage), headers=headers)
        expected = f"{told} {fields['x-amz-apigw-id']}"
        assert expected in lines(name, 1 if named == "mine" else 2)


def test_an_http_api_has_an_access_log(gateway, v2, http_api, backend, lines, name):
    v2.create_integration(
        ApiId=http_api,
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="ANY",
        IntegrationUri=backend,
        PayloadFormatVersion="1.0",
    )
    integration = v2.get_integrations(ApiId=http_api)["Items"][0]["IntegrationId"]
    v2.create_route(ApiId=http_api, RouteKey="GET /x", Target=f"integrations/{integration}")
    stream = f"arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/amazon-apigateway-{name}"
    format = "$context.requestId $context.routeKey $context.status $context.integrationStatus $context.stage $context.dataProcessed"
    v2.create_stage(
        ApiId=http_api,
        StageName="$default",
        AutoDeploy=True,
        AccessLogSettings={"DestinationArn": stream, "Format": format},
    )
    status, headers, _ = gateway.request("GET", "/x", host=host(http_api))
    assert status == 200
    (line,) = lines(f"amazon-apigateway-{name}", 1)
    request_id = dict((name.lower(), value) for name, value in dict(headers).items())["apigw-requestid"]
    assert re.fullmatch(re.escape(request_id) + r" GET /x 200 200 \$default \d+", line)


CALLERS = """
def handler(event, context):
    token = event["headers"].get("authorization")
    return {"isAuthorized": token == "yes", "context": {"number": 1, "is": True, "list": [1, {"a": None}]}}
"""

FUNCTION = """
import json

def handler(event, context):
    if "fail" in event.get("queryStringParameters", {}):
        raise Exception("nope")
    return {"statusCode": 418, "body": event["requestContext"]["requestId"]}
"""


@pytest.fixture
def behind_an_authorizer(gateway, v2, http_api, name):
    """`GET /x` of an HTTP API: a function behind an authorizer; the stage's log is the group `name`."""
    client = gateway.client("lambda")
    arns = {}
    for function, code in ((f"{name}-callers", CALLERS), (f"{name}-function", FUNCTION)):
        made = client.create_function(
            FunctionName=function, Runtime="python3.12", Role=ROLE, Handler="app.handler", Code={"ZipFile": zipped({"app.py": code})}
        )
        arns[function] = made["FunctionArn"]
        client.add_permission(
            FunctionName=function,
            StatementId="all",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
        )
    authorizer = v2.create_authorizer(
        ApiId=http_api,
        Name="callers",
        AuthorizerType="REQUEST",
        AuthorizerUri=invocation_of(arns[f"{name}-callers"]),
        AuthorizerPayloadFormatVersion="2.0",
        EnableSimpleResponses=True,
        IdentitySource=["$request.header.Authorization"],
    )["AuthorizerId"]
    integration = v2.create_integration(
        ApiId=http_api,
        IntegrationType="AWS_PROXY",
        IntegrationUri=arns[f"{name}-function"],
        PayloadFormatVersion="2.0",
    )["IntegrationId"]
    v2.create_route(
        ApiId=http_api,
        RouteKey="GET /x",
        AuthorizationType="CUSTOM",
        AuthorizerId=authorizer,
        Target=f"integrations/{integration}",
    )
    names = {
        "id": "requestId",
        "status": "status",
        "function": "integration.status",
        "lambda": "integrationStatus",
        "also": "integration.integrationStatus",
        "error": "integrationErrorMessage",
        "type": "error.responseType",
        "number": "authorizer.number",
        "is": "authorizer.is",
        "list": "authorizer.list",
        "none": "authorizer.none",
        "principal": "authorizer.principalId",
        "key": "routeKey",
    }
    log = json.dumps({key: f"$context.{value}" for key, value in names.items()})
    settings = {"DestinationArn": group(name), "Format": log}
    v2.create_stage(ApiId=http_api, StageName="$default", AutoDeploy=True, AccessLogSettings=settings)
    return http_api


def test_a_functions_request_is_logged_with_what_lambda_and_the_function_said(
    gateway, behind_an_authorizer, lines, name
):
    def ask(path, token):
        return gateway.request("GET", path, host(behind_an_authorizer), headers={"Authorization": token})

    status, fields, content = ask("/x", "yes")
    assert (status, content.decode()) == (418, fields["apigw-requestid"])
    assert ask("/x?fail=1", "yes")[0] == 500
    assert ask("/x", "no")[0] == 403
    by_status = {record["status"]: record for record in map(json.loads, lines(name, 3))}
    answered, failed, refused = (by_status[status] for status in ("418", "500", "403"))
    assert answered["id"] == fields["apigw-requestid"]
    assert [answered[key] for key in ("function", "lambda", "also", "error")] == ["418", "200", "200", "-"]
    assert [answered[key] for key in ("number", "is", "none", "principal")] == ["1", "true", "-", "-"]
    assert json.loads(answered["list"]) == [1, {"a": None}]
    assert (failed["function"], failed["lambda"]) == ("200", "200"), "one that failed says no status: it is Lambda's"
    assert failed["error"] == "Internal Server Error"
    assert (refused["key"], refused["function"], refused["lambda"]) == ("GET /x", "-", "-")
    assert refused["type"] == "ACCESS_DENIED"


def test_a_stage_is_counted(gateway, v1, stage, patch):
    operations = patch(("replace", "/~1pets/GET/metrics/enabled", "true"))
    v1.update_stage(restApiId=stage, stageName="prod", patchOperations=operations)
    for path in ("/pets", "/pets", "/nope"):
        gateway.request("GET", f"/prod{path}", host=host(stage))
    assert gateway.request("POST", "/prod/pets/7", host=host(stage))[0] == 200
    assert gateway.request("GET", "/prod/gone", host=host(stage))[0] == 504
    gateway.request("GET", "/prod/pets", host=host("zzzzzzzzzz"))

    def values():
        page = urllib.request.urlopen(f"http://{gateway.management}/metrics", timeout=20).read().decode()
        found = re.findall(rf'^(ringgate_\w+){{api_id="{stage}",api="[^"]*",stage="prod",?(.*)}} (.*)$', page, re.M)
        return {(name, labels): value for name, labels, value in found}

    method = ("ringgate_method_requests_total", 'method="GET",resource="/pets",class="2xx"')
    deadline = time.monotonic() + 20
    # Each shard tells of its requests in its own time.
    while (found := values()).get(("ringgate_stage_request_duration_seconds_count", "")) != "5":
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    assert found[method] == "2"
    assert found["ringgate_stage_requests_total", 'class="2xx"'] == "3"
    assert found["ringgate_stage_requests_total", 'class="4xx"'] == "1"
    assert found["ringgate_stage_requests_total", 'class="5xx"'] == "1"
    assert found["ringgate_stage_integration_duration_seconds_count", ""] == "1", "of the one that a back end answered"
    assert not [labels for name, labels in found if "nope" in labels]
    page = urllib.request.urlopen(f"http://{gateway.management}/metrics", timeout=20).read().decode()
    assert "zzzzzzzzzz" not in page, "an API that is not there is counted for none"
    v1.delete_stage(restApiId=stage, stageName="prod")
    assert values() == {}, "gone with the stage"


def log_everything(v1, patch, api, name, format):
    """Both logs of the stage `prod`, with all that they can tell."""
    v1.update_stage(
        restApiId=api,
        stageName="prod",
        patchOperations=patch(
            ("replace", "/*/*/logging/loglevel", "INFO"),
            ("replace", "/*/*/logging/dataTrace", "true"),
            ("replace", "/accessLogSettings/destinationArn", group(name)),
            ("replace", "/accessLogSettings/format", format),
        ),
    )


def test_an_execution_log_tells_every_step(gateway, v1, stage, patch, lines, backend):
    v1.update_stage(
        restApiId=stage,
        stageName="prod",
        patchOperations=patch(
            ("replace", "/*/*/logging/loglevel", "INFO"),
            ("replace", "/*/*/logging/dataTrace", "true"),
            ("replace", "/~1gone/GET/logging/loglevel", "ERROR"),
            ("replace", "/~1gone/GET/logging/dataTrace", "false"),
            ("replace", "/~1pets/GET/logging/loglevel", "ERROR"),
        ),
    )
    name = f"API-Gateway-Execution-Logs_{stage}/prod"
    gateway.request("GET", "/prod/pets", host=host(stage))
    headers = {"Authorization": "secret-token", "Content-Type": "text/plain"}
    forged = '{"x": "1\n2026-01-01T00:00:00.000Z (forged) line"}'
    status, _, _ = gateway.request("POST", "/prod/pets/7?a=b", host(stage), forged, headers)
    assert status == 200
    gateway.request("GET", "/prod/gone", host=host(stage))
    found = lines(name, 34)
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \(([0-9a-f-]{36})\) (.*)"
    told = [re.fullmatch(stamp, line).groups() for line in found]
    requests = {request: [line for it, line in told if it == request] for request, _ in told}
    assert len(requests) == 2, "of a mock that went well nothing is told"
    (first, told), (_, failed) = sorted(requests.items(), key=lambda item: "POST" not in item[1][5])
    expected = [
        r"Extended Request Id: .+",
        rf"Verifying Usage Plan for request: {first}\. API Key:  API Stage: {stage}/prod",
        r"API Key  authorized because method 'POST /pets/\{id\}' does not require API Key\. .*",
        rf"Usage Plan check succeeded for API Key  and API Stage {stage}/prod",
        rf"Starting execution for request: {first}",
        r"HTTP Method: POST, Resource Path: /pets/7",
        r"Method request path: \{id=7\}",
        r"Method request query string: \{a=b\}",
        r"Method request headers: \{.*Authorization=\*{6}-token.*\}",
        r'Method request body before transformations: \{"x": "1\\n2026-01-01T00:00:00.000Z \(forged\) line"\}',
        rf"Endpoint request URI: {backend}/back/7\?a=b",
        r"Endpoint request headers: \{host=127.0.0.1.*\}",
        r'Endpoint request body after transformations: \{"x": "1\\n.*',
        rf"Sending request to {backend}/back/7\?a=b",
        r"Received response. Status: 200, Integration latency: \d+ ms",
        r"Endpoint response headers: \{.*Content-Type=application/json.*\}",
        r'Endpoint response body before transformations: \{"method": "POST".*\}',
        r'Method response body after transformations: \{"method": "POST".*\}',
        r"Method response headers: \{.*Content-Type=application/json.*\}",
        r"Successfully completed execution",
        r"Method completed with status: 200",
        r"X-ray Tracing ID : Root=1-[0-9a-f]{8}-[0-9a-f]{24}",
    ]
    assert len(told) == len(expected), told
    for line, text in zip(told, expected):
        assert re.fullmatch(text, line), (line, text)
    assert failed[-2] == "Method completed with status: 504"
    assert failed[-3] == "Execution failed due to a network error communicating with endpoint"
    assert not [line for line in failed if "headers" in line or "body" in line], "without data trace"


def test_an_execution_log_tells_of_a_function(gateway, v1, api, root, patch, lines, name, tmp_path):
    code = (
        "import os\n"
        "def handler(event, context):\n"
        "    with open(os.environ['COUNT'], 'a') as file: file.write('x')\n"
        "    if event.get('body') == 'fail': raise ValueError('on purpose')\n"
        "    if event.get('body') == 'odd': return [1]\n"
        "    return {'statusCode': 201, 'headers': {'X-A': 'b'}, 'body': context.aws_request_id}\n"
    )
    function = gateway.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": zipped({"app.py": code})},
        Environment={"Variables": {"COUNT": str(tmp_path / "count")}},
    )["FunctionArn"]
    at = {"restApiId": api, "resourceId": root, "httpMethod": "POST"}
    v1.put_method(**at, authorizationType="NONE")
    v1.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=invocation_of(function))
    v1.create_deployment(restApiId=api, stageName="prod")
    format = "$context.requestId $context.status $context.integrationStatus $context.integration.status $context.integration.requestId $context.awsEndpointRequestId $context.xrayTraceId $context.error.responseType"
    log_everything(v1, patch, api, name, format)
    uri = f"https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/{function}/invocations"
    total, root_of_trace = 0, r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}"

    def ask(body, expected):
        nonlocal total
        status, headers, content = gateway.request("POST", "/prod", host(api), body)
        request = {key.lower(): value for key, value in dict(headers).items()}["x-amzn-requestid"]
        total += len(expected) + 10
        found = lines(f"API-Gateway-Execution-Logs_{api}/prod", total)
        told = [line.split(f"({request}) ")[1] for line in found if f"({request})" in line]
        assert len(told) == len(expected) + 10, told
        for line, text in zip(told[10:], expected):
            assert re.fullmatch(text, line), (line, text)
        (line,) = [line for line in lines(name, 1) if line.startswith(request)]
        return status, content.decode(), line.split(" ")[1:], told

    gateway.client("lambda").add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    asked = [
        rf"Endpoint request URI: {re.escape(uri)}",
        rf"Endpoint request headers: \{{x-amzn-lambda-integration-tag=.*, X-Amzn-Trace-Id={root_of_trace}, .*\}}",
        r"Endpoint request body after transformations: \{\"resource\":\"/\".*",
        rf"Sending request to {re.escape(uri)}",
        r"Received response. Status: 200, Integration latency: \d+ ms",
    ]
    end = [rf"AWS Integration Endpoint RequestId : {UUID}", f"X-ray Tracing ID : {root_of_trace}"]
    status, invocation, access, told = ask(
        "well",
        asked
        + [
            r"Endpoint response headers: \{Content-Type=application/json, Content-Length=\d+\}",
            r"Endpoint response body before transformations: \{\"statusCode\": 201.*",
            rf"Method response body after transformations: {UUID}",
            r"Method response headers: \{X-A=b, .*\}",
            "Successfully completed execution",
            "Method completed with status: 201",
        ]
        + end,
    )
    trace = told[-1].rsplit(" ", 1)[1]
    assert (status, access) == (201, ["201", "200", "201", invocation, invocation, trace, "-"])
    assert told[-2].endswith(invocation)
    answered = asked + [r"Endpoint response headers: \{.*\}", r"Endpoint response body before transformations: .*"]
    failed = rf"Lambda execution failed with status 200 due to customer function error: on purpose\. Lambda request id: {UUID}"
    status, _, access, told = ask("fail", answered + [failed, "Method completed with status: 502"] + end)
    assert (status, access[:3], access[-1]) == (502, ["502", "200", "200"], "DEFAULT_5XX")
    assert told[-2].endswith(access[3]) and access[3] in told[-4]
    malformed = "Execution failed due to configuration error: Malformed Lambda proxy response"
    status, _, access, _ = ask("odd", answered + [malformed, "Method completed with status: 502"] + end)
    assert (status, access[:3]) == (502, ["502", "200", "200"])
    assert (tmp_path / "count").read_text() == "xxx", "a failure is not tried again"
    gateway.client("lambda").remove_permission(FunctionName=name, StatementId="s")
    denied = "Execution failed due to configuration error: Invalid permissions on Lambda function"
    status, _, access, _ = ask("well", [denied, "Method completed with status: 500", end[1]])
    assert (status, access[:4]) == (500, ["500", "-", "-", "-"])


def test_what_lambda_says_at_once_is_told_too(gateway, v1, api, root, patch, lines, name):
    function = gateway.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": zipped({"app.py": "def handler(event, context):\n    return event\n"})},
    )["FunctionArn"]
    gateway.client("lambda").add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    at = {"restApiId": api, "resourceId": root, "httpMethod": "POST"}
    header = "method.request.header.X-Kind"
    v1.put_method(**at, authorizationType="NONE", requestParameters={header: False})
    v1.put_integration(
        **at,
        type="AWS",
        integrationHttpMethod="POST",
        uri=invocation_of(function),
        requestParameters={"integration.request.header.X-Amz-Invocation-Type": header},
    )
    v1.put_method_response(**at, statusCode="200")
    v1.put_integration_response(**at, statusCode="200")
    v1.create_deployment(restApiId=api, stageName="prod")
    log_everything(v1, patch, api, name, "$context.requestId $context.status $context.integrationStatus")
    count = 0
    for kind, status, body, answer in (
        ("Event", 202, '{"a": 1}', ""),
        ("DryRun", 204, '{"a": 1}', ""),
        ("RequestResponse", 200, '{"a": 1}', '{"a": 1}'),
        ("Other", 400, '{"a": 1}', '{"Type":"User","message":"1 validation error detected: .*'),
        ("Event", 400, "{a", '{"Type":"User","message":"Could not parse request body into json: .*'),
    ):
        headers = {"X-Kind": kind, "Content-Type": "application/json"}
        reply = gateway.request("POST", "/prod", host(api), body, headers)
        request = {key.lower(): value for key, value in dict(reply[1]).items()}["x-amzn-requestid"]
        count += 1
        line = next(line for line in lines(name, count) if line.startswith(request))
        assert line.split(" ")[1:] == ["200", str(status)], (kind, line)
        deadline = time.monotonic() + 20
        told = []
        while not told or "X-ray" not in told[-1]:
            assert time.monotonic() < deadline, told
            found = lines(f"API-Gateway-Execution-Logs_{api}/prod", 1)
            told = [line.split(f"({request}) ")[1] for line in found if f"({request})" in line]
        (received,) = [line for line in told if line.startswith("Received response.")]
        assert received.startswith(f"Received response. Status: {status}, Integration latency: "), kind
        (content,) = [line for line in told if line.startswith("Endpoint response body before transformations: ")]
        assert re.fullmatch(answer, content.split(": ", 1)[1]), (kind, content)
        assert "Method completed with status: 200" in told
