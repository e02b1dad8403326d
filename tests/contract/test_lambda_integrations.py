"""Functions behind templates: `AWS` integrations of REST APIs, as tutorials make them with boto3."""

import json
import time

import pytest
from gateway import REGION, SUFFIX
from test_lambda import ROLE, allow, invocation_of, zipped

CODE = """
import json
import time

def handler(event, context):
    if isinstance(event, dict):
        if "requestContext" in event:
            return {"statusCode": 200, "body": json.dumps(event)}
        if "raise" in event:
            raise ValueError(event["raise"])
        if "sleep" in event:
            time.sleep(event["sleep"])
        if "write" in event:
            with open(event["write"], "a") as out:
                out.write("x")
            if event.get("fails"):
                raise ValueError("again")
        if "returns" in event:
            return event["returns"]
    return {"event": event, "client": context.client_context and context.client_context.custom}
"""


@pytest.fixture(scope="module")
def function(gateway):
    """One function for all of these: what it does is in its event."""
    client = gateway.client("lambda")
    made = client.create_function(
        FunctionName="behind-templates",
        Runtime="python3.12",
        Role=ROLE,
        Handler="app.handler",
        Timeout=20,
        Code={"ZipFile": zipped(app=CODE)},
    )
    return made["FunctionArn"]


@pytest.fixture
def call(gateway, v1, api, root, function):
    """Serves an integration at `/`, and gives back how it is called."""
    client = gateway.client("lambda")

    def serve(responses=({"statusCode": "200"},), parameters=(), needs=True, **integration):
        at = {"restApiId": api, "resourceId": root, "httpMethod": "POST"}
        declared = {f"method.request.{name}": False for name in parameters}
        v1.put_method(**at, authorizationType="NONE", requestParameters=declared)
        given = {"type": "AWS", "integrationHttpMethod": "POST", "uri": invocation_of(function)}
        v1.put_integration(**at, **{**given, **integration})
        for response in responses:
            told = {name: False for name in response.get("responseParameters", {})}
            status = response["statusCode"]
            v1.put_method_response(**at, statusCode=status, responseParameters=told)
            v1.put_integration_response(**at, **response)
        v1.create_deployment(restApiId=api, stageName="prod")
        if needs:
            try:
                client.remove_permission(FunctionName="behind-templates", StatementId="api")
            except client.exceptions.ResourceNotFoundException:
                pass
            allow(client, "behind-templates", api)

        def call(body="", **fields):
            host = f"{api}.execute-api.{REGION}.{SUFFIX}"
            fields = {"Content-Type": "application/json", **fields}
            return gateway.request("POST", "/prod/", host=host, body=body, headers=fields)

        return call

    return serve


def test_content_passes_to_a_function_and_back(call):
    status, fields, content = call()('{"a": [1]}')
    assert (status, json.loads(content)) == (200, {"event": {"a": [1]}, "client": None})
    assert fields["content-type"] == "application/json"
    assert fields["x-amzn-trace-id"].startswith("Root=1-")


def test_templates_make_event_and_answer(call):
    made = call(
        requestTemplates={"application/json": '{"returns": {"name": $input.json(\'$.who\')}}'},
        responses=[
            {
                "statusCode": "201",
                "responseTemplates": {"application/json": "Hello $input.path('$.name')!"},
                "responseParameters": {
                    "method.response.header.x-name": "integration.response.body.name",
                    "method.response.header.x-version": "integration.response.header.X-Amz-Executed-Version",
                },
            }
        ],
    )
    status, fields, content = made('{"who": "you"}')
    assert (status, content) == (201, b"Hello you!")
    assert (fields["x-name"], fields["x-version"]) == ("you", "$LATEST")


def test_an_error_chooses_its_response_by_its_message(call):
    made = call(
        responses=[
            {"statusCode": "200"},
            {"statusCode": "404", "selectionPattern": "Not found.*"},
            {
                "statusCode": "409",
                "selectionPattern": r"(\n|.)*taken(\n|.)*",
                "responseTemplates": {"application/json": "$input.path('$.errorMessage')"},
                "responseParameters": {
                    "method.response.header.x-error": "integration.response.header.X-Amz-Function-Error"
                },
            },
        ]
    )
    status, _, content = made('{"raise": "Not found: 7"}')
    assert (status, json.loads(content)["errorType"]) == (404, "ValueError")
    status, fields, content = made('{"raise": "it is\\ntaken"}')
    assert (status, content, fields["x-error"]) == (409, b"it is\ntaken", "Unhandled")
    # No pattern matches: the answer is the one without, and the error its content.
    status, _, content = made('{"raise": "what?"}')
    assert (status, json.loads(content)["errorMessage"]) == (200, "what?")
    # Whatever has an `errorMessage` is taken for an error.
    status, _, content = made('{"returns": {"errorMessage": "Not found: 8"}}')
    assert (status, json.loads(content)) == (404, {"errorMessage": "Not found: 8"})
    assert made('{"returns": "Not found: 9"}')[0] == 200


