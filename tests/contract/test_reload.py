"""A reload of the file reaches stages that are served already, and no request fails over it."""

import http.client
import http.server
import json
import threading

import pytest
from gateway import PATIENCE, REGION, Gateway

ROLE = "arn:aws:iam::000000000000:role/api"
FUNCTION = f"arn:aws:lambda:{REGION}:000000000000:function:far"

MORE = """
[aws]
endpoints = {{ sts = "{url}", dynamodb = "{url}" }}
functions_need_permission = false
[[aws.credentials]]
access_key_id = "AKIDOWN0000000000000"
secret_access_key = "the gateway's own secret"
[[upstream]]
name = "u"
targets = ["{address}"]
[[vpc_link]]
link = "link"
upstream = "u"
[[remote_function]]
name = "far"
endpoint = "{url}"
role = "arn:aws:iam::000000000000:role/{role}"
"""

ASSUMED = """<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>
<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>"""


class Everything(http.server.BaseHTTPRequestHandler):
    """STS, Lambda, and a back end that says which of them it is."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        name = self.server.name
        if "Action=AssumeRole" in body:
            content = ASSUMED.format(key=f"ASIA{name}")
        elif "/invocations" in self.path:
            content = json.dumps({"statusCode": 200, "body": self.who()})
        else:
            content = self.who()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    def who(self):
        signature = self.headers.get("Authorization", "")
        key = signature.partition("Credential=")[2].partition("/")[0]
        return f"{self.server.name} {key}".strip()

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def places():
    """Two back ends, `one` and `two`."""
    servers = []
    for name in ["one", "two"]:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Everything)
        server.daemon_threads, server.name = True, name
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
    yield [f"127.0.0.1:{server.server_address[1]}" for server in servers]
    for server in servers:
        server.shutdown()


def file(address, role="far"):
    return MORE.format(url=f"http://{address}", address=address, role=role)


def rest_api(gateway):
    """`GET /prod/private`, `/prod/service` and `/prod/function`, each to what the file says."""
    client = gateway.client("apigateway")
    api = client.create_rest_api(name="reloaded")["id"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    link = client.create_vpc_link(
        name="link", targetArns=["arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/a/b"]
    )["id"]
    invoke = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
    integrations = {
        "private": dict(
            type="HTTP_PROXY", uri="http://balancer.test/", connectionType="VPC_LINK", connectionId=link
        ),
        "service": dict(
            type="AWS",
            uri=f"arn:aws:apigateway:{REGION}:dynamodb:action/GetItem",
            credentials=ROLE,
            requestTemplates={"application/json": "{}"},
        ),
        "function": dict(type="AWS_PROXY", uri=invoke),
    }
    for path, integration in integrations.items():
        resource = client.create_resource(restApiId=api, parentId=root, pathPart=path)["id"]
        at = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
        client.put_method(**at, authorizationType="NONE")
        client.put_integration(**at, integrationHttpMethod="POST", **integration)
        client.put_method_response(**at, statusCode="200")
        client.put_integration_response(**at, statusCode="200")
    client.create_deployment(restApiId=api, stageName="prod")
    return f"{api}.execute-api.{REGION}.localhost", list(integrations)


class Load:
    """Asks for a path again and again, on one connection, and keeps what was answered."""

    def __init__(self, gateway, host, path):
        self.answers, self.ended = [], threading.Event()
        self.connection = http.client.HTTPConnection(gateway.address, timeout=PATIENCE)
        self.host, self.path = host, path
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.is_set():
            try:
                self.connection.request("GET", f"/prod/{self.path}", headers={"Host": self.host})
                response = self.connection.getresponse()
                self.answers.append((response.status, response.read().decode()))
            except OSError as error:
                self.answers.append((0, str(error)))

    def stop(self):
        self.ended.set()
        self.thread.join(PATIENCE)
        assert [answer for answer in self.answers if answer[0] != 200] == []
        return [text for _, text in self.answers]


def test_a_reload_reaches_stages_that_are_served(tmp_path, places):
    one, two = places
    with Gateway(tmp_path, more=file(one)) as gateway:
        host, paths = rest_api(gateway)

        def asked():
            return [gateway.request("GET", f"/prod/{path}", host=host)[2].decode() for path in paths]

        assert asked() == ["one", "one ASIAone", "one ASIAone"]
        loads = [Load(gateway, host, path) for path in paths]
        for address, name in [(two, "two"), (one, "one")] * 3:
            gateway.reload(file(address))
            # The role is asked for anew beside the requests; until then it has what it had.
            answers = asked()
            assert [answer.split()[0] for answer in answers] == [name] * 3
        for load in loads:
            texts = load.stop()
            assert {text.split()[0] for text in texts} == {"one", "two"}
        # A test call asks where the file says now, and so does what is made from now on.
        client = gateway.client("apigateway")
        api = host.split(".")[0]
        resources = {it["path"]: it["id"] for it in client.get_resources(restApiId=api)["items"]}
        at = {"restApiId": api, "resourceId": resources["/private"], "httpMethod": "GET"}
        assert client.test_invoke_method(**at)["body"] == "one"
        gateway.reload(file(two, role="other"))
        assert client.test_invoke_method(**at)["body"] == "two"
        # A function's role is there before the first request needs it.
        assert asked()[2] == "two ASIAtwo"
        assert not any("restart" in line for line in gateway.lines)


def test_what_a_reload_takes_away_is_500_until_it_is_back(tmp_path, places):
    with Gateway(tmp_path, more=file(places[0])) as gateway:
        host, _ = rest_api(gateway)
        ask = lambda: gateway.request("GET", "/prod/private", host=host)[0]
        assert ask() == 200
        gateway.reload(file(places[0]).replace('link = "link"', 'link = "another"'))
        assert ask() == 500
        assert any("leads to no upstream" in line for line in gateway.lines)
        gateway.reload(file(places[0]))
        assert ask() == 200


def test_permissions_of_functions_follow_a_reload(tmp_path, places):
    from test_lambda import ROLE as EXECUTION_ROLE, zipped

    needs = lambda flag: f"[aws]\nfunctions_need_permission = {flag}\n"
    with Gateway(tmp_path, more=needs("true")) as gateway:
        functions, client = gateway.client("lambda"), gateway.client("apigateway")
        code = 'def handler(event, context):\n    return {"statusCode": 200, "body": "local"}\n'
        functions.create_function(
            FunctionName="far",
            Runtime="python3.12",
            Role=EXECUTION_ROLE,
            Handler="app.handler",
            Code={"ZipFile": zipped(app=code)},
        )
        functions.get_waiter("function_active_v2").wait(FunctionName="far")
        host, _ = rest_api(gateway)
        ask = lambda: gateway.request("GET", "/prod/function", host=host)[::2]
        assert ask()[0] == 500
        gateway.reload(needs("false"))
        assert ask() == (200, b"local")
        gateway.reload(needs("true"))
        assert ask()[0] == 500
        gateway.reload('[aws]\naccount_id = "111111111111"\n')
        assert any("`aws.account_id` changes only with a restart" in line for line in gateway.lines)
