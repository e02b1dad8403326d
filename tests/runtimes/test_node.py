"""Node functions: the same over the loop that ringgate brings and over `aws-lambda-ric`."""

import base64
import json
import re

import pytest
from worker import ARN


@pytest.fixture(params=["embedded-node", "aws-lambda-ric"])
def node(start, request):
    """Starts a function from its source; the handler is `app.handler` unless said otherwise."""

    def run(source, handler="app.handler", more=None, file="app.js", **environment):
        return start(request.param, {file: source, **(more or {})}, handler, **environment)

    return run


ECHO = "exports.handler = async (event) => event;\n"


def test_an_event_goes_in_and_a_result_comes_out(node):
    api, _ = node(ECHO)
    for number, event in enumerate([{"a": [1, 2.5, None, True, "ä\u2028"]}, [], "text", 0, None]):
        post = api.invoke(event, request_id=f"id-{number}")
        assert post.path == f"/invocation/id-{number}/response"
        assert post.fields["content-type"] == "application/json"
        assert post.json == event


@pytest.mark.parametrize(
    "file, handler, source, package",
    [
        ("app.js", "app.main", "exports.main = async () => 'x';", None),
        ("app.js", "app.a.b", "exports.a = { b: async () => 'x' };", None),
        ("dir/app.js", "dir/app.main", "module.exports = { main: async () => 'x' };", None),
        ("app.cjs", "app.main", "exports.main = async () => 'x';", None),
        ("app.mjs", "app.main", "export const main = async () => 'x';", None),
        ("app.js", "app.main", "export const main = async () => 'x';", {"type": "module"}),
        ("app.js", "app.main", "exports.main = async () => 'x';", {"type": "commonjs"}),
        ("app.mjs", "app.default", "export default async () => 'x';", None),
        ("app.mjs", "app.main", "const x = await 'x'; export const main = async () => x;", None),
        ("node_modules/lib/index.js", "lib.main", "exports.main = async () => 'x';", None),
        ("a b#c/app.mjs", "a b#c/app.main", "export const main = async () => 'x';", None),
    ],
)
def test_handlers_are_found_in_every_form_there_is(node, request, file, handler, source, package):
    if "#" in file and request.node.callspec.params["node"] == "aws-lambda-ric":
        pytest.skip("it imports a path as if it were a URL")
    more = {} if package is None else {"package.json": json.dumps(package)}
    api, _ = node(source, handler, more, file)
    assert api.invoke().json == "x"


@pytest.mark.parametrize(
    "body",
    [
        "async () => 'x'",
        "() => Promise.resolve('x')",
        "(event, context, callback) => callback(null, 'x')",
        "(event, context, callback) => { setTimeout(() => callback(null, 'x'), 5); }",
        "(event, context) => context.succeed('x')",
        "(event, context) => context.done(null, 'x')",
        "(event, context) => ({ then: (resolve) => resolve('x') })",
    ],
)
def test_results_come_by_promise_and_by_callback(node, body):
    api, _ = node(f"exports.handler = {body};\n")
    for _ in range(2):
        assert api.invoke().json == "x"


@pytest.mark.parametrize(
    "body",
    [
        "async () => {}",
        "() => 'a plain value is no result'",
        "(event, context, callback) => callback()",
        "() => new Promise(() => {})",
    ],
)
def test_no_result_is_null(node, body):
    api, _ = node(f"exports.handler = {body};\n")
    for _ in range(2):
        assert api.invoke().body == b"null"


def test_a_callback_waits_for_what_is_under_way(node):
    api, _ = node(
        "let late = false;\n"
        "exports.handler = (event, context, callback) => {\n"
        "  context.callbackWaitsForEmptyEventLoop = event.waits;\n"
        "  const result = { late };\n"
        "  setTimeout(() => { result.late = late = true; }, 300);\n"
        "  callback(null, result);\n"
        "};\n"
    )
    assert api.invoke({"waits": False}).json == {"late": False}
    assert api.invoke({"waits": True}).json == {"late": True}


