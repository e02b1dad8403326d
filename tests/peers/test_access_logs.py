"""Access logs as other programs read them."""

import json
import re
import subprocess

import httpx
import pytest
from conftest import upstream
from processes import Gateway, Uvicorn, wait_until


@pytest.fixture(scope="module")
def back_end():
    with Uvicorn("h11") as back_end:
        yield back_end


def gateway(folder, back_end, access_log):
    return Gateway(
        folder,
        f"""
[server]
listen = ["127.0.0.1:0"]
shards = 1
[management]
listen = "127.0.0.1:0"
[access_log]
{access_log}
{upstream("app", back_end.address)}
""",
    )


def lines(file, count):
    def look():
        found = file.read_text().splitlines() if file.exists() else []
        return found if len(found) >= count else None

    found = wait_until(f"{count} lines in {file}", look)
    assert len(found) == count
    return found


def test_json(back_end, tmp_path):
    with gateway(tmp_path, back_end, 'destination = "file:access.log"\nformat = "json"') as served:
        answer = httpx.get(f"{served.url}/app/big?bytes=1000")
        httpx.get(f"{served.url}/app")
        httpx.post(f"{served.url}/app/status/404", headers={"user-agent": 'a "quoted"\\agent'})
        first, second, third = [json.loads(line) for line in lines(tmp_path / "access.log", 3)]
    assert first["requestId"] == answer.headers["apigw-requestid"]
    assert (first["ip"], first["httpMethod"], first["status"]) == ("127.0.0.1", "GET", "200")
    assert (first["path"], first["routeKey"]) == ("/app/big", "ANY /{proxy+}")
    assert (first["protocol"], first["responseLength"]) == ("HTTP/1.1", "1000")
    assert first["integrationStatus"] == "200" and int(first["integrationLatency"]) <= int(first["responseLatency"])
    # No route takes the base path itself.
    assert (second["path"], second["status"], second["integrationStatus"]) == ("/app", "404", "-")
    assert (third["httpMethod"], third["status"]) == ("POST", "404")
    assert third["userAgent"] == 'a "quoted"\\agent'


def test_common_log_format(back_end, tmp_path):
    with gateway(tmp_path, back_end, 'destination = "file:access.log"\nformat = "clf"') as served:
        httpx.get(f"{served.url}/app/big?bytes=1234")
        (line,) = lines(tmp_path / "access.log", 1)
    pattern = (
        r"127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "
        r'"GET /app/big HTTP/1\.1" 200 1234 \S+'
    )
    assert re.fullmatch(pattern, line), line


def test_a_format_of_ones_own_cannot_be_broken_by_a_client(back_end, tmp_path):
    variables = {
        "id": "requestId",
        "agent": "identity.userAgent",
        "path": "path",
        "host": "domainName",
        "route": "routeKey",
        "upstream": "integration.status",
    }
    text = "{" + ",".join(f'\\"{key}\\":\\"$context.{name}\\"' for key, name in variables.items()) + "}"
    with gateway(tmp_path, back_end, f'destination = "file:access.log"\nformat = "{text}"') as served:
        agent = '", "injected": "yes\\'
        command = ["curl", "-s", "-o", "/dev/null", "-A", agent, f"{served.url}/app/echo/%22%0A?secret=1"]
        subprocess.run(command, check=True)
        (line,) = lines(tmp_path / "access.log", 1)
    told = json.loads(line)
    assert told["agent"] == agent
    assert set(told) == set(variables)
    assert told["path"] == "/app/echo/%22%0A", "without the query"
    assert (told["route"], told["upstream"]) == ("ANY /{proxy+}", "200")


def test_standard_output(back_end, tmp_path):
    with gateway(tmp_path, back_end, 'destination = "stdout"\nformat = "$context.requestId $context.status"') as served:
        httpx.get(f"{served.url}/app/status/201")
        assert served.line(r"^\S+ (201)$")


def test_many_requests_are_all_logged_once(back_end, tmp_path):
    with gateway(tmp_path, back_end, 'destination = "file:access.log"\nformat = "$context.requestId $context.status"') as served:
        with httpx.Client() as client:
            for _ in range(500):
                client.get(f"{served.url}/app/status/200")
    # The end writes what is left.
    found = (tmp_path / "access.log").read_text().splitlines()
    assert len(found) == 500
    assert len({line.split()[0] for line in found}) == 500, "every request has an id of its own"
