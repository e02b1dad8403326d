"""Functions of the configuration file in the Lambda API: shown and invoked as any other, changed in the file alone."""

import base64
import json
import time

import pytest
from botocore.exceptions import ClientError
from gateway import ACCOUNT, REGION, Gateway
from test_lambda import ROLE, zipped

CODE = """
import json, os, time

def handler(event, context):
    if "raise" in event:
        raise ValueError(event["raise"])
    if "write" in event:
        with open(event["write"], "a") as file:
            file.write("x")
        if "then" in event:
            raise ValueError(event["then"])
    print("hello log")
    return {"event": event, "arn": context.invoked_function_arn, "table": os.environ["TABLE"]}
"""

FILE = """
[functions]
retry_pause = "100ms"
[[function]]
name = "hello"
runtime = "python3.12"
handler = "app.handler"
code = "{folder}/hello"
environment = {{ TABLE = "products" }}
timeout = "5s"
memory = "256MiB"
retries = 1
event_age = "2m"
dead_letter = "file:{folder}/dead.jsonl"
reserved_concurrency = 4
[[function]]
name = "inline"
runtime = "python3.12"
source = "def handler(event, context): return 1"
log = "none"
"""

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello"


def file(folder):
    code = folder / "hello"
    code.mkdir(exist_ok=True)
    (code / "app.py").write_text(CODE)
    return FILE.format(folder=folder)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown")
    with Gateway(folder, more=file(folder)) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def client(shown):
    return shown.client("lambda")


def wait_for(there):
    for _ in range(200):
        if there():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come")


def test_they_are_listed_and_told(client):
    assert [it["FunctionName"] for it in client.list_functions()["Functions"]] == ["hello", "inline"]
    function = client.get_function(FunctionName="hello")
    it = function["Configuration"]
    assert (it["FunctionArn"], it["Runtime"], it["Handler"]) == (ARN, "python3.12", "app.handler")
    assert (it["Timeout"], it["MemorySize"], it["State"], it["Version"]) == (5, 256, "Active", "$LATEST")
    assert it["Environment"] == {"Variables": {"TABLE": "products"}}
    # What nobody knows of a folder is not made up.
    assert (it["CodeSize"], it["CodeSha256"], it["Role"]) == (0, "", "")
    assert "configuration file" in it["Description"]
    assert function["Tags"] == {"ringgate:source": "file"}
    assert function["Concurrency"] == {"ReservedConcurrentExecutions": 4}
    configuration = client.get_function_configuration(FunctionName=ARN)
    assert {**configuration, "ResponseMetadata": 0} == {**it, "ResponseMetadata": 0}
    inline = client.get_function_configuration(FunctionName="inline")
    assert (inline["CodeSize"], len(base64.b64decode(inline["CodeSha256"]))) == (37, 32)


def test_what_belongs_to_them_is_told(client):
    [version] = client.list_versions_by_function(FunctionName="hello")["Versions"]
    assert (version["Version"], version["FunctionArn"]) == ("$LATEST", ARN + ":$LATEST")
    assert client.list_aliases(FunctionName="hello")["Aliases"] == []
    assert client.get_function_concurrency(FunctionName="hello")["ReservedConcurrentExecutions"] == 4
    assert client.list_tags(Resource=ARN)["Tags"] == {"ringgate:source": "file"}
    events = client.get_function_event_invoke_config(FunctionName="hello")
    assert (events["MaximumRetryAttempts"], events["MaximumEventAgeInSeconds"]) == (1, 120)
    assert client.list_function_url_configs(FunctionName="hello")["FunctionUrlConfigs"] == []
    assert client.get_account_settings()["AccountUsage"]["FunctionCount"] == 2
    client.get_waiter("function_active_v2").wait(FunctionName="hello")
    for operation, name in [
        (client.get_policy, "hello"),
        (client.get_function_event_invoke_config, "inline"),
        (client.get_function, "hello:1"),
        (client.get_function, "hello:prod"),
    ]:
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            operation(FunctionName=name)


def test_another_region_has_none_of_them(shown):
    elsewhere = shown.client("lambda", region="eu-west-1")
    assert elsewhere.list_functions()["Functions"] == []
    with pytest.raises(elsewhere.exceptions.ResourceNotFoundException):
        elsewhere.invoke(FunctionName="hello")


