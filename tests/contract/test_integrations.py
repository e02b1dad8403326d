"""Integrations and integration responses of REST APIs."""

import pytest

LAMBDA = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:f/invocations"
QUEUE = "arn:aws:apigateway:us-east-1:sqs:path/000000000000/queue"
ROLE = "arn:aws:iam::000000000000:role/r"
NO_RESOURCE = "Invalid Resource identifier specified"
NO_METHOD = "Invalid Method identifier specified"
NO_INTEGRATION = "Invalid Integration identifier specified"


@pytest.fixture
def at(v1, api, root):
    at = {"restApiId": api, "resourceId": root, "httpMethod": "POST"}
    v1.put_method(**at, authorizationType="NONE")
    return at


def test_defaults(v1, at, root, answer_of):
    made = v1.put_integration(**at, type="MOCK")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    common = {"timeoutInMillis": 29000, "passthroughBehavior": "WHEN_NO_MATCH", "cacheNamespace": root, "cacheKeyParameters": []}
    # AWS, AWS_PROXY and MOCK have no type of connection.
    assert answer_of(made) == {"type": "MOCK", **common, **{m: made[m] for m in ("responseTransferMode",) if m in made}}
    made = v1.put_integration(**at, type="HTTP_PROXY", integrationHttpMethod="ANY", uri="http://127.0.0.1/{proxy}")
    assert (made["connectionType"], made["httpMethod"], made["uri"]) == ("INTERNET", "ANY", "http://127.0.0.1/{proxy}")
    # Put replaces.
    made = v1.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=LAMBDA)
    assert "connectionType" not in made
    assert answer_of(v1.get_integration(**at)) == answer_of(made)
    assert v1.get_method(**at)["methodIntegration"] == answer_of(made)


def test_put_keeps_what_was_said(v1, at):
    given = {
        "type": "HTTP",
        "uri": "https://${stageVariables.host}/pets",
        "requestParameters": {
            "integration.request.header.x-a": "'static'",
            "integration.request.querystring.q": "method.request.body.q",
        },
        "requestTemplates": {"application/json": '{"a": $input.json("$")}'},
        "passthroughBehavior": "NEVER",
        "cacheNamespace": "mine",
        "contentHandling": "CONVERT_TO_TEXT",
        "timeoutInMillis": 50,
        "tlsConfig": {"insecureSkipVerification": True},
    }
    v1.put_integration(**at, integrationHttpMethod="PUT", **given)
    answer = v1.get_integration(**at)
    assert answer["httpMethod"] == "PUT"
    for member, value in given.items():
        assert answer[member] == value
    link = {"connectionType": "VPC_LINK", "connectionId": "${stageVariables.link}"}
    v1.put_integration(**at, type="HTTP_PROXY", integrationHttpMethod="GET", uri="http://a.example/", **link)
    answer = v1.get_integration(**at)
    assert (answer["connectionType"], answer["connectionId"]) == ("VPC_LINK", "${stageVariables.link}")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"type": "HTTP", "uri": "http://a.example"}, "Enumeration value for HttpMethod must be non-empty"),
        ({"type": "HTTP_PROXY", "uri": "http://a.example"}, "Enumeration value for HttpMethod must be non-empty"),
        ({"type": "AWS", "uri": LAMBDA}, "Enumeration value for HttpMethod must be non-empty"),
        ({"type": "AWS_PROXY", "uri": LAMBDA}, "Enumeration value for HttpMethod must be non-empty"),
        ({"type": "HTTP", "uri": "nonsense", "integrationHttpMethod": "GET"}, "Invalid HTTP endpoint specified for URI"),
        ({"type": "AWS", "uri": "nonsense", "integrationHttpMethod": "POST"}, "Invalid ARN specified in the request"),
        (
            {"type": "AWS", "uri": "arn:aws:apigateway:us-east-1:sqs:nothing", "integrationHttpMethod": "POST"},
            "AWS ARN for integration must contain path or action",
        ),
        (
            {"type": "AWS_PROXY", "uri": QUEUE, "integrationHttpMethod": "POST", "credentials": ROLE},
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
        ),
        ({"type": "AWS", "uri": QUEUE, "integrationHttpMethod": "POST"}, "Role ARN must be specified for AWS integrations"),
        ({"type": "MOCK", "timeoutInMillis": 49}, "Timeout should be between 50 ms and 29000 ms"),
    ],
)
def test_put_refuses(v1, at, bad, given, message):
    bad(message, v1.put_integration, **at, **given)


