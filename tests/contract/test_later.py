"""Operations that are not there yet: each refuses clearly, with the class that clients expect."""

import pytest

# Import and export of OpenAPI documents and generated SDKs, with a word of what there is instead.
DOCUMENTS = [
    ("apigateway", "import_rest_api", {"body": b"{}"}, "imported"),
    ("apigateway", "put_rest_api", {"restApiId": "API", "body": b"{}"}, "imported"),
    ("apigateway", "get_export", {"restApiId": "API", "stageName": "prod", "exportType": "oas30"}, "exported"),
    ("apigateway", "get_sdk", {"restApiId": "API", "stageName": "prod", "sdkType": "javascript"}, "SDK"),
    ("apigatewayv2", "import_api", {"Body": "{}"}, "import"),
    ("apigatewayv2", "reimport_api", {"ApiId": "HTTP_API", "Body": "{}"}, "import"),
    ("apigatewayv2", "export_api", {"ApiId": "HTTP_API", "Specification": "OAS30", "OutputType": "JSON"}, "export"),
]

# Developer portals.
PORTALS = [
    "CreatePortal", "CreatePortalProduct", "CreateProductPage", "CreateProductRestEndpointPage", "DeletePortal",
    "DeletePortalProduct", "DeletePortalProductSharingPolicy", "DeleteProductPage", "DeleteProductRestEndpointPage",
    "DisablePortal", "GetPortal", "GetPortalProduct", "GetPortalProductSharingPolicy", "GetProductPage",
    "GetProductRestEndpointPage", "ListPortalProducts", "ListPortals", "ListProductPages",
    "ListProductRestEndpointPages", "PreviewPortal", "PublishPortal", "PutPortalProductSharingPolicy", "UpdatePortal",
    "UpdatePortalProduct", "UpdateProductPage", "UpdateProductRestEndpointPage",
]  # fmt: skip


@pytest.mark.parametrize(("service", "operation", "input", "word"), DOCUMENTS)
def test_documents(gateway, v1, v2, mock, http_api, service, operation, input, word):
    v1.create_deployment(restApiId=mock[0], stageName="prod")
    ids = {"API": mock[0], "HTTP_API": http_api}
    client = {"apigateway": v1, "apigatewayv2": v2}[service]
    with pytest.raises(client.exceptions.BadRequestException) as refusal:
        getattr(client, operation)(**{name: ids.get(value, value) for name, value in input.items()})
    message = refusal.value.response["Error"]["Message"]
    assert word in message and len(message) > 40


def _sample(shape):
    """An input that satisfies the model."""
    match shape.type_name:
        case "structure":
            return {name: _sample(shape.members[name]) for name in shape.required_members}
        case "list":
            return [_sample(shape.member)] * max(1, shape.metadata.get("min", 1))
        case "map":
            return {"a": _sample(shape.value)}
        case "string":
            return shape.enum[0] if getattr(shape, "enum", None) else "a" * max(1, shape.metadata.get("min", 1))
        case "boolean":
            return True
        case _:
            return 1


@pytest.mark.parametrize("operation", PORTALS)
def test_portals(v2, operation):
    methods = {model: method for method, model in v2.meta.method_to_api_mapping.items()}
    shape = v2.meta.service_model.operation_model(operation).input_shape
    with pytest.raises(v2.exceptions.BadRequestException) as refusal:
        getattr(v2, methods[operation])(**(_sample(shape) if shape else {}))
    assert "portal" in refusal.value.response["Error"]["Message"].lower()


def test_kinds_of_sdk_are_told(v1):
    pages = v1.get_paginator("get_sdk_types").paginate()
    kinds = {kind["id"]: kind for page in pages for kind in page["items"]}
    assert set(kinds) == {"android", "java", "javascript", "objectivec", "swift", "ruby"}
    required = {item["name"] for item in kinds["android"]["configurationProperties"] if item["required"]}
    assert required == {"groupId", "artifactId", "artifactVersion", "invokerPackage"}
    assert v1.get_sdk_type(id="swift")["configurationProperties"][0]["name"] == "classPrefix"
    with pytest.raises(v1.exceptions.ClientError) as refusal:
        v1.get_sdk_type(id="cobol")
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404)
