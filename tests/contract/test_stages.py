"""Stages of REST APIs: the whole table of patches, with the texts of AWS."""

import pytest

GROUPS = [
    ("{prefix}/metrics/enabled", ", "),
    ("{prefix}/logging/dataTrace", ", "),
    ("{prefix}/logging/loglevel", ", "),
    ("{prefix}/throttling/burstLimit", None),
    ("{prefix}/throttling/rateLimit", None),
    ("{prefix}/caching/ttlInSeconds", ", "),
    ("{prefix}/caching/enabled", ", "),
    ("{prefix}/caching/dataEncrypted", ", "),
    ("{prefix}/caching/requireAuthorizationForCacheControl", ", "),
    ("{prefix}/caching/unauthorizedCacheControlHeaderStrategy", ", "),
]


def _settings(prefix, slip):
    return "".join(text.format(prefix=prefix) + (slip if after is None else after) for text, after in GROUPS)


# With AWS's slips: nothing, and one blank, where commas would be.
PATHS = (
    "/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, /accessLogSettings,"
    " /accessLogSettings/destinationArn, /accessLogSettings/format, "
    + _settings("/{resourcePath}/{httpMethod}", "")
    + _settings("/*/*", " ")
    + "/variables/{variable_name}, /tracingEnabled"
)
DEFAULTS = {
    "metricsEnabled": False,
    "dataTraceEnabled": False,
    "throttlingBurstLimit": 5000,
    "throttlingRateLimit": 10000.0,
    "cachingEnabled": False,
    "cacheTtlInSeconds": 300,
    "cacheDataEncrypted": False,
    "requireAuthorizationForCacheControl": True,
    "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
}


def no_path(path):
    return f"Invalid method setting path: {path}. Must be one of: [{PATHS}]"


@pytest.fixture
def stage(v1, mock):
    """A stage `prod` of a deployed API: `{restApiId, stageName}`."""
    api, _ = mock
    v1.create_deployment(restApiId=api, stageName="prod")
    return {"restApiId": api, "stageName": "prod"}


@pytest.fixture
def update(v1, stage, patch):
    return lambda *operations: v1.update_stage(**stage, patchOperations=patch(*operations))


@pytest.fixture
def refuses(v1, stage, patch, bad):
    """`refuses("text", ("replace", "/x", "y"))`."""
    return lambda message, *operation: bad(message, v1.update_stage, **stage, patchOperations=patch(*operation))


def test_create_fills_in(v1, mock, answer_of):
    api, _ = mock
    deployment = v1.create_deployment(restApiId=api)["id"]
    made = v1.create_stage(restApiId=api, stageName="a-b_C9", deploymentId=deployment)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert answer_of(made) == {
        "stageName": "a-b_C9",
        "deploymentId": deployment,
        "createdDate": made["createdDate"],
        "lastUpdatedDate": made["lastUpdatedDate"],
        "cacheClusterEnabled": False,
        "cacheClusterStatus": "NOT_AVAILABLE",
        "methodSettings": {},
        "tracingEnabled": False,
    }
    assert answer_of(v1.get_stage(restApiId=api, stageName="a-b_C9")) == answer_of(made)


def test_create_keeps(v1, mock):
    api, _ = mock
    deployment = v1.create_deployment(restApiId=api)["id"]
    certificate = v1.generate_client_certificate()["clientCertificateId"]
    v1.create_documentation_part(restApiId=api, location={"type": "API"}, properties='{"a":1}')
    v1.create_documentation_version(restApiId=api, documentationVersion="1")
    given = {
        "description": "d",
        "variables": {"host": "a.example:80/x?y=z&a,b"},
        "documentationVersion": "1",
        "tracingEnabled": True,
        "tags": {"team": "a"},
        "cacheClusterEnabled": True,
        "cacheClusterSize": "0.5",
    }
    v1.create_stage(
        restApiId=api, stageName="s", deploymentId=deployment, canarySettings={"percentTraffic": 5}, **given
    )
    stage = v1.get_stage(restApiId=api, stageName="s")
    for member, value in given.items():
        assert stage[member] == value
    assert stage["cacheClusterStatus"] == "AVAILABLE"
    assert stage["canarySettings"] == {"deploymentId": deployment, "percentTraffic": 5.0, "useStageCache": False}
    patches = [{"op": "replace", "path": "/clientCertificateId", "value": certificate}]
    changed = v1.update_stage(restApiId=api, stageName="s", patchOperations=patches)
    assert changed["clientCertificateId"] == certificate


