"""A frozen region (SIGSTOP) still collects requests in its sockets and would carry all of them out when it goes on
(SIGCONT), hours later if need be, although their callers gave up long ago. No service of AWS does that: a request has no
effect some seconds after it was sent (assumption A1 of docs/SPEC.md). So what waited through a freeze is answered with
503, which every client repeats, instead of being carried out."""

import signal
import time

import ministack.app

REFUSE_FOR_S = 0.5
"""How long after SIGCONT requests are refused: longer than the server needs to read what waited in its sockets."""

_refuse_until = 0.0


def install() -> None:
    serve = ministack.app.app

    async def app(scope, receive, send):
        if scope["type"] == "http" and time.monotonic() < _refuse_until:
            await _refuse(send)
        else:
            await serve(scope, receive, send)

    ministack.app.app = app
    signal.signal(signal.SIGCONT, _continued)


def _continued(*_) -> None:
    global _refuse_until
    _refuse_until = time.monotonic() + REFUSE_FOR_S


async def _refuse(send) -> None:
    body = b'{"__type":"ServiceUnavailable","message":"The region was frozen while this request waited; it was not carried out."}'
    headers = [(b"content-type", b"application/x-amz-json-1.0"), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
