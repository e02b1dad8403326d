"""API keys, usage plans, the keys in them, and what was used."""

import datetime

import pytest

NO_KEY = "Invalid API Key identifier specified"
NO_PLAN = "Invalid Usage Plan ID specified"


def items(client, operation, **input):
    return [item for page in client.get_paginator(operation).paginate(**input) for item in page["items"]]


def test_create(v1, name, answer_of):
    made = v1.create_api_key(name=name)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert len(made["id"]) == 10
    assert len(made["value"]) == 40 and made["value"].isalnum()
    expected = {
        "id": made["id"],
        "value": made["value"],
        "name": name,
        "enabled": False,
        "createdDate": made["createdDate"],
        "lastUpdatedDate": made["lastUpdatedDate"],
        "stageKeys": [],
    }
    assert answer_of(made) == expected
    # The value only for those who ask; tags in single reads.
    shown = answer_of(v1.get_api_key(apiKey=made["id"]))
    assert "value" not in shown and shown["tags"] == {}
    assert v1.get_api_key(apiKey=made["id"], includeValue=True)["value"] == made["value"]
    listed = next(key for key in items(v1, "get_api_keys") if key["id"] == made["id"])
    assert "value" not in listed
    listed = next(key for key in items(v1, "get_api_keys", includeValues=True) if key["id"] == made["id"])
    assert listed["value"] == made["value"]


def test_create_keeps(v1, name):
    value = f"{name}-value-of-at-least-20"
    made = v1.create_api_key(
        name=name, description="d", enabled=True, value=value, customerId="c", tags={"a": "1"}, generateDistinctId=True
    )
    assert made["value"] == value
    assert made["id"] != value
    key = v1.get_api_key(apiKey=made["id"])
    assert (key["description"], key["enabled"], key["customerId"], key["tags"]) == ("d", True, "c", {"a": "1"})
    # An empty value, as Terraform sends it, is none; so is an empty name.
    made = v1.create_api_key(name="", value="")
    assert len(made["value"]) == 40 and "name" not in made


def test_create_refuses(v1, name, bad, conflict):
    bad("API Key value should be at least 20 characters", v1.create_api_key, name=name, value="a" * 19)
    bad("API Key value exceeds maximum size of 128 characters", v1.create_api_key, name=name, value="a" * 129)
    bad("Invalid API Key name, can be at most 1024 characters.", v1.create_api_key, name="a" * 1025)
    bad("Invalid API Key description specified.", v1.create_api_key, name=name, description="a" * 125001)
    for length in (20, 128):
        value = name.ljust(length, "x")
        v1.create_api_key(name=name, value=value)
        conflict("API Key already exists", v1.create_api_key, name=name, value=value)


def test_list_by_name(v1, name):
    for suffix in ("-one", "-two", "-ONE"):
        v1.create_api_key(name=f"list-{name}{suffix}")

    def found(query):
        return sorted(key["name"] for key in items(v1, "get_api_keys", nameQuery=query))

    assert found(f"list-{name}-o") == [f"list-{name}-one"]
    assert found(f"list-{name}-") == [f"list-{name}-ONE", f"list-{name}-one", f"list-{name}-two"]
    assert found(f"ist-{name}") == []
    assert found(f"LIST-{name}") == []


def test_update_and_delete(v1, name, patch, bad, missing):
    id = v1.create_api_key(name=name)["id"]
    changed = v1.update_api_key(
        apiKey=id,
        patchOperations=patch(
            ("replace", "/name", "renamed"),
            ("replace", "/description", "d"),
            ("replace", "/enabled", "true"),
            ("replace", "/customerId", "c"),
        ),
    )
    assert (changed["name"], changed["description"], changed["enabled"], changed["customerId"]) == ("renamed", "d", True, "c")
    assert "value" not in changed
    changed = v1.update_api_key(apiKey=id, patchOperations=patch(("replace", "/enabled", "invalid")))
    assert changed["enabled"] is False
    bad(
        "Invalid patch path  '/x' specified for op 'replace'. Must be one of: [/description, /enabled, /name, /customerId]",
        v1.update_api_key,
        apiKey=id,
        patchOperations=patch(("replace", "/x", "y")),
    )
    bad(
        "Invalid patch path  '/name' specified for op 'add'. Please choose supported operations",
        v1.update_api_key,
        apiKey=id,
        patchOperations=patch(("add", "/name", "y")),
    )
    assert v1.delete_api_key(apiKey=id)["ResponseMetadata"]["HTTPStatusCode"] == 202
    missing(NO_KEY, v1.get_api_key, apiKey=id)
    missing(NO_KEY, v1.delete_api_key, apiKey=id)
    missing(NO_KEY, v1.update_api_key, apiKey=id, patchOperations=[])


