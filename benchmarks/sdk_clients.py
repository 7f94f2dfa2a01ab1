"""Servers under the load of real SDKs: what a call of theirs takes of the server's CPU.

Each is a program of its own (`sdk_load.mjs`, `sdk_java/`) that uses its SDK as programs do, with its
defaults: on HTTP/2, Java with CBOR. It says when it is ready, and the server's CPU is counted from
then until it says that it has ended.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import HERE, Bench
from benchmarks.installing import NotInstalled, output_of
from benchmarks.kinesis import CallFailed
from benchmarks.results import Figure
from benchmarks.server_process import ServerProcess
from benchmarks.servers import Role, Server

SHARDS = 4
FILLED_CALLS = 200
"""PutRecords of 500 records that a reader finds, in all shards together."""
WORK_TIMEOUT_S = 120.0
JAVASCRIPT = HERE.parent / "tests" / "clients" / "javascript"
"""Where the SDK's version is pinned."""
JAVA = HERE / "sdk_java"
LEAN = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@dataclass(frozen=True)
class Sdk:
    """One row. `command` installs it into a folder, if need be, and gives the beginning of a command."""

    name: str
    command: Callable[[Path], list[str]]
    works: tuple[str, ...]
    """What it is asked to do."""
    compared: str
    """The one of them that an earlier Headwater is asked to serve, too."""


def _javascript(folder: Path) -> list[str]:
    def install() -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(JAVASCRIPT / name, folder)
        output_of(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder)])

    _once(folder, install)
    return ["node", str(HERE / "sdk_load.mjs"), str(folder)]


def _java(folder: Path) -> list[str]:
    def install() -> None:
        shutil.copytree(JAVA, folder, dirs_exist_ok=True)
        output_of(["mvn", "--quiet", "--batch-mode", "--file", str(folder), "package"])

    _once(folder, install)
    target = folder / "target"
    class_path = f"{target / 'classes'}{os.pathsep}{(target / 'classpath').read_text().strip()}"
    return ["java", *LEAN, "-cp", class_path, "headwater.Load"]


def _once(folder: Path, install: Callable[[], None]) -> None:
    """Raises CallFailed."""
    done = folder / "installed"
    if done.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        install()
    except NotInstalled as error:
        raise CallFailed(str(error)) from error
    done.touch()


SDKS = (
    Sdk("javascript", _javascript, ("put", "puts", "get"), compared="put"),
    Sdk("java", _java, ("puts", "get", "fanout"), compared="fanout"),
)


def figure_name(sdk: str, work: str, what: str) -> str:
    """What a figure is called: `what` is `rate` (a second) or `cpu_us` (of the server, for each)."""
    return f"sdk_{sdk}_{work}_{what}"


def load(sdk: Sdk, bench: Bench, server: Server) -> Iterator[Figure]:
    """Everything that an SDK is asked to do, each with a server that was just started."""
    command = sdk.command(bench.scratch / "installed" / f"sdk-{sdk.name}")
    for work in sdk.works if server.role is Role.OURS else (sdk.compared,):
        with bench.start(server) as process:
            process.kinesis.create_stream(work, SHARDS)
            if work == "get":
                _fill(process, work)
            count, seconds, cpu_s = _run([*command, work, work, str(bench.seconds)], bench, process)
        if not count:
            raise CallFailed(f"{sdk.name}: nothing came of {work}")
        yield Figure(figure_name(sdk.name, work, "rate"), server.name, count / seconds)
        yield Figure(figure_name(sdk.name, work, "cpu_us"), server.name, cpu_s / count * 1e6)


def _run(command: list[str], bench: Bench, server: ServerProcess) -> tuple[float, float, float]:
    """How much was done in how many seconds, and the server's CPU. Raises CallFailed."""
    variables = os.environ | {
        "AWS_ENDPOINT_URL_KINESIS": f"http://127.0.0.1:{server.port}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    log = bench.folder("client") / "sdk.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=variables, text=True
        ) as program,
    ):
        watchdog = threading.Timer(WORK_TIMEOUT_S, program.kill)
        watchdog.start()
        try:
            _line(program, "begin", log)
            before_s = server.cpu_s()
            assert program.stdin is not None
            program.stdin.write("\n")
            program.stdin.flush()
            count, seconds = map(float, _line(program, "end", log))
            return count, seconds, server.cpu_s() - before_s
        finally:
            watchdog.cancel()
            program.kill()


def _line(program: subprocess.Popen[str], word: str, log: Path) -> list[str]:
    """What a program says after a word."""
    assert program.stdout is not None
    for line in program.stdout:
        first, *rest = line.split() or [""]
        if first == word:
            return rest
    raise CallFailed(f"{log.stem}: {log.read_text(errors='replace').strip()[-300:]}")


def _fill(server: ServerProcess, stream: str) -> None:
    """Put what there is to read."""
    data = b64encode(b"x" * 100).decode()
    records = [{"Data": data, "PartitionKey": f"key-{number}"} for number in range(500)]
    body = json.dumps({"StreamName": stream, "Records": records})
    for _ in range(FILLED_CALLS):
        server.kinesis.send("PutRecords", body)
