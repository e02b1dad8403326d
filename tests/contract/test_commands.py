"""The `aws` command, as tutorials print it, and what only it does with answers."""

import json

import pytest


def test_an_http_api_as_in_the_tutorial(gateway, name, backend):
    api = gateway.aws("apigatewayv2", "create-api", "--name", name, "--protocol-type", "HTTP")["ApiId"]
    integration = gateway.aws(
        "apigatewayv2", "create-integration", "--api-id", api, "--integration-type", "HTTP_PROXY",
        "--integration-uri", backend + "/people/{id}", "--integration-method", "ANY", "--payload-format-version", "1.0",
    )["IntegrationId"]  # fmt: skip
    route = gateway.aws(
        "apigatewayv2", "create-route", "--api-id", api, "--route-key", "GET /users/{id}",
        "--target", f"integrations/{integration}",
    )  # fmt: skip
    assert route["RouteKey"] == "GET /users/{id}"
    stage = gateway.aws(
        "apigatewayv2", "create-stage", "--api-id", api, "--stage-name", "$default", "--auto-deploy"
    )
    assert stage["AutoDeploy"] is True
    status, _, content = gateway.request("GET", "/users/5", host=f"{api}.execute-api.us-east-1.localhost")
    assert (status, json.loads(content)["path"]) == (200, "/people/5")
    assert api in [item["ApiId"] for item in gateway.aws("apigatewayv2", "get-apis")["Items"]]
    assert gateway.aws("apigatewayv2", "delete-api", "--api-id", api) == ""


def test_a_rest_api_as_in_the_tutorial(gateway, name, backend):
    made = gateway.aws("apigateway", "create-rest-api", "--name", name, "--description", "My first API")
    api = ["--rest-api-id", made["id"]]
    root = gateway.aws("apigateway", "get-resources", *api)["items"][0]["id"]
    assert root == made["rootResourceId"]
    resource = gateway.aws("apigateway", "create-resource", *api, "--parent-id", root, "--path-part", "pets")["id"]
    method = [*api, "--resource-id", resource, "--http-method", "GET"]
    gateway.aws("apigateway", "put-method", *method, "--authorization-type", "NONE")
    gateway.aws("apigateway", "put-method-response", *method, "--status-code", "200")
    integration = gateway.aws(
        "apigateway", "put-integration", *method, "--type", "HTTP", "--integration-http-method", "GET",
        "--uri", backend + "/all",
    )  # fmt: skip
    assert (integration["type"], integration["httpMethod"]) == ("HTTP", "GET")
    gateway.aws(
        "apigateway", "put-integration-response", *method, "--status-code", "200", "--selection-pattern", ""
    )
    deployment = gateway.aws(
        "apigateway", "create-deployment", *api, "--stage-name", "test", "--description", "first deployment"
    )
    stage = gateway.aws("apigateway", "get-stage", *api, "--stage-name", "test")
    assert stage["deploymentId"] == deployment["id"]
    status, _, content = gateway.request("GET", f"/_aws/execute-api/{made['id']}/test/pets")
    assert (status, json.loads(content)["path"]) == (200, "/all")

    stage = gateway.aws(
        "apigateway", "update-stage", *api, "--stage-name", "test",
        "--patch-operations", "op=replace,path=/methodSettings/*/*/throttlingRateLimit,value=100",
    )  # fmt: skip
    assert stage["methodSettings"]["*/*"]["throttlingRateLimit"] == 100.0
    operations = [{"op": "replace", "path": "/*/*/logging/loglevel", "value": "INFO"}]
    stage = gateway.aws(
        "apigateway", "update-stage", *api, "--stage-name", "test", "--patch-operations", json.dumps(operations)
    )
    assert stage["methodSettings"]["*/*"]["loggingLevel"] == "INFO"
    changed = gateway.aws(
        "apigateway", "update-rest-api", *api, "--patch-operations", "op=replace,path=/description,value=x"
    )
    assert changed["description"] == "x"
    assert gateway.aws("apigateway", "delete-rest-api", *api) == ""
    refused = gateway.aws("apigateway", "get-rest-api", *api, check=False)
    assert refused.returncode != 0
    assert (
        f"An error occurred (NotFoundException) when calling the GetRestApi operation: Invalid API identifier specified"
        f" 000000000000:{made['id']}" in refused.stderr
    )


