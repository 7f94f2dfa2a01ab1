"""A server with a mapping in a process that can be killed: `python -m tests.lambda_.mapped_server DIR OUT`.

Its function writes the key and the data of each record it gets to the file OUT, a line each, and
makes them safe before it answers. The first line of standard output is the server's URL.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from pathlib import Path

from headwater.app import Server
from headwater.config import Config
from headwater.engine.caller import Caller
from headwater.lambda_.event_source_mappings import EventSourceMappings
from headwater.lambda_.mapping_operations import mapping_operations
from tests.lambda_.mapped_stream import Destinations, Event, Functions, data_of

CALLER = Caller("000000000000", "us-east-1")
STREAM_ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"


async def main(data_dir: Path, out: Path) -> None:
    server = Server(Config(ports=(0,), data_dir=data_dir, transition_ms=20, log_level="error"))
    await server.start()
    engine = server._engine
    assert engine is not None
    functions = Functions()
    written = os.open(out, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def write(event: Event) -> None:
        await asyncio.sleep(0.05)  # so that a kill often comes while an invocation is under way
        keys = [record["kinesis"]["partitionKey"] for record in event["Records"]]
        lines = [f"{key} {data}\n" for key, data in zip(keys, data_of(event), strict=True)]
        os.write(written, "".join(lines).encode())

    functions.functions["count"] = write
    mappings = EventSourceMappings(
        engine, functions, Destinations(), lambda _level, text: print(text), lambda: str(uuid.uuid4()), 100
    )
    mappings.open()
    print(server.endpoints[0], flush=True)
    while not mappings.all_current():
        await asyncio.sleep(0.01)
        if engine.stream_count():
            request = {
                "EventSourceArn": STREAM_ARN,
                "FunctionName": "count",
                "StartingPosition": "TRIM_HORIZON",
                "ParallelizationFactor": 2,
                "BatchSize": 20,
            }
            await asyncio.sleep(0.1)
            await mapping_operations(mappings)["CreateEventSourceMapping"](CALLER, request)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
