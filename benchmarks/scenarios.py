"""What wrk, or h2load, asks of the servers: a row for each figure of the table.

A KB is 1,000 bytes and an MB 1,000,000; bytes are those of the records' data, before base64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.h2load import Transport
from benchmarks.servers import Role, Server

STREAM = "bench"


FIRST_READ_PAGES = 16
"""In turn these are more than Headwater keeps (`model/written_runs.py`): each is as if never read before."""


class Form(NamedTuple):
    """How a body is written."""

    content_type: str
    file_ending: str


JSON = Form("application/x-amz-json-1.1", "")
CBOR = Form("application/x-amz-cbor-1.1", "-cbor")


@dataclass(frozen=True)
class Scenario:
    """One row."""

    name: str
    title: str
    operation: str
    connections: int
    records: int
    """In one request, or at most in one page."""
    record_bytes: int
    unit: str
    """A key of `UNITS`."""
    shards: int = 4
    on_disk: bool = False
    only_headwater: bool = False
    """No other server takes part."""
    transport: Transport | None = None
    """How h2load sends the requests; None: wrk does, on HTTP/1.1."""
    form: Form = JSON
    """Of the bodies."""
    on_one_core: bool = False
    """The server has the first core of the machine to itself, and no other."""
    with_earlier: bool = True
    """An earlier Headwater takes part, if there is one in the run."""
    pages: int = 2
    """That a shard has when it is to be read, in turn."""
    is_usual: bool = True
    """Part of a usual run; else only of one of everything."""

    def is_for(self, server: Server) -> bool:
        """Whether this server takes part."""
        if server.role is Role.EARLIER and not self.with_earlier:
            return False
        if self.only_headwater:
            return server.role in (Role.OURS, Role.EARLIER)
        return not self.on_disk or bool(server.on_disk) or server.role is Role.LIMIT

    def rate(self, records_per_s: float) -> float:
        """In the scenario's unit."""
        return records_per_s * UNITS[self.unit](self.record_bytes)


UNITS: dict[str, Callable[[int], float]] = {
    "requests/s": lambda _: 1.0,  # of one record each
    "records/s": lambda _: 1.0,
    "MB/s": lambda record_bytes: record_bytes / 1e6,
}
"""How much of each a record is."""

PUT, PUTS, GET = "PutRecord", "PutRecords", "GetRecords"


def _by_h2load(name: str, title: str, operation: str, connections: int, transport: Transport) -> Scenario:
    """A row that compares how requests travel: only Headwater is asked."""
    records, unit = (1, "requests/s") if operation == PUT else (500, "records/s")
    return Scenario(
        name,
        f"{title}, by h2load",
        operation,
        connections,
        records,
        100,
        unit,
        only_headwater=True,
        transport=transport,
        with_earlier=not transport.tls,
    )


def _on_one_core(connections: int) -> Scenario:
    return Scenario(
        f"one_core_put_record_{connections}",
        f"PutRecord 100 B, {connections} connection{'s' if connections > 1 else ''}, server on one core",
        PUT,
        connections,
        1,
        100,
        "requests/s",
        on_one_core=True,
        with_earlier=False,
    )


def _in_cbor(
    name: str, title: str, operation: str, connections: int, records: int, pages: int = 2
) -> Scenario:
    """The counterpart of the row of the same name without `_cbor`."""
    unit = "requests/s" if operation == PUT else "records/s"
    shards = 1 if operation == GET else 4
    return Scenario(
        name,
        f"{title}, CBOR",
        operation,
        connections,
        records,
        100,
        unit,
        shards,
        only_headwater=True,
        form=CBOR,
        with_earlier=False,
        pages=pages,
    )


HTTP1, HTTP2 = Transport(http2=False), Transport(http2=True)
HTTP1_TLS, HTTP2_TLS = Transport(http2=False, tls=True), Transport(http2=True, tls=True)

