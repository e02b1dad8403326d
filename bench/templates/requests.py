"""What mapping templates cost a request: the gateway's CPU time beside a plain proxied request.

One gateway with one shard, one API made through the management API: `/plain` is an HTTP_PROXY method,
`/mapped` an HTTP method whose request and response templates make both contents anew, `/order` one with
the template of `compare.py` (2 KiB of JSON, 40 lines), `/service` an action of DynamoDB with the templates
of `/mapped`, signed, over HTTP. All four ask the same back end (nginx) and are asked in turns. The figure is user and system time of all of the gateway's threads per answered request.
Exit status 1 if `/mapped` costs more than twice `/plain`.

    cargo build --release -p ringgate -p ringgate-loadtest
    python bench/templates/requests.py [--rounds 10] [--seconds 2] [--binaries FOLDER]
"""

import argparse
import http.client
import json
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
BAR = 2
CONNECTIONS = 64

CONFIGURATION = """
[server]
listen = ["127.0.0.1:0"]
shards = 1
[management]
listen = "127.0.0.1:0"
audit_log = "file:audit.log"
rate = 1000000
burst = 1000000
[store]
url = "sqlite:ringgate.db"
[aws]
endpoints = { dynamodb = "http://BACKEND" }
[[aws.credentials]]
role = "*"
access_key_id = "AKIDEXAMPLE000000000"
secret_access_key = "a secret of forty characters or so -----"
"""

BACK_END = """
daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit;
events { worker_connections 1024; }
http {
    access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server { listen 127.0.0.1:PORT; default_type application/json; return 200 'CONTENT'; }
}
"""

# What a client sends and what a back end answers: some 200 and 300 bytes.
SENT = {
    "name": "Rex",
    "kind": "dog",
    "note": 'says "hello" a lot',
    "tags": ["new", "small", "brown"],
    "owner": {"id": 4711, "city": "Springfield", "since": "2019-05-28"},
}
ANSWERED = {
    "count": 3,
    "items": [{"id": n, "name": f"item number {n}", "price": 7.5 * n, "internal": "x" * 20} for n in range(3)],
    "next": None,
}

REQUEST_TEMPLATE = """{
  "name": $input.json('$.name'),
  "tags": $input.json('$.tags'),
  "note": "$util.escapeJavaScript($input.path('$.note'))",
  "city": "$input.path('$.owner.city')",
  "request": "$context.requestId"
}"""

RESPONSE_TEMPLATE = """#set($root = $input.path('$'))
{
  "count": $root.count,
  "items": [
#foreach($item in $root.items)
    { "id": $item.id, "name": "$item.name" }#if($foreach.hasNext),#end

#end
  ],
  "stage": "$context.stage"
}"""


def started(command, folder):
    """The gateway, and the addresses that it listens on and is managed at."""
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found = {}
    for line in child.stdout:
        if match := re.match(r"(listening|management) on http://(\S+)", line):
            found[match[1]] = match[2]
        if len(found) == 2:
            return child, found["listening"], found["management"]
    sys.exit("ringgate did not start")


