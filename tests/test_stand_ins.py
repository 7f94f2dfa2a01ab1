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
    "_hashlib", "asyncio.staggered", "bz2", "click", "configparser", "ctypes", "dataclasses", "email", "html",
    "http", "inspect", "ipaddress", "json", "locale", "msgspec.inspect", "platform", "shutil", "ssl",
    "textwrap", "tokenize", "headwater.api.operations.put_record", "headwater.neighbours.moto",
    "headwater.server.fault_injection",
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
