"""TestInvokeMethod: what is defined now, not what is deployed."""

import http.server
import io
import json
import re
import socket
import ssl
import subprocess
import threading
import zipfile

import pytest


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


def lines(answer):
    """The log's lines without request id and times."""
    text = answer["log"]
    request_id = text.split("\n", 1)[0].rsplit(" ", 1)[1]
    return [re.sub(r"^.{28} : ", "", line).replace(request_id, "ID") for line in text.splitlines()[1:]]


@pytest.fixture
def proxied(v1, api, root, backend):
    """`POST /{petId}` of `api` by HTTP_PROXY: what test calls of it are given."""
    resource = v1.create_resource(restApiId=api, parentId=root, pathPart="{petId}")["id"]
    at = {"restApiId": api, "resourceId": resource, "httpMethod": "POST"}
    v1.put_method(**at, authorizationType="AWS_IAM", requestParameters={"method.request.path.petId": True})
    v1.put_integration(
        **at,
        type="HTTP_PROXY",
        integrationHttpMethod="PUT",
        uri=f"{backend}/pets/{{id}}",
        requestParameters={"integration.request.path.id": "method.request.path.petId"},
    )
    return at


def test_a_back_end_is_really_called(v1, proxied, backend):
    answer = v1.test_invoke_method(
        **proxied,
        pathWithQueryString="/7?a=b",
        body='{"x": 1}',
        headers={"X-One": "1", "Authorization": "secret-token"},
        multiValueHeaders={"X-Many": ["1", "2"]},
    )
    assert answer["status"] == 200
    asked = json.loads(answer["body"])
    assert (asked["method"], asked["path"], asked["body"]) == ("PUT", "/pets/7?a=b", '{"x": 1}')
    assert asked["headers"]["x-one"] == "1"
    assert asked["headers"]["content-type"] == "application/json"
    assert answer["headers"]["Content-Type"] == "application/json"
    assert answer["headers"]["X-Amzn-Trace-Id"].startswith("Root=1-")
    assert answer["headers"]["X-Amzn-Trace-Id"] == asked["headers"]["x-amzn-trace-id"]
    assert answer["multiValueHeaders"]["Content-Type"] == ["application/json"]
    told = lines(answer)
    expected = [
        r"Starting execution for request: ID",
        r"HTTP Method: POST, Resource Path: /7",
        r"Method request path: \{petId=7\}",
        r"Method request query string: \{a=b\}",
        r"Method request headers: \{Authorization=\*{6}-token, X-Many=2, X-One=1\}",
        r"Method request body before transformations: \{\"x\": 1\}",
        rf"Endpoint request URI: {backend}/pets/7\?a=b",
        r"Endpoint request headers: \{host=127.0.0.1:\d+, .*\}",
        r"Endpoint request body after transformations: \{\"x\": 1\}",
        rf"Sending request to {backend}/pets/7\?a=b",
        r"Received response. Status: 200, Integration latency: \d+ ms",
        r"Endpoint response headers: \{.*Content-Type=application/json.*\}",
        r"Endpoint response body before transformations: \{\"method\": \"PUT\".*\}",
        r"Method response body after transformations: \{\"method\": \"PUT\".*\}",
        r"Method response headers: \{.*Content-Type=application/json.*X-Amzn-Trace-Id=Root=1-.*\}",
        r"Successfully completed execution",
        r"Method completed with status: 200",
    ]
    assert len(told) == len(expected), told
    for line, text in zip(told, expected):
        assert re.fullmatch(text, line), line


def test_a_stage_variable_chooses_the_back_end(v1, proxied, backend, patch):
    uri = "http://${stageVariables.host}/v/{id}"
    v1.update_integration(**proxied, patchOperations=patch(("replace", "/uri", uri)))
    variables = {"host": backend.removeprefix("http://")}
    answer = v1.test_invoke_method(**proxied, pathWithQueryString="/7", stageVariables=variables)
    assert json.loads(answer["body"])["path"] == "/v/7"
    answer = v1.test_invoke_method(**proxied, pathWithQueryString="/7")
    assert answer["status"] == 500
    assert lines(answer)[-2:] == [
        "Execution failed due to configuration error: Invalid endpoint address",
        "Method completed with status: 500",
    ]