def test_the_role_of_another_account(v1, at, refused):
    refused(
        "AccessDeniedException",
        403,
        "Cross-account pass role is not allowed.",
        v1.put_integration,
        **at,
        type="AWS",
        uri=QUEUE,
        integrationHttpMethod="POST",
        credentials="arn:aws:iam::999999999999:role/r",
    )


def test_an_unknown_type(v1, at, invalid):
    constraint = "Member must satisfy enum value set: [HTTP, MOCK, AWS_PROXY, HTTP_PROXY, AWS]"
    invalid("'http'", "putIntegrationInput.type", constraint, v1.put_integration, **at, type="http")


def test_unknown_integrations(v1, at, missing):
    missing(NO_INTEGRATION, v1.get_integration, **at)
    missing(NO_INTEGRATION, v1.delete_integration, **at)
    missing(NO_INTEGRATION, v1.update_integration, **at, patchOperations=[])
    missing(NO_METHOD, v1.put_integration, **{**at, "httpMethod": "GET"}, type="MOCK")
    missing(NO_RESOURCE, v1.put_integration, **{**at, "resourceId": "unknown"}, type="MOCK")
    missing(NO_RESOURCE, v1.get_integration, **{**at, "restApiId": "unknown"})


def test_update(v1, at, patch, bad):
    declare = patch(("add", "/requestParameters/method.request.querystring.x", "false"))
    v1.update_method(**at, patchOperations=declare)
    v1.put_integration(**at, type="HTTP", integrationHttpMethod="GET", uri="http://a.example/", contentHandling="CONVERT_TO_TEXT")

    def update(*operations):
        return v1.update_integration(**at, patchOperations=patch(*operations))

    changed = update(
        ("replace", "/uri", "http://b.example/{x}"),
        ("replace", "/httpMethod", "POST"),
        ("replace", "/passthroughBehavior", "WHEN_NO_TEMPLATES"),
        ("replace", "/timeoutInMillis", "29000"),
        ("replace", "/cacheNamespace", "other"),
        ("replace", "/contentHandling", ""),
        ("replace", "/tlsConfig/insecureSkipVerification", "true"),
        ("add", "/requestParameters/integration.request.path.x", "method.request.querystring.x"),
        ("add", "/requestTemplates/application~1json", '{"a":1}'),
        ("add", "/cacheKeyParameters/method.request.querystring.x", ""),
    )
    assert changed["uri"] == "http://b.example/{x}"
    assert changed["httpMethod"] == "POST"
    assert changed["passthroughBehavior"] == "WHEN_NO_TEMPLATES"
    assert changed["timeoutInMillis"] == 29000
    assert changed["cacheNamespace"] == "other"
    assert "contentHandling" not in changed
    assert changed["tlsConfig"] == {"insecureSkipVerification": True}
    assert changed["requestParameters"] == {"integration.request.path.x": "method.request.querystring.x"}
    assert changed["requestTemplates"] == {"application/json": '{"a":1}'}
    assert changed["cacheKeyParameters"] == ["method.request.querystring.x"]
    changed = update(
        ("remove", "/requestParameters/integration.request.path.x"),
        ("remove", "/requestTemplates/application~1json"),
        ("remove", "/cacheKeyParameters/method.request.querystring.x", ""),
    )
    assert changed["cacheKeyParameters"] == []
    assert not changed.get("requestParameters") and not changed.get("requestTemplates")

    bad("Invalid patch path /type", v1.update_integration, **at, patchOperations=patch(("replace", "/type", "MOCK")))
    bad(
        "Invalid patch operation specified. Must be one of: [replace]",
        v1.update_integration,
        **at,
        patchOperations=patch(("add", "/uri", "http://c.example")),
    )


