"""What `ringgate explain` says is what the gateway does: the same request reaches the back end, the same
answer the client."""

import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from gateway import BINARY, PATIENCE, ROOT, Gateway

# What differs from request to request.
OWN = {"x-amzn-trace-id", "x-request", "date", "x-amzn-requestid", "x-amz-apigw-id"}


@pytest.fixture
def back_end():
    """Notes what it is asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            asked.append((self.requestline, list(self.headers.items()), content.decode()))
            body = b'{"id": 7}'
            self.send_response(201)
            self.send_header("Location", "/v1/orders/7")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.asked = asked
    yield server
    server.shutdown()


def told(text):
    """Start line, fields that are the same every time, content."""
    head, _, content = text.partition("\n\n")
    line, *fields = head.split("\n")
    pairs = [tuple(field.split(": ", 1)) for field in fields]
    return line, same(pairs), content


def same(pairs):
    return sorted((name.lower(), value) for name, value in pairs if name.lower() not in OWN)


def outcomes(explained):
    return [(phase["name"], phase["outcome"], phase["summary"]) for phase in explained["phases"]]


def test_what_is_explained_is_what_happens(tmp_path, back_end):
    shop = (ROOT / "tests" / "explain" / "shop.toml").read_text()
    shop = shop.replace("orders.internal:9000", f"127.0.0.1:{back_end.server_port}")
    (tmp_path / "shop.toml").write_text(shop)
    order = (ROOT / "tests" / "explain" / "order.json").read_text()
    (tmp_path / "reply").write_text('HTTP/1.1 201 Created\nLocation: /v1/orders/7\n\n{"id": 7}')
    with Gateway(tmp_path) as gateway:

        def ringgate(*arguments):
            ran = subprocess.run(
                [BINARY, *arguments],
                cwd=tmp_path,
                env={"PATH": os.environ["PATH"], "RINGGATE_ENDPOINT": gateway.endpoint},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
            assert ran.returncode == 0, ran.stderr
            return ran.stdout

        ringgate("apply", "shop.toml", "--yes")
        path = "/_aws/execute-api/shop123456/prod/orders"
        headers = {"X-Tenant": "acme", "Content-Type": "application/json", "User-Agent": "me"}
        status, fields, content = gateway.request("POST", path, body=order.encode(), headers=headers)
        line, sent, received = back_end.asked[0]

        flags = [it for name, value in headers.items() for it in ("-H", f"{name}: {value}")]
        asked = ["--api", "shop", "/orders", "-d", order, *flags, "--response", "reply", "--json"]
        explained = json.loads(ringgate("explain", "--running", *asked))
        # While no gateway runs its store says the same, but for what every request has of its own.
        gateway.stop()
        stored = json.loads(ringgate("explain", "--config", "ringgate.toml", "--store", *asked))
        assert outcomes(stored) == outcomes(explained)
        assert told(stored["answer"]["text"]) == told(explained["answer"]["text"])
        (tmp_path / "memory.toml").write_text('[store]\nurl = "memory"\n')
        refused = subprocess.run(
            [BINARY, "explain", "--config", "memory.toml", "--store", *asked],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert (refused.returncode, refused.stdout) == (2, "") and "use --running" in refused.stderr
    entries = [entry for phase in explained["phases"] for entry in phase.get("entries", [])]
    leaves = next(it["text"] for it in entries if it.get("title") == "the request that leaves")
    assert told(leaves) == (line, same(sent), received)
    answer = explained["answer"]
    first, answered, said = told(answer["text"])
    assert (answer["status"], said.encode()) == (status, content)
    assert first == "HTTP/1.1 201 Created"
    assert answered == same(fields.items())
