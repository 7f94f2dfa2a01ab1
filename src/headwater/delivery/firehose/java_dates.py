"""Java's patterns for dates and times (`DateTimeFormatter`), as prefixes of objects have them.

Rules:
- letters are fields, and how often one stands there is its form; text stands between single quotes, of
  which two are one; everything but letters, quotes, brackets, braces and `#` stands for itself;
- texts are English, weeks are those of the United States (from Sunday, the first has the year's first day);
- a letter that Java does not know, or that has a form Java does not know, is refused.

The source: https://docs.oracle.com/javase/8/docs/api/java/time/format/DateTimeFormatter.html

Refuses to know what the text is for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905 - read as a list
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905 - as above
SHORT, FULL, NARROW = 3, 4, 5
"""How often a letter stands for the forms of a text."""

_PART = re.compile(
    r"'(?P<text>(?:[^']|'')*)'|(?P<field>(?P<letter>[A-Za-z])(?P=letter)*)|(?P<literal>[^'\[\]{}#])"
)

Write = Callable[[datetime, int], str]
"""Writes a field of a moment in the form that so many letters mean. Raises `DatePatternInvalid`."""


class DatePatternInvalid(ValueError):
    """The pattern is none of Java's."""


def format_date(pattern: str, moment: datetime) -> str:
    """The moment, in its own time zone, as the pattern has it. Raises `DatePatternInvalid`."""
    written, at = [], 0
    while at < len(pattern):
        part = _PART.match(pattern, at)
        if part is None:
            raise DatePatternInvalid(f"{pattern[at]!r} has no meaning in a date")
        at = part.end()
        if part["text"] is not None:
            written.append(part["text"].replace("''", "'") or "'")
        elif part["literal"] is not None:
            written.append(part["literal"])
        else:
            write = _FIELDS.get(part["letter"])
            if write is None:
                raise DatePatternInvalid(f"the letter {part['letter']} has no meaning in a date")
            written.append(write(moment, len(part["field"])))
    return "".join(written)


def _number(field: Callable[[datetime], int], letters_max: int) -> Write:
    """A field that is a number, filled up with zeros to as many digits as there are letters."""

    def write(moment: datetime, letters: int) -> str:
        if letters > letters_max:
            raise DatePatternInvalid(f"{letters} letters are too many")
        return f"{field(moment):0{letters}d}"

    return write


def _year(field: Callable[[datetime], int]) -> Write:
    """A year: two letters are its last two digits."""

    def write(moment: datetime, letters: int) -> str:
        year = field(moment)
        return f"{year % 100:02d}" if letters == 2 else f"{year:0{letters}d}"

    return write


def _text(number: Callable[[datetime], int], names: Callable[[int], str]) -> Write:
    """A field that is a number up to two letters, and then a short, full or narrow text."""

    def write(moment: datetime, letters: int) -> str:
        if letters < SHORT:
            return f"{number(moment):0{letters}d}"
        return _form(names(number(moment)), letters)

    return write


def _form(name: str, letters: int) -> str:
    if letters > NARROW:
        raise DatePatternInvalid(f"{letters} letters are too many")
    return {SHORT: name[:3], FULL: name, NARROW: name[:1]}[max(letters, SHORT)]


def _day_name(moment: datetime, letters: int) -> str:
    return _form(DAYS[moment.weekday()], letters)


def _quarter(moment: datetime, letters: int) -> str:
    quarter = (moment.month + 2) // 3
    if letters < SHORT:
        return f"{quarter:0{letters}d}"
    ordinals = ("1st", "2nd", "3rd", "4th")
    return {SHORT: f"Q{quarter}", FULL: f"{ordinals[quarter - 1]} quarter"}.get(letters, str(quarter))


def _week(moment: datetime) -> tuple[int, int]:
    """Year and number of the week: weeks begin on Sunday, the first is that of January 1st."""
    ahead = moment + timedelta(days=(5 - moment.weekday()) % 7)  # Saturday, the last day of the week
    first = ahead.replace(month=1, day=1)
    return ahead.year, (ahead - first).days // 7 + 1


def _week_of_month(moment: datetime) -> int:
    first = moment.replace(day=1)
    return (moment.day + _weekday(first) - 2) // 7 + 1


def _weekday(moment: datetime) -> int:
    """Sunday is 1."""
    return (moment.weekday() + 1) % 7 + 1


