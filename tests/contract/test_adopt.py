"""`ringgate adopt aws`, with a moto server as Amazon's side."""

import os
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from gateway import BINARY, PATIENCE, REGION, Gateway
from test_apply import ringgate

LAMBDA = (
    f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/"
    f"arn:aws:lambda:{REGION}:123456789012:function:f/invocations"
)


@pytest.fixture
def amazon():
    """A moto server; its address."""
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        begin = time.monotonic()
        for line in server.stdout:
            if found := re.search(r"Running on (http://\S+)", line):
                break
            assert time.monotonic() - begin < PATIENCE, line
        # Nobody may wait for room in the pipe.
        threading.Thread(target=server.stdout.read, daemon=True).start()
        yield found.group(1)
    finally:
        server.kill()
        server.wait(PATIENCE)


def client(amazon, service):
    return boto3.session.Session().client(
        service,
        region_name=REGION,
        endpoint_url=amazon,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def adopt(amazon, *arguments, status=0, **environment):
    ran = subprocess.run(
        [BINARY, "adopt", "aws", "--endpoint", amazon, *arguments],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
    )
    assert ran.returncode == status, ran.stdout + ran.stderr
    return ran.stdout, ran.stderr


KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}


def test_an_account_is_read_applied_and_served(amazon, tmp_path):
    v1 = client(amazon, "apigateway")
    api = v1.create_rest_api(name="pets", endpointConfiguration={"types": ["REGIONAL"]})["id"]
    root = v1.get_resources(restApiId=api)["items"][0]["id"]
    pets = v1.create_resource(restApiId=api, parentId=root, pathPart="pets")["id"]
    at = {"restApiId": api, "resourceId": pets, "httpMethod": "GET"}
    v1.put_method(**at, authorizationType="NONE")
    v1.put_method_response(**at, statusCode="200")
    v1.put_integration(
        **at, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'}
    )
    v1.put_integration_response(
        **at, statusCode="200", responseTemplates={"application/json": '{"pets": 3}'}
    )
    at["httpMethod"] = "POST"
    v1.put_method(**at, authorizationType="AWS_IAM")
    v1.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=LAMBDA)
    v1.create_authorizer(
        restApiId=api,
        name="pool",
        type="COGNITO_USER_POOLS",
        providerARNs=[f"arn:aws:cognito-idp:{REGION}:123456789012:userpool/p"],
        identitySource="method.request.header.Authorization",
    )
    deployment = v1.create_deployment(restApiId=api)["id"]
    v1.create_stage(
        restApiId=api, stageName="prod", deploymentId=deployment, variables={"a": "b"}
    )
    key = v1.create_api_key(name="mobile", enabled=True)["id"]
    plan = v1.create_usage_plan(name="gold", apiStages=[{"apiId": api, "stage": "prod"}])["id"]
    v1.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    v2 = client(amazon, "apigatewayv2")
    http = v2.create_api(Name="orders", ProtocolType="HTTP")["ApiId"]
    integration = v2.create_integration(
        ApiId=http,
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="GET",
        IntegrationUri="http://127.0.0.1:9/",
        PayloadFormatVersion="1.0",
    )["IntegrationId"]
    v2.create_route(ApiId=http, RouteKey="GET /orders", Target=f"integrations/{integration}")
    v2.create_stage(ApiId=http, StageName="$default", AutoDeploy=True)

    adopt(amazon, "--out", tmp_path / "git", **KEYS)
    written = sorted(path.name for path in (tmp_path / "git").iterdir())
    assert written == ["adopt-report.md", "orders.toml", "pets.toml", "shared.toml"]
    report = (tmp_path / "git" / "adopt-report.md").read_text()
    for line in [
        "## Lambda functions",
        f"- pets: POST /pets: {LAMBDA}",
        "## Cognito authorizers",
        "- pets: authorizer pool",
        "## Methods with AWS_IAM authorization",
        "- pets: POST /pets\n",
        "## Values of API keys",
        "- mobile",
        "## What stages serve",
        "- pets: stage prod",
    ]:
        assert line in report, report
    shared = (tmp_path / "git" / "shared.toml").read_text()
    assert 'keys = ["mobile"]' in shared and "value" not in shared

    (tmp_path / "ringgate").mkdir()
    with Gateway(tmp_path / "ringgate") as gateway:
        ringgate(gateway, "apply", tmp_path / "git", "--yes")
        there = gateway.client("apigateway").get_rest_apis()["items"]
        assert [(it["id"], it["name"]) for it in there] == [(api, "pets")], "ids stay as they are"
        status, _, content = gateway.request("GET", f"/_aws/execute-api/{api}/prod/pets")
        assert (status, content) == (200, b'{"pets": 3}')
        assert "Nothing differs" in ringgate(gateway, "apply", tmp_path / "git", "--prune")


def test_one_api_and_credentials_of_a_profile(amazon, tmp_path):
    v1 = client(amazon, "apigateway")
    wanted = v1.create_rest_api(name="wanted")["id"]
    v1.create_rest_api(name="other")
    v1.create_api_key(name="key")
    (tmp_path / "credentials").write_text(
        "[work]\naws_access_key_id = test\naws_secret_access_key = test\n"
    )
    (tmp_path / "config").write_text(f"[profile work]\nregion = {REGION}\n")
    files = {
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
    }
    said, told = adopt(amazon, "--profile", "work", "--api", wanted, **files)
    assert f'region = "{REGION}"' in said and 'name = "wanted"' in said
    assert "other" not in said and "api_key" not in said
    assert "# What was adopted from" in told and "## Edge-optimized endpoints" in told
    _, told = adopt(amazon, "--profile", "none", status=2, **files)
    assert "there are no credentials" in told


def test_more_than_a_page_of_everything_is_read(amazon):
    v1, v2 = client(amazon, "apigateway"), client(amazon, "apigatewayv2")
    for number in range(30):
        v1.create_rest_api(name=f"rest-{number}")
        v2.create_api(Name=f"http-{number}", ProtocolType="HTTP")
    said, _ = adopt(amazon, **KEYS)
    assert said.count("[[rest_api]]") == said.count("[[http_api]]") == 30


class Busy(BaseHTTPRequestHandler):
    """An account in two pages that is throttled every other time, and reads nothing but GET."""

    calls = []

    def do_GET(self):
        self.calls.append(self.path)
        status, body = 200, b'{"item": []}'
        if len(self.calls) % 2:
            status, body = 429, b'{"message": "Too Many Requests"}'
        elif self.path == "/restapis?limit=500":
            body = b'{"item": [{"id": "a", "name": "a"}], "position": "p/1"}'
        elif self.path == "/restapis?limit=500&position=p%2F1":
            body = b'{"item": [{"id": "b", "name": "b"}]}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_throttling_and_pages_are_followed():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        said, _ = adopt(endpoint, "--api", "b", **KEYS)
    finally:
        server.shutdown()
    assert 'name = "b"' in said and 'name = "a"' not in said
    assert Busy.calls.count("/restapis?limit=500&position=p%2F1") == 2
