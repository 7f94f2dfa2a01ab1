"""DynamoDB's parameters from before expressions, as the expressions that say the same.

`Expected`, `ScanFilter` and `QueryFilter`, each with `ConditionalOperator`, become conditions;
`AttributeUpdates` becomes an update. Moto compares for equality where another operator is asked for,
knows no OR, overlooks `Expected` in DeleteItem, and keeps some types of `AttributeUpdates` as text.

Rules, from the developer guide's pages about legacy parameters:
- an expectation is a `Value` (equal to it), an `Exists`, or a `ComparisonOperator` with its operands
  in `AttributeValueList` or a single one in `Value`;
- order is within one type: a number is neither less nor more than a text;
- neither kind goes with an expression in the same request;
- `DELETE` of attributes alone makes no item, so such updates stay as they are.

Refuses to know items, and how an expression is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from headwater.server.http.exchange import HttpRequest

TARGET = b"DynamoDB_20120810."

Document = dict[str, Any]
Value = Mapping[str, Any]
"""A value with its type: `{"S": "text"}`."""

_ORDERED = frozenset({"S", "N", "B"})
_EVERY_TYPE = frozenset({"S", "N", "B", "SS", "NS", "BS", "BOOL", "NULL", "L", "M"})


class RequestInvalid(Exception):
    """DynamoDB's refusal of an invalid request."""


class _Operator(NamedTuple):
    operands: int | None
    """How many; `None` for one or more."""
    types: frozenset[str]
    condition: Callable[[str, list[str]], str]
    """An expression of the attribute's name and the operands'."""
    is_ordered: bool = False


def _comparison(sign: str, *, is_ordered: bool = True) -> _Operator:
    types = _ORDERED if is_ordered else _EVERY_TYPE
    return _Operator(1, types, lambda name, values: f"{name} {sign} {values[0]}", is_ordered)


OPERATORS: dict[str, _Operator] = {
    "EQ": _comparison("=", is_ordered=False),
    "NE": _comparison("<>", is_ordered=False),
    "LE": _comparison("<="),
    "LT": _comparison("<"),
    "GE": _comparison(">="),
    "GT": _comparison(">"),
    "NOT_NULL": _Operator(0, _EVERY_TYPE, lambda name, _: f"attribute_exists({name})"),
    "NULL": _Operator(0, _EVERY_TYPE, lambda name, _: f"attribute_not_exists({name})"),
    "CONTAINS": _Operator(1, _EVERY_TYPE, lambda name, values: f"contains({name}, {values[0]})"),
    "NOT_CONTAINS": _Operator(1, _EVERY_TYPE, lambda name, values: f"NOT contains({name}, {values[0]})"),
    "BEGINS_WITH": _Operator(
        1, frozenset({"S", "B"}), lambda name, values: f"begins_with({name}, {values[0]})"
    ),
    "IN": _Operator(None, _ORDERED, lambda name, values: f"{name} IN ({', '.join(values)})"),
    "BETWEEN": _Operator(
        2, _ORDERED, lambda name, values: f"{name} BETWEEN {values[0]} AND {values[1]}", is_ordered=True
    ),
}
"""The comparison operators."""

CONDITIONS = {
    "DeleteItem": ("Expected", "ConditionExpression"),
    "PutItem": ("Expected", "ConditionExpression"),
    "Query": ("QueryFilter", "FilterExpression"),
    "Scan": ("ScanFilter", "FilterExpression"),
    "UpdateItem": ("Expected", "ConditionExpression"),
}
"""For each operation where its conditions are, and what they become."""
LEGACY = (
    "AttributeUpdates",
    "AttributesToGet",
    "ConditionalOperator",
    "Expected",
    "KeyConditions",
    "QueryFilter",
    "ScanFilter",
)
EXPRESSIONS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)
CONDITIONAL = "ConditionalOperator"
UPDATES = "AttributeUpdates"
_MARKS = tuple(
    f'"{name}"'.encode() for name in ("Expected", "QueryFilter", "ScanFilter", CONDITIONAL, UPDATES)
)


