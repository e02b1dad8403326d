"""`ringgate export`, `apply`, `diff`, `history` and `undo`: a gateway that is kept in git."""

import json
import os
import pty
import re
import subprocess
import urllib.error
import urllib.request

import pytest
from gateway import BINARY, PATIENCE, REGION, Gateway


@pytest.fixture
def own(tmp_path):
    """A gateway of the test's own, because the whole account is compared."""
    with Gateway(tmp_path) as gateway:
        yield gateway


def ringgate(gateway, *arguments, status=0, region=REGION):
    """Runs a command against a gateway; returns what it printed."""
    ran = subprocess.run(
        [BINARY, *arguments, "--endpoint", gateway.endpoint, "--region", region],
        env={"PATH": os.environ["PATH"], "USER": "alice"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ran.returncode == status, f"{arguments}: {ran.stdout}{ran.stderr}"
    return ran.stdout + ran.stderr


SHOP = """
[[rest_api]]
name = "shop"
endpoint = "REGIONAL"

[rest_api.path."/items/{id}".GET]
integration = { type = "MOCK", request_templates = { "application/json" = '{"statusCode": 200}' }, \
response = { 200 = { templates = { "application/json" = '{"item": 1}' } } } }
response = { 200 = {} }

[rest_api.stage.prod]

[[http_api]]
name = "front"

[http_api.route."GET /a"]
integration = { type = "HTTP_PROXY", method = "GET", uri = "http://127.0.0.1:9/" }

[http_api.stage."$default"]
auto_deploy = true

[[api_key]]
name = "mobile"

[[usage_plan]]
name = "gold"
keys = ["mobile"]
stage = [{ api = "shop", stage = "prod" }]
"""


def test_a_file_is_served_once_it_is_applied_and_applying_it_again_changes_nothing(own, tmp_path):
    file = tmp_path / "shop.toml"
    file.write_text(SHOP)
    tried = ringgate(own, "apply", file, "--dry-run")
    assert '+ rest_api "shop"\n    + name = "shop"\n' in tried
    assert "4 to make, 0 to change, 0 to delete" in tried
    v1 = own.client("apigateway")
    assert v1.get_rest_apis()["items"] == [], "it was only tried"

    done = ringgate(own, "apply", file, "--yes")
    assert "Done, and served: revision 1." in done
    api = v1.get_rest_apis()["items"][0]
    status, _, content = own.request("GET", f"/_aws/execute-api/{api['id']}/prod/items/1")
    assert (status, content) == (200, b'{"item": 1}')
    plan = v1.get_usage_plans()["items"][0]
    assert plan["apiStages"] == [{"apiId": api["id"], "stage": "prod"}]
    assert v1.get_usage_plan_keys(usagePlanId=plan["id"])["items"][0]["name"] == "mobile"
    v2 = own.client("apigatewayv2")
    front = v2.get_apis()["Items"][0]
    assert v2.get_stages(ApiId=front["ApiId"])["Items"][0]["DeploymentId"]

    assert ringgate(own, "apply", file, "--yes") == "Nothing differs.\n"
    assert len(v1.get_deployments(restApiId=api["id"])["items"]) == 1


def test_without_a_terminal_and_without_yes_nothing_is_changed(own, tmp_path):
    file = tmp_path / "shop.toml"
    file.write_text(SHOP)
    assert "use --yes" in ringgate(own, "apply", file, status=2)
    assert own.client("apigateway").get_rest_apis()["items"] == []


@pytest.mark.parametrize("answer, status", [(b"y\n", 0), (b"n\n", 1), (b"\n", 1)])
def test_a_person_is_asked_and_colours_tell_what_changes(own, tmp_path, answer, status):
    file = tmp_path / "shop.toml"
    file.write_text(SHOP)
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [BINARY, "apply", file, "--endpoint", own.endpoint],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.STDOUT,
    )
    said = b""
    while b"[y/N]" not in said:
        said += os.read(ours, 65536)
    assert b"\x1b[32m+ rest_api" in said
    os.write(ours, answer)
    assert child.wait(PATIENCE) == status
    os.close(theirs)
    os.close(ours)
    there = own.client("apigateway").get_rest_apis()["items"]
    assert len(there) == (1 if status == 0 else 0)


def test_what_changed_since_the_difference_was_shown_is_not_overwritten(own, tmp_path):
    def send(**members):
        body = json.dumps({"files": [{"name": "a", "text": SHOP}], **members}).encode()
        request = urllib.request.Request(f"{own.endpoint}/_ringgate/apply", body, method="POST")
        try:
            with urllib.request.urlopen(request) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    status, shown = send(dry_run=True)
    assert status == 200 and shown["revision"] is None and len(shown["groups"]) == 4
    v1 = own.client("apigateway")
    v1.create_rest_api(name="meanwhile")
    status, refused = send(fingerprint=shown["fingerprint"])
    assert status == 409
    assert "has changed since the difference was shown" in refused["message"]
    _, shown = send(dry_run=True)
    status, done = send(fingerprint=shown["fingerprint"])
    assert (status, done["revision"]) == (200, 2)
    status, refused = send(files=[{"name": "a", "text": "[[rest_api]]\n"}])
    assert status == 400
    assert refused["problems"] == [
        {
            "file": 0,
            "span": [0, 12],
            "message": "[[rest_api]] needs `name`: a text, for example `name = \"pets\"`",
        }
    ]


def test_problems_are_shown_with_their_lines(own, tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text('[[rest_api]]\nname = "a"\nversoin = "1"\n')
    said = ringgate(own, "apply", file, status=2)
    assert "error[unknown-key]: unknown key `versoin` in [[rest_api]]; did you mean `version`?" in said
    assert f"{file}:3:1" in said
    file.write_text('[[rest_api]]\nname = "a"\n\n[rest_api.path."/x".GET]\nauthorizer = "nobody"\n')
    said = ringgate(own, "apply", file, status=2)
    assert "error[refused]: authorizer `nobody` is not declared in this API" in said
    assert f"{file}:4:" in said


def test_an_account_moves_to_another_gateway(own, tmp_path):
    file = tmp_path / "shop.toml"
    file.write_text(SHOP)
    ringgate(own, "apply", file, "--yes")
    folder = tmp_path / "git"
    said = ringgate(own, "export", folder, "--with-secrets")
    assert [line.split("/")[-1] for line in said.splitlines()] == [
        "front.toml", "shared.toml", "shop.toml",
    ]
    assert (folder / "shared.toml").stat().st_mode & 0o077 == 0, "secrets are the owner's"
    assert "value" not in ringgate(own, "export")
    exported = ringgate(own, "export", "--with-secrets")
    (tmp_path / "other").mkdir()
    with Gateway(tmp_path / "other") as other:
        ringgate(other, "apply", folder, "--yes")
        assert ringgate(other, "export", "--with-secrets") == exported
    assert "Nothing differs." in ringgate(own, "apply", folder, "--yes", "--prune")
    only = ringgate(own, "export", "--api", "front")
    assert "http_api" in only and "rest_api" not in only and "api_key" not in only
    assert "there is no API `none`" in ringgate(own, "export", "--api", "none", status=1)


def test_what_is_edited_and_not_deployed_is_shown(own, tmp_path):
    file = tmp_path / "shop.toml"
    file.write_text(SHOP)
    ringgate(own, "apply", file, "--yes")
    assert ringgate(own, "diff", "stage", "shop", "prod") == "Nothing differs.\n"
    v1 = own.client("apigateway")
    api = v1.get_rest_apis()["items"][0]["id"]
    resources = v1.get_resources(restApiId=api)["items"]
    item = next(it["id"] for it in resources if it["path"] == "/items/{id}")
    v1.update_integration(
        restApiId=api,
        resourceId=item,
        httpMethod="GET",
        patchOperations=[{"op": "replace", "path": "/timeoutInMillis", "value": "100"}],
    )
    shown = ringgate(own, "diff", "stage", "shop", "prod", status=1)
    assert shown == (
        f'~ rest_api "shop" ({api}), stage prod\n'
        '    + path."/items/{id}".GET.integration.timeout_in_millis = 100\n'
    )
    assert 'deploy = "manual"' in ringgate(own, "export", "--api", api)
    v1.create_deployment(restApiId=api, stageName="prod")
    assert ringgate(own, "diff", "stage", api, "prod") == "Nothing differs.\n"
    assert "no stage `none`" in ringgate(own, "diff", "stage", api, "none", status=2)


def test_an_application_is_one_change_that_can_be_taken_back(own, tmp_path):
    file = tmp_path / "shop.toml"
    file.write_text(SHOP)
    ringgate(own, "apply", file, "--yes")
    before = ringgate(own, "export")
    file.write_text(SHOP.replace('name = "gold"', 'name = "gold"\ndescription = "for friends"').replace('"GET /a"', '"GET /b"'))
    ringgate(own, "apply", file, "--yes")
    listed = ringgate(own, "history", "--limit", "1")
    assert re.match(r"revision 2  \d{4}-\d\d-\d\dT[\d:]+Z  alice from 127.0.0.1  apply\n", listed)
    assert '+ usage-plan' in listed and 'description = "for friends"' in listed
    assert listed.count("revision") == 1
    assert "use --yes" in ringgate(own, "undo", status=2)
    said = ringgate(own, "undo", "--yes")
    assert said.startswith("This change is taken back:") and "served: revision 3" in said
    assert ringgate(own, "export") == before
    assert "does not hold revision 99" in ringgate(own, "undo", "99", "--yes", status=1)


def test_nothing_that_is_not_declared_goes_unless_pruned(own, tmp_path):
    file = tmp_path / "shop.toml"
    file.write_text(SHOP)
    ringgate(own, "apply", file, "--yes")
    file.write_text('[[rest_api]]\nname = "other"\n')
    ringgate(own, "apply", file, "--yes")
    v1 = own.client("apigateway")
    assert {it["name"] for it in v1.get_rest_apis()["items"]} == {"shop", "other"}
    said = ringgate(own, "apply", file, "--yes", "--prune")
    assert '- rest_api "shop"' in said and "4 to delete" in said
    assert [it["name"] for it in v1.get_rest_apis()["items"]] == ["other"]
    assert v1.get_api_keys()["items"] == [] and v1.get_usage_plans()["items"] == []


def test_a_gateway_that_is_not_there_is_told(tmp_path):
    ran = subprocess.run(
        [BINARY, "history", "--endpoint", "http://127.0.0.1:9"], capture_output=True, text=True
    )
    assert ran.returncode == 1
    assert "cannot reach http://127.0.0.1:9: " in ran.stderr


def test_credentials_of_the_configuration_sign_and_a_reader_may_not_apply(tmp_path):
    credentials = """
[[management.credential]]
access_key_id = "AKIDEXAMPLE00000000A"
secret_access_key = "replace-me-with-40-random-characters-----"
[[management.credential]]
access_key_id = "AKIDEXAMPLE00000000B"
secret_access_key = "another-40-random-characters-------------"
role = "reader"
"""
    file = tmp_path / "shop.toml"
    file.write_text(SHOP)
    with Gateway(tmp_path, more=credentials) as gateway:
        configured = ["--config", tmp_path / "ringgate.toml"]
        ringgate(gateway, *configured, "apply", file, "--yes")
        assert "AKIDEXAMPLE00000000A from" in ringgate(gateway, *configured, "history")
        said = ringgate(gateway, "history", status=1)
        assert "refuses (403)" in said
        reader = {
            "PATH": os.environ["PATH"],
            "RINGGATE_ACCESS_KEY_ID": "AKIDEXAMPLE00000000B",
            "RINGGATE_SECRET_ACCESS_KEY": "another-40-random-characters-------------",
        }
        for arguments, status in [(["export"], 0), (["export", "--with-secrets"], 1), (["apply", file, "--yes"], 1)]:
            ran = subprocess.run(
                [BINARY, *arguments, "--endpoint", gateway.endpoint],
                env=reader,
                capture_output=True,
                text=True,
            )
            assert ran.returncode == status, (arguments, ran.stderr)
