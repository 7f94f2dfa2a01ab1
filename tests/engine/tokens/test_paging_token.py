"""Paging tokens."""

from __future__ import annotations

import pytest

from headwater.engine.tokens.paging_token import PagingToken, issue_page, read_page
from headwater.engine.tokens.sealed_token import KEY_BYTES, Sealer
from headwater.model.errors import ExpiredNextTokenException, InvalidArgumentException

NOW_MS = 1_700_000_000_000
sealer = Sealer(bytes(KEY_BYTES), b"page")
page = PagingToken(NOW_MS, ("ListShards", "123456789012", "eu-west-1", "orders"), "shardId-000000000041")


def test_a_token_says_all_that_the_page_says() -> None:
    assert read_page(sealer, issue_page(sealer, page), "ListShards", NOW_MS) == page


def test_a_token_is_good_for_300_seconds() -> None:
    token = issue_page(sealer, page)
    assert read_page(sealer, token, "ListShards", NOW_MS + 300_000) == page
    with pytest.raises(ExpiredNextTokenException):
        read_page(sealer, token, "ListShards", NOW_MS + 300_001)


def test_a_token_is_good_for_its_own_operation() -> None:
    with pytest.raises(InvalidArgumentException):
        read_page(sealer, issue_page(sealer, page), "ListStreams", NOW_MS)


@pytest.mark.parametrize("token", ["garbage", issue_page(Sealer(bytes(KEY_BYTES), b"iterator"), page)])
def test_what_is_no_paging_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgumentException):
        read_page(sealer, token, "ListShards", NOW_MS)