def back_end(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    content = json.dumps(ANSWERED)
    (folder / "nginx.conf").write_text(BACK_END.replace("PORT", str(port)).replace("CONTENT", content))
    child = subprocess.Popen(["nginx", "-p", folder, "-c", "nginx.conf"], stderr=subprocess.DEVNULL)
    for _ in range(100):
        time.sleep(0.05)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return child, f"127.0.0.1:{port}"
    sys.exit("nginx did not start")


def set_up(management, back_end):
    """Makes and deploys the API; returns its id."""
    connection = http.client.HTTPConnection(management)

    def call(method, path, body):
        connection.request(method, path, body=json.dumps(body), headers={"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        if response.status >= 300:
            sys.exit(f"{method} {path}: {response.status} {content[:300]}")
        return json.loads(content) if content else {}

    api = call("POST", "/restapis", {"name": "bench"})
    order = (HERE / "order.vtl").read_text()
    small = (REQUEST_TEMPLATE, RESPONSE_TEMPLATE)
    templates = {"plain": None, "mapped": small, "order": (order, RESPONSE_TEMPLATE), "service": small}
    for part, made in templates.items():
        path = f"/restapis/{api['id']}/resources"
        resource = call("POST", f"{path}/{api['rootResourceId']}", {"pathPart": part})
        method = f"{path}/{resource['id']}/methods/POST"
        call("PUT", method, {"authorizationType": "NONE"})
        integration = {"type": "HTTP" if made else "HTTP_PROXY", "httpMethod": "POST", "uri": f"http://{back_end}/"}
        if part == "service":
            integration["type"] = "AWS"
            integration["uri"] = "arn:aws:apigateway:us-east-1:dynamodb:action/PutItem"
            integration["credentials"] = "arn:aws:iam::000000000000:role/bench"
        if made:
            integration["requestTemplates"] = {"application/json": made[0]}
        call("PUT", f"{method}/integration", integration)
        if made:
            call("PUT", f"{method}/responses/200", {})
            answers = {"responseTemplates": {"application/json": made[1]}}
            call("PUT", f"{method}/integration/responses/200", answers)
    call("POST", f"/restapis/{api['id']}/deployments", {"stageName": "prod", "variables": {"env": "production"}})
    return api["id"]


def cpu(pid):
    """Nanoseconds of all threads."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


class Load:
    """Requests to one method, over and over."""

    def __init__(self, options, folder, gateway, url, body):
        self.gateway = gateway
        file = folder / f"{url.rsplit('/', 1)[1]}.json"
        file.write_text(body)
        self.command = [
            options.binaries / "ringgate-loadtest", "run", url, "--body", f"@{file}", "--quiet", "--json", "-",
            "-H", "Content-Type: application/json", "-c", str(CONNECTIONS), "-d", f"{options.seconds}s",
            "--expect", "200",
        ]  # fmt: skip

    def round(self):
        """Microseconds of the gateway's CPU per answer."""
        begin = cpu(self.gateway.pid)
        told = subprocess.run(self.command, capture_output=True, text=True, check=True)
        used = cpu(self.gateway.pid) - begin
        result = json.loads(told.stdout)
        return used / 1000 / result["answered"]


def spread(values):
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--binaries", type=Path, default=HERE.parents[1] / "target/release")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        # Nginx's worker may run as somebody else.
        folder.chmod(0o755)
        (folder / "configuration").mkdir()
        nginx, address = back_end(folder)
        file = folder / "configuration/ringgate.toml"
        file.write_text(CONFIGURATION.replace("BACKEND", address))
        gateway, listening, management = started([options.binaries / "ringgate", "serve", "--config", file], folder)
        try:
            api = set_up(management, address)
            body = {"order": (HERE / "order.json").read_text()}
            loads = {
                name: Load(
                    options, folder, gateway, f"http://{listening}/_aws/execute-api/{api}/prod/{name}",
                    body.get(name) or json.dumps(SENT),
                )
                for name in ("plain", "mapped", "order", "service")
            }  # fmt: skip
            for load in loads.values():
                load.round()
            rounds = [{name: load.round() for name, load in loads.items()} for _ in range(options.rounds)]
        finally:
            for child in (gateway, nginx):
                child.terminate()
                child.wait()

    print(f"{options.rounds} rounds in turns, {CONNECTIONS} connections; medians (lowest-highest)\n")
    print("| | us of CPU per request | of plain |")
    print("|---|---:|---:|")
    for name in loads:
        ratio = spread([it[name] / it["plain"] for it in rounds])
        print(f"| {name} | {spread([it[name] for it in rounds])} | {ratio} |")
    sys.exit(statistics.median(it["mapped"] / it["plain"] for it in rounds) > BAR)


if __name__ == "__main__":
    main()
