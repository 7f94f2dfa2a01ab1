"""UpdateMaxRecordSize."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.refusals import WRONG_ARN, refusal, required
from tests.api.streams import finish, put, read, status, summary
from tests.api.validation.broken_constraints import too_large, too_small

Settle = Callable[[], None]

KIB = 1024
KEY_BYTES = len("key")


def update(kinesis: Any, settle: Settle, stream_arn: str, size_kib: int) -> None:
    kinesis.update_max_record_size(StreamARN=stream_arn, MaxRecordSizeInKiB=size_kib)
    finish(kinesis, settle)


def test_the_stream_is_updating_and_then_takes_larger_records(
    kinesis: Any, settle: Settle, stream_arn: str
) -> None:
    assert refusal(put, kinesis=kinesis, data=bytes(2048 * KIB - KEY_BYTES))[0] == "ValidationException"
    kinesis.update_max_record_size(StreamARN=stream_arn, MaxRecordSizeInKiB=2048)
    assert status(kinesis) == "UPDATING"
    finish(kinesis, settle)
    assert summary(kinesis)["MaxRecordSizeInKiB"] == 2048
    put(kinesis, bytes(2048 * KIB - KEY_BYTES))
    assert refusal(put, kinesis=kinesis, data=bytes(2048 * KIB))[0] == "ValidationException"


def test_larger_records_stay_readable_when_the_size_shrinks(
    kinesis: Any, settle: Settle, stream_arn: str
) -> None:
    update(kinesis, settle, stream_arn, 3000)
    put(kinesis, bytes(3000 * KIB - KEY_BYTES))
    update(kinesis, settle, stream_arn, 1024)
    assert [len(data) for data in read(kinesis)] == [3000 * KIB - KEY_BYTES]
    assert refusal(put, kinesis=kinesis, data=bytes(3000 * KIB - KEY_BYTES))[0] == "ValidationException"


@pytest.mark.parametrize("size_kib", [1024, 1025, 10_240])
def test_every_size_from_1_to_10_mib(kinesis: Any, settle: Settle, stream_arn: str, size_kib: int) -> None:
    update(kinesis, settle, stream_arn, size_kib)
    assert summary(kinesis)["MaxRecordSizeInKiB"] == size_kib


def test_no_other_size(kinesis: Any, stream_arn: str) -> None:
    for size_kib, expected in (
        (1023, too_small("maxRecordSizeInKiB", 1023, 1024)),
        (10_241, too_large("maxRecordSizeInKiB", 10_241, 10_240)),
    ):
        assert (
            refusal(kinesis.update_max_record_size, StreamARN=stream_arn, MaxRecordSizeInKiB=size_kib)
            == expected
        )


@pytest.mark.parametrize(("wrong", "expected"), WRONG_ARN)
def test_a_stream_that_is_not_named_well_is_refused(
    kinesis: Any,
    stream_arn: str,
    wrong: Callable[[str], str],
    expected: Callable[[str], tuple[str, str]],
) -> None:
    assert refusal(
        kinesis.update_max_record_size, StreamARN=wrong(stream_arn), MaxRecordSizeInKiB=2048
    ) == expected(stream_arn)


def test_what_is_needed(kinesis: Any, stream_arn: str) -> None:
    assert refusal(kinesis.update_max_record_size, StreamARN=stream_arn) == required("maxRecordSizeInKiB")
    assert refusal(kinesis.update_max_record_size, MaxRecordSizeInKiB=2048) == required("streamARN")
