"""Filter patterns of CloudWatch Logs: which events a subscription takes.

Rules, from the user guide's page on filter pattern syntax:
- an empty pattern takes everything; case matters everywhere;
- terms beside each other must all be there, one with `-` must not; of those with `?` one must be there, and
  they count only where there are no others; quotes hold a phrase together, `%…%` is a regular expression;
- `{ … }` is about events that are JSON objects: comparisons of `$.a.b[0]` with numbers and texts (with `*`),
  `IS NULL`, `IS TRUE`, `IS FALSE`, `NOT EXISTS`, joined by `&&`, `||` and parentheses; of a field that is not
  there only `NOT EXISTS` holds;
- `[ … ]` is about words between spaces, quotes and brackets holding some together: a name or a condition for
  each, `...` for any number.

Refuses to know events beyond their message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from fnmatch import translate
from typing import Any

from headwater.neighbours.delivery.json_path import MISSING, PathInvalid, steps_of, value_at

Matches = Callable[[str], bool]
_Test = Callable[[Any], bool]

_TERM = re.compile(r'\s*([-?]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]+)%|(\S+))')
_TOKEN = re.compile(
    r'\s*(\$(?:\.[\w-]+|\["[^"]+"\]|\[\d+\])*|&&|\|\||[()]|!=|<=|>=|=|<|>|"(?:[^"\\]|\\.)*"|%[^%]+%|'
    r'(?:[^\s()=!<>&|"]|&(?!&)|\|(?!\|))+)'
)
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|\[([^\]]*)\]|(\S+)')
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")


class PatternInvalid(ValueError):
    """A text is no filter pattern."""


def matcher(pattern: str) -> Matches:
    """Tells whether a message is one that a pattern takes. Raises `PatternInvalid`."""
    text = pattern.strip()
    if not text:
        return lambda _: True
    if text.startswith("{"):
        if not text.endswith("}"):
            raise PatternInvalid(pattern)
        return _json_matcher(text[1:-1])
    if text.startswith("["):
        if not text.endswith("]"):
            raise PatternInvalid(pattern)
        return _words_matcher(text[1:-1])
    return _terms_matcher(text)


def _terms_matcher(text: str) -> Matches:
    needed: list[Matches] = []
    refused: list[Matches] = []
    optional: list[Matches] = []
    kinds = {"": needed, "-": refused, "?": optional}
    for sign, phrase, expression, word in _TERM.findall(text):
        kinds[sign].append(_contains(phrase.replace('\\"', '"'), expression, word))
    if needed or not optional:
        return lambda message: (
            all(term(message) for term in needed) and not any(term(message) for term in refused)
        )
    return lambda message: (
        any(term(message) for term in optional) and not any(term(message) for term in refused)
    )


def _contains(phrase: str, expression: str, word: str) -> Matches:
    if expression:
        found = _compiled(expression)
        return lambda message: found.search(message) is not None
    wanted = phrase or word
    return lambda message: wanted in message


def _compiled(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise PatternInvalid(expression) from error


# Conditions, of fields of JSON and of words alike


class _Conditions:
    """Reads `a = b && (c || d)`; `test_of` makes a test of an operand's name, an operator and a value."""

    def __init__(self, text: str, test_of: Callable[[str, str, str], _Test]) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._test_of = test_of

    def read(self) -> _Test:
        test = self._either()
        if self._at != len(self._tokens):
            raise PatternInvalid(self._tokens[self._at])
        return test

    def _either(self) -> _Test:
        tests = [self._both()]
        while self._take("||"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)

    def _both(self) -> _Test:
        tests = [self._one()]
        while self._take("&&"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda value: all(test(value) for test in tests)

    def _one(self) -> _Test:
        if self._take("("):
            test = self._either()
            if not self._take(")"):
                raise PatternInvalid("a parenthesis is open")
            return test
        name, operator = self._next(), self._next()
        if operator in ("IS", "NOT"):
            return self._test_of(name, operator, self._next())
        if operator not in _OPERATORS:
            raise PatternInvalid(f"{operator} is no operator")
        return self._test_of(name, operator, self._next())

    def _take(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == token:
            self._at += 1
            return True
        return False

    def _next(self) -> str:
        if self._at == len(self._tokens):
            raise PatternInvalid("the pattern ends too early")
        self._at += 1
        return self._tokens[self._at - 1]


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise PatternInvalid(text[at:])
        found.append(token[1])
        at = token.end()
        while at < len(text) and text[at].isspace():
            at += 1
    return found


def _compared(operator: str, wanted: str) -> _Test:
    """A test of one value, a text or a number."""
    if wanted.startswith("%") and wanted.endswith("%") and len(wanted) > 2:
        found = _compiled(wanted[1:-1])
        return lambda value: isinstance(value, str) and (found.search(value) is not None) == (operator == "=")
    is_quoted = wanted.startswith('"')
    if not is_quoted and _NUMBER.fullmatch(wanted):
        number = float(wanted)
        compare = _OPERATORS[operator]
        return lambda value: (held := _as_number(value)) is not None and compare(held, number)
    if operator not in ("=", "!="):
        raise PatternInvalid(f"{wanted} is no number")
    text = wanted[1:-1].replace('\\"', '"') if is_quoted else wanted
    expression = re.compile(translate(text.replace("[", "[[]").replace("?", "[?]")))
    return lambda value: (
        isinstance(value, str | int | float)
        and not isinstance(value, bool)
        and (expression.match(_as_text(value)) is not None) == (operator == "=")
    )


_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda held, wanted: held == wanted,
    "!=": lambda held, wanted: held != wanted,
    "<": lambda held, wanted: held < wanted,
    "<=": lambda held, wanted: held <= wanted,
    ">": lambda held, wanted: held > wanted,
    ">=": lambda held, wanted: held >= wanted,
}


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    return float(value)


def _as_text(value: str | float) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# JSON


def _json_matcher(text: str) -> Matches:
    test = _Conditions(text, _field_test).read()

    def matches(message: str) -> bool:
        try:
            document = json.loads(message)
        except ValueError:
            return False
        return isinstance(document, dict) and test(document)

    return matches


def _field_test(name: str, operator: str, wanted: str) -> _Test:
    try:
        steps = steps_of(name)
    except PathInvalid as error:
        raise PatternInvalid(f"{name} is no selector") from error
    test: _Test
    if operator == "IS":
        constants: dict[str, Any] = {"NULL": None, "TRUE": True, "FALSE": False}
        if wanted not in constants:
            raise PatternInvalid(f"IS {wanted}")
        constant = constants[wanted]
        test = lambda value: value is constant  # noqa: E731 - one of three tests
    elif operator == "NOT":
        if wanted != "EXISTS":
            raise PatternInvalid(f"NOT {wanted}")
        return lambda document: value_at(document, steps) is MISSING
    else:
        test = _compared(operator, wanted)
    return lambda document: (value := value_at(document, steps)) is not MISSING and test(value)


# Words


def _words_matcher(text: str) -> Matches:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts) or parts.count("...") > 1:
        raise PatternInvalid(text)
    tests = [None if part == "..." else _word_test(part) for part in parts]
    if None not in tests:
        return lambda message: _all_hold(tests, _words(message))
    gap = tests.index(None)
    before, after = tests[:gap], tests[gap + 1 :]

    def matches(message: str) -> bool:
        words = _words(message)
        if len(words) < len(before) + len(after):
            return False
        return _all_hold(before, words[:gap]) and _all_hold(after, words[len(words) - len(after) :])

    return matches


def _word_test(part: str) -> _Test:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", part):
        return lambda _: True
    return _Conditions(part, lambda _name, operator, wanted: _compared(operator, wanted)).read()


def _all_hold(tests: list[_Test | None], words: list[str]) -> bool:
    return len(tests) == len(words) and all(
        test is not None and test(word) for test, word in zip(tests, words, strict=True)
    )


def _words(message: str) -> list[str]:
    return list(_split(message))


def _split(message: str) -> Iterator[str]:
    for word in _WORD.finditer(message):
        yield next(group for group in word.groups() if group is not None)
