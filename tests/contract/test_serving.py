"""What was made through the management API is served at once, at every address, as deployed."""

import json

import pytest

CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/a"


@pytest.fixture
def proxy(v1, api, root, backend):
    """`ANY /{proxy+}` of a REST API, passed to the back end, deployed as `prod`: the API's id."""
    resource = v1.create_resource(restApiId=api, parentId=root, pathPart="{proxy+}")["id"]
    at = {"restApiId": api, "resourceId": resource, "httpMethod": "ANY"}
    v1.put_method(**at, authorizationType="NONE", requestParameters={"method.request.path.proxy": True})
    v1.put_integration(
        **at,
        type="HTTP_PROXY",
        integrationHttpMethod="ANY",
        uri=backend + "/${stageVariables.base}/{proxy}",
        requestParameters={"integration.request.path.proxy": "method.request.path.proxy"},
    )
    v1.create_deployment(restApiId=api, stageName="prod", variables={"base": "one"})
    return api


def host(api, region="us-east-1"):
    return f"{api}.execute-api.{region}.localhost"


def put_mock(v1, api, resource, body, **more):
    """Makes `GET` of a resource answer a text."""
    at = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
    if "GET" not in v1.get_resource(restApiId=api, resourceId=resource).get("resourceMethods", {}):
        v1.put_method(**at, authorizationType="NONE")
        v1.put_method_response(**at, statusCode="200")
    v1.put_integration(**at, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    v1.put_integration_response(**at, statusCode="200", responseTemplates={"application/json": body})


def test_every_address(gateway, proxy):
    for name, path in (
        (host(proxy), "/prod/a/b?q=1"),
        (host(proxy) + ":8080", "/prod/a/b?q=1"),
        (None, f"/_aws/execute-api/{proxy}/prod/a/b?q=1"),
        (None, f"/restapis/{proxy}/prod/_user_request_/a/b?q=1"),
    ):
        status, _, content = gateway.request("GET", path, host=name)
        assert status == 200, (name, path, content)
        asked = json.loads(content)
        assert (asked["method"], asked["path"]) == ("GET", "/one/a/b?q=1")


@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_verb_with_content(gateway, proxy, verb):
    body = None if verb in ("GET", "DELETE", "OPTIONS") else '{"a":1}'
    status, fields, content = gateway.request(verb, "/prod/x", host=host(proxy), body=body, headers={"X-A": "b"})
    asked = json.loads(content)
    assert (status, asked["method"], asked["body"], asked["headers"]["x-a"]) == (200, verb, body or "", "b")


def test_the_status_of_the_back_end(gateway, v1, proxy, patch):
    v1.update_stage(restApiId=proxy, stageName="prod", patchOperations=patch(("replace", "/variables/base", "status")))
    assert gateway.request("GET", "/prod/404", host=host(proxy))[0] == 404
    assert gateway.request("GET", "/prod/503", host=host(proxy))[0] == 503


def test_refusals_in_amazons_words(gateway, proxy):
    for name, path in ((host(proxy), "/none/x"), (host("unknown123"), "/prod/x"), (host(proxy, "eu-west-1"), "/prod/x")):
        status, _, content = gateway.request("GET", path, host=name)
        assert (status, json.loads(content)) == (403, {"message": "Forbidden"}), (name, path)
    status, fields, content = gateway.request("GET", "/prod", host=host(proxy))
    assert (status, json.loads(content)) == (403, {"message": "Missing Authentication Token"})
    assert fields["x-amzn-errortype"] == "MissingAuthenticationTokenException"


def test_changes_are_served_when_deployed(gateway, v1, api, root):
    put_mock(v1, api, root, "one")
    v1.create_deployment(restApiId=api, stageName="prod")
    get = lambda: gateway.request("GET", "/prod", host=host(api))[::2]
    assert get() == (200, b"one")
    put_mock(v1, api, root, "two")
    assert get() == (200, b"one")
    first = v1.get_stage(restApiId=api, stageName="prod")["deploymentId"]
    v1.create_deployment(restApiId=api, stageName="prod")
    assert get() == (200, b"two")
    # Back, and forth again.
    back = [{"op": "replace", "path": "/deploymentId", "value": first}]
    v1.update_stage(restApiId=api, stageName="prod", patchOperations=back)
    assert get() == (200, b"one")
    v1.delete_stage(restApiId=api, stageName="prod")
    assert get()[0] == 403


def test_stage_variables_are_live(gateway, v1, proxy, patch):
    path = lambda: json.loads(gateway.request("GET", "/prod/x", host=host(proxy))[2])["path"]
    assert path() == "/one/x"
    v1.update_stage(restApiId=proxy, stageName="prod", patchOperations=patch(("replace", "/variables/base", "two")))
    assert path() == "/two/x"


def test_a_canary_takes_all_or_nothing(gateway, v1, api, root):
    put_mock(v1, api, root, "old")
    v1.create_deployment(restApiId=api, stageName="prod")
    put_mock(v1, api, root, "new")
    v1.create_deployment(restApiId=api, stageName="prod", canarySettings={"percentTraffic": 0})
    seen = lambda: {gateway.request("GET", "/prod", host=host(api))[2] for _ in range(20)}
    assert seen() == {b"old"}
    share = lambda value: v1.update_stage(
        restApiId=api,
        stageName="prod",
        patchOperations=[{"op": "replace", "path": "/canarySettings/percentTraffic", "value": value}],
    )
    share("100")
    assert seen() == {b"new"}
    share("50")
    counts = [gateway.request("GET", "/prod", host=host(api))[2] for _ in range(200)].count(b"new")
    assert 50 <= counts <= 150
    share("0")
    copy = [{"op": "copy", "path": "/deploymentId", "from": "/canarySettings/deploymentId"}]
    v1.update_stage(restApiId=api, stageName="prod", patchOperations=copy)
    assert seen() == {b"new"}


def test_custom_domains(gateway, v1, v2, proxy, name):
    domain = f"{name}.serving.example"
    v1.create_domain_name(
        domainName=domain, regionalCertificateArn=CERTIFICATE, endpointConfiguration={"types": ["REGIONAL"]}
    )
    assert gateway.request("GET", "/shop/x", host=domain)[0] in (403, 404)
    v1.create_base_path_mapping(domainName=domain, basePath="shop", restApiId=proxy, stage="prod")
    path = lambda at: json.loads(gateway.request("GET", at, host=domain)[2])["path"]
    assert path("/shop/x") == "/one/x"
    deep = v2.create_api_mapping(DomainName=domain, ApiId=proxy, Stage="prod", ApiMappingKey="shop/deep")
    # The longest one.
    assert path("/shop/deep/y") == "/one/y"
    assert path("/shop/deeper") == "/one/deeper"
    v2.delete_api_mapping(DomainName=domain, ApiMappingId=deep["ApiMappingId"])
    assert path("/shop/deep/y") == "/one/deep/y"
    patches = [{"op": "replace", "path": "/basePath", "value": ""}]
    v1.update_base_path_mapping(domainName=domain, basePath="shop", patchOperations=patches)
    assert path("/shop/x") == "/one/shop/x"
    v1.delete_base_path_mapping(domainName=domain, basePath="(none)")
    assert gateway.request("GET", "/shop/x", host=domain)[0] == 403


def test_routing_rules(gateway, v2, v1, proxy, backend, name):
    domain = f"{name}.rules.example"
    v2.create_domain_name(
        DomainName=domain,
        RoutingMode="ROUTING_RULE_ONLY",
        DomainNameConfigurations=[{"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL"}],
    )
    rule = {
        "DomainName": domain,
        "Conditions": [{"MatchHeaders": {"AnyOf": [{"Header": "x-tenant", "ValueGlob": "a*"}]}}],
        "Actions": [{"InvokeApi": {"ApiId": proxy, "Stage": "prod"}}],
    }
    v2.create_routing_rule(**rule, Priority=5)
    status, _, content = gateway.request("GET", "/x", host=domain, headers={"x-tenant": "abc"})
    assert (status, json.loads(content)["path"]) == (200, "/one/x")
    assert gateway.request("GET", "/x", host=domain, headers={"x-tenant": "b"})[0] in (403, 404)


def test_an_http_api(gateway, v2, http_api, backend):
    integration = v2.create_integration(
        ApiId=http_api,
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="ANY",
        IntegrationUri=backend + "/users/{id}",
        PayloadFormatVersion="1.0",
    )["IntegrationId"]
    get = lambda path: gateway.request("GET", path, host=host(http_api))
    # There is no stage, and then nothing is deployed.
    assert (get("/users/7")[0], json.loads(get("/")[2])) == (404, {"message": "Not Found"})
    v2.create_stage(ApiId=http_api, StageName="$default", AutoDeploy=True)
    assert get("/users/7")[0] == 404
    v2.create_route(ApiId=http_api, RouteKey="GET /other", Target=f"integrations/{integration}")
    assert get("/users/7")[0] == 404
    route = v2.create_route(ApiId=http_api, RouteKey="GET /users/{id}", Target=f"integrations/{integration}")["RouteId"]
    # Deployed by itself, before the answer.
    status, _, content = get("/users/7?q=1")
    assert (status, json.loads(content)["path"]) == (200, "/users/7?q=1")
    status, _, content = gateway.request("POST", "/users/7", host=host(http_api))
    assert (status, json.loads(content)) == (404, {"message": "Not Found"})
    v2.create_stage(ApiId=http_api, StageName="named", DeploymentId=v2.create_deployment(ApiId=http_api)["DeploymentId"])
    assert get("/named/users/8")[0] == 200
    v2.delete_route(ApiId=http_api, RouteId=route)
    assert get("/users/7")[0] == 404
    assert get("/named/users/8")[0] == 200


def test_quick_create(gateway, v2, name, backend):
    api = v2.create_api(Name=name, ProtocolType="HTTP", Target=backend)["ApiId"]
    status, _, content = gateway.request("PUT", "/any/thing?a=b", host=host(api), body="x")
    asked = json.loads(content)
    assert (status, asked["method"], asked["path"], asked["body"]) == (200, "PUT", "/any/thing?a=b", "x")


def test_an_endpoint_that_is_off(gateway, v1, proxy, patch):
    v1.update_rest_api(restApiId=proxy, patchOperations=patch(("replace", "/disableExecuteApiEndpoint", "true")))
    assert gateway.request("GET", "/prod/x", host=host(proxy))[0] == 200
    v1.create_deployment(restApiId=proxy, stageName="prod")
    assert gateway.request("GET", "/prod/x", host=host(proxy))[0] == 403


def test_the_endpoint_of_an_http_api_that_is_off(gateway, v2, backend, name):
    api = v2.create_api(Name=name, ProtocolType="HTTP", Target=backend)["ApiId"]
    manual = v2.create_deployment(ApiId=api)["DeploymentId"]
    v2.create_stage(ApiId=api, StageName="manual", DeploymentId=manual)
    get = lambda path: gateway.request("GET", path, host=host(api))[::2]
    v2.update_api(ApiId=api, DisableExecuteApiEndpoint=True)
    # Stages that deploy by themselves follow at once, others with their next deployment.
    assert get("/x") == (404, b'{"message":"Not Found"}')
    assert get("/manual/x")[0] == 200
    v2.create_deployment(ApiId=api, StageName="manual")
    assert get("/manual/x") == (404, b'{"message":"Not Found"}')


def test_an_api_that_is_deleted(gateway, v1, v2, proxy, name):
    assert gateway.request("GET", "/prod/x", host=host(proxy))[0] == 200
    v1.delete_rest_api(restApiId=proxy)
    assert gateway.request("GET", "/prod/x", host=host(proxy))[0] == 403
    http = v2.create_api(Name=name, ProtocolType="HTTP")["ApiId"]
    assert gateway.request("GET", "/", host=host(http))[0] == 404
    v2.delete_api(ApiId=http)
    assert gateway.request("GET", "/", host=host(http))[0] == 403


def test_regions(gateway, backend, name):
    """Told apart by the signature's scope: what one region has, another has not, nor is it served there."""
    v2 = {region: gateway.client("apigatewayv2", region=region) for region in ("eu-central-1", "ap-south-1")}
    api = v2["eu-central-1"].create_api(Name=name, ProtocolType="HTTP", Target=backend)
    assert ".eu-central-1." in api["ApiEndpoint"]
    id = api["ApiId"]
    with pytest.raises(v2["ap-south-1"].exceptions.NotFoundException):
        v2["ap-south-1"].get_api(ApiId=id)
    assert id not in [item["ApiId"] for item in v2["ap-south-1"].get_apis(MaxResults="500")["Items"]]
    assert gateway.request("GET", "/x", host=host(id, "eu-central-1"))[0] == 200
    assert gateway.request("GET", "/x", host=host(id, "ap-south-1"))[0] == 403
    arn = f"arn:aws:apigateway:eu-central-1::/apis/{id}"
    v2["eu-central-1"].tag_resource(ResourceArn=arn, Tags={"a": "1"})
    assert v2["eu-central-1"].get_api(ApiId=id)["Tags"] == {"a": "1"}
