"""VPC links: private integrations of REST and HTTP APIs, to back ends that the file declares."""

import http.server
import json
import ssl
import subprocess
import threading

import pytest
from conftest import Echo
from gateway import REGION, Gateway

NAME = "orders.internal"
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/orders/0123456789abcdef"
LISTENER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/orders/0123456789abcdef/0123456789abcdef"

MORE = """
[[upstream]]
name = "plain"
targets = ["{plain}"]
[[upstream]]
name = "secure"
targets = ["{secure}"]
tls = {{ ca = "{ca}" }}
[[upstream]]
name = "nobody"
targets = ["127.0.0.1:1"]
[[vpc_link]]
link = "by-name"
upstream = "plain"
[[vpc_link]]
link = "secure"
upstream = "secure"
[[vpc_link]]
target = "{balancer}"
upstream = "secure"
[[vpc_link]]
target = "{listener}"
upstream = "plain"
[[vpc_link]]
link = "nobody"
upstream = "nobody"
"""


def serve(context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A gateway in front of a plain back end and of one with TLS, whose certificate is for `NAME`."""
    folder = tmp_path_factory.mktemp("private")
    command = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={NAME} -keyout key.pem -out cert.pem"
    more = ["-addext", f"subjectAltName=DNS:{NAME}", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(["openssl", *command.split(), *more], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    servers = [serve(), serve(context)]
    plain, secure = (f"127.0.0.1:{server.server_address[1]}" for server in servers)
    file = MORE.format(plain=plain, secure=secure, ca=folder / "cert.pem", balancer=BALANCER, listener=LISTENER)
    with Gateway(folder, more=file) as gateway:
        gateway.plain, gateway.secure = plain, secure
        yield gateway
    for server in servers:
        server.shutdown()


def port(address):
    return int(address.rsplit(":", 1)[1])


class Rest:
    """A REST API with one method, whose integration is put and deployed anew."""

    def __init__(self, gateway):
        self.gateway, self.client = gateway, gateway.client("apigateway")
        self.api = self.client.create_rest_api(name="private")["id"]
        root = self.client.get_resources(restApiId=self.api)["items"][0]["id"]
        orders = self.client.create_resource(restApiId=self.api, parentId=root, pathPart="orders")["id"]
        order = self.client.create_resource(restApiId=self.api, parentId=orders, pathPart="{id}")["id"]
        self.at = {"restApiId": self.api, "resourceId": order, "httpMethod": "POST"}
        self.client.put_method(**self.at, authorizationType="NONE", requestParameters={"method.request.path.id": True})

    def link(self, name, target=BALANCER):
        return self.client.create_vpc_link(name=name, targetArns=[target])["id"]

    def put(self, link, uri, kind="HTTP_PROXY", variables=None, **more):
        self.client.put_integration(
            **self.at,
            type=kind,
            integrationHttpMethod="PUT",
            connectionType="VPC_LINK",
            connectionId=link,
            uri=uri,
            requestParameters={"integration.request.path.id": "method.request.path.id"},
            **more,
        )
        if kind == "HTTP":
            self.client.put_method_response(**self.at, statusCode="200")
            self.client.put_integration_response(
                **self.at, statusCode="200", responseTemplates={"application/json": "$input.json('$.path')"}
            )
        self.client.create_deployment(restApiId=self.api, stageName="prod", variables=variables or {})

    def call(self, path="/orders/7", body='{"a": 1}'):
        host = f"{self.api}.execute-api.{REGION}.localhost"
        fields = {"Content-Type": "application/json"}
        status, _, content = self.gateway.request("POST", f"/prod{path}", host=host, body=body, headers=fields)
        return status, json.loads(content)


@pytest.fixture
def rest(local):
    return Rest(local)


def test_a_rest_api_calls_the_upstream_behind_its_link(rest, local):
    other = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/other/0123456789abcdef"
    link = rest.link("by-name", other)
    rest.put(link, "http://balancer.test:8080/v1/{id}?fixed=1")
    status, asked = rest.call("/orders/7?q=x")
    assert status == 200
    assert (asked["method"], asked["path"]) == ("PUT", "/v1/7?fixed=1&q=x")
    assert asked["headers"]["host"] == "balancer.test:8080", "the URI says who is asked for"
    assert (asked["port"], asked["body"]) == (port(local.plain), '{"a": 1}')
    # A test call is the same call.
    tried = rest.client.test_invoke_method(**rest.at, pathWithQueryString="/orders/7?q=x", body='{"a": 1}')
    assert tried["status"] == 200, tried["log"]
    told = json.loads(tried["body"])
    assert (told["path"], told["port"], told["headers"]["host"]) == (
        asked["path"],
        asked["port"],
        asked["headers"]["host"],
    )
    # A stage variable says which link.
    rest.put("${stageVariables.link}", "http://balancer.test/{id}", variables={"link": link})
    assert rest.call()[1]["path"] == "/7"


def test_a_rest_apis_certificate_is_for_the_uris_host(rest, local):
    link = rest.link("nothing of the file")
    rest.put(link, f"https://{NAME}/v1/{{id}}", kind="HTTP", requestTemplates={"application/json": "{}"})
    assert rest.call() == (200, "/v1/7")
    tried = rest.client.test_invoke_method(**rest.at, pathWithQueryString="/orders/7")
    assert (tried["status"], tried["body"]) == (200, '"/v1/7"'), tried["log"]
    rest.put(link, "https://other.internal/v1/{id}")
    assert rest.call() == (504, {"message": "Network error communicating with endpoint"})
    tried = rest.client.test_invoke_method(**rest.at, pathWithQueryString="/orders/7")
    assert tried["status"] == 504 and "TLS handshake" in tried["log"]
    rest.put(link, "https://other.internal/v1/{id}", tlsConfig={"insecureSkipVerification": True})
    status, asked = rest.call()
    assert (status, asked["port"], asked["headers"]["host"]) == (200, port(local.secure), "other.internal")


def test_a_rest_apis_link_that_leads_nowhere_is_500(rest, local):
    other = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/nowhere/0123456789abcdef"
    rest.put(rest.link("nowhere", other), "http://balancer.test/{id}")
    assert rest.call() == (500, {"message": "Internal server error"})
    assert 'declare `[[vpc_link]]` with `link = "nowhere"`' in "\n".join(local.lines).replace('\\', '')
    rest.put(rest.link("nobody", other), "http://balancer.test/{id}")
    assert rest.call()[0] == 504, "nobody listens there"


class Http:
    """An HTTP API with a stage and one route for everything."""

    def __init__(self, gateway, stage):
        self.gateway, self.stage, self.client = gateway, stage, gateway.client("apigatewayv2")
        self.api = self.client.create_api(Name="private", ProtocolType="HTTP")["ApiId"]
        self.client.create_stage(ApiId=self.api, StageName=stage, AutoDeploy=True)

    def put(self, link, uri, **more):
        integration = self.client.create_integration(
            ApiId=self.api,
            IntegrationType="HTTP_PROXY",
            IntegrationMethod="ANY",
            ConnectionType="VPC_LINK",
            ConnectionId=link,
            IntegrationUri=uri,
            PayloadFormatVersion="1.0",
            **more,
        )["IntegrationId"]
        routes = self.client.get_routes(ApiId=self.api)["Items"]
        target = f"integrations/{integration}"
        if routes:
            self.client.update_route(ApiId=self.api, RouteId=routes[0]["RouteId"], Target=target)
        else:
            self.client.create_route(ApiId=self.api, RouteKey="ANY /{proxy+}", Target=target)

    def call(self, path):
        host = f"{self.api}.execute-api.{REGION}.localhost"
        stage = "" if self.stage == "$default" else f"/{self.stage}"
        status, _, content = self.gateway.request("POST", stage + path, host=host, body="content")
        return status, json.loads(content)


@pytest.mark.parametrize(("stage", "front"), [("$default", ""), ("prod", "/prod")])
def test_an_http_api_calls_the_upstream_behind_a_listener(local, stage, front):
    api = Http(local, stage)
    link = api.client.create_vpc_link(Name="nothing of the file", SubnetIds=["subnet-1"])["VpcLinkId"]
    api.put(link, LISTENER)
    status, asked = api.call("/orders/7?q=x")
    assert (status, asked["method"], asked["path"]) == (200, "POST", f"{front}/orders/7?q=x")
    assert (asked["port"], asked["body"]) == (port(local.plain), "content")
    api.put(link, LISTENER, RequestParameters={"overwrite:path": "$request.path"})
    assert api.call("/orders/7?q=x")[1]["path"] == "/orders/7?q=x"


def test_an_http_apis_certificate_is_for_the_name_to_verify(local):
    api = Http(local, "$default")
    link = api.client.create_vpc_link(Name="secure", SubnetIds=["subnet-1"])["VpcLinkId"]
    elsewhere = LISTENER.replace("/orders/", "/others/")
    api.put(link, elsewhere, TlsConfig={"ServerNameToVerify": NAME})
    status, asked = api.call("/orders")
    assert (status, asked["port"]) == (200, port(local.secure))
    api.put(link, elsewhere, TlsConfig={"ServerNameToVerify": "other.internal"})
    assert api.call("/orders")[0] in (502, 503)
    # The name means TLS, which this back end has not.
    plain = api.client.create_vpc_link(Name="by-name", SubnetIds=["subnet-1"])["VpcLinkId"]
    api.put(plain, elsewhere, TlsConfig={"ServerNameToVerify": NAME})
    assert api.call("/orders")[0] in (502, 503)
    api.put(plain, elsewhere)
    assert api.call("/orders")[0] == 200


def test_an_http_apis_link_that_leads_nowhere_is_500(local):
    api = Http(local, "$default")
    link = api.client.create_vpc_link(Name="nowhere", SubnetIds=["subnet-1"])["VpcLinkId"]
    elsewhere = LISTENER.replace("/orders/", "/nowhere/")
    api.put(link, elsewhere)
    assert api.call("/orders") == (500, {"message": "Internal Server Error"})
    assert f'`target = "{elsewhere}"`' in "\n".join(local.lines).replace('\\', '')
