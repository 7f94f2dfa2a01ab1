"""Handlers in worker processes."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headwater.client import Batch, HandlerFailed, KinesisConsumer
from headwater.client.calls.errors import ConfigurationError
from tests.client import handlers
from tests.client.streams import new_stream
from tests.waiting import RETRY_FOR_S


def put(kinesis: Any, stream: str, count: int) -> None:
    records = [{"PartitionKey": f"key-{number % 10}", "Data": b"%d" % number} for number in range(count)]
    assert kinesis.put_records(StreamName=stream, Records=records)["FailedRecordCount"] == 0


def handled(folder: Path) -> dict[int, list[tuple[str, int]]]:
    """What each process wrote down."""
    return {
        int(path.stem): [
            (key, int(number)) for key, number in (line.split() for line in path.read_text().splitlines())
        ]
        for path in folder.glob("*.handled")
    }


def run_until(consumer: KinesisConsumer, handler: Callable[[Batch], Any], holds: Callable[[], bool]) -> None:
    """Run in this thread while another one looks whether it may stop."""

    def watch() -> None:
        deadline = time.monotonic() + RETRY_FOR_S
        while not holds() and time.monotonic() < deadline:
            time.sleep(0.01)
        consumer.stop()

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    consumer.run(handler)
    watching.join()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(handlers.FOLDER, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("handler", [handlers.write_down, handlers.write_down_later])
def test_each_key_is_handled_in_one_process_in_its_order(
    handler: Callable[[Batch], Any], kinesis: Any, at: dict[str, Any], folder: Path
) -> None:
    stream = new_stream(kinesis, 2)
    put(kinesis, stream, 400)
    consumer = KinesisConsumer(stream, start="TRIM_HORIZON", processes=2, **at)
    run_until(consumer, handler, lambda: sum(map(len, handled(folder).values())) == 400)
    found = handled(folder)
    assert len(found) == 2
    assert os.getpid() not in found
    keys = [{key for key, _ in lines} for lines in found.values()]
    assert not keys[0] & keys[1]
    by_key = defaultdict(list)
    for lines in found.values():
        for key, number in lines:
            by_key[key].append(number)
    assert by_key == {f"key-{key}": list(range(key, 400, 10)) for key in range(10)}


@pytest.mark.long
def test_a_process_that_dies_is_replaced_and_its_batch_comes_again(
    kinesis: Any, at: dict[str, Any], folder: Path
) -> None:
    stream = new_stream(kinesis)
    put(kinesis, stream, 20)
    consumer = KinesisConsumer(stream, start="TRIM_HORIZON", processes=1, **at)
    run_until(consumer, handlers.die_once, lambda: bool(handled(folder)))
    (lines,) = handled(folder).values()
    assert [number for _, number in lines] == list(range(20))
    assert consumer.stats().handler_errors == 1


def test_what_a_handler_raises_there_is_told_here(kinesis: Any, at: dict[str, Any], folder: Path) -> None:
    stream = new_stream(kinesis)
    put(kinesis, stream, 1)
    consumer = KinesisConsumer(stream, start="TRIM_HORIZON", processes=1, retries=0, **at)
    with pytest.raises(HandlerFailed, match="refused in another process") as failure:
        consumer.run(handlers.refuse)
    assert isinstance(failure.value.__cause__, ValueError)


def test_a_handler_that_cannot_be_imported_is_refused(kinesis: Any, at: dict[str, Any]) -> None:
    stream = new_stream(kinesis)
    consumer = KinesisConsumer(stream, processes=1, **at)
    with pytest.raises(ConfigurationError, match="top of a module"):
        consumer.run(lambda _batch: None)
