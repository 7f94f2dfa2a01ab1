"""Targets get what their input says, as EventBridge's user guide has it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.neighbours.events.target_input import input_of

EVENT = {"id": "1", "detail": {"instance-id": "i-1", "state": 'run"ning', "tags": ["a", "b"], "n": 7}}
PATHS = {
    "instance": "$.detail.instance-id",
    "state": "$.detail.state",
    "tags": "$.detail.tags",
    "gone": "$.x",
    "n": "$.detail.n",
}


IN_JSON = '{"instance": <instance>, "tags": <tags>, "n": <n>}'
MISSING = '{"gone": <gone>, "text": "<gone>", "unknown": "<other>"}'


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ({"Input": '{"constant": 1}'}, '{"constant": 1}'),
        ({"InputPath": "$.detail.tags[1]"}, '"b"'),
        ({"InputPath": "$.nothing"}, "null"),
        ({"template": '"instance <instance> is <state>"'}, '"instance i-1 is run\\"ning"'),
        ({"template": IN_JSON}, '{"instance": "i-1", "tags": ["a","b"], "n": 7}'),
        ({"template": MISSING}, '{"gone": null, "text": "", "unknown": "<other>"}'),
        ({"template": '{"rule": <aws.events.rule-name>}'}, '{"rule": "r"}'),
    ],
)
def test_an_input_is_what_its_target_says(target: dict[str, Any], text: str) -> None:
    if "template" in target:
        target = {"InputTransformer": {"InputPathsMap": PATHS, "InputTemplate": target["template"]}}
    assert input_of(target, EVENT, {"aws.events.rule-name": "r"}) == text


def test_without_one_it_is_the_event() -> None:
    assert json.loads(input_of({}, EVENT, {})) == EVENT