def test_a_promise_does_not_wait_for_what_is_under_way(node):
    api, _ = node("exports.handler = async () => { setTimeout(() => {}, 60_000); return 'x'; };\n")
    assert api.invoke().json == "x"


def test_only_the_first_answer_counts(node):
    api, _ = node(
        "exports.handler = (event, context, callback) => {\n"
        "  callback(null, event); callback(null, 'again'); callback(new Error('no'));\n};\n"
    )
    assert [api.invoke(number).json for number in range(3)] == [0, 1, 2]


def test_the_context_tells_of_the_invocation_and_the_function(node):
    api, _ = node(
        "exports.handler = async (names, context) => "
        "Object.fromEntries(names.map((name) => [name, context[name]]));\n"
    )
    expected = {
        "awsRequestId": "id-7",
        "functionName": "f",
        "functionVersion": "$LATEST",
        "invokedFunctionArn": ARN,
        "memoryLimitInMB": "128",
        "logGroupName": "/aws/lambda/f",
        "logStreamName": "2026/01/01/[$LATEST]0",
        "callbackWaitsForEmptyEventLoop": True,
        "clientContext": {"custom": {"a": 1}},
        "identity": {"cognitoIdentityId": "i"},
        "tenantId": "blue",
    }
    options = {
        "client_context": json.dumps(expected["clientContext"]),
        "cognito_identity": json.dumps(expected["identity"]),
        "aws_tenant_id": "blue",
    }
    assert api.invoke(list(expected), request_id="id-7", **options).json == expected
    absent = ["clientContext", "identity", "tenantId"]
    assert api.invoke(absent).json == {}, "what was not sent is not there"


def test_time_runs_out(node):
    api, _ = node("exports.handler = async (event, context) => context.getRemainingTimeInMillis();\n")
    assert 25_000 < api.invoke(seconds=30).json <= 30_000


def test_the_trace_is_in_the_environment(node):
    api, _ = node("exports.handler = async () => process.env._X_AMZN_TRACE_ID;\n")
    assert api.invoke(trace_id="Root=1-x").json == "Root=1-x"


@pytest.mark.parametrize(
    "body",
    [
        "async () => { throw new TypeError('short'); }",
        "() => { throw new TypeError('short'); }",
        "(event, context, callback) => callback(new TypeError('short'))",
        "(event, context) => context.fail(new TypeError('short'))",
    ],
)
def test_an_error_is_told_with_its_trace(node, body):
    api, worker = node(f"exports.handler = {body};\n")
    post = api.invoke(request_id="id-3")
    assert post.path == "/invocation/id-3/error"
    told = post.json
    assert (told["errorType"], told["errorMessage"]) == ("TypeError", "short")
    assert told["trace"][0] == "TypeError: short"
    assert re.match(r"    at .*/app\.js:1:\d+", told["trace"][1])
    assert set(told) == {"errorType", "errorMessage", "trace"}
    cause = json.loads(post.fields["lambda-runtime-function-xray-error-cause"])
    assert cause["exceptions"][0]["type"] == "TypeError"
    assert api.invoke(request_id="id-4").path == "/invocation/id-4/error", "the process goes on"
    line = next(line for line in worker.output().split("\n") if "Invoke Error" in line)
    stamp, request_id, level, title, details = line.split("\t")
    assert (request_id, level, title) == ("id-3", "ERROR", "Invoke Error ")
    assert json.loads(details)["errorMessage"] == "short"
    assert json.loads(details)["stack"][0] == "TypeError: short"


@pytest.mark.parametrize(
    "thrown, kind, message",
    [
        ("'text'", "string", "text"),
        ("42", "number", "42"),
        ("{ a: 1 }", "object", "[object Object]"),
    ],
)
def test_what_is_no_error_can_be_thrown(node, thrown, kind, message):
    api, _ = node(f"exports.handler = async () => {{ throw {thrown}; }};\n")
    assert api.invoke().json == {"errorType": kind, "errorMessage": message, "trace": []}


