"""Files held against the published schemas of their formats."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.source_tree import ROOT

EXAMPLES = ROOT / "examples"


def checked(schema: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    """What a schema that check-jsonschema brings says of files, by one process for all."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def image_variables() -> dict[str, str]:
    """The settings that the Dockerfile gives a server."""
    return dict(
        re.findall(r"^(?:ENV)? +(HEADWATER_\w+)=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    )
