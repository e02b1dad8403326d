"""AWS services behind REST and HTTP APIs, with moto's server as AWS and botocore checking each signature."""

import base64
import json
import re
import subprocess
import sys
import threading
import time

import boto3
import pytest
from gateway import PATIENCE, REGION, Gateway
from verifier import Verifier

ROLE = "arn:aws:iam::123456789012:role/api"
ACCOUNT = "123456789012"  # moto's

MORE = """
[aws]
account_id = "123456789012"
endpoints = {{ "*" = "{url}" }}
[[aws.credentials]]
access_key_id = "AKIDOWN0000000000000"
secret_access_key = "the gateway's own secret"
[[aws.credentials]]
role = "arn:aws:iam::123456789012:role/static"
access_key_id = "AKIDSTATIC0000000000"
secret_access_key = "a secret of the file"
"""

SECRETS = {
    "AKIDOWN0000000000000": "the gateway's own secret",
    "AKIDSTATIC0000000000": "a secret of the file",
}


@pytest.fixture(scope="module")
def moto():
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        begin = time.monotonic()
        for line in server.stdout:
            if found := re.search(r"Running on (http://\S+)", line):
                break
            assert time.monotonic() - begin < PATIENCE, line
        threading.Thread(target=server.stdout.read, daemon=True).start()
        yield found.group(1)
    finally:
        server.kill()
        server.wait(PATIENCE)


@pytest.fixture(scope="module")
def verifier(moto):
    verifier = Verifier(moto, SECRETS)
    yield verifier
    verifier.stop()


@pytest.fixture(scope="module")
def local(tmp_path_factory, verifier):
    """A gateway for which the verifier is AWS."""
    with Gateway(tmp_path_factory.mktemp("services"), more=MORE.format(url=verifier.url)) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def nothing_was_refused(verifier):
    verifier.refused.clear()
    yield
    assert verifier.refused == []


