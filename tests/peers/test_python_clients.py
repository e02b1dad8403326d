"""http.client, aiohttp and httpx as clients, uvicorn behind."""

import asyncio
import hashlib
import http.client
import json
import time

import aiohttp
import httpx
from app import content

MEBIBYTE = 1 << 20


def pieces(body, size=100_000):
    for start in range(0, len(body), size):
        yield body[start : start + size]


# ---- http.client


def test_http_client_keeps_its_connection(app):
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=20)
    connection.connect()
    socket = connection.sock
    for index in range(100):
        connection.request("POST", f"/app/echo/{index}", body=b"x" * index)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        assert (answer.status, told["path"], told["bytes"]) == (200, f"/echo/{index}", index)
        assert connection.sock is socket, "the connection is still the first one"
    connection.close()


def test_http_client_chunked_both_ways(app):
    body = content(2 * MEBIBYTE + 1)
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=20)
    connection.request("POST", "/app/echo", body=pieces(body), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert json.loads(connection.getresponse().read())["sha256"] == hashlib.sha256(body).hexdigest()
    connection.request("GET", "/app/stream?pieces=100")
    answer = connection.getresponse()
    assert answer.getheader("Transfer-Encoding") == "chunked"
    assert answer.read() == b"".join(b"piece %d\n" % index for index in range(100))
    connection.request("HEAD", "/app/gzip")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    connection.request("GET", "/app/status/204")
    assert connection.getresponse().read() == b""
    connection.close()


def test_pieces_arrive_as_they_are_sent(app):
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=20)
    connection.request("GET", "/app/stream?pieces=5&pause=0.2")
    answer = connection.getresponse()
    arrived = []
    for index in range(5):
        assert answer.readline() == b"piece %d\n" % index
        arrived.append(time.monotonic())
    assert arrived[-1] - arrived[0] > 0.5, "nothing held them together"
    connection.close()


# ---- aiohttp


def test_aiohttp_two_hundred_at_once(app):
    async def ask(session, index):
        body = content(index * 997)
        async with session.post(f"{app.app}/echo/{index}?i={index}", data=body) as answer:
            told = await answer.json()
            assert answer.status == 200
            assert (told["path"], told["query"]) == (f"/echo/{index}", f"i={index}")
            assert told["sha256"] == hashlib.sha256(body).hexdigest()

    async def run():
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200)) as session:
            await asyncio.gather(*[ask(session, index) for index in range(200)])
            # Again, on the connections that were kept.
            await asyncio.gather(*[ask(session, index) for index in range(200)])

    asyncio.run(run())


def test_aiohttp_answers_while_the_request_still_arrives(app):
    async def run():
        go_on = asyncio.Event()

        async def body():
            yield b"first"
            await asyncio.wait_for(go_on.wait(), 20)
            yield b"second"

        async with aiohttp.ClientSession() as session:
            async with session.post(f"{app.app}/back", data=body()) as answer:
                assert await answer.content.readexactly(5) == b"first"
                go_on.set()
                assert await answer.content.read() == b"second"

    asyncio.run(run())


def test_aiohttp_cookies(app):
    async def run():
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{app.app}/cookies") as answer:
                assert answer.headers.getall("set-cookie") == ["one=1; Path=/", "two=2; HttpOnly", "one=again; Path=/other"]
                assert answer.cookies["two"].value == "2"

    asyncio.run(run())


def test_aiohttp_clients_that_leave_do_no_harm(app):
    async def run():
        timeout = aiohttp.ClientTimeout(total=0.2)
        async with aiohttp.ClientSession(timeout=timeout) as session:

            async def leave():
                try:
                    async with session.get(f"{app.app}/slow?seconds=5"):
                        raise AssertionError("it answers after five seconds")
                except asyncio.TimeoutError:
                    pass

            await asyncio.gather(*[leave() for _ in range(50)])
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{app.app}/echo") as answer:
                assert answer.status == 200

    asyncio.run(run())


# ---- httpx


def test_httpx_two_hundred_at_once_over_few_connections(app):
    async def run():
        limits = httpx.Limits(max_connections=20)
        async with httpx.AsyncClient(limits=limits, timeout=30) as client:
            answers = await asyncio.gather(*[client.get(f"{app.app}/echo/{index}") for index in range(200)])
            for index, answer in enumerate(answers):
                assert (answer.status_code, answer.json()["path"]) == (200, f"/echo/{index}")

    asyncio.run(run())


def test_httpx_streams_a_download_and_an_upload(app):
    size = 16 * MEBIBYTE
    with httpx.Client(timeout=30) as client:
        digest = hashlib.sha256()
        with client.stream("GET", f"{app.app}/big?bytes={size}") as answer:
            for piece in answer.iter_raw():
                digest.update(piece)
        assert digest.hexdigest() == hashlib.sha256(content(size)).hexdigest()
        told = client.put(f"{app.app}/echo", content=pieces(content(size))).json()
        assert (told["bytes"], told["sha256"]) == (size, digest.hexdigest())


def test_httpx_sees_redirects_compression_and_unicode(app):
    with httpx.Client() as client:
        answer = client.get(f"{app.app}/redirect")
        assert (answer.status_code, answer.headers["location"]) == (302, "/back/elsewhere?x=1")
        assert client.get(f"{app.app}/gzip").text.startswith("a text that is worth compressing")
        assert client.get(f"{app.app}/echo/grüße/日本?ö=ü").json()["path"] == "/echo/grüße/日本"


def test_httpx_sends_a_form_with_files(app):
    with httpx.Client() as client:
        told = client.post(f"{app.app}/echo", data={"a": "b"}, files={"file": ("name.bin", content(300_000))}).json()
        fields = dict(told["headers"])
        assert fields["content-type"].startswith("multipart/form-data; boundary=")
        assert told["bytes"] == int(fields["content-length"]) > 300_000
