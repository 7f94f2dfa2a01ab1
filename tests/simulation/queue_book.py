"""What a queue's answers may be: a plain model of every record, told of each call as it takes effect.

It knows when each record was handed out last and for how long, by which handle, and what was settled. What
it holds against the answers:

- no record is handed out while the visibility of its last delivery lasts, but for a crash between;
- what was acknowledged by its latest handle is never seen again; a dead letter is not received as a record;
- counts go up by one with each receive, but for a crash, a restore or a death between;
- nothing past retention is handed out;
- in the end every record that was stored is acknowledged, dead, waiting, or past retention.
"""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from tests.simulation.simulated_server import Flight, SimulatedServer

RETENTION_MS = 86_400_000
State = Literal["alive", "dead", "acknowledged"]


@dataclass
class ExpectedRecord:
    """One record."""

    text: str
    stored: bool = False
    """Whether its producer was told so. If not, it may be there."""
    stored_ms: int = 0
    """The earliest time at which it can have arrived."""
    state: State = "alive"
    uncertain: bool = False
    """Whether a call was lost that may have settled it."""
    handle: str | None = None
    """Of the latest delivery."""
    crashes: int = -1
    """How many there had been at that delivery."""
    until_ms: int = 0
    """When its visibility ends."""
    receives: int = 0
    record_id: str | None = None
    delivered_step: int = -1


