"""A function as people deploy one: a zip, a permission, and an API of each kind in front of it."""

import http.client
import io
import json
import subprocess
import zipfile
from pathlib import Path

from gateway import ACCOUNT, PATIENCE, REGION, SUFFIX

ROLE = "arn:aws:iam::000000000000:role/r"

# The kinds of APIs, by the format of their events.
REST, HTTP_1, HTTP_2 = "rest", "http 1.0", "http 2.0"


def zipped(files):
    """A zip of `{path inside: text or bytes or the file}`."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path, file in files.items():
            if isinstance(file, Path):
                archive.write(file, path)
            else:
                archive.writestr(path, file)
    return content.getvalue()


def invocation_of(arn):
    """The URI by which an integration names a function."""
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"


class Deployed:
    """A function behind APIs of a gateway."""

    def __init__(self, gateway, name, files, **members):
        self.gateway, self.name = gateway, name
        self.functions = gateway.client("lambda")
        made = self.functions.create_function(
            FunctionName=name, Role=ROLE, Code={"ZipFile": zipped(files)}, **members
        )
        self.arn = made["FunctionArn"]

    def behind(self, kind, **input):
        return self.behind_rest(**input) if kind == REST else self.behind_http(kind.split()[1])

    def behind_rest(self, paths=("/", "/{proxy+}"), binary=()):
        """A REST API with `ANY` on each of these paths, deployed to the stage `prod`."""
        v1 = self.gateway.client("apigateway")
        made = v1.create_rest_api(name=self.name, binaryMediaTypes=list(binary))
        api, resources = made["id"], {"": made["rootResourceId"]}

        def resource(path):
            if path not in resources:
                parent, part = path.rsplit("/", 1)
                made = v1.create_resource(restApiId=api, parentId=resource(parent), pathPart=part)
                resources[path] = made["id"]
            return resources[path]

        for path in paths:
            at = {"restApiId": api, "resourceId": resource(path.rstrip("/")), "httpMethod": "ANY"}
            v1.put_method(**at, authorizationType="NONE")
            uri = invocation_of(self.arn)
            v1.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
        v1.create_deployment(restApiId=api, stageName="prod")
        self._permit(api)
        return Caller(self.gateway, api, "/prod")

    def behind_http(self, version):
        """An HTTP API whose every request is the function's, in events of this version."""
        v2 = self.gateway.client("apigatewayv2")
        api = v2.create_api(Name=self.name, ProtocolType="HTTP")["ApiId"]
        made = v2.create_integration(
            ApiId=api,
            IntegrationType="AWS_PROXY",
            IntegrationUri=self.arn,
            PayloadFormatVersion=version,
        )
        target = f"integrations/{made['IntegrationId']}"
        v2.create_route(ApiId=api, RouteKey="$default", Target=target)
        v2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
        self._permit(api)
        return Caller(self.gateway, api, "")

    def _permit(self, api):
        self.functions.add_permission(
            FunctionName=self.name,
            StatementId=api,
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/*",
        )


class Caller:
    """An API of a gateway, as its clients see it."""

    def __init__(self, gateway, api, prefix):
        self.gateway, self.api, self.prefix = gateway, api, prefix
        self.host = f"{api}.execute-api.{REGION}.{SUFFIX}"
        self.source = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}"

    def request(self, method, path, body=None, headers=()):
        """Asks; `headers` are pairs, so that a name can come twice."""
        connection = http.client.HTTPConnection(self.gateway.address, timeout=PATIENCE)
        connection.putrequest(method, self.prefix + path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", self.host)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        reply = Reply(response.status, response.getheaders(), response.read())
        connection.close()
        return reply

    def get(self, path, headers=()):
        return self.request("GET", path, headers=headers)

    def post(self, path, content, type, headers=()):
        return self.request("POST", path, content, [("Content-Type", type), *headers])

    def post_json(self, path, value, headers=()):
        return self.post(path, json.dumps(value).encode(), "application/json", headers)

    def curl(self, path, *arguments):
        """What the `curl` command says: status and content."""
        url = f"http://{self.gateway.address}{self.prefix}{path}"
        command = ["curl", "-sS", "-H", f"Host: {self.host}", "-w", "\n%{http_code}", *arguments, url]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
        content, status = ran.stdout.rsplit("\n", 1)
        return int(status), content


class Reply:
    """An answer: status, fields as they came, content."""

    def __init__(self, status, fields, content):
        self.status, self.fields, self.content = status, fields, content

    def all(self, name):
        """Every value of a field, in order."""
        return [value for known, value in self.fields if known.lower() == name.lower()]

    def field(self, name):
        """The only value of a field, or `None`."""
        values = self.all(name)
        assert len(values) <= 1, values
        return values[0] if values else None

    @property
    def text(self):
        return self.content.decode()

    @property
    def json(self):
        return json.loads(self.content)
