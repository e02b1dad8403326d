#!/usr/bin/env python3
"""Writes the tables in src/aws/shapes from botocore's models of the three API Gateway services and Lambda.

The models are the contract that the aws CLI, boto3 and the other SDKs are generated from, but their
documentation makes them 20 times longer than what a server needs. This takes the operations, the
input shapes and the names of the outputs, and nothing else. Run it by hand when botocore learns a
new operation, look at the difference, and commit it:

    pip install botocore
    tests/contract/shapes.py            # rewrites src/aws/shapes/*.json
    tests/contract/shapes.py --check    # exit 1 when they are not what botocore says

The same botocore gives the same bytes. What a table holds:

    "operations": one line each
        method, uri      as in the model; `{name+}` takes the rest of the path (see GREEDY)
        success          the status of a success
        input            members: name (lower camel case; Lambda's as in the model), then only what differs
                         from an optional member of the body that goes by the same name on the wire:
                           in: uri | querystring | header | payload   wire: its name there
                           spread: every query parameter that is no other member's goes into this map
                           split: one query parameter holds several, cut at commas
                           text: the payload is a document, and not bytes
        output           the answer's members: wire name and type
    "shapes": structures, lists, maps, and scalars with constraints. Plain scalars go by their type.
"""

import argparse
import json
import pathlib
import sys

import botocore
import botocore.loaders

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "src" / "aws" / "shapes"

SERVICES = ["apigateway", "apigatewayv2", "apigatewaymanagementapi", "lambda"]

# Of services that are not here as a whole: the operations that are.
ONLY = {
    "lambda": {
        "AddPermission",
        "CreateAlias",
        "CreateFunction",
        "CreateFunctionUrlConfig",
        "DeleteAlias",
        "DeleteFunction",
        "DeleteFunctionConcurrency",
        "DeleteFunctionEventInvokeConfig",
        "DeleteFunctionUrlConfig",
        "GetAccountSettings",
        "GetAlias",
        "GetFunction",
        "GetFunctionCodeSigningConfig",
        "GetFunctionConcurrency",
        "GetFunctionConfiguration",
        "GetFunctionEventInvokeConfig",
        "GetFunctionUrlConfig",
        "GetPolicy",
        "Invoke",
        "InvokeWithResponseStream",
        "ListAliases",
        "ListFunctionEventInvokeConfigs",
        "ListFunctionUrlConfigs",
        "ListFunctions",
        "ListTags",
        "ListVersionsByFunction",
        "PublishVersion",
        "PutFunctionConcurrency",
        "PutFunctionEventInvokeConfig",
        "RemovePermission",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
        "UpdateFunctionEventInvokeConfig",
        "UpdateFunctionUrlConfig",
    }
}

# Services whose JSON has capital letters inside, too. What is stored of them is what is answered, so the
# names stay as they are.
CAPITAL = {"lambda"}

# Labels that hold an ARN. Some clients leave its slashes as they are, so these take all that is left
# of the path.
GREEDY = {"resource_arn", "resource-arn", "domain_name_access_association_arn"}

# Query parameters that hold a list in one value, as the service's documentation says of them.
SPLIT = {"embed"}

# AWS prints the values of an enumeration in an order of its own; these orders have been seen in its
# answers. A model that has more values than were seen has the rest at the end.
PRINTED_ORDER = {
    "apigateway": {
        "ApiKeySourceType": ["AUTHORIZER", "HEADER"],
        "DocumentationPartType": [
            "RESPONSE_BODY",
            "RESPONSE",
            "METHOD",
            "MODEL",
            "AUTHORIZER",
            "RESPONSE_HEADER",
            "RESOURCE",
            "PATH_PARAMETER",
            "REQUEST_BODY",
            "QUERY_PARAMETER",
            "API",
            "REQUEST_HEADER",
        ],
        "EndpointType": ["PRIVATE", "EDGE", "REGIONAL"],
        "IntegrationType": ["HTTP", "MOCK", "AWS_PROXY", "HTTP_PROXY", "AWS"],
        "Op": ["add", "remove", "move", "test", "replace", "copy"],
    },
    "apigatewayv2": {"ProtocolType": ["HTTP", "WEBSOCKET"]},
}

SCALARS = {"string", "integer", "long", "double", "float", "boolean", "timestamp", "blob"}
CONSTRAINTS = ("min", "max", "pattern", "enum")


def lower_first(name):
    return name[0].lower() + name[1:]


