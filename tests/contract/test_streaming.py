"""Functions that stream their answers, behind function URLs and REST APIs, made by boto3."""

import io
import json
import zipfile

import pytest
from gateway import REGION, SUFFIX
from test_lambda import ROLE, allow

MEMBERS = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const multiValueHeaders = { 'x-b': ['1', '2'] };
  stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { 'x-a': 'a' }, multiValueHeaders });
  stream.write('one ');
  stream.end('two');
});
"""

BARE = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.setContentType('text/x');
  stream.write('one ');
  stream.end('two');
});
"""


@pytest.fixture
def client(gateway):
    return gateway.client("lambda")


def make(client, name, code):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.js", code)
    made = client.create_function(
        FunctionName=name,
        Runtime="nodejs22.x",
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": content.getvalue()},
    )
    return made["FunctionArn"]


def url_of(client, name, **config):
    made = client.create_function_url_config(FunctionName=name, AuthType="NONE", **config)
    client.add_permission(
        FunctionName=name,
        StatementId="url",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    return made["FunctionUrl"].removeprefix("https://").removesuffix("/")


def test_a_url_streams_where_its_mode_says_so(gateway, client, name):
    make(client, name, MEMBERS)
    host = url_of(client, name, InvokeMode="RESPONSE_STREAM")
    status, fields, content = gateway.request("GET", "/", host=host)
    assert (status, fields["x-a"], content) == (201, "a", b"one two")
    assert (fields["transfer-encoding"], fields["content-type"]) == ("chunked", "application/octet-stream")
    client.update_function_url_config(FunctionName=name, InvokeMode="BUFFERED")
    status, fields, content = gateway.request("GET", "/", host=host)
    assert (status, fields["content-length"], content) == (201, "7", b"one two")


def test_a_url_streams_content_without_members(gateway, client, name):
    make(client, name, BARE)
    host = url_of(client, name, InvokeMode="RESPONSE_STREAM")
    status, fields, content = gateway.request("GET", "/", host=host)
    assert (status, fields["content-type"], content) == (200, "text/x", b"one two")


def test_invoke_gives_the_bytes_as_they_were_written(client, name):
    make(client, name, MEMBERS)
    payload = client.invoke(FunctionName=name, Payload=b"{}")["Payload"].read()
    members, content = payload.split(b"\0" * 8)
    assert (json.loads(members)["statusCode"], content) == (201, b"one two")


def test_an_event_stream_gives_the_bytes_as_they_were_written(client, name):
    make(client, name, MEMBERS)
    told = list(client.invoke_with_response_stream(FunctionName=name, Payload=b"{}")["EventStream"])
    payload = b"".join(it["PayloadChunk"]["Payload"] for it in told[:-1])
    members, content = payload.split(b"\0" * 8)
    assert (json.loads(members)["statusCode"], content) == (201, b"one two")
    assert told[-1] == {"InvokeComplete": {}}


@pytest.mark.parametrize("code,expected", [(MEMBERS, 201), (BARE, 502)])
def test_a_rest_api_streams_where_its_transfer_mode_says_so(gateway, client, v1, api, root, name, code, expected):
    function = make(client, name, code)
    at = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    v1.put_method(**at, authorizationType="NONE")
    path = f"path/2021-11-15/functions/{function}/response-streaming-invocations"
    v1.put_integration(
        **at,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:{REGION}:lambda:{path}",
        responseTransferMode="STREAM",
        timeoutInMillis=900000,
    )
    v1.create_deployment(restApiId=api, stageName="prod")
    allow(client, name, api)
    host = f"{api}.execute-api.{REGION}.{SUFFIX}"
    status, fields, content = gateway.request("GET", "/prod/", host=host)
    assert status == expected
    if expected == 201:
        assert (fields["transfer-encoding"], fields["x-a"], content) == ("chunked", "a", b"one two")
