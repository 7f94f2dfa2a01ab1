"""`headwater aws`: the AWS CLI, pointed at the local server.

Everything after `aws` is the AWS CLI's, untouched, and so is its exit code. What the
user has set up stays: an access key, a profile, a region. What is missing is filled
in with dummies, so that a machine that never saw AWS needs no set-up.
"""

from __future__ import annotations

import configparser
import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from headwater import config
from headwater.cli.client_environment import (
    DUMMY_ACCESS_KEY_ID,
    DUMMY_SECRET_ACCESS_KEY,
    ClientEnvironment,
)
from headwater.cli.connection import ClientFailure

CREDENTIAL_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
"""One of these set, even to the empty string: the user has chosen who to be."""

CREDENTIAL_SETTINGS = (
    "aws_access_key_id",
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "sso_account_id",
    "sso_session",
    "web_identity_token_file",
)
"""One of these in the profile in use: likewise."""


class Untouched(click.Command):
    """A command that hands on its arguments as they are; click itself would drop a lone `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep all arguments, `--help` too."""
        ctx.args = list(args)
        return []


@click.command(
    cls=Untouched,
    add_help_option=False,
    options_metavar="",
    short_help="Run the AWS CLI against the local server.",
)
@click.pass_context
def aws(context: click.Context) -> None:
    """Run the AWS CLI against the local server: all arguments are its own."""
    variables = config.environment()
    command = [*aws_command(variables.get("PATH")), *context.args]
    run(command, aws_environment(variables, context.args))


def aws_command(path: str | None) -> list[str]:
    """The command that starts the AWS CLI: the one on the path, or else this Python's own.

    Raises `ClientFailure` when there is none.
    """
    program = shutil.which("aws", path=path)
    if program is not None:
        return [program]
    if importlib.util.find_spec("awscli") is not None:
        return [sys.executable, "-m", "awscli"]
    raise ClientFailure("there is no AWS CLI on this machine; install it with `pip install awscli`")


def aws_environment(variables: Mapping[str, str], arguments: Sequence[str] = ()) -> dict[str, str]:
    """The AWS CLI's environment: what is set now, and the endpoint, key and region that are missing."""
    client = ClientEnvironment.of(variables)
    missing = {"AWS_ENDPOINT_URL": client.endpoint_url}
    settings = _profile_settings(variables, _chosen_profile(variables, arguments))
    if not _credentials_chosen(variables, arguments, settings):
        missing |= {
            "AWS_ACCESS_KEY_ID": DUMMY_ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": DUMMY_SECRET_ACCESS_KEY,
        }
    if variables.get("AWS_REGION") or "region" not in settings:
        missing["AWS_DEFAULT_REGION"] = client.region  # the one of the two names that every version reads
    kept = {name: value for name, value in variables.items() if value or name not in missing}
    # Were the endpoint ignored, the call would go to the user's account at AWS.
    return missing | kept | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"}


def run(command: list[str], variables: dict[str, str]) -> None:
    """Become the command, or run it and end with its exit code where a process cannot do that."""
    if sys.platform == "win32":
        sys.exit(subprocess.run(command, env=variables, check=False).returncode)  # noqa: S603 - the user's words
    sys.stdout.flush()
    os.execve(command[0], command, variables)  # noqa: S606 - no shell is wanted


def _chosen_profile(variables: Mapping[str, str], arguments: Sequence[str]) -> str:
    for name, value in itertools.pairwise(arguments):
        if name == "--profile":
            return value
    for argument in arguments:
        if argument.startswith("--profile="):
            return argument.removeprefix("--profile=")
    return variables.get("AWS_PROFILE") or variables.get("AWS_DEFAULT_PROFILE") or "default"


def _credentials_chosen(
    variables: Mapping[str, str], arguments: Sequence[str], settings: Mapping[str, str]
) -> bool:
    return (
        any(name in variables for name in CREDENTIAL_VARIABLES)
        or any(argument.partition("=")[0] == "--profile" for argument in arguments)
        or any(name in settings for name in CREDENTIAL_SETTINGS)
    )


def _profile_settings(variables: Mapping[str, str], profile: str) -> dict[str, str]:
    """What the AWS configuration files say of a profile; nothing, when they cannot be read."""
    settings: dict[str, str] = {}
    config_section = profile if profile == "default" else f"profile {profile}"
    for variable, name, section in (
        ("AWS_CONFIG_FILE", "config", config_section),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", profile),
    ):
        path = Path(variables.get(variable) or f"~/.aws/{name}")
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(path.expanduser().read_text(encoding="utf-8"))
        except (OSError, ValueError, RuntimeError, configparser.Error):
            continue  # the AWS CLI will say what is wrong with the file
        if parser.has_section(section):
            settings |= parser.items(section)
    return settings
