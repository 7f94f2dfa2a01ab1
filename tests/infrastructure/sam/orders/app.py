"""Tells a queue of every order: what it was and, to be told apart from its successor, by whom."""

import base64
import json
import os
from typing import Any

import boto3

TOLD_BY = "the first"


def handler(event: dict[str, Any], _context: Any) -> None:
    """Take a batch; an order that is broken fails it."""
    queue = boto3.client("sqs")
    for record in event["Records"]:
        order = json.loads(base64.b64decode(record["kinesis"]["data"]))
        if order.get("broken"):
            raise ValueError("a broken order")
        queue.send_message(QueueUrl=os.environ["SEEN"], MessageBody=f"{order['number']} by {TOLD_BY}")
