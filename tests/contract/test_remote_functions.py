"""Functions that are invoked elsewhere: at another ringgate, and at a stand-in that fails as Lambda does."""

import json
import time

import pytest
from gateway import REGION, Gateway
from test_lambda import ROLE, zipped
from verifier import Verifier

KEY, SECRET = "AKIDOWN0000000000000", "a secret of forty characters or so -----"

FAR = f"""
[[management.credential]]
access_key_id = "{KEY}"
secret_access_key = "{SECRET}"
"""

NEAR = f"""
[[aws.credentials]]
access_key_id = "{KEY}"
secret_access_key = "{SECRET}"
[[remote_function]]
name = "echo"
endpoint = "{{far}}"
[[remote_function]]
name = "*"
endpoint = "{{scripted}}"
[[api]]
name = "file"
protocol = "http"
[[api.route]]
route = "POST /echo/{{{{id}}}}"
integration = {{{{ type = "lambda", function = "echo" }}}}
"""

CODE = """
def handler(event, context):
    if event.get("body") == "fail":
        raise ValueError("on purpose")
    return {"statusCode": 201, "headers": {"x-id": event["pathParameters"]["id"]}, "body": event["body"]}
"""


class Scripted(Verifier):
    """Checks signatures, then answers what it was told to: (status, fields, content) each."""

    def __init__(self):
        super().__init__("http://127.0.0.1:1", {KEY: SECRET})
        self.answers = []

    def forward(self, *_):
        return self.answers.pop(0)


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    with Gateway(tmp_path_factory.mktemp("far"), more=FAR) as far:
        client = far.client("lambda", key=KEY, secret=SECRET)
        client.create_function(
            FunctionName="echo",
            Runtime="python3.12",
            Role=ROLE,
            Handler="app.handler",
            Code={"ZipFile": zipped(app=CODE)},
        )
        client.get_waiter("function_active_v2").wait(FunctionName="echo")
        yield far


@pytest.fixture(scope="module")
def scripted():
    scripted = Scripted()
    yield scripted
    scripted.stop()


@pytest.fixture(scope="module")
def near(tmp_path_factory, far, scripted):
    more = NEAR.format(far=far.endpoint, scripted=scripted.url)
    with Gateway(tmp_path_factory.mktemp("near"), more=more) as near:
        yield near


@pytest.fixture(scope="module")
def flaky(near):
    """Calls a managed REST API whose function is at the stand-in."""
    client = near.client("apigateway")
    api = client.create_rest_api(name="flaky")["id"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    at = {"restApiId": api, "resourceId": root, "httpMethod": "POST"}
    client.put_method(**at, authorizationType="NONE")
    function = f"arn:aws:lambda:{REGION}:000000000000:function:flaky:prod"
    client.put_integration(
        **at,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations",
        timeoutInMillis=5000,
    )
    client.create_deployment(restApiId=api, stageName="prod")

    def call():
        return near.request("POST", "/prod/", host=f"{api}.execute-api.{REGION}.localhost", body="x")

    return call


def test_a_function_of_another_ringgate_answers(near):
    def echo(number, body):
        return near.request("POST", f"/echo/{number}", body=body, headers={"Content-Type": "text/plain"})

    for number in range(5):
        status, fields, content = echo(number, f"hello {number}")
        assert (status, fields["x-id"], content) == (201, str(number), f"hello {number}".encode())
    assert echo(1, "x" * 300_000)[2] == b"x" * 300_000
    status, _, content = echo(1, "fail")
    assert (status, json.loads(content)) == (500, {"message": "Internal Server Error"})
    assert echo(2, "again")[0] == 201


def good(body):
    return 200, [("Content-Type", "application/json")], json.dumps({"statusCode": 200, "body": body}).encode()


def bad(status, kind="x"):
    return status, [("x-amzn-ErrorType", kind)], b'{"Message": "no"}'


def test_what_lambda_throttles_or_breaks_is_tried_again(flaky, scripted):
    for failing in [[], [429], [500, 503], [502, 504]]:
        scripted.answers = [*map(bad, failing), good("there")]
        status, _, content = flaky()
        assert (status, content) == (200, b"there"), failing
        assert scripted.answers == []
    method, target, fields, body = scripted.seen[-1]
    assert (method, target) == ("POST", "/2015-03-31/functions/flaky/invocations?Qualifier=prod")
    assert fields["x-amz-invocation-type"] == "RequestResponse"
    assert json.loads(body)["httpMethod"] == "POST"


def test_it_is_given_up_after_three_tries(flaky, scripted):
    scripted.answers = [bad(500), bad(500), bad(500), good("never asked for")]
    status, _, content = flaky()
    assert (status, json.loads(content)) == (500, {"message": "Internal server error"})
    assert len(scripted.answers) == 1
    for status in [403, 404, 413]:
        scripted.answers = [bad(status), good("never asked for")]
        assert flaky()[0] in (413, 500)
        assert len(scripted.answers) == 1, "it cannot become better"


def test_a_failing_function_is_not_tried_again(flaky, scripted):
    failed = 200, [("X-Amz-Function-Error", "Unhandled")], b'{"errorMessage": "on purpose"}'
    scripted.answers = [failed, good("never asked for")]
    status, _, content = flaky()
    assert (status, json.loads(content)) == (502, {"message": "Internal server error"})
    assert len(scripted.answers) == 1
    assert scripted.refused == []


def test_a_slow_function_is_504(near, scripted, flaky, monkeypatch):
    def slow(*_):
        time.sleep(7)
        return good("late")

    monkeypatch.setattr(scripted, "forward", slow)
    begin = time.monotonic()
    status, _, content = flaky()
    assert (status, json.loads(content)) == (504, {"message": "Endpoint request timed out"})
    assert time.monotonic() - begin < 6.5
