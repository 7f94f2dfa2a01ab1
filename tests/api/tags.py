"""Tags that no stream and no consumer may have, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.refusals import account_of, invalid

TAG_KEY_LENGTH = (
    "[Member must have length less than or equal to 128, Member must have length greater than or equal to 1]"
)
TAG_VALUE_LENGTH = (
    "[Member must have length less than or equal to 256, Member must have length greater than or equal to 0]"
)


def tags_of(kinesis: Any, resource_arn: str) -> dict[str, str]:
    """The tags of a stream or consumer."""
    listed = kinesis.list_tags_for_resource(ResourceARN=resource_arn)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in listed}


def label_of(resource_arn: str) -> str:
    """What errors call the stream `orders` or a consumer."""
    if "/consumer/" in resource_arn:
        return f"consumer {resource_arn}"
    return f"stream orders under account {account_of(resource_arn)}"


def _unknown_characters(_arn: str) -> tuple[str, str]:
    return (
        "InvalidArgumentException",
        (
            "Some tags contain invalid characters. Valid characters: "
            "Unicode letters, digits, white space, _ . / = + - % @."
        ),
    )


def _percent(verb: str) -> Callable[[str], tuple[str, str]]:
    return lambda arn: (
        "InvalidArgumentException",
        (
            f"Failed to {verb} {label_of(arn)} because some tags contained illegal characters. "
            "The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'."
        ),
    )


def _reserved(arn: str) -> tuple[str, str]:
    return (
        "InvalidArgumentException",
        f"Failed to add tags to {label_of(arn)} because tag keys that start with aws: are reserved.",
    )


def too_many(arn: str) -> tuple[str, str]:
    """The refusal of the fifty-first tag."""
    return (
        "InvalidArgumentException",
        (
            f"Failed to add tags to {label_of(arn)} because a given stream cannot have more than 50 "
            "tags associated with it."
        ),
    )


CONTROL_CHARACTERS = "\x00\t\n\v\f\r\x1c\x1f\x7f\x85"

VALID_TAGS = {
    "wide\u3000and\xa0narrow\u2009spaces": "\u2028",
    "a": "",
    "Team name": "blue and green",
    "_./=+-:@": "_./=+-:@",
    "größe": "名前",
    "k" * 128: "v" * 256,
    "aws": "aws:reserved keys only",
}

INVALID_TAGS = [
    pytest.param({"a#b": "c"}, _unknown_characters, id="key with another character"),
    pytest.param({"a": "b", "c": "d;"}, _unknown_characters, id="value with another character"),
    *(
        pytest.param(tags, _unknown_characters, id=f"control character {ord(character):#x} in a {place}")
        for character in CONTROL_CHARACTERS
        for place, tags in (("key", {f"a{character}": "b"}), ("value", {"a": f"b{character}"}))
    ),
    pytest.param({"a%": "b"}, _percent("add tags to"), id="percent in a key"),
    pytest.param({"a": "100%"}, _percent("add tags to"), id="percent in a value"),
    pytest.param({"aws:name": "b"}, _reserved, id="reserved key"),
    pytest.param({"AWS:name": "b"}, _reserved, id="reserved key in capitals"),
    pytest.param(
        {},
        lambda _arn: invalid(
            "Value '{}' at 'tags' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        ),
        id="none",
    ),
    pytest.param(
        {"": "b"},
        lambda _arn: invalid(
            "Value '{=b}' at 'tags' failed to satisfy constraint: "
            f"Map keys must satisfy constraint: {TAG_KEY_LENGTH}"
        ),
        id="empty key",
    ),
    pytest.param(
        {"k" * 129: "b"},
        lambda _arn: invalid(
            f"Value '{{{'k' * 129}=b}}' at 'tags' failed to satisfy constraint: "
            f"Map keys must satisfy constraint: {TAG_KEY_LENGTH}"
        ),
        id="long key",
    ),
    pytest.param(
        {"a": "v" * 257},
        lambda _arn: invalid(
            f"Value '{{a={'v' * 257}}}' at 'tags' failed to satisfy constraint: "
            f"Map value must satisfy constraint: {TAG_VALUE_LENGTH}"
        ),
        id="long value",
    ),
]
"""Tags, and from the ARN of their resource to their refusal."""

INVALID_TAG_KEYS = [
    pytest.param(["a#b"], _unknown_characters, id="another character"),
    pytest.param(["a", "b%"], _percent("remove tags from"), id="percent"),
    pytest.param(
        [],
        lambda _arn: invalid(
            "Value '[]' at 'tagKeys' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        ),
        id="none",
    ),
    pytest.param(
        ["a", ""],
        lambda _arn: invalid(
            "Value '[a, ]' at 'tagKeys' failed to satisfy constraint: "
            f"Member must satisfy constraint: {TAG_KEY_LENGTH}"
        ),
        id="empty key",
    ),
    pytest.param(
        ["k"] * 51,
        lambda _arn: invalid(
            f"Value '[{', '.join(['k'] * 51)}]' at 'tagKeys' failed to satisfy constraint: "
            "Member must have length less than or equal to 50"
        ),
        id="more than fifty",
    ),
]
"""Tag keys to remove, and from the ARN of their resource to their refusal."""
