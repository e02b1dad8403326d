"""What functions cost, in one run, with rounds that take turns:

- the gateway's CPU per invocation of a function (`provided`, AWS's Rust runtime client) beside its CPU
  per proxied request whose answer is as large. Bar: at most 1.5 times. The back end is nginx, or one that
  sleeps until it is asked, as functions do, with as many connections as there are workers: waking somebody
  is the dearest part of a small send.
- invocations per second of one Node function by ringgate and by npm's serverless-offline. Bar: at
  least 5 times.
- how long the first invocation takes that has to start a worker, beside how long the same program takes
  from being started to its first question. Bar: less than 5 ms more.

    cargo build --release
    cargo build --release --manifest-path bench/functions/bootstrap/Cargo.toml
    npm install --prefix bench/functions/offline
    python3 bench/functions/compare.py [--rounds 5] [--seconds 3] [--only cpu,throughput,cold]

Needs wrk, nginx and node. The gateway has the last core, all else shares the others: they must be able to
keep it busy, or it sleeps between messages, which costs more than the messages do. CPU time is the gateway's
own, from /proc/PID/task/TID/schedstat: workers are processes of their own and not in it, nor is nginx.
"""

import argparse
import contextlib
import getpass
import http.client
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BINARY = Path(os.environ.get("RINGGATE_BINARY", ROOT / "target" / "release" / "ringgate"))
BOOTSTRAP = Path(os.environ.get("BOOTSTRAP", HERE / "bootstrap" / "target" / "release" / "bootstrap"))
SLEEPERS = BOOTSTRAP.parent / "backend"
OFFLINE = Path(os.environ.get("OFFLINE", HERE / "offline"))

CORES = sorted(os.sched_getaffinity(0))
GATEWAY = {CORES[-1]}
OTHERS = set(CORES[:-1]) or GATEWAY

# Answers of these sizes, in bytes; the second is `bench/peers`'s.
SIZES = [27, 16 * 1024]

# Who answers: a back end that is awake, one that sleeps until it is asked, a function with next to no runtime
# client, and one with AWS's.
KINDS = ["nginx", "sleepers", "thin", "function"]

HEAD = """
[server]
listen = ["127.0.0.1:0"]
shards = {shards}
[management]
listen = "127.0.0.1:0"
[store]
url = "memory"
[access_log]
destination = "off"
[[api]]
name = "compare"
protocol = "http"
"""


