"""Settings as keyword arguments: an editor completes each, and a type checker refuses a misspelt one."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from headwater.client.consumer.settings import ConsumerOptions, ConsumerSettings
from headwater.client.producer.settings import ProducerOptions, ProducerSettings
from headwater.config import Config
from headwater.testing.server_settings import ServerSettings

MADE_WITH_SETTINGS = """
from headwater.client import (
    AsyncKinesisConsumer, AsyncKinesisProducer, KinesisConsumer, KinesisProducer
)
from headwater.testing import Headwater

{0}
"""


@pytest.mark.parametrize(
    ("options", "settings"),
    [(ProducerOptions, ProducerSettings), (ConsumerOptions, ConsumerSettings), (ServerSettings, Config)],
    ids=["producer", "consumer", "server"],
)
def test_the_keyword_arguments_are_the_fields_of_the_settings(
    options: type[Any], settings: type[Any]
) -> None:
    assert list(get_type_hints(options).items()) == list(get_type_hints(settings).items())
    assert not options.__required_keys__


def test_every_setting_has_a_text_that_ends_its_sentence() -> None:
    for settings in (ProducerSettings, ConsumerSettings):
        source = inspect.getsource(settings).partition("    def ")[0]
        for name in get_type_hints(settings):
            text = source.partition(f"    {name}: ")[2].partition("\n")[2].lstrip()
            assert text.startswith('"""'), name
            assert text[3:].partition('"""')[0].endswith("."), name


@pytest.mark.long  # everyday: that the keyword arguments are the fields, above
def test_mypy_takes_the_settings_and_refuses_a_misspelt_one_and_one_of_another_type(tmp_path: Path) -> None:
    lines = {
        'KinesisProducer("s", ordered=True, endpoint_url="http://127.0.0.1:1")': True,
        'KinesisProducer("s", orderd=True)': False,
        'KinesisProducer("s", ordered="yes")': False,
        'AsyncKinesisProducer("s", batch_records=1)': True,
        'AsyncKinesisProducer("s", batch_record=1)': False,
        'KinesisConsumer("s", threads=2, retries=None, verify=False)': True,
        'KinesisConsumer("s", retry=1)': False,
        'KinesisConsumer("s", checkpoint="never")': False,
        'AsyncKinesisConsumer("s", start="LATEST", worker_id="w")': True,
        'AsyncKinesisConsumer("s", threads=2)': False,
        'Headwater(region="eu-west-1", transition_ms=5)': True,
        "Headwater(regions=())": False,
    }
    program = tmp_path / "settings.py"
    program.write_text(MADE_WITH_SETTINGS.format("\n".join(lines)))
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-incremental", "--follow-imports=silent", str(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    first = program.read_text().splitlines().index(next(iter(lines))) + 1
    refused = {int(line.split(":")[1]) for line in checked.stdout.splitlines() if ": error:" in line}
    assert refused == {first + at for at, is_right in enumerate(lines.values()) if not is_right}, (
        checked.stdout
    )