class Table:
    """One service's table, filled operation by operation."""

    def __init__(self, service):
        self.service = service
        self.model = botocore.loaders.Loader().load_service_model(service, "service-2")
        self.shapes = {}

    def shape(self, name):
        """The name under which the table knows a shape; writes it into the table if need be."""
        shape = self.model["shapes"][name]
        kind = shape["type"]
        if kind in SCALARS and not any(constraint in shape for constraint in CONSTRAINTS):
            return kind
        if name in self.shapes:
            if self.shapes[name] is None:
                sys.exit(f"{self.service}: {name} contains itself; the tables have no such shapes")
            return name
        self.shapes[name] = None
        row = {"type": kind}
        if kind == "structure":
            row["members"] = self.members(shape, in_body=True)
        elif kind == "list":
            row["member"] = self.shape(shape["member"]["shape"])
        elif kind == "map":
            row["key"] = self.shape(shape["key"]["shape"])
            row["value"] = self.shape(shape["value"]["shape"])
        elif kind not in SCALARS:
            sys.exit(f"{self.service}: {name} is a {kind}, which the tables do not know")
        for constraint in ("min", "max", "pattern"):
            # Bounds of numbers with a fraction are the operations' business: there is one in four services.
            if constraint in shape and kind not in ("double", "float"):
                row[constraint] = shape[constraint]
        if "enum" in shape:
            row["enum"] = self.enum(name, shape["enum"])
        self.shapes[name] = row
        return name

    def enum(self, name, values):
        printed = PRINTED_ORDER.get(self.service, {}).get(name, [])
        unknown = set(printed) - set(values)
        if unknown:
            sys.exit(f"{self.service}: {name} has no values {sorted(unknown)}")
        return printed + [value for value in values if value not in printed]

    def members(self, structure, in_body):
        required = set(structure.get("required", []))
        rows = []
        for name, member in structure.get("members", {}).items():
            shape = self.model["shapes"][member["shape"]]
            place = member.get("location", "body")
            wire = member.get("locationName", name)
            row = {"name": name if self.service in CAPITAL else lower_first(name)}
            if structure.get("payload") == name:
                place = "payload"
                if shape["type"] != "blob":
                    sys.exit(f"{self.service}: the payload {name} is a {shape['type']}")
                if self.service == "apigateway":
                    row["text"] = True
            elif shape["type"] == "blob" and self.service not in CAPITAL:
                sys.exit(f"{self.service}: {name} is a blob inside of JSON")
            if place != "body":
                if in_body:
                    sys.exit(f"{self.service}: {name} is in the {place} of a nested structure")
                row["in"] = place
                if place == "querystring" and shape["type"] == "map":
                    row["spread"] = True
                if place == "querystring" and wire in SPLIT:
                    row["split"] = True
            if wire != row["name"]:
                row["wire"] = wire
            row["shape"] = self.shape(member["shape"])
            if name in required:
                row["required"] = True
            rows.append(row)
        return rows

    def operation(self, operation):
        http = operation["http"]
        uri = http["requestUri"]
        for label in GREEDY:
            uri = uri.replace("{" + label + "}", "{" + label + "+}")
        shapes = self.model["shapes"]
        structure = shapes[operation["input"]["shape"]] if "input" in operation else {}
        answer = shapes[operation["output"]["shape"]] if "output" in operation else {}
        output = []
        for name, member in answer.get("members", {}).items():
            row = {"name": member.get("locationName", name), "type": shapes[member["shape"]]["type"]}
            if answer.get("payload") == name:
                row["in"] = "payload"
            elif "location" in member:
                row["in"] = member["location"]
            output.append(row)
        return {
            "method": http["method"],
            "uri": uri,
            "success": http.get("responseCode", 200),
            "input": self.members(structure, in_body=False),
            "output": output,
        }

    def text(self):
        operations = self.model["operations"]
        names = sorted(ONLY.get(self.service, operations))
        rows = {name: self.operation(operations[name]) for name in names}

        def lines(rows):
            row = lambda it: json.dumps(it, separators=(",", ":"))
            return ",\n".join(f"{row(name)}:{row(rows[name])}" for name in sorted(rows))

        return (
            f'{{"service":"{self.service}","api":"{self.model["metadata"]["apiVersion"]}",'
            f'"botocore":"{botocore.__version__}",\n'
            f'"operations":{{\n{lines(rows)}\n}},\n"shapes":{{\n{lines(self.shapes)}\n}}}}\n'
        )


def main():
    arguments = argparse.ArgumentParser(description="Tables for src/aws/shapes, from botocore's models.")
    arguments.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    check = arguments.parse_args().check
    stale = []
    for service in SERVICES:
        path = FOLDER / f"{service}.json"
        text = Table(service).text()
        if path.exists() and path.read_text() == text:
            continue
        stale.append(path.name)
        if not check:
            path.write_text(text)
            print(f"{path.name}: {len(text)} bytes")
    if check and stale:
        sys.exit(f"not what botocore {botocore.__version__} says: {', '.join(stale)}")


if __name__ == "__main__":
    main()