def test_an_error_that_is_json_is_taken_apart(call):
    template = "#set($error = $util.parseJson($input.path('$.errorMessage')))$error.code $error.why[0]"
    made = call(
        responses=[
            {"statusCode": "200"},
            {"statusCode": "409", "selectionPattern": ".*taken.*", "responseTemplates": {"application/json": template}},
        ]
    )
    error = json.dumps({"code": 7, "why": ["taken"]})
    status, _, content = made(json.dumps({"raise": error}))
    assert (status, content) == (409, b"7 taken")


def test_without_a_response_for_it_a_result_is_a_misconfiguration(call):
    made = call(responses=[{"statusCode": "404", "selectionPattern": "Not found.*"}])
    assert made('{"raise": "Not found"}')[0] == 404
    status, _, content = made("{}")
    assert (status, json.loads(content)) == (500, {"message": "Internal server error"})


def test_what_is_no_json_is_refused_in_lambdas_words(call):
    status, _, content = call()("no json", **{"Content-Type": "text/plain"})
    assert (status, json.loads(content)["Type"]) == (200, "User")
    assert json.loads(content)["message"].startswith("Could not parse request body into json: ")


def test_an_event_is_answered_before_it_is_done(call, tmp_path):
    there = tmp_path / "there"
    made = call(
        requestParameters={"integration.request.header.X-Amz-Invocation-Type": "'Event'"},
        responses=[{"statusCode": "202"}],
    )
    began = time.monotonic()
    status, _, content = made(json.dumps({"sleep": 1, "write": str(there)}))
    assert (status, content) == (202, b"")
    assert time.monotonic() - began < 1, "nobody waits for the function"
    while not there.exists() or not there.read_text():
        assert time.monotonic() - began < 30
        time.sleep(0.02)


def test_the_client_may_choose_how_a_function_is_invoked(call):
    made = call(
        parameters=["header.InvocationType"],
        requestParameters={
            "integration.request.header.X-Amz-Invocation-Type": "method.request.header.InvocationType"
        },
    )
    assert made('{"returns": 1}')[2] == b"1"
    assert made('{"returns": 1}', InvocationType="RequestResponse")[2] == b"1"
    assert made('{"returns": 1}', InvocationType="Event")[2] == b""
    assert made('{"returns": 1}', InvocationType="DryRun")[2] == b""
    _, _, content = made('{"returns": 1}', InvocationType="Other")
    assert "failed to satisfy constraint" in json.loads(content)["message"]


def test_a_function_that_is_late_is_504(call):
    made = call(timeoutInMillis=300)
    status, _, content = made('{"sleep": 3}')
    assert (status, json.loads(content)) == (504, {"message": "Endpoint request timed out"})


def test_a_function_must_permit_it(call):
    made = call(needs=False)
    status, _, content = made("{}")
    assert (status, json.loads(content)) == (500, {"message": "Internal server error"})


def test_a_function_is_invoked_by_post(call):
    made = call(integrationHttpMethod="GET")
    assert made("{}")[0] == 500


def test_mappings_change_nothing_of_a_proxys_event(call):
    made = call(
        type="AWS_PROXY",
        parameters=["header.foobar"],
        requestParameters={
            "integration.request.header.headerVar": "method.request.header.foobar",
            "integration.request.querystring.q": "'mapped'",
        },
    )
    status, fields, content = made("{}", headerVar="client's", foobar="other")
    event = json.loads(content)
    assert (status, event["headers"]["headerVar"], event["queryStringParameters"]) == (200, "client's", None)
    # The client is told the whole trace, of which the event has what it began with.
    root = event["headers"]["X-Amzn-Trace-Id"]
    assert fields["x-amzn-trace-id"].startswith(f"{root};Parent=")
