"""A Runtime API that hands out what a test says, and a worker process that talks to it."""

import http.server
import json
import os
import queue
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOOPS = ROOT / "src" / "runtimes"

# Of an npm project with the official client in it: `tests/run` installs it.
OFFICIAL_NODE = Path(os.environ.get("RINGGATE_OFFICIAL_NODE", ROOT / "target" / "official-node"))

# Processes start slowly on busy cores.
PATIENCE = 30

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"


@dataclass
class Post:
    """What a worker posted."""

    path: str
    fields: dict
    body: bytes
    trailers: dict = field(default_factory=dict)

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def kind(self):
        return self.path.rpartition("/")[2]


class RuntimeApi:
    """Serves one worker. `prefix` comes before the API's own paths."""

    def __init__(self, prefix="", statuses=None):
        self.events = queue.Queue()
        self.posts = queue.Queue()
        self.connections = 0
        # Status codes for posts, in their order; 202 behind them.
        self.statuses = list(statuses or [])
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                api.connections += 1

            def do_GET(self):
                assert self.path == f"{prefix}/2018-06-01/runtime/invocation/next", self.path
                fields, body = api.events.get()
                if fields is None:
                    self.close_connection = True
                    return
                self.send_response(200)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                assert self.path.startswith(f"{prefix}/2018-06-01/runtime/"), self.path
                fields = {name.lower(): value for name, value in self.headers.items()}
                trailers = {}
                if fields.get("transfer-encoding") == "chunked":
                    body, trailers = self.chunks()
                else:
                    body = self.rfile.read(int(fields.get("content-length", 0)))
                status = api.statuses.pop(0) if api.statuses else 202
                answer = b'{"status":"OK"}'
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                path = self.path.removeprefix(f"{prefix}/2018-06-01/runtime")
                api.posts.put(Post(path, fields, body, trailers))

            def chunks(self):
                body, trailers = b"", {}
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                while line := self.rfile.readline().strip():
                    name, _, value = line.decode().partition(":")
                    trailers[name.lower()] = value.strip()
                return body, trailers

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_port}{prefix}"

    def hand_out(self, event=None, request_id="request-1", raw=None, seconds=30, **fields):
        """Hands out an event. Fields: `client_context` is `Lambda-Runtime-Client-Context`, and so on."""
        head = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + seconds * 1000),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
            "Lambda-Runtime-Trace-Id": "Root=1-2-3",
        }
        for name, value in fields.items():
            head["-".join(it.capitalize() for it in ("lambda", "runtime", *name.split("_")))] = value
        self.events.put((head, json.dumps(event).encode() if raw is None else raw))

    def post(self):
        """The next thing that the worker posts."""
        return self.posts.get(timeout=PATIENCE)

    def invoke(self, event=None, **options):
        self.hand_out(event, **options)
        return self.post()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Worker:
    """A function's process. What it printed is there once it has ended."""

    def __init__(self, client, folder, api, handler, environment=None):
        if client == "embedded-python":
            command = [sys.executable, LOOPS / "python" / "bootstrap.py"]
        elif client == "awslambdaric":
            command = [sys.executable, "-m", "awslambdaric", handler]
        elif client == "embedded-node":
            command = ["node", LOOPS / "node" / "bootstrap.mjs"]
        else:
            loaded = Path(__file__).parent / "official" / "native.cjs"
            bin = OFFICIAL_NODE / "node_modules" / "aws-lambda-ric" / "bin" / "index.mjs"
            command = ["node", "--require", loaded, bin, handler]
        language = "python3.12" if "python" in client or client == "awslambdaric" else "nodejs20.x"
        self.child = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONUTF8": "1",
                "AWS_LAMBDA_RUNTIME_API": api.address,
                "_HANDLER": handler,
                "LAMBDA_TASK_ROOT": str(folder),
                "AWS_EXECUTION_ENV": f"AWS_Lambda_{language}",
                "AWS_LAMBDA_FUNCTION_NAME": "f",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
                "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
                "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0",
                "TZ": ":UTC",
                **(environment or {}),
            },
        )
        self.printed = b""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while piece := self.child.stdout.read1():
            self.printed += piece

    def ended(self):
        """Waits for its own end; returns its status."""
        status = self.child.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return status

    def output(self):
        """Ends it; returns what it has printed."""
        self.child.kill()
        self.ended()
        return self.printed.decode()
