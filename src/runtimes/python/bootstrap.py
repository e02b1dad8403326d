"""Python's runtime loop: asks the Runtime API for an event, calls the handler, posts its result.

Behaves to the handler and to the Runtime API as the official client (`awslambdaric`) does; the same
conformance tests (tests/runtimes) run over both. It differs in what it costs: one connection that is
kept, no module that is not needed, and two system calls per request.

Started as `python3 bootstrap.py`, with the function's folder as working directory.

    _HANDLER               `module.function`, `folder/module.function`, `package.module.function`
    AWS_LAMBDA_RUNTIME_API `host:port`, and behind a slash whatever else comes before the API's paths
"""

import importlib
import json
import logging
import os
import socket
import sys
import time
import traceback

JSON_TYPE = "application/json"

# An error's details for tracing travel in a header; beyond this the header is left empty.
XRAY_BYTES_MAX = 1024 * 1024

# Kept by the platform's log as one line: its own separator inside of a message, and an indentation
# that nothing trims.
LINE_IN_MESSAGE = "\r"
INDENT = "\u00a0"

DATE_FORMAT = "%Y-%m-%dT%H:%M:%S"


class Fault(Exception):
    """A failure that the runtime found, and not the function's code."""

    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.trace = trace


# --- the Runtime API ----------------------------------------------------------------------------


class RuntimeApi:
    """One kept HTTP/1.1 connection to the Runtime API."""

    def __init__(self, address):
        host_and_port, slash, prefix = address.partition("/")
        host, _, port = host_and_port.rpartition(":")
        self.address = (host.strip("[]"), int(port))
        self.base = (slash + prefix).rstrip("/") + "/2018-06-01/runtime"
        self.host = host_and_port
        self.connection = None
        self.received = bytearray()
        self.next_head = self.head("GET", "/invocation/next")

    def head(self, method, path, fields=""):
        return (
            f"{method} {self.base}{path} HTTP/1.1\r\nHost: {self.host}\r\n"
            f"User-Agent: ringgate-python/{sys.version_info[0]}.{sys.version_info[1]}\r\n{fields}\r\n"
        ).encode("latin-1")

    def next(self):
        """The next event: its fields by lower-case name, and its content."""
        status, fields, content = self.call(self.next_head)
        if not 200 <= status < 300:
            raise RuntimeError(f"Failed to get next: the Runtime API answered {status}")
        return fields, content

    def result(self, request_id, content_type, content):
        path = f"/invocation/{request_id}/response"
        self.post(path, content, f"Content-Type: {content_type}\r\n")

    def error(self, request_id, content, kind, cause):
        fields = f"Content-Type: {JSON_TYPE}\r\nLambda-Runtime-Function-Error-Type: {one_line(kind)}\r\n"
        if len(cause) < XRAY_BYTES_MAX:
            fields += f"Lambda-Runtime-Function-XRay-Error-Cause: {one_line(cause)}\r\n"
        self.post(f"/invocation/{request_id}/error", content, fields)

    def init_error(self, content, kind):
        fields = f"Content-Type: {JSON_TYPE}\r\nLambda-Runtime-Function-Error-Type: {one_line(kind)}\r\n"
        self.post("/init/error", content, fields)

    def post(self, path, content, fields):
        head = self.head("POST", path, f"{fields}Content-Length: {len(content)}\r\n")
        status, _, answer = self.call(head, content)
        # 413: the caller has been told that the result is too large; the next event may do better.
        if not 200 <= status < 300 and status != 413:
            raise RuntimeError(f"Failed to post to {path}: {status} {answer[:1000]!r}")

    def call(self, head, content=b""):
        if self.connection is None:
            self.connection = socket.create_connection(self.address)
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if content and len(content) < 65536:
            self.connection.sendall(head + content)
        else:
            self.connection.sendall(head)
            if content:
                self.connection.sendall(content)
        return self.answer()

    def answer(self):
        while (end := self.received.find(b"\r\n\r\n")) < 0:
            self.receive()
        lines = self.received[:end].decode("latin-1").split("\r\n")
        del self.received[: end + 4]
        status = int(lines[0].split(" ", 2)[1])
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        if status < 200:
            return self.answer()
        if fields.get("transfer-encoding", "").lower() == "chunked":
            content = self.chunks()
        else:
            content = self.take(int(fields.get("content-length", "0")))
        if fields.get("connection", "").lower() == "close":
            self.connection.close()
            self.connection = None
        return status, fields, content

    def chunks(self):
        whole = bytearray()
        while size := int(self.line().split(b";")[0], 16):
            whole += self.take(size)
            self.line()
        while self.line():
            pass
        return bytes(whole)

    def line(self):
        while (end := self.received.find(b"\r\n")) < 0:
            self.receive()
        return bytes(self.take(end + 2)[:-2])

    def take(self, count):
        while len(self.received) < count:
            self.receive()
        taken = bytes(self.received[:count])
        del self.received[:count]
        return taken

    def receive(self):
        data = self.connection.recv(262144)
        if not data:
            raise RuntimeError("Failed to get next: the Runtime API closed the connection")
        self.received += data


