"""Python functions: the same over the loop that ringgate brings and over `awslambdaric`."""

import json
import re
import time

import pytest
from worker import ARN


@pytest.fixture(params=["embedded-python", "awslambdaric"])
def python(start, request):
    """Starts a function from its source; the handler is `app.handler` unless said otherwise."""

    def run(source, handler="app.handler", more=None, **environment):
        return start(request.param, {"app.py": source, **(more or {})}, handler, **environment)

    return run


ECHO = "def handler(event, context):\n    return event\n"


def test_an_event_goes_in_and_a_result_comes_out(python):
    api, _ = python(ECHO)
    for number, event in enumerate([{"a": [1, 2.5, None, True, "ä\u2028"]}, [], "text", 0, None]):
        post = api.invoke(event, request_id=f"id-{number}")
        assert post.path == f"/invocation/id-{number}/response"
        assert post.fields["content-type"] == "application/json"
        assert post.json == event


@pytest.mark.parametrize(
    "handler, file",
    [
        ("app.main", "app.py"),
        ("pkg.inner.main", "pkg/inner.py"),
        ("pkg/inner.main", "pkg/inner.py"),
        ("a/b/c.main", "a/b/c.py"),
    ],
)
def test_handlers_are_named_in_every_form_there_is(python, handler, file):
    source = "def main(event, context):\n    return __name__\n"
    api, _ = python(ECHO, handler, {file: source})
    assert api.invoke().json == handler.rpartition(".")[0].replace("/", ".")


def test_the_context_tells_of_the_invocation_and_the_function(python):
    api, _ = python(
        "def handler(event, context):\n"
        "    return {name: getattr(context, name) for name in event}\n"
    )
    expected = {
        "aws_request_id": "id-7",
        "function_name": "f",
        "function_version": "$LATEST",
        "invoked_function_arn": ARN,
        "memory_limit_in_mb": "128",
        "log_group_name": "/aws/lambda/f",
        "log_stream_name": "2026/01/01/[$LATEST]0",
        "client_context": None,
        "tenant_id": None,
    }
    assert api.invoke(list(expected), request_id="id-7").json == expected


