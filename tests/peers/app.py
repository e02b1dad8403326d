"""The application behind uvicorn: tells what it was sent, and answers in many shapes."""

import asyncio
import gzip
import hashlib
import json
from urllib.parse import parse_qs

BLOCK = bytes(range(256)) * 256
GZIPPED = gzip.compress(b"a text that is worth compressing " * 500, mtime=0)


def content(size):
    """The first `size` bytes of an endless text that shows when a piece is missing."""
    return (BLOCK * (size // len(BLOCK) + 1))[:size]


async def received(receive):
    """The pieces of the request's content."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def answer(send, status=200, headers=(), body=b""):
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


def length(body):
    return (b"content-length", str(len(body)).encode())


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    path = scope["path"]
    query = parse_qs(scope["query_string"].decode())
    if path.startswith("/echo"):
        digest, size = hashlib.sha256(), 0
        async for piece in received(receive):
            digest.update(piece)
            size += len(piece)
        body = json.dumps({
            "method": scope["method"],
            "raw_path": scope["raw_path"].decode("latin-1"),
            "path": path,
            "query": scope["query_string"].decode("latin-1"),
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
            "bytes": size,
            "sha256": digest.hexdigest(),
        }).encode()
        await answer(send, headers=[(b"content-type", b"application/json"), length(body)], body=body)
    elif path == "/back":
        # Sends each piece back while the next one is still on its way.
        await send({"type": "http.response.start", "status": 200, "headers": []})
        async for piece in received(receive):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    elif path == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        for index in range(int(query["pieces"][0])):
            await send({"type": "http.response.body", "body": f"piece {index}\n".encode(), "more_body": True})
            await asyncio.sleep(float(query.get("pause", ["0"])[0]))
        await send({"type": "http.response.body", "body": b""})
    elif path == "/slow":
        await asyncio.sleep(float(query["seconds"][0]))
        await answer(send, headers=[length(b"at last")], body=b"at last")
    elif path == "/big":
        size = int(query["bytes"][0])
        headers = [(b"content-length", str(size).encode())] if "length" in query else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(size // len(BLOCK)):
            await send({"type": "http.response.body", "body": BLOCK, "more_body": True})
        await send({"type": "http.response.body", "body": BLOCK[: size % len(BLOCK)]})
    elif path == "/cookies":
        cookies = [b"one=1; Path=/", b"two=2; HttpOnly", b"one=again; Path=/other"]
        await answer(send, headers=[(b"set-cookie", cookie) for cookie in cookies] + [length(b"")])
    elif path == "/redirect":
        await answer(send, 302, [(b"location", b"/back/elsewhere?x=1"), length(b"")])
    elif path == "/gzip":
        await answer(send, 200, [(b"content-encoding", b"gzip"), length(GZIPPED)], GZIPPED)
    elif path.startswith("/status/"):
        status = int(path.rsplit("/", 1)[1])
        headers = [] if status in (204, 304) else [length(b"")]
        await answer(send, status, headers)
    else:
        await answer(send, 404, [length(b"no such path")], b"no such path")
