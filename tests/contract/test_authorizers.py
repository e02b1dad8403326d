"""Authorizers of REST APIs."""

import pytest

FUNCTION = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:a/invocations"
POOL = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_a"
OTHER_POOL = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_b"
HEADER = "method.request.header.Authorization"


def test_token(v1, api, answer_of, patch, missing):
    given = {"name": "tokens", "type": "TOKEN", "authorizerUri": FUNCTION, "identitySource": HEADER}
    made = v1.create_authorizer(restApiId=api, **given)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert len(made["id"]) == 6
    assert answer_of(made) == {"id": made["id"], "authType": "custom", **given}
    at = {"restApiId": api, "authorizerId": made["id"]}
    assert answer_of(v1.get_authorizer(**at)) == answer_of(made)
    assert v1.get_authorizers(restApiId=api)["items"] == [answer_of(made)]
    changed = v1.update_authorizer(
        **at,
        patchOperations=patch(
            ("replace", "/name", "renamed"),
            ("replace", "/authorizerResultTtlInSeconds", "0"),
            ("replace", "/identityValidationExpression", "Bearer .*"),
            ("replace", "/identitySource", "method.request.header.X-Token"),
            ("replace", "/authorizerCredentials", "arn:aws:iam::000000000000:role/r"),
            ("replace", "/authType", "other"),
        ),
    )
    assert answer_of(changed) == {
        "id": made["id"],
        "name": "renamed",
        "type": "TOKEN",
        "authType": "other",
        "authorizerUri": FUNCTION,
        "authorizerCredentials": "arn:aws:iam::000000000000:role/r",
        "identitySource": "method.request.header.X-Token",
        "identityValidationExpression": "Bearer .*",
        "authorizerResultTtlInSeconds": 0,
    }
    assert v1.delete_authorizer(**at)["ResponseMetadata"]["HTTPStatusCode"] == 202
    unknown = "Invalid Authorizer identifier specified"
    for call in (v1.get_authorizer, v1.delete_authorizer):
        missing(unknown, call, **at)
    missing(unknown, v1.update_authorizer, **at, patchOperations=[])


def test_request(v1, api):
    made = v1.create_authorizer(
        restApiId=api,
        name="requests",
        type="REQUEST",
        authorizerUri=FUNCTION,
        identitySource="method.request.header.a,method.request.querystring.b",
        authorizerResultTtlInSeconds=3600,
    )
    assert made["identitySource"] == "method.request.header.a,method.request.querystring.b"
    assert made["authorizerResultTtlInSeconds"] == 3600


def test_user_pools(v1, api, patch):
    made = v1.create_authorizer(
        restApiId=api,
        name="pool",
        type="COGNITO_USER_POOLS",
        providerARNs=[POOL],
        identitySource=HEADER,
        authorizerCredentials="arn:aws:iam::000000000000:role/r",
    )
    assert (made["authType"], made["providerARNs"]) == ("cognito_user_pools", [POOL])
    # Ignored here, kept when patched: Terraform knows.
    assert "authorizerCredentials" not in made
    at = {"restApiId": api, "authorizerId": made["id"]}
    changed = v1.update_authorizer(
        **at,
        patchOperations=patch(
            ("add", "/providerARNs", OTHER_POOL),
            ("remove", "/providerARNs", POOL),
            ("replace", "/authorizerCredentials", "arn:aws:iam::000000000000:role/r"),
        ),
    )
    assert changed["providerARNs"] == [OTHER_POOL]
    assert changed["authorizerCredentials"] == "arn:aws:iam::000000000000:role/r"


def test_names_are_unique(v1, api, bad, no_api):
    given = {"name": "tokens", "type": "TOKEN", "authorizerUri": FUNCTION, "identitySource": HEADER}
    v1.create_authorizer(restApiId=api, **given)
    message = "Authorizer name must be unique. Authorizer tokens already exists in this RestApi."
    bad(message, v1.create_authorizer, restApiId=api, **given)
    no_api(v1.create_authorizer, **given)
    no_api(v1.get_authorizers)


def test_an_authorizer_in_use_stays(v1, api, root, conflict):
    made = v1.create_authorizer(restApiId=api, name="used", type="TOKEN", authorizerUri=FUNCTION, identitySource=HEADER)
    resource = v1.create_resource(restApiId=api, parentId=root, pathPart="test")["id"]
    v1.put_method(
        restApiId=api, resourceId=resource, httpMethod="GET", authorizationType="CUSTOM", authorizerId=made["id"]
    )
    conflict(
        "Cannot delete authorizer 'used', is referenced in method: GET//test",
        v1.delete_authorizer,
        restApiId=api,
        authorizerId=made["id"],
    )


def test_an_unknown_type(v1, api, refused):
    with pytest.raises(v1.exceptions.ClientError) as refusal:
        v1.create_authorizer(restApiId=api, name="x", type="BASIC")
    error = refusal.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith(
        "1 validation error detected: Value 'BASIC' at 'createAuthorizerInput.type' failed to satisfy constraint: Member"
        " must satisfy enum value set: ["
    )


def test_the_time_to_live(v1, api):
    given = {"type": "TOKEN", "authorizerUri": FUNCTION, "identitySource": HEADER}
    for ttl in (0, 3600):
        made = v1.create_authorizer(restApiId=api, name=f"a{ttl}", authorizerResultTtlInSeconds=ttl, **given)
        assert made["authorizerResultTtlInSeconds"] == ttl
    for ttl in (-1, 3601):
        with pytest.raises(v1.exceptions.BadRequestException):
            v1.create_authorizer(restApiId=api, name=f"b{ttl}", authorizerResultTtlInSeconds=ttl, **given)


def test_it_is_tried_out(v1, api, missing):
    """A function that is not there is an answer, whose log has the reason and no token."""
    made = v1.create_authorizer(restApiId=api, name="tried", type="TOKEN", authorizerUri=FUNCTION, identitySource=HEADER)
    at = {"restApiId": api, "authorizerId": made["id"]}
    tried = v1.test_invoke_authorizer(**at, headers={"authorization": "the-token"})
    assert tried["clientStatus"] == 500
    assert tried["log"].startswith("Execution log for request ")
    assert "Execution failed due to configuration error: " in tried["log"]
    assert "the-token" not in tried["log"]
    assert tried["latency"] >= 0
    assert v1.test_invoke_authorizer(**at)["clientStatus"] == 401
    assert v1.test_invoke_authorizer(**at, headers={"Authorization": ""})["clientStatus"] == 401
    missing("Invalid Authorizer identifier specified", v1.test_invoke_authorizer, restApiId=api, authorizerId="unknown")


def test_pages(v1, api):
    for number in range(3):
        v1.create_authorizer(
            restApiId=api, name=f"a{number}", type="TOKEN", authorizerUri=FUNCTION, identitySource=HEADER
        )
    pages = list(v1.get_paginator("get_authorizers").paginate(restApiId=api, PaginationConfig={"PageSize": 2}))
    assert [len(page["items"]) for page in pages] == [2, 1]
    assert {item["name"] for page in pages for item in page["items"]} == {"a0", "a1", "a2"}
