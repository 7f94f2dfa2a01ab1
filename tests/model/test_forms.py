from __future__ import annotations

import pytest

from headwater.model.forms import filled_in, literal


def test_a_form_is_filled_in_once_for_each_row() -> None:
    assert filled_in(b"<%d:%b>", 3, range(3), [b"a", b"", b"100%"]) == b"<0:a><1:><2:100%>"
    assert filled_in(b"<%d:%b>", 0, (), ()) == b""


@pytest.mark.parametrize("column", [[b"a"], [b"a", b"b", b"c"]])
def test_a_column_of_another_length_is_refused(column: list[bytes]) -> None:
    with pytest.raises(ValueError, match="size"):
        filled_in(b"<%d:%b>", 2, range(2), column)


def test_a_literal_part_stands_for_itself() -> None:
    assert filled_in(literal(b"100% %d %b") + b"%b%b", 1, [b"a"], [b"b"]) == b"100% %d %bab"
