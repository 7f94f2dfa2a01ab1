"""The tutorial of docs/queues.md: two workers share a queue; what fails is set aside, and restored."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunningServer
from tests.tutorials.started_server import plain_environment
from tests.waiting import RETRY_FOR_S, wait_until

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "queues.md").read_text()
TUTORIAL = PAGE[PAGE.index("## A tutorial") : PAGE.index("## A record's life")]
WORKER = re.findall(r"^```python\n(.*?)^```", TUTORIAL, re.DOTALL | re.MULTILINE)[0]
CREATE, WORK, PUT, PUT_BAD, RESTORE = re.findall(r"^```sh\n(.*?)^```", TUTORIAL, re.DOTALL | re.MULTILINE)
BAD = "notes.txt"


class Shell:
    """A user's shell in one folder."""

    def __init__(self, server: RunningServer, folder: Path) -> None:
        self.folder = folder
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {"PATH": path, "AWS_ENDPOINT_URL": server.endpoint_url, "AWS_REGION": "us-east-1"}
        self.variables = plain_environment(folder) | own

    def run(self, commands: str) -> list[str]:
        """The lines that commands of the tutorial write."""
        script = "set -e\n" + re.sub(r"\bheadwater (?=stream|queue|put)", "python -m headwater ", commands)
        ended = subprocess.run(
            ["bash", "-c", script],
            capture_output=True,
            text=True,
            check=False,
            env=self.variables,
            cwd=self.folder,
            timeout=RETRY_FOR_S,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.splitlines()

    @contextmanager
    def working(self) -> Iterator[list[Path]]:
        """What each of the workers writes, as it comes; at the end Ctrl-C stops them, without an error."""
        (self.folder / "worker.py").write_text(WORKER)
        outputs: list[Path] = []
        workers: list[subprocess.Popen[bytes]] = []
        for line in WORK.splitlines():
            outputs.append(self.folder / f"output-{len(outputs)}")
            with outputs[-1].open("wb") as output:
                command = [sys.executable, *line.split()[1:]]
                workers.append(
                    subprocess.Popen(
                        command, stdout=output, stderr=subprocess.STDOUT, env=self.variables, cwd=self.folder
                    )
                )
        try:
            yield outputs
            for worker in workers:
                worker.send_signal(signal.SIGINT)
            assert [worker.wait(RETRY_FOR_S) for worker in workers] == [0] * len(workers)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()


def pictures_of(outputs: list[Path]) -> list[list[str]]:
    """The pictures that each worker says it has done."""
    return [re.findall(r"^worker \w+: (.*)$", output.read_text(), re.MULTILINE) for output in outputs]


@pytest.mark.long
def test_two_workers_share_the_work_and_what_fails_is_set_aside_and_restored(
    server: RunningServer, kinesis: Any, tmp_path: Path
) -> None:
    shell = Shell(server, tmp_path)
    queue = json.loads(shell.run(CREATE)[-1])["QueueARN"]
    with shell.working() as outputs:
        shell.run(PUT)
        wait_until(lambda: sum(map(len, pictures_of(outputs))) >= 40)
        # The first that was ready may have done all of it: there is more until both have some.
        extra: list[str] = []

        def both_have_worked() -> bool:
            if all(pictures_of(outputs)):
                return True
            extra.append(f"more-{len(extra)}.png")
            kinesis.put_record(StreamName="jobs", PartitionKey=extra[-1], Data=extra[-1].encode())
            return False

        wait_until(both_have_worked)
        shell.run(PUT_BAD)
        (dead,) = kinesis.receive_dead_letter_queue_records(
            QueueARN=queue, WaitTimeSeconds=20, VisibilityTimeoutSeconds=0
        )["QueueRecords"]
        # Twice by the workers, and now.
        assert (dead["Data"].decode(), dead["ReceiveCount"]) == (BAD, 3)
        wait_until(lambda: sum(map(len, pictures_of(outputs))) >= 40 + len(extra))
    done = [picture for pictures in pictures_of(outputs) for picture in pictures]
    assert sorted(done) == sorted([*(f"picture-{number}.png" for number in range(1, 41)), *extra])

    look, *rest = RESTORE.splitlines(keepends=True)
    (shown,) = map(json.loads, shell.run(look))
    assert shown["Data"] == BAD
    written = shell.run("".join(rest).replace("RECEIPT", shown["ReceiptHandle"]))
    assert written[-1] == BAD
    assert kinesis.receive_queue_records(QueueARN=queue, WaitTimeSeconds=1)["QueueRecords"] == []
    kinesis.delete_queue(QueueARN=queue)
