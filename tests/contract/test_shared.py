"""What REST, HTTP and WebSocket APIs share: keys and plans, domain names, certificates, VPC links."""

import datetime
import time

import pytest

CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/1"


def status(answer):
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def replace(path, value):
    return [{"op": "replace", "path": path, "value": value}]


@pytest.fixture
def rest_api(v1, name):
    """A REST API with the stage `prod`."""
    id = v1.create_rest_api(name=name)["id"]
    root = v1.get_resources(restApiId=id)["items"][0]["id"]
    v1.put_method(restApiId=id, resourceId=root, httpMethod="GET", authorizationType="NONE")
    v1.put_integration(restApiId=id, resourceId=root, httpMethod="GET", type="MOCK")
    v1.create_deployment(restApiId=id, stageName="prod")
    return id


def test_api_keys(v1, refused, name):
    key = v1.create_api_key(name=name, value="", enabled=True, tags={"a": "1"})
    assert status(key) == 201
    assert len(key["value"]) == 40
    assert isinstance(key["createdDate"], datetime.datetime)
    shown = v1.get_api_key(apiKey=key["id"])
    assert "value" not in shown
    assert v1.get_api_key(apiKey=key["id"], includeValue=True)["value"] == key["value"]
    pages = v1.get_paginator("get_api_keys").paginate(nameQuery=name, includeValues=True)
    assert [found["value"] for page in pages for found in page["items"]] == [key["value"]]
    refused("ConflictException", 409, "API Key already exists", v1.create_api_key, value=key["value"])
    refused(
        "BadRequestException",
        400,
        "API Key value should be at least 20 characters",
        v1.create_api_key,
        value="short",
    )
    assert v1.update_api_key(apiKey=key["id"], patchOperations=replace("/enabled", "false"))["enabled"] is False
    assert status(v1.delete_api_key(apiKey=key["id"])) == 202
    refused("NotFoundException", 404, "Invalid API Key identifier specified", v1.get_api_key, apiKey=key["id"])


def test_keys_from_a_file(gateway, v1, name, tmp_path):
    plan = v1.create_usage_plan(name=name)["id"]
    file = tmp_path / "keys.csv"
    file.write_text(f"Key,name,usageplanIds,Enabled\n{name + 'x' * 30},{name},\"{plan}\",TRUE\n{name},{name},,\n")
    answer = gateway.aws("apigateway", "import-api-keys", "--format", "csv", "--body", f"fileb://{file}")
    assert len(answer["ids"]) == 1
    assert answer["warnings"] == ["Line 3: API Key value should be at least 30 characters"]
    assert [key["id"] for key in v1.get_usage_plan_keys(usagePlanId=plan)["items"]] == answer["ids"]


def test_usage_plans(v1, refused, rest_api, name):
    stage = {"apiId": rest_api, "stage": "prod", "throttle": {"/GET": {"rateLimit": 1.5, "burstLimit": 2}}}
    plan = v1.create_usage_plan(
        name=name, apiStages=[stage], quota={"limit": 10, "period": "MONTH"}, throttle={"rateLimit": 1, "burstLimit": 1}
    )
    assert status(plan) == 201
    assert plan["apiStages"] == [stage]
    assert plan["quota"] == {"limit": 10, "offset": 0, "period": "MONTH"}
    id = plan["id"]
    key = v1.create_api_key(name=name)
    attached = v1.create_usage_plan_key(usagePlanId=id, keyId=key["id"], keyType="API_KEY")
    assert (attached["id"], attached["type"], attached["value"]) == (key["id"], "API_KEY", key["value"])
    assert [found["id"] for found in v1.get_usage_plans(keyId=key["id"])["items"]] == [id]
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    usage = v1.get_usage(usagePlanId=id, startDate=today, endDate=today)
    assert usage["items"] == {key["id"]: [[0, 10]]}
    usage = v1.update_usage(usagePlanId=id, keyId=key["id"], patchOperations=replace("/remaining", "50"))
    assert usage["items"] == {key["id"]: [[0, 50]]}
    refused(
        "BadRequestException",
        400,
        f"Cannot delete Usage Plan {id} because there are API Stages associated with it, including {rest_api}:prod",
        v1.delete_usage_plan,
        usagePlanId=id,
    )
    away = [{"op": "remove", "path": "/apiStages", "value": f"{rest_api}:prod"}]
    assert v1.update_usage_plan(usagePlanId=id, patchOperations=away)["apiStages"] == []
    assert status(v1.delete_usage_plan(usagePlanId=id)) == 202
    refused("NotFoundException", 404, "Invalid Usage Plan ID specified", v1.get_usage_plan, usagePlanId=id)


