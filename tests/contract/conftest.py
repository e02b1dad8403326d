"""One gateway for all tests of the folder that need no other, clients of it, and a back end."""

import http.server
import itertools
import json
import threading

import pytest
from botocore.exceptions import ClientError
from gateway import ACCOUNT, Gateway


def pytest_collection_modifyitems(items):
    """What looks at the whole run comes at its end."""
    items.sort(key=lambda item: item.path.name == "test_coverage.py")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    with Gateway(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def v1(gateway):
    """`apigateway`."""
    return gateway.client("apigateway")


@pytest.fixture(scope="session")
def v2(gateway):
    """`apigatewayv2`."""
    return gateway.client("apigatewayv2")


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers what it was asked, as JSON. `/status/{code}` answers with that code."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        asked = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.rfile.read(int(self.headers.get("Content-Length", 0))).decode(),
            "port": self.server.server_address[1],
        }
        content = json.dumps(asked).encode()
        code = self.path.split("?")[0].removeprefix("/status/")
        self.send_response(int(code) if code.isdigit() else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def backend():
    """The address of a back end, `http://127.0.0.1:PORT`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.fixture
def refused():
    """Asserts that a call is refused: `refused("NotFoundException", 404, "text", call, **input)`."""

    def check(code, status, message, call, **input):
        with pytest.raises(ClientError) as refusal:
            call(**input)
        error = refusal.value.response
        assert error["Error"]["Message"] == message
        assert error["Error"]["Code"] == code
        assert error["ResponseMetadata"]["HTTPStatusCode"] == status

    return check


@pytest.fixture
def bad(refused):
    """`refused` for a BadRequestException: `bad("text", call, **input)`."""
    return lambda message, call, **input: refused("BadRequestException", 400, message, call, **input)


@pytest.fixture
def missing(refused):
    """`refused` for a NotFoundException: `missing("text", call, **input)`."""
    return lambda message, call, **input: refused("NotFoundException", 404, message, call, **input)


@pytest.fixture
def conflict(refused):
    """`refused` for a ConflictException: `conflict("text", call, **input)`."""
    return lambda message, call, **input: refused("ConflictException", 409, message, call, **input)


@pytest.fixture
def invalid(refused):
    """`refused` for a ValidationException that reports one violation, in the form AWS gives it."""

    def check(value, location, constraint, call, **input):
        message = f"1 validation error detected: Value {value} at '{location}' failed to satisfy constraint: {constraint}"
        refused("ValidationException", 400, message, call, **input)

    return check


@pytest.fixture
def no_api(missing):
    """The refusal of an API id that nobody has: `no_api(call, **input)` without the id."""

    def check(call, member="restApiId", **input):
        message = f"Invalid API identifier specified {ACCOUNT}:unknown123"
        missing(message, call, **{member: "unknown123"}, **input)

    return check


_numbers = itertools.count(1)


@pytest.fixture
def name():
    """A name that no other test has."""
    return f"test-{next(_numbers)}"


@pytest.fixture
def api(v1, name):
    """A REST API with nothing but its root: its id."""
    api = v1.create_rest_api(name=name)["id"]
    yield api


@pytest.fixture
def root(v1, api):
    """The root resource of `api`: its id."""
    return v1.get_rest_api(restApiId=api)["rootResourceId"]


@pytest.fixture
def mock(v1, api, root):
    """`GET /` of `api` with a MOCK that answers 200: `(api, root)`."""
    at = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    v1.put_method(**at, authorizationType="NONE")
    v1.put_integration(**at, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    v1.put_method_response(**at, statusCode="200")
    v1.put_integration_response(**at, statusCode="200")
    return api, root


@pytest.fixture
def http_api(v2, name):
    """An HTTP API with nothing in it: its id."""
    return v2.create_api(Name=name, ProtocolType="HTTP")["ApiId"]


@pytest.fixture
def websocket_api(v2, name):
    """A WebSocket API with nothing in it: its id."""
    api = v2.create_api(Name=name, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    return api["ApiId"]


def _patch(*operations):
    """`patch(("replace", "/name", "x"), ("remove", "/y"))`: a list of patch operations."""
    return [dict(zip(("op", "path", "value", "from"), operation)) for operation in operations]


@pytest.fixture
def patch():
    return _patch


@pytest.fixture
def answer_of():
    """An answer without what every answer has."""
    return lambda response: {name: value for name, value in response.items() if name != "ResponseMetadata"}
