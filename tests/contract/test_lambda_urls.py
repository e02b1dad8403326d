"""Function URLs: made by boto3, called by their host names and by the path form for clients without them."""

import json

import pytest
from gateway import REGION, SUFFIX
from test_lambda import ROLE, zipped

CODE = """
import json

def handler(event, context):
    asked = json.loads(event["body"]) if event.get("body") else {}
    if "raise" in asked:
        raise ValueError(asked["raise"])
    return asked.get("returns", {"event": event, "arn": context.invoked_function_arn})
"""


ADVICE = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)


def refused(answer):
    """The message of a refusal, which is Lambda's and not API Gateway's."""
    status, fields, content = answer
    assert (status, fields["content-type"]) == (403, "application/json")
    assert fields["x-amzn-errortype"] == "AccessDeniedException"
    told = json.loads(content)
    assert list(told) == ["Message"]
    return told["Message"]


@pytest.fixture
def client(gateway):
    return gateway.client("lambda")


@pytest.fixture
def function(client, name):
    made = client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=ROLE,
        Handler="app.handler",
        Publish=True,
        Code={"ZipFile": zipped(app=CODE)},
    )
    return made["FunctionArn"].rsplit(":", 1)[0]


@pytest.fixture
def serve(gateway, client, name, function):
    """Makes a URL, and gives back how it is called."""

    def serve(permit=True, auth_type="NONE", **config):
        qualifier = {"Qualifier": config["Qualifier"]} if "Qualifier" in config else {}
        made = client.create_function_url_config(FunctionName=name, AuthType=auth_type, **config)
        host = made["FunctionUrl"].removeprefix("https://").removesuffix("/")
        assert host.endswith(f".lambda-url.{REGION}.{SUFFIX}")
        if permit:
            client.add_permission(
                FunctionName=name,
                StatementId="url",
                Action="lambda:InvokeFunctionUrl",
                Principal="*",
                FunctionUrlAuthType="NONE",
                **qualifier,
            )

        def call(method="POST", path="/", body=None, host=host, **fields):
            fields = {"Content-Type": "application/json", **fields}
            return gateway.request(method, path, host=host, body=body, headers=fields)

        call.host = host
        return call

    return serve


def test_a_url_leads_to_its_function(serve, function):
    call = serve()
    status, fields, content = call(path="/pets/5?a=b", body="{}", Cookie="k=v")
    assert (status, fields["content-type"]) == (200, "application/json")
    told = json.loads(content)
    event = told["event"]
    assert told["arn"] == function
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "$default", "/pets/5")
    assert (event["rawQueryString"], event["cookies"], event["body"]) == ("a=b", ["k=v"], "{}")
    context = event["requestContext"]
    url_id = call.host.split(".")[0]
    assert (context["accountId"], context["apiId"], context["stage"]) == ("anonymous", url_id, "$default")
    assert (context["domainName"], context["domainPrefix"]) == (call.host, url_id)
    assert context["http"]["path"] == "/pets/5"


def test_clients_without_such_names_use_a_path(serve):
    call = serve()
    url_id = call.host.split(".")[0]
    status, _, content = call(path=f"/_aws/lambda-url/{url_id}/pets?a=b", host="any.test")
    assert status == 200, content
    assert json.loads(content)["event"]["rawPath"] == "/pets"
    assert refused(call(path="/_aws/lambda-url/none/pets", host="any.test")) is None
    # A URL is no API.
    assert call(path=f"/_aws/execute-api/{url_id}/pets", host="any.test")[0] != 200
    assert call(host=call.host.replace("lambda-url", "execute-api"))[0] != 200


def test_results_are_inferred_and_failures_502(serve):
    call = serve()
    status, _, content = call(body=json.dumps({"returns": "Hello"}))
    assert (status, content) == (200, b"Hello")
    status, fields, content = call(body=json.dumps({"returns": {"statusCode": 201, "cookies": ["a=b"], "body": "x"}}))
    assert (status, fields["set-cookie"], content) == (201, "a=b", b"x")
    assert call(body=json.dumps({"raise": "no"}))[0] == 502
    assert call(body=json.dumps({"returns": {"statusCode": "no"}}))[0] == 502


def test_a_url_needs_a_permission_of_its_own(serve, client, name):
    call = serve(permit=False)
    assert refused(call()) == ADVICE
    assert call(method="HEAD")[2] == b""
    client.add_permission(
        FunctionName=name,
        StatementId="url",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    assert call()[0] == 200
    client.remove_permission(FunctionName=name, StatementId="url")
    assert refused(call()) == ADVICE
    # Rules for browsers change nothing of it.
    client.update_function_url_config(FunctionName=name, Cors={"AllowOrigins": ["https://a.test"]})
    answer = call(Origin="https://a.test")
    assert (refused(answer), answer[1]["access-control-allow-origin"]) == (ADVICE, "https://a.test")


def test_signatures_are_not_looked_at_so_nobody_is_let_in(serve):
    assert refused(serve(auth_type="AWS_IAM")()) == "Forbidden"


def test_rules_for_browsers(serve, client, name):
    call = serve(Cors={"AllowOrigins": ["https://a.test"], "AllowMethods": ["GET"], "MaxAge": 60})
    asks = {"Origin": "https://a.test", "Access-Control-Request-Method": "GET"}
    status, fields, content = call(method="OPTIONS", **asks)
    assert (content, fields["access-control-allow-origin"]) == (b"", "https://a.test")
    assert (fields["access-control-allow-methods"], fields["access-control-max-age"]) == ("GET", "60")
    _, fields, _ = call(method="GET", Origin="https://a.test")
    assert fields["access-control-allow-origin"] == "https://a.test"
    _, fields, _ = call(method="GET", Origin="https://b.test")
    assert "access-control-allow-origin" not in fields
    client.update_function_url_config(FunctionName=name, Cors={})
    # Without rules the function answers preflights itself.
    _, _, content = call(method="OPTIONS", **asks)
    assert json.loads(content)["event"]["requestContext"]["http"]["method"] == "OPTIONS"


def test_an_alias_has_a_url_of_its_own(serve, client, name, function):
    client.create_alias(FunctionName=name, Name="prod", FunctionVersion="1")
    of_alias = serve(Qualifier="prod")
    assert json.loads(of_alias()[2])["arn"] == f"{function}:prod"
    client.delete_alias(FunctionName=name, Name="prod")
    assert refused(of_alias()) is None


def test_a_url_goes_with_its_function(serve, client, name):
    call = serve()
    assert call()[0] == 200
    client.delete_function_url_config(FunctionName=name)
    assert refused(call()) is None
    again = serve(permit=False)
    assert again()[0] == 200
    client.delete_function(FunctionName=name)
    assert refused(again()) is None