def test_nothing_thrown_is_handled(node):
    api, _ = node("exports.handler = (event, context) => context.fail();\n")
    assert api.invoke().json == {"errorType": "string", "errorMessage": "handled", "trace": []}


def test_an_event_that_is_no_json_is_told(node):
    api, _ = node(ECHO)
    assert api.invoke(raw=b"{").json["errorType"] == "SyntaxError"


def test_a_client_context_that_is_no_json_is_told(node):
    api, _ = node(ECHO)
    told = api.invoke(client_context="{").json
    assert told["errorMessage"].startswith("Cannot parse ClientContext as json: SyntaxError: ")


def test_a_result_that_is_no_json_is_told(node):
    api, _ = node("exports.handler = async () => { const a = {}; a.a = a; return a; };\n")
    post = api.invoke(request_id="id-5")
    assert post.path == "/invocation/id-5/error"
    assert post.json["errorMessage"] == "Unable to stringify response body"


@pytest.mark.parametrize(
    "body, kind, message, status",
    [
        ("() => { setTimeout(() => { throw new RangeError('x'); }, 5); }", "RangeError", "x", 129),
        (
            "() => { Promise.reject(new RangeError('x')); setTimeout(() => {}, 60_000); }",
            "Runtime.UnhandledPromiseRejection",
            "RangeError: x",
            128,
        ),
    ],
)
def test_an_error_that_nobody_catches_ends_the_process(node, body, kind, message, status):
    api, worker = node(f"exports.handler = {body};\n")
    post = api.invoke(request_id="id-6")
    assert post.path == "/invocation/id-6/error"
    assert (post.json["errorType"], post.json["errorMessage"]) == (kind, message)
    assert worker.ended() == status


@pytest.mark.parametrize(
    "source, handler, kind, message",
    [
        (ECHO, "app", "Runtime.MalformedHandlerName", "Bad handler"),
        (ECHO, "../app.handler", "Runtime.MalformedHandlerName", "'../app.handler' is not a valid"),
        (ECHO, "none.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'none'"),
        (ECHO, "app.none", "Runtime.HandlerNotFound", "app.none is undefined or not exported"),
        ("exports.handler = 1;", "app.handler", "Runtime.HandlerNotFound", "app.handler is not a func"),
        ("require('nowhere');", "app.handler", "Runtime.ImportModuleError", "Error: Cannot find module"),
        ("function (", "app.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: "),
        ("throw new RangeError('no');", "app.handler", "RangeError", "no"),
    ],
)
def test_a_function_that_cannot_begin_says_why_and_ends(node, source, handler, kind, message):
    api, worker = node(source, handler)
    post = api.post()
    assert post.path == "/init/error"
    assert post.fields["lambda-runtime-function-error-type"] == kind
    assert post.json["errorType"] == kind
    assert post.json["errorMessage"].startswith(message)
    assert worker.ended() == 129
    assert "\tERROR\tUncaught Exception \t{" in worker.printed.decode()


def test_log_lines_have_time_request_id_and_level(node):
    api, worker = node(
        "exports.handler = async () => {\n"
        "  console.log('a %d', 1, { b: 2 }); console.debug('d'); console.info('i');\n"
        "  console.warn('two\\nlines'); console.error('e'); console.trace('t'); console.fatal('f');\n"
        "};\n"
    )
    api.invoke(request_id="id-8")
    lines = [line for line in worker.output().split("\n") if "\tid-8\t" in line]
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert all(re.match(stamp + "\t", line) for line in lines)
    assert [tuple(line.split("\t")[2:]) for line in lines] == [
        ("INFO", "a 1 { b: 2 }"),
        ("DEBUG", "d"),
        ("INFO", "i"),
        ("WARN", "two\rlines"),
        ("ERROR", "e"),
        ("TRACE", "t"),
        ("FATAL", "f"),
    ]


