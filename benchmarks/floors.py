"""What the parts of a request cost alone, in this CPython: what is left when all else is gone.

    python -m benchmarks.floors

Each line is CPU time (user and system) of the best of several turns. A part that does nothing but call a
library or the kernel is a floor: a server in CPython that does this work cannot take less. The others
are Headwater's own.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from io import BytesIO, StringIO
from zlib import crc32

import httptools
import lmdb
import msgspec
import pybase64
from aiokafka.protocol.produce import ProduceRequest_v7, ProduceResponse_v7
from aiokafka.record.util import calc_crc32c

from benchmarks.put_profile import HEAD
from headwater.api.validation.cbor_requests import accept_cbor
from headwater.api.validation.constraints import accept
from headwater.model.alike_records import alike_records, encode_alike
from headwater.model.cut_payloads import CutPayloads, ReadBlock
from headwater.model.hash_key import digest_of
from headwater.model.record import decode_payloads, encode_payload
from headwater.model.record_list import NumberedRun, PlacementList, RecordList
from headwater.model.sequence_number import number_texts, record_sequence_numbers, sequence_base
from headwater.server.http.hpack import HeaderDecoder
from headwater.storage.kafka.batches import build
from headwater.storage.kafka.produce_request import ProduceRequest
from headwater.storage.lmdb.record_format import cut_payloads, pack_block
from headwater.wire import cbor_format, json_format

TURNS = 25
RANDOM = random.Random(1)
LIBRARIES = ("uvloop", "msgspec", "lmdb", "httptools")
ANSWER = b"HTTP/1.1 200 OK\r\n" + b"x" * 400


def cost_us(part: Callable[[], object], times: int = 1) -> float:
    """CPU time of one of so many calls."""
    best = float("inf")
    for _ in range(TURNS):
        before = time.process_time_ns()
        for _ in range(times):
            part()
        best = min(best, (time.process_time_ns() - before) / times / 1000)
    return best


def show(title: str, parts: list[tuple[str, float]]) -> None:
    """Print a table."""
    print(f"\n| {title} | CPU µs |\n| --- | --- |")
    for name, cost in parts:
        print(f"| {name} | {cost:,.1f} |")


def records(count: int, size: int) -> list[tuple[bytes, str]]:
    """Data and keys."""
    return [(RANDOM.randbytes(size), f"key-{RANDOM.randrange(10**6):06}") for _ in range(count)]


def bodies(given: list[tuple[bytes, str]]) -> tuple[bytes, bytes]:
    """A PutRecords in JSON and in CBOR."""
    document = {
        "StreamName": "bench",
        "Records": [{"Data": data, "PartitionKey": key} for data, key in given],
    }
    as_text = {
        "StreamName": "bench",
        "Records": [{"Data": b64encode(data).decode(), "PartitionKey": key} for data, key in given],
    }
    return json.dumps(as_text, separators=(",", ":")).encode(), cbor_format.encode(document)


class Store:
    """An LMDB file, not synced, for commits of one value each."""

    def __init__(self, folder: str) -> None:
        self._file = lmdb.Environment(folder, map_size=1 << 30, sync=False, lock=False, writemap=False)
        self._count = 0

    def commit(self, blocks: list[bytes]) -> None:
        """One transaction."""
        with self._file.begin(write=True) as transaction:
            for block in blocks:
                self._count += 1
                transaction.put(self._count.to_bytes(16), block, append=True)


def single_put(store: Store) -> list[tuple[str, float]]:
    """PutRecord of 100 bytes."""
    ((data, key),) = records(1, 100)
    body = json.dumps({"StreamName": "bench", "Data": b64encode(data).decode(), "PartitionKey": key}).encode()
    request = HEAD.format(size=len(body)).encode() + body
    block = pack_block(bytes(16), 1, [encode_payload(data, key, encrypted=False)])
    ours, theirs = socket.socketpair()

    def exchange() -> None:
        theirs.send(request)
        ours.recv(65536)
        ours.send(ANSWER)
        theirs.recv(65536)

    both_sides = cost_us(exchange, 200)
    ours.close()
    theirs.close()
    log = StringIO()
    return [
        ("the kernel: a read and a write (half of what both sides of a pair take)", both_sides / 2),
        ("httptools: a head that was not there before", cost_us(lambda: _parse(request), 200)),
        ("checking and msgspec: the body", cost_us(lambda: accept("PutRecord", body), 200)),
        (
            "MD5 of the key",
            cost_us(lambda: digest_of(key), 200),
        ),
        ("base64 and the payload", cost_us(lambda: encode_payload(data, key, encrypted=False), 200)),
        ("CRC-32 and the block", cost_us(lambda: pack_block(bytes(16), 1, [block]), 200)),
        ("LMDB: a commit of 1 record", cost_us(lambda: store.commit([block]), 200)),
        ("LMDB: one of 16, for each", cost_us(lambda: store.commit([block] * 16), 50) / 16),
        (
            "the answer's document",
            cost_us(lambda: json_format.encode({"ShardId": "s" * 20, "SequenceNumber": "4" * 56}), 200),
        ),
        (
            "a line of the log",
            cost_us(
                lambda: log.write(f"{time.time():.3f} INFO AWS kinesis.PutRecord => 200 {1.5:.1f} ms\n"), 200
            ),
        ),
    ]


class _Nothing:
    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""


def _parse(request: bytes) -> None:
    httptools.HttpRequestParser(_Nothing()).feed_data(request)


def batch(store: Store, count: int, size: int) -> list[tuple[str, float]]:
    """PutRecords."""
    given = records(count, size)
    text, binary = bodies(given)
    datas, keys = [data for data, _ in given], [key for _, key in given]
    payloads = [encode_payload(data, key, encrypted=False) for data, key in given]
    blocks = [pack_block(bytes(16), 1, list(block)) for block in cut_payloads(payloads)]
    texts = [b64encode(data).decode() for data, _ in given]
    numbers = record_sequence_numbers(
        sequence_base(1_700_000_000, 1), 1_700_000_000, 5, 1_700_000_000_000, count
    )
    placements = PlacementList(["shardId-000000000001"] * count, [str(number) for number in numbers])
    decoder = msgspec.json.Decoder()
    return [
        (f"a copy of the body in JSON, {len(text):,} bytes", cost_us(lambda: bytearray(text))),
        ("msgspec: the JSON, blobs as texts, unchecked", cost_us(lambda: decoder.decode(text))),
        ("pybase64: all data", cost_us(lambda: [pybase64.b64decode(each, validate=True) for each in texts])),
        ("checking and decoding the body, JSON", cost_us(lambda: accept("PutRecords", text))),
        ("the same, CBOR", cost_us(lambda: accept_cbor("PutRecords", binary))),
        ("MD5 of all keys", cost_us(lambda: [digest_of(key) for _, key in given])),
        ("payloads", cost_us(lambda: [encode_payload(data, key, encrypted=False) for data, key in given])),
        (
            "payloads by columns, where all are alike",
            cost_us(lambda: encode_alike(datas, keys, encrypted=False)),
        ),
        ("CRC-32 alone", cost_us(lambda: [crc32(each) for each in payloads])),
        (
            "blocks, with their CRC-32",
            cost_us(lambda: [pack_block(bytes(16), 1, list(b)) for b in cut_payloads(payloads)]),
        ),
        ("LMDB: a commit of them", cost_us(lambda: store.commit(blocks))),
        ("sequence numbers as texts", cost_us(lambda: number_texts(numbers))),
        (
            "the answer, JSON",
            cost_us(lambda: json_format.encode({"FailedRecordCount": 0, "Records": placements})),
        ),
        (
            "the answer, CBOR",
            cost_us(lambda: cbor_format.encode({"FailedRecordCount": 0, "Records": placements})),
        ),
    ]


def gateway(count: int, size: int, shards: int) -> list[tuple[str, float]]:
    """What a gateway does in place of a commit of PutRecords, but for the way to the broker and back."""
    payloads = [encode_payload(data, key, encrypted=False) for data, key in records(count, size)]
    shares = {f"bench.log.{at:016x}": payloads[at::shards] for at in range(shards)}
    batches = {topic: build(1, 0, 0, share) for topic, share in shares.items()}
    request = ProduceRequest(batches, 4_000)
    aiokafkas = ProduceRequest_v7(None, -1, 4_000, [(topic, [(0, data)]) for topic, data in batches.items()])
    answer = ProduceResponse_v7([(topic, [(0, 0, 5, 1, 0)]) for topic in batches], 0).encode()
    return [
        (
            "batches, with their CRC-32C",
            cost_us(lambda: [build(1, 0, 0, share) for share in shares.values()]),
        ),
        ("CRC-32C alone", cost_us(lambda: [calc_crc32c(batch) for batch in batches.values()])),
        ("one request for all", cost_us(lambda: request.pieces(1), 20)),
        ("the same by aiokafka", cost_us(aiokafkas.encode, 20)),
        ("its answer", cost_us(lambda: request.read(memoryview(answer)), 20)),
        ("the same by aiokafka", cost_us(lambda: ProduceResponse_v7.decode(BytesIO(answer)), 20)),
    ]


def page(given: list[tuple[bytes, str]], run: int) -> list[tuple[str, float]]:
    """GetRecords, of runs of records that arrived together."""
    payloads = [encode_payload(data, key, encrypted=False) for data, key in given]
    base = sequence_base(1_700_000_000, 1)
    runs = [
        NumberedRun(
            record_sequence_numbers(base, 1_700_000_000, at, 1_700_000_000_000 + at, run),
            1_700_000_000_000 + at,
            CutPayloads(
                ReadBlock(b"".join(payloads[at : at + run])), 0, tuple(map(len, payloads[at : at + run]))
            ),
        )
        for at in range(0, len(given), run)
    ]
    answer = {"Records": RecordList(runs), "MillisBehindLatest": 0}
    return [
        ("cutting blocks into payloads", cost_us(lambda: [list(run.payloads) for run in runs])),
        (
            "numbers as texts, one by one",
            cost_us(lambda: [str(number) for run in runs for number in run.sequence_numbers]),
        ),
        ("the answer, JSON, with the cutting", cost_us(lambda: json_format.encode_body(answer))),
        (
            "msgspec: payloads to data and keys, for CBOR",
            cost_us(lambda: [decode_payloads(run.payloads) for run in runs]),
        ),
        (
            "the same by columns, where all are alike",
            cost_us(lambda: [alike_records(r.payloads) for r in runs]),
        ),
        ("the answer, CBOR, with all of that", cost_us(lambda: cbor_format.encode_body(answer))),
    ]


def first_block() -> list[tuple[str, float]]:
    """What a client with a connection for each request sends in its header block."""
    from hpack import Encoder  # noqa: PLC0415 - of the tests' environment

    def block() -> bytes:
        fields = {
            ":authority": "127.0.0.1:4566",
            ":path": "/",
            ":method": "POST",
            ":scheme": "http",
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": "Kinesis_20131202.PutRecord",
            "content-length": "193",
            "x-amz-user-agent": "aws-sdk-js/3.1142.0",
            "user-agent": "aws-sdk-js/3.1142.0 ua/2.1 os/linux#6.18 lang/js md/nodejs#20.20.2 m/E,P",
            "amz-sdk-invocation-id": RANDOM.randbytes(16).hex(),
            "amz-sdk-request": "attempt=1; max=3",
            "x-amz-date": "20260101T000000Z",
            "x-amz-content-sha256": RANDOM.randbytes(32).hex(),
            "authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/kinesis/aws4_request, "
            f"SignedHeaders=host;x-amz-date, Signature={RANDOM.randbytes(32).hex()}",
        }
        return Encoder().encode(list(fields.items()))

    for each in [block() for _ in range(300)]:
        HeaderDecoder().decode(each)
    fresh = iter([block() for _ in range(TURNS * 20)])
    return [
        (
            "HPACK: a block with an id, a hash and a signature of its own",
            cost_us(lambda: HeaderDecoder().decode(next(fresh)), 20),
        )
    ]


def start() -> list[tuple[str, float]]:
    """Processes, until they end."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def run(code: str, *flags: str) -> float:
        best = float("inf")
        for _ in range(9):
            process = subprocess.Popen([sys.executable, *flags, "-c", code], env=variables)
            _, _, used = os.wait4(process.pid, 0)
            process.returncode = 0
            best = min(best, (used.ru_utime + used.ru_stime) * 1e6)
        return best

    return [
        ("Python alone", run("pass")),
        *((f"and {library}, as it imports itself", run(f"import {library}")) for library in LIBRARIES),
    ]


def main() -> None:
    """Print all tables."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        show("PutRecord 100 B", single_put(store))
        show("PutRecords 500 x 100 B", batch(store, 500, 100))
        show("PutRecords 100 x 10 KB", batch(store, 100, 10_000))
    show("PutRecords 500 x 100 B, 4 shards, over Kafka", gateway(500, 100, 4))
    show("GetRecords 10,000 x 100 B", page(records(10_000, 100), 500))
    uneven = [(data[RANDOM.randrange(100) :], key) for data, key in records(10_000, 150)]
    show("GetRecords 10,000 x 51 to 150 B", page(uneven, 500))
    show("A connection for each put, HTTP/2", first_block())
    show("Start", start())


if __name__ == "__main__":
    main()
