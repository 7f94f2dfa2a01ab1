"""Records and their payloads."""

from __future__ import annotations

import pytest

from headwater.model.record import PAYLOAD_HEAD_BYTES, Record, decode_payload, encode_payload


@pytest.mark.parametrize("data", [b"", b"data", bytes(range(256))])
@pytest.mark.parametrize("key", [None, "k", "naïve ☕", "☕" * 256])
@pytest.mark.parametrize("encrypted", [False, True])
def test_a_payload_gives_the_record_back(data: bytes, key: str | None, encrypted: bool) -> None:
    encoded_key = None if key is None else key.encode()
    payload = encode_payload(data, encoded_key, encrypted=encrypted)
    assert decode_payload(7, 1_700_000_000_123, payload) == Record(7, 1_700_000_000_123, key, data, encrypted)


def test_no_key_is_not_an_empty_key() -> None:
    assert decode_payload(0, 0, encode_payload(b"data", b"", encrypted=False)).partition_key == ""
    assert decode_payload(0, 0, encode_payload(b"data", None, encrypted=False)).partition_key is None


def test_a_payload_is_as_long_as_its_head_key_and_data() -> None:
    assert len(encode_payload(b"data", b"key", encrypted=False)) == PAYLOAD_HEAD_BYTES + 3 + 4
    assert len(encode_payload(b"data", None, encrypted=True)) == PAYLOAD_HEAD_BYTES + 4