def test_create_refuses(v1, stage, bad, conflict, missing):
    api = stage["restApiId"]
    deployment = v1.get_stage(**stage)["deploymentId"]
    create = {"restApiId": api, "deploymentId": deployment}
    conflict("Stage already exists", v1.create_stage, **create, stageName="prod")
    for name in ("a b", "$default", "ä", "a" * 129):
        bad("Stage name only allows a-zA-Z0-9_", v1.create_stage, **create, stageName=name)
    v1.create_stage(**create, stageName="a" * 128)
    with pytest.raises(v1.exceptions.ClientError) as refusal:
        v1.create_stage(restApiId=api, stageName="x", deploymentId="unknown")
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404)
    bad(
        "Deployment id does not exist",
        v1.create_stage,
        **create,
        stageName="x",
        canarySettings={"deploymentId": "unknown"},
    )


@pytest.mark.parametrize("value", ["", "a;b", "ä", "a{b}"])
def test_stage_variables(v1, refuses, update, value):
    message = f"Invalid stage variable value: {value}.  Please use values with alphanumeric characters and the symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','."
    refuses(message, ("replace", "/variables/a", value))


def test_unknown_stages(v1, stage, missing):
    unknown = "Invalid stage identifier specified"
    api = stage["restApiId"]
    for call in (v1.get_stage, v1.delete_stage, v1.flush_stage_cache, v1.flush_stage_authorizers_cache):
        missing(unknown, call, restApiId=api, stageName="unknown")
        missing(unknown, call, restApiId=api, stageName="PROD")
    missing(unknown, v1.update_stage, restApiId=api, stageName="unknown", patchOperations=[])


def test_lists(v1, stage):
    api = stage["restApiId"]
    other = v1.create_deployment(restApiId=api)["id"]
    v1.create_stage(restApiId=api, stageName="next", deploymentId=other)
    assert sorted(item["stageName"] for item in v1.get_stages(restApiId=api)["item"]) == ["next", "prod"]
    assert [item["stageName"] for item in v1.get_stages(restApiId=api, deploymentId=other)["item"]] == ["next"]


def test_caches_are_flushed(v1, stage):
    for call in (v1.flush_stage_cache, v1.flush_stage_authorizers_cache):
        answer = call(**stage)["ResponseMetadata"]
        assert (answer["HTTPStatusCode"], answer["HTTPHeaders"].get("content-length", "0")) == (202, "0")


def test_plain_members(v1, stage, update, refuses):
    changed = update(
        ("replace", "/description", "d"),
        ("replace", "/cacheClusterEnabled", "true"),
        ("replace", "/cacheClusterSize", "1.6"),
        ("replace", "/tracingEnabled", "true"),
        ("replace", "/variables/a", "1"),
        ("add", "/variables/b", "2"),
        ("add", "/accessLogSettings/destinationArn", "arn:aws:logs:us-east-1:000000000000:log-group:g"),
        ("replace", "/accessLogSettings/format", "$context.requestId"),
    )
    assert changed["description"] == "d"
    assert (changed["cacheClusterEnabled"], changed["cacheClusterSize"]) == (True, "1.6")
    assert changed["cacheClusterStatus"] == "AVAILABLE"
    assert changed["tracingEnabled"] is True
    assert changed["variables"] == {"a": "1", "b": "2"}
    assert changed["accessLogSettings"] == {
        "destinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:g",
        "format": "$context.requestId",
    }
    changed = update(
        ("replace", "/description", ""),
        ("replace", "/cacheClusterEnabled", "false"),
        ("remove", "/variables/a"),
        ("remove", "/accessLogSettings"),
    )
    assert "description" not in changed and "accessLogSettings" not in changed
    assert changed["cacheClusterStatus"] == "NOT_AVAILABLE"
    assert changed["variables"] == {"b": "2"}

    refuses("Access Log value must not be empty", ("replace", "/accessLogSettings/format", ""))
    logs = "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]"
    refuses(logs, ("replace", "/accessLogSettings/other", "x"))
    refuses(logs, ("add", "/accessLogSettings", "x"))
    refuses(logs, ("replace", "/accessLogSettings", "x"))
    refuses("Deployment id does not exist", ("replace", "/deploymentId", "unknown"))


