"""A user's test suites, run by a pytest of their own with the fixtures of `headwater.testing`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from importlib.metadata import entry_points
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_tests(folder: Path, suites: dict[str, str]) -> dict[str, int]:
    """Run suites in one pytest, each a file of its own; how many tests of each passed. None may fail."""
    for name, suite in suites.items():
        (folder / f"test_{name}.py").write_text(suite)
    is_installed = any(point.name == "headwater" for point in entry_points(group="pytest11"))
    plugin = [] if is_installed else ["-p", "headwater.testing.plugin"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-W", "error", *plugin, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return Counter(re.findall(r"^test_(\w+)\.py::.* PASSED", ran.stdout, re.MULTILINE))
