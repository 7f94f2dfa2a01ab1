"""Filter patterns take the events that the user guide says they take."""

from __future__ import annotations

import json

import pytest

from headwater.neighbours.logs.filter_pattern import PatternInvalid, matcher
from tests.tables import each

EVENT = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", {"x": 1}],
        "objectList": [{"name": "a", "enabled": True}, {"name": "b", "enabled": False}],
        "SomeObject": None,
        "bandwidth": 75,
        "text": "75",
        "odd name": "x",
    }
)
LINE = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@each(
    ("pattern", "message", "is_taken"),
    [
        ("", "anything", True),
        ("ERROR", "[ERROR 400] BAD", True),
        ("error", "[ERROR 400] BAD", False),
        ("ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", True),
        ("ERROR ARGUMENTS", "[ERROR 400] BAD REQUEST", False),
        ("?ERROR ?WARN", "[WARN] disk", True),
        ("?ERROR ?WARN", "[INFO] disk", False),
        ("?ERROR REQUEST", "[INFO] REQUEST", True),
        ('"INTERNAL SERVER ERROR"', "500 INTERNAL SERVER ERROR", True),
        ('"INTERNAL SERVER ERROR"', "500 INTERNAL ERROR SERVER", False),
        ("ERROR -EXITING", "ERROR: EXITING", False),
        ("ERROR -EXITING", "ERROR: going on", True),
        ("-EXITING", "going on", True),
        (r"%\d{3}%", "status 404", True),
        (r"%\d{3}%", "status 40", False),
        ('{ $.eventType = "UpdateTrail" }', EVENT, True),
        ('{ $.eventType = "Update*" }', EVENT, True),
        ("{ $.eventType = Up?ateTrail }", EVENT, False),
        ('{ $.eventType != "UpdateTrail" }', EVENT, False),
        ('{ $.missing != "UpdateTrail" }', EVENT, False),
        ("{ $.sourceIPAddress = 111.111.* }", EVENT, True),
        (r"{ $.sourceIPAddress = %1{3}\.% }", EVENT, True),
        ('{ $.arrayKey[0] = "value" }', EVENT, True),
        ("{ $.arrayKey[1].x = 1 }", EVENT, True),
        ("{ $.arrayKey[7] = 1 }", EVENT, False),
        ("{ $.objectList[1].enabled IS FALSE }", EVENT, True),
        ("{ $.objectList[0].enabled IS FALSE }", EVENT, False),
        ("{ $.SomeObject IS NULL }", EVENT, True),
        ("{ $.SomeOtherObject NOT EXISTS }", EVENT, True),
        ("{ $.SomeObject NOT EXISTS }", EVENT, False),
        ("{ $.bandwidth > 74.5 && $.bandwidth <= 7.5e1 }", EVENT, True),
        ("{ $.bandwidth > 75 || ($.eventType = UpdateTrail && $.arrayKey[1].x = 1) }", EVENT, True),
        ("{ ($.bandwidth > 75 || $.eventType = UpdateTrail) && $.arrayKey[1].x = 2 }", EVENT, False),
        ('{ $["odd name"] = "x" }', EVENT, True),
        ("{ $.bandwidth = 75 }", "no JSON", False),
        ("[ip, server, user, time, request, status, bytes]", LINE, True),
        ("[ip, server, user, time, request, status = 4*, bytes > 1000]", LINE, True),
        ("[ip, server, user, time, request, status = 5*, bytes]", LINE, False),
        ("[ip, server, user]", LINE, False),
        ("[..., status = 404, bytes]", LINE, True),
        ("[ip = 127.0.0.1, ..., status = 404 || status = 410, bytes]", LINE, True),
        ("[ip, server, ..., request = *html*, status, bytes]", LINE, True),
    ],
)
def test_a_pattern_takes_what_it_describes(pattern: str, message: str, *, is_taken: bool) -> None:
    assert matcher(pattern)(message) is is_taken


@pytest.mark.parametrize(
    "pattern",
    ["{ $.a = 1", "{ a = 1 }", "{ $.a = }", "{ $.a ~ 1 }", "{ ($.a = 1 }", "[a, , b]", "%(%", "{ $.a > b }"],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(PatternInvalid):
        matcher(pattern)
