"""Every operation with requests of every kind; `operation_fuzz` says what must hold."""

import pytest

from tests.fuzz.operation_fuzz import OFFERED, Fuzzed, fuzz
from tests.fuzz.twin_servers import TwinServers
from tests.tables import each

EVERYDAY_EXAMPLES = 2
LONG_EXAMPLES = 200
HOSTILE_BODIES = [
    *(b"", b"{", b"[]", b"null", b'"a"', b"{}x", b"\xef\xbb\xbf{}", b"\xa0", b"\xbf\xff", b"\x80", b"\xf6"),
    *(b"[" * 100_000, b'{"a":' * 100_000, b"\xa1\x61a" * 100_000, b"\x9f" * 100_000, b"\xc1" * 1_000),
    *(b'{"StreamName":NaN}', b'{"StreamName":1e999}', b'{"Limit":' + b"9" * 10_000 + b"}"),
    *(b'{"StreamName":"\\ud800"}', b'{"StreamName":"\xed\xa0\x80"}', b'{"Data":"\\u0000"}'),
    *(b'{"StreamName":"orders","StreamName":"clicks","StreamName":7}', b'{"\\ud800":1,"StreamARN":{}}'),
]


@pytest.fixture
def unchanged() -> list[TwinServers]:
    """Servers for one operation after the other: those that one has changed are made anew."""
    return []


@each("operation", OFFERED)
def test_no_request_gets_more_than_a_named_error(unchanged: list[TwinServers], operation: str) -> None:
    unchanged.append(fuzz(operation, EVERYDAY_EXAMPLES, unchanged=unchanged.pop() if unchanged else None))


@each("operation", OFFERED)
def test_no_bytes_get_more_than_a_named_error(unchanged: list[TwinServers], operation: str) -> None:
    fuzzed = Fuzzed(operation, unchanged.pop() if unchanged else None)
    for body in HOSTILE_BODIES:
        fuzzed.try_bytes(body)
    unchanged.append(fuzzed.twins)


@pytest.mark.long
@pytest.mark.parametrize("operation", OFFERED)
def test_many_requests_get_no_more_than_a_named_error(operation: str) -> None:
    fuzz(operation, LONG_EXAMPLES, first_seed=7540)
