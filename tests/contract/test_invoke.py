"""`Invoke` as Lambda answers it: statuses, fields, limits, and what cannot be invoked."""

import json

import pytest
from botocore.exceptions import ClientError
from test_lambda import ROLE, arn, zipped

CODE = zipped(
    app="""
import os, time

def handler(event, context):
    kind = event.get("kind") if isinstance(event, dict) else None
    if kind == "nothing":
        return None
    if kind == "exit":
        os._exit(3)
    if kind == "quiet":
        os._exit(0)
    if kind == "late":
        time.sleep(30)
    if kind == "large":
        return "x" * event["bytes"]
    return event
"""
)


@pytest.fixture(scope="module")
def client(gateway):
    return gateway.client("lambda")


@pytest.fixture
def function(client, name):
    client.create_function(
        FunctionName=name, Runtime="python3.12", Role=ROLE, Handler="app.handler", Timeout=3, Code={"ZipFile": CODE}
    )
    return name


def outcome(client, name, event):
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
    return answer["StatusCode"], answer.get("FunctionError"), json.load(answer["Payload"])


def test_fields_and_statuses(client, function):
    answer = client.invoke(FunctionName=function, Payload=b'{"a": 1}')
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert headers["content-type"] == "application/json"
    assert headers["x-amzn-remapped-content-length"] == "0"
    assert len(headers["x-amzn-requestid"]) == 36
    for kind, status in (("Event", 202), ("DryRun", 204)):
        answer = client.invoke(FunctionName=function, InvocationType=kind, Payload=b"{}")
        assert (answer["StatusCode"], answer["Payload"].read()) == (status, b"")
        assert "ExecutedVersion" not in answer and "FunctionError" not in answer
    assert outcome(client, function, {"kind": "nothing"}) == (200, None, None)
    # Without content the event is an empty object.
    assert json.load(client.invoke(FunctionName=function)["Payload"]) == {}


@pytest.mark.parametrize(
    "kind,error,text",
    [
        ("exit", "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"),
        ("quiet", "Runtime.ExitError", "Error: Runtime exited without providing a reason"),
        ("late", "Sandbox.Timedout", "Error: Task timed out after 3.00 seconds"),
    ],
)
def test_what_ends_a_function_is_told_in_lambdas_words(client, function, kind, error, text):
    status, flag, payload = outcome(client, function, {"kind": kind})
    assert (status, flag, payload["errorType"]) == (200, "Unhandled", error)
    assert payload["errorMessage"].startswith("RequestId: ") and payload["errorMessage"].endswith(text)
    assert outcome(client, function, 1) == (200, None, 1), "the next one finds a worker"


def test_results_have_a_limit(client, function):
    # In quotes.
    status, flag, payload = outcome(client, function, {"kind": "large", "bytes": 6_291_556 - 2})
    assert (status, flag, len(payload)) == (200, None, 6_291_554)
    status, flag, payload = outcome(client, function, {"kind": "large", "bytes": 6_291_556 - 1})
    assert (status, flag) == (200, "Unhandled")
    assert payload == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }


@pytest.mark.parametrize("kind,limit", [("RequestResponse", 6_291_456), ("Event", 1_048_576)])
def test_events_have_a_limit(client, function, kind, limit):
    event = lambda size: json.dumps("x" * (size - 2))
    client.invoke(FunctionName=function, InvocationType=kind, Payload=event(limit))
    with pytest.raises(ClientError) as refusal:
        client.invoke(FunctionName=function, InvocationType=kind, Payload=event(limit + 1))
    assert refusal.value.response["Error"]["Code"] == "RequestTooLargeException"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_what_cannot_be_invoked(client, function, refused):
    for named, missing in (
        ({"FunctionName": f"{function}-not"}, f"{function}-not"),
        ({"FunctionName": function, "Qualifier": "1221"}, f"{function}:1221"),
    ):
        refused("ResourceNotFoundException", 404, f"Function not found: {arn(missing)}", client.invoke, **named)
    differ = "The derived qualifier from the function name does not match the specified qualifier."
    refused(
        "InvalidParameterValueException", 400, differ, client.invoke, FunctionName=f"{function}:1", Qualifier="2"
    )
    with pytest.raises(ClientError) as refusal:
        client.invoke(FunctionName=function, Payload=b"{")
    error = refusal.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (
        "InvalidRequestContentException",
        400,
    )
    assert error["Error"]["Message"].startswith("Could not parse request body into json: ")


def test_every_form_of_a_name_leads_to_the_function(client, function):
    client.publish_version(FunctionName=function)
    for named in (function, f"{function}:1", f"000000000000:function:{function}", arn(function), f"{arn(function)}:1"):
        assert json.load(client.invoke(FunctionName=named, Payload=b"1")["Payload"]) == 1, named
