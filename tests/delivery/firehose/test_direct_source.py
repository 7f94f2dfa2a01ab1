"""What was put directly, read once more: no more than the batch had."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TypeVar, cast

import pytest

from headwater.delivery.batch_plan import ShardPlace
from headwater.delivery.context import DeliveryContext
from headwater.delivery.firehose.direct_source import DirectPutSource
from headwater.delivery.source import SourcePage
from headwater.followers.loop_share import LoopShare
from headwater.model.completion import Completion
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import Change, Entry, Post, Store
from headwater.storage.lmdb.back_end import LmdbBackEnd
from headwater.storage.memory_store import MemoryStore

LOG = 7
RECORDS = (b"record",) * 10
T = TypeVar("T")


async def done(completion: Completion[T]) -> T:
    return await completion


def opened(kind: str, post: Post) -> Store:
    if kind == "memory":
        return MemoryStore(post)
    return LmdbBackEnd().open(None, post, log_error=print, post_from_thread=None).store


@pytest.mark.parametrize("kind", ["memory", "lmdb"])
def test_a_batch_whose_beginning_is_gone_ends_where_it_ended(kind: str) -> None:
    async def read_again() -> int:
        store = opened(kind, cast("Post", asyncio.get_running_loop().call_soon))
        await finished(done(store.commit(Change({}, create_logs=(LOG,)))))
        await finished(done(store.append([Entry(LOG, 1_000, RECORDS)])))
        await finished(done(store.trim(LOG, 3)))
        engine = SimpleNamespace(store=store)
        source = DirectPutSource(
            cast("DeliveryContext", SimpleNamespace(engine=engine, turns=LoopShare())), LOG
        )
        pages: list[SourcePage] = []
        await source.again(lambda _: 0, {LOG: ShardPlace(6)}, pages.append)
        store.close()
        return sum(map(len, pages))

    assert asyncio.run(read_again()) == 3
