"""Authorizers whose function is elsewhere: at another ringgate, and at a stand-in that fails as Lambda does."""

import json
import threading
import time

import pytest
from deployed import zipped as zipped_files
from gateway import ACCOUNT, REGION, Gateway
from test_lambda import ROLE
from test_lambda_authorizers import BROKEN, DENIED, PYTHON, SIMPLE, UNAUTHORIZED, Rest
from test_remote_functions import FAR, KEY, SECRET, Scripted

FORMAT = "|".join(
    f"$context.{name}"
    for name in (
        "path",
        "status",
        "authorizer.status",
        "authorizer.integrationStatus",
        "authorizer.requestId",
        "authorizer.error",
        "authorizer.tenant",
        "requestId",
    )
)

NEAR = f"""
[[aws.credentials]]
access_key_id = "{KEY}"
secret_access_key = "{SECRET}"
[[remote_function]]
name = "scripted"
endpoint = "{{scripted}}"
[[remote_function]]
name = "*"
endpoint = "{{far}}"
[[authorizer]]
name = "far"
type = "request"
function = "scripted"
timeout = "2s"
[[api]]
name = "file"
protocol = "http"
authorizer = "far"
[[api.route]]
route = "GET /{{{{name}}}}"
integration = {{{{ type = "mock", status = 200, body = "in" }}}}
"""


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    with Gateway(tmp_path_factory.mktemp("far"), more=FAR) as far:
        client = far.client("lambda", key=KEY, secret=SECRET)
        for name, code in (("python", PYTHON), ("simple", SIMPLE)):
            client.create_function(
                FunctionName=name,
                Runtime="python3.11",
                Role=ROLE,
                Handler="app.lambda_handler",
                Code={"ZipFile": zipped_files({"app.py": code})},
                Timeout=10,
            )
            client.get_waiter("function_active_v2").wait(FunctionName=name)
        yield far


@pytest.fixture(scope="module")
def scripted():
    scripted = Scripted()
    yield scripted
    scripted.stop()


@pytest.fixture(scope="module")
def near(tmp_path_factory, far, scripted):
    more = NEAR.format(far=far.endpoint, scripted=scripted.url)
    more += f'[api.access_log]\ndestination = "file:access.log"\nformat = "{FORMAT}"\n'
    with Gateway(tmp_path_factory.mktemp("near"), more=more) as near:
        yield near


def arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def test_a_managed_authorizer_asks_another_ringgate(near):
    api = Rest(near, arn("python"), permitted=False)
    for token, status, content in (
        ("allow", 200, b"in"),
        ("deny", 403, DENIED),
        ("unauthorized", 401, UNAUTHORIZED),
        ("broken", 500, BROKEN),
        ("malformed", 500, BROKEN),
        (None, 401, UNAUTHORIZED),
    ):
        reply = api.get("/mock", token)
        assert (reply.status, reply.content) == (status, content), token
    principal, question, flag = api.get("/mapped", "allow").text.split()
    assert (principal, len(question), flag) == ("user|a1b2", 36, "true")
    # Each of two shards remembers by itself.
    questions = lambda token: {api.get("/mapped", token).text for _ in range(20)}
    first = questions("allow")
    assert len(first) <= 2 and questions("allow") == first
    api.v1.flush_stage_authorizers_cache(restApiId=api.api, stageName="prod")
    assert not questions("allow") & first


