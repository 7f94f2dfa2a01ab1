"""CBOR that no client sends: an answer with a name, in little time and little memory.

Whatever the decoder takes goes on to the validation of every operation, which sees values
there that JSON does not have.
"""

import gc
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from headwater.api.validation.api_model import api_model
from headwater.api.validation.constraints import accept_document
from headwater.model.errors import SerializationException, ValidationException
from headwater.model.instant import Instant
from headwater.wire.cbor_format import decode, encode
from tests.fuzz.mutation import mutated

SEED = 20131202
LONG_BODY_BYTES = 16 * 2**20
"""About as long as a body gets."""
CPU_S_MAX = 5
"""Of one thread: a few hundredths on a fast machine, and minutes if it grew with the square."""

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/a"
SHARD_ID = "shardId-000000000000"
DOCUMENTS: list[dict[str, Any]] = [
    {"StreamName": "orders", "PartitionKey": "k", "Data": b"\xff\x00" * 20, "ExplicitHashKey": "0"},
    {"StreamName": "orders", "Records": [{"Data": b"a", "PartitionKey": "k"}, {"PartitionKey": "ü"}]},
    {"StreamARN": ARN, "ShardId": SHARD_ID, "Timestamp": Instant(1_700_000_000_251)},
    {"StreamName": "a", "ShardCount": 2, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}, "Tags": {"a": ""}},
    {"ConsumerARN": f"{ARN}/consumer/b:1", "StartingPosition": {"Timestamp": Instant(-1)}},
    {"StreamARN": ARN, "TagKeys": ["a", "b"], "Limit": 10},
    {"ShardIterator": "A" * 300, "Limit": 10_000, "Unknown": [None, True, 1.5, -1, 2**64 - 1, [[{}]]]},
]
SAMPLES = [encode(document) for document in DOCUMENTS]
# The same with indefinite maps, as the Java SDK opens and closes its requests.
SAMPLES += [b"\xbf" + sample[1:] + b"\xff" for sample in SAMPLES]
# And with what no SDK sends: tags, bignums, chunks, half floats, undefined.
SAMPLES.append(
    bytes.fromhex("d9d9f7 bf 7f61616162ff c249010000000000000000 6162 5f4161 40ff 6163 f97e00 6164 f7 ff")
)
SAMPLES.append(bytes.fromhex("a1 69 54696d657374616d70 c1 fb4278bcfe568fb000"))

OPERATIONS = list(api_model().operations)


def throw(seed: int, count: int) -> int:
    """Let the decoder, and validation, have so many damaged bodies; tells how many could be decoded."""
    chance = Random(seed)
    taken = 0
    for _ in range(count):
        body = mutated(chance, SAMPLES)
        try:
            document = decode(body)
        except SerializationException as error:
            assert error.message is None  # noqa: PT017 - the other outcome is no failure
            continue
        taken += 1
        try:
            accept_document(chance.choice(OPERATIONS), document)
        except (SerializationException, ValidationException) as error:
            assert error.message  # noqa: PT017
    return taken


def test_damaged_bodies_get_no_more_than_a_named_error() -> None:
    assert throw(SEED, 5_000) > 500


@pytest.mark.long
def test_many_damaged_bodies_get_no_more_than_a_named_error() -> None:
    assert throw(SEED + 1, 400_000) > 40_000


@pytest.mark.long
def test_many_damaged_bodies_leave_nothing_behind() -> None:
    throw(SEED + 2, 5_000)
    tracemalloc.start()
    try:
        throw(SEED + 3, 20_000)
        before = tracemalloc.get_traced_memory()[0]
        throw(SEED + 4, 40_000)
        assert tracemalloc.get_traced_memory()[0] - before < 2**20
    finally:
        tracemalloc.stop()


BOMBS: dict[str, Callable[[int], bytes]] = {
    "a blob of 2^64 bytes": lambda size: b"\xa1aa\x5b" + b"\xff" * 8 + b"a" * size,
    "a text of 2^63 bytes": lambda size: b"\xa1aa\x7b\x7f" + b"\xff" * 7 + b"a" * size,
    "a list of 2^64 items": lambda size: b"\xa1aa\x9b" + b"\xff" * 8 + b"\0" * size,
    "a map of 2^64 members": lambda size: b"\xbb" + b"\xff" * 8 + b"\x60" * size,
    "long lists in long lists": lambda size: b"\xa1aa" + b"\x9b" * size,
    "lists in lists": lambda size: b"\xa1aa" + b"\x9f" * size,
    "maps in maps": lambda size: b"\xa1aa" * (size // 3),
    "tags on tags": lambda size: b"\xa1aa" + b"\xc1" * size,
    "empty lists side by side": lambda size: b"\xa1aa\x9f" + b"\x80" * size + b"\xff",
    "empty maps side by side": lambda size: b"\xa1aa\x9f" + b"\xa0" * size + b"\xff",
    "empty chunks": lambda size: b"\xa1aa\x7f" + b"\x60" * size + b"\xff",
    "small chunks": lambda size: b"\xa1aa\x5f" + b"\x41a" * (size // 2) + b"\xff",
    "bignums": lambda size: b"\xa1aa\x9f" + b"\xc2\x49" * (size // 2),
    "a bignum": lambda size: b"\xa1aa\xc2\x5a" + size.to_bytes(4, "big") + b"\xff" * size,
    "one member again and again": lambda size: b"\xbf" + b"aa\0" * (size // 3) + b"\xff",
    "text that is wrong at its end": lambda size: (
        b"\xa1aa\x7a" + size.to_bytes(4, "big") + b"a" * (size - 1) + b"\xff"
    ),
}
each_bomb = pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())


def memory_of_decoding(body: bytes) -> int:
    """The greatest number of bytes that are in use at once."""
    tracemalloc.start()
    try:
        with suppress(SerializationException):
            decode(body)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@each_bomb
def test_a_body_takes_memory_in_proportion_to_its_length(bomb: Callable[[int], bytes]) -> None:
    body = bomb(2**14)
    assert memory_of_decoding(body) < 80 * len(body)


@pytest.mark.long
@each_bomb
def test_a_long_body_takes_a_few_times_its_own_memory(bomb: Callable[[int], bytes]) -> None:
    body = bomb(LONG_BODY_BYTES)
    assert memory_of_decoding(body) < 4 * len(body)


@each_bomb
def test_a_long_body_takes_little_time(bomb: Callable[[int], bytes]) -> None:
    body = bomb(LONG_BODY_BYTES)
    gc.freeze()  # what other tests have left is not to be looked through
    started_s = time.thread_time()
    with suppress(SerializationException):
        decode(body)
    assert time.thread_time() - started_s < CPU_S_MAX


def test_names_cannot_be_made_to_collide() -> None:
    # As dict keys, these numbers would all have the same hash: the time would be quadratic.
    members = b"".join(
        b"\xc2\x4b" + (number * (2**61 - 1)).to_bytes(11, "big") + b"\0" for number in range(20_000)
    )
    started_s = time.thread_time()
    with pytest.raises(SerializationException):
        decode(b"\xbf" + members + b"\xff")
    assert time.thread_time() - started_s < CPU_S_MAX
