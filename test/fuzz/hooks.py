"""What Schemathesis is not told by the document: DynamoDB JSON is JSON, and callers accept different forms."""

import json

import schemathesis

TYPED = "application/x-amz-json-1.0"

schemathesis.serializer.alias(TYPED, "application/json")


@schemathesis.deserializer(TYPED)
def typed(_context, response):
    return json.loads(response.content)


# OpenAPI has no place for the header Accept, so it is not drawn from the document.
ACCEPTS = ["*/*", "application/json", TYPED, f"{TYPED};q=0.5, */*;q=0.1", "text/html", ""]
ENCODINGS = ["identity", "gzip", "gzip;q=0.5", "*;q=0"]
turn = 0


@schemathesis.hook
def before_call(_context, case, _kwargs):
    global turn
    turn += 1
    case.headers = {
        **(case.headers or {}),
        "Accept": ACCEPTS[turn % len(ACCEPTS)],
        "Accept-Encoding": ENCODINGS[turn % len(ENCODINGS)],
    }
