"""The processes that most tests share."""

import shutil

import pytest
from processes import Gateway, Nginx, Uvicorn


def upstream(name, address):
    """A back end for every path under `/name`."""
    return f"""
[[upstream]]
name = "{name}"
targets = ["{address}"]
[[api]]
name = "{name}"
protocol = "http"
base_path = "/{name}"
[[api.route]]
route = "ANY /{{proxy+}}"
integration = {{ type = "http_proxy", upstream = "{name}" }}
"""


HEAD = """
[server]
listen = ["127.0.0.1:0"]
shards = 2
[server.limits]
body = "256MiB"
[management]
listen = "127.0.0.1:0"
[access_log]
destination = "off"
"""


@pytest.fixture(scope="session", params=["h11", "httptools"])
def app(request, tmp_path_factory):
    """The URL of the application behind the gateway, once per HTTP implementation of uvicorn."""
    with Uvicorn(request.param) as back_end:
        with Gateway(tmp_path_factory.mktemp("gateway"), HEAD + upstream("app", back_end.address)) as gateway:
            gateway.direct = f"http://{back_end.address}"
            gateway.app = f"{gateway.url}/app"
            yield gateway


@pytest.fixture(scope="session")
def nginx(tmp_path_factory):
    """nginx and the gateway before it."""
    with Nginx(tmp_path_factory.mktemp("nginx")) as back_end:
        with Gateway(tmp_path_factory.mktemp("gateway"), HEAD + upstream("nginx", back_end.address)) as gateway:
            gateway.direct = f"http://{back_end.address}"
            gateway.through = f"{gateway.url}/nginx"
            gateway.files = back_end.files
            yield gateway


@pytest.fixture(scope="session", autouse=True)
def programs():
    """A missing program is a failure and not a reason to test less."""
    for program in ["curl", "nginx", "openssl"]:
        assert shutil.which(program), f"{program} is not installed; tests/run installs it"
