"""Lambda's management operations by boto3 and the `aws` command: functions as tutorials make them."""

import base64
import hashlib
import io
import json
import time
import zipfile

import pytest
from botocore.exceptions import ClientError
from gateway import ACCOUNT, REGION, SUFFIX, Gateway

ROLE = "arn:aws:iam::000000000000:role/r"


def zipped(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.py", text)
    return content.getvalue()


CODE = zipped(app="def handler(event, context):\n    return event\n")


@pytest.fixture(scope="module")
def client(gateway):
    return gateway.client("lambda")


@pytest.fixture
def create(client, name):
    """Makes a function; what is not given is ordinary."""

    def create(**members):
        input = {
            "FunctionName": name,
            "Runtime": "python3.12",
            "Role": ROLE,
            "Handler": "app.handler",
            "Code": {"ZipFile": CODE},
        }
        return client.create_function(**{**input, **members})

    return create


def arn(name):
    return f"arn:aws:lambda:us-east-1:000000000000:function:{name}"


def test_a_function_is_made_read_and_deleted(client, create, name, refused):
    made = create(Environment={"Variables": {"A_B": "c"}}, Tags={"team": "x"}, Timeout=30)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert made["FunctionArn"] == arn(name)
    assert made["CodeSize"] == len(CODE)
    assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(CODE).digest()).decode()
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    read = client.get_function(FunctionName=arn(name))
    assert read["Tags"] == {"team": "x"}
    shown = read["Configuration"]
    assert (shown["Timeout"], shown["Environment"]) == (30, {"Variables": {"A_B": "c"}})
    assert [it["FunctionName"] for it in pages(client, "list_functions", "Functions")].count(name) == 1
    client.delete_function(FunctionName=name)
    refused(
        "ResourceNotFoundException",
        404,
        f"Function not found: {arn(name)}",
        client.get_function,
        FunctionName=name,
    )


def pages(client, operation, member, **input):
    found = client.get_paginator(operation).paginate(PaginationConfig={"PageSize": 7}, **input)
    return [item for page in found for item in page[member]]


def test_exceptions_have_their_members(client, create, name):
    create()
    with pytest.raises(client.exceptions.ResourceConflictException) as refusal:
        create()
    assert refusal.value.response["Type"] == "User"
    assert refusal.value.response["Error"]["Message"] == f"Function already exist: {name}"
    with pytest.raises(client.exceptions.ResourceNotFoundException) as refusal:
        client.get_policy(FunctionName=name)
    assert refusal.value.response["Error"]["Message"] == "The resource you requested does not exist."
    with pytest.raises(client.exceptions.InvalidParameterValueException) as refusal:
        client.update_function_code(FunctionName=name, S3Bucket="bucket", S3Key="key")
    assert "not from S3" in refusal.value.response["Error"]["Message"]
    with pytest.raises(ClientError) as refusal:
        client.get_function(FunctionName="no such name")
    assert refusal.value.response["Error"]["Code"] == "ValidationException"


def test_code_of_megabytes_is_taken(client, create, name):
    large = io.BytesIO()
    with zipfile.ZipFile(large, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("data", b"x" * 30_000_000)
    made = create(Code={"ZipFile": large.getvalue()})
    assert made["CodeSize"] == len(large.getvalue()) > 10 * 1024 * 1024
    assert client.update_function_code(FunctionName=name, ZipFile=CODE)["CodeSize"] == len(CODE)


def test_code_and_configuration_are_changed(client, create, name, refused):
    first = create()
    other = zipped(app="def handler(event, context):\n    return 2\n")
    second = client.update_function_code(FunctionName=name, ZipFile=other, Publish=True)
    assert (second["Version"], second["FunctionArn"]) == ("1", arn(name) + ":1")
    assert second["CodeSha256"] != first["CodeSha256"]
    changed = client.update_function_configuration(FunctionName=name, MemorySize=512, Description="d")
    assert (changed["MemorySize"], changed["Description"], changed["Timeout"]) == (512, "d", 3)
    with pytest.raises(client.exceptions.PreconditionFailedException):
        client.update_function_configuration(FunctionName=name, RevisionId=first["RevisionId"], Timeout=1)


def test_versions_and_aliases(client, create, name):
    create(Publish=True)
    client.update_function_code(FunctionName=name, ZipFile=zipped(app="x = 2\n"))
    assert client.publish_version(FunctionName=name)["Version"] == "2"
    assert client.publish_version(FunctionName=name)["Version"] == "2"
    versions = pages(client, "list_versions_by_function", "Versions", FunctionName=name)
    assert [it["Version"] for it in versions] == ["$LATEST", "1", "2"]
    made = client.create_alias(
        FunctionName=name,
        Name="prod",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}},
    )
    assert made["AliasArn"] == arn(name) + ":prod"
    updated = client.update_alias(FunctionName=name, Name="prod", FunctionVersion="2", RoutingConfig={})
    assert "RoutingConfig" not in updated
    assert client.get_alias(FunctionName=name, Name="prod")["RevisionId"] == updated["RevisionId"]
    assert client.get_function(FunctionName=name, Qualifier="prod")["Configuration"]["Version"] == "2"
    assert [it["Name"] for it in pages(client, "list_aliases", "Aliases", FunctionName=name)] == ["prod"]
    client.delete_alias(FunctionName=name, Name="prod")
    client.delete_function(FunctionName=name, Qualifier="1")
    versions = pages(client, "list_versions_by_function", "Versions", FunctionName=name)
    assert [it["Version"] for it in versions] == ["$LATEST", "2"]


