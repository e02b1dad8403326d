"""Lambda's management operations by boto3 and the `aws` command: functions as tutorials make them."""

import base64
import hashlib
import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

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
    from gateway import Gateway

    input = {"FunctionName": "f", "Runtime": "python3.12", "Role": ROLE, "Handler": "app.handler"}
    with Gateway(tmp_path) as gateway:
        made = gateway.client("lambda").create_function(Code={"ZipFile": CODE}, **input)
    with Gateway(tmp_path) as gateway:
        read = gateway.client("lambda").get_function_configuration(FunctionName="f")
    assert (read["CodeSha256"], read["RevisionId"]) == (made["CodeSha256"], made["RevisionId"])
