"""A body without its long texts, put together again, is the body."""

import json
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.wire.long_texts import LONG_BYTES, TEXTS_MAX, CutBody, cut

LONG = "A" * (LONG_BYTES + 1)

TEXTS = st.sampled_from(["", "key", "A" * LONG_BYTES, LONG, LONG * 3, "é" * LONG_BYTES, "{}[]:,"])


def data_of(text: str) -> bytes:
    """What a text is the base64 of; of one that is none, the beginning."""
    return b64decode(text[: len(text) // 4 * 4])


def put_together(cut_body: CutBody) -> object:
    """What the body says, with each name replaced by the text for which it stands."""

    def restored(value: object) -> object:
        match value:
            case dict():
                return {restored(name): restored(member) for name, member in value.items()}
            case list():
                return [restored(item) for item in value]
            case str() if value.isascii() and (text := cut_body.find(data_of(value))) is not None:
                return str(text, "utf-8")
            case _:
                return value

    return restored(json.loads(cut_body.rest))


@given(st.lists(st.dictionaries(TEXTS, TEXTS | st.integers() | st.none(), max_size=4), max_size=4))
def test_nothing_is_lost_by_cutting(items: list[dict[str, object]]) -> None:
    document = [LONG, *items]
    for separators in ((",", ":"), (", ", ": "), (" ,\n", "\t: ")):
        cut_body = cut(json.dumps(document, ensure_ascii=False, separators=separators).encode())
        assert cut_body is not None
        assert LONG.encode() not in cut_body.rest
        assert put_together(cut_body) == document
        assert cut_body.taken == len(cut_body)


@pytest.mark.parametrize(
    ("why", "body"),
    [
        ("no long text", b'{"Data":"AAAA"}'),
        ("no text", b"{}"),
        ("nothing", b""),
        ("a backslash, after which a quote may not end its text", b'{"Data":"%b","A":"\\""}' % LONG.encode()),
        ("a text without an end", b'{"Data":"%b' % LONG.encode()),
        ("short texts to begin with", json.dumps(["a" * 100] * 1000 + [LONG]).encode()),
    ],
)
def test_a_body_is_left_as_it_is_that_has(why: str, body: bytes) -> None:
    assert cut(body) is None, why


def test_what_follows_very_many_texts_is_left_in_the_body() -> None:
    body = json.dumps([LONG, *["a"] * TEXTS_MAX, LONG * 2]).encode()
    cut_body = cut(body)
    assert cut_body is not None
    assert len(cut_body) == 1
    assert LONG.encode() * 2 in cut_body.rest


def test_a_text_that_is_no_name_stands_for_itself() -> None:
    cut_body = cut(json.dumps([LONG]).encode())
    assert cut_body is not None
    assert cut_body.find(b"key") is None
    assert cut_body.find(b"") is None
    assert cut_body.taken == 0


def test_a_body_that_has_a_name_itself_is_left_as_it_is() -> None:
    cut_body = cut(json.dumps([LONG]).encode())
    assert cut_body is not None
    (name,) = json.loads(cut_body.rest)
    assert cut(json.dumps([LONG, name]).encode()) is None
