"""The application in Chalice: its object is the handler."""

import hashlib
from urllib.parse import parse_qs, unquote

from chalice import Chalice, Response

app = Chalice(app_name="pets")
app.api.binary_types = ["image/png", "application/octet-stream"]


@app.route("/pets/{id}")
def pet(id):
    request = app.current_request
    query = request.query_params
    tags = query.getlist("tag") if query and "tag" in query else []
    return {"id": id, "tags": tags, "agent": request.headers.get("x-agent")}


@app.route("/pets", methods=["POST"])
def make():
    name = app.current_request.json_body["name"]
    return Response({"name": name, "length": len(name)}, {"Location": "/pets/7"}, 201)


@app.route("/headers")
def headers():
    # Chalice hands on the last value alone.
    return {"x-tag": [app.current_request.headers["x-tag"]]}


@app.route("/cookies")
def cookies():
    line = app.current_request.headers.get("cookie", "")
    sent = dict(pair.split("=", 1) for pair in line.split("; ") if pair)
    return Response(sent, {"Set-Cookie": ["first=1; Path=/", "second=2; HttpOnly"]})


@app.route("/image")
def image():
    return Response(bytes(range(256)), {"Content-Type": "image/png"})


@app.route("/image", methods=["POST"], content_types=["application/octet-stream"])
def upload():
    content = app.current_request.raw_body
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@app.route("/form", methods=["POST"], content_types=["application/x-www-form-urlencoded"])
def form():
    return parse_qs(app.current_request.raw_body.decode())


@app.route("/old")
def old():
    return Response("", {"Location": "/pets/1?moved=yes"}, 302)


@app.route("/fail")
def fail():
    raise RuntimeError("on purpose")


@app.route("/large")
def large():
    return Response("x" * int(app.current_request.query_params["bytes"]), {"Content-Type": "text/plain"})


@app.route("/names/{name}")
def name(name):
    return Response(f"Grüße, {unquote(name)} ✓", {"Content-Type": "text/plain; charset=utf-8"})


@app.route("/pets/{id}", methods=["DELETE"])
def remove(id):
    return Response("", status_code=204)
