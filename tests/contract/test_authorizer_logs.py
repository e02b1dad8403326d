"""What a stage writes down of requests whose callers an authorizer decided about."""

import re

import pytest
from deployed import ROLE, zipped
from test_lambda_authorizers import NODE, PYTHON, Rest
from test_logs import group, lines  # noqa: F401: a fixture

FORMAT = "|".join(
    f"$context.{name}"
    for name in (
        "requestId",
        "status",
        "authorizer.status",
        "authorizer.integrationStatus",
        "authorizer.requestId",
        "authorizer.error",
        "authorizer.principalId",
        "authorizer.numberKey",
        "authorizer.booleanKey",
        "authorizer.latency",
        "authorizer.integrationLatency",
        "error.message",
        "error.responseType",
    )
)
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def function_of(gateway, name, files, **members):
    client = gateway.client("lambda")
    return client.create_function(FunctionName=name, Role=ROLE, Code={"ZipFile": zipped(files)}, **members)["FunctionArn"]


@pytest.fixture
def logged(gateway, patch, name):
    """An API behind a token authorizer whose stage logs all that there is, and its access log's name."""
    function = function_of(gateway, name, {"index.js": NODE}, Runtime="nodejs20.x", Handler="index.handler")
    api = Rest(gateway, function)
    api.v1.update_stage(
        restApiId=api.api,
        stageName="prod",
        patchOperations=patch(
            ("replace", "/*/*/logging/loglevel", "INFO"),
            ("replace", "/accessLogSettings/destinationArn", group(name)),
            ("replace", "/accessLogSettings/format", FORMAT),
        ),
    )
    return api, name


def test_an_access_log_knows_what_the_authorizer_said(logged, lines):  # noqa: F811
    api, name = logged
    asked, took = rf"200\|{UUID}", r"(?P<ms>\d+)\|(?P=ms)"
    expected = {
        "allow": rf"200\|200\|{asked}\|-\|user\|123\|true\|{took}\|-\|-",
        "deny": rf"403\|403\|{asked}\|(?P<said>User is not [^|]* explicit deny)\|-\|-\|-\|{took}\|(?P=said)\|ACCESS_DENIED",
        "unauthorized": rf"401\|401\|{asked}\|Unauthorized\|-\|-\|-\|{took}\|Unauthorized\|UNAUTHORIZED",
        "other": rf"500\|500\|{asked}\|Internal server error\|-\|-\|-\|{took}\|-\|AUTHORIZER_FAILURE",
        None: r"401\|401\|-\|-\|Unauthorized\|-\|-\|-\|0\|0\|Unauthorized\|UNAUTHORIZED",
    }
    for count, (token, pattern) in enumerate(expected.items(), 1):
        api.get("/mock", token)
        line = lines(name, count)[-1]
        assert re.fullmatch(rf"{UUID}\|{pattern}", line), (token, line)
    # A verdict that is remembered has no invocation. Each shard remembers its own.
    for count in range(6, 46):
        api.get("/mock", "allow")
        if "|200|200|-|-|-|user|123|true|0|0|-|-" in lines(name, count)[-1]:
            return
    raise AssertionError("no verdict was remembered")


def test_an_execution_log_begins_with_the_authorizer(logged, lines):  # noqa: F811
    api, _ = logged
    group_of_stage = f"API-Gateway-Execution-Logs_{api.api}/prod"
    count = 0

    def told(token, expected):
        nonlocal count
        request = api.get("/mock", token).field("x-amzn-RequestId")
        count += len(expected)
        found = lines(group_of_stage, count)[-len(expected) :]
        for line, text in zip(found, expected):
            assert re.fullmatch(rf".{{24}} \({request}\) " + text, line), (line, text)
        return request

    begin = [
        "Extended Request Id: .*",
        f"Starting authorizer: {api.authorizer} for request: {UUID}",
    ]
    end = [r"X-ray Tracing ID : Root=1-[0-9a-f]{8}-[0-9a-f]{24}"]
    told(
        "allow",
        begin
        + [
            "Successfully completed authorizer execution",
            rf"Verifying Usage Plan for request: {UUID}\. API Key:  API Stage: {api.api}/prod",
            "API Key  authorized because method 'GET /mock' does not require API Key\\. .*",
            f"Usage Plan check succeeded for API Key  and API Stage {api.api}/prod",
            f"Starting execution for request: {UUID}",
            "HTTP Method: GET, Resource Path: /mock",
            "Method request path: {}",
            "Method request query string: {}",
            "Successfully completed execution",
            "Method completed with status: 200",
        ]
        + end,
    )
    told(
        "deny",
        begin
        + [
            "Successfully completed authorizer execution",
            r"The client is not authorized to perform this operation\.",
        ]
        + end,
    )
    for token in ("unauthorized", None):
        told(token, begin + [f"Unauthorized request: {UUID}"] + end)
    told(
        "other",
        begin
        + [
            "Execution failed due to configuration error: the authorizer's function failed",
            "Execution failed due to configuration error: Authorizer error",
            "AuthorizerConfigurationException",
        ]
        + end,
    )


def test_an_arn_has_a_limit_where_an_authorizer_needs_it(gateway, name):
    function = function_of(gateway, name, {"app.py": PYTHON}, Runtime="python3.11", Handler="app.lambda_handler")
    api = Rest(gateway, function)
    api.mock("{id}", "in")
    api.deploy()
    segment = "a" * (1600 - len(f"{api.caller.source}/prod/GET/"))
    assert api.get(f"/{segment}", "allow").content == b"in"
    refused = api.get(f"/{segment}a", "allow")
    assert (refused.status, refused.content) == (414, b'{"message":"Request URI too long"}')
