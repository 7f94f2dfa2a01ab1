"""The log of writes gives back what was written, whole, and nothing after the first that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.neighbours.keeping.write_log import LogBroken, WriteCall, WriteLog, read_calls


def call(number: int) -> WriteCall:
    return WriteCall("111111111111", "us-east-1", b"DynamoDB_20120810.PutItem", b"%d" % number, 1.5, number)


def test_calls_come_back_in_order(tmp_path: Path) -> None:
    log = WriteLog(tmp_path / "log")
    for written in [log.append(call(number)) for number in range(100)]:
        written.sync()
    assert list(read_calls(tmp_path / "log")) == [call(number) for number in range(100)]


@pytest.mark.parametrize("lost_bytes", [1, 10, 30])
def test_what_a_crash_left_unfinished_is_no_call(tmp_path: Path, lost_bytes: int) -> None:
    log = WriteLog(tmp_path / "log")
    for number in range(3):
        log.append(call(number))
    whole = (tmp_path / "log").read_bytes()
    (tmp_path / "log").write_bytes(whole[:-lost_bytes])
    assert list(read_calls(tmp_path / "log")) == [call(0), call(1)]


def test_nothing_is_read_behind_a_damaged_call(tmp_path: Path) -> None:
    log = WriteLog(tmp_path / "log")
    second = log.append(call(0)).position
    for number in (1, 2):
        log.append(call(number))
    whole = bytearray((tmp_path / "log").read_bytes())
    whole[second + 20] ^= 1
    (tmp_path / "log").write_bytes(whole)
    assert list(read_calls(tmp_path / "log")) == [call(0)]


def test_what_was_written_before_a_log_is_closed_is_safe_and_nothing_is_taken_after(tmp_path: Path) -> None:
    log = WriteLog(tmp_path / "log")
    written = log.append(call(0))
    log.close()
    written.sync()
    with pytest.raises(LogBroken):
        log.append(call(1))
