from __future__ import annotations

import sys
from pathlib import Path

import pytest

from headwater.config import SECRET_SETTINGS, SETTINGS, Config, ConfigError, InitialStream, tls_folder
from tests.tables import each


def test_without_anything_set_the_defaults_hold() -> None:
    assert Config.from_environment({}) == Config()


def test_every_setting_is_a_field_with_one_name_for_option_and_variable() -> None:
    assert {setting.field for setting in SETTINGS} <= set(Config.__struct_fields__)
    for setting in SETTINGS:
        assert setting.variable == "HEADWATER_" + setting.option[2:].replace("-", "_").upper()


ONE_SERVER = ("HEADWATER_DATA_DIR", "HEADWATER_TEST_CLOCK")
SHARED = ("HEADWATER_STORE", "HEADWATER_KAFKA_")


@pytest.mark.parametrize("name", ONE_SERVER)
def test_what_is_of_one_server_is_refused_with_a_store_of_many(name: str) -> None:
    variables = {"HEADWATER_STORE": "kafka://one:9092", name: "yes"}
    with pytest.raises(ConfigError, match="--store"):
        Config.from_environment(variables)


@pytest.mark.parametrize("url", ["kafka://one", "one:9092", "kafka://one:9092/a b", "redis://one:9092"])
def test_a_store_that_is_no_kafka_cluster_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="--store"):
        Config.from_environment({}, {"store": url})


def test_sasl_needs_a_name_and_a_password() -> None:
    variables = {"HEADWATER_STORE": "kafka://one:9092", "HEADWATER_KAFKA_SECURITY": "SASL_SSL"}
    with pytest.raises(ConfigError, match="HEADWATER_KAFKA_PASSWORD"):
        Config.from_environment(variables)


def test_every_variable_is_read() -> None:
    variables = {
        "HEADWATER_HOST": "0.0.0.0",
        "HEADWATER_PORT": "4567, 4568",
        "HEADWATER_DATA_DIR": "/tmp/data",
        "HEADWATER_STORE": "kafka://one:9092,two:9092/tests",
        "HEADWATER_KAFKA_SECURITY": "SASL_SSL",
        "HEADWATER_KAFKA_MECHANISM": "PLAIN",
        "HEADWATER_KAFKA_USERNAME": "headwater",
        "HEADWATER_KAFKA_CA": "/tmp/ca.pem",
        "HEADWATER_ACCOUNT_ID": "123456789012",
        "HEADWATER_REGION": "eu-west-1",
        "HEADWATER_CREDENTIALS": "/tmp/credentials",
        "HEADWATER_TRANSITION_MS": "0",
        "HEADWATER_CONSOLE": "read-only",
        "HEADWATER_NO_CONSOLE": "yes",
        "HEADWATER_CREATE_STREAM": "orders:4,clicks:on-demand,logs",
        "HEADWATER_INIT_DIR": "/tmp/init",
        "HEADWATER_PID_FILE": "/tmp/pid",
        "HEADWATER_TEST_CLOCK": "yes",
        "HEADWATER_ENFORCE_LIMITS": "true",
        "HEADWATER_SHARD_LIMIT": "10",
        "HEADWATER_ON_DEMAND_STREAM_LIMIT": "11",
        "HEADWATER_RESUBSCRIBE_AT_ONCE": "yes",
        "HEADWATER_LAMBDA_CONCURRENCY": "12",
        "HEADWATER_LAMBDA_INTERPRETER": "python3.12=/opt/python,nodejs22.x=/opt/node",
        "HEADWATER_LAMBDA_RETRY_DELAY_MS": "5",
        "HEADWATER_LAMBDA_DESTINATION_URL": "http://127.0.0.1:5000",
        "HEADWATER_ALLOW_ORIGIN": "https://example.com,http://example.org:80",
        "HEADWATER_ALLOW_HOST": "kinesis.example.com,192.0.2.7",
        "HEADWATER_TLS": "yes",
        "HEADWATER_TLS_NAME": "*.example.com,2001:db8::1",
        "HEADWATER_TLS_CERT": "/tmp/cert.pem",
        "HEADWATER_TLS_KEY": "/tmp/key.pem",
        "HEADWATER_FORWARD_TO": "http://localhost:4567",
        "HEADWATER_NO_KEEP_NEIGHBOURS": "yes",
        "HEADWATER_LOG_FORMAT": "json",
        "HEADWATER_LOG_LEVEL": "error",
        "HEADWATER_TRACING": "yes",
        "HEADWATER_IDLE_TIMEOUT_S": "1",
        "HEADWATER_REQUEST_TIMEOUT_S": "2.5",
        "HEADWATER_SHUTDOWN_GRACE_S": "0",
    }
    assert set(variables) == {setting.variable for setting in SETTINGS}
    on_kafka = {name: text for name, text in variables.items() if name not in ONE_SERVER}
    on_kafka["HEADWATER_KAFKA_PASSWORD"] = "the-password"
    config = Config.from_environment(on_kafka)
    assert config.store == "kafka://one:9092,two:9092/tests"
    assert (config.kafka_security, config.kafka_mechanism, config.kafka_username, config.kafka_ca) == (
        "SASL_SSL",
        "PLAIN",
        "headwater",
        Path("/tmp/ca.pem"),
    )
    of_one_server = {name: text for name, text in variables.items() if not name.startswith(SHARED)}
    assert Config.from_environment(of_one_server) == Config(
        host="0.0.0.0",
        ports=(4567, 4568),
        data_dir=Path("/tmp/data"),
        account_id="123456789012",
        region="eu-west-1",
        credentials=Path("/tmp/credentials"),
        create_streams=(
            InitialStream("orders", 4),
            InitialStream("clicks", None),
            InitialStream("logs", 1),
        ),
        init_dir=Path("/tmp/init"),
        pid_file=Path("/tmp/pid"),
        transition_ms=0,
        console="read-only",
        no_console=True,
        test_clock=True,
        enforce_limits=True,
        shard_limit=10,
        on_demand_stream_limit=11,
        resubscribe_at_once=True,
        lambda_concurrency=12,
        lambda_interpreters=(("python3.12", Path("/opt/python")), ("nodejs22.x", Path("/opt/node"))),
        lambda_retry_delay_ms=5,
        lambda_destination_url="http://127.0.0.1:5000",
        allow_origins=("https://example.com", "http://example.org:80"),
        allow_hosts=("kinesis.example.com", "192.0.2.7"),
        tls=True,
        tls_names=("*.example.com", "2001:db8::1"),
        tls_cert=Path("/tmp/cert.pem"),
        tls_key=Path("/tmp/key.pem"),
        forward_to="http://localhost:4567",
        no_keep_neighbours=True,
        log_format="json",
        log_level="error",
        tracing=True,
        idle_timeout_s=1.0,
        request_timeout_s=2.5,
        shutdown_grace_s=0.0,
    )


