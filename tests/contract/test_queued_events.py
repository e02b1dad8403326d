"""Events of integrations (`X-Amz-Invocation-Type: Event`): answered when they are on disk, and not before."""

import json
import threading
import time

import pytest
from gateway import ACCOUNT, REGION, Gateway
from test_events import wait_for
from test_lambda import ROLE, invocation_of, zipped
from test_remote_functions import KEY, SECRET, Scripted

CODE = """
import os, time

def handler(event, context):
    while not os.path.exists("GATE"):
        time.sleep(0.05)
    with open("DONE", "a") as file:
        file.write(str(event["number"]) + chr(10))
"""

MORE = f"""
[[aws.credentials]]
access_key_id = "{KEY}"
secret_access_key = "{SECRET}"
[[remote_function]]
name = "far"
endpoint = "{{far}}"
[functions]
retry_pause = "20ms"
"""


def events(gateway, function="queued"):
    """A REST API whose POST leaves an event to a function, and how it is called."""
    v1 = gateway.client("apigateway")
    api = v1.create_rest_api(name="queued")
    at = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "POST"}
    v1.put_method(**at, authorizationType="NONE")
    v1.put_integration(
        **at,
        type="AWS",
        integrationHttpMethod="POST",
        uri=invocation_of(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"),
        requestParameters={"integration.request.header.X-Amz-Invocation-Type": "'Event'"},
    )
    v1.put_method_response(**at, statusCode="202")
    v1.put_integration_response(**at, statusCode="202")
    v1.create_deployment(restApiId=api["id"], stageName="prod")
    if function == "queued":
        gateway.client("lambda").add_permission(
            FunctionName=function,
            StatementId=api["id"],
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api['id']}/*",
        )
    host = f"{api['id']}.execute-api.{REGION}.localhost"
    return lambda number: gateway.request("POST", "/prod/", host=host, body=json.dumps({"number": number}))


def make(gateway, folder):
    code = CODE.replace("GATE", str(folder / "gate")).replace("DONE", str(folder / "done"))
    gateway.client("lambda").create_function(
        FunctionName="queued",
        Runtime="python3.12",
        Role=ROLE,
        Handler="app.handler",
        Timeout=60,
        Code={"ZipFile": zipped(app=code)},
    )


def done(folder):
    file = folder / "done"
    return sorted(map(int, file.read_text().split())) if file.exists() else []


def on_disk(folder):
    return [it for it in (folder / "ringgate.db.events").glob("*/*") if it.name != "lock"]


def test_what_was_answered_for_is_run_after_a_kill(tmp_path):
    with Gateway(tmp_path) as gateway:
        make(gateway, tmp_path)
        call = events(gateway)
        accepted, lock = [], threading.Lock()

        def keep_calling(first):
            number = first
            while True:
                try:
                    status, _, content = call(number)
                except OSError:
                    return
                assert (status, content) == (202, b"")
                with lock:
                    accepted.append(number)
                number += 8

        threads = [threading.Thread(target=keep_calling, args=(first,)) for first in range(8)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(accepted) > 60)
        # Not one that was answered for is younger than its place on disk.
        gateway.kill()
        for thread in threads:
            thread.join()
    (tmp_path / "gate").touch()
    with Gateway(tmp_path):
        wait_for(lambda: set(accepted) <= set(done(tmp_path)))
        wait_for(lambda: not on_disk(tmp_path))


def test_what_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "gate").touch()
    with Gateway(tmp_path) as gateway:
        make(gateway, tmp_path)
        call = events(gateway)
        refusal = (500, {"message": "Internal server error"})
        # Where the folder must be is a file.
        in_the_way = tmp_path / "ringgate.db.events"
        in_the_way.write_text("")
        status, _, content = call(1)
        assert (status, json.loads(content)) == refusal
        client = gateway.client("lambda")
        with pytest.raises(client.exceptions.ServiceException):
            client.invoke(FunctionName="queued", InvocationType="Event", Payload="{}")
        in_the_way.unlink()
        assert call(2)[0] == 202
        # The disk is full for each file that comes next.
        (own,) = (tmp_path / "ringgate.db.events").iterdir()
        full = [own / f"{number}.new" for number in range(1, 50)]
        for file in full:
            file.symlink_to("/dev/full")
        status, _, content = call(3)
        assert (status, json.loads(content)) == refusal
        for file in full:
            file.unlink(missing_ok=True)
        assert call(4)[0] == 202
        wait_for(lambda: done(tmp_path) == [2, 4])
        wait_for(lambda: not on_disk(tmp_path))
        assert [it for it in gateway.lines if "events cannot be written down" in it]


def test_a_function_that_is_switched_off_takes_events(tmp_path):
    with Gateway(tmp_path) as gateway:
        make(gateway, tmp_path)
        gateway.client("lambda").put_function_concurrency(FunctionName="queued", ReservedConcurrentExecutions=0)
        assert events(gateway)(1)[0] == 202
        wait_for(lambda: [it for it in gateway.lines if "an event is given up" in it])
        wait_for(lambda: not on_disk(tmp_path))


def test_a_function_elsewhere_gets_events_and_is_tried_again(tmp_path):
    far = Scripted()
    try:
        with Gateway(tmp_path, more=MORE.format(far=far.url)) as gateway:
            call = events(gateway, "far")
            failed = 200, [("X-Amz-Function-Error", "Unhandled")], b'{"errorMessage": "no"}'
            far.answers = [failed, (200, [], b"null")]
            assert call(7)[0] == 202
            wait_for(lambda: not far.answers)
            assert [json.loads(body) for *_, body in far.seen] == [{"number": 7}] * 2
            assert far.refused == []
            wait_for(lambda: not on_disk(tmp_path))
    finally:
        far.stop()


def test_a_function_elsewhere_is_asked_for_its_result_too(tmp_path):
    far = Scripted()
    request = "0a1b2c3d-0000-4000-8000-00000000000f"
    try:
        with Gateway(tmp_path, more=MORE.format(far=far.url)) as gateway:
            v1 = gateway.client("apigateway")
            api = v1.create_rest_api(name="custom")
            at = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "POST"}
            v1.put_method(**at, authorizationType="NONE")
            uri = invocation_of(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:far")
            v1.put_integration(**at, type="AWS", integrationHttpMethod="POST", uri=uri)
            header = "method.response.header.X-Version"
            v1.put_method_response(**at, statusCode="200", responseParameters={header: False})
            v1.put_integration_response(
                **at,
                statusCode="200",
                responseParameters={header: "integration.response.header.X-Amz-Executed-Version"},
            )
            v1.create_deployment(restApiId=api["id"], stageName="prod")
            host = f"{api['id']}.execute-api.{REGION}.localhost"
            far.answers = [
                (200, [("x-amzn-RequestId", request), ("X-Amz-Executed-Version", "7")], b'{"a": 1}'),
                (404, [], b"{}"),
            ]
            status, fields, content = gateway.request("POST", "/prod/", host=host, body="{}")
            assert (status, fields["x-version"], content) == (200, "7", b'{"a": 1}')
            assert gateway.request("POST", "/prod/", host=host, body="{}")[0] == 500
    finally:
        far.stop()
