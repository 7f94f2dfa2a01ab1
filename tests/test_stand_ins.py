from __future__ import annotations

import subprocess
import sys

import pytest

START = """
import sys
from headwater.app import stand_ins
with stand_ins.standing_in():
    stand_ins.import_event_loop(with_tls={with_tls})
    import headwater.app.run
"""
NOT_NEEDED = (
    "_hashlib", "asyncio.staggered", "bz2", "click", "configparser", "ctypes", "dataclasses", "email",
    "html", "http", "inspect", "ipaddress", "json", "locale", "logging", "msgspec.inspect", "platform",
    "shutil", "ssl", "string", "subprocess", "textwrap", "tokenize", "urllib.parse",
    "headwater.wire.cbor_format", "headwater.engine.queues.live_queue", "headwater.engine.stream_lifecycle",
    "headwater.api.operations.put_record", "headwater.neighbours.moto", "headwater.server.fault_injection",
)  # fmt: skip


def printed(code: str, *, with_tls: bool = False) -> list[str]:
    """What a process prints that has imported a server as the command line does, and then runs `code`."""
    command = [sys.executable, "-c", START.format(with_tls=with_tls) + code]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


def test_a_server_is_imported_without_what_it_does_not_need() -> None:
    assert printed(f"print(*[name for name in {NOT_NEEDED!r} if name in sys.modules])") == []


def test_a_server_with_tls_has_it() -> None:
    code = "print('ssl' in sys.modules, headwater.app.run.new_event_loop().__class__.__name__)"
    assert printed(code, with_tls=True)[0] == "True"


def test_who_imports_a_module_afterwards_gets_the_real_one() -> None:
    code = """
import bz2, inspect, ipaddress, locale, msgspec.inspect, platform, queue, shutil, ssl, textwrap
print(ssl.create_default_context().__class__.__name__, ssl.SSLWantReadError.__mro__[1] is ssl.SSLError)
print(inspect.signature(print).__class__.__name__, textwrap.dedent(" a"))
print(ipaddress.ip_address("::1").is_loopback, shutil.which("a file that is not there"))
print(platform.python_version() == sys.version.split()[0], msgspec.inspect.type_info(int).__class__.__name__)
"""
    assert printed(code) == ["SSLContext", "True", "Signature", "a", "True", "None", "True", "IntType"]


def test_a_stand_in_has_what_the_real_module_has() -> None:
    code = """
import asyncio, traceback, urllib.parse
async def coroutine(): pass
print(asyncio.iscoroutinefunction(coroutine), asyncio.iscoroutinefunction(print))
print(urllib.parse.urlsplit("http://[::1]/").hostname)
try:
    1 / 0
except ZeroDivisionError:
    print(traceback.format_exc().split()[-1])
"""
    assert printed(code) == ["True", "False", "::1", "zero"]


def test_a_logger_of_the_event_loop_is_the_real_one_when_it_is_asked() -> None:
    code = """
import asyncio.log, concurrent.futures, io, logging, pathlib
said = logging.StreamHandler(io.StringIO())
logging.getLogger("asyncio").addHandler(said)
asyncio.log.logger.warning("of the loop")
concurrent.futures._base.LOGGER.critical("of an executor")
print(said.stream.getvalue().strip(), pathlib.Path("/a b").as_uri())
"""
    assert printed(code) == ["of", "the", "loop", "file:///a%20b"]


def test_the_event_loop_runs_a_process_as_ever() -> None:
    code = """
import asyncio
async def talk():
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    run = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(input()[::-1])", **pipes)
    print((await run.communicate(b"olleh"))[0].decode())
with asyncio.Runner(loop_factory=headwater.app.run.new_event_loop) as runner:
    runner.run(talk())
asyncio.run(talk())
import subprocess
print(subprocess.PIPE == asyncio.subprocess.PIPE, subprocess.STDOUT == asyncio.subprocess.STDOUT)
print(subprocess.DEVNULL == asyncio.subprocess.DEVNULL)
"""
    assert printed(code) == ["hello", "hello", "True", "True", "True"]


def test_modules_that_are_there_keep_their_places() -> None:
    code = """
import ssl, inspect
before = ssl, inspect
with stand_ins.standing_in():
    stand_ins.import_event_loop(with_tls=False)
    print(sys.modules["ssl"] is ssl, sys.modules["inspect"] is inspect)
print((sys.modules["ssl"], sys.modules["inspect"]) == before)
"""
    assert printed(code) == ["True", "True", "True"]


def test_tls_by_the_loop_of_a_server_without_it_is_refused() -> None:
    pytest.importorskip("uvloop")
    code = """
import asyncio, ssl
async def connect():
    try:
        loop, tls = asyncio.get_running_loop(), ssl.create_default_context()
        await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=tls)
    except TypeError as error:
        print(str(error).split()[0])
loop = headwater.app.run.new_event_loop()
loop.run_until_complete(connect())
loop.close()
"""
    assert printed(code) == ["ssl"]
