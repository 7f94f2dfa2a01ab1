"""Writes AWS's partitions to `src/headwater/model/partition_table.py`.

    python scripts/generate_partitions.py            write the file from the installed botocore
    python scripts/generate_partitions.py --check    compare instead; exit 1 when they disagree

Rules:
- facts only: ids, suffixes of host names, patterns and names of regions;
- a module of Python, not a document: what needs it may read no file;
- a botocore of another version than the recorded one may know more; then only what the file names
  must still be there.
"""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path
from typing import Any

import botocore
from botocore.loaders import Loader

TARGET = Path(__file__).resolve().parent.parent / "src/headwater/model/partition_table.py"
HEADER = '''"""AWS's partitions as botocore {version} has them, by `scripts/generate_partitions.py`."""

BOTOCORE = "{version}"
PARTITIONS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
'''
FOOTER = ''')
"""Of each: id, suffix of host names, pattern of regions, regions that there are."""
'''

Row = tuple[str, str, str, tuple[str, ...]]


def installed_rows() -> list[Row]:
    """The partitions of the installed botocore, in its order."""
    return [_row(partition) for partition in Loader().load_data("partitions")["partitions"]]


def _row(partition: dict[str, Any]) -> Row:
    pattern = partition["regionRegex"].removeprefix("^").removesuffix("$")
    return partition["id"], partition["outputs"]["dnsSuffix"], pattern, tuple(sorted(partition["regions"]))


def render(rows: list[Row]) -> str:
    """The module's text."""
    lines = []
    for identifier, suffix, pattern, regions in rows:
        lines += ["    (", f'        "{identifier}",', f'        "{suffix}",', f'        r"{pattern}",']
        lines += _region_lines(regions)
        lines.append("    ),")
    return HEADER.format(version=botocore.__version__) + "\n".join(lines) + "\n" + FOOTER


def _region_lines(regions: tuple[str, ...]) -> list[str]:
    """As the project's formatter has them."""
    if len(regions) == 1:
        return [f'        ("{regions[0]}",),']
    return ["        (", *(f'            "{region}",' for region in regions), "        ),"]


def disagreements(recorded: list[Row], installed: list[Row], *, same_version: bool) -> list[str]:
    """What keeps the recorded partitions from being those of the installed botocore, in plain words."""
    if same_version:
        return [] if recorded == installed else ["the partitions are not those of the same botocore"]
    by_id = {row[0]: row for row in installed}
    found = []
    for identifier, suffix, _, regions in recorded:
        if identifier not in by_id:
            found.append(f"partition {identifier} is no longer known")
            continue
        if suffix != by_id[identifier][1]:
            found.append(f"partition {identifier} has another suffix: {by_id[identifier][1]}")
        gone = sorted(set(regions) - set(by_id[identifier][3]))
        found += [f"partition {identifier} has lost its region {region}" for region in gone]
    return found


def main() -> int:
    """Run the command line given in the module's text."""
    parser = argparse.ArgumentParser(description="Write AWS's partitions.")
    parser.add_argument("--check", action="store_true", help="compare with the written file, change nothing")
    arguments = parser.parse_args()
    installed = installed_rows()
    if not arguments.check:
        TARGET.write_text(render(installed), encoding="utf-8")
        print(f"{TARGET.name}: botocore {botocore.__version__}, {len(installed)} partitions")
        return 0
    written = runpy.run_path(str(TARGET))
    same_version = written["BOTOCORE"] == botocore.__version__
    found = disagreements(list(written["PARTITIONS"]), installed, same_version=same_version)
    print(
        "\n".join(
            [*found, f"compared with botocore {botocore.__version__}, recorded is {written['BOTOCORE']}"]
        )
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
