"""Writes sigv4.json: requests signed by botocore, for the tests of src/aws/sigv4 to check and to redo.

    python3 tests/vectors/sigv4.py > tests/vectors/sigv4.json

The same every time: clock and random choices are fixed. `target` is the request target as it goes over
the wire; `fields` are all header fields, `Authorization` among them.
"""

import datetime
import json
import random
from urllib.parse import urlsplit

import botocore
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY = "AKIDEXAMPLE000000001"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = datetime.datetime(2026, 3, 1, 23, 59, 58)

botocore.auth.get_current_datetime = lambda remove_tzinfo=True: NOW

PATHS = [
    "/",
    "",
    "/restapis",
    "/restapis/",
    "/restapis//abc",
    "//restapis/abc/",
    "/restapis/./abc",
    "/restapis/x/../abc",
    "/../..",
    "/..",
    "/restapis/a1b2c3/resources/x/methods/GET/integration",
    "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fabc",
    "/tags/arn:aws:apigateway:us-east-1::/restapis/abc",
    "/v2/apis/a/stages/%24default",
    "/v2/apis/a/stages/$default/routesettings/GET%20%2Fpets%2F%7Bid%7D",
    "/domainnames/example.com/basepathmappings/(none)",
    "/domainnames/example.com/basepathmappings/%28none%29",
    "/a%20b/%E1%88%B4/%2e%2e/-._~!*'()@;,=+&",
    "/percent%25/double%2525/lower%2f",
    "/@connections/abc=",
    "/prod/%40connections/abc%3D",
]
QUERIES = [
    "",
    "limit=25",
    "position=abc%3D%3D&limit=500",
    "embed=methods&embed=integrations",
    "tagKeys=b&tagKeys=a&tagKeys=a%20b",
    "tagKeys=%E1%88%B4",
    "b=2&a=1&A=3&a-=4&a.=5",
    "flag",
    "flag=&other",
    "a=b=c",
    "a=1:2/3@4",
    "a=x+y",
    "a=%7e&b=~",
    "a=%2f",
    "=novalue&&x=1",
    "a=*'()!",
]
FIELDS = [
    {},
    {"Accept": "application/json"},
    {"Content-Type": "application/json", "Accept": "application/json"},
    {"X-Odd": "  a   b\t c  "},
    {"X-Quoted": '"a   b"', "X-Empty": ""},
    {"amz-sdk-invocation-id": "0b1e", "amz-sdk-request": "attempt=1; max=5", "User-Agent": "x/1"},
    {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
]
BODIES = [b"", b"{}", b'{"name":"\xe1\x88\xb4"}', bytes(range(256)), b"Action=GetCallerIdentity&Version=2011-06-15"]


def signed(kind, service, region, method, path, query, fields, body, token):
    credentials = Credentials(KEY, SECRET, token)
    url = "http://127.0.0.1:8081" + path + ("?" + query if query else "")
    request = AWSRequest(method=method, url=url, data=body or None, headers=dict(fields))
    request.headers["Host"] = "127.0.0.1:8081"
    signer = kind(credentials, service, region)
    signer.add_auth(request)
    parts = urlsplit(request.url)
    return {
        "service": service,
        "region": region,
        "method": method,
        "target": parts.path + ("?" + parts.query if parts.query else ""),
        "fields": [[name, value] for name, value in request.headers.items()],
        "body": body.hex(),
        "token": token,
    }


def main():
    choose = random.Random(20260301)
    vectors = []
    header, query_form = botocore.auth.SigV4Auth, botocore.auth.SigV4QueryAuth

    def add(kind, path, query, service="apigateway", token=None, method=None, fields=None, body=None):
        form = "query" if kind in (query_form, botocore.auth.S3SigV4QueryAuth) else "header"
        region = choose.choice(["us-east-1", "eu-central-1", "us-gov-west-1"])
        method = method or choose.choice(["GET", "POST", "PUT", "PATCH", "DELETE"])
        fields = choose.choice(FIELDS) if fields is None else fields
        body = choose.choice(BODIES) if body is None else body
        vector = signed(kind, service, region, method, path, query, fields, body, token)
        vectors.append({"form": form, **vector})

    for path in PATHS:
        add(header, path, choose.choice(QUERIES))
    for query in QUERIES:
        add(header, choose.choice(PATHS), query)
    for fields in FIELDS:
        for body in BODIES:
            add(header, "/restapis", "", fields=fields, body=body)
    for service in ["execute-api", "lambda", "sts", "logs"]:
        add(header, choose.choice(PATHS), choose.choice(QUERIES), service=service)
        add(header, "/", "", service=service, token="FwoGZXIvYXdzEXAMPLE//token+==")
    for path in PATHS:
        add(botocore.auth.S3SigV4Auth, path or "/", "", service="s3")
        # Its query is decoded and encoded anew by botocore itself.
        add(query_form, path or "/", choose.choice(["", "limit=25", "position=abc%3D%3D&limit=5"]), fields={}, body=b"")
    add(query_form, "/", "Action=GetCallerIdentity&Version=2011-06-15", service="sts", method="GET", fields={}, body=b"")
    add(query_form, "/", "a=1", token="FwoGZXIvYXdzEXAMPLE//token+==", method="GET", fields={}, body=b"")
    add(botocore.auth.S3SigV4QueryAuth, "/bucket/a//b%20c", "", service="s3", method="GET", fields={}, body=b"")
    for _ in range(150):
        path, query = choose.choice(PATHS), choose.choice(QUERIES)
        add(header, path + choose.choice(PATHS), query + "&" + choose.choice(QUERIES))

    head = {
        "made_with": f"botocore {botocore.__version__}",
        "access_key_id": KEY,
        "secret_access_key": SECRET,
        "date": NOW.strftime("%Y%m%dT%H%M%SZ"),
    }
    # One vector per line, so that a change of one is a line of a diff.
    print(json.dumps(head)[:-1] + ', "vectors": [')
    print(",\n".join(json.dumps(vector) for vector in vectors))
    print("]}")


main()
