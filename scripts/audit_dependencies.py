"""Whether something is known against the versions of the packages that Headwater is installed with.

Asks pip-audit about what `pip install 'headwater[tls]'` brings, in the versions that are installed
here; tools for tests and checks are not what users get. pip-audit is kept in a folder of its own, so
that the environment stays as it is. Ends with 1 when something is known. Where pip-audit or its data
cannot be had, as without a network, it says so and ends with 0: that is no finding.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGE, EXTRA = "headwater", "tls"
PIP_AUDIT = "pip-audit>=2.9,<3"
TOOLS = Path(sys.prefix) / "audit-tools"
TIMEOUT_S = 300


def main() -> int:
    """Audit; returns the exit code."""
    installed = dict(installed_versions(PACKAGE, EXTRA))
    found, reason = audit([f"{name}=={number}" for name, number in sorted(installed.items())])
    if found is None:
        print(f"the dependencies were not audited: {reason}")
        return 0
    return report(found["dependencies"])


def report(packages: list[dict[str, Any]]) -> int:
    """Say what is known against packages, and which could not be looked up; 1 when something is known."""
    skipped = [package for package in packages if "skip_reason" in package]
    if len(skipped) == len(packages):
        print("the dependencies were not audited: the registry in use has no data about them")
        return 0
    for package in skipped:
        print(f"not audited: {package['skip_reason']}")
    known = [(package, fault) for package in packages for fault in package.get("vulns", ())]
    for package, fault in known:
        mended = ", ".join(fault["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {fault['id']}, mended in {mended}")
    if known:
        return 1
    print(f"nothing is known against {len(packages) - len(skipped)} of {len(packages)} packages")
    return 0


def installed_versions(package: str, extra: str = "") -> Iterator[tuple[str, str]]:
    """What a package needs, directly or not, as far as it is installed."""
    seen: set[str] = set()
    waiting = [(package, extra)]
    while waiting:
        name, wanted = waiting.pop()
        for line in requires(name) or ():
            requirement = Requirement(line)
            needed = canonicalize_name(requirement.name)
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": wanted})
            if not applies or needed in seen:
                continue
            seen.add(needed)
            try:
                yield needed, version(needed)
            except PackageNotFoundError:
                continue
            waiting.append((needed, ",".join(requirement.extras)))


def audit(requirements: list[str]) -> tuple[dict[str, Any] | None, str]:
    """What pip-audit has found; else `None` and why it has not looked."""
    if not (TOOLS / "pip_audit").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(TOOLS), PIP_AUDIT]
        installed = _run(command)
        if installed.returncode != 0:
            return None, f"pip-audit cannot be had: {_last_line(installed.stderr)}"
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "requirements.txt"
        listed.write_text("\n".join(requirements))
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(listed), "--no-deps"]
        command += ["--disable-pip", "--format", "json", "--progress-spinner", "off"]
        audited = _run(command)
    try:
        found: dict[str, Any] = json.loads(audited.stdout)
    except ValueError:
        return None, _last_line(audited.stderr)
    return found, ""


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(TOOLS)}
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S, env=environment
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {TIMEOUT_S} s")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"


if __name__ == "__main__":
    sys.exit(main())
