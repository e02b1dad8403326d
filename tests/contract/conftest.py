"""One gateway for all tests of the folder that need no other, and clients of it."""

import itertools

import pytest
from botocore.exceptions import ClientError
from gateway import Gateway


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    with Gateway(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def v1(gateway):
    """`apigateway`."""
    return gateway.client("apigateway")


@pytest.fixture(scope="session")
def v2(gateway):
    """`apigatewayv2`."""
    return gateway.client("apigatewayv2")


@pytest.fixture
def refused():
    """Asserts that a call is refused: `refused("NotFoundException", 404, "text", call, **input)`."""

    def check(code, status, message, call, **input):
        with pytest.raises(ClientError) as refusal:
            call(**input)
        error = refusal.value.response
        assert error["Error"]["Code"] == code
        assert error["ResponseMetadata"]["HTTPStatusCode"] == status
        assert error["Error"]["Message"] == message

    return check


_numbers = itertools.count(1)


@pytest.fixture
def name():
    """A name that no other test has."""
    return f"test-{next(_numbers)}"
