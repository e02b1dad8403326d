"""curl as the client, uvicorn behind."""

import hashlib
import json
import subprocess

from app import GZIPPED, content

MEBIBYTE = 1 << 20


def curl(*arguments, stdin=None):
    command = ["curl", "--silent", "--show-error", "--max-time", "60", *[str(it) for it in arguments]]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, (command, done.stderr.decode())
    return done.stdout


def head(text):
    """Status line and fields of an answer that `curl --include` or `--head` printed."""
    lines = text.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
    return lines[0], [tuple(line.split(": ", 1)) for line in lines[1:]]


def test_a_connection_is_used_again(app):
    out = curl("--write-out", "%{num_connects}\n", *["--output", "/dev/null", f"{app.app}/echo"] * 3)
    assert out.split() == [b"1", b"0", b"0"]


def test_what_was_sent_arrives_as_it_was(app):
    answer = json.loads(
        curl("-X", "PATCH", "-H", "X-One: 1", "-H", "X-Two: a", "-H", "X-Two: b", "--data", "body", f"{app.app}/echo/a%2Fb?x=%20y&x=")
    )
    assert answer["method"] == "PATCH"
    assert answer["raw_path"] == "/echo/a%2Fb"
    assert answer["query"] == "x=%20y&x="
    assert [value for name, value in answer["headers"] if name == "x-two"] == ["a", "b"]
    assert answer["sha256"] == hashlib.sha256(b"body").hexdigest()
    names = [name for name, _ in answer["headers"]]
    assert "x-forwarded-for" in names and "via" in names and "connection" not in names


def test_a_chunked_upload(app):
    body = content(3 * MEBIBYTE + 17)
    answer = json.loads(curl("-T", "-", "-H", "Transfer-Encoding: chunked", f"{app.app}/echo/", stdin=body))
    assert (answer["bytes"], answer["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())


def test_a_big_upload_that_waits_for_continue(app, tmp_path):
    body = content(64 * MEBIBYTE)
    (tmp_path / "big").write_bytes(body)
    options = ["-v", "--stderr", tmp_path / "said", "-H", "Expect: 100-continue", "--expect100-timeout", "30"]
    answer = json.loads(curl(*options, "-T", tmp_path / "big", f"{app.app}/echo"))
    assert "100 Continue" in (tmp_path / "said").read_text()
    assert (answer["bytes"], answer["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())


def test_a_big_download_with_and_without_a_length(app):
    size = 64 * MEBIBYTE + 3
    expected = hashlib.sha256(content(size)).hexdigest()
    for query in [f"bytes={size}", f"bytes={size}&length=1"]:
        assert hashlib.sha256(curl(f"{app.app}/big?{query}")).hexdigest() == expected


def test_a_download_slower_than_the_back_end(app):
    size = 8 * MEBIBYTE
    body = curl("--limit-rate", "8M", f"{app.app}/big?bytes={size}")
    assert hashlib.sha256(body).digest() == hashlib.sha256(content(size)).digest()


def test_parallel_transfers(app, tmp_path):
    urls = [f"{app.app}/echo/{index}" for index in range(200)]
    arguments = [part for index, url in enumerate(urls) for part in ("--output", tmp_path / str(index), url)]
    curl("--parallel", "--parallel-max", "50", *arguments)
    for index in range(200):
        assert json.loads((tmp_path / str(index)).read_text())["path"] == f"/echo/{index}"


def test_a_redirect_is_passed_on_and_not_followed(app):
    status, fields = head(curl("--include", f"{app.app}/redirect"))
    assert status.startswith("HTTP/1.1 302")
    assert ("location", "/back/elsewhere?x=1") in fields


def test_compressed_content_is_not_touched(app):
    answer = curl("--include", "-H", "Accept-Encoding: gzip", f"{app.app}/gzip")
    _, fields = head(answer)
    assert ("content-encoding", "gzip") in fields
    assert ("content-length", str(len(GZIPPED))) in fields
    assert answer.split(b"\r\n\r\n", 1)[1] == GZIPPED
    assert curl("--compressed", f"{app.app}/gzip").startswith(b"a text that is worth")


def test_every_cookie_arrives_in_its_own_field(app):
    _, fields = head(curl("--include", f"{app.app}/cookies"))
    cookies = [value for name, value in fields if name.lower() == "set-cookie"]
    assert cookies == ["one=1; Path=/", "two=2; HttpOnly", "one=again; Path=/other"]


def test_cookies_of_the_client_arrive(app):
    answer = json.loads(curl("-b", "a=1; b=2", f"{app.app}/echo"))
    assert ["cookie", "a=1; b=2"] in answer["headers"]


def test_unicode_paths(app):
    for written, decoded in [
        ("/echo/gr%C3%BC%C3%9Fe", "/echo/grüße"),
        ("/echo/%E6%97%A5%E6%9C%AC", "/echo/日本"),
        ("/echo/%F0%9F%A6%80", "/echo/🦀"),
    ]:
        answer = json.loads(curl(f"{app.app}{written}"))
        assert (answer["raw_path"], answer["path"]) == (written, decoded)


def test_head_has_the_fields_of_get_and_no_content(app):
    _, got = head(curl("--include", f"{app.app}/gzip"))
    status, fields = head(curl("--head", f"{app.app}/gzip"))
    assert status == "HTTP/1.1 200 OK"
    names = ["content-encoding", "content-length"]
    assert [it for it in fields if it[0] in names] == [it for it in got if it[0] in names]


def test_answers_without_content(app):
    for status in [204, 304]:
        out = curl("--write-out", "%{http_code} %{num_connects}\n", *[f"{app.app}/status/{status}"] * 2)
        assert out.split(b"\n")[:2] == [f"{status} 1".encode(), f"{status} 0".encode()]


def test_http_1_0(app):
    answer = curl("--http1.0", "--include", f"{app.app}/stream?pieces=3")
    _, fields = head(answer)
    assert "transfer-encoding" not in [name.lower() for name, _ in fields]
    assert answer.endswith(b"\r\n\r\npiece 0\npiece 1\npiece 2\n")


def test_a_slow_answer_is_waited_for(app):
    assert curl(f"{app.app}/slow?seconds=1.2") == b"at last"


def test_what_the_back_end_refuses_is_its_own_answer(app):
    assert curl("--write-out", " %{http_code}", f"{app.app}/nothing") == b"no such path 404"


def test_what_no_route_takes_is_the_gateways(app):
    assert curl("--write-out", " %{http_code}", f"{app.url}/nothing") == b'{"message":"Not Found"} 404'