def test_log_lines_as_json_from_a_level_on(node):
    api, worker = node(
        "exports.handler = async () => {\n"
        "  console.info('no'); console.warn({ order: 7 }); console.error('a', new TypeError('b'));\n"
        "};\n",
        AWS_LAMBDA_LOG_FORMAT="JSON",
        AWS_LAMBDA_LOG_LEVEL="WARN",
    )
    api.invoke(request_id="id-8")
    lines = [json.loads(line) for line in worker.output().splitlines() if line.startswith("{")]
    warning, error = [line for line in lines if line.get("requestId") == "id-8"]
    assert warning["timestamp"].endswith("Z")
    assert (warning["level"], warning["message"]) == ("WARN", {"order": 7})
    assert (error["errorType"], error["errorMessage"]) == ("TypeError", "b")
    assert error["message"].startswith("a TypeError: b")


STREAM = "exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {{ {} }});\n"


def test_a_response_is_streamed(node):
    api, _ = node(STREAM.format("stream.setContentType('text/x'); stream.write('a'); stream.write('b'); stream.end('c');"))
    for number in range(2):
        post = api.invoke(request_id=f"id-{number}")
        assert post.path == f"/invocation/id-{number}/response"
        assert post.fields["lambda-runtime-function-response-mode"] == "streaming"
        assert post.fields["transfer-encoding"] == "chunked"
        assert post.fields["content-type"] == "text/x"
        assert (post.body, post.trailers) == (b"abc", {})


def test_a_stream_takes_what_is_no_text_as_json_and_has_a_type(node):
    api, _ = node(STREAM.format("stream.write({ a: 1 }); stream.write(Buffer.from([0])); stream.end();"))
    post = api.invoke()
    assert (post.body, post.fields["content-type"]) == (b'{"a":1}\0', "application/octet-stream")


def test_an_http_response_is_streamed_behind_its_prelude(node):
    api, _ = node(
        STREAM.format(
            "stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201 }); "
            "stream.write('body'); stream.end();"
        )
    )
    post = api.invoke()
    assert post.fields["content-type"] == "application/vnd.awslambda.http-integration-response"
    assert post.body == b'{"statusCode":201}' + bytes(8) + b"body"


def test_a_pipeline_ends_in_the_stream(node):
    api, _ = node(
        "const { Readable } = require('node:stream');\n"
        "const { pipeline } = require('node:stream/promises');\n"
        + STREAM.format("await pipeline(Readable.from(['x'.repeat(200000), 'y']), stream);")
    )
    assert api.invoke().body == b"x" * 200000 + b"y"


def test_a_stream_that_fails_says_so_behind_its_content(node):
    api, worker = node(STREAM.format("stream.write('a'); throw new TypeError('late');"))
    post = api.invoke()
    assert post.body == b"a"
    assert post.trailers["lambda-runtime-function-error-type"] == "TypeError"
    told = json.loads(base64.b64decode(post.trailers["lambda-runtime-function-error-body"]))
    assert (told["errorType"], told["errorMessage"]) == ("TypeError", "late")
    assert api.invoke(request_id="id-2").path == "/invocation/id-2/response", "the process goes on"
    assert "Invoke Error" in worker.output()


def test_a_streaming_handler_must_be_async(node):
    api, _ = node("exports.handler = awslambda.streamifyResponse(() => {});\n")
    told = json.loads(
        base64.b64decode(api.invoke().trailers["lambda-runtime-function-error-body"])
    )
    assert told["errorMessage"] == "Streaming does not support non-async handlers."


def test_a_large_event_and_a_large_result(node):
    api, _ = node(ECHO)
    text = "ä" * 3_000_000
    assert api.invoke(text).json == text


def test_state_stays(node):
    api, _ = node("let count = 0;\nexports.handler = async () => ++count;\n")
    assert [api.invoke().json for _ in range(3)] == [1, 2, 3]