@pytest.fixture(scope="module")
def amazon(moto):
    """boto3 clients of moto, which set up what the gateway then uses."""

    def client(service):
        return boto3.session.Session().client(
            service,
            region_name=REGION,
            endpoint_url=moto,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    return client


class Rest:
    """A REST API whose methods are put and called one by one."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.client = gateway.client("apigateway")
        self.api = self.client.create_rest_api(name="services", binaryMediaTypes=["image/png"])["id"]
        self.root = self.client.get_resources(restApiId=self.api)["items"][0]["id"]
        self.resources = {"": self.root}

    def resource(self, path):
        if path not in self.resources:
            parent, _, part = path.rpartition("/")
            created = self.client.create_resource(
                restApiId=self.api, parentId=self.resource(parent), pathPart=part
            )
            self.resources[path] = created["id"]
        return self.resources[path]

    def put(self, method, path, uri, credentials=ROLE, verb="POST", statuses=("200", "400"), method_parameters=(), **more):
        """A method in front of a service. Statuses of 4xx and 5xx are chosen by their first digit."""
        at = {"restApiId": self.api, "resourceId": self.resource(path), "httpMethod": method}
        parameters = {f"method.request.{name}": False for name in method_parameters}
        self.client.put_method(**at, authorizationType="NONE", requestParameters=parameters)
        if not uri.startswith("arn:"):
            uri = f"arn:aws:apigateway:{REGION}:{uri}"
        self.client.put_integration(
            **at, type="AWS", integrationHttpMethod=verb, uri=uri, credentials=credentials, **more
        )
        for status in statuses:
            self.client.put_method_response(
                **at, statusCode=status, responseParameters={"method.response.header.X-Type": False}
            )
            pattern = {} if status == "200" else {"selectionPattern": status[0] + r"\d{2}"}
            self.client.put_integration_response(
                **at,
                statusCode=status,
                **pattern,
                responseParameters={"method.response.header.X-Type": "integration.response.header.Content-Type"},
            )
        return at

    def deploy(self):
        self.client.create_deployment(restApiId=self.api, stageName="prod")

    def call(self, method, path, body=None, stage="prod", **headers):
        fields = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        host = f"{self.api}.execute-api.{REGION}.localhost"
        return self.gateway.request(method, f"/{stage}{path}", host=host, body=body, headers=fields)


@pytest.fixture
def rest(local):
    return Rest(local)


def template(text):
    return {"requestTemplates": {"application/json": text}}


def test_dynamodb_items_are_made_read_and_deleted(rest, amazon, verifier):
    dynamodb = amazon("dynamodb")
    dynamodb.create_table(
        TableName="pets",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    rest.put(
        "POST",
        "/pets",
        "dynamodb:action/PutItem",
        **template(
            '{"TableName":"pets","Item":{"id":{"S":"$input.path(\'$.id\')"},"name":{"S":"$input.path(\'$.name\')"}}}'
        ),
    )
    get = rest.put(
        "GET",
        "/pets/{id}",
        "dynamodb:action/GetItem",
        **template('{"TableName":"pets","Key":{"id":{"S":"$input.params(\'id\')"}}}'),
    )
    rest.client.update_integration_response(
        **get,
        statusCode="200",
        patchOperations=[
            {
                "op": "add",
                "path": "/responseTemplates/application~1json",
                "value": '#set($item = $input.path(\'$.Item\')){"name": "$item.name.S"}',
            }
        ],
    )
    rest.put(
        "DELETE",
        "/pets/{id}",
        "dynamodb:action/DeleteItem",
        **template('{"TableName":"pets","Key":{"id":{"S":"$input.params(\'id\')"}}}'),
    )
    rest.put("GET", "/broken", "dynamodb:action/GetItem", **template('{"TableName":"absent","Key":{"id":{"S":"1"}}}'))
    rest.deploy()

    assert rest.call("POST", "/pets", '{"id": "1", "name": "Rex"}')[::2] == (200, b"{}")
    assert dynamodb.get_item(TableName="pets", Key={"id": {"S": "1"}})["Item"]["name"] == {"S": "Rex"}
    status, told, content = rest.call("GET", "/pets/1")
    assert (status, json.loads(content)) == (200, {"name": "Rex"})
    _, _, asked, _ = next(it for it in verifier.seen if it[2].get("x-amz-target", "").endswith(".GetItem"))
    assert told["x-amzn-trace-id"] == asked["x-amzn-trace-id"]
    assert rest.call("DELETE", "/pets/1")[0] == 200
    assert "Item" not in dynamodb.get_item(TableName="pets", Key={"id": {"S": "1"}})
    status, _, content = rest.call("GET", "/broken")
    assert status == 400 and b"ResourceNotFoundException" in content

    method, target, fields, _ = next(it for it in verifier.seen if it[3].startswith(b'{"TableName":"pets","Item"'))
    assert (method, target) == ("POST", "/")
    assert fields["x-amz-target"] == "DynamoDB_20120810.PutItem"
    assert fields["content-type"] == "application/x-amz-json-1.0"
    assert (fields["accept"], fields["user-agent"]) == ("application/json", f"AmazonAPIGateway_{rest.api}")
    assert fields["x-amzn-apigateway-api-id"] == rest.api
    assert "x-amz-security-token" in fields, "the role was assumed"


def test_objects_go_through_as_they_are(rest, amazon, verifier):
    s3 = amazon("s3")
    s3.create_bucket(Bucket="pictures")
    mapped = {
        "integration.request.path.object": "method.request.path.object",
        "integration.request.header.Content-Type": "method.request.header.Content-Type",
    }
    known = ["path.object", "header.Content-Type"]
    for method in ["GET", "PUT", "DELETE"]:
        rest.put(
            method,
            "/objects/{object+}",
            "s3:path/pictures/{object}",
            verb=method,
            statuses=("200", "400", "500"),
            method_parameters=known,
            requestParameters=mapped,
        )
    rest.put(
        "PUT",
        "/unsigned/{object+}",
        "pictures.s3:path/{object}",
        verb="PUT",
        method_parameters=known,
        requestParameters={**mapped, "integration.request.header.x-amz-content-sha256": "'UNSIGNED-PAYLOAD'"},
    )
    rest.deploy()
    picture = bytes(range(256)) * 40
    for path in ["a.png", "deep/er/b.png", "odd%20name%2B(1)!.png"]:
        status, _, content = rest.call("PUT", f"/objects/{path}", picture, Content_Type="image/png", Accept="image/png")
        assert status == 200, content
    keys = [it["Key"] for it in s3.list_objects_v2(Bucket="pictures")["Contents"]]
    assert keys == ["a.png", "deep/er/b.png", "odd name+(1)!.png"]
    assert s3.get_object(Bucket="pictures", Key="odd name+(1)!.png")["Body"].read() == picture
    status, fields, content = rest.call("GET", "/objects/deep/er/b.png", Accept="image/png")
    assert (status, fields["x-type"], content) == (200, "image/png", picture)
    status, _, content = rest.call("GET", "/objects/none")
    assert status == 400 and b"NoSuchKey" in content
    assert rest.call("DELETE", "/objects/a.png")[0] == 200
    assert rest.call("PUT", "/unsigned/c.png", picture, Content_Type="image/png")[0] == 200
    assert s3.get_object(Bucket="pictures", Key="c.png")["Body"].read() == picture
    assert verifier.seen[-1][2]["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"


def test_sqs_takes_messages_in_both_of_its_protocols(rest, amazon):
    sqs = amazon("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    form = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
    rest.put(
        "POST",
        "/form",
        f"sqs:path/{ACCOUNT}/orders",
        requestParameters=form,
        passthroughBehavior="NEVER",
        **template(
            "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"
            "&MessageAttribute.1.Name=shop&MessageAttribute.1.Value.DataType=String"
            "&MessageAttribute.1.Value.StringValue=$util.urlEncode($input.params('shop'))"
        ),
    )
    rest.put(
        "POST",
        "/json",
        f"sqs:path/{ACCOUNT}/orders",
        requestParameters={
            "integration.request.header.Content-Type": "'application/x-amz-json-1.0'",
            "integration.request.header.X-Amz-Target": "'AmazonSQS.SendMessage'",
        },
        **template(f'{{"QueueUrl":"{url}","MessageBody":"$util.escapeJavaScript($input.body)"}}'),
    )
    rest.put(
        "GET",
        "/action",
        "sqs:action/SendMessage",
        method_parameters=["querystring.text"],
        requestParameters={
            **form,
            "integration.request.querystring.QueueUrl": f"'{url}'",
            "integration.request.querystring.MessageBody": "method.request.querystring.text",
        },
    )
    rest.deploy()
    assert rest.call("POST", "/form?shop=a%26b", '{"a": "one & two"}')[0] == 200
    status, _, content = rest.call("POST", "/json", '{"b": 2}')
    assert status == 200 and json.loads(content)["MessageId"]
    answer = rest.call("GET", "/action?text=a%20b%2Bc")
    assert answer[0] == 200, answer
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])["Messages"]
    assert [it["Body"] for it in got] == ['{"a": "one & two"}', '{"b": 2}', "a b+c"]
    assert got[0]["MessageAttributes"]["shop"]["StringValue"] == "a&b"


def test_sns_publishes(rest, amazon):
    sns, sqs = amazon("sns"), amazon("sqs")
    topic = sns.create_topic(Name="news")["TopicArn"]
    queue = sqs.create_queue(QueueName="news")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:news"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    rest.put(
        "POST",
        "/query",
        "sns:action/Publish",
        method_parameters=["querystring.text"],
        requestParameters={
            # Without it moto looks for JSON.
            "integration.request.header.Content-Type": "'application/x-www-form-urlencoded'",
            "integration.request.querystring.TopicArn": f"'{topic}'",
            "integration.request.querystring.Message": "method.request.querystring.text",
        },
    )
    rest.put(
        "POST",
        "/form",
        "sns:path//",
        requestParameters={"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
        **template(f"Action=Publish&TopicArn=$util.urlEncode('{topic}')&Message=$util.urlEncode($input.path('$.text'))"),
    )
    rest.deploy()
    status, _, content = rest.call("POST", "/query?text=one")
    assert status == 200 and b"MessageId" in content, content
    assert rest.call("POST", "/form", '{"text": "two & more"}')[0] == 200
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(it["Body"])["Message"] for it in messages] == ["one", "two & more"]


def test_step_functions_are_started(rest, amazon):
    states = amazon("stepfunctions")
    machine = states.create_state_machine(
        name="m",
        definition=json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/sfn",
    )["stateMachineArn"]
    rest.put(
        "POST",
        "/start",
        "states:action/StartExecution",
        **template(f'{{"input":"$util.escapeJavaScript($input.json(\'$\'))","stateMachineArn":"{machine}"}}'),
    )
    rest.deploy()
    status, _, content = rest.call("POST", "/start", '{"a": "b"}')
    assert status == 200, content
    execution = json.loads(content)["executionArn"]
    assert json.loads(states.describe_execution(executionArn=execution)["input"]) == {"a": "b"}


def test_kinesis_and_eventbridge_take_records(rest, amazon, verifier):
    kinesis, events = amazon("kinesis"), amazon("events")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    events.create_event_bus(Name="bus")
    rest.put(
        "PUT",
        "/records/{key}",
        "kinesis:action/PutRecord",
        **template('{"StreamName":"s","Data":"$util.base64Encode($input.body)","PartitionKey":"$input.params(\'key\')"}'),
    )
    rest.put(
        "POST",
        "/events",
        "events:action/PutEvents",
        **template(
            '#set($context.requestOverride.header.X-Amz-Target = "AWSEvents.PutEvents")'
            '#set($context.requestOverride.header.Content-Type = "application/x-amz-json-1.1")'
            '{"Entries":[{"Source":"api","DetailType":"made","EventBusName":"bus",'
            '"Detail":"$util.escapeJavaScript($input.json(\'$\'))"}]}'
        ),
    )
    rest.put(
        "POST",
        "/plain",
        "events:action/PutEvents",
        credentials="arn:aws:iam::123456789012:role/static",
        **template('{"Entries":[{"Source":"api","DetailType":"made","EventBusName":"bus","Detail":"{}"}]}'),
    )
    rest.deploy()
    status, _, content = rest.call("PUT", "/records/k", '{"n": 1}')
    assert status == 200 and json.loads(content)["ShardId"] == "shardId-000000000000"
    shard = kinesis.get_shard_iterator(StreamName="s", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=shard["ShardIterator"])["Records"]
    assert [(it["Data"], it["PartitionKey"]) for it in records] == [(b'{"n": 1}', "k")]
    for path in ["/events", "/plain"]:
        status, _, content = rest.call("POST", path, '{"a": "b"}')
        assert status == 200 and json.loads(content)["FailedEntryCount"] == 0
    assert "Credential=AKIDSTATIC0000000000/" in verifier.seen[-1][2]["authorization"]


def test_what_cannot_be_called_is_500_and_said(rest, local):
    rest.put("GET", "/caller", "sns:action/ListTopics", credentials="arn:aws:iam::*:user/*")
    rest.deploy()
    status, fields, content = rest.call("GET", "/caller")
    assert (status, json.loads(content)) == (500, {"message": "Internal server error"})
    assert fields["x-amzn-errortype"] == "InternalServerErrorException"
    lines = "\n".join(local.lines)
    assert "the caller's own credentials" in lines
    for secret in SECRETS.values():
        assert secret not in lines


def test_a_test_call_answers_as_the_served_method_does(rest, amazon, verifier, local):
    dynamodb = amazon("dynamodb")
    dynamodb.create_table(
        TableName="tried",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="tried", Item={"id": {"S": "1"}, "name": {"S": "Rex"}})

    def item(path, table, credentials):
        return rest.put(
            "GET",
            path,
            "dynamodb:action/GetItem",
            credentials=credentials,
            **template(f'{{"TableName":"{table}","Key":{{"id":{{"S":"$input.params(\'id\')"}}}}}}'),
        )

    # A role of the file, one that is assumed for the stage, and one that only the test call assumes.
    roles = ["static", "api", "never-deployed"]
    for role in roles:
        item(f"/{role}/{{id}}", "tried", f"arn:aws:iam::{ACCOUNT}:role/{role}")
    item("/absent/{id}", "absent", ROLE)
    for path in [f"/{role}" for role in roles[:2]] + ["/absent"]:
        at = {"restApiId": rest.api, "resourceId": rest.resources[f"{path}/{{id}}"], "httpMethod": "GET"}
        tried = rest.client.test_invoke_method(**at, pathWithQueryString=f"{path}/1")
        rest.deploy()
        status, fields, content = rest.call("GET", f"{path}/1")
        assert (tried["status"], tried["body"].encode()) == (status, content)
        assert tried["headers"]["X-Type"] == fields["x-type"]
    at["resourceId"] = rest.resources["/never-deployed/{id}"]
    verifier.seen.clear()
    tried = rest.client.test_invoke_method(**at, pathWithQueryString="/never-deployed/1")
    assert json.loads(tried["body"])["Item"]["name"] == {"S": "Rex"}
    text = tried["log"]
    request_id = text.split("\n", 1)[0].rsplit(" ", 1)[1]
    told = [re.sub(r"^.{28} : ", "", line).replace(request_id, "ID") for line in text.splitlines()[1:]]
    authorization = verifier.seen[-1][2]["authorization"]
    expected = [
        r"Starting execution for request: ID",
        r"HTTP Method: GET, Resource Path: /never-deployed/1",
        r"Method request path: \{id=1\}",
        r"Method request query string: \{\}",
        r"Method request headers: \{\}",
        r"Method request body before transformations: ",
        rf"Endpoint request URI: {verifier.url}/",
        rf"Endpoint request headers: \{{.*Authorization=\*+{authorization[-6:]}, .*\}}",
        r'Endpoint request body after transformations: \{"TableName":"tried",.*\}',
        rf"Sending request to {verifier.url}/",
        r"Received response. Status: 200, Integration latency: \d+ ms",
        r"Endpoint response headers: \{.*\}",
        r'Endpoint response body before transformations: \{"Item": .*\}',
        r'Method response body after transformations: \{"Item": .*\}',
        r"Method response headers: \{.*X-Type=application/x-amz-json-1.0.*\}",
        r"Successfully completed execution",
        r"Method completed with status: 200",
    ]
    assert len(told) == len(expected), told
    for line, pattern in zip(told, expected):
        assert re.fullmatch(pattern, line), line
    token = verifier.seen[-1][2]["x-amz-security-token"]
    for secret in [token, *SECRETS.values(), authorization]:
        assert secret not in text


class Http:
    """An HTTP API whose routes are service actions."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.client = gateway.client("apigatewayv2")
        self.api = self.client.create_api(Name="services", ProtocolType="HTTP")["ApiId"]
        self.client.create_stage(ApiId=self.api, StageName="$default", AutoDeploy=True)

    def put(self, key, subtype, parameters, **more):
        integration = self.client.create_integration(
            ApiId=self.api,
            IntegrationType="AWS_PROXY",
            IntegrationSubtype=subtype,
            PayloadFormatVersion="1.0",
            CredentialsArn=ROLE,
            RequestParameters=parameters,
            **more,
        )["IntegrationId"]
        self.client.create_route(ApiId=self.api, RouteKey=key, Target=f"integrations/{integration}")

    def call(self, method, path, body=None, **headers):
        host = f"{self.api}.execute-api.{REGION}.localhost"
        return self.gateway.request(method, path, host=host, body=body, headers=headers)


@pytest.fixture
def http(local):
    return Http(local)


def test_queues_behind_an_http_api(http, amazon):
    sqs = amazon("sqs")
    url = sqs.create_queue(QueueName="http")["QueueUrl"]
    http.put(
        "POST /messages",
        "SQS-SendMessage",
        {
            "QueueUrl": url,
            "MessageBody": "$request.body.text",
            "DelaySeconds": "$request.querystring.delay",
            "MessageAttributes": '{"shop": {"DataType": "String", "StringValue": "${request.header.x-shop}"}}',
            "Region": REGION,
        },
        ResponseParameters={"200": {"overwrite:header.x-made": "yes", "overwrite:statuscode": "201"}},
    )
    http.put("GET /messages", "SQS-ReceiveMessage", {"QueueUrl": url, "MaxNumberOfMessages": "10", "MessageAttributeNames": "All"})
    http.put("DELETE /messages", "SQS-DeleteMessage", {"QueueUrl": url, "ReceiptHandle": "$request.querystring.handle"})
    http.put("POST /purge", "SQS-PurgeQueue", {"QueueUrl": url})
    status, fields, content = http.call("POST", "/messages", '{"text": "one \\" two"}', **{"X-Shop": "a"})
    assert (status, fields["x-made"]) == (201, "yes") and json.loads(content)["MessageId"]
    status, _, content = http.call("GET", "/messages")
    message = json.loads(content)["Messages"][0]
    assert message["Body"] == 'one " two'
    assert message["MessageAttributes"]["shop"]["StringValue"] == "a"
    from urllib.parse import quote

    assert http.call("DELETE", "/messages?handle=" + quote(message["ReceiptHandle"], safe=""))[0] == 200
    assert http.call("POST", "/messages", '{"text": "three"}', **{"X-Shop": "a"})[0] == 201
    assert http.call("POST", "/purge")[0] == 200
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    # What the action needs is not there, or is not of its kind.
    for body, path in [("{}", "/messages"), ('{"text": "x"}', "/messages?delay=soon")]:
        status, _, content = http.call("POST", path, body, **{"X-Shop": "a"})
        assert (status, json.loads(content)) == (400, {"message": "Bad Request"})


def test_events_records_and_executions_behind_an_http_api(http, amazon, verifier):
    kinesis, states = amazon("kinesis"), amazon("stepfunctions")
    kinesis.create_stream(StreamName="http", ShardCount=1)
    machine = states.create_state_machine(
        name="http",
        definition=json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/sfn",
    )["stateMachineArn"]
    http.put(
        "POST /events",
        "EventBridge-PutEvents",
        {
            "Detail": "$request.body",
            "DetailType": "made",
            "Source": "${stageVariables.none}api ${request.path}",
            "Time": "2026-03-01T00:00:00Z",
            "Resources": '["arn:a", "arn:b"]',
        },
    )
    http.put(
        "POST /records",
        "Kinesis-PutRecord",
        {"StreamName": "http", "Data": "$request.body.data", "PartitionKey": "$request.querystring.key"},
    )
    http.put("POST /start", "StepFunctions-StartExecution", {"StateMachineArn": machine, "Input": "$request.body"})
    http.put(
        "POST /stop/{proxy+}", "StepFunctions-StopExecution", {"ExecutionArn": "$request.path.proxy", "Cause": "enough"}
    )
    http.put(
        "POST /sync",
        "StepFunctions-StartSyncExecution",
        {"StateMachineArn": machine, "Input": "$request.body", "Name": "n"},
    )
    status, _, content = http.call("POST", "/events", '{"a": 1}')
    assert status == 200 and json.loads(content)["FailedEntryCount"] == 0
    entry = json.loads(verifier.seen[-1][3])["Entries"][0]
    assert entry == {
        "Detail": '{"a": 1}',
        "DetailType": "made",
        "Resources": ["arn:a", "arn:b"],
        "Source": "api /events",
        "Time": 1772323200,
    }
    data = base64.b64encode(b"bytes").decode()
    assert http.call("POST", "/records?key=k", json.dumps({"data": data}))[0] == 200
    shard = kinesis.get_shard_iterator(StreamName="http", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")
    assert [it["Data"] for it in kinesis.get_records(ShardIterator=shard["ShardIterator"])["Records"]] == [b"bytes"]
    status, _, content = http.call("POST", "/start", '{"a": 1}')
    execution = json.loads(content)["executionArn"]
    assert status == 200 and states.describe_execution(executionArn=execution)["input"] == '{"a": 1}'
    assert http.call("POST", f"/stop/{execution}")[0] == 200
    http.call("POST", "/sync", "{}")
    assert verifier.seen[-1][2]["x-amz-target"] == "AWSStepFunctions.StartSyncExecution"
    assert json.loads(verifier.seen[-1][3]) == {"input": "{}", "name": "n", "stateMachineArn": machine}


def test_a_configuration_behind_an_http_api(http, verifier):
    http.put(
        "GET /settings/{app}",
        "AppConfig-GetConfiguration",
        {
            "Application": "$request.path.app",
            "Environment": "prod env",
            "Configuration": "c",
            "ClientId": "$request.querystring.client",
        },
    )
    http.call("GET", "/settings/shop?client=a%20b")
    method, target, fields, _ = verifier.seen[-1]
    assert (method, target) == (
        "GET",
        "/applications/shop/environments/prod%20env/configurations/c?client_id=a%20b",
    )
    assert "/appconfig/aws4_request" in fields["authorization"]
    assert http.call("GET", "/settings/shop")[0] == 400
