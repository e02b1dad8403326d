"""Methods and method responses of REST APIs."""

import pytest

NO_RESOURCE = "Invalid Resource identifier specified"
NO_METHOD = "Invalid Method identifier specified"
NO_AUTHORIZER = "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer."


@pytest.fixture
def at(api, root):
    return {"restApiId": api, "resourceId": root, "httpMethod": "GET"}


@pytest.fixture
def authorizer(v1, api):
    made = v1.create_authorizer(
        restApiId=api,
        name="tokens",
        type="TOKEN",
        identitySource="method.request.header.Authorization",
        authorizerUri="arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:a/invocations",
    )
    return made["id"]


def test_put_get_delete(v1, at, api, answer_of, missing, conflict):
    made = v1.put_method(**at, authorizationType="NONE")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert answer_of(made) == {"httpMethod": "GET", "authorizationType": "NONE", "apiKeyRequired": False}
    assert answer_of(v1.get_method(**at)) == answer_of(made)
    conflict("Method already exists for this resource", v1.put_method, **at, authorizationType="NONE")
    assert v1.delete_method(**at)["ResponseMetadata"]["HTTPStatusCode"] == 204
    missing(NO_METHOD, v1.delete_method, **at)
    missing(NO_METHOD, v1.get_method, **at)


def test_put_keeps_what_was_said(v1, at, api, authorizer):
    validator = v1.create_request_validator(restApiId=api, name="both", validateRequestBody=True)["id"]
    made = v1.put_method(
        **at,
        authorizationType="CUSTOM",
        authorizerId=authorizer,
        apiKeyRequired=True,
        operationName="listPets",
        requestParameters={"method.request.querystring.q": True, "method.request.header.x-a": False},
        requestModels={"application/json": "Error"},
        requestValidatorId=validator,
    )
    for answer in (made, v1.get_method(**at)):
        assert answer["authorizationType"] == "CUSTOM"
        assert answer["authorizerId"] == authorizer
        assert answer["apiKeyRequired"] is True
        assert answer["operationName"] == "listPets"
        assert answer["requestParameters"] == {"method.request.querystring.q": True, "method.request.header.x-a": False}
        assert answer["requestModels"] == {"application/json": "Error"}
        assert answer["requestValidatorId"] == validator


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"httpMethod": "FETCH"},
            "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY",
        ),
        ({"authorizationType": "CUSTOM"}, NO_AUTHORIZER),
        ({"authorizationType": "COGNITO_USER_POOLS", "authorizerId": "unknown"}, NO_AUTHORIZER),
        ({"requestValidatorId": "unknown"}, "Invalid Request Validator identifier specified"),
        ({"requestModels": {"application/json": "Nothing"}}, "Invalid model identifier specified: Nothing"),
        (
            {"requestParameters": {"method.request.querystring.a": True, "method.request.header.a": True}},
            "Parameter names must be unique across querystring, header and path",
        ),
        (
            {"requestParameters": {"querystring.a": True}},
            "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression"
            " specified: querystring.a]",
        ),
    ],
)
def test_put_refuses(v1, at, bad, given, message):
    bad(message, v1.put_method, **{**at, "authorizationType": "NONE", **given})


def test_unknown_methods(v1, at, missing):
    missing(NO_METHOD, v1.get_method, **at)
    missing(NO_METHOD, v1.update_method, **at, patchOperations=[])
    for call in (v1.get_method, v1.delete_method):
        missing(NO_RESOURCE, call, **{**at, "resourceId": "unknown"})
        missing(NO_RESOURCE, call, **{**at, "restApiId": "unknown"})
    missing(NO_RESOURCE, v1.put_method, **{**at, "resourceId": "unknown"}, authorizationType="NONE")


def test_update(v1, at, api, authorizer, patch, bad):
    v1.put_method(**at, authorizationType="NONE")
    validator = v1.create_request_validator(restApiId=api, name="body", validateRequestBody=True)["id"]

    def update(*operations):
        return v1.update_method(**at, patchOperations=patch(*operations))

    changed = update(
        ("replace", "/apiKeyRequired", "true"),
        ("replace", "/operationName", "op"),
        ("replace", "/authorizationType", "CUSTOM"),
        ("replace", "/authorizerId", authorizer),
        ("replace", "/requestValidatorId", validator),
        ("add", "/requestParameters/method.request.querystring.q", "true"),
        ("add", "/requestModels/application~1json", "Error"),
        ("add", "/requestModels/text~1plain", "Empty"),
    )
    assert changed["apiKeyRequired"] is True
    assert changed["operationName"] == "op"
    assert (changed["authorizationType"], changed["authorizerId"]) == ("CUSTOM", authorizer)
    assert changed["requestValidatorId"] == validator
    assert changed["requestParameters"] == {"method.request.querystring.q": True}
    assert changed["requestModels"] == {"application/json": "Error", "text/plain": "Empty"}
    changed = update(
        ("replace", "/apiKeyRequired", "garbage"),
        ("replace", "/operationName"),
        ("replace", "/authorizationType", "NONE"),
        ("replace", "/requestValidatorId", ""),
        ("replace", "/requestParameters/method.request.querystring.q", "false"),
        ("remove", "/requestModels/application~1json"),
        ("remove", "/requestModels/text~1plain"),
    )
    assert changed["apiKeyRequired"] is False
    assert changed["requestParameters"] == {"method.request.querystring.q": False}
    for member in ("operationName", "authorizerId", "requestValidatorId", "requestModels"):
        assert member not in changed
    # An authorizer of a method that asks none is ignored.
    assert "authorizerId" not in update(("replace", "/authorizerId", authorizer))


