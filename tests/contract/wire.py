"""Watches every call that a boto3 client of these tests makes: notes which operation it was, and holds
the bytes of its answer against botocore's model more strictly than botocore does.

botocore ignores what it does not know, takes null for absent and reads times in every form; other SDKs
and Terraform's provider do not.
"""

import json
import re

# `(service, operation)` of every call made, in this process.
called = set()

# `(service, paginator)` of every one that a test asked for.
paginated = set()

# What was wrong with an answer: "service.Operation: where: what".
faults = []

ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

# A template that was put empty is answered as null, as on AWS.
NULL_WHEN_EMPTY = {"requestTemplates", "responseTemplates"}


def watch(client):
    """Has each call of a client noted and its answer checked."""
    service = client.meta.service_model.service_name
    client.meta.events.register("before-call", lambda model, **_: called.add((service, model.name)))
    client.meta.events.register("before-parse", lambda **event: _answer(service, **event))
    get_paginator = client.get_paginator

    def noted(name):
        paginated.add((service, client.meta.method_to_api_mapping[name]))
        return get_paginator(name)

    client.get_paginator = noted
    return client


def _answer(service, operation_model, response_dict, **_):
    def fault(where, what):
        faults.append(f"{service}.{operation_model.name}: {where}: {what}")

    status, body = response_dict["status_code"], response_dict["body"]
    headers = {name.lower(): value for name, value in response_dict["headers"].items()}
    if not re.fullmatch(r"[0-9a-f-]{36}", headers.get("x-amzn-requestid", "")):
        fault("header", "no request id")
    shape = operation_model.output_shape
    if operation_model.has_streaming_output or (shape and "payload" in shape.serialization):
        return
    if status >= 300:
        error = json.loads(body)
        if not re.fullmatch(r"[A-Za-z]+", headers.get("x-amzn-errortype", "")):
            fault("header", f"no type of the error {error}")
        # Some of Lambda's errors have a capital letter.
        if not isinstance(error.get("message", error.get("Message") if service == "lambda" else None), str):
            fault("body", f"no message in {error}")
        return
    # The Go SDKs and the CLI's paginators look at the number itself.
    if status != operation_model.http.get("responseCode", 200):
        fault("status", status)
    if not body:
        if shape is not None and any("location" not in it.serialization for it in shape.members.values()):
            fault("body", "empty, though the model has members")
        return
    if headers.get("content-type") != "application/json":
        fault("header", f"content type {headers.get('content-type')}")
    if shape is None:
        if body != b"{}":
            fault("body", f"{body!r} where the model has nothing")
        return
    _value(json.loads(body), shape, "answer", service != "apigatewayv2", fault)


def _value(value, shape, where, in_seconds, fault):
    """One value against its shape. Times are numbers, but for v2 of API Gateway, where they are text."""
    kinds = {
        "structure": dict,
        "map": dict,
        "list": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "long": int,
        "double": (int, float),
        "float": (int, float),
        "timestamp": (int, float) if in_seconds else str,
    }
    is_flag = isinstance(value, bool) and shape.type_name != "boolean"
    if is_flag or not isinstance(value, kinds[shape.type_name]):
        fault(where, f"{value!r} is no {shape.type_name}")
        return
    if shape.type_name == "structure":
        members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        for name, inner in value.items():
            if name not in members:
                fault(where, f"{name} is not in the model")
            else:
                _value(inner, members[name], f"{where}.{name}", in_seconds, fault)
    elif shape.type_name == "map":
        for name, inner in value.items():
            if inner is not None or not any(where.endswith(end) for end in NULL_WHEN_EMPTY):
                _value(inner, shape.value, f"{where}.{name}", in_seconds, fault)
    elif shape.type_name == "list":
        for inner in value:
            _value(inner, shape.member, f"{where}[]", in_seconds, fault)
    elif shape.type_name == "timestamp" and not in_seconds and not ISO_8601.fullmatch(value):
        fault(where, f"the time {value!r}")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        fault(where, f"{value!r} is none of {shape.enum}")
