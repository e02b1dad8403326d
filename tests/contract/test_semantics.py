"""What stands between a method's request and its response, set up through boto3 and asked over HTTP."""

import json


def host(api):
    return f"{api}.execute-api.us-east-1.localhost"


def post(gateway, api, path, body, **headers):
    status, fields, content = gateway.request("POST", path, host=host(api), body=body, headers=headers)
    return status, fields, content.decode()


def test_an_order_is_validated_transformed_and_answered(gateway, v1, api, root, backend):
    model = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "required": ["item", "count"],
        "properties": {"item": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
    }
    v1.create_model(restApiId=api, name="Order", contentType="application/json", schema=json.dumps(model))
    validator = v1.create_request_validator(
        restApiId=api, name="all", validateRequestBody=True, validateRequestParameters=True
    )["id"]
    at = {"restApiId": api, "resourceId": root, "httpMethod": "POST"}
    v1.put_method(
        **at,
        authorizationType="NONE",
        requestValidatorId=validator,
        requestModels={"application/json": "Order"},
        requestParameters={"method.request.querystring.shop": True},
    )
    v1.put_method_response(
        **at, statusCode="201", responseParameters={"method.response.header.X-Shop": False}
    )
    v1.put_integration(
        **at,
        type="HTTP",
        integrationHttpMethod="PUT",
        uri=backend + "/orders/{shop}",
        requestParameters={"integration.request.path.shop": "method.request.querystring.shop"},
        requestTemplates={
            "application/json": "#set($in = $input.path('$')){\"what\": \"$in.item\", \"twice\": #set($n = $in.count * 2)$n}"
        },
    )
    v1.put_integration_response(
        **at,
        statusCode="201",
        selectionPattern="2\\d\\d",
        responseParameters={"method.response.header.X-Shop": "integration.response.body.path"},
        responseTemplates={"application/json": "$input.path('$.method') $util.base64Encode($input.path('$.body'))"},
    )
    v1.put_gateway_response(
        restApiId=api,
        responseType="BAD_REQUEST_BODY",
        statusCode="422",
        responseTemplates={"application/json": '{"wrong": "$context.error.validationErrorString"}'},
    )
    v1.create_deployment(restApiId=api, stageName="prod")

    sent = json.dumps({"item": "tea", "count": 2})
    status, fields, content = post(gateway, api, "/prod?shop=a%20b", sent)
    assert (status, fields["x-shop"]) == (201, "/orders/a%20b")
    assert content == "PUT eyJ3aGF0IjogInRlYSIsICJ0d2ljZSI6IDR9"

    status, fields, content = post(gateway, api, "/prod", sent)
    assert (status, json.loads(content)) == (
        400,
        {"message": "Missing required request parameters: [shop]"},
    )
    status, _, content = post(gateway, api, "/prod?shop=a", '{"item": "tea"}')
    assert status == 422
    assert content == '{"wrong": "[object has missing required properties (["count"])]"}'


def test_a_preflight_of_a_rest_api_is_a_mock(gateway, v1, api, root):
    at = {"restApiId": api, "resourceId": root, "httpMethod": "OPTIONS"}
    v1.put_method(**at, authorizationType="NONE")
    origin = "method.response.header.Access-Control-Allow-Origin"
    v1.put_method_response(**at, statusCode="200", responseParameters={origin: False})
    v1.put_integration(
        **at,
        type="MOCK",
        passthroughBehavior="WHEN_NO_MATCH",
        requestTemplates={"application/json": '{"statusCode": 200}'},
    )
    v1.put_integration_response(**at, statusCode="200", responseParameters={origin: "'*'"})
    v1.create_deployment(restApiId=api, stageName="prod")
    for headers in ({}, {"Content-Type": "text/plain"}):
        status, fields, content = gateway.request("OPTIONS", "/prod", host=host(api), headers=headers)
        assert (status, fields["access-control-allow-origin"], content) == (200, "*", b""), headers


def test_a_test_call_runs_templates_and_tells_what_failed(v1, mock, api, root):
    at = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    v1.put_integration(**at, type="MOCK", requestTemplates={"application/json": '#set($s = 200){"statusCode": $s}'})
    v1.put_integration_response(
        **at, statusCode="200", responseTemplates={"application/json": "$input.params('q') $context.httpMethod"}
    )
    answer = v1.test_invoke_method(**at, pathWithQueryString="/?q=1")
    assert (answer["status"], answer["body"]) == (200, "1 GET")
    v1.put_integration(**at, type="MOCK", requestTemplates={"application/json": "#if("})
    answer = v1.test_invoke_method(**at)
    assert answer["status"] == 500
    assert "Unable to transform request: request template for application/json: line 1" in answer["log"]


def test_browsers_may_call_an_http_api(gateway, v2, http_api, backend):
    v2.update_api(ApiId=http_api, CorsConfiguration={"AllowOrigins": ["https://a.test"], "AllowMethods": ["GET"]})
    integration = v2.create_integration(
        ApiId=http_api,
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="ANY",
        IntegrationUri=backend,
        PayloadFormatVersion="1.0",
        RequestParameters={"append:header.x-id": "$request.path.id"},
    )["IntegrationId"]
    v2.create_route(ApiId=http_api, RouteKey="GET /{id}", Target=f"integrations/{integration}")
    v2.create_stage(ApiId=http_api, StageName="$default", AutoDeploy=True)
    asking = {"Origin": "https://a.test"}
    preflight = {**asking, "Access-Control-Request-Method": "GET"}
    status, fields, _ = gateway.request("OPTIONS", "/7", host=host(http_api), headers=preflight)
    assert (status, fields["access-control-allow-methods"]) == (204, "GET")
    status, fields, content = gateway.request("GET", "/7", host=host(http_api), headers=asking)
    assert (status, fields["access-control-allow-origin"]) == (200, "https://a.test")
    assert json.loads(content)["headers"]["x-id"] == "7"
