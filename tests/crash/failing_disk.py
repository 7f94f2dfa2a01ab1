"""A disk under a real server that fails when a test says so: `failing_disk.c`, before the C library."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).with_suffix(".c")


class Fault(NamedTuple):
    """What fails, and how; see `failing_disk.c`."""

    operation: str
    code: int = errno.EIO
    lands: bool = False


class FailingDisk:
    """Give a server its `variables`."""

    def __init__(self, folder: Path) -> None:
        compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
        if compiler is None or sys.platform != "linux":
            pytest.skip("needs Linux and a C compiler")
        self._faults = folder / "faults"
        library = folder / "failing_disk.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        self.variables = {"LD_PRELOAD": str(library), "FAILING_DISK": str(self._faults)}

    def fail(self, *faults: Fault) -> None:
        """From now on only these operations fail; none if none is named."""
        new = self._faults.with_suffix(".new")
        new.write_text("".join(f"{name} {code} {lands:d}\n" for name, code, lands in faults))
        new.replace(self._faults)
