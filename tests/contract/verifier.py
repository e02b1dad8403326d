"""Stands between the gateway and moto's server and checks what moto does not: each signature, as botocore
makes it of what arrived. What passes goes on to moto; credentials that STS gives are learnt on the way."""

import http.client
import http.server
import re
import threading
from urllib.parse import urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SCOPE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=(\S+), Signature=(\w+)"
)


class Verifier:
    """`secrets`: access key to secret. `seen`: (method, target, fields, body) of what was let through."""

    def __init__(self, moto, secrets):
        self.moto = urlsplit(moto).netloc
        self.secrets = dict(secrets)
        self.seen = []
        self.refused = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fields = [(name, value) for name, value in self.headers.items()]
                reason = outer.check(self.command, self.path, self.headers, body)
                if reason:
                    outer.refused.append(reason)
                    content = f'{{"__type": "SignatureDoesNotMatch", "message": "{reason}"}}'.encode()
                    return self.send(403, [("Content-Type", "application/json")], content)
                outer.seen.append((self.command, self.path, {name.lower(): value for name, value in fields}, body))
                status, fields, content = outer.forward(self.command, self.path, fields, body)
                outer.learn(content)
                self.send(status, fields, content)

            def send(self, status, fields, content):
                self.send_response(status)
                for name, value in fields:
                    if name.lower() not in ("content-length", "connection", "date", "server", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def check(self, method, target, headers, body):
        """Why a signature is not right; nothing if it is."""
        found = SCOPE.fullmatch(headers.get("Authorization", ""))
        if not found:
            return "no signature"
        key, day, region, service, names, signature = found.groups()
        if key not in self.secrets:
            return f"unknown key {key}"
        names = names.split(";")
        must = {"host"} | {name.lower() for name in headers if name.lower().startswith("x-amz-")}
        must |= {name for name in ["content-type"] if name in headers}
        if must - set(names):
            return f"unsigned: {sorted(must - set(names))}"
        kind = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
        signer = kind(Credentials(self.secrets[key], self.secrets[key]), service, region)
        signer.credentials = Credentials(key, self.secrets[key])
        request = AWSRequest(
            method=method,
            url=f"http://{headers['Host']}{target}",
            data=body,
            headers={name: headers[name] for name in names},
        )
        request.context["timestamp"] = headers["X-Amz-Date"]
        if not headers["X-Amz-Date"].startswith(day):
            return "another day"
        text = signer.string_to_sign(request, signer.canonical_request(request))
        if signer.signature(text, request) != signature:
            return "SignatureDoesNotMatch"
        return None

    def forward(self, method, target, fields, body):
        connection = http.client.HTTPConnection(self.moto, timeout=30)
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in fields:
            connection.putheader(name, value)
        connection.endheaders(body or None)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, response.getheaders(), content

    def learn(self, content):
        text = content.decode("utf-8", "replace")
        found = re.search(r"<AccessKeyId>(.+?)</AccessKeyId>\s*<SecretAccessKey>(.+?)</SecretAccessKey>", text)
        if found:
            self.secrets[found.group(1)] = found.group(2)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