def test_the_context_has_the_client_and_its_identity(python):
    api, _ = python(
        "def handler(event, context):\n"
        "    client, identity = context.client_context, context.identity\n"
        "    return [client.custom, client.env, client.client.app_title,\n"
        "            identity.cognito_identity_id, identity.cognito_identity_pool_id,\n"
        "            repr(identity), context.w3c(), context.tenant_id]\n"
    )
    client = {"custom": {"a": 1}, "env": {"b": 2}, "client": {"app_title": "t"}, "w3c": {"baggage": "x"}}
    identity = {"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}
    post = api.invoke(
        client_context=json.dumps(client),
        cognito_identity=json.dumps(identity),
        aws_tenant_id="blue",
    )
    shown = "CognitoIdentity([cognito_identity_id=i,cognito_identity_pool_id=p])"
    assert post.json == [{"a": 1}, {"b": 2}, "t", "i", "p", shown, {"baggage": "x"}, "blue"]


def test_an_identity_is_there_without_being_sent(python):
    api, _ = python(
        "def handler(event, context):\n    return [context.identity.cognito_identity_id, context.w3c()]\n"
    )
    assert api.invoke().json == [None, {}]


def test_a_client_context_that_is_no_json_is_told(python):
    api, _ = python(ECHO)
    post = api.invoke(client_context="{", request_id="id-9")
    assert post.path == "/invocation/id-9/error"
    assert post.json["errorType"] == "Runtime.LambdaContextUnmarshalError"
    assert post.json["errorMessage"].startswith("Unable to parse Client Context JSON: ")


def test_time_runs_out_and_never_below_nothing(python):
    api, _ = python("def handler(event, context):\n    return context.get_remaining_time_in_millis()\n")
    assert 25_000 < api.invoke(seconds=30).json <= 30_000
    assert api.invoke(seconds=-5).json == 0


def test_the_trace_is_in_the_environment(python):
    api, _ = python("import os\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n")
    assert api.invoke(trace_id="Root=1-x").json == "Root=1-x"
    assert api.invoke(trace_id="Root=1-y").json == "Root=1-y"


def test_an_exception_is_told_with_its_trace(python):
    api, worker = python(
        "class TeapotError(Exception):\n    pass\n\n"
        "def pour():\n    raise TeapotError('short and stout')\n\n"
        "def handler(event, context):\n    pour()\n"
    )
    post = api.invoke(request_id="id-3")
    assert post.path == "/invocation/id-3/error"
    told = post.json
    trace = told.pop("stackTrace")
    assert told == {"errorMessage": "short and stout", "errorType": "TeapotError", "requestId": "id-3"}
    assert len(trace) == 2
    assert re.fullmatch(r'  File ".*/app\.py", line 8, in handler\n    pour\(\)\n', trace[0])
    assert re.fullmatch(r'  File ".*/app\.py", line 5, in pour\n    raise .*\n', trace[1])
    cause = json.loads(post.fields["lambda-runtime-function-xray-error-cause"])
    assert cause["exceptions"][0]["type"] == "TeapotError"
    assert cause["exceptions"][0]["message"] == "short and stout"
    assert [frame["label"] for frame in cause["exceptions"][0]["stack"]] == ["handler", "pour"]
    # The next event finds the same process.
    assert api.invoke(request_id="id-4").kind == "error"
    line = next(line for line in worker.output().split("\n") if line.startswith("[ERROR]"))
    parts = line.split("\r")
    assert parts[0] == "[ERROR] TeapotError: short and stout"
    assert parts[1] == "Traceback (most recent call last):"
    assert parts[2].startswith("\u00a0\u00a0File ")


@pytest.mark.parametrize(
    "result, json_text",
    [
        ("{'a': (1, 2), 3: 'b', None: 1, True: 2}", '{"a": [1, 2], "3": "b", "null": 1, "true": 2}'),
        ("decimal.Decimal('1.10')", "1.10"),
        ("{'d': [decimal.Decimal('NaN'), 1.5]}", '{"d": [NaN, 1.5]}'),
        ("collections.namedtuple('P', 'x y')(1, 'ä')", '{"x": 1, "y": "ä"}'),
        ("{'body': b'bytes', 'f': float('inf')}", '{"body": "bytes", "f": Infinity}'),
        ("enum.IntEnum('Color', 'RED').RED", "1"),
    ],
)
def test_results_are_written_as_json(python, result, json_text):
    imports = "import collections, decimal, enum\n"
    api, _ = python(f"{imports}def handler(event, context):\n    return {result}\n")
    assert api.invoke().body.decode() == json_text


def test_older_versions_escape_what_is_not_ascii(python):
    api, _ = python(ECHO, AWS_EXECUTION_ENV="AWS_Lambda_python3.11")
    assert api.invoke("ä").body == b'"\\u00e4"'


def test_bytes_go_as_they_are(python):
    api, _ = python("def handler(event, context):\n    return bytes([0, 255])\n")
    post = api.invoke()
    assert (post.body, post.fields["content-type"]) == (b"\x00\xff", "application/unknown")


@pytest.mark.parametrize(
    "result, message",
    [
        ("datetime.datetime(2026, 1, 1)", "Object of type datetime is not JSON serializable"),
        ("{'a': {1, 2}}", "Object of type set is not JSON serializable"),
        ("{(1, 2): 3}", "keys must be str, int, float, bool or None, not tuple"),
    ],
)
def test_a_result_that_is_no_json_is_told(python, result, message):
    api, _ = python(f"import datetime\ndef handler(event, context):\n    return {result}\n")
    told = api.invoke(request_id="id-5").json
    assert told == {
        "errorType": "Runtime.MarshalError",
        "errorMessage": f"Unable to marshal response: {message}",
        "requestId": "id-5",
        "stackTrace": [],
    }


def test_a_result_that_holds_itself_is_told(python):
    api, _ = python("def handler(event, context):\n    a = []\n    a.append(a)\n    return a\n")
    told = api.invoke().json
    assert told["errorType"] == "Runtime.MarshalError"
    assert api.invoke().json == told, "the process goes on"


def test_an_event_that_is_no_json_is_told(python):
    api, _ = python(ECHO)
    told = api.invoke(raw=b"{").json
    assert told["errorType"] == "Runtime.UnmarshalError"
    assert told["errorMessage"].startswith("Unable to unmarshal input: ")


@pytest.mark.parametrize(
    "source, handler, kind, message",
    [
        (ECHO, "app", "Runtime.MalformedHandlerName", "Bad handler 'app': not enough values"),
        (ECHO, "none.handler", "Runtime.ImportModuleError", "Unable to import module 'none': No module"),
        (ECHO, "app.none", "Runtime.HandlerNotFound", "Handler 'none' missing on module 'app'"),
        (ECHO, "sys.exit", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a"),
        ("import nowhere\n", "app.handler", "Runtime.ImportModuleError", "Unable to import module 'app'"),
        ("def (\n", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': invalid"),
        ("raise ValueError('no')\n", "app.handler", "ValueError", "no"),
    ],
)
def test_a_function_that_cannot_begin_says_why_and_ends(python, source, handler, kind, message):
    api, worker = python(source, handler)
    post = api.post()
    assert post.path == "/init/error"
    assert post.fields["lambda-runtime-function-error-type"] == kind
    told = post.json
    assert (told["errorType"], told["requestId"]) == (kind, "")
    assert told["errorMessage"].startswith(message)
    assert worker.ended() == 1
    assert f"[ERROR] {kind}: {message}" in worker.printed.decode()


def test_a_syntax_error_is_shown_with_its_line(python):
    api, _ = python("x = 1\ndef (\n")
    [entry] = api.post().json["stackTrace"]
    assert re.fullmatch(r'  File ".*/app\.py" Line 2\n    def \(\n', entry)


def test_an_init_error_has_a_trace(python):
    api, _ = python("def fail():\n    raise ValueError('no')\nfail()\n")
    trace = api.post().json["stackTrace"]
    assert "in <module>\n    fail()\n" in trace[-2]
    assert "in fail\n    raise ValueError('no')\n" in trace[-1]


def test_a_function_that_ends_itself_has_ended(python):
    api, worker = python("import sys\ndef handler(event, context):\n    sys.exit(3)\n")
    api.hand_out()
    assert worker.ended() == 3


def test_log_lines_have_the_request_id(python):
    api, worker = python(
        "import logging\nlogger = logging.getLogger()\nlogger.setLevel('INFO')\nlogger.info('begin')\n"
        "def handler(event, context):\n"
        "    print('plain', 1)\n    logger.info('found %d', 2)\n    logging.getLogger('lib').debug('no')\n"
        "    context.log('raw\\n')\n"
    )
    api.invoke(request_id="id-8")
    lines = worker.output().split("\n")
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(rf"\[INFO\]\t{stamp}\t\tbegin", lines[0])
    assert lines[1] == "plain 1"
    assert re.fullmatch(rf"\[INFO\]\t{stamp}\tid-8\tfound 2", lines[2])
    assert lines[3] == "raw"
    assert lines[4:] == [""]


def test_log_lines_as_json(python):
    api, worker = python(
        "import logging\nlogger = logging.getLogger(__name__)\n"
        "def handler(event, context):\n"
        "    logger.debug('no')\n    logger.info('a %s', 'b', extra={'order': 7})\n"
        "    try:\n        1 / 0\n    except ZeroDivisionError:\n        logger.exception('oh')\n"
        "    raise ValueError('end')\n",
        AWS_LAMBDA_LOG_FORMAT="JSON",
        AWS_LAMBDA_LOG_LEVEL="INFO",
    )
    api.invoke(request_id="id-8")
    found, failed, end = [json.loads(line) for line in worker.output().splitlines()]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found.pop("timestamp"))
    found.pop("taskName", None)
    assert found == {"level": "INFO", "message": "a b", "logger": "app", "requestId": "id-8", "order": 7}
    assert (failed["errorType"], failed["errorMessage"]) == ("ZeroDivisionError", "division by zero")
    assert "1 / 0" in failed["stackTrace"][0]
    assert failed["location"].endswith("/app.py:handler:9")
    assert (end["level"], end["errorType"], end["errorMessage"]) == ("ERROR", "ValueError", "end")


def test_a_large_event_and_a_large_result(python):
    api, _ = python(ECHO)
    text = "ä" * 3_000_000
    assert api.invoke(text).json == text


def test_modules_are_found_beside_the_handler_and_state_stays(python):
    api, _ = python(
        "import bootstrap_of_mine as mine\ncount = 0\n"
        "def handler(event, context):\n    global count\n    count += 1\n    return [mine.NAME, count]\n",
        more={"bootstrap_of_mine.py": "NAME = 'mine'\n"},
    )
    assert api.invoke().json == ["mine", 1]
    assert api.invoke().json == ["mine", 2]


def test_a_function_may_print_without_end_of_line(python):
    api, worker = python("def handler(event, context):\n    print('no end', end='')\n")
    api.invoke()
    deadline = time.monotonic() + 10
    while worker.printed != b"no end":
        assert time.monotonic() < deadline, worker.printed
        time.sleep(0.01)
