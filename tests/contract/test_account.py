"""Account settings, VPC links of REST APIs and tags."""

import pytest

ROLE = "arn:aws:iam::123456789012:role/logs"
TARGET = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/nlb/0123456789abcdef"


def test_account(gateway, refused):
    v1 = gateway.client("apigateway", region="eu-west-1")
    account = v1.get_account()
    assert account["throttleSettings"] == {"burstLimit": 5000, "rateLimit": 10000.0}
    assert account["features"] == ["UsagePlans"]
    patch = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": ROLE}]
    assert v1.update_account(patchOperations=patch)["cloudwatchRoleArn"] == ROLE
    assert v1.get_account()["cloudwatchRoleArn"] == ROLE
    # Another region has an account of its own.
    assert "cloudwatchRoleArn" not in gateway.client("apigateway", region="eu-west-2").get_account()
    patch = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": "nonsense"}]
    refused(
        "BadRequestException", 400, "The role ARN is not well formed", v1.update_account, patchOperations=patch
    )


def test_vpc_links(v1, refused, name):
    link = v1.create_vpc_link(name=name, targetArns=[TARGET], tags={"a": "1"})
    assert link["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert link["status"] == "PENDING"
    id = link["id"]
    link = v1.get_vpc_link(vpcLinkId=id)
    assert (link["status"], link["targetArns"], link["tags"]) == ("AVAILABLE", [TARGET], {"a": "1"})
    assert id in [link["id"] for page in v1.get_paginator("get_vpc_links").paginate() for link in page["items"]]
    patch = [{"op": "replace", "path": "/description", "value": "new"}]
    assert v1.update_vpc_link(vpcLinkId=id, patchOperations=patch)["description"] == "new"
    assert v1.delete_vpc_link(vpcLinkId=id)["ResponseMetadata"]["HTTPStatusCode"] == 202
    refused("NotFoundException", 404, "Invalid Vpc Link identifier specified", v1.get_vpc_link, vpcLinkId=id)


def test_tags(v1, v2, name):
    id = v1.create_vpc_link(name=name, targetArns=[TARGET])["id"]
    arn = f"arn:aws:apigateway:us-east-1::/vpclinks/{id}"
    v1.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    assert v1.get_tags(resourceArn=arn)["tags"] == {"a": "1", "b": "2"}
    v1.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert v2.get_tags(ResourceArn=arn)["Tags"] == {"b": "2"}


def test_the_aws_command(gateway, name):
    link = gateway.aws("apigateway", "create-vpc-link", "--name", name, "--target-arns", TARGET)
    shown = gateway.aws("apigateway", "get-vpc-link", "--vpc-link-id", link["id"])
    assert shown["name"] == name


def test_vpc_links_that_are_refused(v1, refused, name, mock):
    def bad(message, call, **input):
        refused("BadRequestException", 400, message, call, **input)

    bad("More than one target arn specified for vpc link.", v1.create_vpc_link, name=name, targetArns=[TARGET, TARGET])
    bad("Invalid ARN. ARN is not well formed nonsense", v1.create_vpc_link, name=name, targetArns=["nonsense"])
    bad("Name cannot be empty", v1.create_vpc_link, name="", targetArns=[TARGET])
    id = v1.create_vpc_link(name=name, targetArns=[TARGET])["id"]
    shown = v1.get_vpc_link(vpcLinkId=id)
    assert shown["statusMessage"] == "Your vpc link is ready for use"
    patch = [{"op": "add", "path": "/targetArns", "value": TARGET}]
    bad("Target arns are not allowed to be changed/added.", v1.update_vpc_link, vpcLinkId=id, patchOperations=patch)
    unknown = "Invalid Vpc Link identifier specified"
    for call, input in ((v1.delete_vpc_link, {}), (v1.update_vpc_link, {"patchOperations": []})):
        refused("NotFoundException", 404, unknown, call, vpcLinkId="unknown", **input)
    api, root = mock
    v1.put_integration(
        restApiId=api,
        resourceId=root,
        httpMethod="GET",
        type="HTTP_PROXY",
        integrationHttpMethod="GET",
        uri="http://a.example",
        connectionType="VPC_LINK",
        connectionId=id,
    )
    v1.create_deployment(restApiId=api, stageName="prod")
    with pytest.raises(v1.exceptions.BadRequestException) as refusal:
        v1.delete_vpc_link(vpcLinkId=id)
    message = refusal.value.response["Error"]["Message"]
    assert message.startswith(f"Cannot delete vpc link. Vpc link '{id}', is referenced in [")


def test_the_accounts_role_is_cleared(gateway):
    v1 = gateway.client("apigateway", region="eu-west-3")
    patch = lambda value: [{"op": "replace", "path": "/cloudwatchRoleArn", "value": value}]
    v1.update_account(patchOperations=patch(ROLE))
    assert "cloudwatchRoleArn" not in v1.update_account(patchOperations=patch(""))
    assert "cloudwatchRoleArn" not in v1.get_account()
    with pytest.raises(v1.exceptions.BadRequestException):
        v1.update_account(patchOperations=[{"op": "replace", "path": "/throttleSettings/rateLimit", "value": "1"}])


def test_tags_of_every_kind(v1, name, mock, refused):
    """What can be tagged is tagged by the ARN that Terraform computes."""
    api, _ = mock
    v1.create_deployment(restApiId=api, stageName="prod")
    certificate = "arn:aws:acm:us-east-1:000000000000:certificate/a"
    v1.create_domain_name(domainName=f"{name}.tags.example", certificateArn=certificate)
    things = [
        f"restapis/{api}",
        f"restapis/{api}/stages/prod",
        f"apikeys/{v1.create_api_key(name=name)['id']}",
        f"usageplans/{v1.create_usage_plan(name=name)['id']}",
        f"domainnames/{name}.tags.example",
        f"vpclinks/{v1.create_vpc_link(name=name, targetArns=[TARGET])['id']}",
        f"clientcertificates/{v1.generate_client_certificate()['clientCertificateId']}",
    ]
    for thing in things:
        arn = f"arn:aws:apigateway:us-east-1::/{thing}"
        answer = v1.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
        v1.tag_resource(resourceArn=arn, tags={"b": "3"})
        assert v1.get_tags(resourceArn=arn)["tags"] == {"a": "1", "b": "3"}, thing
        v1.untag_resource(resourceArn=arn, tagKeys=["a", "b"])
        assert v1.get_tags(resourceArn=arn)["tags"] == {}, thing
    with pytest.raises(v1.exceptions.NotFoundException):
        v1.get_tags(resourceArn="arn:aws:apigateway:us-east-1::/restapis/unknown123")
    with pytest.raises(v1.exceptions.ClientError):
        v1.get_tags(resourceArn="nonsense")
    with pytest.raises(v1.exceptions.BadRequestException):
        v1.tag_resource(resourceArn=f"arn:aws:apigateway:us-east-1::/restapis/{api}", tags={"aws:x": "1"})
