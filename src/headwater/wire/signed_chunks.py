"""A body in chunks that are signed one by one (`Content-Encoding: aws-chunked`).

Each chunk has its size, and a signature over its data and the signature before it;
the first one follows the request's own. An empty chunk is the last; headers may
follow it, with a signature in the same chain. The chunks of one of the forms have no
signatures. The forms are in the table of `signature_v4`.

The source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html

Refuses to know the request, and what a trailing header says of the body.
"""

from __future__ import annotations

import re
from array import array
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

from headwater.model.errors import SerializationException
from headwater.wire.signature_v4 import EMPTY_HASH, ChunkForm, Scope, signature

_LINE_END = b"\r\n"
_SIGNATURE_BYTES = 64
_HEAD_BYTES_MAX = 128
_TRAILER_BYTES_MAX = 16 * 1024
"""As much as a request may have of headers after its body anywhere; a checksum and a signature need 200."""
_HEAD = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?")
_TRAILER_SIGNATURE = re.compile(rb"x-amz-trailer-signature:([0-9a-f]{64})")


class ChunkedBody(NamedTuple):
    """A body as it was sent. Nothing in it has a value for each chunk: those may be of one byte."""

    form: ChunkForm
    data: bytes
    """The body itself."""
    sizes: array[int]
    """Of its chunks, the last and empty one among them."""
    signatures: bytes
    """Of the chunks, one after another; empty in a form without signatures."""
    trailer: bytes
    """The headers after the last chunk, as they are signed."""
    trailer_signature: str


def read_chunks(body: bytes, form: ChunkForm) -> ChunkedBody:
    """The chunks of a body. Raises SerializationException for what is not of this form."""
    data, sizes, signatures = bytearray(), array("L"), bytearray()
    at = 0
    while not sizes or sizes[-1]:
        end = body.find(_LINE_END, at, at + _HEAD_BYTES_MAX)
        head = _HEAD.fullmatch(body, at, max(end, at))
        if head is None or (head[2] is not None) != form.is_signed:
            raise SerializationException
        begin, size = end + len(_LINE_END), int(head[1], 16)
        at = begin + size
        if at > len(body):
            raise SerializationException
        data += memoryview(body)[begin:at]
        sizes.append(size)
        signatures += head[2] or b""
        if size:
            if not body.startswith(_LINE_END, at):
                raise SerializationException
            at += len(_LINE_END)
    trailer, trailer_signature = _read_trailer(body[at : at + _TRAILER_BYTES_MAX + 1], form)
    return ChunkedBody(form, bytes(data), sizes, bytes(signatures), trailer, trailer_signature)


def verify_chunks(
    body: ChunkedBody, seed_signature: str, secret_access_key: str, timestamp: str, scope: Scope
) -> bool:
    """Whether all signatures after that of the request, `seed_signature`, are right."""
    if not body.form.is_signed:
        return True
    before, at, data = seed_signature, 0, memoryview(body.data)
    for number, size in enumerate(body.sizes):
        hashes = f"{EMPTY_HASH}\n{sha256(data[at : at + size]).hexdigest()}"
        signed = f"AWS4-HMAC-SHA256-PAYLOAD\n{timestamp}\n{scope}\n{before}\n{hashes}".encode("latin-1")
        before = signature(secret_access_key, scope, signed)
        presented = body.signatures[number * _SIGNATURE_BYTES : (number + 1) * _SIGNATURE_BYTES]
        if not compare_digest(before.encode(), presented):
            return False
        at += size
    if not body.form.has_trailer:
        return True
    trailer_hash = sha256(body.trailer).hexdigest()
    signed = f"AWS4-HMAC-SHA256-TRAILER\n{timestamp}\n{scope}\n{before}\n{trailer_hash}".encode("latin-1")
    return compare_digest(signature(secret_access_key, scope, signed), body.trailer_signature)


def _read_trailer(rest: bytes, form: ChunkForm) -> tuple[bytes, str]:
    """The trailing headers in the form in which they are signed, and their signature."""
    if len(rest) > _TRAILER_BYTES_MAX:
        raise SerializationException
    *lines, end = rest.split(_LINE_END)
    lines = [line.strip() for line in lines if line]
    last = _TRAILER_SIGNATURE.fullmatch(lines[-1]) if lines else None
    if end or bool(lines) != form.has_trailer or (last is not None) != (form.has_trailer and form.is_signed):
        raise SerializationException
    trailer = b"".join(line + b"\n" for line in (lines if last is None else lines[:-1]))
    return trailer, "" if last is None else last[1].decode()
