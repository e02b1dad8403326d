"""Who may call, what is written down about it, and what never is."""

import http.client
import json
import signal
import time

import boto3
import pytest
from botocore.exceptions import ClientError
from gateway import Gateway

CREDENTIALS = """
[[management.credential]]
access_key_id = "AKIDADMIN0000000000A"
secret_access_key = "the-admins-secret-of-40-characters------"
[[management.credential]]
access_key_id = "AKIDREADER000000000B"
secret_access_key = "the-readers-secret-of-40-characters-----"
role = "reader"
[log]
level = "trace"
"""
ADMIN = {"key": "AKIDADMIN0000000000A", "secret": "the-admins-secret-of-40-characters------"}
READER = {"key": "AKIDREADER000000000B", "secret": "the-readers-secret-of-40-characters-----"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A gateway with an administrator and a reader, that logs as much as it can."""
    with Gateway(tmp_path_factory.mktemp("guarded"), more=CREDENTIALS) as gateway:
        yield gateway


def audit(gateway, operation):
    """The lines about an operation, as soon as there are any."""
    file = gateway.folder / "audit.log"
    begin = time.monotonic()
    while time.monotonic() - begin < 10:
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        if found := [line for line in lines if line["operation"] == operation]:
            return found
        time.sleep(0.05)
    raise AssertionError(f"no line about {operation}")


def code(refusal):
    error = refusal.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]


def test_an_administrator_may_and_a_reader_may_read(guarded, name):
    admin, reader = (guarded.client("apigateway", **who) for who in (ADMIN, READER))
    id = admin.create_rest_api(name=name)["id"]
    assert reader.get_rest_api(restApiId=id)["name"] == name
    with pytest.raises(ClientError) as refusal:
        reader.delete_rest_api(restApiId=id)
    assert code(refusal) == ("AccessDeniedException", 403)
    assert "apigateway:DELETE" in refusal.value.response["Error"]["Message"]
    with pytest.raises(ClientError) as refusal:
        guarded.client("apigatewayv2", **READER).create_api(Name=name, ProtocolType="HTTP")
    assert code(refusal) == ("AccessDeniedException", 403)
    assert admin.get_rest_api(restApiId=id)["name"] == name
    for who, end in ((ADMIN, ADMIN["key"]), (READER, READER["key"])):
        assert end in guarded.client("sts", **who).get_caller_identity()["UserId"]


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ({**ADMIN, "secret": READER["secret"]}, "InvalidSignatureException"),
        ({**ADMIN, "key": "AKIDNOBODY000000000C"}, "UnrecognizedClientException"),
    ],
)
def test_wrong_signatures(guarded, who, expected):
    for service, call in (("apigateway", "get_rest_apis"), ("apigatewayv2", "get_apis")):
        with pytest.raises(ClientError) as refusal:
            getattr(guarded.client(service, **who), call)()
        assert code(refusal) == (expected, 403)


def test_no_signature(guarded):
    for headers, expected in (
        ({}, "MissingAuthenticationTokenException"),
        ({"Authorization": "AWS4-HMAC-SHA256 nonsense"}, "IncompleteSignatureException"),
    ):
        connection = http.client.HTTPConnection(guarded.management, timeout=30)
        connection.request("GET", "/restapis", headers=headers)
        response = connection.getresponse()
        body = json.loads(response.read())
        connection.close()
        assert (response.status, response.headers["x-amzn-ErrorType"]) == (403, expected)
        assert body["message"]


def test_session_tokens_are_nobodys(guarded):
    client = boto3.session.Session().client(
        "apigateway",
        region_name="us-east-1",
        endpoint_url=guarded.endpoint,
        aws_access_key_id=ADMIN["key"],
        aws_secret_access_key=ADMIN["secret"],
        aws_session_token="a-token",
    )
    with pytest.raises(ClientError) as refusal:
        client.get_rest_apis()
    assert code(refusal) == ("UnrecognizedClientException", 403)


def test_regions_have_nothing_in_common(guarded, name):
    here = guarded.client("apigateway", region="us-west-2", **ADMIN)
    there = guarded.client("apigateway", region="eu-north-1", **ADMIN)
    id = here.create_rest_api(name=name)["id"]
    with pytest.raises(ClientError) as refusal:
        there.get_rest_api(restApiId=id)
    assert code(refusal) == ("NotFoundException", 404)
    assert there.get_rest_apis()["items"] == []
    key = here.create_api_key(name=name)["id"]
    assert key not in [item["id"] for item in there.get_api_keys()["items"]]


def test_every_write_is_written_down(guarded, name):
    admin = guarded.client("apigateway", region="sa-east-1", **ADMIN)
    answer = admin.create_vpc_link(
        name=name, targetArns=["arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/n/0123456789abcdef"]
    )
    (line,) = audit(guarded, "CreateVpcLink")
    assert line["principal"] == ADMIN["key"]
    assert (line["role"], line["verified"]) == ("admin", True)
    assert (line["region"], line["service"]) == ("sa-east-1", "apigateway")
    assert line["source"].startswith("127.0.0.1:")
    assert line["user_agent"].startswith("Boto3/")
    assert (line["outcome"], line["status"], line["error"]) == ("done", 202, None)
    assert line["request_id"] == answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    assert any(answer["id"] in changed for changed in line["changed"])
    assert line["sequence"] >= 1
    with pytest.raises(ClientError):
        admin.delete_usage_plan(usagePlanId="unknown")
    (line,) = audit(guarded, "DeleteUsagePlan")
    assert (line["outcome"], line["status"], line["error"]) == ("refused", 404, "NotFoundException")
    assert line["changed"] == []
    lines = [json.loads(text) for text in (guarded.folder / "audit.log").read_text().splitlines()]
    assert [line["sequence"] for line in lines] == list(range(1, len(lines) + 1))
    # Reading is no write.
    assert not [line for line in lines if line["operation"].startswith("Get")]


def test_nothing_secret_is_logged(guarded, name):
    value = "a-value-that-no-log-may-ever-hold"
    admin = guarded.client("apigateway", **ADMIN)
    made = admin.create_api_key(name=name, value=value, enabled=True)
    assert admin.get_api_key(apiKey=made["id"], includeValue=True)["value"] == value
    imported = "an-imported-value-that-no-log-may-hold"
    admin.import_api_keys(format="csv", body=f"name,key\n{name},{imported}\n")
    with pytest.raises(ClientError):
        admin.create_api_key(name=name, value=value)
    given = admin.create_api_key(name=name)["value"]
    plan = admin.create_usage_plan(name=name)["id"]
    admin.create_usage_plan_key(usagePlanId=plan, keyId=made["id"], keyType="API_KEY")
    admin.generate_client_certificate()
    admin.create_domain_name(
        domainName=f"{name}.example",
        certificateName="c",
        certificateBody="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        certificatePrivateKey="-----BEGIN PRIVATE KEY-----\nthe-private-key\n-----END PRIVATE KEY-----",
    )
    guarded.request("GET", "/x", headers={"x-api-key": value})
    assert audit(guarded, "CreateDomainName")
    logged = "\n".join(guarded.lines) + (guarded.folder / "audit.log").read_text()
    # It does log, and much.
    assert any(" TRACE " in line for line in guarded.lines) and any(" DEBUG " in line for line in guarded.lines)
    for secret in (value, imported, given, ADMIN["secret"], READER["secret"], "the-private-key", "PRIVATE KEY"):
        assert secret not in logged, secret


def test_files_are_for_their_owner(guarded):
    for file in ("ringgate.db", "audit.log"):
        assert (guarded.folder / file).stat().st_mode & 0o007 == 0, file


def test_too_many_calls(tmp_path):
    with Gateway(tmp_path) as gateway:
        file = tmp_path / "ringgate.toml"
        file.write_text(file.read_text().replace("= 100000", "= 3"))
        gateway.child.send_signal(signal.SIGHUP)
        time.sleep(1)
        v1 = gateway.client("apigateway")
        with pytest.raises(ClientError) as refusal:
            for _ in range(20):
                v1.get_account()
        assert code(refusal) == ("TooManyRequestsException", 429)
        headers = refusal.value.response["ResponseMetadata"]["HTTPHeaders"]
        assert int(headers["retry-after"]) >= 1
        # An SDK that may try again gets through.
        assert gateway.client("apigateway", retries=5).get_account()["features"] == ["UsagePlans"]


def test_too_much_content(gateway):
    v1 = gateway.client("apigateway")
    with pytest.raises(ClientError) as refusal:
        v1.create_rest_api(name="x", description="a" * (11 << 20))
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