def with_expressions(request: HttpRequest) -> HttpRequest:
    """The request with expressions in the place of legacy conditions. Raises `RequestInvalid`."""
    target = request.headers.get(b"x-amz-target", b"")
    operation = target.removeprefix(TARGET).decode("latin-1")
    if operation not in CONDITIONS or not any(mark in request.body for mark in _MARKS):
        return request
    try:
        document = msgspec.json.decode(request.body)
    except ValueError:
        return request  # which moto refuses
    if not isinstance(document, dict):
        return request
    try:
        return request._replace(body=msgspec.json.encode(_translated(document, operation)))
    except (AttributeError, TypeError, KeyError, ValueError, IndexError) as error:
        raise RequestInvalid(f"A legacy parameter has not the form that it should: {error!r}") from error


def _translated(document: Document, operation: str) -> Document:
    parameter, expression = CONDITIONS[operation]
    _refuse_both(document)
    conditions = document.get(parameter) or {}
    joined_by = _conjunction(document, conditions)
    names = _Names()
    told = [_condition(name, condition, names) for name, condition in conditions.items()]
    document = {name: value for name, value in document.items() if name not in (parameter, CONDITIONAL)}
    if told:
        document[expression] = joined_by.join(f"({each})" for each in told)
    updates = document.get(UPDATES)
    if updates and any(_makes_an_item(update) for update in updates.values()):
        document["UpdateExpression"] = _update_expression(updates, names)
        del document[UPDATES]
    return names.added_to(document)


class _Names:
    """The placeholders of an expression."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Value] = {}

    def name(self, attribute: str) -> str:
        """The placeholder of an attribute."""
        return self._names.setdefault(attribute, f"#legacy{len(self._names)}")

    def value(self, value: Value) -> str:
        """The placeholder of a value."""
        placeholder = f":legacy{len(self._values)}"
        self._values[placeholder] = value
        return placeholder

    def added_to(self, document: Document) -> Document:
        """The request with what the placeholders stand for."""
        names = {placeholder: name for name, placeholder in self._names.items()}
        if names:
            document["ExpressionAttributeNames"] = names
        if self._values:
            document["ExpressionAttributeValues"] = self._values
        return document


def _refuse_both(document: Document) -> None:
    legacy = [name for name in LEGACY if document.get(name) is not None]
    expressions = [name for name in EXPRESSIONS if document.get(name) is not None]
    if legacy and expressions:
        raise RequestInvalid(
            "Can not use both expression and non-expression parameters in the same request: "
            f"Non-expression parameters: {{{', '.join(legacy)}}} "
            f"Expression parameters: {{{', '.join(expressions)}}}"
        )


def _conjunction(document: Document, conditions: Document) -> str:
    operator = document.get(CONDITIONAL)
    if operator is None:
        return " AND "
    if operator not in ("AND", "OR"):
        raise RequestInvalid(
            f"1 validation error detected: Value '{operator}' at 'conditionalOperator' failed to satisfy "
            "constraint: Member must satisfy enum value set: [OR, AND]"
        )
    if not conditions:
        raise RequestInvalid("ConditionalOperator cannot be used without Filter or Expected")
    if len(conditions) == 1:
        raise RequestInvalid(
            "ConditionalOperator can only be used when Filter or Expected has two or more elements"
        )
    return f" {operator} "


def _condition(attribute: str, condition: Document, names: _Names) -> str:
    """One attribute's condition as an expression."""
    exists, named = condition.get("Exists"), condition.get("ComparisonOperator")
    value, listed = condition.get("Value"), condition.get("AttributeValueList")
    if named is None:
        _check_value_or_exists(attribute, exists, value, listed)
        named = "NULL" if exists is False else "EQ"
    else:
        _check_comparison(attribute, named, exists, value, listed)
    values = list(listed or ()) if value is None else [value]
    operator = OPERATORS[named]
    _check_operands(named, operator, values)
    name = names.name(attribute)
    told = operator.condition(name, [names.value(each) for each in values])
    if operator.is_ordered:
        of_type = names.value({"S": next(iter(values[0]))})
        told = f"attribute_type({name}, {of_type}) AND {told}"
    return told