@pytest.fixture
def deployed(v1, mock):
    """An API with a stage `prod`: its id."""
    api, _ = mock
    v1.create_deployment(restApiId=api, stageName="prod")
    return api


@pytest.fixture
def plan(v1, name):
    return v1.create_usage_plan(name=name)["id"]


def test_a_plan(v1, name, answer_of, deployed):
    made = v1.create_usage_plan(name=name)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert answer_of(made) == {"id": made["id"], "name": name, "apiStages": []}
    assert v1.get_usage_plan(usagePlanId=made["id"])["tags"] == {}
    given = {
        "description": "d",
        "throttle": {"burstLimit": 200, "rateLimit": 100.0},
        "quota": {"limit": 1000, "period": "MONTH", "offset": 27},
        "tags": {"a": "1"},
    }
    stages = [{"apiId": deployed, "stage": "prod", "throttle": {"/pets/GET": {"burstLimit": 1, "rateLimit": 2.5}}}]
    made = v1.create_usage_plan(name=name, apiStages=stages, **given)
    plan = v1.get_usage_plan(usagePlanId=made["id"])
    assert plan["apiStages"] == stages
    for member, value in given.items():
        assert plan[member] == value
    assert v1.create_usage_plan(name=name, quota={"limit": 1, "period": "DAY"})["quota"]["offset"] == 0
    assert made["id"] in [plan["id"] for plan in items(v1, "get_usage_plans")]


@pytest.mark.parametrize(
    ("period", "offset"), [("DAY", 1), ("WEEK", 7), ("MONTH", 28), ("DAY", -1)]
)
def test_quotas_that_are_refused(v1, name, period, offset):
    with pytest.raises(v1.exceptions.BadRequestException):
        v1.create_usage_plan(name=name, quota={"limit": 1, "period": period, "offset": offset})


def test_stages_of_a_plan(v1, plan, deployed, patch, bad, missing):
    at = {"usagePlanId": plan}

    def update(*operations):
        return v1.update_usage_plan(**at, patchOperations=patch(*operations))

    unknown = f"Invalid API Stage {{api: {deployed}, stage: none}} specified for usageplan {plan}"
    missing(unknown, v1.update_usage_plan, **at, patchOperations=patch(("add", "/apiStages", f"{deployed}:none")))
    for value in ("nonsense", ""):
        bad("Invalid API Stage specified", v1.update_usage_plan, **at, patchOperations=patch(("add", "/apiStages", value)))
    bad("Invalid API Stage specified", v1.update_usage_plan, **at, patchOperations=patch(("add", "/apiStages")))
    changed = update(("add", "/apiStages", f"{deployed}:prod"))
    assert [(stage["apiId"], stage["stage"]) for stage in changed["apiStages"]] == [(deployed, "prod")]
    bad(
        f"Cannot delete Usage Plan {plan} because there are API Stages associated with it, including {deployed}:prod",
        v1.delete_usage_plan,
        **at,
    )
    base = f"/apiStages/{deployed}:prod/throttle"
    changed = update(
        ("add", f"{base}//pets/GET/rateLimit", "2.5"),
        ("replace", f"{base}//pets/GET/burstLimit", "3"),
    )
    assert changed["apiStages"][0]["throttle"] == {"/pets/GET": {"rateLimit": 2.5, "burstLimit": 3}}
    changed = update(("remove", f"{base}//pets/GET"))
    assert not changed["apiStages"][0].get("throttle")
    changed = update(("add", base, '{"/pets/GET":{"rateLimit":1.0,"burstLimit":1}}'))
    assert changed["apiStages"][0]["throttle"] == {"/pets/GET": {"rateLimit": 1.0, "burstLimit": 1}}
    assert not update(("remove", base))["apiStages"][0].get("throttle")
    assert update(("remove", "/apiStages", f"{deployed}:prod"))["apiStages"] == []
    v1.delete_usage_plan(**at)


