from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headwater.cli.aws import aws_command, aws_environment
from headwater.cli.connection import ClientFailure

NOWHERE = {"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
RECORDER = f"""#!{sys.executable}
import json, os, sys
print(json.dumps({{"arguments": sys.argv[1:], "variables": dict(os.environ)}}))
sys.exit(42)
"""


@pytest.fixture
def recorder(tmp_path: Path) -> str:
    """A folder whose `aws` prints how it was called, and ends with 42."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "aws"
    program.write_text(RECORDER)
    program.chmod(0o755)
    return str(folder)


@pytest.mark.long
def test_the_real_aws_cli_reaches_the_server(headwater: Callable[..., Any], stream: str) -> None:
    ended = headwater(
        "aws", "kinesis", "describe-stream-summary", "--stream-name", stream, more={"PATH": "/nonexistent"}
    )
    assert ended.exit_code == 0, ended.err
    assert json.loads(ended.out)["StreamDescriptionSummary"]["StreamName"] == stream


@pytest.mark.long
def test_an_error_of_the_aws_cli_keeps_its_exit_code(headwater: Callable[..., Any]) -> None:
    ended = headwater(
        "aws", "kinesis", "describe-stream-summary", "--stream-name", "nothing", more={"PATH": "/nonexistent"}
    )
    assert ended.exit_code in {254, 255}  # version 2, version 1
    assert "ResourceNotFoundException" in ended.err


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], marks=pytest.mark.long),
        pytest.param(["--version"], marks=pytest.mark.long),
        ["kinesis", "put-record", "--data", "--", "-x", "--region=eu-west-1", ""],
        pytest.param(["--", "a"], marks=pytest.mark.long),
        [],
    ],
)
def test_arguments_and_exit_code_pass_through_untouched(
    headwater: Callable[..., Any], recorder: str, arguments: list[str]
) -> None:
    ended = headwater("aws", *arguments, more={"PATH": recorder})
    assert ended.exit_code == 42
    assert json.loads(ended.out)["arguments"] == arguments


def test_the_aws_cli_of_the_path_comes_before_that_of_this_python(recorder: str) -> None:
    assert aws_command(recorder) == [str(Path(recorder) / "aws")]
    assert aws_command("/nonexistent") == [sys.executable, "-m", "awscli"]


def test_without_an_aws_cli_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ClientFailure, match="pip install awscli"):
        aws_command("/nonexistent")


def test_a_bare_environment_gets_endpoint_dummies_and_a_region() -> None:
    variables = aws_environment(NOWHERE)
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert variables["AWS_ACCESS_KEY_ID"]
    assert variables["AWS_SECRET_ACCESS_KEY"]
    assert variables["AWS_DEFAULT_REGION"] == "us-east-1"


def test_what_the_user_has_set_stays() -> None:
    mine = {
        "AWS_ENDPOINT_URL": "http://s",
        "AWS_ACCESS_KEY_ID": "123456789012",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "PATH": "/bin",
    }
    variables = aws_environment(NOWHERE | mine)
    assert {name: variables[name] for name in mine} == mine


def test_the_newer_name_of_the_region_reaches_every_version_of_the_aws_cli() -> None:
    assert aws_environment(NOWHERE | {"AWS_REGION": "eu-west-1"})["AWS_DEFAULT_REGION"] == "eu-west-1"


def test_an_endpoint_for_kinesis_alone_keeps_every_other_service_away_from_aws_too() -> None:
    variables = aws_environment(NOWHERE | {"AWS_ENDPOINT_URL_KINESIS": "http://k"})
    assert variables["AWS_ENDPOINT_URL"] == "http://k"


def test_a_setting_that_ignores_endpoints_does_not_send_the_call_to_aws() -> None:
    variables = aws_environment(NOWHERE | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"})
    assert variables["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] == "false"


@pytest.fixture
def configured(tmp_path: Path) -> dict[str, str]:
    """An environment whose files hold a default profile with a region, and another with keys."""
    (tmp_path / "config").write_text("[default]\nregion = eu-north-1\n[profile work]\nregion = eu-west-3\n")
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = AKIA\naws_secret_access_key = s%s\n")
    return {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }


def test_the_region_of_the_profile_stays(configured: dict[str, str]) -> None:
    assert "AWS_DEFAULT_REGION" not in aws_environment(configured)


@pytest.mark.parametrize("arguments", [["--profile", "work"], ["--profile=work"]])
def test_a_profile_named_in_the_arguments_brings_its_own_keys(
    configured: dict[str, str], arguments: list[str]
) -> None:
    variables = aws_environment(configured, arguments)
    assert "AWS_ACCESS_KEY_ID" not in variables
    assert "AWS_DEFAULT_REGION" not in variables


def test_a_profile_named_in_the_environment_brings_its_own_keys(configured: dict[str, str]) -> None:
    assert "AWS_ACCESS_KEY_ID" not in aws_environment(configured | {"AWS_PROFILE": "work"})


def test_a_default_profile_with_keys_is_used(configured: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = AKIA\n")
    assert "AWS_ACCESS_KEY_ID" not in aws_environment(configured)


def test_a_file_that_cannot_be_parsed_is_left_to_the_aws_cli(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("region = eu-north-1\n")
    assert aws_environment(NOWHERE | {"AWS_CONFIG_FILE": str(tmp_path / "config")})["AWS_ACCESS_KEY_ID"]
