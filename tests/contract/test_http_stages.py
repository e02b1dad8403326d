"""Stages and deployments of HTTP APIs."""

import pytest


@pytest.fixture
def routed(v2, http_api):
    """An HTTP API with a route: its id."""
    made = v2.create_integration(
        ApiId=http_api,
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="ANY",
        IntegrationUri="http://127.0.0.1:9",
        PayloadFormatVersion="1.0",
    )
    v2.create_route(ApiId=http_api, RouteKey="GET /pets", Target=f"integrations/{made['IntegrationId']}")
    return http_api


def test_create_fills_in(v2, routed, answer_of, conflict):
    made = v2.create_stage(ApiId=routed, StageName="prod")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert answer_of(made) == {
        "StageName": "prod",
        "AutoDeploy": False,
        "CreatedDate": made["CreatedDate"],
        "LastUpdatedDate": made["LastUpdatedDate"],
        "DefaultRouteSettings": {"DetailedMetricsEnabled": False},
        "RouteSettings": {},
        "StageVariables": {},
        "Tags": {},
    }
    assert answer_of(v2.get_stage(ApiId=routed, StageName="prod")) == answer_of(made)
    conflict("Stage already exists", v2.create_stage, ApiId=routed, StageName="prod")


@pytest.mark.parametrize("stage", ["a b", "$other", "a" * 129, "ä"])
def test_names_that_are_refused(v2, routed, stage):
    with pytest.raises(v2.exceptions.BadRequestException):
        v2.create_stage(ApiId=routed, StageName=stage)


@pytest.mark.parametrize("stage", ["$default", "a-b_C", "a" * 128])
def test_names(v2, routed, stage):
    v2.create_stage(ApiId=routed, StageName=stage)
    assert v2.get_stage(ApiId=routed, StageName=stage)["StageName"] == stage


def test_update(v2, routed, missing):
    v2.create_stage(
        ApiId=routed,
        StageName="prod",
        StageVariables={"a": "1", "b": "2"},
        Description="d",
        AccessLogSettings={"DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:g", "Format": "$context.requestId"},
    )
    at = {"ApiId": routed, "StageName": "prod"}
    changed = v2.update_stage(
        **at,
        StageVariables={"a": "", "c": "3"},
        Description="",
        DefaultRouteSettings={"ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 2.5, "DetailedMetricsEnabled": True},
        RouteSettings={"GET /pets": {"ThrottlingBurstLimit": 1}},
    )
    assert changed["StageVariables"] == {"b": "2", "c": "3"}
    assert "Description" not in changed
    assert changed["DefaultRouteSettings"] == {
        "ThrottlingBurstLimit": 5,
        "ThrottlingRateLimit": 2.5,
        "DetailedMetricsEnabled": True,
    }
    assert changed["RouteSettings"]["GET /pets"]["ThrottlingBurstLimit"] == 1
    missing(
        "Unable to find Route by key GET /none within the provided RouteSettings",
        v2.update_stage,
        **at,
        RouteSettings={"GET /none": {"ThrottlingBurstLimit": 1}},
    )
    answer = v2.delete_route_settings(**at, RouteKey="GET /pets")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert v2.get_stage(**at)["RouteSettings"] == {}
    with pytest.raises(v2.exceptions.NotFoundException):
        v2.delete_route_settings(**at, RouteKey="GET /pets")
    assert v2.delete_access_log_settings(**at)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert "AccessLogSettings" not in v2.get_stage(**at)
    assert v2.delete_stage(**at)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (v2.get_stage, v2.delete_stage, v2.update_stage, v2.delete_access_log_settings, v2.reset_authorizers_cache):
        missing("Invalid stage identifier specified", call, **at)
    missing("Invalid stage identifier specified", v2.delete_route_settings, **at, RouteKey="GET /pets")


def test_logs_of_executions_are_for_websockets(v2, routed, bad):
    bad(
        "Execution logs are not supported on protocolType HTTP",
        v2.create_stage,
        ApiId=routed,
        StageName="prod",
        DefaultRouteSettings={"LoggingLevel": "INFO"},
    )


def test_deployments(v2, routed, http_api, answer_of, missing, bad):
    made = v2.create_deployment(ApiId=routed, Description="d")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    id = made["DeploymentId"]
    assert answer_of(made) == {
        "DeploymentId": id,
        "DeploymentStatus": "DEPLOYED",
        "AutoDeployed": False,
        "Description": "d",
        "CreatedDate": made["CreatedDate"],
    }
    at = {"ApiId": routed, "DeploymentId": id}
    assert answer_of(v2.get_deployment(**at)) == answer_of(made)
    assert v2.update_deployment(**at, Description="e")["Description"] == "e"
    v2.create_stage(ApiId=routed, StageName="prod", DeploymentId=id)
    bad("Active stages pointing to this deployment must be moved or deleted", v2.delete_deployment, **at)
    second = v2.create_deployment(ApiId=routed, StageName="prod")["DeploymentId"]
    assert v2.get_stage(ApiId=routed, StageName="prod")["DeploymentId"] == second
    back = v2.update_stage(ApiId=routed, StageName="prod", DeploymentId=id)
    assert back["DeploymentId"] == id
    pages = list(v2.get_paginator("get_deployments").paginate(ApiId=routed, PaginationConfig={"PageSize": 1}))
    assert {item["DeploymentId"] for page in pages for item in page["Items"]} == {id, second}
    assert v2.delete_deployment(ApiId=routed, DeploymentId=second)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (v2.get_deployment, v2.delete_deployment, v2.update_deployment):
        with pytest.raises(v2.exceptions.NotFoundException):
            call(ApiId=routed, DeploymentId=second)


def test_nothing_to_deploy(v2, http_api, bad):
    bad("Unable to deploy API because no routes exist in this API", v2.create_deployment, ApiId=http_api)


def test_automatic_deployments(v2, routed):
    made = v2.create_stage(ApiId=routed, StageName="$default", AutoDeploy=True)
    assert made["AutoDeploy"] is True
    first = v2.get_stage(ApiId=routed, StageName="$default")["DeploymentId"]
    assert v2.get_deployment(ApiId=routed, DeploymentId=first)["AutoDeployed"] is True
    v2.create_route(ApiId=routed, RouteKey="GET /dogs")
    stage = v2.get_stage(ApiId=routed, StageName="$default")
    assert stage["DeploymentId"] != first
    message = f"Successfully deployed stage with deployment ID '{stage['DeploymentId']}'"
    assert stage["LastDeploymentStatusMessage"] == message
    with pytest.raises(v2.exceptions.BadRequestException):
        v2.update_stage(ApiId=routed, StageName="$default", DeploymentId=first)
    with pytest.raises(v2.exceptions.BadRequestException):
        v2.create_deployment(ApiId=routed, StageName="$default")


def test_automatic_deployment_of_nothing(v2, http_api):
    v2.create_stage(ApiId=http_api, StageName="$default", AutoDeploy=True)
    assert "DeploymentId" not in v2.get_stage(ApiId=http_api, StageName="$default")
    v2.create_route(ApiId=http_api, RouteKey="GET /")
    assert "DeploymentId" in v2.get_stage(ApiId=http_api, StageName="$default")


def test_pages(v2, routed):
    for number in range(3):
        v2.create_stage(ApiId=routed, StageName=f"s{number}")
    pages = list(v2.get_paginator("get_stages").paginate(ApiId=routed, PaginationConfig={"PageSize": 2}))
    assert [[stage["StageName"] for stage in page["Items"]] for page in pages] == [["s0", "s1"], ["s2"]]
