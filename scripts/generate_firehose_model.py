"""Writes the facts of the Firehose API model to `src/headwater/delivery/firehose/firehose_model.json`.

    python scripts/generate_firehose_model.py            write the file from the installed botocore
    python scripts/generate_firehose_model.py --check    compare instead; exit 1 when they disagree

The rules are those of `generate_api_model.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import botocore
from botocore.loaders import Loader

from generate_api_model import Facts, run, shape_facts

API_VERSION = "2015-08-04"
TARGET = Path(__file__).resolve().parent.parent / "src/headwater/delivery/firehose/firehose_model.json"


def installed_facts() -> Facts:
    """The facts of the installed botocore's Firehose model."""
    service = Loader().load_service_model("firehose", "service-2", API_VERSION)
    return {
        "botocore": botocore.__version__,
        "api_version": API_VERSION,
        "operations": {
            name: {"input": operation["input"]["shape"]}
            for name, operation in sorted(service["operations"].items())
        },
        "shapes": {name: shape_facts(shape) for name, shape in sorted(service["shapes"].items())},
    }


if __name__ == "__main__":
    sys.exit(run("Write the facts of the Firehose API model.", TARGET, installed_facts, "all operations"))
