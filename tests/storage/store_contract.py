"""What every store must do: each sentence of `headwater.storage.interface` as a test.

A store's own test module derives a class from `StoreContract`, or from `UnsharedStoreContract` when nobody
shares the store, and overrides the fixture `store`; one that needs an event loop overrides `inbox`, too.
Every test ends with the store's own check.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import pytest

from headwater.model.completion import Completion, begun
from headwater.storage.interface import (
    END_MS,
    Change,
    Extent,
    LogPage,
    Metadata,
    Outcome,
    Placed,
    Store,
    StoreUnavailable,
)
from tests.storage.inbox import Inbox
from tests.storage.records import StoredRecord, entry, payloads, positions, records


class Tip(NamedTuple):
    """Where a reader is told that a log begins and ends, and whether that is for good."""

    first: int
    next: int
    sealed: bool


def numbered(page: LogPage | None) -> list[tuple[int, bytes]]:
    """The records of a page, whenever they arrived."""
    return [(record.position, record.payload) for record in records(page)]


class StoreContract:
    takes_appends_at_once: ClassVar[bool] = False
    """An append has its place when its call returns; its completion is resolved then."""

    @pytest.fixture
    def inbox(self) -> Inbox:
        return Inbox()

    @pytest.fixture
    def store(self, inbox: Inbox) -> Iterator[Store]:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _every_test_ends_with_a_check(self, store: Store, inbox: Inbox) -> Iterator[None]:
        yield
        if not self.is_closed(store):
            inbox.run(store.commit(Change({})))
            assert store.check() == []
            store.close()
        inbox.run_posted()

    def is_closed(self, store: Store) -> bool:
        try:
            store.metadata()
        except StoreUnavailable:
            return True
        return False

    def create(self, store: Store, inbox: Inbox, *log_ids: int) -> None:
        assert inbox.run(store.commit(Change({}, create_logs=log_ids)))

    def fill(self, store: Store, inbox: Inbox, log_id: int, count: int) -> None:
        """Records `b"0"`, `b"1"`, … that arrived, where the store takes that time, at 1000, 1010, …."""
        self.create(store, inbox, log_id)
        entries = [entry(log_id, 1000 + 10 * i, str(i).encode()) for i in range(count)]
        assert positions(inbox.run(store.append(entries))) == list(range(count))

    def tip(self, store: Store, inbox: Inbox, log_id: int) -> Tip | None:
        page, extent = inbox.run(store.read(log_id, 0, 1, 1)), store.extent(log_id)
        if page is None or extent is None:
            assert page is None
            assert extent is None
            return None
        return Tip(page.first, page.next, extent.sealed)

    def known_at_once(self) -> list[str]:
        """What is resolved when the call returns."""
        return ["append"] if self.takes_appends_at_once else []

    # Logs

    def test_a_new_store_is_empty(self, store: Store) -> None:
        assert store.metadata() == {}
        assert store.extent(1) is None

    def test_a_new_log_is_empty_and_open(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 7)
        assert self.tip(store, inbox, 7) == Tip(0, 0, sealed=False)

    def test_creating_a_log_that_exists_leaves_it_alone(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 3)
        self.create(store, inbox, 1)
        assert self.tip(store, inbox, 1) == Tip(0, 3, sealed=False)

    @pytest.mark.parametrize("log_id", [0, 1, 2**32, 2**64 - 1])
    def test_any_number_of_64_bits_names_a_log(self, store: Store, inbox: Inbox, log_id: int) -> None:
        self.fill(store, inbox, log_id, 2)
        assert payloads(inbox.run(store.read(log_id, 0, 10, 1000))) == [b"0", b"1"]

    # Appending

    def test_one_append_serves_many_logs(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1, 2)
        appended = store.append([entry(1, 5, b"a"), entry(2, 5, b"b"), entry(1, 6, b"c")])
        assert positions(inbox.run(appended)) == [0, 0, 1]
        assert payloads(inbox.run(store.read(1, 0, 10, 1000))) == [b"a", b"c"]
        assert payloads(inbox.run(store.read(2, 0, 10, 1000))) == [b"b"]

    def test_an_entry_resolves_to_the_position_of_its_first_record(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1, 2)
        appended = store.append([entry(1, 5, b"a", b"b"), entry(2, 5, b"c", b"d", b"e"), entry(1, 6, b"f")])
        assert positions(inbox.run(appended)) == [0, 0, 2]
        assert positions(inbox.run(store.append([entry(2, 6, b"g"), entry(1, 6, b"h", b"i")]))) == [3, 3]
        assert payloads(inbox.run(store.read(1, 0, 10, 1000))) == [b"a", b"b", b"f", b"h", b"i"]
        assert payloads(inbox.run(store.read(2, 0, 10, 1000))) == [b"c", b"d", b"e", b"g"]

    def test_an_entry_resolves_to_the_arrival_that_is_read_back(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        placed = inbox.run(store.append([entry(1, 5, b"a", b"b"), entry(1, 7, b"c")]))
        read = records(inbox.run(store.read(1, 0, 10, 1000)))
        arrivals = {record.position: record.time_ms for record in read}
        for outcome in placed:
            assert isinstance(outcome, Placed)
            assert arrivals[outcome.position] == outcome.time_ms
        assert arrivals[1] == arrivals[0]

    def test_a_sealed_log_refuses_all_records_of_an_entry(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1, 2)
        inbox.run(store.commit(Change({}, seal_logs=[1])))
        assert positions(inbox.run(store.append([entry(1, 5, b"a", b"b"), entry(2, 5, b"c")]))) == [None, 0]
        assert payloads(inbox.run(store.read(1, 0, 10, 1000))) == []

    def test_an_append_of_nothing_resolves_to_nothing(self, store: Store, inbox: Inbox) -> None:
        assert positions(inbox.run(store.append([]))) == []

    def test_a_log_that_does_not_exist_takes_no_record(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        assert positions(inbox.run(store.append([entry(2, 5, b"a"), entry(1, 5, b"b")]))) == [None, 0]
        assert store.extent(2) is None

    def test_a_sealed_log_takes_no_record_but_the_others_do(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1, 2)
        inbox.run(store.commit(Change({}, seal_logs=[1])))
        assert positions(inbox.run(store.append([entry(1, 5, b"a"), entry(2, 5, b"b")]))) == [None, 0]
        assert self.tip(store, inbox, 1) == Tip(0, 0, sealed=True)

    def test_changing_the_passed_list_afterwards_changes_nothing(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        entries = [entry(1, 5, b"a")]
        appended = store.append(entries)
        entries.append(entry(1, 5, b"b"))
        assert positions(inbox.run(appended)) == [0]

    @pytest.mark.parametrize("size", [0, 1, 2000, 5000, 1_048_576])
    def test_a_payload_comes_back_as_it_was(self, store: Store, inbox: Inbox, size: int) -> None:
        self.create(store, inbox, 1)
        payload = bytes(range(256)) * (size // 256 + 1)
        inbox.run(store.append([entry(1, 5, payload[:size]), entry(1, 6, b"after")]))
        read = inbox.run(store.read(1, 0, 10, 10_000_000))
        assert numbered(read) == [(0, payload[:size]), (1, b"after")]

    # Order and atomicity of commits

    def test_an_append_before_its_log_is_created_finds_no_log(self, store: Store, inbox: Inbox) -> None:
        early = store.append([entry(1, 5, b"a")])
        self.create(store, inbox, 1)
        assert positions(early.result()) == [None]

    def test_completions_resolve_in_the_order_of_the_calls(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        order: list[int] = []
        calls: list[Completion[list[Outcome]]] = [store.append([entry(1, 5, b"")]) for _ in range(20)]
        for index, call in enumerate(calls):
            call.on_done(lambda index=index: order.append(index))  # type: ignore[misc]  # a default argument
        inbox.run_until(lambda: len(order) == 20)
        assert order == list(range(20))

    def test_nobody_is_told_of_anything_inside_the_call_itself(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        inbox.run_posted()
        news: list[str] = []
        store.watch(1, lambda: news.append("watcher"))
        store.append([entry(1, 5, b"a")]).on_done(lambda: news.append("append"))
        store.commit(Change({"key": b"value"})).on_done(lambda: news.append("commit"))
        store.trim(1, 1).on_done(lambda: news.append("trim"))
        assert news == self.known_at_once()
        inbox.run_until(lambda: {"append", "commit", "trim", "watcher"} <= set(news))

    def test_one_key_can_be_looked_up(self, store: Store, inbox: Inbox) -> None:
        made = inbox.run(store.commit(Change({"a": b"1", "b": b"2"})))
        inbox.run(store.catch_up())
        assert store.metadata_of("a") == Metadata(made, b"1")
        assert store.metadata_of("c") is None

    def test_a_waiter_may_call_the_store_again(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)

        async def three_in_a_row() -> list[Outcome]:
            outcomes: list[Outcome] = []
            for _ in range(3):
                outcomes += await store.append([entry(1, 5, b"a")])
            return outcomes

        assert positions(inbox.run(three_in_a_row())) == [0, 1, 2]

    def test_a_waiter_that_raises_does_not_harm_the_others(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        bad, good = store.append([entry(1, 5, b"a")]), store.append([entry(1, 5, b"b")])

        def fail() -> None:
            raise KeyError("a mistake of the waiter")

        def wait() -> None:
            bad.on_done(fail)
            inbox.run(good)

        with pytest.raises(KeyError, match="a mistake of the waiter"):
            wait()
        assert positions(inbox.run(good)) == [1]

    # Metadata

    def test_metadata_counts_its_versions(self, store: Store, inbox: Inbox) -> None:
        made = inbox.run(store.commit(Change({"a": b"1", "b": b""})))
        later = inbox.run(store.commit(Change({"a": b"2", "c": b"3"})))
        assert made > 0
        assert store.metadata() == {
            "a": Metadata(made + 1, b"2"),
            "b": Metadata(made, b""),
            "c": Metadata(later, b"3"),
        }

    def test_a_removed_key_that_is_made_anew_has_the_version_that_its_maker_is_told(
        self, store: Store, inbox: Inbox
    ) -> None:
        inbox.run(store.commit(Change({"a": b"1"})))
        inbox.run(store.commit(Change({"a": b"2"})))
        assert inbox.run(store.commit(Change({"a": None, "never": None})))
        assert store.metadata() == {}
        made = inbox.run(store.commit(Change({"a": b"3"})))
        assert store.metadata() == {"a": Metadata(made, b"3")}

    def test_what_was_expected_of_a_removed_key_does_not_hold_for_one_of_its_name(
        self, store: Store, inbox: Inbox
    ) -> None:
        if not store.is_shared:
            return  # nobody else could have removed it
        before = {inbox.run(store.commit(Change({"a": b"1"})))}
        before.add(max(before) + (inbox.run(store.commit(Change({"a": b"2"}))) > 0))
        inbox.run(store.commit(Change({"a": None})))
        inbox.run(store.commit(Change({"a": b"3"})))
        inbox.run(store.commit(Change({"a": b"4"})))
        for version in before:
            assert inbox.run(store.commit(Change({"a": b"5"}, {"a": version}))) == 0

    def test_the_answer_of_metadata_is_a_copy(self, store: Store, inbox: Inbox) -> None:
        made = inbox.run(store.commit(Change({"a": b"1"})))
        store.metadata().clear()
        assert store.metadata() == {"a": Metadata(made, b"1")}

    @pytest.mark.parametrize("key", ["a/b c", "ключ", "k" * 511])
    def test_keys_are_text(self, store: Store, inbox: Inbox, key: str) -> None:
        made = inbox.run(store.commit(Change({key: b"1"})))
        assert store.metadata() == {key: Metadata(made, b"1")}

    @pytest.mark.parametrize("key", ["", "k" * 512])
    def test_an_empty_or_overlong_key_is_the_callers_mistake(self, store: Store, key: str) -> None:
        with pytest.raises(ValueError, match="a metadata key has 1 to 511 bytes"):
            store.commit(Change({key: b"1"}))

    def test_a_large_value_comes_back_as_it_was(self, store: Store, inbox: Inbox) -> None:
        value = bytes(range(256)) * 5000
        inbox.run(store.commit(Change({"a": value})))
        assert store.metadata()["a"].value == value

    def test_a_change_with_the_expected_versions_is_made(self, store: Store, inbox: Inbox) -> None:
        made = inbox.run(store.commit(Change({"a": b"1"}, expected={"a": 0})))
        assert inbox.run(store.commit(Change({"a": b"2"}, expected={"a": made, "b": 0})))
        assert store.metadata() == {"a": Metadata(made + 1, b"2")}

    @pytest.mark.parametrize("beside", [{"a": -1}, {"a": 1}, {"a": 0, "b": 1}])
    def test_a_change_with_other_versions_changes_nothing(
        self, store: Store, inbox: Inbox, beside: dict[str, int]
    ) -> None:
        self.create(store, inbox, 1, 2)
        made = inbox.run(store.commit(Change({"a": b"1"})))
        expected = {key: other + (made if key == "a" else 0) for key, other in beside.items()}
        change = Change({"a": b"2", "c": b"3"}, expected, create_logs=[3], seal_logs=[1], delete_logs=[2])
        assert inbox.run(store.commit(change)) == 0
        assert store.metadata() == {"a": Metadata(made, b"1")}
        for log_id in (1, 2):
            assert self.tip(store, inbox, log_id) == Tip(0, 0, sealed=False)
        assert store.extent(3) is None

    def test_of_two_rivals_in_one_commit_the_first_wins(self, store: Store, inbox: Inbox) -> None:
        first = store.commit(Change({"a": b"first"}, expected={"a": 0}))
        second = store.commit(Change({"a": b"second"}, expected={"a": 0}))
        assert inbox.run(second) == 0
        assert first.result() > 0
        assert store.metadata() == {"a": Metadata(first.result(), b"first")}

    # Sealing and deleting

    def test_sealing_keeps_the_records_readable(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 3)
        inbox.run(store.commit(Change({}, seal_logs=[1])))
        assert self.tip(store, inbox, 1) == Tip(0, 3, sealed=True)
        assert payloads(inbox.run(store.read(1, 0, 10, 100))) == [b"0", b"1", b"2"]

    def test_sealing_twice_or_a_missing_log_is_harmless(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        assert inbox.run(store.commit(Change({}, seal_logs=[1, 1, 5])))
        assert inbox.run(store.commit(Change({}, seal_logs=[1])))
        assert self.tip(store, inbox, 1) == Tip(0, 0, sealed=True)
        assert store.extent(5) is None

    def test_a_log_can_be_made_and_sealed_in_one_commit(self, store: Store, inbox: Inbox) -> None:
        assert inbox.run(store.commit(Change({}, create_logs=[1], seal_logs=[1])))
        assert self.tip(store, inbox, 1) == Tip(0, 0, sealed=True)
        assert positions(inbox.run(store.append([entry(1, 5, b"late")]))) == [None]

    def test_a_deleted_log_is_gone_at_once(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 3)
        self.fill(store, inbox, 2, 3)
        assert inbox.run(store.commit(Change({}, delete_logs=[1, 5])))
        assert store.extent(1) is None
        assert payloads(inbox.run(store.read(1, 0, 10, 100))) == []
        assert positions(inbox.run(store.append([entry(1, 2000, b"late")]))) == [None]
        assert payloads(inbox.run(store.read(2, 0, 10, 100))) == [b"0", b"1", b"2"]

    def test_logs_and_metadata_change_in_one_commit(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1, 2)
        change = Change({"a": b"1"}, create_logs=[3], seal_logs=[1], delete_logs=[2])
        made = inbox.run(store.commit(change))
        assert store.metadata() == {"a": Metadata(made, b"1")}
        assert self.tip(store, inbox, 1) == Tip(0, 0, sealed=True)
        assert store.extent(2) is None
        assert self.tip(store, inbox, 3) == Tip(0, 0, sealed=False)

    # Reading

    def test_reading_starts_at_the_position_asked_for(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 5)
        read = inbox.run(store.read(1, 3, 10, 100))
        assert numbered(read) == [(3, b"3"), (4, b"4")]

    def test_reading_at_or_past_the_end_finds_nothing(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 5)
        self.fill(store, inbox, 2, 5)
        assert payloads(inbox.run(store.read(1, 5, 10, 100))) == []
        assert payloads(inbox.run(store.read(1, 2**40, 10, 100))) == []

    def test_reading_a_log_that_does_not_exist_finds_nothing(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 2, 5)
        assert payloads(inbox.run(store.read(1, 0, 10, 100))) == []

    def test_reading_stops_at_the_number_of_records(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 5)
        assert payloads(inbox.run(store.read(1, 1, 2, 100))) == [b"1", b"2"]
        assert payloads(inbox.run(store.read(1, 1, 0, 100))) == []

    @pytest.mark.parametrize(("max_bytes", "count"), [(0, 1), (9, 1), (10, 1), (19, 1), (20, 2), (31, 3)])
    def test_reading_stops_at_the_number_of_bytes_but_gives_one_record(
        self, store: Store, inbox: Inbox, max_bytes: int, count: int
    ) -> None:
        self.create(store, inbox, 1)
        inbox.run(store.append([entry(1, 5, b"x" * 10)] * 5))
        inbox.run(store.append([entry(1, 6, b"x" * 10)] * 5))
        assert len(records(inbox.run(store.read(1, 0, 10, max_bytes)))) == count
        assert len(records(inbox.run(store.read(1, 4, 10, max_bytes)))) == count

    @pytest.mark.parametrize("size", [1, 3_000, 50_000, 200_000])
    def test_any_part_of_what_was_appended_together_can_be_read(
        self, store: Store, inbox: Inbox, size: int
    ) -> None:
        self.create(store, inbox, 1)
        sent = [bytes([65 + at]) * size for at in range(8)]
        placed = inbox.run(store.append([entry(1, 5, *sent[:6]), entry(1, 7, *sent[6:])]))
        early_ms, late_ms = (outcome.time_ms for outcome in placed if isinstance(outcome, Placed))
        for begin in range(9):
            for end in range(begin, 9):
                read = inbox.run(store.read(1, begin, end - begin, 10_000_000))
                expected = [
                    StoredRecord(at, early_ms if at < 6 else late_ms, sent[at]) for at in range(begin, end)
                ]
                assert records(read) == expected

    def test_reading_stops_between_records_that_were_appended_together(
        self, store: Store, inbox: Inbox
    ) -> None:
        self.create(store, inbox, 1)
        inbox.run(store.append([entry(1, 5, b"a" * 10, b"b" * 10, b"c" * 30, b"d")]))
        assert payloads(inbox.run(store.read(1, 0, 10, 49))) == [b"a" * 10, b"b" * 10]
        assert payloads(inbox.run(store.read(1, 2, 10, 5))) == [b"c" * 30]
        assert payloads(inbox.run(store.read(1, 2, 10, 31))) == [b"c" * 30, b"d"]

    def test_a_page_says_where_its_log_began_and_ended(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 5)
        inbox.run(store.trim(1, 2))
        for position, count in ((0, 1), (3, 1), (5, 0), (9, 0)):
            page = inbox.run(store.read(1, position, 1, 100))
            assert page is not None
            assert (len(payloads(page)), page.first, page.next) == (count, 2, 5)

    def test_a_log_that_does_not_exist_has_no_page(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 1)
        inbox.run(store.commit(Change({}, delete_logs=[1])))
        assert inbox.run(store.read(1, 0, 1, 100)) is None
        assert inbox.run(store.read(2, 0, 1, 100)) is None

    # Finding by time

    def test_finding_gives_the_first_record_of_a_time_or_later(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        arrivals: list[int] = []
        for at in range(3):
            (placed,) = inbox.run(store.append([entry(1, 1000 + 10 * at, b"%d" % at)]))
            assert isinstance(placed, Placed)
            arrivals.append(placed.time_ms)
            inbox.pass_time(0.01)
        assert arrivals == sorted(set(arrivals))
        for at, time_ms in enumerate(arrivals):
            assert inbox.run(store.find(1, time_ms)) == at
            assert inbox.run(store.find(1, time_ms + 1)) == at + 1
        inbox.run(store.trim(1, 2))
        assert inbox.run(store.find(1, arrivals[0])) == 2

    def test_finding_in_an_empty_or_missing_log_gives_its_next_position(
        self, store: Store, inbox: Inbox
    ) -> None:
        self.fill(store, inbox, 1, 3)
        inbox.run(store.trim(1, 3))
        assert inbox.run(store.find(1, 0)) == 3
        assert inbox.run(store.find(2, 0)) == 0

    def test_the_end_of_a_log_is_where_its_next_record_goes(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 3)
        assert inbox.run(store.find(1, END_MS)) == 3
        inbox.run(store.trim(1, 3))
        inbox.run(store.commit(Change({}, seal_logs=[1])))
        assert inbox.run(store.find(1, END_MS)) == 3

    # Trimming

    def test_trimmed_records_are_gone_for_readers(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 5)
        assert inbox.run(store.trim(1, 3)) is None
        assert self.tip(store, inbox, 1) == Tip(3, 5, sealed=False)
        assert payloads(inbox.run(store.read(1, 0, 10, 100))) == [b"3", b"4"]

    def test_trimming_stops_at_the_end(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 5)
        inbox.run(store.trim(1, 99))
        assert self.tip(store, inbox, 1) == Tip(5, 5, sealed=False)
        assert positions(inbox.run(store.append([entry(1, 2000, b"on")]))) == [5]
        assert payloads(inbox.run(store.read(1, 0, 10, 100))) == [b"on"]

    def test_trimming_less_than_before_or_a_missing_log_is_harmless(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 5)
        inbox.run(store.trim(1, 3))
        inbox.run(store.trim(1, 1))
        inbox.run(store.trim(2, 1))
        assert self.tip(store, inbox, 1) == Tip(3, 5, sealed=False)
        assert store.extent(2) is None

    def test_a_sealed_log_can_be_trimmed(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 5)
        inbox.run(store.commit(Change({}, seal_logs=[1])))
        inbox.run(store.trim(1, 5))
        assert self.tip(store, inbox, 1) == Tip(5, 5, sealed=True)

    def test_a_large_trim_leaves_the_rest_readable(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 12_000)
        self.fill(store, inbox, 2, 10)
        inbox.run(store.trim(1, 11_990))
        assert positions(inbox.run(store.append([entry(1, 999_999, b"on")]))) == [12_000]
        inbox.run_posted()
        assert len(payloads(inbox.run(store.read(1, 0, 100, 1000)))) == 11
        assert len(payloads(inbox.run(store.read(2, 0, 100, 1000)))) == 10

    # Watching

    def test_a_watcher_is_told_when_a_log_has_grown_was_sealed_and_deleted(
        self, store: Store, inbox: Inbox
    ) -> None:
        """It may be told of nothing new, too; that it has begun to watch, for example."""
        self.create(store, inbox, 1)
        heard: list[str] = []
        end = store.watch(1, lambda: heard.append("a"))
        changes: tuple[Callable[[], Completion[Any]], ...] = (
            lambda: store.append([entry(1, 5, b"a")]),
            lambda: store.commit(Change({}, seal_logs=[1])),
            lambda: store.commit(Change({}, delete_logs=[1])),
        )
        for make in changes:
            heard.clear()
            inbox.run(make())
            inbox.run_until(lambda: bool(heard))
        end()
        end()

    def test_who_has_ended_a_watch_is_told_nothing_more(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        heard: list[str] = []
        store.watch(1, lambda: heard.append("a"))()
        store.watch(1, lambda: heard.append("b"))
        inbox.run(store.append([entry(1, 5, b"a")]))
        inbox.run_until(lambda: "b" in heard)
        assert "a" not in heard

    def test_a_log_that_does_not_exist_yet_can_be_watched(self, store: Store, inbox: Inbox) -> None:
        heard: list[str] = []
        store.watch(1, lambda: heard.append("a"))
        self.create(store, inbox, 1)
        inbox.run(store.append([entry(1, 5, b"a")]))
        inbox.run_until(lambda: bool(heard))

    # Extents

    def test_extents_are_found_in_the_order_in_which_they_are_asked_for(
        self, store: Store, inbox: Inbox
    ) -> None:
        self.create(store, inbox, 1, 2)
        inbox.run(store.append([entry(1, 5, b"a", b"b", b"c")]))
        inbox.run(store.trim(1, 1))
        first, missing, second = inbox.run(store.find_extents([1, 3, 2]))
        assert missing is None
        assert first is not None
        assert second is not None
        assert (first.first, first.next, second.first, second.next) == (1, 3, 0, 0)
        assert store.extent(1) == first

    def test_no_extents_are_asked_for(self, store: Store, inbox: Inbox) -> None:
        assert inbox.run(store.find_extents([])) == []

    # Closing

    def test_a_closed_store_refuses_every_call(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        store.close()
        appended = store.append([entry(1, 5, b"a")])
        failed: list[str] = []
        appended.on_done(lambda: failed.append("append"))
        assert failed == []
        for completion in (appended, store.commit(Change({"key": b"value"})), store.trim(1, 1)):
            with pytest.raises(StoreUnavailable, match=r"The store is closed\."):
                inbox.run(completion)
        asked: tuple[Awaitable[object], ...] = (
            store.read(1, 0, 1, 1),
            store.find(1, 0),
            store.find_extents([1]),
        )
        for awaitable in asked:
            with pytest.raises(StoreUnavailable, match=r"The store is closed\."):
                inbox.run(awaitable)
        with pytest.raises(StoreUnavailable):
            store.extent(1)
        with pytest.raises(StoreUnavailable):
            store.watch(1, lambda: None)
        with pytest.raises(StoreUnavailable):
            store.check()

    def test_closing_twice_is_harmless(self, store: Store, inbox: Inbox) -> None:
        end = store.watch(1, lambda: None)
        store.close()
        store.close()
        end()
        inbox.run_posted()


class UnsharedStoreContract(StoreContract):
    """What only a store promises that nobody shares: one order of all calls, times as given, no gaps."""

    def settle(self, store: Store, inbox: Inbox) -> None:
        """All that was called before has happened, and everybody has been told."""
        inbox.run(store.commit(Change({})))

    def test_positions_count_up_from_zero_without_a_gap(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        first = store.append([entry(1, 5, b"a"), entry(1, 5, b"b")])
        second = store.append([entry(1, 6, b"c")])
        assert positions(inbox.run(first)) == [0, 1]
        assert positions(inbox.run(second)) == [2]
        assert store.extent(1) == Extent(0, 3, 6, sealed=False)

    def test_an_entry_resolves_to_the_arrival_that_is_read_back(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        outcomes = inbox.run(store.append([entry(1, 5, b"a", b"b"), entry(1, 7, b"c")]))
        assert outcomes == [Placed(0, 5), Placed(2, 7)]
        read = records(inbox.run(store.read(1, 0, 10, 1000)))
        assert [record.time_ms for record in read] == [5, 5, 7]

    def test_calls_take_effect_in_their_order(self, store: Store, inbox: Inbox) -> None:
        created = store.commit(Change({}, create_logs=[1]))
        before = store.append([entry(1, 5, b"before")])
        sealed = store.commit(Change({}, seal_logs=[1]))
        after = store.append([entry(1, 6, b"after")])
        assert positions(inbox.run(after)) == [None]
        assert created.result()
        assert sealed.result()
        assert positions(before.result()) == [0]
        assert store.extent(1) == Extent(0, 1, 5, sealed=True)

    def test_nothing_happens_inside_the_call_itself(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        inbox.run_posted()
        news: list[str] = []
        store.watch(1, lambda: news.append("watcher"))
        store.append([entry(1, 5, b"a")]).on_done(lambda: news.append("append"))
        store.commit(Change({"key": b"value"})).on_done(lambda: news.append("commit"))
        store.trim(1, 1).on_done(lambda: news.append("trim"))
        assert news == self.known_at_once()
        if not self.takes_appends_at_once:
            assert store.extent(1) == Extent(0, 0, 0, sealed=False)
            assert payloads(inbox.run(store.read(1, 0, 10, 100))) == []
        assert store.metadata() == {}
        inbox.run_until(lambda: len(news) == 4)
        assert set(news) == {"append", "commit", "trim", "watcher"}

    def test_a_change_is_seen_as_soon_as_its_completion_resolves(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        seen: list[object] = []
        appended = store.append([entry(1, 5, b"a")])
        appended.on_done(lambda: seen.append(store.extent(1)))
        self.settle(store, inbox)
        assert seen == [Extent(0, 1, 5, sealed=False)]

    def test_a_log_may_come_and_go_in_one_commit(self, store: Store, inbox: Inbox) -> None:
        store.commit(Change({}, create_logs=[1]))
        appended = store.append([entry(1, 5, b"a")])
        inbox.run(store.commit(Change({}, delete_logs=[1])))
        assert positions(appended.result()) == [0]
        assert store.extent(1) is None

    @pytest.mark.parametrize(
        ("time_ms", "position"), [(0, 0), (1000, 0), (1001, 1), (1010, 1), (1049, 5), (1090, 9), (1091, 10)]
    )
    def test_finding_gives_the_first_record_at_or_after_a_time(
        self, store: Store, inbox: Inbox, time_ms: int, position: int
    ) -> None:
        self.fill(store, inbox, 1, 10)
        assert inbox.run(store.find(1, time_ms)) == position

    def test_finding_gives_the_first_of_those_that_arrived_together(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        inbox.run(store.append([entry(1, time_ms, b"") for time_ms in (1, 5, 5, 5, 5, 9)]))
        assert inbox.run(store.find(1, 5)) == 1

    def test_finding_looks_into_what_was_appended_together(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        inbox.run(store.append([entry(1, 5, b"a", b"b", b"c"), entry(1, 7, b"d"), entry(1, 9, b"e", b"f")]))
        inbox.run(store.append([entry(1, 9, b"g")]))
        assert [inbox.run(store.find(1, time_ms)) for time_ms in range(4, 11)] == [0, 0, 3, 3, 4, 4, 7]
        inbox.run(store.trim(1, 2))
        assert [inbox.run(store.find(1, time_ms)) for time_ms in (0, 5, 6)] == [2, 2, 3]

    def test_finding_passes_over_trimmed_records(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 10)
        inbox.run(store.trim(1, 4))
        assert inbox.run(store.find(1, 0)) == 4

    def test_trimming_parts_what_was_appended_together(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        inbox.run(store.append([entry(1, 5, b"a", b"b", b"c"), entry(1, 6, b"d")]))
        inbox.run(store.trim(1, 2))
        assert store.extent(1) == Extent(2, 4, 6, sealed=False)
        assert records(inbox.run(store.read(1, 0, 10, 100))) == [
            StoredRecord(2, 5, b"c"),
            StoredRecord(3, 6, b"d"),
        ]

    def test_a_trim_counts_the_appends_before_it(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        store.append([entry(1, 5, b"a"), entry(1, 5, b"b")])
        trimmed = store.trim(1, 2)
        store.append([entry(1, 6, b"c")])
        inbox.run(trimmed)
        self.settle(store, inbox)
        assert store.extent(1) == Extent(2, 3, 6, sealed=False)

    def test_a_watcher_hears_of_appends_seals_and_deletion(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1, 2)
        heard: list[Extent | None] = []
        store.watch(1, lambda: heard.append(store.extent(1)))
        inbox.run(store.append([entry(1, 5, b"a")]))
        inbox.run(store.commit(Change({}, seal_logs=[1])))
        inbox.run(store.commit(Change({}, delete_logs=[1])))
        self.settle(store, inbox)
        assert heard == [Extent(0, 1, 5, sealed=False), Extent(0, 1, 5, sealed=True), None]

    def test_a_watcher_hears_once_of_each_commit(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        inbox.run_posted()
        heard: list[str] = []
        store.watch(1, lambda: heard.append("a"))
        store.watch(1, lambda: heard.append("b"))
        store.append([entry(1, 5, b"a"), entry(1, 5, b"b")])
        inbox.run(store.append([entry(1, 5, b"c")]))
        self.settle(store, inbox)
        assert heard == ["a", "b"]

    def test_a_watcher_reads_at_once_what_a_later_reader_finds(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1, 2)
        inbox.run_posted()
        read: list[list[Any]] = []
        position, bounds = 0, iter([(9, 999), (1, 999), (9, 999), (9, 3), (9, 999)])

        async def follow() -> None:
            nonlocal position
            page = await store.read(1, position, *next(bounds))
            read.append(records(page))
            position += len(records(page))

        reads: list[Completion[None]] = []
        store.watch(1, lambda: reads.append(begun(follow())))
        for entries in (
            [entry(1, 5, b"ab", b"cd")],
            [entry(1, 6, b"ef", b"gh"), entry(2, 6, b"x")],
            [entry(1, 7, b"ij")],
            [entry(1, 8, b"kl", b"mn")],
            [entry(1, 9, b"op"), entry(1, 10, b"qr")],
        ):
            inbox.run(store.append(entries))
            self.settle(store, inbox)
        for each in reads:
            inbox.run(each)
        assert [len(found) for found in read] == [2, 1, 2, 1, 3]
        whole = records(inbox.run(store.read(1, 0, 9, 999)))
        assert [record for found in read for record in found] == whole

    def test_a_watcher_does_not_hear_of_other_things(self, store: Store, inbox: Inbox) -> None:
        self.fill(store, inbox, 1, 5)
        self.fill(store, inbox, 2, 5)
        heard: list[str] = []
        store.watch(1, lambda: heard.append("a"))
        inbox.run(store.append([entry(2, 2000, b"a")]))
        inbox.run(store.trim(1, 3))
        inbox.run(store.commit(Change({"key": b"value"}, create_logs=[3])))
        inbox.run(store.commit(Change({}, expected={"key": 9}, seal_logs=[1])))
        self.settle(store, inbox)
        assert heard == []

    def test_an_ended_watch_hears_nothing_more(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        heard: list[str] = []
        end_a = store.watch(1, lambda: heard.append("a"))
        store.watch(1, lambda: heard.append("b"))
        end_a()
        end_a()
        inbox.run(store.append([entry(1, 5, b"a")]))
        self.settle(store, inbox)
        assert heard == ["b"]

    def test_a_watcher_may_end_watches_and_call_the_store(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        heard: list[str] = []

        def first() -> None:
            heard.append("first")
            end_second()
            store.append([])

        store.watch(1, first)
        end_second = store.watch(1, lambda: heard.append("second"))
        inbox.run(store.append([entry(1, 5, b"a")]))
        self.settle(store, inbox)
        assert heard == ["first"]

    def test_a_log_can_be_watched_before_it_exists(self, store: Store, inbox: Inbox) -> None:
        heard: list[str] = []
        store.watch(1, lambda: heard.append("a"))
        self.create(store, inbox, 1)
        inbox.run(store.append([entry(1, 5, b"a")]))
        self.settle(store, inbox)
        assert heard == ["a"]

    def test_closing_finishes_what_was_called_before(self, store: Store, inbox: Inbox) -> None:
        self.create(store, inbox, 1)
        appended = store.append([entry(1, 5, b"a")])
        changed = store.commit(Change({"key": b"value"}))
        trimmed = store.trim(1, 1)
        done: list[str] = []
        appended.on_done(lambda: done.append("append"))
        store.close()
        assert done == self.known_at_once()
        assert positions(inbox.run(appended)) == [0]
        assert inbox.run(changed) > 0
        inbox.run(trimmed)
