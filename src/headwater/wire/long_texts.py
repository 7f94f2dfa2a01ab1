"""Long texts in a JSON body, cut out before it is parsed.

A parser looks at each byte of a text for its end, and copies it; the machine finds the next quote
ten times as fast. So of a body with long texts, as large blobs are in base64, only the rest is parsed:
in place of each long text it has a short one that names it.

Rules:
- a body with a backslash is left as it is: a quote might not end its text;
- a name begins with a control character that hardly any text has; a body that has it itself is left as it is;
- what a cut text consists of was looked at by nobody: who takes it has to.

Refuses to know what the texts mean.
"""

from __future__ import annotations

LONG_BYTES = 1024
"""A shorter text costs less to parse than to cut out."""
BEGINNING_BYTES = 16 * 1024
"""A body that has no long text to begin with is left as it is: it has too many short ones."""
TEXTS_MAX = 8192
"""So many texts are looked at; a PutRecords of 500 records has 5,000 at most."""

_NAME = "\x7f"
_QUOTE = b'"'


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

    def find(self, text: str) -> memoryview | None:
        """The long text for which this one stands, if it does."""
        if text[:1] != _NAME:
            return None
        self.taken += 1
        return self._texts[int(text[1:])]


def cut(body: bytes) -> CutBody | None:
    """The body, cut; `None` for one in which there is nothing to be cut, or which is better parsed."""
    if b"\\" in body:
        return None
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
            pieces += (whole[kept_from:begin], f"{_NAME}{len(texts)}".encode())
            texts.append(whole[begin:end])
            kept_from = end
        elif begin > BEGINNING_BYTES and not texts:
            return None
        at = end + 1
    if not texts:
        return None
    rest = b"".join((*pieces, whole[kept_from:]))
    return None if rest.count(_NAME.encode()) > len(texts) else CutBody(rest, texts)