@pytest.mark.parametrize("name", ["hello", "hello:$LATEST", ARN, f"{ACCOUNT}:function:hello"])
def test_they_are_invoked(client, name):
    answer = client.invoke(FunctionName=name, Payload=b'{"a": 1}', LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert json.load(answer["Payload"]) == {"event": {"a": 1}, "arn": ARN, "table": "products"}
    log = base64.b64decode(answer["LogResult"]).decode()
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert "hello log" in log and f"START RequestId: {request_id}" in log and "REPORT RequestId" in log


def test_a_failure_is_told_and_a_dry_run_runs_nothing(client):
    answer = client.invoke(FunctionName="hello", Payload=b'{"raise": "no"}')
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.load(answer["Payload"])["errorMessage"] == "no"
    assert client.invoke(FunctionName="hello", InvocationType="DryRun")["StatusCode"] == 204
    with pytest.raises(client.exceptions.ResourceNotFoundException) as refusal:
        client.invoke(FunctionName="hello", Qualifier="1")
    assert refusal.value.response["Error"]["Message"] == f"Function not found: {ARN}:1"


def test_a_function_without_a_log_has_no_tail(client):
    client.invoke(FunctionName="inline")
    begin = time.monotonic()
    answer = client.invoke(FunctionName="inline", LogType="Tail")
    assert time.monotonic() - begin < 0.4, "nothing is waited for that does not come"
    assert json.load(answer["Payload"]) == 1 and "LogResult" not in answer


def test_it_is_streamed_to_who_asks_for_events(client):
    answer = client.invoke_with_response_stream(FunctionName="inline", Payload=b"{}")
    events = list(answer["EventStream"])
    assert b"".join(event["PayloadChunk"]["Payload"] for event in events[:-1]) == b"1"
    assert "InvokeComplete" in events[-1]


def test_an_event_is_queued_tried_again_and_given_up_as_the_file_says(client, shown, tmp_path):
    there, fails = tmp_path / "there", tmp_path / "fails"
    event = json.dumps({"write": str(there)})
    assert client.invoke(FunctionName="hello", InvocationType="Event", Payload=event)["StatusCode"] == 202
    wait_for(there.exists)
    event = {"write": str(fails), "then": "on purpose"}
    client.invoke(FunctionName="hello", InvocationType="Event", Payload=json.dumps(event))
    dead = shown.folder / "dead.jsonl"
    wait_for(lambda: dead.exists() and dead.read_text().endswith("\n"))
    [line] = dead.read_text().splitlines()
    record = json.loads(line)
    assert record["requestPayload"] == event
    context = record["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetriesExhausted", 2)
    assert context["functionArn"] in (ARN, ARN + ":$LATEST")
    assert fails.read_text() == "xx", "once, and once again"


def test_every_change_is_refused(client):
    hello = {"FunctionName": "hello"}
    for operation, input in [
        (client.update_function_code, {**hello, "ZipFile": zipped(app="x = 1")}),
        (client.update_function_configuration, {**hello, "Timeout": 9}),
        (client.delete_function, hello),
        (client.publish_version, hello),
        (client.create_alias, {**hello, "Name": "prod", "FunctionVersion": "$LATEST"}),
        (client.delete_alias, {**hello, "Name": "prod"}),
        (
            client.add_permission,
            {**hello, "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"},
        ),
        (client.remove_permission, {**hello, "StatementId": "s"}),
        (client.put_function_concurrency, {**hello, "ReservedConcurrentExecutions": 1}),
        (client.delete_function_concurrency, hello),
        (client.put_function_event_invoke_config, {**hello, "MaximumRetryAttempts": 0}),
        (client.delete_function_event_invoke_config, hello),
        (client.create_function_url_config, {**hello, "AuthType": "NONE"}),
        (client.tag_resource, {"Resource": ARN, "Tags": {"a": "b"}}),
        (client.untag_resource, {"Resource": ARN, "TagKeys": ["ringgate:source"]}),
    ]:
        with pytest.raises(client.exceptions.InvalidParameterValueException) as refusal:
            operation(**input)
        error = refusal.value.response
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert error["Type"] == "User"
        assert "Function hello is declared in ringgate's configuration file" in error["Error"]["Message"]
    with pytest.raises(client.exceptions.ResourceConflictException) as refusal:
        create(client, "hello")
    assert refusal.value.response["Error"]["Message"] == "Function already exist: hello"
    assert client.get_function_configuration(**hello)["Timeout"] == 5


def create(client, name, code="def handler(event, context): return 'made'\n"):
    return client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=ROLE,
        Handler="app.handler",
        Publish=True,
        Code={"ZipFile": zipped(app=code)},
    )


