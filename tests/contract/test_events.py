"""Events that nobody waits for: how often they are tried, and where they go then."""

import http.server
import json
import queue
import stat
import threading
import time

import pytest
from gateway import Gateway
from test_lambda import ROLE, arn, invocation_of, zipped

DEAD = "arn:aws:sqs:us-east-1:000000000000:dead"
POSTED = "arn:aws:sns:us-east-1:000000000000:posted"
BROKEN = "arn:aws:sns:us-east-1:000000000000:broken"

CODE = zipped(
    app="""
def handler(event, context):
    if event.get("fails"):
        raise ValueError("no")
    return {"taken": event}
"""
)


@pytest.fixture(scope="module")
def posted():
    """A server that keeps what is posted to `/told` and fails elsewhere, and what it has got."""
    got = queue.Queue()

    class Taker(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.startswith("/told"):
                got.put((self.headers["Content-Type"], json.loads(content)))
            self.send_response(200 if self.path.startswith("/told") else 503)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], got
    server.shutdown()


@pytest.fixture(scope="module")
def own(tmp_path_factory, posted):
    folder = tmp_path_factory.mktemp("events")
    (folder / "code").mkdir()
    (folder / "code" / "app.py").write_text("def handler(event, context):\n    raise ValueError('of the file')\n")
    more = f"""
[functions]
retry_pause = "20ms"
[functions.destinations]
"{DEAD}" = "file:dead.jsonl"
"{POSTED}" = "http://127.0.0.1:{posted[0]}/told?key=secret"
"{BROKEN}" = "http://127.0.0.1:{posted[0]}/broken?key=secret"
[[function]]
name = "of-the-file"
runtime = "python3"
handler = "app.handler"
code = "code"
retries = 1
event_age = "1m"
dead_letter = "file:of-the-file.jsonl"
"""
    with Gateway(folder, more=more) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def client(own):
    return own.client("lambda")


@pytest.fixture
def function(client, name):
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=ROLE,
        Handler="app.handler",
        Timeout=20,
        Code={"ZipFile": CODE},
    )
    return name


def wait_for(what):
    begin = time.monotonic()
    while not (found := what()):
        assert time.monotonic() - begin < 30
        time.sleep(0.02)
    return found


def records(file, of):
    lines = file.read_text().splitlines() if file.exists() else []
    return [it for it in map(json.loads, lines) if of in it["requestContext"]["functionArn"]]


def test_an_event_that_fails_lands_in_a_file_after_its_retries(own, client, function):
    client.put_function_event_invoke_config(
        FunctionName=function,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": DEAD}},
    )
    invoked = client.invoke(FunctionName=function, InvocationType="Event", Payload='{ "fails": 1.50 }')
    assert invoked["StatusCode"] == 202
    file = own.folder / "dead.jsonl"
    (record,) = wait_for(lambda: records(file, function))
    assert record["version"] == "1.0" and record["timestamp"].endswith("Z")
    assert record["requestContext"] == {
        "requestId": invoked["ResponseMetadata"]["RequestId"],
        "functionArn": arn(function) + ":$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 2,
    }
    assert record["requestPayload"] == {"fails": 1.5}
    failed = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record["responseContext"] == failed
    assert record["responsePayload"]["errorMessage"] == "no"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_dead_letter_is_posted_and_success_is_told(client, function, posted):
    client.update_function_configuration(FunctionName=function, DeadLetterConfig={"TargetArn": POSTED})
    client.put_function_event_invoke_config(
        FunctionName=function,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnSuccess": {"Destination": POSTED}},
    )
    for payload, condition in ('{"fails": true}', "RetriesExhausted"), ('{"a": 1}', "Success"):
        client.invoke(FunctionName=function, InvocationType="Event", Payload=payload)
        kind, record = posted[1].get(timeout=30)
        assert (kind, record["requestContext"]["condition"]) == ("application/json", condition)
        assert record["requestContext"]["approximateInvokeCount"] == 1
        assert record["requestPayload"] == json.loads(payload)
    assert record["responsePayload"] == {"taken": {"a": 1}}


