"""Mistakes in mapping templates are found when an API is deployed: logged, or refused by choice."""

import pytest
from botocore.exceptions import ClientError
from gateway import Gateway

GOOD = '{"name": $input.json("$.name")}'
BAD = '{\n  "name": $nmae\n}'


def made(gateway, template, name="findings"):
    """An API with one method whose request template is given."""
    v1 = gateway.client("apigateway")
    api = v1.create_rest_api(name=name)["id"]
    root = v1.get_resources(restApiId=api)["items"][0]["id"]
    place = {"restApiId": api, "resourceId": root, "httpMethod": "POST"}
    v1.put_method(**place, authorizationType="NONE")
    v1.put_integration(
        **place,
        type="HTTP",
        integrationHttpMethod="POST",
        uri="http://127.0.0.1:9/",
        requestTemplates={"application/json": template},
    )
    return v1, api


def test_a_mistake_is_a_warning_with_its_place(tmp_path):
    with Gateway(tmp_path) as gateway:
        v1, api = made(gateway, BAD)
        v1.create_deployment(restApiId=api, stageName="prod")
        v1, api = made(gateway, GOOD, "good")
        v1.create_deployment(restApiId=api, stageName="prod")
    lines = [it for it in gateway.lines if "a template that is deployed has a mistake" in it]
    assert len(lines) == 1, gateway.lines
    assert "POST /, request template for application/json" in lines[0]
    assert "`$nmae` is never set" in lines[0]
    assert "line=2" in lines[0] and "column=11" in lines[0], lines


def test_a_mistake_refuses_a_deployment_where_that_is_said(tmp_path):
    with Gateway(tmp_path, management='template_findings = "error"') as gateway:
        v1, api = made(gateway, BAD)
        with pytest.raises(ClientError) as refused:
            v1.create_deployment(restApiId=api, stageName="prod")
        assert refused.value.response["Error"]["Code"] == "BadRequestException"
        message = refused.value.response["Error"]["Message"]
        assert "POST /, request template for application/json, line 2, column 11: `$nmae`" in message
        assert v1.get_stages(restApiId=api)["item"] == []
        v1, api = made(gateway, GOOD, "good")
        v1.create_deployment(restApiId=api, stageName="prod")