# What is compared stands together: a machine's speed changes from minute to minute.
SCENARIOS = (
    Scenario("put_record_1", "PutRecord 100 B, 1 connection", PUT, 1, 1, 100, "requests/s", is_usual=False),
    Scenario("put_record_16", "PutRecord 100 B, 16 connections", PUT, 16, 1, 100, "requests/s"),
    _in_cbor("put_record_16_cbor", "PutRecord 100 B, 16 connections", PUT, 16, 1),
    Scenario(
        "put_record_64", "PutRecord 100 B, 64 connections", PUT, 64, 1, 100, "requests/s", is_usual=False
    ),
    Scenario(
        "put_record_1000_shards",
        "PutRecord 100 B, 16 connections, 1,000 shards",
        PUT,
        16,
        1,
        100,
        "requests/s",
        shards=1000,
        is_usual=False,
        only_headwater=True,
    ),
    Scenario("put_records_100b", "PutRecords 500 x 100 B, 4 connections", PUTS, 4, 500, 100, "records/s"),
    _in_cbor("put_records_100b_cbor", "PutRecords 500 x 100 B, 4 connections", PUTS, 4, 500),
    Scenario("put_records_10kb", "PutRecords 100 x 10 KB, 4 connections", PUTS, 4, 100, 10_000, "MB/s"),
    Scenario(
        "get_records_100b", "GetRecords 10,000 x 100 B, 1 connection", GET, 1, 10_000, 100, "records/s", 1
    ),
    _in_cbor("get_records_100b_cbor", "GetRecords 10,000 x 100 B, 1 connection", GET, 1, 10_000),
    Scenario(
        "get_records_100b_first",
        "GetRecords 10,000 x 100 B for the first time, 1 connection",
        GET,
        1,
        10_000,
        100,
        "records/s",
        1,
        pages=FIRST_READ_PAGES,
    ),
    _in_cbor(
        "get_records_100b_first_cbor",
        "GetRecords 10,000 x 100 B for the first time, 1 connection",
        GET,
        1,
        10_000,
        FIRST_READ_PAGES,
    ),
    Scenario("get_records_10kb", "GetRecords 1,000 x 10 KB, 1 connection", GET, 1, 1000, 10_000, "MB/s", 1),
    Scenario(
        "durable_put_record",
        "On disk: PutRecord 100 B, 64 connections",
        PUT,
        64,
        1,
        100,
        "requests/s",
        on_disk=True,
    ),
    Scenario(
        "durable_put_records",
        "On disk: PutRecords 500 x 100 B, 4 connections",
        PUTS,
        4,
        500,
        100,
        "records/s",
        on_disk=True,
    ),
    _by_h2load("h2load_put_record_http1", "PutRecord 100 B, 16 connections, HTTP/1.1", PUT, 16, HTTP1),
    _by_h2load("h2load_put_record_http2", "PutRecord 100 B, 16 connections, HTTP/2", PUT, 16, HTTP2),
    _by_h2load(
        "h2load_put_record_streams",
        "PutRecord 100 B, 1 connection of 32 streams, HTTP/2",
        PUT,
        1,
        Transport(http2=True, streams=32),
    ),
    _by_h2load(
        "h2load_put_record_tls1", "PutRecord 100 B, 16 connections, HTTP/1.1, TLS", PUT, 16, HTTP1_TLS
    ),
    _by_h2load("h2load_put_record_tls2", "PutRecord 100 B, 16 connections, HTTP/2, TLS", PUT, 16, HTTP2_TLS),
    _by_h2load("h2load_put_records_http1", "PutRecords 500 x 100 B, 4 connections, HTTP/1.1", PUTS, 4, HTTP1),
    _by_h2load("h2load_put_records_http2", "PutRecords 500 x 100 B, 4 connections, HTTP/2", PUTS, 4, HTTP2),
    *map(_on_one_core, (1, 16, 64)),
)