def test_many_at_once_are_one_question(near):
    api = Rest(near, arn("python"), permitted=False)
    seen, threads = [], []
    for _ in range(16):
        threads.append(threading.Thread(target=lambda: seen.append(api.get("/mapped", "slow").text)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 16 and len(set(seen)) <= 2, "one for each shard"


def test_a_gateway_response_tells_of_it(near):
    api = Rest(near, arn("python"), permitted=False)
    for kind, status in (("ACCESS_DENIED", "444"), ("AUTHORIZER_FAILURE", "555")):
        api.v1.put_gateway_response(restApiId=api.api, responseType=kind, statusCode=status)
    api.deploy()
    assert [api.get("/mock", token).status for token in ("allow", "deny", "broken")] == [200, 444, 555]


def test_one_that_is_nowhere_is_misconfigured(near):
    api = Rest(near, arn("nobody"), permitted=False)
    reply = api.get("/mock", "allow")
    assert (reply.status, reply.content) == (500, BROKEN)
    assert reply.field("x-amzn-errortype") == "AuthorizerConfigurationException"


def test_it_is_tried_before_it_is_deployed(near):
    api = Rest(near, arn("python"), permitted=False)
    call = lambda token: api.v1.test_invoke_authorizer(
        restApiId=api.api, authorizerId=api.authorizer, headers={"Authorization": token}
    )
    told = call("allow")
    assert (told["clientStatus"], told["principalId"], told["authorization"]["is"]) == (0, "user|a1b2", ["true"])
    assert [call(token)["clientStatus"] for token in ("unauthorized", "broken", "malformed")] == [401, 500, 500]


def test_an_http_api_asks_for_yes_or_no(near):
    v2 = near.client("apigatewayv2")
    api = v2.create_api(Name="far", ProtocolType="HTTP")["ApiId"]
    authorizer = v2.create_authorizer(
        ApiId=api,
        Name="callers",
        AuthorizerType="REQUEST",
        AuthorizerPayloadFormatVersion="2.0",
        EnableSimpleResponses=True,
        IdentitySource=["$request.header.Authorization"],
        AuthorizerUri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn('simple')}/invocations",
    )["AuthorizerId"]
    integration = v2.create_integration(
        ApiId=api, IntegrationType="HTTP_PROXY", IntegrationMethod="GET", IntegrationUri="http://127.0.0.1:1/"
    )["IntegrationId"]
    v2.create_route(
        ApiId=api,
        RouteKey="GET /",
        AuthorizationType="CUSTOM",
        AuthorizerId=authorizer,
        Target=f"integrations/{integration}",
    )
    v2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    host = f"{api}.execute-api.{REGION}.localhost"
    get = lambda token: near.request("GET", "/", host=host, headers={"Authorization": token})[0]
    # Nobody listens behind the route: 502 or 503 is who was let in.
    assert get("allow") in (502, 503)
    assert [get(token) for token in ("deny", "unauthorized", "malformed")] == [403, 401, 500]


REQUEST = "0a1b2c3d-0000-4000-8000-00000000000f"


def yes(tenant="acme"):
    verdict = {"isAuthorized": True, "context": {"tenant": tenant}}
    return 200, [("x-amzn-RequestId", REQUEST)], json.dumps(verdict).encode()


def bad(status):
    return status, [], b'{"Message": "no"}'


def lines(near, path):
    begin = time.monotonic()
    while time.monotonic() - begin < 10:
        file = near.folder / "access.log"
        found = [line for line in file.read_text().splitlines() if line.startswith(path + "|")] if file.exists() else []
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"no line of {path}")


def test_the_question_is_signed_and_tried_again(near, scripted):
    def ask(path, *answers):
        scripted.answers = list(answers)
        status = near.request("GET", path, headers={"Authorization": path})[0]
        left, scripted.answers = scripted.answers, []
        return status, len(left)

    assert ask("/good", yes()) == (200, 0)
    method, target, fields, body = scripted.seen[-1]
    assert (method, target) == ("POST", "/2015-03-31/functions/scripted/invocations")
    question = json.loads(body)
    assert (question["type"], question["identitySource"]) == ("REQUEST", ["/good"])
    assert fields["x-amz-invocation-type"] == "RequestResponse"
    assert fields["x-amzn-trace-id"] == question["headers"]["x-amzn-trace-id"]
    # Its own id is what its log is found by.
    assert [line.rpartition("|")[0] for line in lines(near, "/good")] == [f"/good|200|200|200|{REQUEST}|-|acme"]
    assert ask("/throttled", bad(429), bad(503), yes()) == (200, 0)
    assert ask("/failing", bad(500), bad(500), bad(500), yes()) == (500, 1)
    assert ask("/forbidden", bad(403), yes()) == (500, 1), "it cannot become better"
    assert ask("/unknown", bad(404), yes()) == (500, 1)
    failed = 200, [("X-Amz-Function-Error", "Unhandled")], b'{"errorMessage": "Unauthorized"}'
    assert ask("/unauthorized", failed, yes()) == (401, 1)
    assert ask("/no", (200, [], b'{"isAuthorized": false}'), yes()) == (403, 1)
    assert scripted.refused == []


def test_one_that_is_late_is_500_in_time(near, scripted, monkeypatch):
    def slow(*_):
        time.sleep(4)
        return yes()

    monkeypatch.setattr(scripted, "forward", slow)
    begin = time.monotonic()
    status, _, content = near.request("GET", "/late", headers={"Authorization": "late"})
    assert (status, json.loads(content)) == (500, {"message": "Internal Server Error"})
    assert time.monotonic() - begin < 3.5