def test_a_domain_name_as_in_the_tutorial(gateway, name, mock, v1):
    api, _ = mock
    v1.create_deployment(restApiId=api, stageName="prod")
    domain = f"{name}.commands.example"
    made = gateway.aws(
        "apigateway", "create-domain-name", "--domain-name", domain, "--regional-certificate-arn",
        "arn:aws:acm:us-east-1:123456789012:certificate/a", "--endpoint-configuration", "types=REGIONAL",
        "--security-policy", "TLS_1_2",
    )  # fmt: skip
    assert made["domainNameStatus"] == "AVAILABLE"
    mapping = gateway.aws(
        "apigateway", "create-base-path-mapping", "--domain-name", domain, "--rest-api-id", api, "--stage", "prod"
    )
    assert mapping["basePath"] == "(none)"
    assert gateway.request("GET", "/", host=domain)[0] == 200
    v2 = gateway.aws(
        "apigatewayv2", "create-domain-name", "--domain-name", f"v2.{domain}",
        "--domain-name-configurations", "CertificateArn=arn:aws:acm:us-east-1:123456789012:certificate/a",
    )  # fmt: skip
    assert v2["DomainNameConfigurations"][0]["DomainNameStatus"] == "AVAILABLE"


@pytest.fixture(scope="module")
def keys(gateway):
    """Seven API keys: the prefix of their names, and their ids."""
    v1 = gateway.client("apigateway")
    return "commands-", {v1.create_api_key(name=f"commands-{number}")["id"] for number in range(7)}


def test_pages(gateway, keys):
    prefix, ids = keys
    command = ["apigateway", "get-api-keys", "--name-query", prefix]
    for more in ([], ["--page-size", "2"]):
        assert {key["id"] for key in gateway.aws(*command, *more)["items"]} == ids
    first = gateway.aws(*command, "--max-items", "3")
    assert len(first["items"]) == 3
    rest = gateway.aws(*command, "--starting-token", first["NextToken"])
    assert {key["id"] for key in first["items"] + rest["items"]} == ids
    # By hand: one page, and where the next begins.
    page = gateway.aws(*command, "--no-paginate", "--limit", "4")
    assert len(page["items"]) == 4
    page = gateway.aws(*command, "--no-paginate", "--limit", "4", "--position", page["position"])
    assert len(page["items"]) == 3 and "position" not in page


def test_queries_and_text(gateway, keys):
    prefix, ids = keys
    shown = gateway.aws("apigateway", "get-api-keys", "--name-query", prefix, "--query", "items[].id", "--output", "text")
    assert set(shown.split()) == ids


def test_keys_from_a_file(gateway, name, tmp_path):
    file = tmp_path / "keys.csv"
    file.write_text(f"Name,key,description,Enabled\n{name},{name}-value-of-30-characters-or-more,d,true\n")
    done = gateway.aws("apigateway", "import-api-keys", "--format", "csv", "--body", f"fileb://{file}")
    key = gateway.aws("apigateway", "get-api-key", "--api-key", done["ids"][0], "--include-value")
    assert (key["name"], key["enabled"]) == (name, True)


def test_a_method_is_tried(gateway, mock):
    api, root = mock
    tried = gateway.aws(
        "apigateway", "test-invoke-method", "--rest-api-id", api, "--resource-id", root, "--http-method", "GET",
        "--path-with-query-string", "/?a=b",
    )  # fmt: skip
    assert tried["status"] == 200
    assert "Method completed with status: 200" in tried["log"]


def test_files_that_cannot_be_made_yet(gateway, mock, v1, tmp_path):
    """Exports and SDKs come later: the command says so, and leaves no file."""
    api, _ = mock
    v1.create_deployment(restApiId=api, stageName="prod")
    stage = ["--rest-api-id", api, "--stage-name", "prod"]
    for command in (["get-export", *stage, "--export-type", "oas30"], ["get-sdk", *stage, "--sdk-type", "javascript"]):
        out = tmp_path / command[0]
        refused = gateway.aws("apigateway", *command, str(out), check=False)
        assert refused.returncode != 0 and "BadRequestException" in refused.stderr
        assert not out.exists()


def test_tags(gateway, api):
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{api}"
    gateway.aws("apigateway", "tag-resource", "--resource-arn", arn, "--tags", "team=a,stage=b")
    assert gateway.aws("apigateway", "get-tags", "--resource-arn", arn) == {"tags": {"team": "a", "stage": "b"}}
    gateway.aws("apigateway", "untag-resource", "--resource-arn", arn, "--tag-keys", "team")
    assert gateway.aws("apigatewayv2", "get-tags", "--resource-arn", arn) == {"Tags": {"stage": "b"}}


def test_the_loop_over_all_apis(v1, name):
    """As answers to questions print it: by hand, with the position."""
    made = {v1.create_rest_api(name=name)["id"] for _ in range(5)}
    found, position = [], None
    while True:
        page = v1.get_rest_apis(limit=3, **({"position": position} if position else {}))
        found += [api["id"] for api in page["items"]]
        position = page.get("position")
        if not position:
            break
    assert made <= set(found)
    assert len(found) == len(set(found))
    assert made <= {api["id"] for api in v1.get_rest_apis(limit=500)["items"]}


def test_who_calls(gateway):
    assert gateway.aws("sts", "get-caller-identity")["Account"] == "000000000000"
