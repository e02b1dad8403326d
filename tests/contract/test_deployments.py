"""Deployments of REST APIs: what they freeze, what they refuse, canaries."""

import pytest

CANARY = "Invalid deployment content specified."


def test_create_get_update_delete(v1, mock, answer_of, patch, bad, missing):
    api, _ = mock
    made = v1.create_deployment(restApiId=api, description="first")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert len(made["id"]) == 6
    assert answer_of(made) == {"id": made["id"], "description": "first", "createdDate": made["createdDate"]}
    at = {"restApiId": api, "deploymentId": made["id"]}
    assert answer_of(v1.get_deployment(**at)) == answer_of(made)
    summary = v1.get_deployment(**at, embed=["apisummary"])["apiSummary"]
    assert summary == {"/": {"GET": {"authorizationType": "NONE", "apiKeyRequired": False}}}
    changed = v1.update_deployment(**at, patchOperations=patch(("replace", "/description", "changed")))
    assert changed["description"] == "changed"
    with pytest.raises(v1.exceptions.BadRequestException):
        v1.update_deployment(**at, patchOperations=patch(("replace", "/id", "x")))
    assert v1.get_deployments(restApiId=api)["items"] == [answer_of(changed)]
    assert v1.delete_deployment(**at)["ResponseMetadata"]["HTTPStatusCode"] == 202
    for call in (v1.get_deployment, v1.delete_deployment):
        missing("Invalid Deployment identifier specified", call, **at)
    missing("Invalid Deployment identifier specified", v1.update_deployment, **at, patchOperations=[])


def test_an_api_that_cannot_be_deployed(v1, api, root, bad, no_api):
    bad("The REST API doesn't contain any methods", v1.create_deployment, restApiId=api)
    v1.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    bad("No integration defined for method", v1.create_deployment, restApiId=api)
    no_api(v1.create_deployment)
    no_api(v1.get_deployments)


def test_a_private_api_needs_a_policy(v1, mock, patch, bad):
    api, _ = mock
    v1.update_rest_api(restApiId=api, patchOperations=patch(("replace", "/endpointConfiguration/types/0", "PRIVATE")))
    bad("Private REST API doesn't have a resource policy attached to it", v1.create_deployment, restApiId=api)


def test_a_stage_is_made_and_moved(v1, mock, answer_of):
    api, _ = mock
    first = v1.create_deployment(
        restApiId=api,
        stageName="prod",
        stageDescription="the stage",
        description="the deployment",
        variables={"a": "1"},
        tracingEnabled=True,
    )
    stage = v1.get_stage(restApiId=api, stageName="prod")
    assert stage["deploymentId"] == first["id"]
    assert stage["description"] == "the stage"
    assert stage["variables"] == {"a": "1"}
    assert stage["tracingEnabled"] is True
    second = v1.create_deployment(restApiId=api, stageName="prod")
    assert v1.get_stage(restApiId=api, stageName="prod")["deploymentId"] == second["id"]
    assert [deployment["id"] for deployment in v1.get_deployments(restApiId=api)["items"]].count(first["id"]) == 1


def test_a_deployment_in_use_stays(v1, mock, bad):
    api, _ = mock
    one = v1.create_deployment(restApiId=api, stageName="prod")["id"]
    bad(
        "Active stages pointing to this deployment must be moved or deleted",
        v1.delete_deployment,
        restApiId=api,
        deploymentId=one,
    )
    canary = v1.create_deployment(restApiId=api, stageName="prod", canarySettings={"percentTraffic": 10})["id"]
    bad(
        "Active stages with canary settings pointing to this deployment must be moved or deleted",
        v1.delete_deployment,
        restApiId=api,
        deploymentId=canary,
    )
    v1.delete_stage(restApiId=api, stageName="prod")
    for deployment in (one, canary):
        v1.delete_deployment(restApiId=api, deploymentId=deployment)


def test_a_canary(v1, mock, bad):
    api, _ = mock
    settings = {"percentTraffic": 50, "stageVariableOverrides": {"a": "2", "b": "3"}, "useStageCache": True}
    needs_name = CANARY + "Non null and non empty stageName must be provided for canary deployment. Provided value is "
    bad(needs_name + "null", v1.create_deployment, restApiId=api, canarySettings=settings)
    bad(needs_name, v1.create_deployment, restApiId=api, stageName="", canarySettings=settings)
    bad(
        CANARY + "Stage prod must already be created before making a canary release deployment",
        v1.create_deployment,
        restApiId=api,
        stageName="prod",
        canarySettings=settings,
    )
    base = v1.create_deployment(restApiId=api, stageName="prod", variables={"a": "1"})["id"]
    canary = v1.create_deployment(
        restApiId=api, stageName="prod", canarySettings=settings, variables={"a": "ignored"}
    )["id"]
    stage = v1.get_stage(restApiId=api, stageName="prod")
    assert stage["deploymentId"] == base
    assert stage["variables"] == {"a": "1"}
    assert stage["canarySettings"] == {"deploymentId": canary, **settings}


def test_pages(v1, mock):
    api, _ = mock
    made = {v1.create_deployment(restApiId=api)["id"] for _ in range(5)}
    pages = list(v1.get_paginator("get_deployments").paginate(restApiId=api, PaginationConfig={"PageSize": 2}))
    assert [len(page["items"]) for page in pages] == [2, 2, 1]
    assert {deployment["id"] for page in pages for deployment in page["items"]} == made
