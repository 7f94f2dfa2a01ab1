"""What the figures were measured on, as far as it explains them; no name, no path.

Linux only, like the bench: it reads `/proc`.
"""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

SYNCS = 50


def describe(folder: Path) -> dict[str, str]:
    """Each fact under its name. The disk is that of `folder`."""
    memory_kib = int(_value_of("MemTotal", "/proc/meminfo").split()[0])
    return {
        "CPU": f"{_value_of('model name', '/proc/cpuinfo')}, {os.cpu_count()} cores",
        "Memory": f"{memory_kib / 2**20:.1f} GiB",
        "Disk": f"{_synced_write_ms(folder):.2f} ms for a synced write of 4 KiB (median)",
        "Kernel": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _value_of(name: str, path: str) -> str:
    """The first of a name in a file of names, colons and values; 0 when there is none."""
    with Path(path).open() as file:
        pairs = (line.split(":", 1) for line in file if ":" in line)
        return next((value.strip() for key, value in pairs if key.strip() == name), "0")


def _synced_write_ms(folder: Path) -> float:
    took_ms = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            begin = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            took_ms.append((time.perf_counter() - begin) * 1000)
    return statistics.median(took_ms)
