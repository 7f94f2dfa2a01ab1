"""What `make release-check` finds before a release goes out."""

from __future__ import annotations

import runpy
from datetime import date
from pathlib import Path

import pytest

from headwater import __version__

ROOT = Path(__file__).resolve().parent.parent
CHECK = runpy.run_path(str(ROOT / "scripts" / "check_release.py"))
TODAY = date(2026, 11, 29)
GOOD = "# Changelog\n\n## Unreleased\n\n### Added\n\n## 0.2.0 - 2026-11-29\n\n### Added\n\n- A server.\n"


def test_the_changelog_has_an_entry_of_the_present_version_and_room_for_the_next() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    version, day = CHECK["ENTRY"].findall(changelog)[0]
    assert version == __version__
    assert CHECK["changelog_faults"](changelog, __version__, date.fromisoformat(day)) in (
        [],
        [f"CHANGELOG.md: what is under Unreleased belongs to {__version__}, or to no release"],
    )


@pytest.mark.parametrize(
    ("written", "instead", "fault"),
    [
        ("0.2.0", "0.1.0", "is not 0.2.0 with a date"),
        (" - 2026-11-29", "", "is not 0.2.0 with a date"),
        ("2026-11-29", "2026-11-30", "is to come"),
        ("## Unreleased", "## Later", "nothing is there for what comes next"),
        ("### Added\n\n## 0.2.0", "### Added\n\n- More.\n\n## 0.2.0", "what is under Unreleased"),
    ],
)
def test_a_changelog_that_is_not_ready_is_told(written: str, instead: str, fault: str) -> None:
    assert CHECK["changelog_faults"](GOOD, "0.2.0", TODAY) == []
    (found,) = CHECK["changelog_faults"](GOOD.replace(written, instead, 1), "0.2.0", TODAY)
    assert fault in found


def test_what_was_built_has_the_version() -> None:
    built = ["headwater-0.2.0-py3-none-any.whl", "headwater-0.2.0.tar.gz"]
    assert CHECK["dist_faults"](built, "0.2.0") == []
    assert CHECK["dist_faults"](built, "0.3.0") != []
    assert CHECK["dist_faults"]([], "0.2.0") == ["dist/ has nothing: make dist"]
