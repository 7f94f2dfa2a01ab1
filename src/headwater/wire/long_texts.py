"""Long texts in a JSON body, cut out before it is parsed.

A parser looks at each byte of a text for its end, and copies it; the machine finds the next quote
ten times as fast. So of a body with long texts, as large blobs are in base64, only the rest is parsed:
in place of each long text it has a short one that names it.

Rules:
- a quote behind a backslash does not end its text, so what is left of the body has no backslash; nor may a
  text have one that was cut out, which is for who takes it to see: nobody has looked at it;
- a name is base64, too, of bytes that hardly any text is of; a body that has it itself is left as it is.

Refuses to know what the texts mean.
"""

from __future__ import annotations

from pybase64 import b64encode

LONG_BYTES = 1024
"""A shorter text costs less to parse than to cut out."""
BEGINNING_BYTES = 16 * 1024
"""A body that has no long text to begin with is left as it is: it has too many short ones."""
TEXTS_MAX = 8192
"""So many texts are looked at; a PutRecords of 500 records has 5,000 at most."""

_NAME = b"\0cut text"
"""What a name begins with, a multiple of three bytes; the rest is a number."""
_NUMBER_BYTES = 3
_NAME_TEXT = b64encode(_NAME)
_QUOTE = b'"'
_ESCAPE = b"\\"


class CutBody:
    """A body without its long texts, and these."""

    __slots__ = ("_texts", "rest", "taken")

    def __init__(self, rest: bytes, texts: list[memoryview]) -> None:
        self.rest = rest
        self._texts = texts
        self.taken = 0
        """How often a cut text was asked for."""

    def __len__(self) -> int:
        return len(self._texts)

    def find(self, data: bytes) -> memoryview | None:
        """The long text for which a short one stands, if it does that; `data` is what it is the base64 of."""
        if data[: len(_NAME)] != _NAME:
            return None
        self.taken += 1
        return self._texts[int.from_bytes(data[len(_NAME) :], "big")]


def cut(body: bytes) -> CutBody | None:
    """The body, cut; `None` for one in which there is nothing to be cut, or which is better parsed."""
    whole = memoryview(body)
    pieces: list[bytes | memoryview] = []
    texts: list[memoryview] = []
    kept_from = at = 0
    find = body.find
    for _ in range(TEXTS_MAX):
        begin = find(_QUOTE, at) + 1
        end = find(_QUOTE, begin)
        if begin == 0 or end < 0:
            break
        if end - begin > LONG_BYTES:
            number = len(texts).to_bytes(_NUMBER_BYTES, "big")
            pieces += (whole[kept_from:begin], _NAME_TEXT, b64encode(number))
            texts.append(whole[begin:end])
            kept_from = end
        elif begin > BEGINNING_BYTES and not texts:
            return None
        at = end + 1
    if not texts:
        return None
    rest = b"".join((*pieces, whole[kept_from:]))
    return None if _ESCAPE in rest or rest.count(_NAME_TEXT) > len(texts) else CutBody(rest, texts)
