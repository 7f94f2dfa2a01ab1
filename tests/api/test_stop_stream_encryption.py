"""StopStreamEncryption."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater.model.clock import ManualClock
from tests.api.encryption import (
    BROKEN_REQUESTS,
    KEY_ID,
    KEYS,
    NO_KEYS,
    encryption_of,
    put,
    read,
    start,
    status_of,
    stop,
)
from tests.api.refusals import NAMED, NOT_ACTIVE, Reference, busy, put_in_state, refusal

Settle = Callable[[], None]
KMS = {"EncryptionType": "KMS", "KeyId": KEY_ID}
DAY_MS = 86_400_000


@pytest.fixture
def encrypted_arn(kinesis: Any, stream_arn: str, settle: Settle) -> str:
    """The ARN of `orders`, which is encrypted."""
    start(kinesis, settle)
    return stream_arn


@pytest.mark.parametrize("named", NAMED)
def test_the_stream_is_updating_until_the_encryption_has_ended(
    kinesis: Any, encrypted_arn: str, settle: Settle, named: Reference
) -> None:
    kinesis.stop_stream_encryption(**named(encrypted_arn), **KMS)
    assert status_of(kinesis) == "UPDATING"
    assert encryption_of(kinesis) == ("KMS", KEY_ID)
    settle()
    assert status_of(kinesis) == "ACTIVE"
    assert encryption_of(kinesis) == ("NONE", None)


@pytest.mark.usefixtures("encrypted_arn")
def test_records_are_not_encrypted_from_then_on(kinesis: Any, settle: Settle) -> None:
    assert put(kinesis) == "KMS"
    kinesis.stop_stream_encryption(StreamName="orders", **KMS)
    assert put(kinesis) == "KMS"
    settle()
    assert put(kinesis) == "NONE"
    assert read(kinesis) == ["KMS"] * 4 + ["NONE"] * 2


@pytest.mark.usefixtures("encrypted_arn")
def test_encryption_can_start_again(kinesis: Any, settle: Settle) -> None:
    stop(kinesis, settle)
    start(kinesis, settle, "alias/aws/kinesis")
    assert encryption_of(kinesis) == ("KMS", "alias/aws/kinesis")


@pytest.mark.usefixtures("encrypted_arn")
@pytest.mark.parametrize("key_id", KEYS)
def test_the_key_may_be_given_in_each_form(kinesis: Any, settle: Settle, key_id: str) -> None:
    stop(kinesis, settle, key_id)
    assert encryption_of(kinesis) == ("NONE", None)


@pytest.mark.usefixtures("encrypted_arn")
@pytest.mark.parametrize("key_id", NO_KEYS)
def test_text_that_names_no_key_is_refused(kinesis: Any, key_id: str) -> None:
    answer = refusal(kinesis.stop_stream_encryption, StreamName="orders", EncryptionType="KMS", KeyId=key_id)
    assert answer == ("InvalidArgumentException", f"Invalid keyId {key_id}")
    assert encryption_of(kinesis) == ("KMS", KEY_ID)


@pytest.mark.usefixtures("encrypted_arn")
@pytest.mark.parametrize(("members", "refused"), BROKEN_REQUESTS)
def test_type_and_key_must_be_valid(kinesis: Any, members: dict[str, str], refused: tuple[str, str]) -> None:
    assert refusal(kinesis.stop_stream_encryption, StreamName="orders", **members) == refused


@pytest.mark.usefixtures("encrypted_arn")
def test_encryption_is_stopped_25_times_in_24_hours(
    kinesis: Any, settle: Settle, clock: ManualClock, account_id: str
) -> None:
    for _ in range(25):
        stop(kinesis, settle)
    assert refusal(kinesis.stop_stream_encryption, StreamName="orders", **KMS) == (
        "LimitExceededException",
        (
            f"The encryption of stream orders under account {account_id} has been stopped 25 times "
            "in the last 24 hours, which is the limit."
        ),
    )
    clock.advance_ms(DAY_MS)
    stop(kinesis, settle)


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_the_stream_must_be_active(kinesis: Any, settle: Settle, account_id: str, state: str) -> None:
    put_in_state(kinesis, settle, state)
    assert refusal(kinesis.stop_stream_encryption, StreamName="orders", **KMS) == busy(state, account_id)
