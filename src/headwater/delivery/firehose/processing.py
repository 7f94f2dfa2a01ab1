"""What a destination's `ProcessingConfiguration` says: the processors, each with its parameters.

The order in which they work is the service's, whatever the order in which they are listed: decompression,
messages of CloudWatch Logs, deaggregation, the function, partition keys, the delimiter.

Refuses to know how they work.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from headwater.delivery.firehose.errors import InvalidArgument

MB = 1024 * 1024
LAMBDA_RETRIES = 3
LAMBDA_BUFFER_MB = 1.0
LAMBDA_BUFFER_MB_MIN, LAMBDA_BUFFER_MB_MAX = 0.2, 3.0
LAMBDA_INTERVAL_S = 60
LAMBDA_INTERVAL_S_MAX = 900
RETRIES_MAX = 300
JQ = "JQ-1.6"
ESCAPES = {"\\n": "\n", "\\r": "\r", "\\t": "\t"}
"""How a delimiter is written in a parameter, besides as itself."""

Parameters = Mapping[str, str]


class LambdaProcessor(NamedTuple):
    """The function that transforms records."""

    arn: str
    retries: int
    buffer_bytes: int
    interval_s: int


class Deaggregation(NamedTuple):
    """How several records in the data of one are told apart."""

    delimiter: bytes | None
    """`None`: they are JSON documents."""


class Processing(NamedTuple):
    """All processors of a destination."""

    decompresses: bool = False
    extracts_messages: bool = False
    deaggregation: Deaggregation | None = None
    transformation: LambdaProcessor | None = None
    query: str | None = None
    """The JQ program that gives an object of partition keys."""
    delimiter: bytes | None = None
    """What is appended to each record."""


def read_processing(configuration: Mapping[str, Any] | None) -> Processing:
    """The processors of a configuration. Raises `InvalidArgument`."""
    if not configuration or not configuration.get("Enabled"):
        return Processing()
    fields: dict[str, Any] = {}
    seen: set[str] = set()
    for processor in configuration.get("Processors") or ():
        kind = processor["Type"]
        if kind in seen:
            raise InvalidArgument(f"Processor type {kind} cannot be specified more than once.")
        seen.add(kind)
        parameters = {
            each["ParameterName"]: each["ParameterValue"] for each in processor.get("Parameters") or ()
        }
        fields |= _PROCESSORS[kind](parameters)
    if fields.get("extracts_messages") and not fields.get("decompresses"):
        raise InvalidArgument(
            "CloudWatchLogProcessing processor can only be used with a Decompression processor."
        )
    return Processing(**fields)


def _needed(kind: str, parameters: Parameters, name: str) -> str:
    if name not in parameters:
        raise InvalidArgument(f"{name} parameter must be specified for the {kind} processor.")
    return parameters[name]


def _number(name: str, text: str, least: float, greatest: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not least <= value <= greatest:
        raise InvalidArgument(f"{name} must be between {least:g} and {greatest:g}, and is {text}.")
    return value


def _lambda(parameters: Parameters) -> dict[str, Any]:
    retries = parameters.get("NumberOfRetries", str(LAMBDA_RETRIES))
    size_mb = parameters.get("BufferSizeInMBs", str(LAMBDA_BUFFER_MB))
    interval_s = parameters.get("BufferIntervalInSeconds", str(LAMBDA_INTERVAL_S))
    buffer_mb = _number("BufferSizeInMBs", size_mb, LAMBDA_BUFFER_MB_MIN, LAMBDA_BUFFER_MB_MAX)
    processor = LambdaProcessor(
        _needed("Lambda", parameters, "LambdaArn"),
        int(_number("NumberOfRetries", retries, 0, RETRIES_MAX)),
        int(buffer_mb * MB),
        int(_number("BufferIntervalInSeconds", interval_s, 0, LAMBDA_INTERVAL_S_MAX)),
    )
    return {"transformation": processor}


def _metadata_extraction(parameters: Parameters) -> dict[str, Any]:
    engine = parameters.get("JsonParsingEngine", JQ)
    if engine != JQ:
        raise InvalidArgument(f"JsonParsingEngine must be {JQ}, and is {engine}.")
    return {"query": _needed("MetadataExtraction", parameters, "MetadataExtractionQuery")}


def _deaggregation(parameters: Parameters) -> dict[str, Any]:
    kind = _needed("RecordDeAggregation", parameters, "SubRecordType")
    if kind == "JSON":
        return {"deaggregation": Deaggregation(None)}
    if kind != "DELIMITED":
        raise InvalidArgument(f"SubRecordType must be JSON or DELIMITED, and is {kind}.")
    try:
        delimiter = base64.b64decode(_needed("RecordDeAggregation", parameters, "Delimiter"), validate=True)
    except ValueError:
        raise InvalidArgument("Delimiter of the RecordDeAggregation processor must be in base64.") from None
    if not delimiter:
        raise InvalidArgument("Delimiter of the RecordDeAggregation processor must not be empty.")
    return {"deaggregation": Deaggregation(delimiter)}


def _delimiter(parameters: Parameters) -> dict[str, Any]:
    text = parameters.get("Delimiter", "\\n")
    for escape, meaning in ESCAPES.items():
        text = text.replace(escape, meaning)
    return {"delimiter": text.encode()}


def _decompression(parameters: Parameters) -> dict[str, Any]:
    form = parameters.get("CompressionFormat", "GZIP")
    if form != "GZIP":
        raise InvalidArgument(
            f"CompressionFormat of the Decompression processor must be GZIP, and is {form}."
        )
    return {"decompresses": True}


def _messages(parameters: Parameters) -> dict[str, Any]:
    return {"extracts_messages": parameters.get("DataMessageExtraction", "false").lower() == "true"}


_PROCESSORS: dict[str, Callable[[Parameters], dict[str, Any]]] = {
    "AppendDelimiterToRecord": _delimiter,
    "CloudWatchLogProcessing": _messages,
    "Decompression": _decompression,
    "Lambda": _lambda,
    "MetadataExtraction": _metadata_extraction,
    "RecordDeAggregation": _deaggregation,
}
"""For a type of processor: the fields that its parameters set."""