def test_api_gateway_gets_permission(client, create, name):
    create()
    source = "arn:aws:execute-api:us-east-1:000000000000:abc/*/GET/pets"
    made = client.add_permission(
        FunctionName=name,
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=source,
    )
    statement = json.loads(made["Statement"])
    assert statement == {
        "Sid": "api",
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": arn(name),
        "Condition": {"ArnLike": {"AWS:SourceArn": source}},
    }
    policy = json.loads(client.get_policy(FunctionName=name)["Policy"])
    assert policy == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    client.remove_permission(FunctionName=name, StatementId="api")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_policy(FunctionName=name)


def test_concurrency_tags_and_urls(client, create, name):
    create()
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 0
    client.delete_function_concurrency(FunctionName=name)
    client.tag_resource(Resource=arn(name), Tags={"a": "1", "b": "2"})
    client.untag_resource(Resource=arn(name), TagKeys=["a"])
    assert client.list_tags(Resource=arn(name))["Tags"] == {"b": "2"}
    made = client.create_function_url_config(FunctionName=name, AuthType="NONE")
    read = client.get_function_url_config(FunctionName=name)
    assert read["FunctionUrl"] == made["FunctionUrl"]
    updated = client.update_function_url_config(FunctionName=name, InvokeMode="RESPONSE_STREAM")
    assert (updated["AuthType"], updated["InvokeMode"]) == ("NONE", "RESPONSE_STREAM")
    assert len(client.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"]) == 1
    client.delete_function_url_config(FunctionName=name)
    assert client.get_account_settings()["AccountLimit"]["CodeSizeZipped"] == 52_428_800
    assert client.get_function_code_signing_config(FunctionName=name)["FunctionName"] == name


def test_the_aws_command_makes_functions(gateway, name, tmp_path):
    file = tmp_path / "code.zip"
    file.write_bytes(CODE)
    made = gateway.aws(
        *("lambda", "create-function", "--function-name", name, "--runtime", "nodejs22.x"),
        *("--handler", "index.handler", "--role", ROLE, "--zip-file", f"fileb://{file}"),
    )
    assert made["Runtime"] == "nodejs22.x"
    gateway.aws("lambda", "wait", "function-active", "--function-name", name)
    listed = gateway.aws("lambda", "list-functions", "--query", "Functions[].FunctionName")
    assert name in listed
    ran = gateway.aws("lambda", "get-alias", "--function-name", name, "--name", "x", check=False)
    assert ran.returncode != 0
    assert f"(ResourceNotFoundException) when calling the GetAlias operation: Cannot find alias arn: {arn(name)}:x" in ran.stderr


def test_a_dry_run_says_that_a_function_could_be_invoked(client, create, name, refused):
    create()
    answer = client.invoke(FunctionName=name, InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    text = f"Function not found: {arn(name)}:7"
    refused("ResourceNotFoundException", 404, text, client.invoke, FunctionName=name, Qualifier="7")
    with pytest.raises(client.exceptions.InvalidRequestContentException) as refusal:
        client.invoke(FunctionName=name, Payload=b"{")
    assert refusal.value.response["Error"]["Message"].startswith("Could not parse request body into json")


def test_functions_are_there_after_a_restart(tmp_path):
    input = {"FunctionName": "f", "Runtime": "python3.12", "Role": ROLE, "Handler": "app.handler"}
    with Gateway(tmp_path) as gateway:
        made = gateway.client("lambda").create_function(Code={"ZipFile": CODE}, **input)
    with Gateway(tmp_path) as gateway:
        read = gateway.client("lambda").get_function_configuration(FunctionName="f")
    assert (read["CodeSha256"], read["RevisionId"]) == (made["CodeSha256"], made["RevisionId"])


REFLECTING = """
import json

def handler(event, context):
    if event.get("queryStringParameters", {}) and event["queryStringParameters"].get("fail"):
        raise ValueError("as asked")
    told = {"arn": context.invoked_function_arn, "version": context.function_version, "event": event}
    return {"statusCode": 201, "headers": {"X-Made": "here"}, "body": json.dumps(told)}
"""


@pytest.fixture
def reflecting(create):
    """A function that answers with its event, and what of the context names it: its ARN."""
    return create(Code={"ZipFile": zipped(app=REFLECTING)}, Publish=True)["FunctionArn"].rsplit(":", 1)[0]


def invocation_of(arn):
    """The URI of an AWS_PROXY integration."""
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"


def test_an_invocation_is_answered(client, create, name):
    create(Environment={"Variables": {"WHO": "you"}}, Code={"ZipFile": zipped(app=(
        "import os\n"
        "def handler(event, context):\n"
        "    if event.get('fail'): raise ValueError('as asked')\n"
        "    return {'hello': os.environ['WHO'], 'event': event}\n"
    ))})
    answer = client.invoke(FunctionName=name, Payload=b'{"a": 1}')
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert json.load(answer["Payload"]) == {"hello": "you", "event": {"a": 1}}
    assert "FunctionError" not in answer
    failed = client.invoke(FunctionName=name, Payload=b'{"fail": true}')
    assert (failed["StatusCode"], failed["FunctionError"]) == (200, "Unhandled")
    error = json.load(failed["Payload"])
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "as asked")
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"WHO": "me"}})
    assert json.load(client.invoke(FunctionName=name)["Payload"])["hello"] == "me"


