#!/usr/bin/env python3
"""A proxy in front of the management API that notes every call, as boto3 would make it, and its answer.

Run as a program it writes tests/contract/terraform/calls.jsonl: what Terraform's provider calls to make,
change and destroy the configuration beside that file. Run it when the configuration changes:

    PATH=...:$PATH tests/contract/recorder.py
"""

import http.client
import http.server
import json
import re
import threading
import urllib.parse

import botocore.session

MODELS = {name: botocore.session.get_session().get_service_model(name) for name in ("apigateway", "apigatewayv2")}


class Recorder:
    """Listens on a port of its own and passes calls on. `calls` are (service, operation, input, status, answer)."""

    def __init__(self, management):
        self.calls = []
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                # The signature covers the host, so it stays.
                connection = http.client.HTTPConnection(management, timeout=30)
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in ("connection", "content-length"):
                        connection.putheader(name, value)
                connection.putheader("Content-Length", str(len(body)))
                connection.endheaders(body)
                response = connection.getresponse()
                content = response.read()
                connection.close()
                if call := read(self.command, self.path, body):
                    answer = json.loads(content) if content else None
                    recorder.calls.append((*call, response.status, answer))
                self.send_response_only(response.status)
                for name, value in response.getheaders():
                    if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                        self.send_header(name, value)
                if response.status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self):
        self.server.shutdown()


def read(method, target, body):
    """A request as (service, operation, boto3's input); nothing for what is another service's."""
    path, _, query = target.partition("?")
    service = "apigatewayv2" if path.startswith("/v2/") else "apigateway"
    found = []
    for name in MODELS[service].operation_names:
        operation = MODELS[service].operation_model(name)
        template, _, fixed = operation.http["requestUri"].partition("?")
        pattern = re.sub(r"\{([^}+]+)\+?\}", lambda it: f"(?P<{_label(it.group(1))}>[^/]+)", template)
        matched = re.fullmatch(pattern, path)
        queries = urllib.parse.parse_qs(query, keep_blank_values=True)
        if operation.http["method"] == method and matched and set(fixed.split("&")) - {""} <= set(query.split("&")):
            found.append((template.count("{"), name, operation, matched.groupdict(), queries))
    if not found:
        return None
    # `/sdktypes` before `/{x}`.
    _, name, operation, labels, queries = min(found, key=lambda it: it[0])
    content = json.loads(body) if body else {}
    given = {}
    for member, shape in operation.input_shape.members.items() if operation.input_shape else ():
        wire = shape.serialization.get("name", member)
        match shape.serialization.get("location"):
            case "uri":
                given[member] = urllib.parse.unquote(labels[_label(wire)])
            case "querystring" if wire in queries:
                values = queries[wire]
                given[member] = values if shape.type_name == "list" else _scalar(shape, values[-1])
            case None if wire in content:
                given[member] = _value(shape, content[wire])
    return service, name, given


def _label(name):
    return name.replace("-", "_")


def _scalar(shape, text):
    match shape.type_name:
        case "boolean":
            return text == "true"
        case "integer":
            return int(text)
        case _:
            return text


def _value(shape, value):
    match shape.type_name:
        case "structure":
            members = {inner.serialization.get("name", name): (name, inner) for name, inner in shape.members.items()}
            return {members[wire][0]: _value(members[wire][1], inner) for wire, inner in value.items()}
        case "list":
            return [_value(shape.member, inner) for inner in value]
        case "map":
            return {name: _value(shape.value, inner) for name, inner in value.items()}
        case _:
            return value


def _main():
    import tempfile

    from gateway import Gateway
    from test_terraform import CALLS, Terraform

    with tempfile.TemporaryDirectory() as folder, Gateway(folder) as gateway:
        recorder = Recorder(gateway.management)
        terraform = Terraform(f"{folder}/terraform", recorder.endpoint, "http://127.0.0.1:9")
        # One after the other, and no more reading than there must be.
        terraform.run("apply", "-auto-approve", "-parallelism=1", "-var=second=false")
        terraform.run("apply", "-auto-approve", "-parallelism=1", "-refresh=false", "-var=second=true")
        terraform.run("destroy", "-auto-approve", "-parallelism=1", "-refresh=false", "-var=second=true")
        recorder.stop()
    CALLS.write_text("".join(json.dumps(call, separators=(",", ":")) + "\n" for call in recorder.calls))
    print(f"{CALLS}: {len(recorder.calls)} calls")


if __name__ == "__main__":
    _main()
