"""`headwater import`: put records that `headwater export`, or `headwater tail` in a pipe, has written.

Partition keys and data are those of the lines; shards and sequence numbers are new. What holds
for lines in `headwater put` holds here: their order is kept, and one that cannot be stored is
named and does not stop the others.
"""

from __future__ import annotations

import json
import uuid
from base64 import b64decode
from pathlib import Path

import click

from headwater.cli.connection import ServerConnection, with_connection
from headwater.cli.put import BatchSender, put_lines
from headwater.cli.table import draws, json_option


@click.command("import", short_help="Put records that were exported.")
@click.argument("stream")
@click.argument("path", metavar="[FILE]", required=False, type=click.Path(exists=True, path_type=Path))
@json_option
@with_connection
def import_records(connection: ServerConnection, *, stream: str, path: Path | None, as_json: bool) -> None:
    """Put the records of a file, or of standard input, into a stream.

    STREAM is a name or an ARN. Each line is a JSON object with PartitionKey, and with Data, which is
    text, or DataBase64; other members are passed over. A record that had no partition key gets a
    random one.
    """
    put_lines(BatchSender(connection, stream, None), path, read_exported, is_drawn=draws(as_json))


def read_exported(line: bytes) -> tuple[bytes, str]:
    """Data and partition key of an exported record. Raises ValueError when it is none."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - the line's fault, not the caller's
    key = record.get("PartitionKey")
    if key is None:
        key = uuid.uuid4().hex
    text, base64_text = record.get("Data"), record.get("DataBase64")
    if not isinstance(key, str) or (text is None) == (base64_text is None):
        raise ValueError("not a record: it needs a PartitionKey, and either Data or DataBase64")
    if isinstance(text, str):
        return text.encode(errors="surrogatepass"), key
    if isinstance(base64_text, str):
        return b64decode(base64_text, validate=True), key
    raise ValueError("not a record: its data is no text")