def test_delete(v1, at, missing):
    v1.put_integration(**at, type="MOCK")
    assert v1.delete_integration(**at)["ResponseMetadata"]["HTTPStatusCode"] == 204
    missing(NO_INTEGRATION, v1.get_integration, **at)


def test_integration_responses(v1, at, answer_of, missing, conflict, bad, patch):
    missing(NO_INTEGRATION, v1.put_integration_response, **at, statusCode="200")
    v1.put_integration(**at, type="MOCK")
    code = {**at, "statusCode": "200"}
    made = v1.put_integration_response(**code)
    assert (made["ResponseMetadata"]["HTTPStatusCode"], answer_of(made)) == (201, {"statusCode": "200"})
    conflict(
        "Integration response with selection pattern default already exists",
        v1.put_integration_response,
        **at,
        statusCode="201",
    )
    made = v1.put_integration_response(**code, selectionPattern="", responseTemplates={"application/json": "{}"})
    assert answer_of(made) == {"statusCode": "200", "selectionPattern": "", "responseTemplates": {"application/json": "{}"}}
    parameters = {"method.response.header.x-a": "'b'"}
    mapping = "Invalid mapping expression specified: Validation Result: warnings : [], errors : "
    bad(mapping + "[No method response exists for method.]", v1.put_integration_response, **code, responseParameters=parameters)
    v1.put_method_response(**code)
    bad(
        mapping + "[Invalid mapping expression parameter specified: method.response.header.x-a]",
        v1.put_integration_response,
        **code,
        responseParameters=parameters,
    )
    operation = patch(("add", "/responseParameters/method.response.header.x-a", "false"))
    v1.update_method_response(**code, patchOperations=operation)
    v1.put_integration_response(
        **code, responseParameters=parameters, selectionPattern="2\\d\\d", contentHandling="CONVERT_TO_BINARY"
    )
    answer = answer_of(v1.get_integration_response(**code))
    assert answer == {
        "statusCode": "200",
        "selectionPattern": "2\\d\\d",
        "contentHandling": "CONVERT_TO_BINARY",
        "responseParameters": parameters,
    }
    conflict(
        "Integration response with selection pattern 2\\d\\d already exists",
        v1.put_integration_response,
        **at,
        statusCode="202",
        selectionPattern="2\\d\\d",
    )
    bad(
        "Validation Result: warnings : [], errors : [Invalid content type specified: 123]",
        v1.put_integration_response,
        **code,
        responseTemplates={"123": "x"},
    )
    changed = v1.update_integration_response(
        **code,
        patchOperations=patch(
            ("replace", "/selectionPattern", "3.*"),
            ("replace", "/responseParameters/method.response.header.x-a", "integration.response.header.x"),
            ("add", "/responseTemplates/application~1json", "{}"),
        ),
    )
    assert changed["selectionPattern"] == "3.*"
    assert changed["responseParameters"] == {"method.response.header.x-a": "integration.response.header.x"}
    assert changed["responseTemplates"] == {"application/json": "{}"}
    changed = v1.update_integration_response(
        **code, patchOperations=patch(("remove", "/responseParameters/method.response.header.x-a"))
    )
    assert not changed.get("responseParameters")

    assert v1.delete_integration_response(**code)["ResponseMetadata"]["HTTPStatusCode"] == 204
    missing("Invalid Response status code specified", v1.delete_integration_response, **code)
    missing("Invalid Response status code specified", v1.get_integration_response, **code)
    # In this order.
    missing(NO_RESOURCE, v1.delete_integration_response, **{**code, "resourceId": "unknown", "httpMethod": "GET"})
    missing(NO_INTEGRATION, v1.delete_integration_response, **{**code, "httpMethod": "GET", "statusCode": "404"})


def test_an_empty_template_is_answered_as_null(v1, at):
    v1.put_integration(**at, type="MOCK")
    made = v1.put_integration_response(**at, statusCode="200", responseTemplates={"application/json": ""})
    assert made["responseTemplates"] == {"application/json": None}
