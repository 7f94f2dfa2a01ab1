from __future__ import annotations

import subprocess
import sys

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.cli.entry import COMPLETION, plain_options, plain_start
from headwater.cli.start import start
from headwater.config import SETTINGS, Config
from tests.tables import each

OPTIONS = [setting.option for setting in SETTINGS]
VALUES = ["", "0", "4567", "yes", "127.0.0.1", "a b", "=", "a=b", "-", "-1", "--", "--host", "é"]

words = st.one_of(
    st.sampled_from(OPTIONS),
    st.sampled_from(VALUES),
    st.builds("{}={}".format, st.sampled_from(OPTIONS), st.sampled_from(VALUES)),
    st.sampled_from(["-h", "--help", "--por", "--port=", "start", "--no-tls"]),
)


def by_click(arguments: list[str]) -> dict[str, object] | None:
    """The options as click gives them to the command; `None` when it has something to say."""
    try:
        given = dict(start.make_context("start", list(arguments)).params)
    except (click.ClickException, click.exceptions.Exit):
        return None
    return None if given.pop("detach") else given


@given(st.lists(words, max_size=6))
def test_what_the_short_way_takes_click_takes_to_the_same_options(arguments: list[str]) -> None:
    taken = plain_options(arguments)
    assert taken is None or taken == by_click(arguments)


@each("setting", SETTINGS)
@each("joint", ["=", " "])
def test_the_short_way_takes_each_option(setting: object, joint: str) -> None:
    assert isinstance(setting, type(SETTINGS[0]))
    arguments = [setting.option] if setting.is_switch else f"{setting.option}{joint}1".split(" ")
    taken = plain_options([*arguments, *arguments])
    assert taken == by_click([*arguments, *arguments])
    assert taken is not None
    assert taken[setting.field] == ("yes" if setting.is_switch else ("1", "1") if setting.repeats else "1")


def test_variables_and_options_come_together_as_ever() -> None:
    variables = {"HEADWATER_REGION": "eu-west-1", "HEADWATER_PORT": "1"}
    started = plain_start(["--port", "0", "--tls"], variables)
    assert started == Config(region="eu-west-1", ports=(0,), tls=True)


@pytest.mark.parametrize("arguments", [["--help"], ["--port", "none"], ["--port"], ["--nothing"], ["more"]])
def test_what_needs_words_is_left_to_click(arguments: list[str]) -> None:
    assert plain_start(arguments, {}) is None


def test_a_wrong_variable_and_a_completion_are_left_to_click() -> None:
    assert plain_start([], {"HEADWATER_PORT": "none"}) is None
    assert plain_start([], {COMPLETION: "bash_source"}) is None
    assert plain_start([], {}) == Config()


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["start", "--port", "none"], 2, "Error: --port: 'none' is not a whole number from 0 to 65535"),
        (["start", "--prt", "1"], 2, "Error: No such option"),
        (["start", "--help"], 0, "headwater start [OPTIONS]"),
        (["--version"], 0, "headwater "),
        ([], 2, "headwater [OPTIONS] COMMAND"),
    ],
)
def test_click_says_what_it_has_to_say(arguments: list[str], code: int, text: str) -> None:
    command = [sys.executable, "-m", "headwater", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == code
    assert text in ran.stdout + ran.stderr