def test_a_deleted_api_leaves_its_plans(v1, rest_api, name):
    stages = [{"apiId": rest_api, "stage": "prod"}]
    plan = v1.create_usage_plan(name=name, apiStages=stages)["id"]
    v1.delete_rest_api(restApiId=rest_api)
    assert v1.get_usage_plan(usagePlanId=plan)["apiStages"] == []


def test_domain_names_of_v1(v1, refused, rest_api, name):
    domain = f"{name}.example"
    made = v1.create_domain_name(domainName=domain, certificateArn=CERTIFICATE, tags={"a": "1"})
    assert (status(made), made["endpointConfiguration"]["types"]) == (201, ["EDGE"])
    assert made["domainNameStatus"] == "AVAILABLE"
    taken = "The domain name you provided already exists."
    refused("BadRequestException", 400, taken, v1.create_domain_name, domainName=domain)
    moved = v1.update_domain_name(
        domainName=domain, patchOperations=replace("/endpointConfiguration/types/EDGE", "REGIONAL")
    )
    assert moved["endpointConfiguration"]["types"] == ["REGIONAL"]
    mapping = v1.create_base_path_mapping(domainName=domain, basePath="", restApiId=rest_api, stage="prod")
    assert (status(mapping), mapping["basePath"]) == (201, "(none)")
    assert v1.get_base_path_mapping(domainName=domain, basePath="(none)")["stage"] == "prod"
    refused(
        "BadRequestException",
        400,
        f"Deleting RestApi {rest_api} failed. Please remove all base path mappings related to the RestApi in your domains: {domain}",
        v1.delete_rest_api,
        restApiId=rest_api,
    )
    renamed = v1.update_base_path_mapping(
        domainName=domain, basePath="(none)", patchOperations=replace("/basePath", "v1")
    )
    assert renamed["basePath"] == "v1"
    pages = v1.get_paginator("get_base_path_mappings").paginate(domainName=domain)
    assert [found["basePath"] for page in pages for found in page["items"]] == ["v1"]
    assert v1.get_tags(resourceArn=made["domainNameArn"])["tags"] == {"a": "1"}
    assert status(v1.delete_domain_name(domainName=domain)) == 202
    unknown = "Invalid domain name identifier specified"
    refused("NotFoundException", 404, unknown, v1.get_domain_name, domainName=domain)


def test_private_domain_names(v1, v2, refused, rest_api, name):
    domain = f"{name}.example"
    policy = '{"Version":"2012-10-17","Statement":[]}'
    made = v1.create_domain_name(
        domainName=domain,
        certificateArn=CERTIFICATE,
        endpointConfiguration={"types": ["PRIVATE"]},
        policy=policy,
    )
    id = made["domainNameId"]
    assert made["domainNameArn"] == f"arn:aws:apigateway:us-east-1:000000000000:/domainnames/{domain}+{id}"
    # Unlike an API's, it is not escaped.
    assert made["policy"] == policy
    association = v1.create_domain_name_access_association(
        domainNameArn=made["domainNameArn"], accessAssociationSourceType="VPCE", accessAssociationSource="vpce-1"
    )
    arn = association["domainNameAccessAssociationArn"]
    listed = v1.get_domain_name_access_associations(resourceOwner="SELF")["items"]
    assert arn in [found["domainNameAccessAssociationArn"] for found in listed]
    rule = v2.create_routing_rule(
        DomainName=domain,
        DomainNameId=id,
        Priority=1,
        Conditions=[],
        Actions=[{"InvokeApi": {"ApiId": rest_api, "Stage": "prod"}}],
    )
    assert v2.list_routing_rules(DomainName=domain, DomainNameId=id)["RoutingRules"][0]["Priority"] == 1
    assert rule["RoutingRuleArn"].endswith(f"/domainnames/{domain}+{id}/routingrules/{rule['RoutingRuleId']}")
    assert status(v1.delete_domain_name_access_association(domainNameAccessAssociationArn=arn)) == 202
    v1.delete_domain_name(domainName=domain, domainNameId=id)
    refused(
        "NotFoundException",
        404,
        "Invalid domain name identifier specified",
        v1.get_domain_name,
        domainName=domain,
        domainNameId=id,
    )


