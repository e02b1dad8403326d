"""Routes, integrations and authorizers of HTTP APIs."""

import pytest

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
ROLE = "arn:aws:iam::000000000000:role/r"


def integration(v2, api, **more):
    given = {
        "ApiId": api,
        "IntegrationType": "HTTP_PROXY",
        "IntegrationMethod": "GET",
        "IntegrationUri": "https://a.example",
        "PayloadFormatVersion": "1.0",
    }
    return v2.create_integration(**{**given, **more})


def test_a_route(v2, http_api, answer_of, missing, conflict, no_api):
    target = f"integrations/{integration(v2, http_api)['IntegrationId']}"
    made = v2.create_route(ApiId=http_api, RouteKey="GET /pets/{id}", Target=target)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    id = made["RouteId"]
    expected = {
        "RouteId": id,
        "RouteKey": "GET /pets/{id}",
        "Target": target,
        "ApiKeyRequired": False,
        "AuthorizationType": "NONE",
    }
    assert answer_of(made) == expected
    at = {"ApiId": http_api, "RouteId": id}
    assert answer_of(v2.get_route(**at)) == expected
    conflict("Route with key GET /pets/{id} already exists for this API", v2.create_route, ApiId=http_api, RouteKey="GET /pets/{id}")
    conflict(
        'The provided route key "GET /pets/{name}" has a conflicting variable on the same hierarchical level as "GET'
        ' /pets/{id}"',
        v2.create_route,
        ApiId=http_api,
        RouteKey="GET /pets/{name}",
    )
    no_api(v2.create_route, member="ApiId", RouteKey="GET /x")
    changed = v2.update_route(**at, RouteKey="ANY /dogs", OperationName="dogs")
    assert (changed["RouteKey"], changed["OperationName"], changed["Target"]) == ("ANY /dogs", "dogs", target)
    assert v2.delete_route(**at)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (v2.get_route, v2.delete_route, v2.update_route):
        missing(f"Invalid Route identifier specified {id}", call, **at)


@pytest.mark.parametrize("key", ["$default", "ANY /", "GET /a/{b}/c", "POST /{proxy+}", "OPTIONS /a-b_c.d"])
def test_keys(v2, http_api, key):
    id = v2.create_route(ApiId=http_api, RouteKey=key)["RouteId"]
    assert v2.get_route(ApiId=http_api, RouteId=id)["RouteKey"] == key


@pytest.mark.parametrize("key", ["/pets", "FETCH /pets", "GET pets", "GET /{proxy+}/x", "$connect", "nonsense", "GET /{a"])
def test_keys_that_are_refused(v2, http_api, key):
    with pytest.raises(v2.exceptions.BadRequestException):
        v2.create_route(ApiId=http_api, RouteKey=key)


def test_routes_need_what_they_name(v2, http_api):
    with pytest.raises(v2.exceptions.ClientError) as refusal:
        v2.create_route(ApiId=http_api, RouteKey="GET /", Target="integrations/unknown")
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404)
    with pytest.raises(v2.exceptions.ClientError):
        v2.create_route(ApiId=http_api, RouteKey="GET /", AuthorizationType="JWT", AuthorizerId="unknown")


def test_jwt(v2, http_api, answer_of, missing, conflict):
    given = {
        "Name": "jwt",
        "AuthorizerType": "JWT",
        "IdentitySource": ["$request.header.Authorization"],
        "JwtConfiguration": {"Issuer": "https://issuer.example", "Audience": ["a"]},
    }
    made = v2.create_authorizer(ApiId=http_api, **given)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    id = made["AuthorizerId"]
    assert answer_of(made) == {"AuthorizerId": id, **given}
    at = {"ApiId": http_api, "AuthorizerId": id}
    assert answer_of(v2.get_authorizer(**at)) == {"AuthorizerId": id, **given}
    changed = v2.update_authorizer(**at, Name="renamed", JwtConfiguration={"Audience": ["b"], "Issuer": "https://issuer.example"})
    assert (changed["Name"], changed["JwtConfiguration"]["Audience"]) == ("renamed", ["b"])
    route = v2.create_route(
        ApiId=http_api, RouteKey="GET /a", AuthorizationType="JWT", AuthorizerId=id, AuthorizationScopes=["s"]
    )
    assert (route["AuthorizationType"], route["AuthorizerId"], route["AuthorizationScopes"]) == ("JWT", id, ["s"])
    conflict("Cannot delete authorizer 'renamed', is referenced in route: GET /a", v2.delete_authorizer, **at)
    route = v2.update_route(ApiId=http_api, RouteId=route["RouteId"], AuthorizationType="NONE")
    assert "AuthorizerId" not in route and route["AuthorizationType"] == "NONE"
    assert v2.delete_authorizer(**at)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (v2.get_authorizer, v2.delete_authorizer, v2.update_authorizer):
        missing(f"Invalid Authorizer identifier specified {id}", call, **at)


