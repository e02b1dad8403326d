"""HTTP APIs in front of functions: parameter mappings, rules for browsers, time-outs."""

import json

import pytest
from gateway import REGION, SUFFIX
from test_lambda import ROLE, zipped

CODE = """
import json
import time

def handler(event, context):
    asked = json.loads(event.get("body") or "{}") if not event.get("isBase64Encoded") else {}
    time.sleep(asked.get("sleep", 0))
    if "answer" in asked:
        return asked["answer"]
    return {"statusCode": 200, "headers": {"x-told": "by the function"}, "body": json.dumps(event)}
"""


@pytest.fixture(scope="module")
def function(gateway):
    client = gateway.client("lambda")
    made = client.create_function(
        FunctionName="of-http-apis",
        Runtime="python3.12",
        Role=ROLE,
        Handler="app.handler",
        Timeout=20,
        Code={"ZipFile": zipped(app=CODE)},
    )
    client.add_permission(
        FunctionName="of-http-apis",
        StatementId="all",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    return made["FunctionArn"]


@pytest.fixture
def serve(gateway, v2, http_api, function):
    """Serves an integration at `POST /pets/{id}`, and gives back how it is called."""

    def serve(route="POST /pets/{id}", **integration):
        given = {"IntegrationType": "AWS_PROXY", "IntegrationUri": function, "PayloadFormatVersion": "2.0"}
        made = v2.create_integration(ApiId=http_api, **{**given, **integration})["IntegrationId"]
        v2.create_route(ApiId=http_api, RouteKey=route, Target=f"integrations/{made}")
        v2.create_stage(ApiId=http_api, StageName="$default", AutoDeploy=True, StageVariables={"env": "test"})

        def call(path="/pets/5?a=1&b=2", body="{}", method="POST", **fields):
            host = f"{http_api}.execute-api.{REGION}.{SUFFIX}"
            fields = {"Content-Type": "application/json", **fields}
            return gateway.request(method, path, host=host, body=body, headers=fields)

        return call

    return serve


def test_request_mappings_change_the_event(serve):
    call = serve(
        RequestParameters={
            "overwrite:header.x-id": "$request.path.id",
            "append:header.x-many": "${stageVariables.env} of $context.stage",
            "remove:header.x-secret": "''",
            "overwrite:querystring.a": "$request.header.x-a",
            "append:querystring.b": "3",
            "overwrite:path": "/animals/${request.path.id}",
        }
    )
    _, _, content = call(**{"x-id": "forged", "x-many": "first", "x-secret": "s", "x-a": "of the header"})
    event = json.loads(content)
    assert event["headers"]["x-id"] == "5"
    assert event["headers"]["x-many"].startswith("first,test")
    assert "x-secret" not in event["headers"]
    assert event["queryStringParameters"] == {"a": "of the header", "b": "2,3"}
    assert event["rawPath"] == "/animals/5"
    assert event["pathParameters"] == {"id": "5"}


def test_content_may_be_mapped_into_an_event(serve):
    call = serve(
        PayloadFormatVersion="1.0",
        RequestParameters={"overwrite:header.x-name": "$request.body.pet.name"},
    )
    event = json.loads(call(body='{"pet": {"name": "Rex"}}')[2])
    assert event["headers"]["x-name"] == "Rex"
    assert event["multiValueHeaders"]["x-name"] == ["Rex"]


def test_response_mappings_change_the_answer_by_its_status(serve):
    call = serve(
        ResponseParameters={
            "200": {
                "overwrite:statuscode": "201",
                "append:header.x-more": "$response.header.x-told",
                "append:header.x-pet": "${response.body.pet} of ${stageVariables.env}",
                "remove:header.x-gone": "''",
            },
            "404": {"overwrite:header.x-told": "not found"},
        }
    )
    answer = {"statusCode": 200, "headers": {"x-told": "a", "x-gone": "b"}, "body": '{"pet": "Rex"}'}
    status, fields, content = call(body=json.dumps({"answer": answer}))
    assert (status, content) == (201, b'{"pet": "Rex"}')
    assert fields["x-pet"] == "Rex of test"
    assert (fields["x-more"], fields["x-told"]) == ("a", "a")
    assert "x-gone" not in fields
    status, fields, _ = call(body=json.dumps({"answer": {**answer, "statusCode": 404}}))
    assert (status, fields["x-told"], fields["x-gone"]) == (404, "not found", "b")
    status, fields, _ = call(body=json.dumps({"answer": {**answer, "statusCode": 500}}))
    assert (status, fields["x-told"], fields["x-gone"]) == (500, "a", "b")


def test_answers_get_the_apis_rules_for_browsers_and_not_the_functions(serve, v2, http_api):
    call = serve()
    v2.update_api(
        ApiId=http_api,
        CorsConfiguration={"AllowOrigins": ["https://a.test"], "ExposeHeaders": ["x-told"]},
    )
    headers = {"Access-Control-Allow-Origin": "*", "x-told": "a"}
    body = json.dumps({"answer": {"statusCode": 200, "headers": headers}})
    _, fields, _ = call(body=body, Origin="https://a.test")
    assert fields["access-control-allow-origin"] == "https://a.test"
    assert (fields["access-control-expose-headers"], fields["x-told"]) == ("x-told", "a")
    for origin in ({}, {"Origin": "https://b.test"}):
        _, fields, _ = call(body=body, **origin)
        assert "access-control-allow-origin" not in fields
    _, fields, _ = call(body=json.dumps({"answer": {"statusCode": "no"}}), Origin="https://a.test")
    assert fields["access-control-allow-origin"] == "https://a.test", "errors of the gateway's own too"
    status, fields, _ = call(method="OPTIONS", Origin="https://a.test", **{"Access-Control-Request-Method": "POST"})
    assert (status, fields["access-control-allow-origin"]) == (204, "https://a.test")


def test_a_function_that_is_late_is_503(serve):
    status, _, content = serve(TimeoutInMillis=300)(body='{"sleep": 2}')
    assert (status, json.loads(content)) == (503, {"message": "Service Unavailable"})
