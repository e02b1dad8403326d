"""Lambda authorizers as people deploy them: a function that returns policy documents, made by boto3 with a zip
and a permission, in front of methods and routes, called through the gateway."""

import json
import threading

import pytest
from deployed import ROLE, Caller, invocation_of, zipped
from gateway import ACCOUNT, REGION

# The token authorizer that everybody begins with.
NODE = """
exports.handler = function(event, context, callback) {
    console.log('asked about ' + event.authorizationToken);
    var token = event.authorizationToken;
    switch (token) {
        case 'allow':
            callback(null, generatePolicy('user', 'Allow', event.methodArn));
            break;
        case 'deny':
            callback(null, generatePolicy('user', 'Deny', event.methodArn));
            break;
        case 'unauthorized':
            callback("Unauthorized");
            break;
        default:
            callback("Error: Invalid token");
    }
};

var generatePolicy = function(principalId, effect, resource) {
    var authResponse = {};
    authResponse.principalId = principalId;
    if (effect && resource) {
        var policyDocument = {};
        policyDocument.Version = '2012-10-17';
        policyDocument.Statement = [];
        var statementOne = {};
        statementOne.Action = 'execute-api:Invoke';
        statementOne.Effect = effect;
        statementOne.Resource = resource;
        policyDocument.Statement[0] = statementOne;
        authResponse.policyDocument = policyDocument;
    }
    authResponse.context = { "stringKey": "stringval", "numberKey": 123, "booleanKey": true };
    return authResponse;
}
"""

# The same in Python. Its context tells by the invocation's id which answers came of one question.
PYTHON = """
import time


def lambda_handler(event, context):
    token = event.get("authorizationToken") or (event.get("headers") or {}).get("Authorization") or ""
    if token.startswith("slow"):
        time.sleep(0.4)
    if token == "unauthorized":
        raise Exception("Unauthorized")
    if token == "broken":
        raise ValueError("broken")
    if token == "malformed":
        return "Unauthorized"
    effect = "Deny" if token == "deny" else "Allow"
    resource = event["methodArn"] if token == "own" else "arn:aws:execute-api:*:*:*"
    return {
        "principalId": "user|a1b2",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}],
        },
        "context": {"question": context.aws_request_id, "kind": event["type"], "is": True},
        "usageIdentifierKey": "key",
    }
"""

SIMPLE = """
def lambda_handler(event, context):
    token = event["headers"].get("authorization")
    if token == "unauthorized":
        raise Exception("Unauthorized")
    if token == "malformed":
        return {"isAuthorized": "true"}
    told = {"question": context.aws_request_id, "source": event["identitySource"], "arn": event["routeArn"]}
    return {"isAuthorized": token == "allow", "context": told}
"""

# Tells what an event says of its caller.
TELLING = """
import json


def lambda_handler(event, context):
    return {"statusCode": 200, "body": json.dumps(event["requestContext"].get("authorizer"))}
"""


@pytest.fixture(scope="module")
def functions(gateway):
    """Makes functions whose tests share them: `functions(name, files, **members)` is the ARN."""
    client = gateway.client("lambda")
    made = {}

    def make(name, files, **members):
        if name not in made:
            created = client.create_function(
                FunctionName=name, Role=ROLE, Code={"ZipFile": zipped(files)}, Timeout=10, **members
            )
            made[name] = created["FunctionArn"]
        return made[name]

    return make


@pytest.fixture
def node(functions):
    return functions("authorizer-node", {"index.js": NODE}, Runtime="nodejs20.x", Handler="index.handler")


@pytest.fixture
def python(functions):
    return functions(
        "authorizer-python", {"app.py": PYTHON}, Runtime="python3.11", Handler="app.lambda_handler"
    )


@pytest.fixture
def telling(functions):
    return functions("telling", {"app.py": TELLING}, Runtime="python3.11", Handler="app.lambda_handler")


def permit(gateway, function, api, what):
    gateway.client("lambda").add_permission(
        FunctionName=function,
        StatementId=f"{api}-{what.replace('/', '-').replace('*', 'all')}",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/{what}",
    )