class QueueBook:
    """All records of one queue."""

    def __init__(self, server: SimulatedServer) -> None:
        self._server = server
        self.records: dict[str, ExpectedRecord] = {}
        self.by_handle: dict[str, ExpectedRecord] = {}
        self.timeout_s: set[int] = set()
        """The visibility timeouts that may be the queue's own now."""
        self.counts: set[int | None] = set()
        """The counts at which a record may have died."""
        self.giving_back: Counter[str] = Counter()
        """Records that calls under way may free before the caller is told, by text."""
        self.deliveries = 0

    # What the calls did

    def put(self, texts: list[str], flight: Flight) -> None:
        """Records were put, or may have been."""
        for text in texts:
            record = self.records[text]
            record.stored_ms = flight.least_ms
            record.stored = flight.code is None

    def received(self, flight: Flight, *, is_dead: bool) -> None:
        """A receive has given something."""
        if flight.code is not None:
            return
        now_ms = self._server.clock.now_ms()
        timeout_s = flight.members.get("VisibilityTimeoutSeconds")
        shortest_s = min(self.timeout_s) if timeout_s is None else timeout_s
        assert len(flight.answer["QueueRecords"]) <= flight.members["Limit"]
        for given in flight.answer["QueueRecords"]:
            self._deliver(given, now_ms, now_ms + 1000 * shortest_s, is_dead=is_dead)

    def _deliver(self, given: dict[str, Any], now_ms: int, until_ms: int, *, is_dead: bool) -> None:
        text = b64decode(given["Data"]).decode()
        record, count = self.records[text], given["ReceiveCount"]
        is_freed = bool(self.giving_back[text])
        arrival_ms = round(given["ApproximateArrivalTimestamp"] * 1000)
        same_life = record.crashes == self._server.crashes
        where = f"{record}, given at {now_ms}: {given}"
        assert record.state != "acknowledged", f"an acknowledged record comes again: {where}"
        assert arrival_ms >= now_ms - RETENTION_MS, f"past retention: {where}"
        assert not same_life or is_freed or now_ms >= record.until_ms, f"two have it at once: {where}"
        assert record.record_id in (None, given["RecordId"]), f"another record id: {where}"
        assert given["ReceiptHandle"] not in self.by_handle, f"a handle comes twice: {where}"
        if is_dead:
            assert count > self._least_count(), f"a dead letter that was received too seldom: {where}"
            if same_life:
                assert count == record.receives + 1, f"a wrong count: {where}"
            record.state = "dead"
        else:
            if is_freed and record.state == "dead":  # by a restore that is about to be told
                record.state, record.receives = "alive", 0
            assert record.state == "alive" or record.uncertain, f"a dead letter as a record: {where}"
            if same_life and record.state == "alive" and not record.uncertain:
                assert count == record.receives + 1, f"a wrong count: {where}"
            if None not in self.counts:
                assert count <= max(limit or 0 for limit in self.counts), f"received too often: {where}"
            record.state = "alive"
        record.receives, record.record_id, record.until_ms = count, given["RecordId"], until_ms
        record.handle, record.crashes = given["ReceiptHandle"], self._server.crashes
        record.uncertain, record.delivered_step = False, self._server.step
        self.by_handle[record.handle] = record
        self.deliveries += 1

    def _least_count(self) -> int:
        """After so many receives a record may be dead."""
        return min((limit for limit in self.counts if limit is not None), default=0)

    def settled(self, flight: Flight, verdict: Literal["acknowledge", "restore"], *, is_dead: bool) -> None:
        """Handles were used."""
        handles = [entry["ReceiptHandle"] for entry in flight.members["Entries"]]
        if flight.code is not None:
            if flight.code == "ConnectionLost":
                for handle in handles:
                    self.by_handle[handle].uncertain = True
            return
        failed = {entry["ReceiptHandle"] for entry in flight.answer["Failed"]}
        assert len(flight.answer["Successful"]) + len(flight.answer["Failed"]) == len(handles)
        restored: list[str] = []
        for handle in handles:
            record = self.by_handle[handle]
            if record.text in restored or not self._counts(handle, record):
                continue
            if handle in failed:
                self._refused(record, flight, is_dead=is_dead)
            elif verdict == "acknowledge" and (record.state == "dead") is is_dead:
                record.state = "acknowledged"
            elif verdict == "acknowledge":  # it may have died since, before a crash
                record.uncertain = record.uncertain or record.crashes < self._server.crashes
            elif verdict == "restore":
                may_have_died = record.state == "dead" or record.receives >= self._least_count()
                assert may_have_died, f"what was no dead letter is restored: {record}"
                record.state, record.receives, record.until_ms = "alive", 0, 0
                restored.append(record.text)

    def _counts(self, handle: str, record: ExpectedRecord) -> bool:
        """Whether a handle is the latest; after a crash any one counts until the next receive."""
        is_forgotten = record.crashes < self._server.crashes
        is_known = not record.uncertain and record.state != "acknowledged"
        return is_known and (record.handle == handle or is_forgotten)

    def _refused(self, record: ExpectedRecord, flight: Flight, *, is_dead: bool) -> None:
        """The latest handle may be refused when the record has died, or is past retention."""
        may_have_died = not is_dead
        is_old = record.stored_ms <= flight.most_ms - RETENTION_MS
        changed_since = is_dead and record.state != "dead"
        assert may_have_died or is_old or changed_since, f"refused without a reason: {record} {flight.answer}"
        if may_have_died and not is_old:
            record.state = "dead"

    def visibility(self, flight: Flight) -> None:
        """Handles were given more or less time."""
        if flight.code is not None:
            return
        now_ms = self._server.clock.now_ms()
        successful = {entry["ReceiptHandle"] for entry in flight.answer["Successful"]}
        for entry in flight.members["Entries"]:
            handle = entry["ReceiptHandle"]
            if handle in successful:
                record = self.by_handle[handle]
                if record.handle != handle:
                    assert record.delivered_step >= flight.started, f"an older handle holds on: {record}"
                    continue
                assert record.state != "acknowledged", f"an acknowledged record is held: {record}"
                record.until_ms = now_ms + 1000 * entry["VisibilityTimeoutSeconds"]

    def updated(self, flight: Flight) -> None:
        """The queue has, or may have, or will have, other attributes."""
        attributes = flight.members["QueueAttributes"]
        if flight.code is None or flight.code == "ConnectionLost":
            self.timeout_s.add(attributes["VisibilityTimeoutSeconds"])
            self.counts.add(attributes["DeadLetterConfiguration"].get("MaxReceiveCount"))

    # In the end

    def check_whole(self, alive: set[str], dead: set[str], now_ms: int) -> None:
        """Everything is somewhere: `alive` and `dead` are all that could be received."""
        for record in self.records.values():
            is_old = record.stored_ms <= now_ms - RETENTION_MS
            if record.text in alive or record.text in dead:
                assert record.state != "acknowledged", f"an acknowledged record is there: {record}"
            elif record.stored and not is_old and not record.uncertain:
                assert record.state == "acknowledged", f"a record is lost: {record}"
