"""The gateway as the tests' AWS: a process, clients of it, and requests through it."""

import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import boto3
import wire
from botocore.config import Config

ROOT = Path(__file__).parents[2]
BINARY = Path(os.environ.get("RINGGATE_BINARY", ROOT / "target" / "debug" / "ringgate"))

# Debug builds on two busy cores.
PATIENCE = 30

REGION = "us-east-1"
ACCOUNT = "000000000000"

# Where APIs answer: `{api}.execute-api.{region}.{SUFFIX}`. Amazon says amazonaws.com.
SUFFIX = "localhost"

CONFIGURATION = """
[server]
listen = ["127.0.0.1:0"]
shards = 2
[management]
listen = "127.0.0.1:0"
audit_log = "file:audit.log"
rate = 100000
burst = 100000
{management}
[store]
url = "{store}"
[access_log]
destination = "off"
"""


class Gateway:
    """`ringgate serve` in a folder of its own. Ended when the `with` block is left."""

    def __init__(self, folder, store="sqlite:ringgate.db", more="", management="", environment=None):
        self.folder = Path(folder)
        file = self.folder / "ringgate.toml"
        self.own = CONFIGURATION.format(store=store, management=management)
        file.write_text(self.own + more)
        self.child = subprocess.Popen(
            [BINARY, "serve", "--config", file],
            cwd=self.folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines = []
        threading.Thread(target=self._read, daemon=True).start()
        self.management = self._line(r"management on http://(\S+)")
        self.address = self._line(r"listening on http://(\S+)")
        self.endpoint = f"http://{self.management}"

    def _read(self):
        for line in self.child.stdout:
            self.lines.append(line.rstrip("\n"))

    def _line(self, pattern):
        begin = time.monotonic()
        while True:
            for line in list(self.lines):
                if found := re.search(pattern, line):
                    return found.group(1)
            assert self.child.poll() is None, "\n".join(self.lines)
            assert time.monotonic() - begin < PATIENCE, f"no {pattern} in {self.lines}"
            time.sleep(0.01)

    def reload(self, more):
        """Has what is behind the tests' own tables changed, and waits until it is in force."""
        told = lambda: sum("configuration reloaded" in line for line in list(self.lines))
        before, begin = told(), time.monotonic()
        new = self.folder / "new.toml"
        new.write_text(self.own + more)
        new.rename(self.folder / "ringgate.toml")
        while told() == before:
            assert time.monotonic() - begin < PATIENCE, "\n".join(self.lines)
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            self.child.wait(PATIENCE)

    def kill(self):
        self.child.kill()
        self.child.wait(PATIENCE)

    def client(self, service, region=REGION, key="test", secret="test", retries=0):
        """A boto3 client. No retries: a test wants to see the first answer."""
        client = boto3.session.Session().client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": retries + 1}),
        )
        watched = service.startswith("apigateway") or service == "lambda"
        return wire.watch(client) if watched else client

    def aws(self, *arguments, region=REGION, check=True):
        """Runs the `aws` command; returns its JSON, or what it printed, or nothing."""
        ran = subprocess.run(
            ["aws", "--endpoint-url", self.endpoint, *arguments],
            env={
                **os.environ,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": region,
                "AWS_CONFIG_FILE": "/dev/null",
                "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
                "AWS_EC2_METADATA_DISABLED": "true",
            },
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        if check:
            assert ran.returncode == 0, f"{arguments}: {ran.stderr}"
        else:
            return ran
        try:
            return json.loads(ran.stdout)
        except ValueError:
            return ran.stdout

    def request(self, method, path, host=None, body=None, headers=None):
        """A request through the gateway: status, header fields (lower case), content."""
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        fields = {**({"Host": host} if host else {}), **(headers or {})}
        connection.request(method, path, body=body, headers=fields)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, content
