"""The gateway's own key pair from a container's endpoint, which gives it for some seconds at a time."""

import datetime
import http.server
import json
import threading
import time

import pytest
from gateway import PATIENCE, REGION, Gateway
from test_reload import Load

# Whole seconds are cut off, so that a pair is good for three at least.
SECONDS = 4

MORE = """
[aws]
assume_roles = false
credential_sources = ["environment", "container"]
endpoints = {{ "*" = "{url}" }}
"""


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Gives key pairs to who shows the token, and as a service says whose signature a request has."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server, status = self.server, 200
        if self.path != "/credentials":
            content = self.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
            if content not in server.valid() or self.headers["X-Amz-Security-Token"] != f"token-of-{content}":
                status, content = 403, f"{content} is not valid"
        elif server.is_away or self.headers["Authorization"] != "the container's token":
            status, content = 403, "a secret reason"
        else:
            content = server.give()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, is_away = True, False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Endpoint)
        self.given = {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def give(self):
        key, until = f"ASIA{len(self.given)}", int(time.time()) + SECONDS
        self.given[key] = until
        moment = datetime.datetime.fromtimestamp(until, datetime.timezone.utc)
        pair = {"AccessKeyId": key, "SecretAccessKey": "a secret that is told", "Token": f"token-of-{key}"}
        return json.dumps({**pair, "Expiration": moment.strftime("%Y-%m-%dT%H:%M:%SZ")})

    def valid(self):
        return {key for key, until in list(self.given.items()) if time.time() < until}


@pytest.fixture
def server():
    server = Server()
    yield server
    server.shutdown()


def until(condition, what):
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < PATIENCE, what
        time.sleep(0.02)


def test_no_request_fails_while_pairs_come_and_go(tmp_path, server):
    token = tmp_path / "token"
    token.write_text("the container's token\n")
    environment = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{server.url}/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
    }
    with Gateway(tmp_path, more=MORE.format(url=server.url), environment=environment) as gateway:
        client = gateway.client("apigateway")
        api = client.create_rest_api(name="signed")["id"]
        root = client.get_resources(restApiId=api)["items"][0]["id"]
        at = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
        client.put_method(**at, authorizationType="NONE")
        client.put_integration(
            **at,
            type="AWS",
            integrationHttpMethod="POST",
            uri=f"arn:aws:apigateway:{REGION}:sns:action/ListTopics",
            credentials="arn:aws:iam::000000000000:role/api",
        )
        client.put_method_response(**at, statusCode="200")
        client.put_integration_response(**at, statusCode="200")
        client.create_deployment(restApiId=api, stageName="prod")
        host = f"{api}.execute-api.{REGION}.localhost"
        load = Load(gateway, host, "")
        until(lambda: len({text for _, text in load.answers}) >= 3, "pairs are renewed")
        assert set(load.stop()) <= set(server.given)

        # Nobody gives a pair any more: the last one is used to its end, and no further.
        server.is_away = True
        ask = lambda: gateway.request("GET", "/prod/", host=host)[0]
        answers = []
        until(lambda: answers.append(ask()) or answers[-1] != 200, "the last pair ends")
        assert answers[-1] == 500
        assert not server.valid(), "it was given up before its end"
        server.is_away = False
        until(lambda: ask() == 200, "pairs are given again")
        told = [line for line in gateway.lines if "no credentials could be had" in line]
        assert len(told) == 1 and "answered 403" in told[0]
        everything = "\n".join(gateway.lines)
        for secret in ["a secret", "token-of", "the container's token"]:
            assert secret not in everything