class Rest:
    """A REST API whose methods ask an authorizer: `/mock`, `/mapped` and `/told`."""

    def __init__(self, gateway, function, kind="TOKEN", telling=None, permitted=True, **input):
        self.gateway, self.function = gateway, function
        self.v1 = v1 = gateway.client("apigateway")
        made = v1.create_rest_api(name="authorized")
        self.api, self.root = made["id"], made["rootResourceId"]
        self.authorizer = v1.create_authorizer(
            restApiId=self.api,
            name="callers",
            type=kind,
            authorizerUri=invocation_of(function),
            **{"identitySource": "method.request.header.Authorization", **input},
        )["id"]
        if permitted:
            permit(gateway, function.split(":")[6], self.api, f"authorizers/{self.authorizer}")
        for path in ("mock", "other"):
            self.mock(path, "in")
        self.mock("mapped", "$context.authorizer.principalId $context.authorizer.question $context.authorizer.is")
        if telling:
            at = self.method("told")
            v1.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=invocation_of(telling))
            permit(gateway, "telling", self.api, "*")
        self.deploy()
        self.caller = Caller(gateway, self.api, "/prod")

    def method(self, path, **more):
        made = self.v1.create_resource(restApiId=self.api, parentId=self.root, pathPart=path)
        at = {"restApiId": self.api, "resourceId": made["id"], "httpMethod": "GET"}
        self.v1.put_method(**at, authorizationType="CUSTOM", authorizerId=self.authorizer, **more)
        return at

    def mock(self, path, body, **more):
        at = self.method(path, **more)
        self.v1.put_method_response(**at, statusCode="200")
        self.v1.put_integration(**at, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
        templates = {"application/json": body}
        self.v1.put_integration_response(**at, statusCode="200", responseTemplates=templates)

    def deploy(self):
        self.v1.create_deployment(restApiId=self.api, stageName="prod")

    def get(self, path, token=None):
        headers = [("Authorization", token)] if token is not None else []
        return self.caller.get(path, headers)


DENIED = b'{"Message":"User is not authorized to access this resource with an explicit deny"}'
UNAUTHORIZED = b'{"message":"Unauthorized"}'
BROKEN = b'{"message":null}'


def test_a_node_token_authorizer(gateway, node):
    api = Rest(gateway, node)
    for token, status, content, kind in (
        ("allow", 200, b"in", None),
        ("deny", 403, DENIED, "AccessDeniedException"),
        ("unauthorized", 401, UNAUTHORIZED, "UnauthorizedException"),
        ("anything else", 500, BROKEN, "AuthorizerConfigurationException"),
        (None, 401, UNAUTHORIZED, "UnauthorizedException"),
        ("", 401, UNAUTHORIZED, "UnauthorizedException"),
    ):
        reply = api.get("/mock", token)
        assert (reply.status, reply.content, reply.field("x-amzn-errortype")) == (status, content, kind), token


def test_a_python_token_authorizer(gateway, python, telling):
    api = Rest(gateway, python, telling=telling)
    for token, status, content in (
        ("allow", 200, b"in"),
        ("deny", 403, DENIED),
        ("unauthorized", 401, UNAUTHORIZED),
        ("broken", 500, BROKEN),
        # What is returned is no error, whatever its words.
        ("malformed", 500, BROKEN),
    ):
        reply = api.get("/mock", token)
        assert (reply.status, reply.content) == (status, content), token
    told = api.get("/told", "allow").json
    # A number, where values of the context are texts.
    assert isinstance(told.pop("integrationLatency"), int)
    assert told.pop("question")
    assert told == {"principalId": "user|a1b2", "kind": "TOKEN", "is": "true"}
    principal, question, flag = api.get("/mapped", "allow").text.split()
    assert (principal, len(question), flag) == ("user|a1b2", 36, "true")


def test_verdicts_are_remembered_and_flushed(gateway, python):
    # Each of two shards remembers by itself, so there are at most two questions.
    api = Rest(gateway, python)
    questions = lambda token: {api.get("/mapped", token).text for _ in range(20)}
    first = questions("allow")
    assert len(first) <= 2 and questions("allow") == first
    # A deployment changes nothing of it, a flush does.
    api.deploy()
    assert questions("allow") == first
    answer = api.v1.flush_stage_authorizers_cache(restApiId=api.api, stageName="prod")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert not questions("allow") & first
    # A policy that names one method denies the others, as it is remembered.
    assert api.get("/mock", "own").status == 200
    assert {api.get("/other", "own").status for _ in range(20)} <= {200, 403}
    without = Rest(gateway, python, authorizerResultTtlInSeconds=0)
    assert len({without.get("/mapped", "allow").text for _ in range(5)}) == 5


def test_many_at_once_are_one_question(gateway, python):
    api = Rest(gateway, python)
    seen, threads = [], []
    for _ in range(24):
        threads.append(threading.Thread(target=lambda: seen.append(api.get("/mapped", "slow").text)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 24 and len(set(seen)) <= 2, "one for each shard"


def test_the_validation_expression(gateway, python):
    api = Rest(gateway, python, identityValidationExpression="^Bearer [-0-9a-zA-Z._]*$")
    for token, status in (("allow", 401), ("Bearer a b", 401), ("xBearer a", 401), ("Bearer a.b-c", 200)):
        assert api.get("/mock", token).status == status, token


def test_a_request_authorizer_with_several_sources(gateway, python):
    api = Rest(
        gateway,
        python,
        kind="REQUEST",
        identitySource="method.request.header.Authorization, method.request.querystring.tenant",
    )
    assert api.get("/mock?tenant=a").status == 401
    assert api.get("/mock", "allow").status == 401
    assert api.get("/mock?tenant=", "allow").status == 401
    assert api.get("/mock?tenant=a", "allow").status == 200
    a = {api.get("/mapped?tenant=a", "allow").text for _ in range(20)}
    b = {api.get("/mapped?tenant=b", "allow").text for _ in range(20)}
    assert len(a) <= 2 and len(b) <= 2 and not a & b


def test_without_permission_it_cannot_be_asked(gateway, python):
    api = Rest(gateway, python, permitted=False)
    reply = api.get("/mock", "allow")
    assert (reply.status, reply.content) == (500, BROKEN)
    permit(gateway, "authorizer-python", api.api, f"authorizers/{api.authorizer}")
    assert api.get("/mock", "allow").status == 200


def test_gateway_responses_tell_it_in_their_own_words(gateway, python):
    api = Rest(gateway, python)
    for kind, status in (("UNAUTHORIZED", "499"), ("ACCESS_DENIED", "444"), ("AUTHORIZER_FAILURE", "555")):
        api.v1.put_gateway_response(
            restApiId=api.api,
            responseType=kind,
            statusCode=status,
            responseParameters={"gatewayresponse.header.X-Kind": "context.error.responseType"},
            responseTemplates={"application/json": '{"own":$context.error.messageString}'},
        )
    api.deploy()
    for token, status, kind, content in (
        (None, 499, "UNAUTHORIZED", b'{"own":"Unauthorized"}'),
        ("unauthorized", 499, "UNAUTHORIZED", b'{"own":"Unauthorized"}'),
        ("broken", 555, "AUTHORIZER_FAILURE", None),
        ("deny", 444, "ACCESS_DENIED", DENIED.replace(b"Message", b"own")),
    ):
        reply = api.get("/mock", token)
        assert (reply.status, reply.field("x-kind")) == (status, kind), token
        assert content in (None, reply.content)
    reply = api.get("/mock", "malformed")
    assert (reply.status, reply.content) == (500, BROKEN)


def test_refusals_come_in_order(gateway, python):
    api = Rest(gateway, python)
    # Behind the authorizer stands a check that nobody passes yet.
    api.mock("keyed", "in", apiKeyRequired=True)
    api.deploy()
    assert api.get("/keyed").status == 401
    assert api.get("/keyed", "deny").content == DENIED
    assert api.get("/keyed", "allow").content == b'{"message":"Forbidden"}'


def test_the_function_follows_stage_variables_and_qualifiers(gateway, functions, python):
    client = gateway.client("lambda")
    version = client.publish_version(FunctionName="authorizer-python")["Version"]
    client.create_alias(FunctionName="authorizer-python", Name="live", FunctionVersion=version)
    api = Rest(gateway, python + "${stageVariables.qualifier}".replace("$", ":$", 1), permitted=False)
    api.v1.create_deployment(restApiId=api.api, stageName="prod", variables={"qualifier": "live"})
    client.add_permission(
        FunctionName="authorizer-python:live",
        StatementId=api.api,
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api.api}/authorizers/{api.authorizer}",
    )
    assert api.get("/mock", "allow").status == 200


def http_api(gateway, function, name, version="2.0", telling=None, **input):
    v2 = gateway.client("apigatewayv2")
    api = v2.create_api(Name="authorized", ProtocolType="HTTP")["ApiId"]
    authorizer = v2.create_authorizer(
        ApiId=api,
        Name="callers",
        AuthorizerType="REQUEST",
        AuthorizerUri=invocation_of(function),
        AuthorizerPayloadFormatVersion=version,
        **{"IdentitySource": ["$request.header.Authorization"], **input},
    )["AuthorizerId"]
    permit(gateway, name, api, f"authorizers/{authorizer}")
    permit(gateway, "telling", api, "*")
    integration = v2.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=telling, PayloadFormatVersion=version
    )["IntegrationId"]
    for key in ("GET /told", "GET /other"):
        v2.create_route(
            ApiId=api,
            RouteKey=key,
            AuthorizationType="CUSTOM",
            AuthorizerId=authorizer,
            Target=f"integrations/{integration}",
        )
    v2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    return Caller(gateway, api, ""), authorizer


def test_an_http_api_with_simple_responses(gateway, functions, telling):
    simple = functions("authorizer-simple", {"app.py": SIMPLE}, Runtime="python3.11", Handler="app.lambda_handler")
    caller, _ = http_api(
        gateway,
        simple,
        "authorizer-simple",
        telling=telling,
        EnableSimpleResponses=True,
        AuthorizerResultTtlInSeconds=300,
    )
    get = lambda token, path="/told": caller.get(path, [("Authorization", token)] if token else [])
    for token, status, content in (
        ("deny", 403, b'{"message":"Forbidden"}'),
        (None, 401, UNAUTHORIZED),
        ("unauthorized", 401, UNAUTHORIZED),
        ("malformed", 500, b'{"message":"Internal Server Error"}'),
    ):
        reply = get(token)
        assert (reply.status, reply.content) == (status, content), token
        assert reply.field("x-amzn-errortype") is None
    told = get("allow").json["lambda"]
    assert told["source"] == ["allow"]
    assert told["arn"].endswith(f":{caller.api}/$default/GET/told")
    # Routes share what is remembered.
    questions = {get("allow", path).json["lambda"]["question"] for path in ("/told", "/other") * 10}
    assert len(questions) <= 2
    v2 = gateway.client("apigatewayv2")
    v2.reset_authorizers_cache(ApiId=caller.api, StageName="$default")
    assert not {get("allow").json["lambda"]["question"] for _ in range(10)} & questions


def test_an_http_api_with_routes_among_its_sources(gateway, functions, telling):
    simple = functions("authorizer-simple", {"app.py": SIMPLE}, Runtime="python3.11", Handler="app.lambda_handler")
    caller, _ = http_api(
        gateway,
        simple,
        "authorizer-simple",
        telling=telling,
        EnableSimpleResponses=True,
        AuthorizerResultTtlInSeconds=300,
        IdentitySource=["$request.header.Authorization", "$context.routeKey"],
    )
    arns = {
        caller.get(path, [("Authorization", "allow")]).json["lambda"]["arn"].rsplit("/", 1)[1]
        for path in ("/told", "/other") * 10
    }
    assert arns == {"told", "other"}


def test_an_http_api_in_the_older_format(gateway, python, telling):
    caller, _ = http_api(gateway, python, "authorizer-python", version="1.0", telling=telling)
    reply = caller.get("/told", [("Authorization", "allow")])
    told = reply.json
    assert (told["principalId"], told["kind"], told["is"]) == ("user|a1b2", "REQUEST", "true")
    assert caller.get("/told", [("Authorization", "deny")]).content == b'{"message":"Forbidden"}'
    assert json.loads(caller.get("/told").content) == {"message": "Unauthorized"}
