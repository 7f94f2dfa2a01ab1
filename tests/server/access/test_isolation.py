"""Whatever a neighbour says to browsers is replaced; a page of the server's own keeps its policy."""

from __future__ import annotations

from headwater.server.access.cross_origin import Trust
from headwater.server.access.isolation import POLICIES, SANDBOX, of_neighbour, of_own


def test_a_neighbour_cannot_loosen_the_policy() -> None:
    said = tuple((name.title(), "anything") for name in sorted(POLICIES))
    fields = of_neighbour((("Content-Type", "text/html"), *said), Trust.WHOLE)
    names = [name.lower() for name, _ in fields]
    assert len(names) == len(set(names))
    assert SANDBOX in fields
    assert ("Content-Type", "text/html") in fields
    assert "anything" not in [value for _, value in fields]


def test_an_own_page_has_the_policy_that_it_needs() -> None:
    policy = ("Content-Security-Policy", "default-src 'self'")
    assert SANDBOX not in of_own((policy,), Trust.WHOLE)
    assert SANDBOX in of_own((), Trust.WHOLE)
