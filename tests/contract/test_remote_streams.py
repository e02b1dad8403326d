"""Functions elsewhere that stream (`InvokeWithResponseStream`): at a stand-in, and at another ringgate."""

import binascii
import http.client
import http.server
import json
import socket
import struct
import threading
import time

import pytest
from deployed import zipped as zipped_files
from gateway import ACCOUNT, REGION, Gateway
from test_lambda import ROLE
from test_remote_functions import FAR, KEY, SECRET
from verifier import Verifier

NEAR = f"""
[[aws.credentials]]
access_key_id = "{KEY}"
secret_access_key = "{SECRET}"
[[remote_function]]
name = "scripted"
endpoint = "{{scripted}}"
[[remote_function]]
name = "node"
endpoint = "{{far}}"
[[api]]
name = "rest"
protocol = "rest"
[[api.route]]
route = "GET /scripted"
integration = {{{{ type = "lambda", function = "scripted", stream = true, timeout = "5s" }}}}
[[api.route]]
route = "GET /node"
integration = {{{{ type = "lambda", function = "node", stream = true }}}}
"""

NODE = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream = awslambda.HttpResponseStream.from(stream, { statusCode: 202, headers: { 'x-a': 'b' } });
  for (let number = 0; number < 100; number++) stream.write(`${number} `.padEnd(5000));
  stream.end('end');
});
"""


def frame(event, payload, kind="event"):
    headers = b""
    for name, value in ((":event-type", event), (":content-type", "application/octet-stream"), (":message-type", kind)):
        headers += bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    out = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    out += struct.pack(">I", binascii.crc32(out)) + headers + payload
    return out + struct.pack(">I", binascii.crc32(out))


def chunk(payload):
    return frame("PayloadChunk", payload)


def complete(**members):
    return frame("InvokeComplete", json.dumps(members).encode())


HEAD = chunk(b'{"statusCode":201,"headers":{"x-a":"b"}}' + bytes(8))


class Streaming:
    """Checks signatures, then writes what the test's function yields, each piece as it is yielded."""

    def __init__(self):
        self.verifier = Verifier("http://127.0.0.1:1", {KEY: SECRET})
        self.script, self.seen, self.refused, self.sent = None, [], [], 0
        self.gone = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                reason = outer.verifier.check("POST", self.path, self.headers, body)
                if reason:
                    outer.refused.append(reason)
                outer.seen.append((self.path, json.loads(body)))
                script = outer.script()
                status = next(script)
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.amazon.eventstream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                try:
                    for piece in script:
                        if piece is None:
                            # The connection ends in the middle.
                            return self.connection.shutdown(socket.SHUT_RDWR)
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                        outer.sent += len(piece)
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    outer.gone.set()
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.verifier.stop()


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    with Gateway(tmp_path_factory.mktemp("far"), more=FAR) as far:
        client = far.client("lambda", key=KEY, secret=SECRET)
        client.create_function(
            FunctionName="node",
            Runtime="nodejs20.x",
            Role=ROLE,
            Handler="index.handler",
            Code={"ZipFile": zipped_files({"index.js": NODE})},
        )
        client.get_waiter("function_active_v2").wait(FunctionName="node")
        yield far


@pytest.fixture(scope="module")
def scripted():
    scripted = Streaming()
    yield scripted
    scripted.stop()


@pytest.fixture(scope="module")
def near(tmp_path_factory, far, scripted):
    with Gateway(tmp_path_factory.mktemp("near"), more=NEAR.format(far=far.endpoint, scripted=scripted.url)) as near:
        yield near


@pytest.fixture
def connections():
    return []


@pytest.fixture
def hang_up(connections):
    return lambda: connections[-1].close()


@pytest.fixture
def call(near, scripted, connections):
    """Sends a request whose function writes what a generator yields: first a status, then pieces."""

    def call(script, path="/scripted"):
        scripted.script, scripted.sent = script, 0
        scripted.gone.clear()
        connection = http.client.HTTPConnection(near.address, timeout=20)
        connections.append(connection)
        connection.request("GET", path)
        return connection.getresponse()

    yield call
    for connection in connections:
        connection.close()
    assert scripted.refused == []


def test_pieces_reach_the_client_as_they_come(call, scripted):
    turns = [threading.Event() for _ in range(2)]

    def script():
        yield 200
        yield HEAD
        yield chunk(b"one")
        assert turns[0].wait(20)
        # Messages end where they like.
        message = chunk(b"two")
        yield message[:7]
        yield message[7:] + chunk(b"three")[:30]
        yield chunk(b"three")[30:]
        assert turns[1].wait(20)
        yield chunk(b"four") + complete()

    answer = call(script)
    assert (answer.status, answer.getheader("x-a"), answer.getheader("transfer-encoding")) == (201, "b", "chunked")
    assert answer.read(3) == b"one"
    turns[0].set()
    assert answer.read(8) == b"twothree"
    turns[1].set()
    assert answer.read() == b"four"
    path, event = scripted.seen[-1]
    assert path == "/2021-11-15/functions/scripted/response-streaming-invocations"
    assert event["httpMethod"] == "GET"


