"""The application in Flask; adapters make a handler of it."""

import hashlib

from flask import Flask, Response, jsonify, redirect, request

app = Flask(__name__)


@app.get("/pets/<int:id>")
def pet(id):
    return jsonify(id=str(id), tags=request.args.getlist("tag"), agent=request.headers.get("X-Agent"))


@app.post("/pets")
def make():
    name = request.get_json()["name"]
    return jsonify(name=name, length=len(name)), 201, {"Location": "/pets/7"}


@app.get("/headers")
def headers():
    # WSGI has one value for each name.
    return {"x-tag": request.headers["X-Tag"].replace(" ", "").split(",")}


@app.get("/cookies")
def cookies():
    response = jsonify(request.cookies)
    response.set_cookie("first", "1", path="/")
    response.set_cookie("second", "2", httponly=True)
    return response


@app.get("/image")
def image():
    return Response(bytes(range(256)), mimetype="image/png")


@app.post("/image")
def upload():
    content = request.get_data()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@app.post("/form")
def form():
    return request.form.to_dict(flat=False)


@app.get("/old")
def old():
    return redirect("/pets/1?moved=yes")


@app.get("/fail")
def fail():
    raise RuntimeError("on purpose")


@app.get("/large")
def large():
    return Response("x" * int(request.args["bytes"]), mimetype="text/plain")


@app.get("/names/<name>")
def name(name):
    return Response(f"Grüße, {name} ✓", mimetype="text/plain")


@app.delete("/pets/<int:id>")
def remove(id):
    return "", 204
