"""Filters match what AWS's own library matches, on ten thousand generated pairs of a pattern and an event."""

from __future__ import annotations

import json
import random
import subprocess
from typing import Any

import pytest

from headwater.lambda_.mappings.filter_pattern import InvalidPattern, compile_pattern
from tests.clients.client_process import CLIENTS
from tests.clients.java_project import build

pytestmark = pytest.mark.clients

PAIRS = 10_000
NAMES = ("a", "b", "c", "a.b")
TEXTS = ("", "x", "xy", "Xy", "yx", "x*y", "10.0.0.9", "10.1.0.9", "::1", "k", "\u212a", "\u00df", "SS")
BLOCKS = ("10.0.0.0/24", "10.0.0.0/8", "::/0", "10.0.0.9", "::1/127", "10.0.0.9/32")
NUMBERS = (0, 1, 2, 2.0, -3, 10.5, 7e9)


def random_leaf(chance: random.Random) -> Any:
    return chance.choice((*TEXTS, *NUMBERS, None))


def random_event(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for name in NAMES:
        draw = chance.random()
        if draw < 0.25:
            continue
        if draw < 0.45 and depth < 2:
            event[name] = random_event(chance, depth + 1) or "x"
        elif draw < 0.6:
            event[name] = random_list(chance, depth)
        else:
            event[name] = random_leaf(chance)
    return event


def random_list(chance: random.Random, depth: int) -> list[Any]:
    def element() -> Any:
        draw = chance.random()
        if draw < 0.3 and depth < 2:
            return random_event(chance, depth + 1)
        if draw < 0.45 and depth < 3:
            return random_list(chance, depth + 1)
        return random_leaf(chance)

    return [element() for _ in range(chance.randint(0, 3))]


def random_rule(chance: random.Random) -> Any:
    text = chance.choice(TEXTS)
    some = text or "x"
    low, high = sorted(chance.sample((-3, 0, 1, 2, 11), 2))
    return chance.choice(
        [
            random_leaf(chance),
            random_leaf(chance),
            {"prefix": text},
            {"prefix": {"equals-ignore-case": text}},
            {"suffix": text},
            {"suffix": {"equals-ignore-case": text}},
            {"equals-ignore-case": text},
            {"exists": True},
            {"exists": False},
            {"numeric": [chance.choice(("<", "<=", "=", ">", ">=")), low]},
            {"numeric": [chance.choice((">", ">=")), low, chance.choice(("<", "<=")), high]},
            {"anything-but": some},
            {"anything-but": chance.sample(TEXTS, 2)},
            {"anything-but": chance.sample(NUMBERS, 2)},
            {"anything-but": {"prefix": some}},
            {"anything-but": {"suffix": some}},
            {"anything-but": {"equals-ignore-case": some}},
            {"anything-but": {"wildcard": "*" + some.replace("*", "")}},
            {
                "cidr": chance.choice(
                    ("10.0.0.0/24", "10.0.0.0/8", "::/0", "10.0.0.9", "::1/127", "10.0.0.9/32")
                )
            },
            {"wildcard": chance.choice(("*", "x*", "*y", "x*y", r"x\*y", "*x*"))},
        ]
    )


def random_pattern(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    pattern: dict[str, Any] = {}
    for name in chance.sample(NAMES, chance.randint(1, 2)):
        if chance.random() < 0.3 and depth < 2:
            pattern[name] = random_pattern(chance, depth + 1)
        else:
            pattern[name] = [random_rule(chance) for _ in range(chance.randint(1, 2))]
    if chance.random() < 0.2 and depth < 2:
        pattern["$or"] = [random_pattern(chance, depth + 1) for _ in range(2)]
    return pattern


def ours(pattern: str, event: Any) -> str:
    try:
        return "yes" if compile_pattern(pattern)(event) else "no"
    except InvalidPattern:
        return "refused"


def test_filters_match_what_event_ruler_matches() -> None:
    project = build(CLIENTS / "event_ruler")
    chance = random.Random(20)
    pairs = [(json.dumps(random_pattern(chance)), random_event(chance)) for _ in range(PAIRS)]
    lines = "".join(f"{pattern}\n{json.dumps(event)}\n" for pattern, event in pairs)
    command = project.command("headwater.clients.Matching")
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    theirs = done.stdout.split()
    assert len(theirs) == PAIRS
    different = [
        (pattern, event, said)
        for (pattern, event), said in zip(pairs, theirs, strict=True)
        if ours(pattern, event) != said
    ]
    assert not different, "\n".join(map(str, different))
    assert min(theirs.count(said) for said in ("yes", "no", "refused")) > PAIRS / 20
