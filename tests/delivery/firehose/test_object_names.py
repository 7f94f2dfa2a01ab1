"""How objects are named, and which prefixes are refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from headwater.delivery.firehose.errors import InvalidArgument
from headwater.delivery.firehose.object_names import NameContext, ObjectNaming, check_prefixes, zone_of

ARRIVAL_MS = int(datetime(2018, 8, 27, 22, 30, 5, tzinfo=UTC).timestamp() * 1000)


def uuids() -> Callable[[], str]:
    numbers = iter(range(1, 10))
    return lambda: f"{next(numbers)}46b6c7f-0b2a-4c8d-9e57-d3c3a1b2c3d4"


def context(**members: Any) -> NameContext:
    return NameContext(ARRIVAL_MS, uuids())._replace(**members)


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("", "2018/08/27/22/orders-3-2018-08-27-22-30-05-146b6c7f-0b2a-4c8d-9e57-d3c3a1b2c3d4.gz"),
        ("raw/", "raw/2018/08/27/22/orders-3-2018-08-27-22-30-05-146b6c7f-0b2a-4c8d-9e57-d3c3a1b2c3d4.gz"),
        (
            "day=!{timestamp:yyyy-MM-dd}/",
            "day=2018-08-27/orders-3-2018-08-27-22-30-05-146b6c7f-0b2a-4c8d-9e57-d3c3a1b2c3d4.gz",
        ),
        (
            "!{firehose:random-string}/!{firehose:random-string}/!{timestamp:HH}/",
            "146b6c7f-0b/246b6c7f-0b/22/orders-3-2018-08-27-22-30-05-346b6c7f-0b2a-4c8d-9e57-d3c3a1b2c3d4.gz",
        ),
        (
            "c=!{partitionKeyFromQuery:customer}/d=!{partitionKeyFromLambda:day}/!{timestamp:yyyy}/",
            "c=17/d=3/2018/orders-3-2018-08-27-22-30-05-146b6c7f-0b2a-4c8d-9e57-d3c3a1b2c3d4.gz",
        ),
    ],
)
def test_a_prefix_is_evaluated_and_followed_by_the_suffix(prefix: str, name: str) -> None:
    naming = ObjectNaming("orders", 3, prefix, "", ".gz")
    keys = {"keys_from_query": {"customer": "17"}, "keys_from_lambda": {"day": "3"}}
    assert naming.name(context(**keys)) == name


@pytest.mark.parametrize(
    ("prefix", "error_prefix", "begins"),
    [
        ("raw/", "", "raw/processing-failed/2018/08/27/22/orders-1-"),
        ("", "errors/", "errors/processing-failed/2018/08/27/22/orders-1-"),
        ("", "e/!{firehose:error-output-type}/", "e/processing-failed/orders-1-"),
        (
            "",
            "!{timestamp:yyyy}/!{firehose:error-output-type}/!{firehose:error-output-type}-",
            "2018/processing-failed/processing-failed-orders-1-",
        ),
    ],
)
def test_an_error_prefix_has_the_kind_of_error(prefix: str, error_prefix: str, begins: str) -> None:
    naming = ObjectNaming("orders", 1, prefix, error_prefix, ".gz")
    name = naming.error_name(context(error_type="processing-failed"))
    assert name.startswith(begins)
    assert not name.endswith(".gz")


def test_prefix_and_suffix_are_in_the_time_zone() -> None:
    naming = ObjectNaming("orders", 1, "", "", "", ZoneInfo("Asia/Tokyo"))
    assert naming.name(context()).startswith("2018/08/28/07/orders-1-2018-08-28-07-30-05-")


@pytest.mark.parametrize(
    ("prefix", "error_prefix", "said"),
    [
        ("!{timestamp:yyyy}/", "", "ErrorOutputPrefix cannot be null or empty when Prefix contains"),
        ("", "!{timestamp:yyyy}/", "must include at least one instance of !{firehose:error-output-type}"),
        ("!{firehose:error-output-type}/", "e/", "invalid expression"),
        ("!{nothing:x}/", "e/", "invalid expression"),
        ("!{timestamp:bbb}/", "e/", "invalid timestamp"),
        ("!{timestamp:}/", "e/", "empty expression"),
        ("a!{b", "e/", "outside of an expression"),
        ("", "!{partitionKeyFromQuery:a}!{firehose:error-output-type}", "invalid expression"),
    ],
)
def test_prefixes_that_cannot_be_are_refused(prefix: str, error_prefix: str, said: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_prefixes(prefix, error_prefix)
    assert said in refused.value.message


def test_a_time_zone_that_is_none_is_refused() -> None:
    assert zone_of("") is UTC
    with pytest.raises(InvalidArgument):
        zone_of("Mars/Olympus")