def test_scopes(v1, at, api, patch):
    pool = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_a"
    made = v1.create_authorizer(
        restApiId=api,
        name="pool",
        type="COGNITO_USER_POOLS",
        providerARNs=[pool],
        identitySource="method.request.header.Authorization",
    )
    method = v1.put_method(
        **at, authorizationType="COGNITO_USER_POOLS", authorizerId=made["id"], authorizationScopes=["a", "b"]
    )
    assert method["authorizationScopes"] == ["a", "b"]
    patches = patch(("remove", "/authorizationScopes", "a"), ("add", "/authorizationScopes", "c"))
    assert v1.update_method(**at, patchOperations=patches)["authorizationScopes"] == ["b", "c"]


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (("replace", "/httpMethod", "POST"), "Invalid patch path /httpMethod"),
        (("replace", "/requestParameters", "{}"), "Invalid patch path /requestParameters"),
        (("add", "/requestModels/application/json", "Error"), "Invalid patch path /requestModels/application/json"),
        (("add", "/apiKeyRequired", "true"), "Invalid patch operation specified. Must be one of: [replace]"),
        (("replace", "/authorizationType", "CUSTOM"), NO_AUTHORIZER),
        (("replace", "/requestValidatorId", "unknown"), "Invalid Request Validator identifier specified"),
        (("add", "/requestModels/application~1json", "Nothing"), "Invalid model identifier specified: Nothing"),
    ],
)
def test_update_refuses(v1, at, patch, bad, operation, message):
    v1.put_method(**at, authorizationType="NONE")
    bad(message, v1.update_method, **at, patchOperations=patch(operation))


def test_method_responses(v1, at, answer_of, missing, conflict, patch):
    v1.put_method(**at, authorizationType="NONE")
    code = {**at, "statusCode": "200"}
    made = v1.put_method_response(**code)
    assert (made["ResponseMetadata"]["HTTPStatusCode"], answer_of(made)) == (201, {"statusCode": "200"})
    conflict("Response already exists for this resource", v1.put_method_response, **code)
    made = v1.put_method_response(**at, statusCode="201", responseModels={}, responseParameters={})
    assert answer_of(made) == {"statusCode": "201", "responseModels": {}, "responseParameters": {}}
    v1.put_method_response(
        **at,
        statusCode="404",
        responseModels={"application/json": "Error"},
        responseParameters={"method.response.header.x-a": True},
    )
    answer = answer_of(v1.get_method_response(**at, statusCode="404"))
    assert answer == {
        "statusCode": "404",
        "responseModels": {"application/json": "Error"},
        "responseParameters": {"method.response.header.x-a": True},
    }
    assert set(v1.get_method(**at)["methodResponses"]) == {"200", "201", "404"}

    operations = patch(
        ("add", "/responseParameters/method.response.header.x-b", "false"),
        ("replace", "/responseParameters/method.response.header.x-a", "false"),
        ("add", "/responseModels/text~1plain", "Empty"),
        ("remove", "/responseModels/application~1json"),
    )
    changed = v1.update_method_response(**at, statusCode="404", patchOperations=operations)
    assert changed["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert changed["responseParameters"] == {"method.response.header.x-a": False, "method.response.header.x-b": False}
    assert changed["responseModels"] == {"text/plain": "Empty"}

    update = {**at, "statusCode": "404"}
    for op in ("remove", "replace"):
        missing(
            "Invalid parameter name specified",
            v1.update_method_response,
            **update,
            patchOperations=patch((op, "/responseParameters/method.response.header.none", "true")),
        )
    missing(
        "Content-Type specified was not found",
        v1.update_method_response,
        **update,
        patchOperations=patch(("remove", "/responseModels/application~1none")),
    )
    assert v1.delete_method_response(**code)["ResponseMetadata"]["HTTPStatusCode"] == 204
    missing("Invalid Response status code specified", v1.delete_method_response, **code)
    missing("Invalid Response status code specified", v1.get_method_response, **code)


def test_method_responses_that_are_refused(v1, at, missing, refused, invalid):
    missing(NO_METHOD, v1.put_method_response, **at, statusCode="200")
    v1.put_method(**at, authorizationType="NONE")
    pattern = "Member must satisfy regular expression pattern: [1-5]\\d\\d"
    invalid("'600'", "statusCode", pattern, v1.put_method_response, **at, statusCode="600")
    # All that the model forbids, together, before the resource is looked up.
    refused(
        "ValidationException",
        400,
        "2 validation errors detected: Value 'wrong' at 'updateMethodResponseInput.patchOperations.1.member.op' failed to"
        " satisfy constraint: Member must satisfy enum value set: [add, remove, move, test, replace, copy]; Value 'abc' at"
        f" 'statusCode' failed to satisfy constraint: {pattern}",
        v1.update_method_response,
        **{**at, "resourceId": "unknown"},
        statusCode="abc",
        patchOperations=[{"op": "wrong", "path": "/x"}],
    )
    missing(NO_RESOURCE, v1.update_method_response, **{**at, "resourceId": "unknown"}, statusCode="200")
    missing(NO_METHOD, v1.update_method_response, **{**at, "httpMethod": "PUT"}, statusCode="200")
    missing("Invalid Response status code specified", v1.update_method_response, **at, statusCode="200")