def test_the_aws_command_reads_and_invokes_them(shown, tmp_path):
    listed = shown.aws("lambda", "list-functions", "--query", "Functions[].FunctionName")
    assert listed == ["hello", "inline"]
    got = shown.aws("lambda", "get-function", "--function-name", "hello")
    assert got["Configuration"]["FunctionArn"] == ARN
    told = shown.aws("lambda", "get-function-configuration", "--function-name", "hello")
    assert told["RevisionId"] == got["Configuration"]["RevisionId"]
    out = tmp_path / "out.json"
    invoke = ["lambda", "invoke", "--function-name", "hello"]
    answered = shown.aws(*invoke, "--payload", '{"b": 2}', str(out))
    assert answered == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert json.loads(out.read_text())["event"] == {"b": 2}
    assert shown.aws(*invoke, "--invocation-type", "Event", str(out))["StatusCode"] == 202
    assert shown.aws(*invoke, "--invocation-type", "DryRun", str(out))["StatusCode"] == 204


def test_they_follow_the_file_and_hide_what_has_their_name(tmp_path):
    def result(client, name="hello"):
        return json.load(client.invoke(FunctionName=name)["Payload"])

    with Gateway(tmp_path) as gateway:
        client = gateway.client("lambda")
        for name in ["hello", "other"]:
            create(client, name)
        client.create_alias(FunctionName="hello", Name="prod", FunctionVersion="1")
        assert result(client) == result(client, "hello:prod") == "made"

        gateway.reload(file(tmp_path))
        assert [it["FunctionName"] for it in client.list_functions()["Functions"]] == ["hello", "inline", "other"]
        assert client.get_function_configuration(FunctionName="hello")["Timeout"] == 5
        assert result(client)["arn"] == ARN and result(client, "other") == "made"
        for name in ["hello:1", "hello:prod"]:
            with pytest.raises(client.exceptions.ResourceNotFoundException):
                result(client, name)
        with pytest.raises(client.exceptions.InvalidParameterValueException):
            client.delete_function(FunctionName="hello")
        first = client.get_function_configuration(FunctionName="inline")
        gateway.reload(file(tmp_path).replace("return 1", "return 2"))
        second = client.get_function_configuration(FunctionName="inline")
        assert result(client, "inline") == 2
        for member in ["CodeSha256", "RevisionId"]:
            assert first[member] != second[member]

    # What is stored is there, and hidden from the start.
    with Gateway(tmp_path, more=file(tmp_path)) as gateway:
        client = gateway.client("lambda")
        assert result(client)["arn"] == ARN and result(client, "other") == "made"
        with pytest.raises(ClientError):
            result(client, "hello:prod")
        gateway.reload("")
        assert [it["FunctionName"] for it in client.list_functions()["Functions"]] == ["hello", "other"]
        assert result(client) == result(client, "hello:prod") == "made"
        assert client.get_alias(FunctionName="hello", Name="prod")["FunctionVersion"] == "1"


def test_another_gateway_invokes_them(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "near").mkdir()
    # In a word for a runtime that Lambda has not.
    with Gateway(tmp_path / "far", more=file(tmp_path / "far").replace("python3.12", "python3")) as far:
        invoke_elsewhere(tmp_path / "near", far)


def invoke_elsewhere(folder, far):
    near = f"""
[[aws.credentials]]
access_key_id = "test"
secret_access_key = "test"
[[remote_function]]
name = "hello"
endpoint = "{far.endpoint}"
[[api]]
name = "file"
protocol = "http"
[[api.route]]
route = "GET /hello"
integration = {{ type = "lambda", function = "hello" }}
"""
    with Gateway(folder, more=near) as gateway:
        status, _, content = gateway.request("GET", "/hello")
        assert (status, json.loads(content)["arn"]) == (200, ARN)
