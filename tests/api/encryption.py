"""Encryption of the stream `orders`: keys, and what a client sees of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.refusals import invalid

KEY_ID = "12345678-1234-1234-1234-123456789012"

KEYS = [
    pytest.param(KEY_ID, id="key id"),
    pytest.param("mrk-1234abcd12ab34cd56ef1234567890ab", id="multi-region key id"),
    pytest.param(f"arn:aws:kms:us-east-1:123456789012:key/{KEY_ID}", id="key ARN"),
    pytest.param("arn:aws:kms:us-east-1:123456789012:alias/MyAliasName", id="alias ARN"),
    pytest.param("alias/MyAliasName", id="alias"),
    pytest.param("alias/aws/kinesis", id="key of Kinesis"),
]
"""The forms of a key that the API's documentation names."""

NO_KEYS = [
    "MyAliasName",
    "alias/",
    "alias/my alias",
    "12345678",
    f"key/{KEY_ID}",
    f"arn:aws:kms:us-east-1:123456789012:{KEY_ID}",
    f"arn:aws:s3:us-east-1:123456789012:key/{KEY_ID}",
    f"{KEY_ID} ",
]

BROKEN_REQUESTS = [
    pytest.param(
        {},
        (
            "ValidationException",
            (
                "2 validation errors detected: "
                "Value null at 'encryptionType' failed to satisfy constraint: Member must not be null; "
                "Value null at 'keyId' failed to satisfy constraint: Member must not be null"
            ),
        ),
        id="neither type nor key",
    ),
    pytest.param(
        {"EncryptionType": "AES", "KeyId": KEY_ID},
        invalid(
            "Value 'AES' at 'encryptionType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [NONE, KMS]"
        ),
        id="unknown type",
    ),
    pytest.param(
        {"EncryptionType": "KMS", "KeyId": ""},
        invalid(
            "Value '' at 'keyId' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        ),
        id="empty key",
    ),
    pytest.param(
        {"EncryptionType": "KMS", "KeyId": "k" * 2049},
        invalid(
            f"Value '{'k' * 2049}' at 'keyId' failed to satisfy constraint: "
            "Member must have length less than or equal to 2048"
        ),
        id="long key",
    ),
    pytest.param(
        {"EncryptionType": "NONE", "KeyId": KEY_ID},
        (
            "InvalidArgumentException",
            "EncryptionType NONE is not valid: the only valid value is KMS.",
        ),
        id="type other than KMS",
    ),
]
"""Members beside the stream's name, and their refusal."""


def encryption_of(kinesis: Any) -> tuple[str, str | None]:
    """Type and key of the stream, as both operations that describe it tell them."""
    summary = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
    whole = kinesis.describe_stream(StreamName="orders")["StreamDescription"]
    told = summary["EncryptionType"], summary.get("KeyId")
    assert told == (whole["EncryptionType"], whole.get("KeyId"))
    return told


def status_of(kinesis: Any) -> str:
    """The state of the stream."""
    status: str = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"][
        "StreamStatus"
    ]
    return status


def put(kinesis: Any) -> str:
    """Put one record, in both ways; returns the encryption that the answers tell (nothing is `NONE`)."""
    one = kinesis.put_record(StreamName="orders", Data=b"x", PartitionKey="k")
    many = kinesis.put_records(StreamName="orders", Records=[{"Data": b"x", "PartitionKey": "k"}])
    encryption_type: str = one.get("EncryptionType", "NONE")
    assert many.get("EncryptionType", "NONE") == encryption_type
    return encryption_type


def read(kinesis: Any) -> list[str]:
    """The encryption of every record of the stream, in order."""
    told: list[str] = []
    for shard in kinesis.list_shards(StreamName="orders")["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName="orders", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = kinesis.get_records(ShardIterator=iterator)["Records"]
        told += [record.get("EncryptionType", "NONE") for record in records]
    return told


def start(kinesis: Any, settle: Callable[[], None], key_id: str = KEY_ID) -> None:
    """Encrypt the stream."""
    kinesis.start_stream_encryption(StreamName="orders", EncryptionType="KMS", KeyId=key_id)
    settle()


def stop(kinesis: Any, settle: Callable[[], None], key_id: str = KEY_ID) -> None:
    """End the encryption of the stream."""
    kinesis.stop_stream_encryption(StreamName="orders", EncryptionType="KMS", KeyId=key_id)
    settle()