def test_versions_run_their_own_code(client, create, name):
    create(Code={"ZipFile": zipped(app="def handler(event, context): return 1 if context.invoked_function_arn[-2:] in (':1', 'od') else 0\n")}, Publish=True)
    client.update_function_code(
        FunctionName=name, ZipFile=zipped(app="def handler(event, context): return 2\n")
    )
    client.create_alias(FunctionName=name, Name="prod", FunctionVersion="1")

    def result(**input):
        answer = client.invoke(FunctionName=name, **input)
        return json.load(answer["Payload"]), answer["ExecutedVersion"]

    assert result() == (2, "$LATEST")
    assert result(Qualifier="1") == (1, "1")
    assert result(Qualifier="prod") == (1, "1")
    client.publish_version(FunctionName=name)
    client.update_alias(FunctionName=name, Name="prod", FunctionVersion="2")
    assert result(Qualifier="prod") == (2, "2")


def test_an_event_is_queued(client, create, name, tmp_path):
    there = tmp_path / "there"
    code = f"def handler(event, context):\n    open({str(there)!r}, 'w').write(event['a'])\n"
    create(Code={"ZipFile": zipped(app=code)})
    answer = client.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"a": "b"}')
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    begin = time.monotonic()
    while not there.exists() or not there.read_text():
        assert time.monotonic() - begin < 30
        time.sleep(0.02)
    assert there.read_text() == "b"