def test_back_ends_that_do_not_answer(v1, proxied, patch):
    def outcome(uri):
        v1.update_integration(
            **proxied,
            patchOperations=patch(("replace", "/uri", uri), ("replace", "/timeoutInMillis", "200")),
        )
        answer = v1.test_invoke_method(**proxied, pathWithQueryString="/7")
        assert answer["headers"] == {"x-amzn-ErrorType": "InternalServerErrorException"}
        assert lines(answer)[-1] == f"Method completed with status: {answer['status']}"
        return answer["status"], json.loads(answer["body"])["message"], lines(answer)[-2]

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        refusing = silent.getsockname()[1]
        network = "Execution failed due to a network error communicating with endpoint"
        assert outcome(f"http://127.0.0.1:{refusing}/") == (
            504,
            "Network error communicating with endpoint",
            f"{network}: Connection refused",
        )
        silent.listen()
        assert outcome(f"http://127.0.0.1:{refusing}/") == (
            504,
            "Endpoint request timed out",
            "Execution failed due to a timeout error",
        )


@pytest.fixture
def function(v1, gateway, api, root, name):
    """`ANY /f` of `api` with a function that answers what it was asked: what test calls of it are given."""
    code = (
        "import json\n"
        "def handler(event, context):\n"
        "    if event['httpMethod'] == 'DELETE': raise ValueError('boom')\n"
        "    if event['body'] == 'odd': return [1]\n"
        "    return {'statusCode': 201, 'headers': {'X-A': 'b'}, 'body': json.dumps(event)}\n"
    )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", code)
    gateway.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/r",
        Handler="app.handler",
        Code={"ZipFile": content.getvalue()},
    )
    resource = v1.create_resource(restApiId=api, parentId=root, pathPart="f")["id"]
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    for verb in ("POST", "DELETE"):
        at = {"restApiId": api, "resourceId": resource, "httpMethod": verb}
        v1.put_method(**at, authorizationType="NONE")
        v1.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    return {"restApiId": api, "resourceId": resource}, name


def test_a_function_is_really_invoked(v1, gateway, function):
    at, name = function
    gateway.client("lambda").add_permission(
        FunctionName=name,
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{at['restApiId']}/*/*/f",
    )
    answer = v1.test_invoke_method(**at, httpMethod="POST", body="hi", stageVariables={"v": "w"})
    assert (answer["status"], answer["headers"]["X-A"]) == (201, "b"), answer["log"]
    event = json.loads(answer["body"])
    assert (event["body"], event["stageVariables"]) == ("hi", {"v": "w"})
    assert event["requestContext"]["stage"] == "test-invoke-stage"
    told = lines(answer)
    assert told[6].startswith("Endpoint request URI: https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/arn:")
    assert "Lambda request id" not in answer["log"]
    answer = v1.test_invoke_method(**at, httpMethod="DELETE")
    assert answer["status"] == 502
    failed = r"Lambda execution failed with status 200 due to customer function error: boom. Lambda request id: [0-9a-f-]{36}"
    assert re.fullmatch(failed, lines(answer)[-2])
    answer = v1.test_invoke_method(**at, httpMethod="POST", body="odd")
    assert answer["status"] == 502
    assert lines(answer)[-2] == "Execution failed due to configuration error: Malformed Lambda proxy response"


def test_a_function_without_permission_is_not_invoked(v1, function):
    at, _ = function
    answer = v1.test_invoke_method(**at, httpMethod="POST")
    assert answer["status"] == 500
    assert lines(answer)[-2] == "Execution failed due to configuration error: Invalid permissions on Lambda function"


def test_a_client_certificate_is_shown_to_the_back_end(v1, proxied, tmp_path, missing):
    command = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=back.test -keyout key.pem -out cert.pem"
    subprocess.run(["openssl", *command.split()], cwd=tmp_path, check=True, capture_output=True)
    certificate = v1.generate_client_certificate()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=certificate["pemEncodedCertificate"])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            content = json.dumps(self.connection.getpeercert()["subject"]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        uri = f"https://127.0.0.1:{server.server_address[1]}/"
        v1.put_integration(
            **proxied,
            type="HTTP_PROXY",
            integrationHttpMethod="PUT",
            uri=uri,
            tlsConfig={"insecureSkipVerification": True},
        )
        call = lambda **more: v1.test_invoke_method(**proxied, pathWithQueryString="/7", **more)
        assert call()["status"] == 504, "the back end asks for a certificate"
        answer = call(clientCertificateId=certificate["clientCertificateId"])
        assert answer["status"] == 200, answer["log"]
        assert "client certificate" in answer["body"]
    finally:
        server.shutdown()
    missing("Invalid Client Certificate identifier specified", call, clientCertificateId="nope")
