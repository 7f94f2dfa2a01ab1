"""What a request may call a function."""

from __future__ import annotations

import pytest

from headwater.lambda_.api.errors import InvalidParameterValueException
from headwater.lambda_.functions.function import FunctionId
from headwater.lambda_.functions.name import NamedFunction, named_function, read_name
from headwater.model.caller import Caller

CALLER = Caller("111122223333", "eu-west-1")
OWN = FunctionId("111122223333", "eu-west-1", "pay-out")


@pytest.mark.parametrize(
    ("text", "key", "qualifier"),
    [
        ("pay-out", OWN, None),
        ("pay-out:live", OWN, "live"),
        ("pay-out:$LATEST", OWN, "$LATEST"),
        ("function:pay-out:7", OWN, "7"),
        ("444455556666:function:pay-out", FunctionId("444455556666", "eu-west-1", "pay-out"), None),
        ("444455556666:pay-out:live", FunctionId("444455556666", "eu-west-1", "pay-out"), "live"),
        (
            "arn:aws:lambda:us-east-2:444455556666:function:pay-out:live",
            FunctionId("444455556666", "us-east-2", "pay-out"),
            "live",
        ),
        (
            "arn:aws-us-gov:lambda:us-gov-west-1:444455556666:function:pay-out",
            FunctionId("444455556666", "us-gov-west-1", "pay-out"),
            None,
        ),
    ],
)
def test_each_form_names_a_function(text: str, key: FunctionId, qualifier: str | None) -> None:
    assert read_name(text, CALLER) == NamedFunction(key, qualifier)


@pytest.mark.parametrize("text", ["", "a b", "a:b:c", "arn:aws:s3:::pay-out", "pay-out:"])
def test_what_is_no_name_names_nothing(text: str) -> None:
    assert read_name(text, CALLER) is None
    with pytest.raises(InvalidParameterValueException):
        named_function(text, CALLER)


def test_a_qualifier_may_be_said_apart_but_not_another_one() -> None:
    assert named_function("pay-out", CALLER, "live").qualifier == "live"
    assert named_function("pay-out:live", CALLER, "live").qualifier == "live"
    with pytest.raises(InvalidParameterValueException):
        named_function("pay-out:live", CALLER, "7")
