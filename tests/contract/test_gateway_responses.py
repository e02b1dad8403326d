"""Gateway responses: 21 that every API has, and what is made of them."""

import pytest

STATUS = {
    "ACCESS_DENIED": "403",
    "API_CONFIGURATION_ERROR": "500",
    "AUTHORIZER_CONFIGURATION_ERROR": "500",
    "AUTHORIZER_FAILURE": "500",
    "BAD_REQUEST_BODY": "400",
    "BAD_REQUEST_PARAMETERS": "400",
    "DEFAULT_4XX": None,
    "DEFAULT_5XX": None,
    "EXPIRED_TOKEN": "403",
    "INTEGRATION_FAILURE": "504",
    "INTEGRATION_TIMEOUT": "504",
    "INVALID_API_KEY": "403",
    "INVALID_SIGNATURE": "403",
    "MISSING_AUTHENTICATION_TOKEN": "403",
    "QUOTA_EXCEEDED": "429",
    "REQUEST_TOO_LARGE": "413",
    "RESOURCE_NOT_FOUND": "404",
    "THROTTLED": "429",
    "UNAUTHORIZED": "401",
    "UNSUPPORTED_MEDIA_TYPE": "415",
    "WAF_FILTERED": "403",
}
TEMPLATES = {"application/json": '{"message":$context.error.messageString}'}


def test_what_every_api_has(v1, api, answer_of):
    pages = v1.get_paginator("get_gateway_responses").paginate(restApiId=api)
    items = {item["responseType"]: item for page in pages for item in page["items"]}
    assert set(items) == set(STATUS)
    for kind, status in STATUS.items():
        expected = {
            "responseType": kind,
            "defaultResponse": True,
            "responseParameters": {},
            "responseTemplates": TEMPLATES,
            **({"statusCode": status} if status else {}),
        }
        assert items[kind] == expected
        assert answer_of(v1.get_gateway_response(restApiId=api, responseType=kind)) == expected


def test_put_and_delete(v1, api, answer_of, missing):
    at = {"restApiId": api, "responseType": "MISSING_AUTHENTICATION_TOKEN"}
    unset = "Gateway response type not defined on api"
    missing(unset, v1.delete_gateway_response, **at)
    made = v1.put_gateway_response(**at, statusCode="404")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    expected = {
        "responseType": "MISSING_AUTHENTICATION_TOKEN",
        "statusCode": "404",
        "defaultResponse": False,
        "responseParameters": {},
        "responseTemplates": TEMPLATES,
    }
    assert answer_of(made) == expected
    assert answer_of(v1.get_gateway_response(**at)) == expected
    parameters = {"gatewayresponse.header.x-a": "'b'", "gatewayresponse.header.x-p": "method.request.querystring.p"}
    made = v1.put_gateway_response(**at, responseParameters=parameters, responseTemplates={"text/plain": "no"})
    assert (made["statusCode"], made["responseParameters"]) == ("403", parameters)
    assert made["responseTemplates"] == {"text/plain": "no"}
    assert v1.delete_gateway_response(**at)["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert v1.get_gateway_response(**at)["defaultResponse"] is True
    missing(unset, v1.delete_gateway_response, **at)


def test_the_defaults_shine_through(v1, api):
    v1.put_gateway_response(
        restApiId=api,
        responseType="DEFAULT_4XX",
        statusCode="418",
        responseParameters={"gatewayresponse.header.x-a": "'b'"},
    )
    shown = v1.get_gateway_response(restApiId=api, responseType="THROTTLED")
    assert shown["defaultResponse"] is True
    assert shown["statusCode"] == "418"
    assert shown["responseParameters"] == {"gatewayresponse.header.x-a": "'b'"}
    assert v1.get_gateway_response(restApiId=api, responseType="INTEGRATION_FAILURE")["statusCode"] == "504"


def test_update(v1, api, patch, bad, missing):
    at = {"restApiId": api, "responseType": "THROTTLED"}

    def update(*operations):
        return v1.update_gateway_response(**at, patchOperations=patch(*operations))

    changed = update(
        ("replace", "/statusCode", "503"),
        ("add", "/responseParameters/gatewayresponse.header.Retry-After", "'1'"),
        ("add", "/responseTemplates/text~1plain", "later"),
    )
    assert changed["statusCode"] == "503"
    assert changed["defaultResponse"] is False
    assert changed["responseParameters"] == {"gatewayresponse.header.Retry-After": "'1'"}
    assert changed["responseTemplates"]["text/plain"] == "later"
    changed = update(
        ("replace", "/responseParameters/gatewayresponse.header.Retry-After", "'2'"),
        ("remove", "/responseTemplates/text~1plain"),
    )
    assert changed["responseParameters"] == {"gatewayresponse.header.Retry-After": "'2'"}
    assert "text/plain" not in changed["responseTemplates"]

    def refusal(check, message, *operation):
        check(message, v1.update_gateway_response, **at, patchOperations=patch(operation))

    for op in ("add", "remove"):
        refusal(bad, "Invalid patch path /statusCode", op, "/statusCode", "400")
    refusal(
        missing, "Invalid parameter name specified", "replace", "/responseParameters/gatewayresponse.header.none", "'a'"
    )
    refusal(bad, "Invalid null or empty value in responseTemplates", "add", "/responseTemplates/text~1html")
    refusal(
        bad, "Invalid null or empty value in responseParameters", "add", "/responseParameters/gatewayresponse.header.x"
    )
    refusal(bad, "Invalid patch path /x", "replace", "/x", "y")
    bad("Invalid patch path null", v1.update_gateway_response, **at, patchOperations=[{"op": "replace", "value": "1"}])


@pytest.mark.parametrize("call", ["get_gateway_response", "put_gateway_response", "delete_gateway_response"])
def test_an_unknown_type(v1, api, call):
    with pytest.raises(v1.exceptions.ClientError) as refusal:
        getattr(v1, call)(restApiId=api, responseType="NOTHING")
    error = refusal.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith(
        "1 validation error detected: Value 'NOTHING' at 'responseType' failed to satisfy constraint: Member must satisfy"
        " enum value set: ["
    )


def test_parameters_that_are_refused(v1, api, bad, no_api):
    message = "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression specified: method.response.header.a]"
    bad(
        message,
        v1.put_gateway_response,
        restApiId=api,
        responseType="THROTTLED",
        responseParameters={"method.response.header.a": "'b'"},
    )
    no_api(v1.get_gateway_responses)
    no_api(v1.get_gateway_response, responseType="THROTTLED")
    no_api(v1.put_gateway_response, responseType="THROTTLED")
