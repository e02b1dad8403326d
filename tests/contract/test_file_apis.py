"""APIs of the configuration file show in the management API, and change only with the file."""

import signal
import time

import pytest
from botocore.exceptions import ClientError
from gateway import CONFIGURATION, Gateway

FILE = """
[[api]]
name = "shop"
protocol = "http"
base_path = "/shop"
[[api.route]]
route = "GET /hello"
integration = { type = "mock", status = 200, body = "hello" }
[[api]]
name = "old"
protocol = "rest"
base_path = "/old"
[[api.route]]
route = "GET /pets/{id}"
integration = { type = "mock", status = 200, body = "a pet" }
"""


@pytest.fixture
def shown(tmp_path):
    with Gateway(tmp_path, more=FILE) as gateway:
        yield gateway


def test_they_are_shown(shown):
    v1, v2 = shown.client("apigateway"), shown.client("apigatewayv2")
    [api] = v2.get_apis()["Items"]
    assert (api["Name"], api["ProtocolType"], api["Tags"]) == ("shop", "HTTP", {"ringgate:source": "file"})
    [route] = v2.get_routes(ApiId=api["ApiId"])["Items"]
    assert route["RouteKey"] == "GET /hello"
    [integration] = v2.get_integrations(ApiId=api["ApiId"])["Items"]
    assert integration["IntegrationType"] == "MOCK"
    assert [stage["StageName"] for stage in v2.get_stages(ApiId=api["ApiId"])["Items"]] == ["$default"]
    [api] = v1.get_rest_apis()["items"]
    assert api["name"] == "old"
    resources = v1.get_resources(restApiId=api["id"], embed=["methods"])["items"]
    assert sorted(resource["path"] for resource in resources) == ["/", "/pets", "/pets/{id}"]
    # Another region has none of them.
    assert shown.client("apigatewayv2", region="eu-west-1").get_apis()["Items"] == []


def test_they_are_read_only(shown):
    v1, v2 = shown.client("apigateway"), shown.client("apigatewayv2")
    http = v2.get_apis()["Items"][0]["ApiId"]
    rest = v1.get_rest_apis()["items"][0]
    for call, input in [
        (v2.update_api, {"ApiId": http, "Name": "new"}),
        (v2.delete_api, {"ApiId": http}),
        (v2.create_route, {"ApiId": http, "RouteKey": "GET /new"}),
        (v1.delete_rest_api, {"restApiId": rest["id"]}),
        (v1.create_resource, {"restApiId": rest["id"], "parentId": rest["rootResourceId"], "pathPart": "x"}),
    ]:
        with pytest.raises(ClientError, match="declared in ringgate's configuration file") as refusal:
            call(**input)
        assert refusal.value.response["Error"]["Code"] == "BadRequestException"
    assert v2.get_apis()["Items"][0]["Name"] == "shop"
    assert shown.request("GET", "/shop/hello")[2] == b"hello"


def test_they_follow_the_file(shown):
    v2 = shown.client("apigatewayv2")
    made = v2.create_api(Name="made", ProtocolType="HTTP")["ApiId"]
    configuration = CONFIGURATION.format(store="sqlite:ringgate.db", management="") + FILE.replace('"shop"', '"store"')
    (shown.folder / "ringgate.toml").write_text(configuration)
    shown.child.send_signal(signal.SIGHUP)
    for _ in range(200):
        names = sorted(api["Name"] for api in v2.get_apis()["Items"])
        if names == ["made", "store"]:
            break
        time.sleep(0.05)
    assert names == ["made", "store"]
    # Not stored: a start without them shows what was made, and nothing else.
    shown.stop()
    with Gateway(shown.folder) as again:
        assert [api["ApiId"] for api in again.client("apigatewayv2").get_apis()["Items"]] == [made]
