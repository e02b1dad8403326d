"""Terraform with the AWS provider as people use it: apply, nothing to change, change, destroy.

Terraform is in no package repository, so without it (or without the provider on this host) the first
test is skipped, and says so. What the provider calls was recorded (`recorder.py`), and is replayed with
boto3 always.
"""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from botocore.exceptions import ClientError
from gateway import PATIENCE, Gateway

CONFIGURATION = pathlib.Path(__file__).parent / "terraform"
CALLS = CONFIGURATION / "calls.jsonl"

# The provider's name below a folder of plugins.
PROVIDER = "registry.terraform.io/hashicorp/aws"


def plugins():
    """The folder with the AWS provider, or nothing."""
    named = os.environ.get("RINGGATE_TERRAFORM_PLUGINS")
    usual = [
        "~/.terraform.d/plugins",
        "~/.local/share/terraform/plugins",
        "/usr/local/share/terraform/plugins",
        "/usr/share/terraform/plugins",
    ]
    folders = [pathlib.Path(folder).expanduser() for folder in ([named] if named else usual)]
    return next((folder for folder in folders if (folder / PROVIDER).is_dir()), None)


class Terraform:
    """The configuration in a folder of its own."""

    def __init__(self, folder, endpoint, backend):
        self.folder = pathlib.Path(folder)
        shutil.copytree(CONFIGURATION, self.folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        # Nothing of the user's, and nothing of the network.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        self.environment = {
            **kept,
            "TF_VAR_endpoint": endpoint,
            "TF_VAR_backend": backend,
            "TF_CLI_CONFIG_FILE": "/dev/null",
            "CHECKPOINT_DISABLE": "1",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.ids = {}
        self.run("init", f"-plugin-dir={plugins()}")

    def run(self, command, *arguments, expected=0):
        ran = subprocess.run(
            ["terraform", command, "-no-color", "-input=false", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=10 * PATIENCE,
        )
        assert ran.returncode == expected, f"{command}: {ran.returncode}\n{ran.stdout[-5000:]}\n{ran.stderr[-5000:]}"
        return ran.stdout

    def outputs(self):
        ran = subprocess.run(
            ["terraform", "output", "-json"], cwd=self.folder, env=self.environment, capture_output=True, check=True
        )
        return {name: output["value"] for name, output in json.loads(ran.stdout).items()}


@pytest.mark.skipif(
    not shutil.which("terraform") or not plugins(),
    reason="did not run: needs `terraform` in the path and the AWS provider in RINGGATE_TERRAFORM_PLUGINS",
)
def test_apply_change_destroy(gateway, v1, v2, backend, tmp_path):
    terraform = Terraform(tmp_path / "terraform", gateway.endpoint, backend)
    try:
        applied_twice(terraform, gateway, v1)
    finally:
        terraform.run("destroy", "-auto-approve", "-refresh=false", "-var=second=true")
    ids = terraform.ids
    with pytest.raises(v1.exceptions.NotFoundException):
        v1.get_rest_api(restApiId=ids["rest_api"])
    with pytest.raises(v2.exceptions.NotFoundException):
        v2.get_api(ApiId=ids["http_api"])
    with pytest.raises(v1.exceptions.NotFoundException):
        v1.get_domain_name(domainName="shop.terraform.example")
    host = f"{ids['rest_api']}.execute-api.us-east-1.localhost"
    assert gateway.request("GET", "/prod/pets", host=host)[0] == 403


def applied_twice(terraform, gateway, v1):
    """The configuration as it is first and then changed, each served and with nothing left to do."""

    def get(path, host, method="GET"):
        return gateway.request(method, path, host=host)

    def converges(second):
        variable = f"-var=second={second}"
        # The plan before has looked at everything.
        refresh = f"-refresh={'false' if terraform.ids else 'true'}"
        terraform.run("apply", "-auto-approve", refresh, variable)
        # 0: nothing to do. 2 would be changes.
        terraform.run("plan", "-detailed-exitcode", variable)
        return terraform.outputs()

    for second, which in (("false", "first"), ("true", "second")):
        outputs = terraform.ids = converges(second)
        rest, http = (f"{outputs[name]}.execute-api.us-east-1.localhost" for name in ("rest_api", "http_api"))
        assert outputs["found"] == outputs["rest_api"]
        found = ("found_resource", "found_key", "found_endpoint", "found_domain")
        assert all(outputs[name] is True for name in found)

        version = {"first": "v1", "second": "v2"}[which]
        for host, path in ((rest, "/prod"), ("shop.terraform.example", f"/{which}"), ("edge.terraform.example", "")):
            status, _, content = get(f"{path}/pets/7", host)
            asked = json.loads(content)
            assert (status, asked["path"], asked["headers"]["x-who"]) == (200, f"/{which}/{version}/7", which)
        status, fields, content = get("/prod/pets", rest)
        assert (status, fields["x-shop"], json.loads(content)) == (200, which, {"pets": which})
        assert json.loads(get("/prod/none", rest)[2]) == {"message": "Missing Authentication Token"}

        for host, path in ((http, ""), ("users.terraform.example", f"/people/{which}")):
            status, _, content = get(f"{path}/users/9?a=b", host)
            asked = json.loads(content)
            assert status == 200, (host, which, content)
            assert asked["path"] == f"/{which}/users/9?a=b"

    # What was changed beside Terraform is seen.
    v1.update_rest_api(
        restApiId=outputs["rest_api"], patchOperations=[{"op": "replace", "path": "/name", "value": "drifted"}]
    )
    target = "-target=aws_api_gateway_rest_api.shop"
    terraform.run("plan", "-detailed-exitcode", "-var=second=true", target, expected=2)


# Members that are different each time; the ids among them are those that later calls name.
MADE = {"clientCertificateId", "pemEncodedCertificate", "value", "lastDeploymentStatusMessage"}
TIMES = {"createdDate", "lastUpdatedDate", "expirationDate", "certificateUploadDate"}
ID = {"id", "Id"}


class Replay:
    """Calls again what was recorded, with the ids that the answers bring now."""

    def __init__(self, clients):
        self.clients = clients
        self.now = {}

    def renamed(self, value):
        """A recorded value with the ids of now in it."""
        match value:
            case str():
                for old, new in self.now.items():
                    value = value.replace(old, new)
                return value
            case dict():
                return {self.renamed(name): self.renamed(inner) for name, inner in value.items()}
            case list():
                return [self.renamed(inner) for inner in value]
            case _:
                return value

    def learn(self, recorded, answered, name=""):
        """Finds out what an id is now."""
        if isinstance(recorded, dict) and isinstance(answered, dict):
            for member, inner in recorded.items():
                if member in answered:
                    self.learn(inner, answered[member], member)
        elif isinstance(recorded, list) and isinstance(answered, list) and len(recorded) == len(answered) == 1:
            self.learn(recorded[0], answered[0], name)
        elif isinstance(recorded, str) and name not in TIMES and recorded != answered:
            is_id = name == "id" or name.endswith("Id") or name in MADE
            if is_id:
                self.now.setdefault(recorded, answered)
            elif name.endswith("DomainName"):
                # `d-{id}.execute-api...`
                self.now.setdefault(recorded.split(".")[0], answered.split(".")[0])

    def call(self, service, operation, given, status, expected):
        client = self.clients[service]
        method = next(name for name, model in client.meta.method_to_api_mapping.items() if model == operation)
        raw = []
        keep = lambda response_dict, **_: raw.append(response_dict)
        client.meta.events.register("before-parse", keep, unique_id="replay")
        try:
            getattr(client, method)(**self.renamed(given))
        except ClientError:
            pass
        finally:
            client.meta.events.unregister("before-parse", unique_id="replay")
        body = raw[-1]["body"]
        answered = json.loads(body) if body else None
        self.learn(expected, answered)
        assert raw[-1]["status_code"] == status, (operation, given, answered)
        assert self.comparable(answered) == self.comparable(self.renamed(expected)), (operation, given)

    def comparable(self, value):
        match value:
            case dict():
                # A certificate and times are never the same.
                left_out = TIMES | {"pemEncodedCertificate"}
                return {name: self.comparable(inner) for name, inner in value.items() if name not in left_out}
            case list():
                return sorted((self.comparable(inner) for inner in value), key=lambda it: json.dumps(it, sort_keys=True))
            case _:
                return value


def test_what_terraform_calls(tmp_path):
    calls = [json.loads(line) for line in CALLS.read_text().splitlines()]
    assert len(calls) > 200
    # Of its own, because there are lists among the calls.
    with Gateway(tmp_path) as gateway:
        replay = Replay({name: gateway.client(name) for name in ("apigateway", "apigatewayv2")})
        for call in calls:
            replay.call(*call)
