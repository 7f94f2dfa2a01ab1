"""The files that an editor reads agree with the file of facts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headwater.api import requests

SCRIPT = Path(__file__).parents[2] / "scripts" / "generate_api_types.py"


def test_the_types_of_requests_and_answers_are_up_to_date() -> None:
    ran = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_request_can_be_made_by_hand() -> None:
    request = requests.PutRecordInput(Data=b"apples", StreamName="orders")
    assert (request.Data, request.StreamName, request.PartitionKey) == (b"apples", "orders", None)


def test_a_request_that_the_model_does_not_have_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="PutNothingInput"):
        requests.PutNothingInput  # type: ignore[attr-defined]  # noqa: B018 - that is the point
