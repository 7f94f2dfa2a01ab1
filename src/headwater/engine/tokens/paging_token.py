"""Paging tokens (`NextToken`): where a listing goes on, and of what it was a listing.

A token is good for 300 seconds and for the same listing only: the operation, the
caller's account and region, and everything that chose what is listed.
"""

from __future__ import annotations

from typing import NoReturn

import msgspec

from headwater.engine.limits.limits import PAGING_TOKEN_LIFE_MS
from headwater.engine.tokens.sealed_token import Sealer
from headwater.model.errors import ExpiredNextTokenException, InvalidArgumentException


class PagingToken(msgspec.Struct, frozen=True, array_like=True):
    """The content of a `NextToken`."""

    issued_ms: int
    listing: tuple[str, ...]
    """The operation, and what it lists: enough to tell one listing from another."""
    after: str
    """The last item of the page before."""


_decoder = msgspec.msgpack.Decoder(PagingToken)


def issue_page(sealer: Sealer, page: PagingToken) -> str:
    """The token of a page."""
    return sealer.seal(msgspec.msgpack.encode(page))


def read_page(sealer: Sealer, token: str, operation: str, now_ms: int) -> PagingToken:
    """The page of a token.

    Raises InvalidArgumentException for one that was not issued here for this
    operation, and ExpiredNextTokenException for one that is older than 300 s.
    """
    content = sealer.open(token)
    if content is None:
        _refuse()
    page = _decoder.decode(content)
    if page.listing[0] != operation:
        _refuse()
    if now_ms - page.issued_ms > PAGING_TOKEN_LIFE_MS:
        raise ExpiredNextTokenException("The NextToken has expired: it is valid for 300 seconds.")
    return page


def _refuse() -> NoReturn:
    raise InvalidArgumentException("Invalid NextToken.")
