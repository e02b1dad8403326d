"""APIs of v2: HTTP and WebSocket."""

import pytest
from gateway import SUFFIX

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


def test_create_fills_in(v2, name, answer_of):
    made = v2.create_api(Name=name, ProtocolType="HTTP")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    id = made["ApiId"]
    assert len(id) == 10
    assert answer_of(made) == {
        "ApiId": id,
        "Name": name,
        "ProtocolType": "HTTP",
        "ApiEndpoint": f"https://{id}.execute-api.us-east-1.{SUFFIX}",
        "ApiKeySelectionExpression": "$request.header.x-api-key",
        "RouteSelectionExpression": "$request.method $request.path",
        "DisableExecuteApiEndpoint": False,
        "IpAddressType": "ipv4",
        "CreatedDate": made["CreatedDate"],
        "Tags": {},
    }
    assert answer_of(v2.get_api(ApiId=id)) == answer_of(made)


def test_websocket(v2, name, invalid):
    made = v2.create_api(Name=name, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    assert made["ApiEndpoint"] == f"wss://{made['ApiId']}.execute-api.us-east-1.{SUFFIX}"
    assert made["RouteSelectionExpression"] == "$request.body.action"
    with pytest.raises(v2.exceptions.BadRequestException):
        v2.create_api(Name=name, ProtocolType="WEBSOCKET")


def test_an_unknown_protocol(v2, name, bad):
    bad(
        "Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]", v2.create_api, Name=name, ProtocolType="GRAPHQL"
    )


def test_create_keeps_and_update_changes(v2, name, no_api, answer_of):
    cors = {
        "AllowOrigins": ["https://a.example"],
        "AllowMethods": ["GET", "POST"],
        "AllowHeaders": ["x-a"],
        "ExposeHeaders": ["x-b"],
        "MaxAge": 60,
        "AllowCredentials": True,
    }
    id = v2.create_api(
        Name=name, ProtocolType="HTTP", Description="d", Version="1", Tags={"a": "1"}, CorsConfiguration=cors
    )["ApiId"]
    shown = v2.get_api(ApiId=id)
    assert (shown["Description"], shown["Version"], shown["Tags"]) == ("d", "1", {"a": "1"})
    assert shown["CorsConfiguration"] == cors
    changed = v2.update_api(ApiId=id, Name="renamed", Description="", DisableExecuteApiEndpoint=True)
    assert (changed["Name"], changed["Version"]) == ("renamed", "1")
    assert "Description" not in changed
    assert changed["DisableExecuteApiEndpoint"] is True
    assert changed["CorsConfiguration"] == cors
    assert v2.delete_cors_configuration(ApiId=id)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert "CorsConfiguration" not in v2.get_api(ApiId=id)
    # Also when there is none.
    assert v2.delete_cors_configuration(ApiId=id)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (v2.get_api, v2.delete_api, v2.update_api, v2.delete_cors_configuration, v2.get_routes, v2.get_stages):
        no_api(call, member="ApiId")


@pytest.mark.parametrize(
    "cors",
    [
        {"AllowOrigins": ["*"], "AllowCredentials": True},
        {"AllowOrigins": ["a.example"]},
        {"MaxAge": 86401},
    ],
)
def test_cors_that_is_refused(v2, name, cors):
    with pytest.raises(v2.exceptions.BadRequestException):
        v2.create_api(Name=name, ProtocolType="HTTP", CorsConfiguration=cors)


@pytest.mark.parametrize("age", [-1, 0, 86400])
def test_ages_of_cors(v2, name, age):
    made = v2.create_api(Name=name, ProtocolType="HTTP", CorsConfiguration={"AllowOrigins": ["*"], "MaxAge": age})
    assert made["CorsConfiguration"]["MaxAge"] == age


def test_what_only_one_protocol_has(v2, name):
    with pytest.raises(v2.exceptions.BadRequestException):
        v2.create_api(Name=name, ProtocolType="HTTP", RouteSelectionExpression="$request.body.action")
    for given in ({"CorsConfiguration": {"AllowOrigins": ["*"]}}, {"Target": "https://a.example"}):
        with pytest.raises(v2.exceptions.BadRequestException):
            v2.create_api(
                Name=name, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action", **given
            )


def test_quick_create(v2, name):
    id = v2.create_api(Name=name, ProtocolType="HTTP", Target="https://a.example")["ApiId"]
    (integration,) = v2.get_integrations(ApiId=id)["Items"]
    assert integration["ApiGatewayManaged"] is True
    assert integration["IntegrationType"] == "HTTP_PROXY"
    assert integration["IntegrationMethod"] == "ANY"
    assert integration["IntegrationUri"] == "https://a.example"
    assert integration["PayloadFormatVersion"] == "1.0"
    (route,) = v2.get_routes(ApiId=id)["Items"]
    assert (route["RouteKey"], route["ApiGatewayManaged"]) == ("$default", True)
    assert route["Target"] == f"integrations/{integration['IntegrationId']}"
    (stage,) = v2.get_stages(ApiId=id)["Items"]
    assert (stage["StageName"], stage["AutoDeploy"], stage["ApiGatewayManaged"]) == ("$default", True, True)
    for call, input in (
        (v2.delete_route, {"RouteId": route["RouteId"]}),
        (v2.delete_integration, {"IntegrationId": integration["IntegrationId"]}),
    ):
        with pytest.raises(v2.exceptions.ClientError):
            call(ApiId=id, **input)
    id = v2.create_api(Name=name, ProtocolType="HTTP", Target=FUNCTION, RouteKey="GET /pets")["ApiId"]
    (integration,) = v2.get_integrations(ApiId=id)["Items"]
    assert (integration["IntegrationType"], integration["PayloadFormatVersion"]) == ("AWS_PROXY", "2.0")
    assert v2.get_routes(ApiId=id)["Items"][0]["RouteKey"] == "GET /pets"
    v2.update_api(ApiId=id, Target="https://b.example", RouteKey="GET /dogs")
    assert v2.get_integrations(ApiId=id)["Items"][0]["IntegrationUri"] == "https://b.example"
    assert v2.get_routes(ApiId=id)["Items"][0]["RouteKey"] == "GET /dogs"


def test_delete_takes_everything_along(v2, http_api, missing):
    route = v2.create_route(ApiId=http_api, RouteKey="GET /")["RouteId"]
    v2.create_stage(ApiId=http_api, StageName="prod", AutoDeploy=True)
    assert v2.delete_api(ApiId=http_api)["ResponseMetadata"]["HTTPStatusCode"] == 204
    unknown = f"Invalid API identifier specified 000000000000:{http_api}"
    missing(unknown, v2.get_api, ApiId=http_api)
    missing(unknown, v2.get_route, ApiId=http_api, RouteId=route)
    missing(unknown, v2.get_stage, ApiId=http_api, StageName="prod")


def test_pages(v2, name):
    made = {v2.create_api(Name=name, ProtocolType="HTTP")["ApiId"] for _ in range(3)}
    pages = list(v2.get_paginator("get_apis").paginate(PaginationConfig={"PageSize": 2}))
    found = [api["ApiId"] for page in pages for api in page["Items"]]
    assert made <= set(found) and len(found) == len(set(found))
    assert all(len(page["Items"]) == 2 for page in pages[:-1])


@pytest.mark.parametrize("number", ["0", "501", "-1", "x"])
def test_sizes_of_pages_that_are_refused(v2, number):
    with pytest.raises(v2.exceptions.BadRequestException):
        v2.get_apis(MaxResults=number)


def test_rest_apis_are_not_http_apis(v1, v2, api, http_api, missing):
    missing(f"Invalid API identifier specified 000000000000:{http_api}", v1.get_rest_api, restApiId=http_api)
    missing(f"Invalid API identifier specified 000000000000:{api}", v2.get_api, ApiId=api)


def test_links(v2, name, answer_of, missing):
    made = v2.create_vpc_link(Name=name, SubnetIds=["subnet-1", "subnet-2"], SecurityGroupIds=["sg-1"], Tags={"a": "1"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    id = made["VpcLinkId"]
    assert len(id) == 6
    shown = v2.get_vpc_link(VpcLinkId=id)
    assert shown["Name"] == name
    assert shown["SubnetIds"] == ["subnet-1", "subnet-2"]
    assert shown["SecurityGroupIds"] == ["sg-1"]
    assert shown["Tags"] == {"a": "1"}
    assert (shown["VpcLinkStatus"], shown["VpcLinkVersion"]) == ("AVAILABLE", "V2")
    assert v2.update_vpc_link(VpcLinkId=id, Name="renamed")["Name"] == "renamed"
    other = v2.create_vpc_link(Name=name, SubnetIds=["subnet-1"])["VpcLinkId"]
    page = v2.get_vpc_links(MaxResults="1")
    found = [link["VpcLinkId"] for link in page["Items"]]
    while token := page.get("NextToken"):
        page = v2.get_vpc_links(MaxResults="1", NextToken=token)
        found += [link["VpcLinkId"] for link in page["Items"]]
    assert {id, other} <= set(found) and len(found) == len(set(found))
    assert v2.delete_vpc_link(VpcLinkId=id)["ResponseMetadata"]["HTTPStatusCode"] == 202
    for call in (v2.get_vpc_link, v2.delete_vpc_link, v2.update_vpc_link):
        missing(f"Invalid VpcLink identifier specified {id}", call, VpcLinkId=id)


def test_a_link_in_use_stays(v2, http_api, name, bad):
    link = v2.create_vpc_link(Name=name, SubnetIds=["subnet-1"])["VpcLinkId"]
    integration = v2.create_integration(
        ApiId=http_api,
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="ANY",
        ConnectionType="VPC_LINK",
        ConnectionId=link,
        IntegrationUri="arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/a/b/c",
        PayloadFormatVersion="1.0",
    )["IntegrationId"]
    route = v2.create_route(ApiId=http_api, RouteKey="ANY /x", Target=f"integrations/{integration}")["RouteId"]
    bad(
        f"Cannot delete vpc link. Vpc link '{link}', is referenced in [ANY:{route}] in format of [Method:Resource].",
        v2.delete_vpc_link,
        VpcLinkId=link,
    )


def test_tags(v1, v2, http_api, refused):
    arn = f"arn:aws:apigateway:us-east-1::/apis/{http_api}"
    assert v2.tag_resource(ResourceArn=arn, Tags={"a": "1", "b": "2"})["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert v2.get_tags(ResourceArn=arn)["Tags"] == {"a": "1", "b": "2"}
    assert v2.get_api(ApiId=http_api)["Tags"] == {"a": "1", "b": "2"}
    assert v2.untag_resource(ResourceArn=arn, TagKeys=["a", "none"])["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert v1.get_tags(resourceArn=arn)["tags"] == {"b": "2"}
    v2.create_stage(ApiId=http_api, StageName="prod")
    stage = f"{arn}/stages/prod"
    v1.tag_resource(resourceArn=stage, tags={"c": "3"})
    assert v2.get_stage(ApiId=http_api, StageName="prod")["Tags"] == {"c": "3"}
    with pytest.raises(v2.exceptions.BadRequestException):
        v2.tag_resource(ResourceArn=arn, Tags={"aws:x": "1"})
    with pytest.raises(v2.exceptions.BadRequestException):
        v2.tag_resource(ResourceArn=arn, Tags={f"k{number}": "" for number in range(51)})
    with pytest.raises(v2.exceptions.NotFoundException):
        v2.get_tags(ResourceArn="arn:aws:apigateway:us-east-1::/apis/unknown123")
