"""Domain names of v1 and v2, what is mapped below them, routing rules, access associations."""

import pytest
from botocore.exceptions import ParamValidationError
from gateway import SUFFIX

CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-2222-3333-4444-555555555555"
OTHER_CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/99999999-2222-3333-4444-555555555555"
UNKNOWN = "Invalid domain name identifier specified"
NO_MAPPING = "Invalid base path mapping identifier specified"


@pytest.fixture
def domain(v1, name):
    """A regional domain name."""
    domain = f"{name}.domains.example"
    v1.create_domain_name(
        domainName=domain, regionalCertificateArn=CERTIFICATE, endpointConfiguration={"types": ["REGIONAL"]}
    )
    return domain


@pytest.fixture
def deployed(v1, mock):
    api, _ = mock
    v1.create_deployment(restApiId=api, stageName="prod")
    return api


def test_edge(v1, name):
    domain = f"{name}.edge.example"
    made = v1.create_domain_name(domainName=domain, certificateArn=CERTIFICATE, tags={"a": "1"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    for answer in (made, v1.get_domain_name(domainName=domain)):
        assert answer["domainName"] == domain
        assert answer["certificateArn"] == CERTIFICATE
        assert answer["endpointConfiguration"]["types"] == ["EDGE"]
        assert answer["distributionHostedZoneId"] == "Z2FDTNDATAQYW2"
        assert answer["distributionDomainName"].endswith(".cloudfront.net")
        assert answer["domainNameStatus"] == "AVAILABLE"
        assert answer["securityPolicy"] == "TLS_1_2"
        assert answer["routingMode"] == "BASE_PATH_MAPPING_ONLY"
        assert answer["tags"] == {"a": "1"}
        assert "regionalDomainName" not in answer
        assert answer["certificateUploadDate"]


def test_regional(v1, domain, missing, bad):
    shown = v1.get_domain_name(domainName=domain)
    assert shown["regionalCertificateArn"] == CERTIFICATE
    assert shown["endpointConfiguration"]["types"] == ["REGIONAL"]
    assert shown["regionalDomainName"].startswith("d-")
    assert shown["regionalDomainName"].endswith(f".execute-api.us-east-1.{SUFFIX}")
    assert shown["regionalHostedZoneId"]
    assert "distributionDomainName" not in shown
    bad(
        "The domain name you provided already exists.",
        v1.create_domain_name,
        domainName=domain,
        regionalCertificateArn=CERTIFICATE,
        endpointConfiguration={"types": ["REGIONAL"]},
    )
    assert v1.delete_domain_name(domainName=domain)["ResponseMetadata"]["HTTPStatusCode"] == 202
    missing(UNKNOWN, v1.get_domain_name, domainName=domain)
    missing(UNKNOWN, v1.delete_domain_name, domainName=domain)
    missing(UNKNOWN, v1.update_domain_name, domainName=domain, patchOperations=[])
    missing(UNKNOWN, v1.get_base_path_mappings, domainName=domain)


def test_names_are_unique_across_regions(gateway, v1, domain, bad):
    elsewhere = gateway.client("apigateway", region="eu-central-1")
    bad(
        "The domain name you provided already exists.",
        elsewhere.create_domain_name,
        domainName=domain,
        regionalCertificateArn=CERTIFICATE,
        endpointConfiguration={"types": ["REGIONAL"]},
    )


def test_update(v1, domain, patch):
    def update(*operations):
        return v1.update_domain_name(domainName=domain, patchOperations=patch(*operations))

    changed = update(
        ("replace", "/regionalCertificateArn", OTHER_CERTIFICATE),
        ("replace", "/routingMode", "ROUTING_RULE_THEN_BASE_PATH_MAPPING"),
        ("add", "/mutualTlsAuthentication/truststoreUri", "s3://bucket/trust.pem"),
        ("replace", "/mutualTlsAuthentication/truststoreVersion", "v1"),
    )
    assert changed["regionalCertificateArn"] == OTHER_CERTIFICATE
    assert changed["routingMode"] == "ROUTING_RULE_THEN_BASE_PATH_MAPPING"
    assert changed["mutualTlsAuthentication"]["truststoreUri"] == "s3://bucket/trust.pem"
    assert changed["mutualTlsAuthentication"]["truststoreVersion"] == "v1"
    assert "mutualTlsAuthentication" not in update(("replace", "/mutualTlsAuthentication/truststoreUri", ""))
    changed = update(
        ("add", "/certificateArn", CERTIFICATE),
        ("replace", "/endpointConfiguration/types/REGIONAL", "EDGE"),
    )
    assert changed["endpointConfiguration"]["types"] == ["EDGE"]
    assert changed["distributionDomainName"].endswith(".cloudfront.net")
    with pytest.raises(v1.exceptions.BadRequestException):
        update(("replace", "/nothing", "x"))


def test_base_path_mappings(v1, domain, deployed, answer_of, patch, bad, missing, conflict):
    made = v1.create_base_path_mapping(domainName=domain, basePath="shop", restApiId=deployed, stage="prod")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    expected = {"basePath": "shop", "restApiId": deployed, "stage": "prod"}
    assert answer_of(made) == expected
    at = {"domainName": domain, "basePath": "shop"}
    assert answer_of(v1.get_base_path_mapping(**at)) == expected
    create = {"domainName": domain, "restApiId": deployed}
    conflict("Base path already exists for this domain name", v1.create_base_path_mapping, **create, basePath="shop")
    bad("Invalid stage identifier specified", v1.create_base_path_mapping, **create, basePath="x", stage="none")
    bad(
        "Invalid REST API identifier specified",
        v1.create_base_path_mapping,
        domainName=domain,
        restApiId="unknown",
        basePath="x",
    )
    bad(
        "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level base path"
        " mapping, use API Gateway V2.",
        v1.create_base_path_mapping,
        **create,
        basePath="a/b",
    )
    missing(UNKNOWN, v1.create_base_path_mapping, domainName="none.example", restApiId=deployed)
    changed = v1.update_base_path_mapping(
        **at, patchOperations=patch(("replace", "/basePath", "store"), ("replace", "/stage", "prod"))
    )
    assert changed["basePath"] == "store"
    missing(NO_MAPPING, v1.get_base_path_mapping, **at)
    missing(NO_MAPPING, v1.update_base_path_mapping, **at, patchOperations=[])
    missing(NO_MAPPING, v1.delete_base_path_mapping, **at)
    at["basePath"] = "store"
    changed = v1.update_base_path_mapping(**at, patchOperations=patch(("replace", "/basePath", "")))
    assert changed["basePath"] == "(none)"
    at["basePath"] = "(none)"
    changed = v1.update_base_path_mapping(**at, patchOperations=patch(("replace", "/restapiId", deployed)))
    assert changed["restApiId"] == deployed
    assert v1.delete_base_path_mapping(**at)["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert v1.get_base_path_mappings(domainName=domain)["items"] == []


@pytest.mark.parametrize("empty", [{}, {"basePath": ""}, {"basePath": "(none)"}])
def test_the_empty_base_path(v1, domain, deployed, empty, conflict):
    made = v1.create_base_path_mapping(domainName=domain, restApiId=deployed, stage="prod", **empty)
    assert made["basePath"] == "(none)"
    assert v1.get_base_path_mapping(domainName=domain, basePath="(none)")["restApiId"] == deployed
    with pytest.raises(v1.exceptions.ConflictException):
        v1.create_base_path_mapping(domainName=domain, restApiId=deployed, stage="prod", **empty)


def test_pages(v1, v2, domain, deployed, name):
    for path in "abcde":
        v1.create_base_path_mapping(domainName=domain, basePath=path, restApiId=deployed, stage="prod")
    pages = list(v1.get_paginator("get_base_path_mappings").paginate(domainName=domain, PaginationConfig={"PageSize": 2}))
    assert [len(page["items"]) for page in pages] == [2, 2, 1]
    assert [item["basePath"] for page in pages for item in page["items"]] == list("abcde")
    v1.create_domain_name(domainName=f"{name}.pages.example", certificateArn=CERTIFICATE)
    pages = v1.get_paginator("get_domain_names").paginate(PaginationConfig={"PageSize": 1})
    assert {domain, f"{name}.pages.example"} <= {item["domainName"] for page in pages for item in page["items"]}
    pages = v2.get_paginator("get_domain_names").paginate(PaginationConfig={"PageSize": 1})
    assert domain in {item["DomainName"] for page in pages for item in page["Items"]}


def test_private_names_and_access(v1, name, missing):
    domain = f"{name}.private.example"
    made = v1.create_domain_name(
        domainName=domain, certificateArn=CERTIFICATE, endpointConfiguration={"types": ["PRIVATE"]}
    )
    assert made["endpointConfiguration"]["types"] == ["PRIVATE"]
    arn = f"arn:aws:apigateway:us-east-1:000000000000:/domainnames/{domain}+{made['domainNameId']}"
    assert made["domainNameArn"] == arn
    association = v1.create_domain_name_access_association(
        domainNameArn=arn, accessAssociationSource="vpce-0123456789abcdef0", accessAssociationSourceType="VPCE"
    )
    assert association["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert association["domainNameArn"] == arn
    assert association["accessAssociationSource"] == "vpce-0123456789abcdef0"
    assert association["accessAssociationSourceType"] == "VPCE"
    own = association["domainNameAccessAssociationArn"]
    assert own.startswith("arn:aws:apigateway:us-east-1:000000000000:/domainnameaccessassociations/domainname/")
    listed = v1.get_domain_name_access_associations()["items"]
    assert own in [item["domainNameAccessAssociationArn"] for item in listed]
    assert v1.delete_domain_name_access_association(domainNameAccessAssociationArn=own)["ResponseMetadata"]["HTTPStatusCode"] == 202
    listed = v1.get_domain_name_access_associations()["items"]
    assert own not in [item["domainNameAccessAssociationArn"] for item in listed]
    own = v1.create_domain_name_access_association(
        domainNameArn=arn, accessAssociationSource="vpce-0123456789abcdef1", accessAssociationSourceType="VPCE"
    )["domainNameAccessAssociationArn"]
    rejected = v1.reject_domain_name_access_association(domainNameAccessAssociationArn=own, domainNameArn=arn)
    assert rejected["ResponseMetadata"]["HTTPStatusCode"] == 202


def test_v2(v2, v1, name, bad, missing):
    domain = f"{name}.v2.example"
    configuration = {"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}
    made = v2.create_domain_name(DomainName=domain, DomainNameConfigurations=[configuration], Tags={"a": "1"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    for answer in (made, v2.get_domain_name(DomainName=domain)):
        assert answer["ApiMappingSelectionExpression"] == "$request.basepath"
        assert answer["RoutingMode"] == "API_MAPPING_ONLY"
        assert answer["Tags"] == {"a": "1"}
        (shown,) = answer["DomainNameConfigurations"]
        assert {**shown, **configuration} == shown
        assert shown["DomainNameStatus"] == "AVAILABLE"
        assert shown["ApiGatewayDomainName"].endswith(f".execute-api.us-east-1.{SUFFIX}")
        assert shown["HostedZoneId"]
    # The same thing, seen from v1.
    assert v1.get_domain_name(domainName=domain)["regionalCertificateArn"] == CERTIFICATE
    expected_one = "Invalid input. Expected one domain name configuration"
    for configurations in ([], [configuration] * 2):
        bad(expected_one, v2.create_domain_name, DomainName="x.example", DomainNameConfigurations=configurations)
    bad(
        "The domain name you provided already exists.",
        v2.create_domain_name,
        DomainName=domain,
        DomainNameConfigurations=[configuration],
    )
    trust = {"TruststoreUri": "s3://bucket/trust.pem"}
    changed = v2.update_domain_name(
        DomainName=domain,
        DomainNameConfigurations=[{**configuration, "CertificateArn": OTHER_CERTIFICATE}],
        MutualTlsAuthentication=trust,
        RoutingMode="ROUTING_RULE_ONLY",
    )
    assert changed["DomainNameConfigurations"][0]["CertificateArn"] == OTHER_CERTIFICATE
    assert changed["MutualTlsAuthentication"]["TruststoreUri"] == trust["TruststoreUri"]
    assert changed["RoutingMode"] == "ROUTING_RULE_ONLY"
    changed = v2.update_domain_name(DomainName=domain, MutualTlsAuthentication={"TruststoreUri": ""})
    assert "MutualTlsAuthentication" not in changed
    assert v2.delete_domain_name(DomainName=domain)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (v2.get_domain_name, v2.delete_domain_name, v2.update_domain_name, v2.get_api_mappings):
        missing(UNKNOWN, call, DomainName=domain)


def test_v2_cannot_manage_edge(v1, v2, name):
    domain = f"{name}.v1only.example"
    v1.create_domain_name(domainName=domain, certificateArn=CERTIFICATE)
    with pytest.raises(v2.exceptions.BadRequestException) as refusal:
        v2.update_domain_name(DomainName=domain)
    assert refusal.value.response["Error"]["Message"].startswith(
        "Only REGIONAL domain names with a security policy of TLS 1.2 can be managed through the API Gateway V2 API."
    )


def test_api_mappings(v1, v2, domain, deployed, http_api, answer_of, bad, missing, conflict):
    v2.create_stage(ApiId=http_api, StageName="$default", AutoDeploy=True)
    made = v2.create_api_mapping(DomainName=domain, ApiId=http_api, Stage="$default", ApiMappingKey="a/b")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    expected = {
        "ApiId": http_api,
        "Stage": "$default",
        "ApiMappingKey": "a/b",
        "ApiMappingId": made["ApiMappingId"],
    }
    assert answer_of(made) == expected
    at = {"DomainName": domain, "ApiMappingId": made["ApiMappingId"]}
    assert answer_of(v2.get_api_mapping(**at)) == expected
    create = {"DomainName": domain, "ApiId": http_api, "Stage": "$default"}
    conflict("ApiMapping key already exists for this domain name", v2.create_api_mapping, **create, ApiMappingKey="a/b")
    for key in ("/", "/a", "a b", "ä"):
        bad(
            "An ApiMapping key may contain only letters, numbers and one of $-_.+!*'()",
            v2.create_api_mapping,
            **create,
            ApiMappingKey=key,
        )
    bad("Invalid stage identifier specified", v2.create_api_mapping, **{**create, "Stage": "none"})
    with pytest.raises(v2.exceptions.BadRequestException) as refusal:
        v2.create_api_mapping(**{**create, "ApiId": "unknown"})
    assert refusal.value.response["Error"]["Message"].startswith("Invalid API identifier specified")
    # The root has three names, also in v1's view.
    root = v2.create_api_mapping(DomainName=domain, ApiId=deployed, Stage="prod")
    assert root["ApiMappingKey"] == ""
    for key in ({}, {"ApiMappingKey": ""}, {"ApiMappingKey": "(none)"}):
        conflict("ApiMapping key already exists for this domain name", v2.create_api_mapping, **create, **key)
    assert v1.get_base_path_mapping(domainName=domain, basePath="(none)")["restApiId"] == deployed
    assert [item["basePath"] for item in v1.get_base_path_mappings(domainName=domain)["items"]] == ["(none)"]
    changed = v2.update_api_mapping(**at, ApiId=http_api, ApiMappingKey="c")
    assert (changed["ApiMappingKey"], changed["Stage"]) == ("c", "$default")
    page = v2.get_api_mappings(DomainName=domain, MaxResults="1")
    rest = v2.get_api_mappings(DomainName=domain, MaxResults="1", NextToken=page["NextToken"])
    assert {item["ApiMappingKey"] for item in page["Items"] + rest["Items"]} == {"c", ""}
    bad(
        f"Deleting API {http_api} failed. Please remove all API mappings for the API from your custom domain names.",
        v2.delete_api,
        ApiId=http_api,
    )
    assert v2.delete_api_mapping(**at)["ResponseMetadata"]["HTTPStatusCode"] == 204
    gone = "The api mapping resource specified in the request was not found."
    missing(gone, v2.get_api_mapping, **at)
    missing(gone, v2.delete_api_mapping, **at)
    missing(gone, v2.update_api_mapping, **at, ApiId=http_api)


def test_routing_rules(v2, domain, http_api, missing):
    v2.create_stage(ApiId=http_api, StageName="$default", AutoDeploy=True)
    conditions = [
        {"MatchBasePaths": {"AnyOf": ["shop"]}},
        {"MatchHeaders": {"AnyOf": [{"Header": "x-tenant", "ValueGlob": "a*"}]}},
    ]
    actions = [{"InvokeApi": {"ApiId": http_api, "Stage": "$default", "StripBasePath": True}}]
    made = v2.create_routing_rule(DomainName=domain, Priority=10, Conditions=conditions, Actions=actions)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    id = made["RoutingRuleId"]
    assert made["RoutingRuleArn"] == f"arn:aws:apigateway:us-east-1:000000000000:/domainnames/{domain}/routingrules/{id}"
    at = {"DomainName": domain, "RoutingRuleId": id}
    for answer in (made, v2.get_routing_rule(**at)):
        assert (answer["Priority"], answer["Conditions"], answer["Actions"]) == (10, conditions, actions)
    with pytest.raises(v2.exceptions.ConflictException):
        v2.create_routing_rule(DomainName=domain, Priority=10, Conditions=conditions, Actions=actions)
    changed = v2.put_routing_rule(**at, Priority=20, Conditions=conditions[:1], Actions=actions)
    assert (changed["RoutingRuleId"], changed["Priority"], changed["Conditions"]) == (id, 20, conditions[:1])
    for priority in (1, 1000000):
        v2.create_routing_rule(DomainName=domain, Priority=priority, Conditions=conditions, Actions=actions)
    for priority in (0, 1000001):
        # botocore itself sees these; others are in test_wire.py.
        with pytest.raises((v2.exceptions.BadRequestException, ParamValidationError)):
            v2.create_routing_rule(DomainName=domain, Priority=priority, Conditions=conditions, Actions=actions)
    pages = v2.get_paginator("list_routing_rules").paginate(DomainName=domain, PaginationConfig={"PageSize": 2})
    assert sorted(rule["Priority"] for page in pages for rule in page["RoutingRules"]) == [1, 20, 1000000]
    assert v2.delete_routing_rule(**at)["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(v2.exceptions.NotFoundException):
        v2.get_routing_rule(**at)
    with pytest.raises(v2.exceptions.NotFoundException):
        v2.put_routing_rule(**at, Priority=30, Conditions=conditions, Actions=actions)
    missing(UNKNOWN, v2.list_routing_rules, DomainName="none.example")
