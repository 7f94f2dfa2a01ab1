from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from headwater.config import SETTINGS, Config, ConfigError


def test_without_anything_set_the_defaults_hold() -> None:
    assert Config.from_environment({}) == Config()


def test_every_setting_is_a_field_with_one_name_for_option_and_variable() -> None:
    fields = {field.name for field in dataclasses.fields(Config)}
    assert {setting.field for setting in SETTINGS} <= fields
    for setting in SETTINGS:
        assert setting.variable == "HEADWATER_" + setting.option[2:].replace("-", "_").upper()


def test_every_variable_is_read() -> None:
    variables = {
        "HEADWATER_HOST": "0.0.0.0",
        "HEADWATER_PORT": "4567, 4568",
        "HEADWATER_DATA_DIR": "/tmp/data",
        "HEADWATER_ACCOUNT_ID": "123456789012",
        "HEADWATER_REGION": "eu-west-1",
        "HEADWATER_TRANSITION_MS": "0",
        "HEADWATER_SHARD_LIMIT": "10",
        "HEADWATER_ON_DEMAND_STREAM_LIMIT": "11",
        "HEADWATER_ALLOW_ORIGIN": "https://example.com,http://example.org:80",
        "HEADWATER_LOG_FORMAT": "json",
        "HEADWATER_LOG_LEVEL": "error",
        "HEADWATER_IDLE_TIMEOUT_S": "1",
        "HEADWATER_REQUEST_TIMEOUT_S": "2.5",
        "HEADWATER_SHUTDOWN_GRACE_S": "0",
    }
    assert set(variables) == {setting.variable for setting in SETTINGS}
    assert Config.from_environment(variables) == Config(
        host="0.0.0.0",
        ports=(4567, 4568),
        data_dir=Path("/tmp/data"),
        account_id="123456789012",
        region="eu-west-1",
        transition_ms=0,
        shard_limit=10,
        on_demand_stream_limit=11,
        allow_origins=("https://example.com", "http://example.org:80"),
        log_format="json",
        log_level="error",
        idle_timeout_s=1.0,
        request_timeout_s=2.5,
        shutdown_grace_s=0.0,
    )


def test_an_option_wins_over_its_variable() -> None:
    variables = {"HEADWATER_PORT": "1,2", "HEADWATER_REGION": "eu-west-1"}
    config = Config.from_environment(variables, {"ports": ("3", "4"), "region": None, "allow_origins": ()})
    assert config.ports == (3, 4)
    assert config.region == "eu-west-1"


def test_an_empty_variable_is_not_set_and_a_foreign_one_is_not_looked_at() -> None:
    assert Config.from_environment({"HEADWATER_PORT": "", "HEADWATER_NEWER": "x", "PORT": "1"}) == Config()


def test_a_port_named_twice_is_one_port() -> None:
    assert Config.from_environment({"HEADWATER_PORT": "4567,4567"}).ports == (4567,)


def test_a_data_directory_may_be_below_home() -> None:
    assert Config.from_environment({"HEADWATER_DATA_DIR": "~/data"}).data_dir == Path.home() / "data"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HEADWATER_PORT", "x"),
        ("HEADWATER_PORT", "65536"),
        ("HEADWATER_PORT", "-1"),
        ("HEADWATER_PORT", "4567,,"),
        ("HEADWATER_PORT", "٤"),
        ("HEADWATER_ACCOUNT_ID", "12345678901"),
        ("HEADWATER_ACCOUNT_ID", "1234567890123"),
        ("HEADWATER_ACCOUNT_ID", "abcdefghijkl"),
        ("HEADWATER_REGION", "eu west"),
        ("HEADWATER_TRANSITION_MS", "1.5"),
        ("HEADWATER_SHARD_LIMIT", "0"),
        ("HEADWATER_LOG_FORMAT", "xml"),
        ("HEADWATER_LOG_LEVEL", "INFO"),
        ("HEADWATER_IDLE_TIMEOUT_S", "inf"),
        ("HEADWATER_IDLE_TIMEOUT_S", "-1"),
        ("HEADWATER_ALLOW_ORIGIN", "example.com"),
    ],
)
def test_an_impossible_value_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{variable}: '.*' is "):
        Config.from_environment({variable: value})


def test_an_impossible_option_is_refused_by_its_own_name() -> None:
    with pytest.raises(ConfigError, match=r"^--account-id: '1' is not twelve digits$"):
        Config.from_environment({"HEADWATER_ACCOUNT_ID": "123456789012"}, {"account_id": "1"})