def test_the_log_says_what_is_lost(own, client, function):
    client.put_function_event_invoke_config(
        FunctionName=function,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": BROKEN}},
    )
    client.invoke(FunctionName=function, InvocationType="Event", Payload='{"fails": true}')
    lines = wait_for(lambda: [it for it in own.lines if "could not be delivered" in it and function in it])
    assert "503" in lines[0] and "secret" not in lines[0]


def test_an_alias_has_a_configuration_of_its_own(own, client, function):
    client.publish_version(FunctionName=function)
    client.create_alias(FunctionName=function, Name="prod", FunctionVersion="1")
    client.put_function_event_invoke_config(
        FunctionName=function,
        Qualifier="prod",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": DEAD}},
    )
    client.invoke(FunctionName=function, Qualifier="prod", InvocationType="Event", Payload='{"fails": true}')
    (record,) = wait_for(lambda: records(own.folder / "dead.jsonl", function))
    assert record["requestContext"]["functionArn"] == arn(function) + ":prod"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["responseContext"]["executedVersion"] == "1"


def test_a_function_of_the_file_has_a_dead_letter(own):
    v1 = own.client("apigateway")
    api = v1.create_rest_api(name="events")
    at = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "POST"}
    v1.put_method(**at, authorizationType="NONE")
    v1.put_integration(
        **at,
        type="AWS",
        integrationHttpMethod="POST",
        uri=invocation_of(arn("of-the-file")),
        requestParameters={"integration.request.header.X-Amz-Invocation-Type": "'Event'"},
    )
    v1.put_method_response(**at, statusCode="200")
    v1.put_integration_response(**at, statusCode="200")
    v1.create_deployment(restApiId=api["id"], stageName="prod")
    host = f"{api['id']}.execute-api.us-east-1.localhost"
    status, _, _ = own.request("POST", "/prod/", host=host, body='{"a": 1}')
    assert status == 200
    (record,) = wait_for(lambda: records(own.folder / "of-the-file.jsonl", "of-the-file"))
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert len(record["requestContext"]["requestId"]) == 36
    assert record["requestPayload"] == {"a": 1}
    assert record["responsePayload"]["errorMessage"] == "of the file"


def test_an_event_of_a_function_that_is_switched_off_is_a_dead_letter(own, client, function):
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    client.put_function_event_invoke_config(
        FunctionName=function, DestinationConfig={"OnFailure": {"Destination": DEAD}}
    )
    invoked = client.invoke(FunctionName=function, InvocationType="Event", Payload='{"a": 1}')
    assert invoked["StatusCode"] == 202
    (record,) = wait_for(lambda: records(own.folder / "dead.jsonl", function))
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in record and "responsePayload" not in record


KEPT = zipped(
    app="""
import os, time

def handler(event, context):
    with open(event["tried"], "a") as file:
        file.write("x")
    while event.get("hangs") and not os.path.exists(event["gate"]):
        time.sleep(0.1)
    if not os.path.exists(event["gate"]):
        raise ValueError("not yet")
    with open(event["done"], "a") as file:
        file.write(context.aws_request_id)
"""
)