def one_line(text):
    """A header's value: what is not printable ASCII is escaped as in JSON, where it comes from."""
    return "".join(it if " " <= it <= "~" else f"\\u{ord(it) & 0xffff:04x}" for it in text)


# --- JSON ---------------------------------------------------------------------------------------

# From Python 3.12 on, AWS's runtimes write characters as they are and not as escapes.
_version = os.environ.get("AWS_EXECUTION_ENV", "").rpartition("python3.")[2]
ASCII_ONLY = not (_version.isdigit() and int(_version) >= 12)

_encode = json.JSONEncoder(ensure_ascii=ASCII_ONLY).encode
_quote = json.encoder.encode_basestring_ascii if ASCII_ONLY else json.encoder.encode_basestring


def to_json(value):
    """As the official client: decimals are numbers, named tuples are objects, bytes are UTF-8."""
    return _encode(value) if is_plain(value) else written(value, set())


def is_plain(value):
    """Whether the standard library's (fast) encoder writes it as the official client does."""
    if isinstance(value, dict):
        return all(map(is_plain, value.values()))
    if isinstance(value, (list, tuple)):
        return not hasattr(value, "_asdict") and all(map(is_plain, value))
    return value is None or isinstance(value, (str, int, float))


def written(value, outer):
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, str):
        return _quote(value)
    if value is None or isinstance(value, (bool, int, float)):
        return _encode(value)
    if hasattr(value, "is_nan") and type(value).__name__ == "Decimal":
        return "NaN" if value.is_nan() else str(value)
    if not isinstance(value, (dict, list, tuple)):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    if id(value) in outer:
        raise ValueError("Circular reference detected")
    outer.add(id(value))
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        pairs = (f"{_quote(key_text(key))}: {written(it, outer)}" for key, it in value.items())
        text = "{" + ", ".join(pairs) + "}"
    else:
        text = "[" + ", ".join(written(it, outer) for it in value) + "]"
    outer.discard(id(value))
    return text


def key_text(key):
    if isinstance(key, bytes):
        return key.decode("utf-8")
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, (bool, int, float)):
        return _encode(key)
    raise TypeError(f"keys must be str, int, float, bool or None, not {type(key).__name__}")


def event_of(content, content_type):
    if content_type != JSON_TYPE:
        return content
    try:
        return json.loads(content)
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}")


def result_of(value):
    """A result's content and its type. Bytes go as they are."""
    if isinstance(value, bytes):
        return value, "application/unknown"
    try:
        return to_json(value).encode("utf-8"), JSON_TYPE
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}")


# --- the context object -------------------------------------------------------------------------


class _Members:
    """Named members, and a text that shows them."""

    __slots__ = ()

    def __repr__(self):
        shown = ",".join(f"{name}={getattr(self, name)}" for name in self.__slots__)
        return f"{type(self).__name__}([{shown}])"


class CognitoIdentity(_Members):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(_Members):
    __slots__ = (
        "installation_id",
        "app_title",
        "app_version_name",
        "app_version_code",
        "app_package_name",
    )


class ClientContext(_Members):
    __slots__ = ("custom", "env", "client")


def filled(kind, members):
    if members is None:
        return None
    made = kind()
    for name in kind.__slots__:
        setattr(made, name, members.get(name))
    return made


