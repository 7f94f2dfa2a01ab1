"""What the server's own pages may ask while the console is read-only: whatever changes nothing.

The console calls the API that everybody calls, so what it may do cannot be left to its buttons.
A browser says which requests come from a page of the server's own; those are looked at here.

Refuses to know who else may do what.
"""

from __future__ import annotations

from headwater.server.http.exchange import Answer, HttpRequest

READING_METHODS = (b"GET", b"HEAD")
READING_OPERATIONS = (b"Describe", b"Get", b"List", b"Query", b"Scan")
"""How operations begin that read, of Kinesis and of the services beside it."""
REFUSED = Answer(
    403,
    (("Content-Type", "application/json"), ("x-amzn-ErrorType", "AccessDeniedException")),
    b'{"__type":"AccessDeniedException","message":"The console of this server is read-only."}',
)


def only_reads(request: HttpRequest) -> bool:
    """Whether a request changes nothing, as far as its form tells."""
    target = request.headers.get(b"x-amz-target")
    if target:
        return target.rpartition(b".")[2].startswith(READING_OPERATIONS)
    return request.method in READING_METHODS and b"Action=" not in request.target
