"""What only WebSocket APIs have: models, route responses, integration responses, request parameters."""

import json

import pytest

PET = json.dumps({"$schema": "http://json-schema.org/draft-04/schema#", "title": "Pet", "type": "object"})


@pytest.mark.parametrize("key", ["$connect", "$disconnect", "$default", "sendMessage", "a b"])
def test_keys(v2, websocket_api, key):
    id = v2.create_route(ApiId=websocket_api, RouteKey=key)["RouteId"]
    assert v2.get_route(ApiId=websocket_api, RouteId=id)["RouteKey"] == key


def test_authorization_is_for_connecting(v2, websocket_api):
    assert v2.create_route(ApiId=websocket_api, RouteKey="$connect", AuthorizationType="AWS_IAM")["AuthorizationType"] == "AWS_IAM"
    with pytest.raises(v2.exceptions.BadRequestException):
        v2.create_route(ApiId=websocket_api, RouteKey="send", AuthorizationType="AWS_IAM")


def test_request_parameters(v2, websocket_api):
    parameter = "route.request.querystring.token"
    made = v2.create_route(
        ApiId=websocket_api, RouteKey="$connect", RequestParameters={parameter: {"Required": True}}
    )
    assert made["RequestParameters"] == {parameter: {"Required": True}}
    at = {"ApiId": websocket_api, "RouteId": made["RouteId"]}
    answer = v2.delete_route_request_parameter(**at, RequestParameterKey=parameter)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert not v2.get_route(**at).get("RequestParameters")
    with pytest.raises(v2.exceptions.NotFoundException):
        v2.delete_route_request_parameter(**at, RequestParameterKey=parameter)


def test_models(v2, websocket_api, answer_of, missing):
    made = v2.create_model(ApiId=websocket_api, Name="Pet", Schema=PET, Description="d")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    id = made["ModelId"]
    expected = {"ModelId": id, "Name": "Pet", "Schema": PET, "Description": "d", "ContentType": "application/json"}
    assert answer_of(made) == expected
    at = {"ApiId": websocket_api, "ModelId": id}
    assert answer_of(v2.get_model(**at)) == expected
    assert isinstance(v2.get_model_template(**at)["Value"], str)
    changed = v2.update_model(**at, Name="Dog", Description="")
    assert changed["Name"] == "Dog" and "Description" not in changed
    v2.create_model(ApiId=websocket_api, Name="Other", Schema=PET, ContentType="application/json")
    pages = list(v2.get_paginator("get_models").paginate(ApiId=websocket_api, PaginationConfig={"PageSize": 1}))
    assert {model["Name"] for page in pages for model in page["Items"]} == {"Dog", "Other"}
    assert v2.delete_model(**at)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (v2.get_model, v2.delete_model, v2.update_model, v2.get_model_template):
        missing(f"Invalid Model identifier specified {id}", call, **at)


def test_names_of_models(v2, websocket_api):
    for name in ("a b", "a-b", ""):
        with pytest.raises(v2.exceptions.BadRequestException):
            v2.create_model(ApiId=websocket_api, Name=name, Schema=PET)


def test_route_responses(v2, websocket_api, answer_of, missing):
    route = v2.create_route(
        ApiId=websocket_api, RouteKey="send", RouteResponseSelectionExpression="$default"
    )["RouteId"]
    made = v2.create_route_response(ApiId=websocket_api, RouteId=route, RouteResponseKey="$default")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    id = made["RouteResponseId"]
    assert answer_of(made) == {"RouteResponseId": id, "RouteResponseKey": "$default"}
    at = {"ApiId": websocket_api, "RouteId": route, "RouteResponseId": id}
    assert answer_of(v2.get_route_response(**at)) == answer_of(made)
    v2.create_model(ApiId=websocket_api, Name="Pet", Schema=PET)
    changed = v2.update_route_response(**at, ResponseModels={"application/json": "Pet"}, ModelSelectionExpression="$request.body.kind")
    assert changed["ResponseModels"] == {"application/json": "Pet"}
    assert changed["ModelSelectionExpression"] == "$request.body.kind"
    with pytest.raises(v2.exceptions.BadRequestException):
        v2.create_route_response(ApiId=websocket_api, RouteId=route, RouteResponseKey="other")
    pages = v2.get_paginator("get_route_responses").paginate(ApiId=websocket_api, RouteId=route)
    assert [item["RouteResponseId"] for page in pages for item in page["Items"]] == [id]
    assert v2.delete_route_response(**at)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (v2.get_route_response, v2.delete_route_response, v2.update_route_response):
        missing(f"Invalid RouteResponse identifier specified {id}", call, **at)


def test_integrations(v2, websocket_api):
    made = v2.create_integration(
        ApiId=websocket_api,
        IntegrationType="MOCK",
        RequestTemplates={"200": '{"statusCode": 200}'},
        TemplateSelectionExpression="200",
    )
    assert made["PassthroughBehavior"] == "WHEN_NO_MATCH"
    assert made["TimeoutInMillis"] == 29000
    assert made["IntegrationResponseSelectionExpression"] == "${integration.response.statuscode}"
    assert made["RequestTemplates"] == {"200": '{"statusCode": 200}'}


def test_integration_responses(v2, websocket_api, answer_of, missing):
    integration = v2.create_integration(ApiId=websocket_api, IntegrationType="MOCK")["IntegrationId"]
    create = {"ApiId": websocket_api, "IntegrationId": integration}
    made = v2.create_integration_response(
        **create, IntegrationResponseKey="/200/", ResponseTemplates={"application/json": "{}"}
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    id = made["IntegrationResponseId"]
    expected = {
        "IntegrationResponseId": id,
        "IntegrationResponseKey": "/200/",
        "ResponseTemplates": {"application/json": "{}"},
    }
    assert answer_of(made) == expected
    at = {**create, "IntegrationResponseId": id}
    assert answer_of(v2.get_integration_response(**at)) == expected
    changed = v2.update_integration_response(**at, IntegrationResponseKey="$default", TemplateSelectionExpression="a")
    assert (changed["IntegrationResponseKey"], changed["TemplateSelectionExpression"]) == ("$default", "a")
    v2.create_integration_response(**create, IntegrationResponseKey="/500/")
    pages = list(v2.get_paginator("get_integration_responses").paginate(**create, PaginationConfig={"PageSize": 1}))
    assert {item["IntegrationResponseKey"] for page in pages for item in page["Items"]} == {"$default", "/500/"}
    assert v2.delete_integration_response(**at)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (v2.get_integration_response, v2.delete_integration_response, v2.update_integration_response):
        missing(f"Invalid IntegrationResponse identifier specified {id}", call, **at)


def test_a_stage(v2, websocket_api):
    v2.create_route(ApiId=websocket_api, RouteKey="$default")
    deployment = v2.create_deployment(ApiId=websocket_api)["DeploymentId"]
    stage = v2.create_stage(ApiId=websocket_api, StageName="prod", DeploymentId=deployment)
    assert stage["DefaultRouteSettings"] == {
        "DetailedMetricsEnabled": False,
        "DataTraceEnabled": False,
        "LoggingLevel": "OFF",
    }
    changed = v2.update_stage(ApiId=websocket_api, StageName="prod", DefaultRouteSettings={"LoggingLevel": "INFO"})
    assert changed["DefaultRouteSettings"]["LoggingLevel"] == "INFO"
    with pytest.raises(v2.exceptions.BadRequestException):
        v2.create_stage(ApiId=websocket_api, StageName="$default")
