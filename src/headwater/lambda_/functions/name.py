"""What a request calls a function: a name, a partial ARN or a whole one, each with a qualifier or without.

`check-out`, `check-out:live`, `123456789012:function:check-out`,
`arn:aws:lambda:eu-west-1:123456789012:function:check-out:7`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from headwater.lambda_.api.errors import InvalidParameterValueException
from headwater.lambda_.functions.function import FunctionId
from headwater.model.caller import Caller

NAME_LENGTH_MAX = 64
_REFERENCE = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-[a-z]+)+-[0-9]):)?"
    r"(?:(?P<account>[0-9]{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_-]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?"
)


class NamedFunction(NamedTuple):
    """A function, and which of its versions, if that was said."""

    id: FunctionId
    qualifier: str | None


def read_name(text: str, caller: Caller) -> NamedFunction | None:
    """The function that `text` names; `None` when it names none."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        return None
    region, account_id = found["region"] or caller.region, found["account"] or caller.account_id
    return NamedFunction(FunctionId(account_id, region, found["name"]), found["qualifier"])


def named_function(text: str, caller: Caller, qualifier: str | None = None) -> NamedFunction:
    """The function that a request names; `qualifier` is that of the request itself.

    Raises InvalidParameterValueException when the two qualifiers are not the same.
    """
    named = read_name(text, caller)
    if named is None:  # the model's pattern has let it pass
        raise InvalidParameterValueException(f"Invalid function name: {text}")
    if qualifier and named.qualifier and qualifier != named.qualifier:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return named._replace(qualifier=qualifier or named.qualifier)
