"""The application's routes for the event handlers of Powertools for AWS Lambda."""

import base64
import hashlib
from urllib.parse import parse_qs, unquote

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.router import Router
from aws_lambda_powertools.shared.cookies import Cookie

router = Router()


@router.get("/pets/<id>")
def pet(id: str):
    event = router.current_event
    return {
        "id": id,
        "tags": event.resolved_query_string_parameters.get("tag", []),
        "agent": event.headers.get("x-agent") or event.headers.get("X-Agent"),
    }


@router.post("/pets")
def make():
    name = router.current_event.json_body["name"]
    made = {"name": name, "length": len(name)}
    return Response(201, content_types.APPLICATION_JSON, made, headers={"Location": "/pets/7"})


@router.get("/headers")
def headers():
    values = router.current_event.resolved_headers_field["x-tag"]
    values = values if isinstance(values, list) else values.split(",")
    return {"x-tag": [value.strip() for value in values]}


@router.get("/cookies")
def cookies():
    event = router.current_event
    lines = event.get("cookies") or [event.resolved_headers_field.get("cookie", "")]
    line = "; ".join(line if isinstance(line, str) else "; ".join(line) for line in lines)
    sent = dict(pair.split("=", 1) for pair in line.split("; ") if pair)
    own = [Cookie("first", "1", path="/", secure=False), Cookie("second", "2", http_only=True)]
    return Response(200, content_types.APPLICATION_JSON, sent, cookies=own)


@router.get("/image")
def image():
    return Response(200, "image/png", bytes(range(256)))


@router.post("/image")
def upload():
    event = router.current_event
    # `decoded_body` is for text.
    content = base64.b64decode(event.body) if event.is_base64_encoded else event.body.encode()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@router.post("/form")
def form():
    return parse_qs(router.current_event.decoded_body)


@router.get("/old")
def old():
    return Response(302, headers={"Location": "/pets/1?moved=yes"})


@router.get("/fail")
def fail():
    raise RuntimeError("on purpose")


@router.get("/large")
def large():
    count = int(router.current_event.query_string_parameters["bytes"])
    return Response(200, content_types.TEXT_PLAIN, "x" * count)


@router.get("/names/<name>")
def name(name: str):
    return Response(200, "text/plain; charset=utf-8", f"Grüße, {unquote(name)} ✓")


@router.delete("/pets/<id>")
def remove(id: str):
    return Response(204)
