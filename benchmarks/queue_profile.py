"""What receiving ten records of a queue and acknowledging them is made of, as `put_profile` has it of a put.

    python -m benchmarks.queue_profile

Half of the connections receive while the others acknowledge, in turn.
"""

from __future__ import annotations

import re
import socket
from contextlib import ExitStack

from benchmarks.kinesis import Kinesis
from benchmarks.put_profile import CONNECTIONS, HEAD, TURNS, WARM_UP_TURNS, print_profile
from benchmarks.queues import STREAM, filling, new_queue
from headwater.config import Config

AT_ONCE = 10
"""Records of a call."""
RECEIVE = '{{"QueueARN":"{arn}","Limit":10,"WaitTimeSeconds":1}}'
ACKNOWLEDGE = '{{"QueueARN":"{arn}","Entries":[{entries}]}}'
ENTRY = '{{"ReceiptHandle":"{handle}"}}'
HANDLE = re.compile(r'"ReceiptHandle":"([^"]*)"')


class Worker:
    """A connection that receives and acknowledges."""

    def __init__(self, port: int, arn: str) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port))
        self._arn = arn
        self._handles: list[str] = []

    def ask(self) -> None:
        """Send the next call."""
        entries = ",".join(ENTRY.format(handle=handle) for handle in self._handles)
        body = (ACKNOWLEDGE if entries else RECEIVE).format(arn=self._arn, entries=entries)
        operation = "AcknowledgeQueueRecords" if entries else "ReceiveQueueRecords"
        head = HEAD.replace("PutRecord", operation).format(size=len(body))
        self.connection.sendall((head + body).encode())

    def hear(self) -> None:
        """Read its answer, which comes in one piece."""
        answer = self.connection.recv(65536).decode()
        handles = HANDLE.findall(answer)
        if " 200 " not in answer or len(handles) != AT_ONCE:
            raise SystemExit(f"not the answer: {answer}")
        self._handles = [] if self._handles else handles


class QueueWork:
    """The queue, made when there is a server, and its workers' turns."""

    def __init__(self) -> None:
        self._arn = ""

    def __call__(self, port: int, turns: int) -> None:
        """Let every worker make so many calls."""
        self._arn = self._arn or _filled_queue(port)
        with ExitStack() as stack:
            workers = [Worker(port, self._arn) for _ in range(CONNECTIONS)]
            for worker in workers:
                stack.enter_context(worker.connection)
            _turn(workers[: CONNECTIONS // 2])
            for _ in range(turns - 1):
                _turn(workers)


def _turn(workers: list[Worker]) -> None:
    for worker in workers:
        worker.ask()
    for worker in workers:
        worker.hear()


def _filled_queue(port: int) -> str:
    kinesis = Kinesis(port)
    stream_arn, put = filling(kinesis)
    put(AT_ONCE * CONNECTIONS * (WARM_UP_TURNS + TURNS))
    return new_queue(kinesis, stream_arn, STREAM)


def main() -> None:
    """Print the table."""
    print_profile(QueueWork(), Config(ports=(0,)), TURNS * CONNECTIONS / 2)


if __name__ == "__main__":
    main()
