"""The part of `put_to_push.py` without an SDK: what is left is the server and two processes that wait.

python -m benchmarks.put_to_push_sockets write STREAM RATE BATCH RECORDS    puts, then prints the rate
python -m benchmarks.put_to_push_sockets read CONSUMER_ARN RECORDS          prints "subscribed", then ms
python -m benchmarks.put_to_push_sockets receive QUEUE_ARN RECORDS          of a queue: prints ms
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import struct
import sys
import time
from urllib.parse import urlsplit

from benchmarks.kinesis import Kinesis, ask
from benchmarks.put_to_push import RECORD_BYTES, SHARD

READ_BYTES = 65_536
DATA = re.compile(rb'"Data":"([^"]*)"')


def write(kinesis: Kinesis, stream: str, rate: int, batch: int, records: int) -> None:
    """Put records at a steady rate; the first bytes of each are the time of its put."""
    connection = kinesis.connect()
    begin = time.monotonic()
    for sent in range(0, records, batch):
        time.sleep(max(0.0, begin + sent / rate - time.monotonic()))
        data = base64.b64encode(time.monotonic_ns().to_bytes(8, "little").ljust(RECORD_BYTES, b"\0")).decode()
        entry = f'{{"PartitionKey":"key","Data":"{data}"}}'
        if batch == 1:
            ask(connection, "PutRecord", f'{{"StreamName":"{stream}",{entry[1:]}')
        else:
            ask(
                connection,
                "PutRecords",
                f'{{"StreamName":"{stream}","Records":[{",".join([entry] * batch)}]}}',
            )
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    print(records / (time.monotonic() - begin))


def read(kinesis: Kinesis, consumer_arn: str, records: int) -> None:
    """Say when subscribed; then print the milliseconds that each record took."""
    connection = kinesis.connect()
    start = {"ConsumerARN": consumer_arn, "ShardId": SHARD, "StartingPosition": {"Type": "LATEST"}}
    ask(connection, "SubscribeToShard", json.dumps(start))
    answer = connection.getresponse()
    assert answer.status == 200
    took_ms: list[float] = []
    received = b""
    announced = False
    while len(took_ms) < records:
        received += answer.read1(READ_BYTES)
        now_ns = time.monotonic_ns()
        while len(received) >= 4 and len(received) >= (size := struct.unpack_from(">I", received)[0]):
            message, received = received[:size], received[size:]
            for data in DATA.findall(message):
                put_ns = int.from_bytes(base64.b64decode(data)[:8], "little")
                took_ms.append((now_ns - put_ns) / 1e6)
            if b"SubscribeToShardEvent" in message and not announced:
                print("subscribed", flush=True)
                announced = True
    print(json.dumps(took_ms))


def receive(kinesis: Kinesis, queue_arn: str, records: int) -> None:
    """A worker that waits, and acknowledges what it receives: the milliseconds that each record took."""
    connection = kinesis.connect()
    took_ms: list[float] = []
    while len(took_ms) < records:
        ask(connection, "ReceiveQueueRecords", json.dumps({"QueueARN": queue_arn, "WaitTimeSeconds": 20}))
        # When the answer is there: what this client takes to parse it is none of the server's time. Of pushed
        # events, too, only the bytes are waited for.
        connection.sock.recv(1, socket.MSG_PEEK)
        now_ns = time.monotonic_ns()
        text = connection.getresponse().read()
        received = json.loads(text)["QueueRecords"]
        for record in received:
            put_ns = int.from_bytes(base64.b64decode(record["Data"])[:8], "little")
            took_ms.append((now_ns - put_ns) / 1e6)
        entries = [{"ReceiptHandle": record["ReceiptHandle"]} for record in received]
        if entries:
            ask(
                connection, "AcknowledgeQueueRecords", json.dumps({"QueueARN": queue_arn, "Entries": entries})
            )
            assert connection.getresponse().read()
    print(json.dumps(took_ms))


if __name__ == "__main__":
    port = urlsplit(os.environ["AWS_ENDPOINT_URL_KINESIS"]).port
    assert port is not None
    if sys.argv[1] == "write":
        write(Kinesis(port), sys.argv[2], *map(int, sys.argv[3:]))
    elif sys.argv[1] == "receive":
        receive(Kinesis(port), sys.argv[2], int(sys.argv[3]))
    else:
        read(Kinesis(port), sys.argv[2], int(sys.argv[3]))
