"""Reads an Iceberg table over S3 by DuckDB itself: `read_table.py <metadata location> <query>`.

The query's `events` is the table. The extensions are files that are installed already: nothing is
downloaded. Prints the rows of the answer as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

EXTENSIONS = ("httpfs", "avro", "iceberg")


def path_of(extension: str) -> Path:
    """The file of an extension, of the version of this DuckDB."""
    package = find_spec(f"duckdb_extension_{extension}")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "extensions" / f"v{duckdb.__version__}"
    return folder / f"{extension}.duckdb_extension"


def main() -> None:
    location, query = sys.argv[1:]
    database = duckdb.connect(
        config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    )
    for extension in EXTENSIONS:
        database.execute(f"LOAD '{path_of(extension)}'")
    database.execute(
        f"""
        CREATE SECRET (
            TYPE s3, URL_STYLE 'path', USE_SSL false,
            ENDPOINT '{urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc}',
            KEY_ID '{os.environ["AWS_ACCESS_KEY_ID"]}', SECRET '{os.environ["AWS_SECRET_ACCESS_KEY"]}',
            REGION '{os.environ["AWS_REGION"]}'
        )
        """
    )
    database.execute(f"CREATE VIEW events AS SELECT * FROM iceberg_scan('{location}')")
    json.dump(database.execute(query).fetchall(), sys.stdout, default=str)


if __name__ == "__main__":
    main()
