"""The names of the objects that a delivery stream writes: a prefix with expressions, and AWS's suffix.

Rules, of the developer guide ("custom prefixes for Amazon S3 objects", "object name format"):
- `!{namespace:value}` stands for a value; the moment is the arrival of the oldest record in the object, in
  the time zone of the destination, the same for every `timestamp` of a name;
- each `random-string` is another one, of 11 characters;
- a prefix without a `timestamp` is followed by `yyyy/MM/dd/HH/`;
- an error prefix without expressions is followed by the kind of error and `yyyy/MM/dd/HH/`; one with
  expressions stands for itself and must have the kind of error; without any, the prefix stands in for it.

Refuses to know what is in the objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from headwater.delivery.firehose.errors import InvalidArgument
from headwater.delivery.firehose.java_dates import DatePatternInvalid, format_date

DEFAULT_TIMESTAMP = "yyyy/MM/dd/HH/"
RANDOM_CHARACTERS = 11
NO_PREFIX_BUT_AN_EXPRESSION = "ErrorOutputPrefix cannot be null or empty when Prefix contains expressions"
ERROR_TYPE = "error-output-type"
RANDOM = "random-string"
FROM_QUERY, FROM_LAMBDA = "partitionKeyFromQuery", "partitionKeyFromLambda"

_BEGIN = "!{"
_EXPRESSION = re.compile(r"!\{(\w+):([^}]*)\}")
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

NewUuid = Callable[[], str]
"""Gives a random UUID as text."""


class NameContext(NamedTuple):
    """What the expressions of a name stand for."""

    arrival_ms: int
    """Of the oldest record in the object."""
    new_uuid: NewUuid
    error_type: str = ""
    keys_from_query: Mapping[str, str] = {}
    keys_from_lambda: Mapping[str, str] = {}


class ObjectNaming(NamedTuple):
    """How one destination names its objects."""

    delivery_stream: str
    version: int
    prefix: str
    error_prefix: str
    extension: str
    zone: tzinfo = UTC

    def name(self, context: NameContext) -> str:
        """The name of an object with records."""
        prefix = self.prefix
        if "!{timestamp:" not in prefix:
            prefix += f"!{{timestamp:{DEFAULT_TIMESTAMP}}}"
        return self._key(prefix, context, self.extension)

    def error_name(self, context: NameContext) -> str:
        """The name of an object with what failed."""
        prefix = self.error_prefix or self.prefix
        if _BEGIN not in prefix:
            prefix = f"{prefix}{context.error_type}/!{{timestamp:{DEFAULT_TIMESTAMP}}}"
        return self._key(prefix, context, "")

    def _key(self, prefix: str, context: NameContext, extension: str) -> str:
        moment = datetime.fromtimestamp(context.arrival_ms / 1000, self.zone)
        evaluated = _EXPRESSION.sub(lambda found: _value(found[1], found[2], context, moment), prefix)
        suffix = f"{self.delivery_stream}-{self.version}-{moment:%Y-%m-%d-%H-%M-%S}-{context.new_uuid()}"
        return evaluated + suffix + extension


def _value(namespace: str, value: str, context: NameContext, moment: datetime) -> str:
    if namespace == "timestamp":
        return format_date(value, moment)
    if namespace == FROM_QUERY:
        return context.keys_from_query[value]
    if namespace == FROM_LAMBDA:
        return context.keys_from_lambda[value]
    return context.error_type if value == ERROR_TYPE else context.new_uuid()[:RANDOM_CHARACTERS]


def keys_named(prefix: str, namespace: str) -> set[str]:
    """The partition keys of a namespace that a prefix names."""
    return {value for found, value in _EXPRESSION.findall(prefix) if found == namespace}


def zone_of(name: str) -> tzinfo:
    """The time zone of a name; none is UTC. Raises `InvalidArgument`."""
    if not name or name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidArgument(f"CustomTimeZone {name} is not a supported time zone.") from None


def check_prefixes(prefix: str, error_prefix: str) -> None:
    """Raise `InvalidArgument` for prefixes that no delivery stream can have."""
    _check_expressions("Prefix", prefix, ("timestamp", "firehose", FROM_QUERY, FROM_LAMBDA), (RANDOM,))
    _check_expressions("ErrorOutputPrefix", error_prefix, ("timestamp", "firehose"), (RANDOM, ERROR_TYPE))
    if _BEGIN in prefix and not error_prefix:
        raise InvalidArgument(NO_PREFIX_BUT_AN_EXPRESSION)
    if _BEGIN in error_prefix and f"!{{firehose:{ERROR_TYPE}}}" not in error_prefix:
        raise InvalidArgument(
            f"ErrorOutputPrefix must include at least one instance of !{{firehose:{ERROR_TYPE}}} "
            "when it contains expressions"
        )


def _check_expressions(
    member: str, prefix: str, namespaces: tuple[str, ...], of_firehose: tuple[str, ...]
) -> None:
    for namespace, value in _EXPRESSION.findall(prefix):
        if namespace not in namespaces or (namespace == "firehose" and value not in of_firehose):
            raise InvalidArgument(f"{member} contains an invalid expression: !{{{namespace}:{value}}}")
        if namespace == "timestamp":
            try:
                format_date(value, _LONG_AGO)
            except DatePatternInvalid as error:
                raise InvalidArgument(
                    f"{member} contains an invalid timestamp !{{{namespace}:{value}}}: {error}"
                ) from None
        if not value:
            raise InvalidArgument(f"{member} contains an empty expression: !{{{namespace}:}}")
    if _BEGIN in _EXPRESSION.sub("", prefix):
        raise InvalidArgument(f"{member} contains !{{ outside of an expression !{{namespace:value}}")
