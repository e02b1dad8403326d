"""Ringgate, uvicorn and nginx as processes, on ports that the kernel chooses."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("RINGGATE_BINARY", ROOT / "target" / "debug" / "ringgate"))
PATIENCE = 20


def wait_until(what, look):
    begin = time.monotonic()
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() - begin < PATIENCE, f"waited in vain for {what}"
        time.sleep(0.01)


class Process:
    """A child whose output is kept. Ended when the `with` block is left."""

    def __init__(self, command, **options):
        self.child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
        self.lines = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.child.stdout:
            self.lines.append(line.rstrip("\n"))

    def line(self, pattern):
        """Waits for a line and returns what the pattern's group holds."""

        def look():
            for line in list(self.lines):
                if found := re.search(pattern, line):
                    return found
            assert self.child.poll() is None, "\n".join(self.lines)
            return None

        return wait_until(f"{pattern!r} in {self.lines}", look).group(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise


class Gateway(Process):
    """`ringgate serve` with that configuration in that folder."""

    def __init__(self, folder, configuration):
        file = Path(folder) / "ringgate.toml"
        file.write_text(configuration)
        super().__init__([BINARY, "serve", "--config", file], cwd=folder)
        self.line("(management) on")
        self.addresses = [
            found.group(1) for line in self.lines if (found := re.search(r"listening on https?://(\S+)", line))
        ]
        self.port = int(self.addresses[0].rsplit(":", 1)[1])
        self.url = f"http://127.0.0.1:{self.port}"


class Uvicorn(Process):
    """The application of `app.py`, read by the HTTP implementation of that name."""

    def __init__(self, implementation):
        super().__init__(
            [
                *[sys.executable, "-m", "uvicorn", "app:app", "--app-dir", Path(__file__).parent],
                *["--host", "127.0.0.1", "--port", "0", "--http", implementation],
                *["--lifespan", "off", "--no-access-log", "--timeout-keep-alive", "30"],
            ]
        )
        self.address = self.line(r"running on http://(\S+)")


class Nginx(Process):
    """Static files and a few fixed answers."""

    def __init__(self, folder):
        folder = Path(folder)
        (folder / "files").mkdir()
        # nginx cannot be asked which port it got, so one that was free a moment ago is taken.
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        configuration = folder / "nginx.conf"
        configuration.write_text(
            f"""
            daemon off;
            master_process off;
            pid {folder}/pid;
            error_log stderr;
            events {{ worker_connections 512; }}
            http {{
                access_log off;
                types {{ text/plain txt; }}
                default_type application/octet-stream;
                client_body_temp_path {folder}/client;
                proxy_temp_path {folder}/proxy;
                fastcgi_temp_path {folder}/fastcgi;
                uwsgi_temp_path {folder}/uwsgi;
                scgi_temp_path {folder}/scgi;
                gzip on;
                gzip_proxied any;
                gzip_types text/plain;
                gzip_min_length 100;
                keepalive_requests 5;
                client_max_body_size 256m;
                server {{
                    listen 127.0.0.1:{port};
                    root {folder}/files;
                    add_header X-Requests $connection_requests;
                    location /redirect {{ return 301 /files/; }}
                    location /method {{ return 200 $request_method; }}
                    location /close {{ keepalive_timeout 0; return 200 closing; }}
                    location /too-large {{ client_max_body_size 1k; }}
                }}
            }}
            """
        )
        super().__init__(["nginx", "-p", folder, "-e", "stderr", "-c", configuration])
        self.address = f"127.0.0.1:{port}"
        self.files = folder / "files"

        def listening():
            assert self.child.poll() is None, "\n".join(self.lines)
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except ConnectionRefusedError:
                return False

        wait_until("nginx", listening)