def test_unknown_paths(refuses):
    for operation in (
        ("replace", "/nothing", "x"),
        ("replace", "/webAclArn", "x"),
        ("replace", "/tags/a", "x"),
        ("add", "/canarySettings", "x"),
        ("replace", "/canarySettings", "x"),
        ("replace", "/{proxy+}/ANY//throttling/burstLimit", "1"),
    ):
        refuses(no_path(operation[1]), operation)
    for path, shown in (
        ("/*/*", "*/*"),
        ("/canarySettings/badPath", "canarySettings/badPath"),
        ("/accessLogSettings/format", "accessLogSettings/format"),
    ):
        refuses(
            f"Cannot remove method setting {shown} because there is no method setting for this method ",
            ("remove", path),
        )


def test_a_method_setting_begins_with_defaults(update):
    changed = update(("replace", "/*/*/metrics/enabled", "true"))
    assert changed["methodSettings"] == {"*/*": {**DEFAULTS, "metricsEnabled": True}}


def test_every_method_setting(update):
    changed = update(
        ("replace", "/*/*/metrics/enabled", "true"),
        ("replace", "/*/*/logging/loglevel", "INFO"),
        ("replace", "/*/*/logging/dataTrace", "true"),
        ("replace", "/*/*/throttling/burstLimit", "10"),
        ("replace", "/*/*/throttling/rateLimit", "2.5"),
        ("replace", "/*/*/caching/enabled", "true"),
        ("replace", "/*/*/caching/ttlInSeconds", "3600"),
        ("replace", "/*/*/caching/dataEncrypted", "true"),
        ("replace", "/*/*/caching/requireAuthorizationForCacheControl", "false"),
        ("replace", "/*/*/caching/unauthorizedCacheControlHeaderStrategy", "FAIL_WITH_403"),
    )
    assert changed["methodSettings"]["*/*"] == {
        "metricsEnabled": True,
        "loggingLevel": "INFO",
        "dataTraceEnabled": True,
        "throttlingBurstLimit": 10,
        "throttlingRateLimit": 2.5,
        "cachingEnabled": True,
        "cacheTtlInSeconds": 3600,
        "cacheDataEncrypted": True,
        "requireAuthorizationForCacheControl": False,
        "unauthorizedCacheControlHeaderStrategy": "FAIL_WITH_403",
    }
    # A new entry begins as the one for all, and goes its own way from there.
    changed = update(("replace", "/test/GET/throttling/burstLimit", "124"))
    assert changed["methodSettings"]["test/GET"]["cachingEnabled"] is True
    assert changed["methodSettings"]["test/GET"]["throttlingBurstLimit"] == 124
    changed = update(("replace", "/*/*/throttling/burstLimit", "11"))
    assert changed["methodSettings"]["test/GET"]["throttlingBurstLimit"] == 124
    changed = update(("remove", "/*/*"))
    assert set(changed["methodSettings"]) == {"test/GET"}
    changed = update(("remove", "/test/GET"))
    assert changed["methodSettings"] == {}


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/test/GET/throttling/burstLimit", "test/GET"),
        ("/pets/{id}/GET/throttling/burstLimit", "pets/{id}/GET"),
        ("/~1pets~1{id}/GET/throttling/burstLimit", "~1pets~1{id}/GET"),
        ("/~1/GET/throttling/burstLimit", "~1/GET"),
        ("/*/*/throttling/burstLimit", "*/*"),
        # What many tutorials print.
        ("/methodSettings/*/*/throttlingBurstLimit", "*/*"),
        ("/methodSettings/~1pets/GET/throttlingBurstLimit", "~1pets/GET"),
    ],
)
def test_the_key_is_what_was_written(update, path, key):
    changed = update(("replace", path, "7"))
    assert {name: entry["throttlingBurstLimit"] for name, entry in changed["methodSettings"].items()} == {key: 7}