def test_what_is_no_stream_is_answered_whole(call):
    for size in (10, 100_000):
        body = "x" * size

        def script():
            whole = json.dumps({"statusCode": 203, "body": body}).encode()
            yield 200
            yield chunk(whole[:5]) + chunk(whole[5:])
            yield complete()

        answer = call(script)
        assert (answer.status, answer.read()) == (203, body.encode())


def test_what_is_throttled_is_tried_again(call):
    statuses = [429, 503, 200]

    def script():
        status = statuses.pop(0)
        yield status
        if status == 200:
            yield HEAD + chunk(b"there") + complete()

    answer = call(script)
    assert (answer.status, answer.read(), statuses) == (201, b"there", [])


FAILED = complete(ErrorCode="Unhandled", ErrorDetails='{"errorMessage":"no"}')


@pytest.mark.parametrize(
    "end",
    [
        [FAILED],
        [frame("x", b"{}", kind="exception")],
        [chunk(b"damaged")[:-1] + b"x"],
        [chunk(b"half")[:-5]],
        [],
        [None],
    ],
    ids=["failed", "exception", "checksum", "half a message", "no end", "broken off"],
)
def test_a_stream_that_does_not_end_well_is_cut(call, end):
    def begun():
        yield 200
        yield HEAD + chunk(b"one")
        yield from end

    answer = call(begun)
    assert answer.status == 201
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        answer.read()

    # Before its head the client is told.
    def unbegun():
        yield 200
        yield from end

    answer = call(unbegun)
    assert (answer.status, json.loads(answer.read())) == (502 if end == [FAILED] else 500, {"message": "Internal server error"})


def test_members_that_are_none_are_502(call):
    def script():
        yield 200
        yield chunk(b"no members" + bytes(8)) + chunk(b"content") + complete()

    assert call(script).status == 502


def test_a_pause_of_the_function_ends_with_the_time_out(call):
    def script():
        yield 200
        yield HEAD + chunk(b"one")
        time.sleep(8)
        yield complete()

    begin = time.monotonic()
    answer = call(script)
    assert answer.read(3) == b"one"
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        answer.read()
    assert 3 < time.monotonic() - begin < 7.5


def test_a_slow_client_makes_the_function_wait(call, scripted):
    piece, count = b"x" * 60_000, 600

    def script():
        yield 200
        yield HEAD
        for _ in range(count):
            yield chunk(piece)
        yield complete()

    answer = call(script)
    sent = -1
    while sent != scripted.sent:
        sent = scripted.sent
        time.sleep(0.3)
    assert sent < count * len(piece) * 3 / 4, "all but what fits into sockets waits at the function"
    assert len(answer.read()) == count * len(piece)


def test_a_client_that_leaves_ends_the_call(call, scripted, hang_up):
    def script():
        yield 200
        yield HEAD
        for _ in range(1000):
            yield chunk(b"x" * 1000)
            time.sleep(0.02)

    answer = call(script)
    assert answer.read(100)
    answer.close()
    hang_up()
    assert scripted.gone.wait(15)


def test_a_function_of_another_ringgate_streams(near):
    for _ in range(2):
        status, fields, content = near.request("GET", "/node")
        assert (status, fields["x-a"]) == (202, "b")
        assert content == b"".join(f"{number} ".ljust(5000).encode() for number in range(100)) + b"end"


def test_a_managed_api_streams_too(near, scripted):
    v1 = near.client("apigateway")
    api = v1.create_rest_api(name="streams")
    at = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    v1.put_method(**at, authorizationType="NONE")
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:scripted:prod"
    v1.put_integration(
        **at,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        responseTransferMode="STREAM",
        uri=f"arn:aws:apigateway:{REGION}:lambda:path/2021-11-15/functions/{function}/response-streaming-invocations",
    )
    v1.create_deployment(restApiId=api["id"], stageName="prod")

    def script():
        yield 200
        yield HEAD + chunk(b"managed") + complete()

    scripted.script = script
    status, _, content = near.request("GET", "/prod/", host=f"{api['id']}.execute-api.{REGION}.localhost")
    assert (status, content) == (201, b"managed")
    assert scripted.seen[-1][0].endswith("/scripted/response-streaming-invocations?Qualifier=prod")
