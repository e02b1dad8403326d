"""Account settings, VPC links of REST APIs and tags."""

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