class LambdaContext:
    """What the handler is told beside the event."""

    def __init__(self, fields):
        self.aws_request_id = fields.get("lambda-runtime-aws-request-id")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = fields.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = fields.get("lambda-runtime-aws-tenant-id")
        client_context = parsed(fields, "lambda-runtime-client-context", "Client Context")
        traced = client_context.pop("w3c", None) if isinstance(client_context, dict) else None
        self._w3c_fields = {
            name: traced[name]
            for name in ("traceparent", "tracestate", "baggage")
            if isinstance(traced, dict) and isinstance(traced.get(name), str)
        }
        self.client_context = filled(ClientContext, client_context)
        if self.client_context is not None:
            self.client_context.client = filled(Client, self.client_context.client)
        identity = parsed(fields, "lambda-runtime-cognito-identity", "Cognito Identity") or {}
        self.identity = CognitoIdentity()
        self.identity.cognito_identity_id = identity.get("cognitoIdentityId")
        self.identity.cognito_identity_pool_id = identity.get("cognitoIdentityPoolId")
        self._epoch_deadline_time_in_ms = int(fields.get("lambda-runtime-deadline-ms", "0"))

    def get_remaining_time_in_millis(self):
        return max(self._epoch_deadline_time_in_ms - int(time.time() * 1000), 0)

    def w3c(self):
        return dict(self._w3c_fields)

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        names = (
            "aws_request_id",
            "log_group_name",
            "log_stream_name",
            "function_name",
            "memory_limit_in_mb",
            "function_version",
            "invoked_function_arn",
            "client_context",
            "identity",
            "tenant_id",
        )
        return "LambdaContext([" + ",".join(f"{it}={getattr(self, it)}" for it in names) + "])"


def parsed(fields, field, name):
    text = fields.get(field)
    if not text:
        return None
    try:
        return json.loads(text)
    except Exception as error:
        raise Fault(
            "Runtime.LambdaContextUnmarshalError", f"Unable to parse {name} JSON: {error}"
        )


# --- logs ---------------------------------------------------------------------------------------

AS_JSON = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"

# What of a record is the runtime's; everything else came with `extra`.
RECORD_MEMBERS = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
RECORD_MEMBERS -= {"taskName"}

# Of the invocation under way, for log lines.
request_id = None
tenant_id = None


class LambdaLoggerHandler(logging.Handler):
    """Writes records of the root logger to standard output, each with the request's id."""

    def emit(self, record):
        sys.stdout.write(self.format(record))


class LambdaLoggerFilter(logging.Filter):
    def filter(self, record):
        record.aws_request_id = request_id or ""
        record.tenant_id = tenant_id
        return True


class JsonFormatter(logging.Formatter):
    def format(self, record):
        levelno = min(50, max(0, record.levelno)) // 10 * 10
        error = record.exc_info or None
        members = {
            "timestamp": self.formatTime(record, DATE_FORMAT + "Z"),
            "level": logging.getLevelName(levelno),
            "message": record.msg
            if isinstance(record.msg, dict) and not record.args
            else record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(error[2]) if error else None,
            "errorType": error[0].__name__ if error and error[0] else None,
            "errorMessage": str(error[1]) if error else None,
            "requestId": record.aws_request_id,
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}" if error else None,
            "tenantId": record.tenant_id,
        }
        for name, value in vars(record).items():
            if name not in RECORD_MEMBERS and name not in ("aws_request_id", "tenant_id"):
                members.setdefault(name, value)
        members = {name: value for name, value in members.items() if value is not None}
        return json.dumps(members, ensure_ascii=False, default=str) + "\n"


def set_up_logging():
    # A line is written when it ends, and what is left when the invocation does: `print` of several
    # values is one write.
    sys.stdout.reconfigure(line_buffering=True)
    logging.Formatter.converter = time.gmtime
    handler = LambdaLoggerHandler()
    if AS_JSON:
        handler.setFormatter(JsonFormatter())
    else:
        line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        handler.setFormatter(logging.Formatter(line, DATE_FORMAT))
    handler.addFilter(LambdaLoggerFilter())
    root = logging.getLogger()
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = "DEBUG" if level == "TRACE" else level
    if isinstance(logging.getLevelName(level), int):
        root.setLevel(level)
    root.addHandler(handler)


