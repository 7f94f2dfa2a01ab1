"""A client that signs a request in its query: what the server checks, and the product never makes."""

from __future__ import annotations

from urllib.parse import quote

from headwater.wire.signature_v4 import ALGORITHM, Key, Scope, SignedRequest, signature_of


def presign(
    message: SignedRequest, key: Key, timestamp: str, region: str, service: str, lifetime_s: int | str
) -> bytes:
    """The target with the signature in its query; good for `lifetime_s` from `timestamp` on.

    The message's headers are all signed, so they must be sent with it; `host` must be one of them.
    """
    scope = Scope(timestamp[:8], region, service)
    names = sorted(name.decode("latin-1") for name in message.headers)
    parameters = {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{key.access_key_id}/{scope}",
        "X-Amz-Date": timestamp,
        "X-Amz-Expires": str(lifetime_s),
        "X-Amz-SignedHeaders": ";".join(names),
    }
    if key.session_token is not None:
        parameters["X-Amz-Security-Token"] = key.session_token
    added = "&".join(f"{name}={quote(text, safe='')}" for name, text in parameters.items()).encode()
    target = message.target + (b"&" if b"?" in message.target else b"?") + added
    signed = signature_of(message._replace(target=target), names, key.secret_access_key, timestamp, scope)
    return target + b"&X-Amz-Signature=" + signed.encode()
