"""Looks at what the other tests did. Runs last, and only after all of them."""

import json
import pathlib

import pytest
import shapes
import wire


@pytest.fixture
def whole(request):
    """Skips when only some of the tests were asked for."""
    files = {path.name for path in pathlib.Path(__file__).parent.glob("test_*.py")}
    asked = {item.path.name for item in request.session.items}
    if files - asked or request.config.option.keyword:
        pytest.skip("only some of the tests run")


@pytest.mark.parametrize("service", ["apigateway", "apigatewayv2"])
def test_every_operation_was_called(whole, gateway, service):
    model = set(gateway.client(service).meta.service_model.operation_names)
    called = {operation for name, operation in wire.called if name == service}
    assert sorted(model - called) == []
    assert len(model) == {"apigateway": 124, "apigatewayv2": 103}[service]


def test_every_operation_of_lambda_that_there_is_was_called(whole):
    table = json.loads((shapes.FOLDER / "lambda.json").read_text())
    called = {operation for name, operation in wire.called if name == "lambda"}
    assert sorted(set(table["operations"]) - called) == []


@pytest.mark.parametrize("service", ["apigateway", "apigatewayv2"])
def test_every_paginator_was_used(whole, gateway, service):
    client = gateway.client(service)
    has = {model for method, model in client.meta.method_to_api_mapping.items() if client.can_paginate(method)}
    portals = {"ListPortals", "ListPortalProducts", "ListProductPages", "ListProductRestEndpointPages"}
    used = {operation for name, operation in wire.paginated if name == service}
    assert sorted(has - portals - used) == []


def test_every_answer_was_as_the_model_says():
    assert sorted(set(wire.faults)) == []
