"""`InvokeWithResponseStream`: events leave as the function writes, whatever becomes of it and of the client."""

import base64
import json
import signal
import time

import pytest
from gateway import Gateway
from test_streaming import make

CODE = """
const fs = require('fs');
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const write = (stream, bytes) => new Promise((done) => stream.write(bytes, done));

exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  if (event.kind === 'early') throw new Error('before a byte');
  if (event.kind === 'much') {
    const piece = Buffer.alloc(64 * 1024, 'x');
    for (let count = 0; count < event.bytes; count += piece.length) {
      await write(stream, piece);
      if (event.told) fs.writeFileSync(event.told, String(count));
    }
    if (event.told) fs.writeFileSync(event.told, 'done');
    stream.end();
    return;
  }
  await write(stream, 'one ');
  await pause(event.pause);
  console.log('a line');
  if (event.kind === 'throws') throw new Error('no more');
  if (event.kind === 'exits') process.exit(3);
  await write(stream, 'two');
  if (event.told) fs.writeFileSync(event.told, 'done');
  stream.end();
});
"""


@pytest.fixture(scope="module")
def client(gateway):
    return gateway.client("lambda")


@pytest.fixture(scope="module")
def function(client):
    make(client, "streams", CODE)
    client.update_function_configuration(FunctionName="streams", Timeout=20)
    yield "streams"
    client.delete_function(FunctionName="streams")


def begin(client, name, event, **more):
    answer = client.invoke_with_response_stream(FunctionName=name, Payload=json.dumps(event), **more)
    assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    return answer["EventStream"]


def split(told):
    """The content, and what is said of the end."""
    told = list(told)
    content = b"".join(it["PayloadChunk"]["Payload"] for it in told[:-1])
    return content, told[-1]["InvokeComplete"]


def eventually(path, text):
    end = time.monotonic() + 20
    while not (path.exists() and path.read_text() == text):
        assert time.monotonic() < end, f"{path} does not say {text}"
        time.sleep(0.02)


def test_what_is_written_first_comes_long_before_the_last(client, function):
    begun, came = time.monotonic(), []
    for event in begin(client, function, {"pause": 1500}):
        content = event["PayloadChunk"]["Payload"] if "PayloadChunk" in event else None
        came.append((content, event.get("InvokeComplete"), time.monotonic() - begun))
    assert [it[:2] for it in came] == [(b"one ", None), (b"two", None), (None, {})]
    assert came[1][2] - came[0][2] > 1, came


def test_the_log_comes_with_the_end(client, function):
    content, complete = split(begin(client, function, {"pause": 1}, LogType="Tail"))
    assert content == b"one two"
    log = base64.b64decode(complete["LogResult"]).decode()
    assert "a line" in log and "REPORT RequestId: " in log


@pytest.mark.parametrize(
    "event,kind,content",
    [
        ({"kind": "early"}, "Error", b""),
        ({"kind": "throws", "pause": 1}, "Error", b"one "),
        ({"kind": "exits", "pause": 300}, "Runtime.ExitError", b"one "),
    ],
)
def test_a_failure_midway_ends_the_stream_with_its_details(client, function, event, kind, content):
    told, complete = split(begin(client, function, event))
    assert (told, complete["ErrorCode"]) == (content, "Unhandled")
    assert json.loads(complete["ErrorDetails"])["errorType"] == kind
    assert split(begin(client, function, {"pause": 1})) == (b"one two", {}), "the next one finds a worker"


def test_a_time_out_midway_ends_the_stream_too(client, name):
    make(client, name, CODE)
    client.update_function_configuration(FunctionName=name, Timeout=1)
    begun = time.monotonic()
    told, complete = split(begin(client, name, {"pause": 60000}, LogType="Tail"))
    assert (told, complete["ErrorCode"]) == (b"one ", "Unhandled")
    details = json.loads(complete["ErrorDetails"])
    assert details["errorType"] == "Sandbox.Timedout"
    assert details["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert "Status: timeout" in base64.b64decode(complete["LogResult"]).decode()
    assert time.monotonic() - begun < 15
    client.delete_function(FunctionName=name)


def test_a_stream_may_be_larger_than_a_result(client, function):
    content, complete = split(begin(client, function, {"kind": "much", "bytes": 20 << 20}))
    assert (len(content), set(content), complete) == (20 << 20, {ord("x")}, {})


def test_a_stream_has_a_limit(client, function):
    limit = 200 << 20
    for size in (limit, limit + 65536):
        read = 0
        for event in begin(client, function, {"kind": "much", "bytes": size}):
            read += len(event.get("PayloadChunk", {}).get("Payload", b""))
        complete = event["InvokeComplete"]
        assert (read, complete.get("ErrorCode")) == (limit, None if size == limit else "Unhandled")
    assert json.loads(complete["ErrorDetails"])["errorType"] == "Function.ResponseSizeTooLarge"
    assert split(begin(client, function, {"pause": 1})) == (b"one two", {}), "the next one finds a worker"


def test_who_reads_slowly_makes_the_function_wait(client, function, tmp_path):
    told = tmp_path / "told"
    size = 64 << 20
    events = iter(begin(client, function, {"kind": "much", "bytes": size, "told": str(told)}))
    read = len(next(events)["PayloadChunk"]["Payload"])
    before, now = -1, 0
    while now != before:
        time.sleep(0.5)
        before, now = now, int(told.read_text() or 0)
    # What sockets hold on their ways, and no more than that.
    assert now < size / 2, "what nobody reads is not taken from the function"
    for event in events:
        read += len(event.get("PayloadChunk", {}).get("Payload", b""))
    assert (read, told.read_text(), event) == (size, "done", {"InvokeComplete": {}})


@pytest.mark.parametrize("event", [{"pause": 500}, {"kind": "much", "bytes": 64 << 20}])
def test_a_client_that_goes_away_lets_the_function_go_on(client, function, tmp_path, event):
    told = tmp_path / "told"
    events = begin(client, function, {**event, "told": str(told)})
    next(iter(events))
    events.close()
    eventually(told, "done")
    assert split(begin(client, function, {"pause": 1})) == (b"one two", {})


@pytest.mark.parametrize("event", [{"pause": 500}, {"kind": "much", "bytes": 8 << 20}])
def test_a_drain_waits_for_what_is_streamed_and_for_its_end(tmp_path, event):
    with Gateway(tmp_path) as gateway:
        client = gateway.client("lambda")
        make(client, "streams", CODE)
        events = iter(begin(client, "streams", event, LogType="Tail"))
        read = len(next(events)["PayloadChunk"]["Payload"])
        gateway.child.send_signal(signal.SIGTERM)
        # The function ends before anything more is read of it.
        time.sleep(1)
        for event in events:
            read += len(event.get("PayloadChunk", {}).get("Payload", b""))
        assert read in (len("one two"), 8 << 20)
        assert b"START RequestId: " in base64.b64decode(event["InvokeComplete"]["LogResult"])
        gateway.child.wait(20)
