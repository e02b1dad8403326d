"""Functions as tutorials have them, word for word in form: made by boto3 with a zip and a permission, wired
by `put_integration`, called by curl."""

import json

import pytest
from deployed import HTTP_1, HTTP_2, REST, Deployed

# The first one everybody writes.
HELLO = """
import json

def lambda_handler(event, context):
    return {
        'statusCode': 200,
        'body': json.dumps('Hello from Lambda!')
    }
"""

# Takes what a form posted and hands on what the next system calls it.
RESHAPING = """
import json
import logging

logger = logging.getLogger()
logger.setLevel(logging.INFO)


def reshape(record):
    address = record.get("address") or {}
    return {
        "name": " ".join(part for part in (record["firstName"], record.get("lastName")) if part),
        "contact": {
            "email": record["email"].lower(),
            "phone": record.get("phone"),
            "city": address.get("city"),
        },
    }


def lambda_handler(event, context):
    logger.info("request %s", context.aws_request_id)
    try:
        record = json.loads(event["body"] or "{}")
        answer = reshape(record)
    except KeyError as missing:
        return {"statusCode": 400, "body": json.dumps({"error": f"no {missing.args[0]}"})}
    print("reshaped", answer["name"])
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*"},
        "body": json.dumps(answer),
    }
"""

# A greeting by query, path, header and body: the developer guide's walkthrough has one of this kind.
GREETING = """
export const handler = async (event) => {
  let name = 'you', city = 'World', time = 'day', day = '';
  const query = event.queryStringParameters;
  if (query && query.name) name = query.name;
  if (event.pathParameters && event.pathParameters.proxy) city = event.pathParameters.proxy;
  if (event.headers && event.headers['day']) day = event.headers.day;
  if (event.body) {
    const body = JSON.parse(event.body);
    if (body.time) time = body.time;
  }
  let greeting = `Good ${time}, ${name} of ${city}.`;
  if (day) greeting += ` Happy ${day}!`;
  return {
    statusCode: 200,
    headers: { 'x-custom-header': 'my custom header value' },
    body: JSON.stringify({ message: greeting, input: event }),
  };
};
"""

KINDS = [REST, HTTP_1, HTTP_2]


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


def deployed(gateway, name, code):
    return Deployed(
        gateway, name, {"lambda_function.py": code}, Runtime="python3.12", Handler="lambda_function.lambda_handler"
    )


def test_hello(gateway, name, kind):
    api = deployed(gateway, name, HELLO).behind(kind)
    assert api.curl("/") == (200, '"Hello from Lambda!"')
    assert api.curl("/any/where?a=b", "-d", "x=y") == (200, '"Hello from Lambda!"')
    # Nobody says in the tutorial which type it is.
    expected = "application/json" if kind == REST else "text/plain; charset=utf-8"
    assert api.get("/").field("content-type") == expected


def test_a_record_is_reshaped(gateway, name, kind):
    api = deployed(gateway, name, RESHAPING).behind(kind)
    record = {
        "firstName": "Zoë",
        "lastName": "Müller",
        "email": "Zoe@Example.com",
        "phone": "+49 30 1",
        "address": {"city": "Köln", "zip": "50667"},
        "internal": True,
    }
    headers = ("-H", "Content-Type: application/json")
    status, content = api.curl("/records", "-X", "POST", *headers, "-d", json.dumps(record))
    assert (status, json.loads(content)) == (
        200,
        {
            "name": "Zoë Müller",
            "contact": {"email": "zoe@example.com", "phone": "+49 30 1", "city": "Köln"},
        },
    )
    del record["email"]
    status, content = api.curl("/records", "-X", "POST", *headers, "-d", json.dumps(record))
    assert (status, json.loads(content)) == (400, {"error": "no email"})
    # What the function cannot read is its error, and the next request is none of it.
    status, content = api.curl("/records", "-X", "POST", *headers, "-d", "{")
    assert status == (502 if kind == REST else 500)
    assert json.loads(content)["message"].lower() == "internal server error"
    assert api.curl("/records", "-X", "POST", *headers, "-d", "{}")[0] == 400


def test_a_greeting_by_query_path_header_and_body(gateway, name, kind):
    function = Deployed(gateway, name, {"index.mjs": GREETING}, Runtime="nodejs22.x", Handler="index.handler")
    api = function.behind_rest() if kind == REST else function.behind(kind)
    status, content = api.curl(
        "/Seattle?name=John",
        *("-H", "content-type: application/json", "-H", "day: Thursday"),
        *("-d", '{"time": "evening"}'),
    )
    told = json.loads(content)
    city = "Seattle" if kind == REST else "World"
    assert (status, told["message"]) == (200, f"Good evening, John of {city}. Happy Thursday!")
    assert api.get("/").field("x-custom-header") == "my custom header value"