def test_what_cannot_run_says_so(client, create, name):
    create(Runtime="nodejs22.x", Code={"ZipFile": zipped(app="")})
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException) as refusal:
        client.invoke(FunctionName=name)
    assert refusal.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_a_rest_api_asks_a_function(gateway, v1, client, api, root, name, reflecting):
    made = v1.create_resource(restApiId=api, parentId=root, pathPart="{proxy+}")["id"]
    at = {"restApiId": api, "resourceId": made, "httpMethod": "ANY"}
    v1.put_method(**at, authorizationType="NONE", operationName="Reflect")
    arn = reflecting.replace(name, "${stageVariables.function}")
    uri = invocation_of(arn)
    v1.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    variables = {"function": name}
    v1.create_deployment(restApiId=api, stageName="prod", variables=variables)
    variables = {"function": f"{name}:1"}
    v1.create_deployment(restApiId=api, stageName="first", variables=variables)
    allow(client, name, api)
    allow(client, name, api, Qualifier="1")
    host = f"{api}.execute-api.{REGION}.{SUFFIX}"
    status, fields, content = gateway.request("POST", "/prod/pets/5?a=b", host=host, body="text")
    assert (status, fields["x-made"]) == (201, "here"), content
    told = json.loads(content)
    assert (told["arn"], told["version"]) == (reflecting, "$LATEST")
    event = told["event"]
    assert (event["httpMethod"], event["path"], event["body"]) == ("POST", "/pets/5", "text")
    assert (event["resource"], event["pathParameters"]) == ("/{proxy+}", {"proxy": "pets/5"})
    assert event["queryStringParameters"] == {"a": "b"}
    assert event["stageVariables"] == {"function": name}
    context = event["requestContext"]
    assert (context["apiId"], context["stage"], context["accountId"]) == (api, "prod", ACCOUNT)
    assert (context["resourceId"], context["operationName"]) == (made, "Reflect")
    forged = {"X-Forwarded-For": "6.6.6.6"}
    _, _, content = gateway.request("GET", "/prod/x", host=host, headers=forged)
    headers = json.loads(content)["event"]["headers"]
    told = [headers[f"X-Forwarded-{part}"] for part in ("For", "Port", "Proto")]
    assert told == ["127.0.0.1", gateway.address.rsplit(":", 1)[1], "http"], "nobody is believed who is not trusted"
    _, _, content = gateway.request("GET", "/first/x", host=host)
    assert json.loads(content)["version"] == "1"
    status, _, content = gateway.request("GET", "/prod/x?fail=1", host=host)
    assert (status, json.loads(content)) == (502, {"message": "Internal server error"})


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_an_http_api_asks_a_function(gateway, v2, client, http_api, name, reflecting, version):
    made = v2.create_integration(
        ApiId=http_api,
        IntegrationType="AWS_PROXY",
        IntegrationUri=reflecting if version == "2.0" else invocation_of(reflecting),
        PayloadFormatVersion=version,
    )["IntegrationId"]
    v2.create_route(ApiId=http_api, RouteKey="GET /pets/{id}", Target=f"integrations/{made}")
    v2.create_stage(ApiId=http_api, StageName="$default", AutoDeploy=True)
    allow(client, name, http_api)
    host = f"{http_api}.execute-api.{REGION}.{SUFFIX}"
    status, _, content = gateway.request("GET", "/pets/5", host=host)
    assert status == 201, content
    event = json.loads(content)["event"]
    assert event["version"] == version
    assert event["pathParameters"] == {"id": "5"}
    assert event["requestContext"]["apiId"] == http_api
    status, _, content = gateway.request("GET", "/pets/5?fail=1", host=host)
    assert (status, json.loads(content)) == (500, {"message": "Internal Server Error"})


def allow(client, name, api, **input):
    """The permission that consoles and tutorials give to an API."""
    client.add_permission(
        FunctionName=name,
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/*/*/*",
        **input,
    )


def test_a_function_decides_which_api_invokes_it(gateway, v1, client, api, root, name, reflecting):
    at = {"restApiId": api, "resourceId": root, "httpMethod": "ANY"}
    v1.put_method(**at, authorizationType="NONE")
    v1.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=invocation_of(reflecting))
    v1.create_deployment(restApiId=api, stageName="prod")
    host = f"{api}.execute-api.{REGION}.{SUFFIX}"

    def answer(method="GET"):
        status, _, content = gateway.request(method, "/prod/", host=host)
        return status, json.loads(content).get("message")

    refused = (500, "Internal server error")
    permit = {
        "FunctionName": name,
        "StatementId": "api",
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
    }
    source = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}"
    assert answer() == refused
    client.add_permission(**permit, SourceArn=f"{source}/prod/GET/")
    assert (answer(), answer("POST")) == ((201, None), refused)
    client.remove_permission(FunctionName=name, StatementId="api")
    assert answer() == refused
    client.add_permission(**permit, SourceArn=f"{source}x/*/*/*")
    assert answer() == refused
    client.remove_permission(FunctionName=name, StatementId="api")
    client.add_permission(**{**permit, "Principal": "events.amazonaws.com"})
    assert answer() == refused
    client.remove_permission(FunctionName=name, StatementId="api")
    client.add_permission(**permit, SourceAccount=ACCOUNT)
    assert answer() == (201, None)


