"""Resources of REST APIs."""

import pytest

UNKNOWN = "Invalid Resource identifier specified"


@pytest.fixture
def child(v1, api, root):
    """Makes a resource: `child("pets")`, `child("{id}", parent)`: its id."""

    def make(part, parent=root):
        return v1.create_resource(restApiId=api, parentId=parent, pathPart=part)["id"]

    return make


def test_a_tree(v1, api, root, child, answer_of, missing):
    made = answer_of(v1.create_resource(restApiId=api, parentId=root, pathPart="pets"))
    assert len(made["id"]) == 6
    assert made == {"id": made["id"], "parentId": root, "pathPart": "pets", "path": "/pets"}
    one = child("{id}", made["id"])
    assert v1.get_resource(restApiId=api, resourceId=one)["path"] == "/pets/{id}"
    assert answer_of(v1.get_resource(restApiId=api, resourceId=root)) == {"id": root, "path": "/"}
    paths = [resource["path"] for resource in v1.get_resources(restApiId=api)["items"]]
    assert paths == ["/", "/pets", "/pets/{id}"]

    # The subtree goes with its top.
    assert v1.delete_resource(restApiId=api, resourceId=made["id"])["ResponseMetadata"]["HTTPStatusCode"] == 202
    missing(UNKNOWN, v1.get_resource, restApiId=api, resourceId=one)
    missing(UNKNOWN, v1.delete_resource, restApiId=api, resourceId=made["id"])


def test_methods_are_shown_when_embedded(v1, mock):
    api, root = mock
    (item,) = v1.get_resources(restApiId=api)["items"]
    assert item["resourceMethods"] == {"GET": {}}
    assert v1.get_resource(restApiId=api, resourceId=root)["resourceMethods"] == {"GET": {}}
    for item in (
        v1.get_resources(restApiId=api, embed=["methods"])["items"][0],
        v1.get_resource(restApiId=api, resourceId=root, embed=["methods"]),
    ):
        method = item["resourceMethods"]["GET"]
        assert (method["httpMethod"], method["authorizationType"], method["apiKeyRequired"]) == ("GET", "NONE", False)
        assert method["methodIntegration"]["type"] == "MOCK"
        assert method["methodIntegration"]["integrationResponses"]["200"]["statusCode"] == "200"
        assert method["methodResponses"] == {"200": {"statusCode": "200"}}


@pytest.mark.parametrize("part", ["a/b", "{a", "a}", "x y", "a{b}", "{a b}", "{+}", "ä", "a?"])
def test_illegal_parts(v1, api, root, part, bad):
    bad(
        "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning"
        " and the end.",
        v1.create_resource,
        restApiId=api,
        parentId=root,
        pathPart=part,
    )


@pytest.mark.parametrize("part", ["a.b_c-d:e", "{id}", "{proxy+}", "$metadata", "v1"])
def test_legal_parts(v1, child, api, part):
    assert v1.get_resource(restApiId=api, resourceId=child(part))["path"] == f"/{part}"


def test_siblings(v1, api, root, child, bad, conflict):
    child("pets")
    child("{id}")
    create = {"restApiId": api, "parentId": root}
    conflict("Another resource with the same parent already has this name: pets", v1.create_resource, **create, pathPart="pets")
    for part in ("{other}", "{proxy+}"):
        bad(
            "A sibling ({id}) of this resource already has a variable path part -- only one is allowed",
            v1.create_resource,
            **create,
            pathPart=part,
        )
    greedy = child("{proxy+}", child("a"))
    bad(
        "Cannot create a child of a resource with a greedy path variable: {proxy+}",
        v1.create_resource,
        restApiId=api,
        parentId=greedy,
        pathPart="b",
    )


def test_unknown_resources(v1, api, root, missing):
    missing(UNKNOWN, v1.get_resource, restApiId=api, resourceId="unknown")
    missing(UNKNOWN, v1.get_resource, restApiId="unknown", resourceId=root)
    missing(UNKNOWN, v1.create_resource, restApiId=api, parentId="unknown", pathPart="a")
    missing(UNKNOWN, v1.create_resource, restApiId="unknown", parentId=root, pathPart="a")
    missing(UNKNOWN, v1.update_resource, restApiId=api, resourceId="unknown", patchOperations=[])
    missing(UNKNOWN, v1.delete_resource, restApiId=api, resourceId="unknown")


def test_the_root_stays(v1, api, root, bad, patch):
    bad("Cannot delete root resource", v1.delete_resource, restApiId=api, resourceId=root)

    def update(*operation):
        return {"restApiId": api, "resourceId": root, "patchOperations": patch(operation)}

    bad("Root resource cannot update its pathPart.", v1.update_resource, **update("replace", "/pathPart", "x"))
    bad("Root resource cannot update its parentId.", v1.update_resource, **update("replace", "/parentId", "x"))


def test_update(v1, api, root, child, patch, bad, conflict):
    pets = child("pets")
    one = child("{id}", pets)
    other = child("other")

    def update(resource, *operation):
        return {"restApiId": api, "resourceId": resource, "patchOperations": patch(operation)}

    changed = v1.update_resource(**update(pets, "replace", "/pathPart", "animals"))
    assert (changed["path"], changed["pathPart"]) == ("/animals", "animals")
    assert v1.get_resource(restApiId=api, resourceId=one)["path"] == "/animals/{id}"
    changed = v1.update_resource(**update(one, "replace", "/parentId", other))
    assert (changed["path"], changed["parentId"]) == ("/other/{id}", other)
    v1.update_resource(**update(one, "replace", "/parentId", pets))

    bad("Resources cannot be cyclical.", v1.update_resource, **update(pets, "replace", "/parentId", one))
    conflict(
        "Another resource with the same parent already has this name: other",
        v1.update_resource,
        **update(pets, "replace", "/pathPart", "other"),
    )
    bad(
        "Invalid patch path  '/x' specified for op 'replace'. Must be one of: [/parentId, /pathPart]",
        v1.update_resource,
        **update(pets, "replace", "/x", "y"),
    )
    bad(
        "Invalid patch path  '/pathPart' specified for op 'add'. Please choose supported operations",
        v1.update_resource,
        **update(pets, "add", "/pathPart", "y"),
    )


def test_pages(v1, api, root, child):
    made = {child(f"r{number:02}") for number in range(30)} | {root}
    page = v1.get_resources(restApiId=api)
    assert len(page["items"]) == 25
    rest = v1.get_resources(restApiId=api, position=page["position"])
    assert "position" not in rest
    assert {resource["id"] for resource in page["items"] + rest["items"]} == made
    pages = v1.get_paginator("get_resources").paginate(restApiId=api, PaginationConfig={"PageSize": 7})
    assert {resource["id"] for page in pages for resource in page["items"]} == made
    # Whoever asks for too many is not told off.
    assert len(v1.get_resources(restApiId=api, limit=100000)["items"]) == 31