def log_error(payload):
    if AS_JSON:
        stamp = time.strftime(DATE_FORMAT + "Z", time.gmtime())
        sys.stdout.write(to_json({"timestamp": stamp, "level": "ERROR", **payload}) + "\n")
        return
    kind, message = payload["errorType"], payload["errorMessage"]
    title = "[ERROR]" + (f" {kind}" if kind else "")
    if message:
        title += f": {message}" if kind else f" {message}"
    lines = [title, "Traceback (most recent call last):"]
    for entry in payload["stackTrace"]:
        for line in entry.splitlines() or [""]:
            text = line.lstrip(" ")
            lines.append(INDENT * (len(line) - len(text)) + text)
    sys.stdout.write(LINE_IN_MESSAGE.join(lines) + "\n")


# --- errors -------------------------------------------------------------------------------------


def payload_of(message, kind, trace, invocation=None):
    return {
        "errorMessage": message or "",
        "errorType": kind or "",
        "requestId": invocation or "",
        "stackTrace": trace or [],
    }


def frames_of(error):
    """The frames of an exception, from the first that is not this file's."""
    frames = [
        (frame.filename, frame.lineno, frame.name, frame.line)
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    for index, frame in enumerate(frames):
        if "/bootstrap.py" not in frame[0]:
            return frames[index:]
    return frames


def cause_of(kind, message, frames):
    """What tracing is told of an error."""
    stack = [{"label": name, "path": path, "line": line} for path, line, name, _ in frames]
    cause = {
        "working_directory": os.getcwd(),
        "exceptions": [{"message": message, "type": kind, "stack": stack}],
        "paths": list({frame[0] for frame in frames}),
    }
    return json.dumps(cause)


# --- the loop -----------------------------------------------------------------------------------


def handler_of(name):
    module_name, dot, function = name.rpartition(".")
    if not dot:
        text = f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", text)
    if module_name.split(".")[0] in sys.builtin_module_names:
        text = f"Cannot use built-in module {module_name} as a handler module"
        raise Fault("Runtime.BuiltInModuleConflict", text)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        text = f"Unable to import module '{module_name}': {error}"
        raise Fault("Runtime.ImportModuleError", text)
    except SyntaxError as error:
        text = f"Syntax error in module '{module_name}': {error}"
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault("Runtime.UserCodeSyntaxError", text, trace)
    try:
        return getattr(module, function)
    except AttributeError:
        text = f"Handler '{function}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", text)


def load(api, name):
    """The handler. Where there is none the Runtime API is told why, and the process ends."""
    try:
        return handler_of(name)
    except Fault as fault:
        payload = payload_of(fault.message, fault.kind, fault.trace)
    except Exception as error:
        trace = traceback.format_list(frames_of(error))
        payload = payload_of(str(error), type(error).__name__, trace)
    log_error(payload)
    sys.stdout.flush()
    api.init_error(to_json(payload).encode("utf-8"), payload["errorType"])
    sys.exit(1)


def invoke(api, handler, fields, content):
    try:
        context = LambdaContext(fields)
        event = event_of(content, fields.get("content-type"))
        value = handler(event, context)
        result, content_type = result_of(value)
    except Fault as fault:
        cause = cause_of("LambdaValidationError", fault.message, [])
        payload = payload_of(fault.message, fault.kind, fault.trace, request_id)
    except Exception as error:
        kind, message, frames = type(error).__name__, str(error), frames_of(error)
        cause = cause_of(kind, message, frames)
        payload = payload_of(message, kind, traceback.format_list(frames), request_id)
    else:
        sys.stdout.flush()
        api.result(request_id, content_type, result)
        return
    log_error(payload)
    sys.stdout.flush()
    api.error(request_id, to_json(payload).encode("utf-8"), payload["errorType"], cause)


def main():
    global request_id, tenant_id
    # As for every script the first folder is this file's; the function's belongs there.
    sys.path[0] = os.getcwd()
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    set_up_logging()
    handler = load(api, os.environ["_HANDLER"])
    while True:
        fields, content = api.next()
        request_id = fields.get("lambda-runtime-aws-request-id")
        tenant_id = fields.get("lambda-runtime-aws-tenant-id")
        trace = fields.get("lambda-runtime-trace-id")
        if trace is not None:
            os.environ["_X_AMZN_TRACE_ID"] = trace
        else:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        invoke(api, handler, fields, content)


if __name__ == "__main__":
    main()