def test_domain_names_of_v2(v2, refused, rest_api, name):
    domain = f"{name}.example"
    configuration = {"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}
    made = v2.create_domain_name(DomainName=domain, DomainNameConfigurations=[configuration])
    assert (status(made), made["RoutingMode"], made["Tags"]) == (201, "API_MAPPING_ONLY", {})
    shown = made["DomainNameConfigurations"][0]
    assert shown["DomainNameStatus"] == "AVAILABLE"
    assert isinstance(shown["CertificateUploadDate"], datetime.datetime)
    mapping = v2.create_api_mapping(DomainName=domain, ApiId=rest_api, Stage="prod", ApiMappingKey="a/b")
    id = mapping["ApiMappingId"]
    assert v2.get_api_mapping(DomainName=domain, ApiMappingId=id)["ApiMappingKey"] == "a/b"
    changed = v2.update_api_mapping(DomainName=domain, ApiMappingId=id, ApiId=rest_api, ApiMappingKey="")
    assert changed["ApiMappingKey"] == ""
    assert len(v2.get_api_mappings(DomainName=domain)["Items"]) == 1
    rule = v2.create_routing_rule(
        DomainName=domain,
        Priority=10,
        Conditions=[
            {"MatchBasePaths": {"AnyOf": ["shop"]}},
            {"MatchHeaders": {"AnyOf": [{"Header": "x-version", "ValueGlob": "beta*"}]}},
        ],
        Actions=[{"InvokeApi": {"ApiId": rest_api, "Stage": "prod", "StripBasePath": True}}],
    )
    assert (status(rule), rule["Actions"][0]["InvokeApi"]["StripBasePath"]) == (201, True)
    rules = v2.get_paginator("list_routing_rules").paginate(DomainName=domain)
    assert [found["Priority"] for page in rules for found in page["RoutingRules"]] == [10]
    assert status(v2.delete_routing_rule(DomainName=domain, RoutingRuleId=rule["RoutingRuleId"])) == 204
    assert status(v2.delete_api_mapping(DomainName=domain, ApiMappingId=id)) == 204
    gone = "The api mapping resource specified in the request was not found."
    refused("NotFoundException", 404, gone, v2.get_api_mapping, DomainName=domain, ApiMappingId=id)
    off = v2.update_domain_name(DomainName=domain, MutualTlsAuthentication={"TruststoreUri": ""})
    assert "MutualTlsAuthentication" not in off
    assert status(v2.delete_domain_name(DomainName=domain)) == 204


def test_vpc_links_of_v2(v2, refused, name):
    link = v2.create_vpc_link(Name=name, SubnetIds=["subnet-1"], SecurityGroupIds=["sg-1"])
    assert (status(link), link["VpcLinkStatus"], link["VpcLinkVersion"]) == (201, "AVAILABLE", "V2")
    id = link["VpcLinkId"]
    assert v2.update_vpc_link(VpcLinkId=id, Name="new")["Name"] == "new"
    assert status(v2.delete_vpc_link(VpcLinkId=id)) == 202
    gone = f"Invalid VpcLink identifier specified {id}"
    refused("NotFoundException", 404, gone, v2.get_vpc_link, VpcLinkId=id)


def test_client_certificates(v1, refused):
    certificate = v1.generate_client_certificate(description="d")
    assert status(certificate) == 201
    assert certificate["pemEncodedCertificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert certificate["expirationDate"] - certificate["createdDate"] == datetime.timedelta(days=365)
    assert "privateKey" not in str(certificate)
    id = certificate["clientCertificateId"]
    changed = v1.update_client_certificate(clientCertificateId=id, patchOperations=replace("/description", "e"))
    assert changed["description"] == "e"
    assert status(v1.delete_client_certificate(clientCertificateId=id)) == 202
    gone = "Invalid Client Certificate identifier specified"
    refused("NotFoundException", 404, gone, v1.get_client_certificate, clientCertificateId=id)


def test_no_secret_is_in_the_audit_log(gateway, v1, name):
    key = v1.create_api_key(name=name)
    v1.generate_client_certificate(description=name)
    v1.create_domain_name(
        domainName=f"{name}.example",
        certificateName="c",
        certificateBody="body",
        certificatePrivateKey="s3cret-of-a-domain",
    )
    deadline = time.monotonic() + 20
    # The file is written behind the answers.
    while f"{name}.example" not in (log := (gateway.folder / "audit.log").read_text()):
        assert time.monotonic() < deadline, log[-2000:]
        time.sleep(0.05)
    assert name in log
    for secret in [key["value"], "PRIVATE KEY", "s3cret-of-a-domain"]:
        assert secret not in log
