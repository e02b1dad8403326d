"""Ordinary applications of frameworks, unmodified, behind APIs of every kind: what their clients see."""

import hashlib
from urllib.parse import urlsplit

from deployed import HTTP_2, REST

ALL_BYTES = bytes(range(256))


def test_a_path_parameter_and_a_query_of_several_values(api):
    reply = api.get("/pets/5?tag=a&tag=b%20c&other=%C3%BC", [("X-Agent", "test")])
    assert reply.status == 200, reply.text
    assert reply.field("content-type").split(";")[0] == "application/json"
    assert reply.json == {"id": "5", "tags": ["a", "b c"], "agent": "test"}
    assert api.get("/pets/6").json == {"id": "6", "tags": [], "agent": None}


def test_json_is_posted(api):
    reply = api.post_json("/pets", {"name": "Zoë 🐈"})
    assert (reply.status, reply.json) == (201, {"name": "Zoë 🐈", "length": 5})
    assert reply.field("location") == "/pets/7"


def test_a_header_of_several_values(api):
    reply = api.get("/headers", [("X-Tag", "a"), ("X-Tag", "b")])
    # Chalice and the WSGI adapters read single headers where the event has them, which tell the last.
    expected = [["a", "b"], ["b"]] if single_headers(api) else [["a", "b"]]
    assert reply.json["x-tag"] in expected


def single_headers(api):
    return api.application in ("chalice_application", "flask_serverless_wsgi") and api.kind != HTTP_2


def test_cookies_go_both_ways(api):
    reply = api.get("/cookies", [("Cookie", "a=1; b=2")])
    assert (reply.status, reply.json) == (200, {"a": "1", "b": "2"})
    cookies = [cookie.split(";")[0] for cookie in reply.all("set-cookie")]
    assert cookies == ["first=1", "second=2"]
    assert "HttpOnly" in reply.all("set-cookie")[1]


def test_binary_content_comes_back(api):
    # A REST API looks at what the client accepts.
    reply = api.get("/image", [("Accept", "image/png")])
    assert (reply.status, reply.field("content-type")) == (200, "image/png")
    assert reply.content == ALL_BYTES
    # And without it at the content's type. Chalice refuses such a request itself.
    if api.application != "chalice_application":
        assert api.get("/image").content == ALL_BYTES


def test_binary_content_is_posted(api):
    content = ALL_BYTES * 100
    reply = api.post("/image", content, "application/octet-stream")
    assert reply.json == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_a_form_is_posted(api):
    reply = api.post("/form", b"a=1&a=2&b=%C3%BC", "application/x-www-form-urlencoded")
    assert reply.json == {"a": ["1", "2"], "b": ["ü"]}


def test_a_redirect(api):
    reply = api.get("/old")
    assert reply.status == 302
    place = urlsplit(reply.field("location"))
    assert (place.path.removeprefix("/prod"), place.query) == ("/pets/1", "moved=yes")


def test_an_error_of_the_handler(api):
    reply = api.get("/fail")
    # Powertools hands on what it was not told to handle; the gateway's answer is by the kind of API.
    unhandled = api.application.startswith("powertools")
    assert reply.status == (502 if unhandled and api.kind.startswith(REST) else 500)
    # The next request is none of it.
    assert api.get("/pets/1").status == 200


def test_much_content_comes_back(api):
    reply = api.get("/large?bytes=3000000")
    assert reply.status == 200, reply.text[:200]
    assert reply.content == b"x" * 3_000_000


def test_much_content_is_posted(api):
    content = b"y" * 4_000_000
    reply = api.post("/image", content, "application/octet-stream")
    assert reply.json == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_paths_and_texts_beyond_ascii(api):
    reply = api.get("/names/Zo%C3%AB%20M")
    assert reply.status == 200, reply.text
    if api.application == "flask_apig_wsgi" and api.kind == HTTP_2:
        # It takes `rawPath` for encoded, which it is not on Amazon either.
        assert reply.content.startswith("Grüße, Zo".encode())
    else:
        assert reply.text == "Grüße, Zoë M ✓"


def test_no_content(api):
    reply = api.request("DELETE", "/pets/5")
    assert (reply.status, reply.content) == (204, b"")


def test_what_is_not_there(api):
    reply = api.get("/nothing")
    # A REST API without a resource for it does not ask the application.
    assert reply.status == (403 if api.application == "chalice_application" else 404)


def test_bad_json_is_the_clients_fault_or_the_handlers_error(api):
    reply = api.post("/pets", b"{", "application/json")
    assert reply.status in (400, 415, 422, 500, 502), reply.text
    assert api.get("/pets/1").status == 200