def test_update_a_plan(v1, plan, patch, bad, missing):
    def update(*operations):
        return v1.update_usage_plan(usagePlanId=plan, patchOperations=patch(*operations))

    changed = update(
        ("replace", "/name", "renamed"),
        ("replace", "/description", "d"),
        ("add", "/productCode", "p"),
        ("replace", "/throttle/rateLimit", "5"),
        ("add", "/throttle/burstLimit", "6"),
        ("replace", "/quota/limit", "7"),
        ("replace", "/quota/period", "WEEK"),
        ("replace", "/quota/offset", "6"),
    )
    assert (changed["name"], changed["description"], changed["productCode"]) == ("renamed", "d", "p")
    assert changed["throttle"] == {"rateLimit": 5.0, "burstLimit": 6}
    assert changed["quota"] == {"limit": 7, "period": "WEEK", "offset": 6}
    assert changed["tags"] == {}
    changed = update(("remove", "/throttle"), ("remove", "/quota"), ("remove", "/productCode"))
    assert not {"throttle", "quota", "productCode"} & set(changed)
    bad(
        "Invalid patch path  '/name' specified for op 'remove'. Must be one of: [/apiStages, /quota, /throttle,"
        " /productCode, /apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>,"
        " /apiStages/<apidId:stageName>/throttle]",
        v1.update_usage_plan,
        usagePlanId=plan,
        patchOperations=patch(("remove", "/name")),
    )
    assert v1.delete_usage_plan(usagePlanId=plan)["ResponseMetadata"]["HTTPStatusCode"] == 202
    missing(NO_PLAN, v1.get_usage_plan, usagePlanId=plan)
    missing(NO_PLAN, v1.delete_usage_plan, usagePlanId=plan)
    missing(NO_PLAN, v1.update_usage_plan, usagePlanId=plan, patchOperations=[])


def test_keys_of_a_plan(v1, plan, name, answer_of, missing):
    key = v1.create_api_key(name=f"in-{name}", enabled=True)
    at = {"usagePlanId": plan, "keyId": key["id"]}
    made = v1.create_usage_plan_key(**at, keyType="API_KEY")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    expected = {"id": key["id"], "type": "API_KEY", "value": key["value"], "name": f"in-{name}"}
    assert answer_of(made) == expected
    assert answer_of(v1.get_usage_plan_key(**at)) == expected
    assert items(v1, "get_usage_plan_keys", usagePlanId=plan) == [expected]
    assert items(v1, "get_usage_plan_keys", usagePlanId=plan, nameQuery=f"in-{name}") == [expected]
    assert items(v1, "get_usage_plan_keys", usagePlanId=plan, nameQuery=name) == []
    assert items(v1, "get_usage_plan_keys", usagePlanId="unknown") == []
    assert plan in [found["id"] for found in items(v1, "get_usage_plans", keyId=key["id"])]
    with pytest.raises(v1.exceptions.ConflictException):
        v1.create_usage_plan_key(**at, keyType="API_KEY")
    missing(NO_KEY, v1.create_usage_plan_key, usagePlanId=plan, keyId="unknown", keyType="API_KEY")
    assert v1.delete_usage_plan_key(**at)["ResponseMetadata"]["HTTPStatusCode"] == 202
    missing("Invalid Usage Plan Key identifier specified", v1.get_usage_plan_key, **at)
    # It was only taken out; a deleted key goes from its plans.
    assert v1.get_api_key(apiKey=key["id"])["id"] == key["id"]
    v1.create_usage_plan_key(**at, keyType="API_KEY")
    v1.delete_api_key(apiKey=key["id"])
    assert items(v1, "get_usage_plan_keys", usagePlanId=plan) == []