def test_the_file_may_say_that_no_permission_is_needed(tmp_path):
    with Gateway(tmp_path, more="[aws]\nfunctions_need_permission = false\n") as gateway:
        input = {"FunctionName": "f", "Runtime": "python3.12", "Role": ROLE, "Handler": "app.handler"}
        made = gateway.client("lambda").create_function(Code={"ZipFile": zipped(app=REFLECTING)}, **input)
        v2 = gateway.client("apigatewayv2")
        api = v2.create_api(Name="a", ProtocolType="HTTP", Target=made["FunctionArn"])["ApiId"]
        status, _, content = gateway.request("GET", "/", host=f"{api}.execute-api.{REGION}.{SUFFIX}")
    assert (status, json.loads(content)["event"]["routeKey"]) == (201, "$default")


def test_functions_run_after_a_restart(tmp_path):
    input = {"FunctionName": "f", "Runtime": "python3.12", "Role": ROLE, "Handler": "app.handler"}
    with Gateway(tmp_path) as gateway:
        gateway.client("lambda").create_function(Code={"ZipFile": CODE}, **input)
    with Gateway(tmp_path) as gateway:
        client = gateway.client("lambda")
        assert client.invoke(FunctionName="f", Payload=b"[1]")["Payload"].read() == b"[1]"
        client.delete_function(FunctionName="f")
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.invoke(FunctionName="f")


def test_the_end_of_a_log_is_told(client, create, name):
    code = (
        "def handler(event, context):\n"
        "    for n in range(event['lines']): print(f'line {n} of {context.aws_request_id}')\n"
        "    if 'fail' in event: raise ValueError('as asked')\n"
    )
    create(Code={"ZipFile": zipped(app=code)})

    def invoke(**event):
        answer = client.invoke(FunctionName=name, LogType="Tail", Payload=json.dumps(event))
        log = base64.b64decode(answer["LogResult"]).decode()
        return answer["ResponseMetadata"]["RequestId"], log

    request_id, log = invoke(lines=2)
    lines = log.splitlines()
    assert lines[0] == f"START RequestId: {request_id} Version: $LATEST"
    assert lines[1:3] == [f"line {n} of {request_id}" for n in range(2)]
    assert lines[-2] == f"END RequestId: {request_id}"
    assert lines[-1].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    assert "Init Duration" in lines[-1], "the first one is cold"
    _, log = invoke(lines=0, fail=True)
    assert "ValueError: as asked" in log
    request_id, log = invoke(lines=200)
    assert len(log) == 4096 and f"line 199 of {request_id}\nEND" in log
    assert "LogResult" not in client.invoke(FunctionName=name, Payload=b'{"lines": 1}')


def test_an_alias_shares_requests_out_by_weight(gateway, v2, client, create, http_api, name):
    create(Code={"ZipFile": zipped(app="def handler(event, context): return context.function_version")})
    client.publish_version(FunctionName=name)
    client.update_function_configuration(FunctionName=name, Timeout=4)
    client.publish_version(FunctionName=name)
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    client.create_alias(FunctionName=name, Name="prod", FunctionVersion="1", RoutingConfig=weights)
    made = v2.create_integration(
        ApiId=http_api,
        IntegrationType="AWS_PROXY",
        IntegrationUri=f"{arn(name)}:prod",
        PayloadFormatVersion="2.0",
    )["IntegrationId"]
    v2.create_route(ApiId=http_api, RouteKey="$default", Target=f"integrations/{made}")
    v2.create_stage(ApiId=http_api, StageName="$default", AutoDeploy=True)
    allow(client, name, http_api, Qualifier="prod")
    client.add_permission(
        FunctionName=name,
        Qualifier="prod",
        StatementId="default",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    host = f"{http_api}.execute-api.{REGION}.{SUFFIX}"

    def answers(count=40):
        return [gateway.request("GET", "/", host=host)[2] for _ in range(count)]

    # All 40 the same is one in five hundred thousand million.
    assert set(answers()) == {b"1", b"2"}
    told = [client.invoke(FunctionName=name, Qualifier="prod") for _ in range(40)]
    told = [(json.load(it["Payload"]), it["ExecutedVersion"]) for it in told]
    assert set(told) == {("1", "1"), ("2", "2")}
    routing = {"AdditionalVersionWeights": {"2": 1.0}}
    client.update_alias(FunctionName=name, Name="prod", RoutingConfig=routing)
    assert set(answers(10)) == {b"2"}
    client.update_alias(FunctionName=name, Name="prod", RoutingConfig={"AdditionalVersionWeights": {}})
    assert set(answers(10)) == {b"1"}