def test_events_outlive_the_process(tmp_path, name):
    more = '[functions]\nretry_pause = "10m"\n'
    gate = tmp_path / "gate"

    def event(number, **more):
        paths = {kind: str(tmp_path / f"{kind}-{number}") for kind in ("tried", "done")}
        return json.dumps({"gate": str(gate)} | paths | more)

    with Gateway(tmp_path, more=more) as gateway:
        client = gateway.client("lambda")
        client.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=ROLE,
            Handler="app.handler",
            Timeout=60,
            Code={"ZipFile": KEPT},
        )
        # One waits to be tried again, one is being run when the process is killed.
        ids = []
        for number, hangs in ((0, False), (1, True)):
            invoked = client.invoke(FunctionName=name, InvocationType="Event", Payload=event(number, hangs=hangs))
            ids.append(invoked["ResponseMetadata"]["RequestId"])
        wait_for(lambda: all((tmp_path / f"tried-{it}").exists() for it in (0, 1)))
        wait_for(lambda: [it for it in (tmp_path / "ringgate.db.events").glob("*/*") if '"runs":1' in it.read_text()])
        # And one is answered for, and that is all.
        ids.append(
            client.invoke(FunctionName=name, InvocationType="Event", Payload=event(2))["ResponseMetadata"]["RequestId"]
        )
        gateway.child.kill()
        gateway.child.wait()
    gate.write_text("")
    with Gateway(tmp_path, more=more):
        done = [tmp_path / f"done-{number}" for number in range(3)]
        wait_for(lambda: all(it.exists() and it.read_text() for it in done))
        assert [it.read_text() for it in done] == ids
        wait_for(lambda: not [it for it in (tmp_path / "ringgate.db.events").glob("*/*") if it.name != "lock"])


def test_configurations_round_trip(client, function, refused):
    missing = f"The function {arn(function)}:$LATEST doesn't have an EventInvokeConfig"
    named = {"FunctionName": function}
    get = client.get_function_event_invoke_config
    refused("ResourceNotFoundException", 404, missing, get, **named)
    update = client.update_function_event_invoke_config
    refused("ResourceNotFoundException", 404, missing, update, **named, MaximumRetryAttempts=1)
    put = client.put_function_event_invoke_config(**named, MaximumRetryAttempts=2)
    assert put["FunctionArn"] == arn(function) + ":$LATEST"
    assert put["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}
    assert put["LastModified"].year >= 2026
    update(**named, MaximumEventAgeInSeconds=60, DestinationConfig={"OnFailure": {"Destination": DEAD}})
    shown = get(**named)
    assert (shown["MaximumRetryAttempts"], shown["MaximumEventAgeInSeconds"]) == (2, 60)
    assert shown["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {"Destination": DEAD}}
    client.publish_version(**named)
    client.put_function_event_invoke_config(**named, Qualifier="1", MaximumRetryAttempts=0)
    pages = client.get_paginator("list_function_event_invoke_configs")
    found = [it for page in pages.paginate(**named) for it in page["FunctionEventInvokeConfigs"]]
    assert {it["FunctionArn"] for it in found} == {arn(function) + ":$LATEST", arn(function) + ":1"}
    # What is not put is gone.
    put = client.put_function_event_invoke_config(**named, MaximumEventAgeInSeconds=21600)
    assert "MaximumRetryAttempts" not in put
    assert put["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}
    client.delete_function_event_invoke_config(**named)
    refused("ResourceNotFoundException", 404, missing, get, **named)


@pytest.mark.parametrize(
    "given",
    [
        {"MaximumRetryAttempts": 3},
        {"MaximumEventAgeInSeconds": 59},
        {"MaximumEventAgeInSeconds": 21601},
        {},
        {"DestinationConfig": {"OnFailure": {"Destination": DEAD + "-unknown"}}},
        {"DestinationConfig": {"OnSuccess": {"Destination": "file:/etc/passwd"}}},
    ],
)
def test_limits(own, client, function, given):
    from botocore.config import Config
    import boto3

    # The client checks some of it itself.
    unchecked = boto3.session.Session().client(
        "lambda",
        region_name="us-east-1",
        endpoint_url=own.endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
    with pytest.raises(client.exceptions.ClientError) as refusal:
        unchecked.put_function_event_invoke_config(FunctionName=function, **given)
    error = refusal.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert error["Error"]["Code"] in ("InvalidParameterValueException", "ValidationException"), error


def test_a_destination_that_is_not_known_is_refused(client, function, refused):
    unknown = DEAD + "-unknown"
    message = (
        f"The destination ARN {unknown} of DeadLetterConfig is invalid: ringgate knows those that the "
        "configuration file names in [functions] destinations"
    )
    refused(
        "InvalidParameterValueException",
        400,
        message,
        client.update_function_configuration,
        FunctionName=function,
        DeadLetterConfig={"TargetArn": unknown},
    )