def _check_value_or_exists(attribute: str, exists: Any, value: Any, listed: Any) -> None:
    if listed is not None:
        raise _invalid(
            f"AttributeValueList can only be used with a ComparisonOperator for Attribute: {attribute}"
        )
    if exists is False and value is not None:
        raise _invalid(f"Value cannot be used when Exists is false for Attribute: {attribute}")
    if exists is not False and value is None:
        told = "null" if exists is None else "true"
        raise _invalid(f"Value must be provided when Exists is {told} for Attribute: {attribute}")


def _check_comparison(attribute: str, named: str, exists: Any, value: Any, listed: Any) -> None:
    if exists is not None:
        raise _invalid(f"Exists and ComparisonOperator cannot be used together for Attribute: {attribute}")
    if value is not None and listed is not None:
        raise _invalid(f"Value and AttributeValueList cannot be used together for Attribute: {attribute}")
    if named not in OPERATORS:
        raise RequestInvalid(
            f"1 validation error detected: Value '{named}' at 'comparisonOperator' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{', '.join(OPERATORS)}]"
        )


def _check_operands(named: str, operator: _Operator, values: Iterable[Value]) -> None:
    types = [next(iter(value)) for value in values]
    if len(types) != operator.operands and not (operator.operands is None and types):
        raise _invalid(f"Invalid number of argument(s) for the {named} ComparisonOperator")
    for of_type in types:
        if of_type not in operator.types:
            raise _invalid(f"ComparisonOperator {named} is not valid for {of_type} AttributeValue type")
    if len(set(types)) > 1:
        raise _invalid("AttributeValues inside AttributeValueList must be of same type")


def _invalid(reason: str) -> RequestInvalid:
    return RequestInvalid(f"One or more parameter values were invalid: {reason}")


def _makes_an_item(update: Document) -> bool:
    return update.get("Action") != "DELETE"


def _update_expression(updates: Document, names: _Names) -> str:
    """`AttributeUpdates` as an expression."""
    clauses: dict[str, list[str]] = {"SET": [], "REMOVE": [], "ADD": [], "DELETE": []}
    for attribute, update in updates.items():
        clause, told = _updated(attribute, update, names)
        clauses[clause].append(told)
    return " ".join(f"{clause} {', '.join(told)}" for clause, told in clauses.items() if told)


def _updated(attribute: str, update: Document, names: _Names) -> tuple[str, str]:
    action, value = update.get("Action") or "PUT", update.get("Value")
    if action not in ("PUT", "ADD", "DELETE"):
        raise RequestInvalid(
            f"1 validation error detected: Value '{action}' at 'attributeUpdates.{attribute}.member.action' "
            "failed to satisfy constraint: Member must satisfy enum value set: [ADD, PUT, DELETE]"
        )
    name = names.name(attribute)
    if value is None:
        if action != "DELETE":
            raise _invalid("Only DELETE action is allowed when no attribute value is specified")
        return "REMOVE", name
    of_type = next(iter(value))
    if action == "PUT":
        return "SET", f"{name} = {names.value(value)}"
    if action == "ADD" and of_type == "L":
        empty = names.value({"L": []})
        return "SET", f"{name} = list_append(if_not_exists({name}, {empty}), {names.value(value)})"
    allowed = ("SS", "NS", "BS") if action == "DELETE" else ("N", "SS", "NS", "BS")
    if of_type not in allowed:
        raise _invalid(f"{action} action is not supported for the type {of_type}")
    return action, f"{name} {names.value(value)}"