def test_lambda_authorizers(v2, http_api, bad):
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
    given = {
        "ApiId": http_api,
        "AuthorizerType": "REQUEST",
        "AuthorizerUri": uri,
        "IdentitySource": ["$request.header.a", "$context.identity.sourceIp"],
    }
    made = v2.create_authorizer(
        **given, Name="fn", AuthorizerPayloadFormatVersion="2.0", EnableSimpleResponses=True, AuthorizerResultTtlInSeconds=0
    )
    assert made["AuthorizerPayloadFormatVersion"] == "2.0"
    assert made["EnableSimpleResponses"] is True
    assert made["AuthorizerResultTtlInSeconds"] == 0
    assert made["IdentitySource"] == given["IdentitySource"]
    for wrong in (
        {},
        {"AuthorizerPayloadFormatVersion": "1.0", "EnableSimpleResponses": True},
        {"AuthorizerPayloadFormatVersion": "2.0", "AuthorizerResultTtlInSeconds": 3601},
    ):
        with pytest.raises(v2.exceptions.BadRequestException):
            v2.create_authorizer(**given, Name="x", **wrong)
    with pytest.raises(v2.exceptions.ClientError) as refusal:
        v2.create_authorizer(**given, Name="fn", AuthorizerPayloadFormatVersion="2.0")
    assert refusal.value.response["Error"]["Message"].startswith(
        "Authorizer name must be unique. Authorizer fn already exists in this "
    )
    v2.create_stage(ApiId=http_api, StageName="prod")
    answer = v2.reset_authorizers_cache(ApiId=http_api, StageName="prod")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_an_integration(v2, http_api, answer_of, missing, conflict):
    made = integration(v2, http_api)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    id = made["IntegrationId"]
    expected = {
        "IntegrationId": id,
        "IntegrationType": "HTTP_PROXY",
        "IntegrationMethod": "GET",
        "IntegrationUri": "https://a.example",
        "PayloadFormatVersion": "1.0",
        "ConnectionType": "INTERNET",
        "TimeoutInMillis": 30000,
    }
    assert answer_of(made) == expected
    at = {"ApiId": http_api, "IntegrationId": id}
    assert answer_of(v2.get_integration(**at)) == expected
    changed = v2.update_integration(
        **at,
        IntegrationUri="https://b.example/{id}",
        TimeoutInMillis=50,
        RequestParameters={"append:header.x-a": "$request.querystring.a", "overwrite:path": "/b"},
        ResponseParameters={"200": {"overwrite:statuscode": "201"}, "404": {"remove:header.x": "''"}},
        Description="d",
    )
    assert changed["IntegrationUri"] == "https://b.example/{id}"
    assert changed["TimeoutInMillis"] == 50
    assert set(changed["ResponseParameters"]) == {"200", "404"}
    # An empty value takes a key away, an empty map a status code.
    changed = v2.update_integration(**at, RequestParameters={"overwrite:path": ""}, ResponseParameters={"404": {}}, Description="")
    assert changed["RequestParameters"] == {"append:header.x-a": "$request.querystring.a"}
    assert set(changed["ResponseParameters"]) == {"200"}
    assert "Description" not in changed
    route = v2.create_route(ApiId=http_api, RouteKey="GET /", Target=f"integrations/{id}")["RouteId"]
    conflict(
        f"Cannot delete Integration because it is referenced by the following Routes with Ids: [{route}]",
        v2.delete_integration,
        **at,
    )
    v2.delete_route(ApiId=http_api, RouteId=route)
    assert v2.delete_integration(**at)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (v2.get_integration, v2.delete_integration, v2.update_integration):
        missing(f"Invalid Integration identifier specified {id}", call, **at)


def test_functions(v2, http_api):
    made = v2.create_integration(
        ApiId=http_api, IntegrationType="AWS_PROXY", IntegrationUri=FUNCTION, PayloadFormatVersion="2.0"
    )
    assert made["IntegrationUri"] == FUNCTION
    assert made["PayloadFormatVersion"] == "2.0"
    assert made["IntegrationMethod"] == "POST"


def test_services(v2, http_api):
    given = {
        "ApiId": http_api,
        "IntegrationType": "AWS_PROXY",
        "IntegrationSubtype": "SQS-SendMessage",
        "PayloadFormatVersion": "1.0",
        "RequestParameters": {"QueueUrl": "https://sqs.example/q", "MessageBody": "$request.body"},
    }
    made = v2.create_integration(**given, CredentialsArn=ROLE)
    assert made["IntegrationSubtype"] == "SQS-SendMessage"
    assert made["RequestParameters"] == given["RequestParameters"]
    for wrong in (
        given,
        {**given, "CredentialsArn": ROLE, "RequestParameters": {"MessageBody": "x"}},
        {**given, "CredentialsArn": ROLE, "IntegrationSubtype": "SQS-Nothing"},
    ):
        with pytest.raises(v2.exceptions.BadRequestException):
            v2.create_integration(**wrong)


@pytest.mark.parametrize("kind", ["HTTP", "MOCK", "AWS"])
def test_http_apis_only_proxy(v2, http_api, kind, bad):
    bad(
        "Currently, an API with a protocol type of HTTP may only be associated with proxy integrations (AWS_PROXY,"
        " HTTP_PROXY)",
        v2.create_integration,
        ApiId=http_api,
        IntegrationType=kind,
        IntegrationUri="https://a.example",
        IntegrationMethod="GET",
        PayloadFormatVersion="1.0",
    )


@pytest.mark.parametrize(
    "key", ["overwrite:header.Authorization", "append:header.x-amz-a", "overwrite:header.Via", "append:header.Access-Control-Allow-Origin"]
)
def test_reserved_headers(v2, http_api, key):
    with pytest.raises(v2.exceptions.BadRequestException):
        integration(v2, http_api, RequestParameters={key: "'a'"})


def test_pages(v2, http_api):
    for number in range(3):
        integration(v2, http_api)
        v2.create_route(ApiId=http_api, RouteKey=f"GET /{number}")
        v2.create_authorizer(
            ApiId=http_api,
            Name=f"a{number}",
            AuthorizerType="JWT",
            IdentitySource=["$request.header.Authorization"],
            JwtConfiguration={"Issuer": "https://issuer.example", "Audience": ["a"]},
        )
    for operation in ("get_integrations", "get_routes", "get_authorizers"):
        pages = list(v2.get_paginator(operation).paginate(ApiId=http_api, PaginationConfig={"PageSize": 2}))
        assert [len(page["Items"]) for page in pages] == [2, 1], operation
