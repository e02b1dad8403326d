"""Management calls beside a moto server: operations per second and per second of CPU.

Both sides get the same plain HTTP requests over a few kept connections, unsigned, from this process;
what is counted is the servers' own CPU time (user and system, all threads, from /proc), so that the
client's cost does not matter. First both are filled with REST APIs and resources, then calls are
measured in rounds that take turns. Ringgate keeps everything on disk (SQLite, every write synced),
moto in memory.

    python bench/management/compare.py [--resources 100000] [--calls 2000] [--rounds 5] [--only ringgate]

Needs what tests/contract/requirements.txt lists, and a release build of ringgate.
"""

import argparse
import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
BINARY = Path(os.environ.get("RINGGATE_BINARY", ROOT / "target" / "release" / "ringgate"))
CONNECTIONS = 8
RESOURCES_PER_API = 100
TICKS = os.sysconf("SC_CLK_TCK")

CONFIGURATION = """
[server]
listen = ["127.0.0.1:0"]
shards = 1
[management]
listen = "127.0.0.1:0"
audit_log = "file:audit.log"
rate = 1000000
burst = 1000000
[store]
url = "sqlite:ringgate.db"
"""


class Server:
    """A server under test: where it is, and what it has used."""

    def __init__(self, name, child, address):
        self.name, self.child, self.address = name, child, address

    def cpu(self):
        """Seconds of CPU since its start."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self):
        """Resident MiB."""
        return int(Path(f"/proc/{self.child.pid}/statm").read_text().split()[1]) * 4096 / 2**20

    def stop(self):
        self.child.terminate()
        self.child.wait()


def ringgate(folder):
    # A folder of its own: the gateway watches it, and the store's files change all the time.
    file = Path(folder) / "configuration" / "ringgate.toml"
    file.parent.mkdir()
    file.write_text(CONFIGURATION)
    child = subprocess.Popen(
        [BINARY, "serve", "--config", file], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    for line in child.stdout:
        if found := re.search(r"management on http://(\S+)", line):
            return Server("ringgate", child, found.group(1))
    sys.exit("ringgate did not start")


def moto():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    child = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(300):
        time.sleep(0.1)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return Server("moto", child, f"127.0.0.1:{port}")
    sys.exit("moto did not start")


# What tells moto which service is meant; ringgate takes it too.
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/apigateway/aws4_request, "
    "SignedHeaders=host, Signature=0"
)


def call(connection, method, path, body=None):
    content = json.dumps(body) if body is not None else None
    fields = {"Authorization": AUTHORIZATION, "Content-Type": "application/json"}
    connection.request(method, path, body=content, headers=fields)
    response = connection.getresponse()
    content = response.read()
    if response.status >= 300:
        raise SystemExit(f"{method} {path}: {response.status} {content[:200]}")
    return json.loads(content) if content else {}


def together(server, jobs):
    """Makes the calls over a few connections; returns answers and times in the order of the jobs."""
    answers, times = [None] * len(jobs), [0.0] * len(jobs)
    failed = []

    def work(first):
        connection = http.client.HTTPConnection(server.address)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for index in range(first, len(jobs), CONNECTIONS):
                begin = time.perf_counter()
                answers[index] = call(connection, *jobs[index])
                times[index] = time.perf_counter() - begin
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=[first]) for first in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return answers, times


def fill(server, resources):
    """Makes REST APIs with that many resources in all; returns (api, root, a resource) of each API."""
    begin = time.monotonic()
    jobs = [("POST", "/restapis", {"name": f"api {n}"}) for n in range(max(1, resources // RESOURCES_PER_API))]
    apis = [api["id"] for api in together(server, jobs)[0]]
    lists, _ = together(server, [("GET", f"/restapis/{api}/resources") for api in apis])
    # moto writes lists as ringgate and Amazon do: under `item`.
    roots = [next(item["id"] for item in answer["item"] if item["path"] == "/") for answer in lists]
    jobs = [
        ("POST", f"/restapis/{api}/resources/{root}", {"pathPart": f"part{n}"})
        for n in range(RESOURCES_PER_API)
        for api, root in zip(apis, roots)
    ]
    made, _ = together(server, jobs)
    print(
        f"{server.name}: {len(jobs)} resources in {time.monotonic() - begin:.0f} s, "
        f"{server.cpu():.1f} s of CPU, {server.memory():.0f} MiB",
        flush=True,
    )
    return list(zip(apis, roots, (resource["id"] for resource in made)))


def kinds(filled, calls, round):
    """The kinds of calls that are measured: name, jobs."""
    spread = [filled[(n * 37) % len(filled)] for n in range(calls)]
    return {
        "create (resource)": [
            ("POST", f"/restapis/{api}/resources/{root}", {"pathPart": f"new{round}x{n}"})
            for n, (api, root, _) in enumerate(spread)
        ],
        "read (resource)": [("GET", f"/restapis/{api}/resources/{resource}") for api, _, resource in spread],
        "read (API)": [("GET", f"/restapis/{api}") for api, _, _ in spread],
        "list (25 APIs)": [("GET", "/restapis?limit=25") for _ in spread[: calls // 4]],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--resources", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["ringgate", "moto"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        servers = []
        try:
            if options.only != "moto":
                servers.append(ringgate(folder))
            if options.only != "ringgate":
                servers.append(moto())
            filled = {server.name: fill(server, options.resources) for server in servers}
            results = {}
            for round in range(options.rounds):
                for server in servers:
                    for kind, jobs in kinds(filled[server.name], options.calls, round).items():
                        cpu, begin = server.cpu(), time.monotonic()
                        _, times = together(server, jobs)
                        wall, cpu = time.monotonic() - begin, server.cpu() - cpu
                        times.sort()
                        results.setdefault((kind, server.name), []).append(
                            (len(jobs) / wall, len(jobs) / max(cpu, 1 / TICKS), times[len(times) // 2], times[-len(times) // 100])
                        )
        finally:
            for server in servers:
                server.stop()
    print(f"\n{'':18} {'':9} {'per s':>8} {'per CPU s':>10} {'p50 ms':>8} {'p99 ms':>8}")
    for (kind, name), rounds in sorted(results.items()):
        rate, per_cpu, p50, p99 = (statistics.median(column) for column in zip(*rounds))
        print(f"{kind:18} {name:9} {rate:8.0f} {per_cpu:10.0f} {p50 * 1e3:8.2f} {p99 * 1e3:8.2f}")
    if len(servers) == 2:
        print("\nOperations per second of CPU, ringgate / moto (rounds):")
        for kind in dict.fromkeys(kind for kind, _ in results):
            ours, theirs = results[(kind, "ringgate")], results[(kind, "moto")]
            ratios = [a[1] / b[1] for a, b in zip(ours, theirs)]
            print(f"{kind:18} {statistics.median(ratios):6.1f}  ({min(ratios):.1f}-{max(ratios):.1f})")


if __name__ == "__main__":
    main()