def _half(moment: datetime, letters: int) -> str:
    if letters != 1:
        raise DatePatternInvalid(f"{letters} letters are too many")
    return "AM" if moment.hour < 12 else "PM"


def _fraction(moment: datetime, letters: int) -> str:
    if letters > 9:
        raise DatePatternInvalid(f"{letters} letters are too many")
    return f"{moment.microsecond:06d}000"[:letters]


def _era(moment: datetime, letters: int) -> str:  # noqa: ARG001 - records arrive in our era
    if letters > NARROW:
        raise DatePatternInvalid(f"{letters} letters are too many")
    return {FULL: "Anno Domini", NARROW: "A"}.get(letters, "AD")


def _zone_id(moment: datetime, letters: int) -> str:
    if letters != 2:
        raise DatePatternInvalid("a zone's id has two letters")
    return str(moment.tzinfo)


def _zone_name(moment: datetime, letters: int) -> str:  # noqa: ARG001 - the long name is not known
    return moment.tzname() or ""


def _offset(moment: datetime, letters: int, zero: str) -> str:
    if letters > NARROW:
        raise DatePatternInvalid(f"{letters} letters are too many")
    minutes = int((moment.utcoffset() or timedelta()).total_seconds()) // 60
    if minutes == 0 and zero:
        return zero
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    if letters == 1:
        return f"{sign}{minutes // 60:02d}" + (f"{minutes % 60:02d}" if minutes % 60 else "")
    colon = ":" if letters in (SHORT, NARROW) else ""
    return f"{sign}{minutes // 60:02d}{colon}{minutes % 60:02d}"


def _offset_plain(moment: datetime, letters: int) -> str:
    """`Z`: up to three letters without a colon, four with `GMT`, five with a colon and a Z for none."""
    if letters == FULL:
        return _offset_localized(moment, FULL)
    return _offset(moment, 2, "") if letters < FULL else _offset(moment, NARROW, "Z")


def _offset_localized(moment: datetime, letters: int) -> str:
    if letters not in (1, FULL):
        raise DatePatternInvalid(f"{letters} letters have no meaning")
    text = _offset(moment, SHORT, "GMT")
    if text == "GMT":
        return text
    if letters == FULL:
        return f"GMT{text}"
    return f"GMT{text[0]}{text[1:3].lstrip('0') or '0'}" + (text[3:] if text[4:] != "00" else "")


def _day_part_ms(moment: datetime) -> int:
    return ((moment.hour * 60 + moment.minute) * 60 + moment.second) * 1000 + moment.microsecond // 1000


_FIELDS: dict[str, Write] = {
    "G": _era,
    "u": _year(lambda moment: moment.year),
    "y": _year(lambda moment: moment.year),
    "Y": _year(lambda moment: _week(moment)[0]),
    "M": _text(lambda moment: moment.month, lambda month: MONTHS[month - 1]),
    "L": _text(lambda moment: moment.month, lambda month: MONTHS[month - 1]),
    "Q": _quarter,
    "q": _quarter,
    "D": _number(lambda moment: moment.timetuple().tm_yday, 3),
    "d": _number(lambda moment: moment.day, 2),
    "w": _number(lambda moment: _week(moment)[1], 2),
    "W": _number(_week_of_month, 1),
    "F": _number(lambda moment: (moment.day - 1) // 7 + 1, 1),
    "E": _day_name,
    "e": _text(_weekday, lambda day: DAYS[(day + 5) % 7]),
    "c": _text(_weekday, lambda day: DAYS[(day + 5) % 7]),
    "a": _half,
    "h": _number(lambda moment: (moment.hour + 11) % 12 + 1, 2),
    "H": _number(lambda moment: moment.hour, 2),
    "K": _number(lambda moment: moment.hour % 12, 2),
    "k": _number(lambda moment: (moment.hour + 23) % 24 + 1, 2),
    "m": _number(lambda moment: moment.minute, 2),
    "s": _number(lambda moment: moment.second, 2),
    "S": _fraction,
    "A": _number(_day_part_ms, 19),
    "n": _number(lambda moment: moment.microsecond * 1000, 19),
    "N": _number(lambda moment: _day_part_ms(moment) * 1_000_000, 19),
    "V": _zone_id,
    "z": _zone_name,
    "O": _offset_localized,
    "X": lambda moment, letters: _offset(moment, letters, "Z"),
    "x": lambda moment, letters: _offset(moment, letters, ""),
    "Z": _offset_plain,
}
"""For a letter: what it writes."""