def test_what_repeats_may_be_separated_by_commas_as_an_option_too() -> None:
    config = Config.from_environment({}, {"create_streams": ("orders:4,clicks:on-demand", "logs")})
    assert [str(stream) for stream in config.create_streams] == ["orders:4", "clicks:on-demand", "logs:1"]


@pytest.mark.parametrize(
    "text", ["", "orders:0", "orders:", "orders:many", "a b", "x" * 129, "orders:100001"]
)
def test_what_is_no_stream_to_begin_with_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--create-stream"):
        Config.from_environment({}, {"create_streams": ("first", text)})


def test_a_stream_to_begin_with_has_one_size() -> None:
    with pytest.raises(ConfigError, match="orders is named twice"):
        Config.from_environment({}, {"create_streams": ("orders:4,orders:5",)})
    config = Config.from_environment({}, {"create_streams": ("orders:4", "orders:4")})
    assert [str(stream) for stream in config.create_streams] == ["orders:4"]


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


@each(
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
        ("HEADWATER_ALLOW_HOST", "https://example.com"),
        ("HEADWATER_TLS", "maybe"),
        ("HEADWATER_FORWARD_TO", "localhost:4567"),
        ("HEADWATER_TLS_NAME", "example.com:4566/"),
    ],
)
def test_an_impossible_value_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{variable}: '.*' is "):
        Config.from_environment({variable: value})


@pytest.mark.parametrize(("said", "meant"), [("1", True), ("TRUE", True), ("no", False), ("0", False)])
def test_a_switch_has_a_few_spellings(said: str, meant: bool) -> None:
    assert Config.from_environment({"HEADWATER_TLS": said}).tls == meant


@pytest.mark.parametrize("option", ["tls_cert", "tls_key"])
def test_a_certificate_and_its_key_belong_together(option: str) -> None:
    with pytest.raises(ConfigError, match=r"^--tls-cert and --tls-key belong together$"):
        Config.from_environment({}, {option: "file.pem"})


def test_certificates_are_kept_with_the_data_or_else_with_the_users_state() -> None:
    assert tls_folder(Config(data_dir=Path("/data")), {}) == Path("/data/tls")
    given = tls_folder(Config(), {"XDG_STATE_HOME": "/state", "LOCALAPPDATA": "/state"})
    if sys.platform != "darwin":
        assert given == Path("/state/headwater/tls")
    for state_home in ("", "relative"):
        assert Path.home() in tls_folder(Config(), {"XDG_STATE_HOME": state_home}).parents


def test_an_impossible_option_is_refused_by_its_own_name() -> None:
    with pytest.raises(ConfigError, match=r"^--account-id: '1' is not twelve digits$"):
        Config.from_environment({"HEADWATER_ACCOUNT_ID": "123456789012"}, {"account_id": "1"})


def test_secrets_are_read_from_variables_and_shown_nowhere() -> None:
    variables = {
        "HEADWATER_ACCESS_KEY_ID": "AKID",
        "HEADWATER_SECRET_ACCESS_KEY": "the-secret",
        "HEADWATER_SESSION_TOKEN": "the-token",
        "HEADWATER_KAFKA_PASSWORD": "the-password",
    }
    assert set(variables) == {setting.variable for setting in SECRET_SETTINGS}
    config = Config.from_environment(variables)
    assert config == Config(
        access_key_id="AKID",
        secret_access_key="the-secret",
        session_token="the-token",
        kafka_password="the-password",
    )
    assert "the-" not in repr(config)


@pytest.mark.parametrize("name", ["HEADWATER_ACCESS_KEY_ID", "HEADWATER_SECRET_ACCESS_KEY"])
def test_half_a_key_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^HEADWATER_ACCESS_KEY_ID and HEADWATER_SECRET_ACCESS_KEY belong"):
        Config.from_environment({name: "x"})
