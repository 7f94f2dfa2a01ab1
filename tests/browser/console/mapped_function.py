"""Functions that a stream's records are given to."""

from __future__ import annotations

from typing import Any

from tests.lambda_.function_server import zipped

COUNTS = "def handler(event, context):\n    print('got', len(event['Records']), 'apples')\n"


def make_mapping(
    lambda_: Any, stream_arn: str, name: str = "count-apples", code: str = COUNTS, **members: Any
) -> None:
    """Create a function, and map the stream to it from the first record on; the client is closed."""
    lambda_.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="code.handler",
        Role="arn:aws:iam::000000000000:role/any",
        Code={"ZipFile": zipped({"code.py": code})},
    )
    lambda_.get_waiter("function_active_v2").wait(FunctionName=name)
    lambda_.create_event_source_mapping(
        FunctionName=name, EventSourceArn=stream_arn, StartingPosition="TRIM_HORIZON", **members
    )
    lambda_.close()
