"""Every code block is run or says why not; data can be read; what pages name of Headwater exists."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable
from typing import Any

import click
import yaml

from headwater.cli.main import main
from headwater.config import SECRET_SETTINGS, SETTINGS
from tests.documentation.blocks import (
    DATA,
    PAGES,
    PROGRAMS,
    ROOT,
    SHOWN,
    Block,
    all_blocks,
    headwater_commands,
    markers_without_a_block,
)

READERS: dict[str, Callable[[str], Any]] = {
    "ini": lambda text: configparser.ConfigParser(interpolation=None).read_string(text),
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": lambda text: list(yaml.safe_load_all(text)),
}
OF_THE_TESTS = {"HEADWATER_TEST_SERVER", "HEADWATER_TEST_TERRAFORM_MIRROR"}
OF_DEVELOPERS = ("bench", "docs", "test")
OF_OTHERS = {
    *("--createStreamMs", "--deleteStreamMs", "--updateStreamMs", "--shardLimit", "--path", "--ssl"),
    *("--state-dir", "--data", "--s3-bucket", "--secret", "--read-only", "--user", "--init"),
}
"""Options of kinesalite, ferrokinesis, Docker, and the command lines of AWS."""


def test_every_block_is_run_or_says_why_not() -> None:
    offenders = [
        f"{block}: {block.language or 'no language'}: run it, or say why not: <!-- not run: … -->"
        for block in all_blocks()
        if block.language not in (*PROGRAMS, *DATA, *SHOWN) and not block.is_left_out
    ]
    assert not offenders, "\n".join(offenders)


def test_whatever_is_said_of_a_block_stands_before_one() -> None:
    offenders = [str(page.relative_to(ROOT)) for page in PAGES if markers_without_a_block(page)]
    assert not offenders


def test_what_is_said_to_run_a_block_names_its_page() -> None:
    offenders = [f"{block}: {block.run_by}" for block in all_blocks() if block.run_by and not names(block)]
    assert not offenders, "\n".join(offenders)


def names(block: Block) -> bool:
    """Whether the test that runs a block exists and speaks of its page."""
    test = ROOT / block.run_by
    page = block.page.rpartition("/")[2]
    return test.is_file() and (page in test.read_text() or block.page.startswith("docs/tutorials/"))


def test_data_can_be_read() -> None:
    offenders = [
        f"{block}: {error}"
        for block in all_blocks()
        if block.language in DATA and (error := error_of(READERS[block.language], block.text))
    ]
    assert not offenders, "\n".join(offenders)


def test_python_can_be_compiled() -> None:
    offenders = [
        f"{block}: {error}"
        for block in all_blocks()
        if block.language == "python"
        and (error := error_of(lambda text: compile(text, "page", "exec"), block.text))
    ]
    assert not offenders, "\n".join(offenders)


def error_of(read: Callable[[str], object], text: str) -> Exception | None:
    """What is wrong with a text, if anything is."""
    try:
        read(text)
    except Exception as error:  # noqa: BLE001 - each reader has its own
        return error
    return None


def test_bash_understands_every_command() -> None:
    scripts = [f"# {block}\n(\n{block.text}:\n)\n" for block in all_blocks() if block.language == "sh"]
    assert len(scripts) > 40
    script = "".join(scripts)
    ran = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_every_command_of_headwater_exists_with_its_options() -> None:
    inline = [
        (str(page.relative_to(ROOT)), re.findall(r"`headwater ([^`…]+)`", page.read_text())) for page in PAGES
    ]
    blocks = [
        (str(block), headwater_commands(block.text))
        for block in all_blocks()
        if block.language in ("console", "sh")
    ]
    offenders = [
        f"{place}: headwater {command}: {error}"
        for place, commands in (*blocks, *inline)
        for command in commands
        if (error := error_of(understand, re.sub(r"[\[\],]", "", command)))
    ]
    assert not offenders, "\n".join(offenders)


def understand(command: str) -> None:
    """Let the commands read a line, without doing what it says; a part that there is not is an error."""
    arguments = shlex.split(command)
    at: click.Command = main
    context = click.Context(main, info_name="headwater")
    while isinstance(at, click.Group) and arguments and not arguments[0].startswith("-"):
        _, found, arguments = at.resolve_command(context, arguments)
        assert found is not None
        at, context = found, click.Context(found, info_name=found.name, parent=context)
    if at.name != "aws":  # the AWS CLI reads what comes behind it
        at.make_parser(context).parse_args(args=arguments)


def test_every_option_that_a_page_names_is_one() -> None:
    ours = {option for command in commands_below(main) for option in options_of(command)} | {"--help"}
    offenders = [
        f"{page.relative_to(ROOT)}: {option}"
        for page in PAGES
        for option in re.findall(r"`(--[a-z][\w-]+)", page.read_text())
        if option not in ours | OF_OTHERS
    ]
    assert not offenders, "\n".join(offenders)


def commands_below(command: click.Command) -> list[click.Command]:
    """A command with those of its group, and of theirs."""
    if not isinstance(command, click.Group):
        return [command]
    context = click.Context(command)
    inner = [
        found for name in command.list_commands(context) if (found := command.get_command(context, name))
    ]
    return [command, *(each for one in inner for each in commands_below(one))]


def options_of(command: click.Command) -> list[str]:
    """The options of a command, as they are written."""
    return [option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)]


def test_every_variable_that_a_page_names_is_one() -> None:
    ours = {setting.variable for setting in (*SETTINGS, *SECRET_SETTINGS)} | OF_THE_TESTS
    offenders = [
        f"{page.relative_to(ROOT)}: {variable}"
        for page in PAGES
        for variable in re.findall(r"\bHEADWATER_[A-Z_]+\b", page.read_text())
        if variable not in ours
    ]
    assert not offenders, "\n".join(offenders)


def test_every_extra_that_a_page_names_is_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    offenders = [
        f"{page.relative_to(ROOT)}: {extra}"
        for page in PAGES
        for extras in re.findall(r"\bheadwater\[([\w,]+)\]", page.read_text())
        for extra in extras.split(",")
        if extra not in project["optional-dependencies"]
    ]
    assert not offenders, "\n".join(offenders)


def test_the_page_about_installing_has_every_extra_of_users() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    page = (ROOT / "docs" / "installing.md").read_text()
    rows = re.findall(r"^\| `headwater\[(\w+)\]` \|", page, re.MULTILINE)
    assert sorted([*rows, *OF_DEVELOPERS]) == sorted(project["optional-dependencies"])
