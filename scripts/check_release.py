"""Whether the tree is that of a release: `make release-check` asks before all that takes long, and after it.

Each fault is a line; the exit code is 1 if there is one. What is left to a person is said, and is no fault.
"""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from headwater import __version__  # noqa: E402 - of this tree, whatever is installed

PLACEHOLDER = "headwater.example"
"""Stands for the project's address until it has one: names below .example belong to nobody."""
ENTRY = re.compile(r"^## (\d+\.\d+\.\d+) - (\d{4}-\d{2}-\d{2})$", re.MULTILINE)


def changelog_faults(changelog: str, version: str, today: date) -> list[str]:
    """What is wrong with the changelog of a version that is to be released."""
    entry = ENTRY.search(changelog)
    if entry is None or entry[1] != version:
        return [f"CHANGELOG.md: the first entry behind Unreleased is not {version} with a date"]
    faults = []
    if date.fromisoformat(entry[2]) > today:
        faults.append(f"CHANGELOG.md: {version} is of {entry[2]}, which is to come")
    before = changelog[: entry.start()]
    if "## Unreleased" not in before:
        faults.append("CHANGELOG.md: nothing is there for what comes next: ## Unreleased")
    if re.search(r"^- ", before, re.MULTILINE):
        faults.append(f"CHANGELOG.md: what is under Unreleased belongs to {version}, or to no release")
    return faults


def dist_faults(names: list[str], version: str) -> list[str]:
    """What is wrong with the names of what was built."""
    wanted = {f"headwater-{version}-py3-none-any.whl", f"headwater-{version}.tar.gz"}
    return [] if set(names) == wanted else [f"dist/ has {', '.join(sorted(names)) or 'nothing'}: make dist"]


def git(*arguments: str) -> str:
    """What git says."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def tree_faults(version: str) -> list[str]:
    """What keeps the tree from being tagged."""
    faults = [f"not committed: {line}" for line in git("status", "--porcelain").splitlines()]
    if git("tag", "--list", f"v{version}").strip():
        faults.append(f"the tag v{version} is there already: what changes has another version")
    return faults


def main(when: str) -> int:
    """Look at the tree before everything else, or after it at what was built."""
    if when == "before":
        today = datetime.now(UTC).date()
        faults = changelog_faults((ROOT / "CHANGELOG.md").read_text(), __version__, today)
    else:
        built = ROOT / "dist"
        faults = dist_faults([path.name for path in built.iterdir()] if built.is_dir() else [], __version__)
    faults += tree_faults(__version__)
    print("\n".join(faults) if faults else f"{__version__}: nothing is wrong {when} all other checks")
    if PLACEHOLDER in (ROOT / "pyproject.toml").read_text():
        print(f"left to you: the project's addresses in pyproject.toml are still those of {PLACEHOLDER}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
