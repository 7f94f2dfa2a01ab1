"""StartStreamEncryption."""

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

pytestmark = pytest.mark.usefixtures("stream_arn")
Settle = Callable[[], None]
KMS = {"EncryptionType": "KMS", "KeyId": KEY_ID}
DAY_MS = 86_400_000


@pytest.mark.parametrize("named", NAMED)
def test_the_stream_is_updating_until_the_encryption_is_in_force(
    kinesis: Any, stream_arn: str, settle: Settle, named: Reference
) -> None:
    kinesis.start_stream_encryption(**named(stream_arn), **KMS)
    assert status_of(kinesis) == "UPDATING"
    assert encryption_of(kinesis) == ("NONE", None)
    settle()
    assert status_of(kinesis) == "ACTIVE"
    assert encryption_of(kinesis) == ("KMS", KEY_ID)


def test_records_are_encrypted_from_then_on(kinesis: Any, settle: Settle) -> None:
    assert put(kinesis) == "NONE"
    kinesis.start_stream_encryption(StreamName="orders", **KMS)
    assert put(kinesis) == "NONE"
    settle()
    assert put(kinesis) == "KMS"
    assert read(kinesis) == ["NONE"] * 4 + ["KMS"] * 2


@pytest.mark.parametrize("key_id", KEYS)
def test_the_key_may_be_given_in_each_form(kinesis: Any, settle: Settle, key_id: str) -> None:
    start(kinesis, settle, key_id)
    assert encryption_of(kinesis) == ("KMS", key_id)


def test_another_key_takes_the_place_of_the_one_before(kinesis: Any, settle: Settle) -> None:
    start(kinesis, settle)
    kinesis.start_stream_encryption(StreamName="orders", EncryptionType="KMS", KeyId="alias/aws/kinesis")
    assert encryption_of(kinesis) == ("KMS", KEY_ID)
    settle()
    assert encryption_of(kinesis) == ("KMS", "alias/aws/kinesis")


@pytest.mark.parametrize("key_id", NO_KEYS)
def test_text_that_names_no_key_is_refused(kinesis: Any, key_id: str) -> None:
    answer = refusal(kinesis.start_stream_encryption, StreamName="orders", EncryptionType="KMS", KeyId=key_id)
    assert answer == ("KMSNotFoundException", f"Invalid keyId {key_id}")
    assert status_of(kinesis) == "ACTIVE"


@pytest.mark.parametrize(("members", "refused"), BROKEN_REQUESTS)
def test_type_and_key_must_be_valid(kinesis: Any, members: dict[str, str], refused: tuple[str, str]) -> None:
    assert refusal(kinesis.start_stream_encryption, StreamName="orders", **members) == refused


def test_a_key_is_applied_25_times_in_24_hours(
    kinesis: Any, settle: Settle, clock: ManualClock, account_id: str
) -> None:
    start(kinesis, settle)
    clock.advance_ms(3_600_000)
    for _ in range(24):
        start(kinesis, settle)
    assert refusal(kinesis.start_stream_encryption, StreamName="orders", **KMS) == (
        "LimitExceededException",
        (
            f"The encryption of stream orders under account {account_id} has been started 25 times "
            "in the last 24 hours, which is the limit."
        ),
    )
    clock.advance_ms(DAY_MS - 3_600_000)
    start(kinesis, settle)
    assert refusal(kinesis.start_stream_encryption, StreamName="orders", **KMS)[0] == "LimitExceededException"


def test_stops_and_refusals_do_not_count(kinesis: Any, settle: Settle) -> None:
    for _ in range(25):
        start(kinesis, settle)
        stop(kinesis, settle)
        refusal(kinesis.start_stream_encryption, StreamName="orders", EncryptionType="KMS", KeyId="no key")
    assert refusal(kinesis.start_stream_encryption, StreamName="orders", **KMS)[0] == "LimitExceededException"


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_the_stream_must_be_active(
    client_of: Callable[..., Any], account_id: str, settle: Settle, state: str
) -> None:
    elsewhere = client_of(account_id, "us-west-2")
    put_in_state(elsewhere, settle, state)
    answer = refusal(elsewhere.start_stream_encryption, StreamName="orders", **KMS)
    assert answer == busy(state, account_id)
