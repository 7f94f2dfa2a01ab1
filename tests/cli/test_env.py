from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from headwater.cli.client_environment import ClientEnvironment
from headwater.cli.env import SHELLS


def test_a_posix_shell_that_evaluates_the_exports_points_at_the_server(
    headwater: Callable[..., Any], variables: dict[str, str]
) -> None:
    script = headwater("env").out + "\nenv"
    seen = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True, env={"PATH": variables["PATH"]}
    )
    exported = dict(line.split("=", 1) for line in seen.stdout.splitlines())
    assert exported["AWS_ENDPOINT_URL"] == variables["AWS_ENDPOINT_URL"]
    assert exported["AWS_ENDPOINT_URL_KINESIS"] == variables["AWS_ENDPOINT_URL"]
    assert exported["AWS_ACCESS_KEY_ID"]
    assert exported["AWS_SECRET_ACCESS_KEY"]
    assert exported["AWS_REGION"] == exported["AWS_DEFAULT_REGION"] == "us-east-1"


def test_the_options_choose_endpoint_and_region(headwater: Callable[..., Any]) -> None:
    out = headwater("env", "--endpoint-url", "http://localhost:9", "--region", "eu-west-1").out
    assert "export AWS_ENDPOINT_URL=http://localhost:9\n" in out
    assert "export AWS_REGION=eu-west-1\n" in out


def test_the_secret_of_the_user_is_never_printed(headwater: Callable[..., Any]) -> None:
    more = {"AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_SECRET_ACCESS_KEY": "real-secret"}
    out = headwater("env", more=more).out
    assert "real-secret" not in out
    assert "AKIAREAL" not in out


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("sh", "export NAME='it'\"'\"'s; \\ $HOME'"),
        ("fish", "set -gx NAME 'it\\'s; \\\\ $HOME';"),
        ("powershell", "$env:NAME = 'it''s; \\ $HOME'"),
    ],
)
def test_a_value_is_quoted_as_its_shell_wants_it(shell: str, line: str) -> None:
    assert SHELLS[shell]("NAME", "it's; \\ $HOME") == line


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_reads_back_what_was_quoted() -> None:
    script = SHELLS["fish"]("NAME", "it's; \\ $HOME") + " echo $NAME"
    assert (
        subprocess.run(["fish", "-c", script], capture_output=True, text=True, check=True).stdout
        == "it's; \\ $HOME\n"
    )


@pytest.mark.parametrize(
    ("variables", "endpoint_url"),
    [
        ({}, "http://127.0.0.1:4566"),
        ({"AWS_ENDPOINT_URL": ""}, "http://127.0.0.1:4566"),
        ({"AWS_ENDPOINT_URL": "http://a"}, "http://a"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_KINESIS": "http://k"}, "http://k"),
    ],
)
def test_the_endpoint_of_kinesis_wins_over_that_of_all_services(
    variables: dict[str, str], endpoint_url: str
) -> None:
    assert ClientEnvironment.of(variables).endpoint_url == endpoint_url


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({}, "us-east-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "ap-south-1"}, "ap-south-1"),
    ],
)
def test_the_region_has_two_names(variables: dict[str, str], region: str) -> None:
    assert ClientEnvironment.of(variables).region == region


def test_the_empty_access_key_is_an_access_key() -> None:
    assert ClientEnvironment.of({"AWS_ACCESS_KEY_ID": ""}).access_key_id == ""