def test_usage(v1, plan, deployed, name, patch, bad, missing):
    key = v1.create_api_key(name=name, enabled=True)["id"]
    v1.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    v1.update_usage_plan(
        usagePlanId=plan,
        patchOperations=patch(("add", "/quota/limit", "100"), ("add", "/quota/period", "DAY")),
    )
    today = datetime.datetime.now(datetime.UTC).date()
    span = {"startDate": (today - datetime.timedelta(days=1)).isoformat(), "endDate": today.isoformat()}
    usage = v1.get_usage(usagePlanId=plan, **span)
    assert (usage["usagePlanId"], usage["startDate"], usage["endDate"]) == (plan, span["startDate"], span["endDate"])
    assert all(len(days) == 2 and all(len(day) == 2 for day in days) for days in usage["items"].values())
    assert [page["usagePlanId"] for page in v1.get_paginator("get_usage").paginate(usagePlanId=plan, **span)] == [plan]
    changed = v1.update_usage(usagePlanId=plan, keyId=key, patchOperations=patch(("replace", "/remaining", "5")))
    assert changed["items"][key][-1] == [0, 5]
    usage = v1.get_usage(usagePlanId=plan, keyId=key, **span)
    assert usage["items"][key][-1] == [0, 5]
    bad(
        "Invalid patch path  '/remaining' specified for op 'add'. Must be one of: []",
        v1.update_usage,
        usagePlanId=plan,
        keyId=key,
        patchOperations=patch(("add", "/remaining", "5")),
    )
    missing(NO_PLAN, v1.get_usage, usagePlanId="unknown", **span)


def test_import(v1, name, plan):
    value = f"{name}-imported-value-30-characters"
    file = f'key,Name,Enabled,description,UsagePlanIds\n{value}, {name} ,TRUE,"a, b","{plan}"\n'
    done = v1.import_api_keys(format="csv", body=file, failOnWarnings=True)
    assert len(done["ids"]) == 1 and not done.get("warnings")
    key = v1.get_api_key(apiKey=done["ids"][0], includeValue=True)
    assert (key["name"], key["value"], key["enabled"], key["description"]) == (name, value, True, "a, b")
    assert [found["id"] for found in items(v1, "get_usage_plan_keys", usagePlanId=plan)] == done["ids"]
    # A key that is there is changed.
    again = v1.import_api_keys(format="csv", body=f"name,key\nrenamed,{value}\n")
    assert again["ids"] == done["ids"]
    assert v1.get_api_key(apiKey=done["ids"][0])["name"] == "renamed"
    with pytest.raises(v1.exceptions.BadRequestException):
        v1.import_api_keys(format="csv", body="name,description\na,b\n")


def test_pages(v1, name):
    for number in range(30):
        v1.create_api_key(name=f"pages-{name}-{number:02}")
    page = v1.get_api_keys(nameQuery=f"pages-{name}-")
    assert len(page["items"]) == 25 and page["position"]
    pages = v1.get_paginator("get_api_keys").paginate(nameQuery=f"pages-{name}-", PaginationConfig={"PageSize": 7})
    assert [len(page["items"]) for page in pages] == [7, 7, 7, 7, 2]
    plan = v1.create_usage_plan(name=name)["id"]
    for key in page["items"][:3]:
        v1.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    pages = v1.get_paginator("get_usage_plan_keys").paginate(usagePlanId=plan, PaginationConfig={"PageSize": 2})
    assert [len(page["items"]) for page in pages] == [2, 1]
    for _ in range(2):
        v1.create_usage_plan(name=name)
    pages = list(v1.get_paginator("get_usage_plans").paginate(PaginationConfig={"PageSize": 2}))
    assert len(pages) >= 2 and all(len(page["items"]) == 2 for page in pages[:-1])
