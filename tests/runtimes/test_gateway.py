"""The official clients as workers of the gateway itself, beside its own loops."""

import base64
import io
import json
import os
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest
from worker import OFFICIAL_NODE, PATIENCE, ROOT

BINARY = os.environ.get("RINGGATE_BINARY", ROOT / "target" / "debug" / "ringgate")

# The client for Node without its native half, which the environment of the function stands in for.
NATIVE = Path(__file__).parent / "official" / "native.cjs"
OF_NODE = {
    "NODE_PATH": str(OFFICIAL_NODE / "node_modules"),
    "NODE_OPTIONS": f"--require={NATIVE}",
}


class Gateway:
    def __init__(self, folder, client):
        self.file = folder / "ringgate.toml"
        self.file.write_text(
            '[server]\nlisten = ["127.0.0.1:0"]\nshards = 1\n[management]\nlisten = "127.0.0.1:0"\n'
            f'[functions]\nclient = "{client}"\n'
        )
        # Python that has the client in its site-packages.
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.process = subprocess.Popen(
            [BINARY, "serve", "--config", self.file],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=(folder / "log").open("w"),
            env={**os.environ, "PATH": path},
            text=True,
        )
        for line in self.process.stdout:
            if line.startswith("management on "):
                self.management = line.removeprefix("management on ").strip()
                break

    def ask(self, path, members):
        content = members if isinstance(members, bytes) else json.dumps(members).encode()
        request = urllib.request.Request(self.management + path, content, method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.headers, json.loads(answer.read())

    def create(self, name, runtime, file, source, variables):
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr(file, source)
        self.ask(
            "/2015-03-31/functions",
            {
                "FunctionName": name,
                "Runtime": runtime,
                "Role": "arn:aws:iam::000000000000:role/r",
                "Handler": "app.handler",
                "Code": {"ZipFile": base64.b64encode(code.getvalue()).decode()},
                "Environment": {"Variables": variables},
            },
        )

    def invoke(self, name, event):
        headers, result = self.ask(f"/2015-03-31/functions/{name}/invocations", event)
        return headers.get("X-Amz-Function-Error"), result


@pytest.fixture(scope="module", params=["ringgate", "official"])
def gateway(request, tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), request.param)
    gateway.client = request.param
    yield gateway
    gateway.process.terminate()
    assert gateway.process.wait(PATIENCE) == 0


PYTHON = "import sys\ndef handler(event, context):\n    return [event, 'awslambdaric' in sys.modules]\n"
NODE = "exports.handler = async (event) => [event, process.argv[1].includes('aws-lambda-ric')];\n"


@pytest.mark.parametrize(
    "runtime, file, source, variables",
    [("python3.12", "app.py", PYTHON, {}), ("nodejs20.x", "app.js", NODE, OF_NODE)],
)
def test_the_chosen_client_runs_the_function(gateway, runtime, file, source, variables):
    name = "good-" + runtime.replace(".", "-")
    gateway.create(name, runtime, file, source, variables)
    for number in range(3):
        error, result = gateway.invoke(name, {"number": number})
        assert (error, result) == (None, [{"number": number}, gateway.client == "official"])


@pytest.mark.parametrize(
    "runtime, file, source, variables",
    [
        ("python3.12", "app.py", "import nowhere\n", {}),
        ("nodejs20.x", "app.js", "require('nowhere');\n", OF_NODE),
    ],
)
def test_why_a_function_cannot_begin_is_told(gateway, runtime, file, source, variables):
    name = "bad-" + runtime.replace(".", "-")
    gateway.create(name, runtime, file, source, variables)
    error, result = gateway.invoke(name, {})
    assert (error, result["errorType"]) == ("Unhandled", "Runtime.ImportModuleError")
    assert "nowhere" in result["errorMessage"]
