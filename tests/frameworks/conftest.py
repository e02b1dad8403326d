"""The applications of this folder, deployed to one gateway as people deploy them: with everything that they
import in the zip."""

import importlib.metadata
import os
import re
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# The gateway and how functions get into it are the contract tests' own.
sys.path.insert(0, str(HERE.parent / "contract"))

from deployed import HTTP_1, HTTP_2, REST, Deployed  # noqa: E402
from gateway import Gateway  # noqa: E402

NODE = Path(os.environ.get("RINGGATE_FRAMEWORKS_NODE", HERE))

# What Chalice's routes need, because it goes by the resource's path.
PATHS = ["/pets", "/pets/{id}", "/names/{name}"]
PATHS += ["/headers", "/cookies", "/image", "/form", "/old", "/fail", "/large"]

BINARY = ["image/png", "application/octet-stream"]

# A REST API that takes everything for binary, as frameworks' own instructions have it.
REST_BINARY = "rest, all binary"

ALL = [REST, REST_BINARY, HTTP_1, HTTP_2]

# Application: the packages that are in its zip, the kinds of APIs that it is made for.
PYTHON = {
    "fastapi_mangum": (["mangum", "fastapi"], ALL),
    "flask_apig_wsgi": (["apig-wsgi", "Flask"], ALL),
    "flask_serverless_wsgi": (["serverless-wsgi", "Flask"], ALL),
    "powertools_rest": (["aws-lambda-powertools"], [REST, REST_BINARY, HTTP_1]),
    "powertools_http": (["aws-lambda-powertools"], [HTTP_2]),
    "chalice_application": (["chalice"], [REST]),
}
NODE_APPLICATIONS = {"express": ALL, "middy": ALL}

KINDS = {**{name: kinds for name, (_, kinds) in PYTHON.items()}, **NODE_APPLICATIONS}


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    # The interpreter below the tests' environment, so that packages come from the zip alone.
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    os.environ["PATH"] = f"{base.parent}:{os.environ['PATH']}"
    with Gateway(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def deployed(gateway):
    """The application of a name; made once."""
    made = {}

    def deployed(name):
        if name not in made:
            made[name] = deploy(gateway, name)
        return made[name]

    return deployed


@pytest.fixture(scope="session")
def behind(deployed):
    """An application behind an API of a kind; made once."""
    made = {}

    def behind(name, kind):
        if (name, kind) not in made:
            made[name, kind] = expose(deployed(name), name, kind)
        return made[name, kind]

    return behind


@pytest.fixture(params=[(name, kind) for name, kinds in KINDS.items() for kind in kinds], ids="-".join)
def api(request, behind):
    return behind(*request.param)


def expose(function, name, kind):
    if kind == REST_BINARY:
        api = function.behind_rest(binary=["*/*"])
    elif kind == REST:
        paths = PATHS if name == "chalice_application" else ["/", "/{proxy+}"]
        api = function.behind_rest(paths, binary=BINARY)
    else:
        api = function.behind(kind)
    api.application, api.kind = name, kind
    return api


def deploy(gateway, name):
    if name in NODE_APPLICATIONS:
        files = {f"{name}.mjs": HERE / "applications" / f"{name}.mjs"}
        modules = NODE / "node_modules"
        for path in modules.rglob("*"):
            if path.is_file() and not path.is_symlink():
                files[str(path.relative_to(NODE))] = path
        runtime = "nodejs22.x"
    else:
        files = {path.name: path for path in (HERE / "applications").glob("*.py")}
        for distribution in with_dependencies(PYTHON[name][0]):
            for file in distribution.files or []:
                if ".." not in file.parts and file.suffix != ".pyc":
                    files[str(file)] = Path(file.locate())
        runtime = f"python3.{sys.version_info.minor}"
    return Deployed(
        gateway, name, files, Runtime=runtime, Handler=f"{name}.handler" if name != "chalice_application" else f"{name}.app",
        Timeout=30, MemorySize=512,
    )


def with_dependencies(names):
    """Installed distributions, with everything that they need here."""
    found, wanted = {}, list(names)
    while wanted:
        name = re.sub(r"[-_.]+", "-", wanted.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            # For another platform or an extra.
            continue
        for requirement in found[name].requires or []:
            if "extra ==" not in requirement:
                wanted.append(re.match(r"[A-Za-z0-9._-]+", requirement).group())
    return found.values()
