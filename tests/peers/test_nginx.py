"""nginx behind the gateway."""

import hashlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import httpx


def test_a_file_arrives_as_it_is(nginx):
    for size in [0, 1, 16_384, 5_000_003]:
        body = os.urandom(size)
        (nginx.files / f"{size}.bin").write_bytes(body)
        answer = httpx.get(f"{nginx.through}/{size}.bin")
        assert (answer.status_code, answer.content == body) == (200, True)
        assert answer.headers["content-length"] == str(size)


def test_ranges_and_conditions_are_between_client_and_back_end(nginx):
    body = os.urandom(100_000)
    (nginx.files / "range.bin").write_bytes(body)
    answer = httpx.get(f"{nginx.through}/range.bin", headers={"range": "bytes=1000-1999"})
    assert (answer.status_code, answer.content) == (206, body[1000:2000])
    etag = answer.headers["etag"]
    answer = httpx.get(f"{nginx.through}/range.bin", headers={"if-none-match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


def test_compression_is_the_back_ends(nginx):
    (nginx.files / "text.txt").write_text("all work and no play\n" * 5000)
    headers = {"accept-encoding": "gzip"}
    through, direct = [httpx.get(f"{url}/text.txt", headers=headers) for url in [nginx.through, nginx.direct]]
    assert through.headers["content-encoding"] == "gzip"
    assert through.headers["transfer-encoding"] == "chunked", "nginx compresses on the fly"
    assert through.text == direct.text
    plain = httpx.get(f"{nginx.through}/text.txt", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers


def test_a_head_request(nginx):
    (nginx.files / "head.bin").write_bytes(bytes(1234))
    answer = httpx.head(f"{nginx.through}/head.bin")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "1234", b"")


def test_a_redirect(nginx):
    answer = httpx.get(f"{nginx.through}/redirect")
    # nginx makes it absolute with the Host that it was sent: its own address.
    assert (answer.status_code, answer.headers["location"]) == (301, f"{nginx.direct}/files/")


def test_connections_to_the_back_end_are_kept_and_replaced_when_it_closes_them(nginx):
    with httpx.Client() as client:
        counts = [client.get(f"{nginx.through}/method") for _ in range(60)]
    assert all(answer.text == "GET" for answer in counts)
    requests = [int(answer.headers["x-requests"]) for answer in counts]
    # nginx closes after five.
    assert max(requests) == 5 and requests.count(5) >= 5, requests


def test_a_back_end_that_always_closes(nginx):
    with httpx.Client() as client:
        for _ in range(30):
            assert client.get(f"{nginx.through}/close").text == "closing"


def test_an_upload_that_the_back_end_refuses_early(nginx):
    answer = httpx.post(f"{nginx.through}/too-large", content=bytes(5_000_000))
    assert answer.status_code == 413


def test_two_hundred_downloads_at_once(nginx):
    body = os.urandom(200_000)
    (nginx.files / "parallel.bin").write_bytes(body)
    expected = hashlib.sha256(body).digest()

    def download(_):
        return hashlib.sha256(httpx.get(f"{nginx.through}/parallel.bin", timeout=30).content).digest()

    with ThreadPoolExecutor(32) as pool:
        assert all(digest == expected for digest in pool.map(download, range(200)))


def test_unicode_file_names(nginx):
    (nginx.files / "grüße 日本.txt").write_text("found")
    assert httpx.get(f"{nginx.through}/grüße 日本.txt").text == "found"
    done = subprocess.run(
        ["curl", "-s", f"{nginx.through}/gr%C3%BC%C3%9Fe%20%E6%97%A5%E6%9C%AC.txt"], capture_output=True, check=True
    )
    assert done.stdout == b"found"