class Process:
    """A process with cores of its own, ended with its children when the `with` block is left."""

    def __init__(self, command, cores, **more):
        self.child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
            **more,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # The whole group: npm's programs are several processes.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGTERM)
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()

    def cpu(self):
        """Nanoseconds that its threads have run."""
        total = 0
        for thread in Path(f"/proc/{self.child.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):
                total += int((thread / "schedstat").read_text().split()[0])
        return total


class Gateway(Process):
    def __init__(self, folder, tables, shards=1, cores=GATEWAY):
        file = folder / "ringgate.toml"
        file.write_text(HEAD.format(shards=shards) + tables)
        super().__init__(
            [BINARY, "serve", "--config", file],
            cores,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for line in self.child.stdout:
            if found := re.search(r"listening on http://(\S+)", line):
                self.address = found.group(1)
                return
        sys.exit("ringgate did not start")


def nginx(folder, port):
    """Answers `/nginx/27` and the like with so many bytes."""
    (folder / "nginx").mkdir()
    for size in SIZES:
        (folder / "nginx" / str(size)).write_text("x" * size)
    # The folder is for this user alone.
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
    file = folder / "nginx.conf"
    file.write_text(
        f"""
{user} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log /dev/null;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; open_file_cache max=10;
  default_type text/plain; etag off; tcp_nopush on; sendfile on;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    return Process([program, "-c", file, "-p", folder], OTHERS, stderr=subprocess.DEVNULL)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def get(address, path):
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("GET", path)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    if response.status != 200:
        raise SystemExit(f"{address}{path}: {response.status} {content[:200]}")
    return content


def patiently(address, path):
    """The first answer of something that is starting."""
    begin = time.monotonic()
    while True:
        try:
            return get(address, path)
        except OSError:
            if time.monotonic() - begin > 120:
                raise
            time.sleep(0.05)


def load(address, path, seconds, connections):
    """Answers that wrk got, and in how many seconds. Any that is no answer ends the run."""
    command = ["taskset", "-c", ",".join(map(str, OTHERS)), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    ran = subprocess.run([*command, f"http://{address}{path}"], capture_output=True, text=True, check=True)
    if "Non-2xx" in ran.stdout or "Socket errors" in ran.stdout:
        raise SystemExit(ran.stdout)
    count, time_taken, unit = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", ran.stdout).groups()
    return int(count), float(time_taken) * {"ms": 1e-3, "s": 1, "m": 60}[unit]


def bootstrap_folder(folder, program, cores=None):
    folder.mkdir()
    there = folder / "bootstrap"
    if cores is None:
        shutil.copy(program, there)
    else:
        # Beside it: what lies elsewhere a worker may not see.
        shutil.copy(program, folder / "program")
        cores = ",".join(map(str, cores))
        there.write_text(f'#!/bin/sh\nexec taskset -c {cores} "$LAMBDA_TASK_ROOT/program"\n')
        there.chmod(0o755)


def spread(values, digits=2):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def cpu(folder, options):
    port = free_port()
    bootstrap_folder(folder / "function", BOOTSTRAP, OTHERS)
    bootstrap_folder(folder / "thin", BOOTSTRAP.parent / "thin", OTHERS)
    with nginx(folder, port), Process([SLEEPERS], OTHERS, stdout=subprocess.PIPE, text=True) as sleepers:
        tables = f"""
[[upstream]]
name = "sleepers"
targets = ["{sleepers.child.stdout.readline().strip()}"]
[upstream.limits]
connections = {options.workers}
pending = 10000
"""
        for size in SIZES:
            tables += f"""
[[api.route]]
route = "GET /nginx/{size}"
integration = {{ type = "http_proxy", url = "http://127.0.0.1:{port}" }}
[[api.route]]
route = "GET /sleepers/{size}"
integration = {{ type = "http_proxy", upstream = "sleepers" }}
"""
        for kind in ["thin", "function"]:
            for size in SIZES:
                tables += f"""
[[api.route]]
route = "GET /{kind}/{size}"
integration = {{ type = "lambda", function = "{kind}{size}" }}
"""
        for kind in ["thin", "function"]:
            for size in SIZES:
                tables += f"""
[[function]]
name = "{kind}{size}"
runtime = "provided.al2023"
code = "{kind}"
log = "{options.log}"
environment = {{ BYTES = "{size}" }}
workers = {{ max = {options.workers} }}
timeout = "30s"
"""
        measure(folder, tables, options)


def measure(folder, tables, options):
    results = {}
    with Gateway(folder, tables) as gateway:
        for size in SIZES:
            for kind in KINDS:
                assert len(patiently(gateway.address, f"/{kind}/{size}")) == size
        for _ in range(options.rounds):
            for size in SIZES:
                for kind in KINDS:
                    load(gateway.address, f"/{kind}/{size}", 1, options.connections)
                    before = gateway.cpu()
                    count, wall = load(gateway.address, f"/{kind}/{size}", options.seconds, options.connections)
                    used = (gateway.cpu() - before) / count / 1000
                    results.setdefault((size, kind), []).append((used, count / wall))
    print(f"\nCPU of the gateway, {options.connections} connections, {options.workers} workers, log \"{options.log}\"")
    print("| answer | asked | CPU us | per second | of nginx | of sleepers |")
    print("|---|---|---:|---:|---:|---:|")
    for size in SIZES:
        for kind in KINDS:
            used = [used for used, _ in results[size, kind]]
            rate = statistics.median(rate for _, rate in results[size, kind])
            ratios = [
                spread([a / b for a, (b, _) in zip(used, results[size, other])]) if kind in KINDS[2:] else ""
                for other in KINDS[:2]
            ]
            print(f"| {size} bytes | {kind} | {spread(used, 1)} | {rate:.0f} | {' | '.join(ratios)} |", flush=True)


def throughput(folder, options):
    """Both get all cores, as they would on a developer's machine, and share them with the clients."""
    code = folder / "node"
    code.mkdir()
    for name in ["handler.js", "serverless.yml", "package.json"]:
        shutil.copy(HERE / "offline" / name, code / name)
    (code / "node_modules").symlink_to(OFFLINE / "node_modules")
    tables = f"""
[[api.route]]
route = "GET /hello"
integration = {{ type = "lambda", function = "hello" }}
[[function]]
name = "hello"
runtime = "nodejs20.x"
code = "node"
handler = "handler.handler"
log = "file.log"
workers = {{ max = 4 }}
timeout = "30s"
"""
    http_port, lambda_port = free_port(), free_port()
    command = ["node", code / "node_modules/.bin/serverless", "offline", "--noPrependStageInUrl"]
    command += ["--httpPort", http_port, "--lambdaPort", lambda_port]
    everywhere = set(CORES)
    with Gateway(folder, tables, shards=2, cores=everywhere) as ours, Process(
        command, everywhere, cwd=code, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ):
        addresses = {"ringgate": ours.address, "serverless-offline": f"localhost:{http_port}"}
        rates = {}
        answers = {name: patiently(address, "/hello?name=x") for name, address in addresses.items()}
        assert len(set(answers.values())) == 1, answers
        for _ in range(options.rounds):
            for name, address in addresses.items():
                load(address, "/hello?name=x", 1, 16)
                count, wall = load(address, "/hello?name=x", options.seconds, 16)
                rates.setdefault(name, []).append(count / wall)
    print("\nInvocations per second of one Node function, 16 connections")
    print("| ringgate | serverless-offline | ratio |")
    print("|---:|---:|---:|")
    ratios = [a / b for a, b in zip(rates["ringgate"], rates["serverless-offline"])]
    columns = [spread(rates["ringgate"], 0), spread(rates["serverless-offline"], 0), spread(ratios, 1)]
    print("| " + " | ".join(columns) + " |", flush=True)


def bare_start(program):
    """Milliseconds from starting the program to its first question, answered by nobody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        environment = {
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % listener.getsockname()[1],
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": "g",
            "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        }
        begin = time.perf_counter()
        child = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        connection, _ = listener.accept()
        connection.recv(1)
        taken = time.perf_counter() - begin
        child.kill()
        child.wait()
        connection.close()
        return taken * 1e3


def cold(folder, options):
    bootstrap_folder(folder / "cold", BOOTSTRAP)
    count = options.rounds * 10
    tables = "".join(
        f"""
[[api.route]]
route = "GET /{number}"
integration = {{ type = "lambda", function = "f{number}" }}
"""
        for number in range(count)
    )
    tables += "".join(
        f"""
[[function]]
name = "f{number}"
runtime = "provided.al2023"
code = "cold"
log = "none"
"""
        for number in range(count)
    )
    first, warm, bare = [], [], []
    with Gateway(folder, tables, cores=set(CORES)) as gateway:
        connection = http.client.HTTPConnection(gateway.address, timeout=60)
        for number in range(count):
            for times in [first, warm]:
                begin = time.perf_counter()
                connection.request("GET", f"/{number}")
                response = connection.getresponse()
                response.read()
                times.append((time.perf_counter() - begin) * 1e3)
                assert response.status == 200, response.status
            bare.append(bare_start(folder / "cold" / "bootstrap"))
    added = [a - b for a, b in zip(first, bare)]
    print(f"\nCold start, {count} times, milliseconds")
    print("| first invocation | a warm one | the program alone | added by ringgate |")
    print("|---:|---:|---:|---:|")
    print("| " + " | ".join(spread(times) for times in [first, warm, bare, added]) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--log", default="none", help='of the measured functions: "none" or "stderr"')
    parser.add_argument("--only", default="cpu,throughput,cold")
    options = parser.parse_args()
    parts = {"cpu": cpu, "throughput": throughput, "cold": cold}
    for name in options.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            parts[name](Path(folder), options)


if __name__ == "__main__":
    main()