def test_no_limit(update):
    changed = update(
        ("replace", "/*/*/throttling/burstLimit", "-1"), ("replace", "/*/*/throttling/rateLimit", "-1.000000")
    )
    settings = changed["methodSettings"]["*/*"]
    assert (settings["throttlingBurstLimit"], settings["throttlingRateLimit"]) == (-1, -1.0)


def test_canary_settings(v1, stage, update, refuses):
    deployment = v1.get_stage(**stage)["deploymentId"]
    changed = update(("replace", "/canarySettings/percentTraffic", "12.5"))
    assert changed["canarySettings"] == {"percentTraffic": 12.5, "useStageCache": False, "deploymentId": deployment}
    changed = update(
        ("replace", "/canarySettings/useStageCache", "true"),
        ("replace", "/canarySettings/stageVariableOverrides/a", "1"),
        ("add", "/canarySettings/stageVariableOverrides/b", "2"),
        ("remove", "/canarySettings/stageVariableOverrides/a"),
    )
    assert changed["canarySettings"]["useStageCache"] is True
    assert changed["canarySettings"]["stageVariableOverrides"] == {"b": "2"}
    refuses(
        "Invalid add operation with path: /canarySettings/deploymentId", ("add", "/canarySettings/deploymentId", deployment)
    )
    changed = update(("remove", "/canarySettings"))
    assert "canarySettings" not in changed


def _copy(to, source):
    return [{"op": "copy", "path": to, "from": source}]


def test_promotion(v1, stage, bad):
    copy = "/canarySettings/deploymentId"
    bad(
        "Promotion not available. Canary does not exist.",
        v1.update_stage,
        **stage,
        patchOperations=_copy("/deploymentId", copy),
    )
    v1.update_stage(**stage, patchOperations=[{"op": "replace", "path": "/variables/keep", "value": "k"}])
    canary = v1.create_deployment(
        **stage, canarySettings={"percentTraffic": 10, "stageVariableOverrides": {"a": "2"}}
    )["id"]
    bad(
        "Invalid copy operation with path: /x and from /y. Valid copy:path are [/deploymentId, /variables] and valid"
        " copy:from are [/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]",
        v1.update_stage,
        **stage,
        patchOperations=_copy("/x", "/y"),
    )
    promoted = v1.update_stage(
        **stage,
        patchOperations=[
            {"op": "replace", "path": "/canarySettings/percentTraffic", "value": "0.0"},
            *_copy("/variables", "/canarySettings/stageVariableOverrides"),
            *_copy("/deploymentId", copy),
        ],
    )
    assert promoted["deploymentId"] == canary
    assert promoted["variables"] == {"keep": "k", "a": "2"}
    # It stays until it is removed.
    assert promoted["canarySettings"]["percentTraffic"] == 0.0
    assert promoted["canarySettings"]["stageVariableOverrides"] == {"a": "2"}


def test_rollback(v1, stage):
    first = v1.get_stage(**stage)["deploymentId"]
    second = v1.create_deployment(**stage)["id"]
    assert v1.get_stage(**stage)["deploymentId"] == second
    back = v1.update_stage(**stage, patchOperations=[{"op": "replace", "path": "/deploymentId", "value": first}])
    assert back["deploymentId"] == first
    assert back["lastUpdatedDate"] >= back["createdDate"]


def test_delete(v1, stage, missing):
    answer = v1.delete_stage(**stage)["ResponseMetadata"]
    assert (answer["HTTPStatusCode"], answer["HTTPHeaders"].get("content-length", "0")) == (202, "0")
    missing("Invalid stage identifier specified", v1.get_stage, **stage)


def test_a_mapped_stage_stays(v1, stage, name, bad):
    domain = f"{name}.stages.example"
    v1.create_domain_name(domainName=domain, regionalCertificateArn="arn:aws:acm:us-east-1:000000000000:certificate/a", endpointConfiguration={"types": ["REGIONAL"]})
    v1.create_base_path_mapping(domainName=domain, restApiId=stage["restApiId"], stage="prod")
    bad(
        f"Deleting stage prod failed. Please remove all base path mappings related to the stage in your domains: {domain}",
        v1.delete_stage,
        **stage,
    )
    bad(
        f"Deleting RestApi {stage['restApiId']} failed. Please remove all base path mappings related to the RestApi in your"
        f" domains: {domain}",
        v1.delete_rest_api,
        restApiId=stage["restApiId"],
    )
