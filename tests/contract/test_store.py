"""The store from outside: what was acknowledged is there after a kill, and hosts on one PostgreSQL agree."""

import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from gateway import PATIENCE, Gateway

# The `nobody` of every distribution. PostgreSQL refuses to run as root.
NOBODY = 65534


class Postgres:
    """A server with a socket in a temporary folder, and no port. Ends with the test's process."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o755)
        self.programs = self._programs()
        self.as_nobody = ["setpriv", "--pdeathsig", "KILL"]
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
            self.as_nobody += [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        self._run(
            "initdb", "--username=ringgate", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8",
            "--pgdata", str(self.folder / "data"),
        )  # fmt: skip
        self.child = None
        self.start()

    def _programs(self):
        folders = os.environ["PATH"].split(":") + [str(it) for it in pathlib.Path("/usr/lib/postgresql").glob("*/bin")]
        found = shutil.which("postgres", path=":".join(folders))
        assert found, "PostgreSQL: install Debian's `postgresql`, as tests/run does"
        # Beside a link in the path there may be no `initdb`.
        return pathlib.Path(found).resolve().parent

    def _run(self, program, *arguments):
        command = [*self.as_nobody, "--", self.programs / program, *arguments]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=2 * PATIENCE)

    def start(self):
        log = open(self.folder / "log", "a")
        self.child = subprocess.Popen(
            [
                *self.as_nobody, "--", self.programs / "postgres", "-D", self.folder / "data", "-c", "listen_addresses=",
                "-c", "shared_buffers=16MB", "-c", f"unix_socket_directories={self.folder}",
            ],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
        )  # fmt: skip
        begin = time.monotonic()
        while not (self.folder / ".s.PGSQL.5432").exists() or not self._answers():
            assert time.monotonic() - begin < PATIENCE, (self.folder / "log").read_text()
            time.sleep(0.05)

    def _answers(self):
        command = [self.programs / "pg_isready", "-h", self.folder]
        return subprocess.run(command, capture_output=True).returncode == 0

    def stop(self):
        """As after a power cut."""
        self.child.send_signal(signal.SIGQUIT)
        self.child.wait(PATIENCE)

    @property
    def url(self):
        return f"postgres://ringgate@localhost/postgres?host={self.folder}"


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    # Below pytest's own folders nobody but their owner gets.
    folder = pathlib.Path("/tmp") / f"ringgate-contract-{os.getpid()}"
    server = Postgres(folder)
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def write(gateway, stop, acknowledged):
    """Makes APIs and renames them, until the gateway is gone; notes what it was told is done."""
    v2 = gateway.client("apigatewayv2")
    number = 0
    try:
        while not stop.is_set():
            number += 1
            name = f"{threading.get_ident()}-{number}"
            id = v2.create_api(Name=name, ProtocolType="HTTP", Target="http://127.0.0.1:9")["ApiId"]
            acknowledged[id] = name
            # Told apart from what was begun: either name may be there after a kill here.
            acknowledged[id] = (name, f"{name}-b")
            v2.update_api(ApiId=id, Name=f"{name}-b")
            acknowledged[id] = f"{name}-b"
    except (BotoCoreError, ClientError):
        pass


def test_nothing_acknowledged_is_lost(tmp_path):
    acknowledged = {}
    for round in range(4):
        gateway = Gateway(tmp_path)
        stop = threading.Event()
        writers = [threading.Thread(target=write, args=(gateway, stop, acknowledged)) for _ in range(3)]
        for writer in writers:
            writer.start()
        time.sleep(random.uniform(0.2, 0.8))
        gateway.kill()
        stop.set()
        for writer in writers:
            writer.join()
    with Gateway(tmp_path) as gateway:
        v2 = gateway.client("apigatewayv2")
        pages = v2.get_paginator("get_apis").paginate(PaginationConfig={"PageSize": 500})
        there = {api["ApiId"]: api["Name"] for page in pages for api in page["Items"]}
        assert len(acknowledged) > 20
        for id, names in acknowledged.items():
            assert there.get(id) in (names if isinstance(names, tuple) else (names,)), id
        # All of it is served: nobody listens behind them, so 503 and not 403.
        for id in random.sample(sorted(acknowledged), 20):
            status, _, content = gateway.request("GET", "/x", host=f"{id}.execute-api.us-east-1.localhost")
            assert status in (500, 502, 503, 504), (status, content)
        # And nothing is there by halves.
        for id in random.sample(sorted(there), min(30, len(there))):
            assert len(v2.get_routes(ApiId=id)["Items"]) == 1
            assert len(v2.get_stages(ApiId=id)["Items"]) == 1
            assert len(v2.get_integrations(ApiId=id)["Items"]) == 1
    checked = subprocess.run(
        [gateway.child.args[0], "store", "check", "--config", tmp_path / "ringgate.toml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_backup_and_restore(tmp_path, name, backend):
    first = tmp_path / "first"
    first.mkdir()
    with Gateway(first) as gateway:
        id = gateway.client("apigatewayv2").create_api(Name=name, ProtocolType="HTTP", Target=backend)["ApiId"]
        binary = gateway.child.args[0]
    run = lambda folder, *arguments: subprocess.run(
        [binary, "store", *arguments], cwd=folder, capture_output=True, text=True, timeout=PATIENCE
    )
    configuration = ["--config", str(first / "ringgate.toml")]
    made = run(first, "backup", *configuration, str(tmp_path / "backup"))
    assert made.returncode == 0, made.stderr
    (first / "ringgate.db").unlink()
    for file in first.glob("ringgate.db-*"):
        file.unlink()
    restored = run(first, "restore", *configuration, str(tmp_path / "backup"))
    assert restored.returncode == 0, restored.stderr
    with Gateway(first) as gateway:
        assert gateway.client("apigatewayv2").get_api(ApiId=id)["Name"] == name
        assert gateway.request("GET", "/x", host=f"{id}.execute-api.us-east-1.localhost")[0] == 200


def until(condition):
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < PATIENCE
        time.sleep(0.05)


def test_two_hosts_on_one_store(tmp_path, postgres, name, backend):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with Gateway(folders[0], store=postgres.url) as one, Gateway(folders[1], store=postgres.url) as two:
        here, there = one.client("apigatewayv2"), two.client("apigatewayv2")
        id = here.create_api(Name=name, ProtocolType="HTTP", Target=backend)["ApiId"]
        host = f"{id}.execute-api.us-east-1.localhost"
        # Served by the host that took it before it answered; by the other soon.
        assert one.request("GET", "/x", host=host)[0] == 200
        until(lambda: two.request("GET", "/x", host=host)[0] == 200)
        assert there.get_api(ApiId=id)["Name"] == name
        # A write there is built on what was written here, and comes back.
        there.update_api(ApiId=id, Name=f"{name}-b")
        until(lambda: here.get_api(ApiId=id)["Name"] == f"{name}-b")
        # Both at once: each write counts.
        made = {}

        def create(client, side):
            for number in range(15):
                made[client.create_api(Name=f"{side}{number}", ProtocolType="HTTP")["ApiId"]] = f"{side}{number}"

        writers = [threading.Thread(target=create, args=each) for each in ((here, "a"), (there, "b"))]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert len(made) == 30

        def has_all(client):
            pages = client.get_paginator("get_apis").paginate()
            return set(made) <= {api["ApiId"] for page in pages for api in page["Items"]}

        until(lambda: has_all(here) and has_all(there))
        here.delete_api(ApiId=id)
        until(lambda: two.request("GET", "/x", host=host)[0] == 403)


def readyz(gateway):
    connection = http.client.HTTPConnection(gateway.management, timeout=PATIENCE)
    connection.request("GET", "/readyz")
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    return response.status, content


def test_the_store_is_away_at_the_start(tmp_path, postgres, name, backend):
    with Gateway(tmp_path, store=postgres.url) as gateway:
        v2 = gateway.client("apigatewayv2")
        id = v2.create_api(Name=name, ProtocolType="HTTP", Target=backend)["ApiId"]
        key = gateway.client("apigateway").create_api_key(name=name)["id"]
    host = f"{id}.execute-api.us-east-1.localhost"
    postgres.stop()
    try:
        with Gateway(tmp_path, store=postgres.url) as gateway:
            v1, v2 = gateway.client("apigateway"), gateway.client("apigatewayv2")
            # Served as last known, and it says so.
            status, _, content = gateway.request("GET", "/x", host=host)
            assert status == 200, (content, "\n".join(gateway.lines), list(tmp_path.iterdir()))
            assert json.loads(content)["path"] == "/x"
            status, content = readyz(gateway)
            assert status == 200
            assert "store" in json.dumps(content)
            assert any("store" in line and ("WARN" in line or "ERROR" in line) for line in gateway.lines)
            assert not any("ringgate@localhost" in line for line in gateway.lines)
            # Reading goes on, writing does not.
            assert v2.get_api(ApiId=id)["Name"] == name
            assert v1.get_api_key(apiKey=key)["name"] == name
            with pytest.raises(ClientError) as refusal:
                v2.update_api(ApiId=id, Name="x")
            error = refusal.value.response
            assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == ("ServiceUnavailableException", 503)
            assert int(error["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) >= 1
            # It comes back without a restart.
            postgres.start()
            begin = time.monotonic()
            while True:
                try:
                    assert v2.update_api(ApiId=id, Name="renamed")["Name"] == "renamed"
                    break
                except ClientError:
                    assert time.monotonic() - begin < PATIENCE
                    time.sleep(0.2)
    finally:
        if postgres.child.poll() is not None:
            postgres.start()
