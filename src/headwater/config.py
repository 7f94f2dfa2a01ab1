"""Everything that can be set, in one frozen value.

The only module that reads the environment. The command line's options and the
`HEADWATER_…` variables come from one table, `SETTINGS`, so they have the same names
and take the same values; an option given on the command line wins. No other module
keeps a setting of its own.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

ON_DEMAND = "on-demand"
SHARDS_MAX = 100_000
"""Of one stream, as the API model has it."""
SECRETS = ("secret_access_key", "session_token", "kafka_password")
"""Fields that nothing shows."""


class ConfigError(ValueError):
    """A setting has an impossible value. The message names it, for the person who gave it."""


class InitialStream(msgspec.Struct, frozen=True):
    """A stream that a server begins with."""

    name: str
    shard_count: int | None
    """`None`: on demand."""

    def __str__(self) -> str:
        """As it is given."""
        return f"{self.name}:{self.shard_count or ON_DEMAND}"


class Config(msgspec.Struct, frozen=True):
    """The settings of one server."""

    host: str = "127.0.0.1"
    ports: tuple[int, ...] = (4566,)
    """0 picks a free port."""
    data_dir: Path | None = None
    """Where streams and records live; `None` keeps them in a temporary folder until exit."""
    store: str | None = None
    """A Kafka cluster that keeps streams and records for any number of servers."""
    kafka_security: str = "PLAINTEXT"
    kafka_mechanism: str = "SCRAM-SHA-512"
    kafka_username: str | None = None
    kafka_password: str | None = None
    kafka_ca: Path | None = None
    """The file of the authority that has signed the brokers' certificates, if the system does not know it."""
    account_id: str = "000000000000"
    """The account of callers whose access key is not itself an account id."""
    region: str = "us-east-1"
    """The region of callers whose signature names none."""
    credentials: Path | None = None
    """A file of access keys; with it, or with the key below, every signature is verified."""
    access_key_id: str | None = None
    """One more access key, for one who has no file."""
    secret_access_key: str | None = None
    session_token: str | None = None
    create_streams: tuple[InitialStream, ...] = ()
    """Streams that the server begins with."""
    init_dir: Path | None = None
    """A folder of files that say what it begins with."""
    pid_file: Path | None = None
    """Where it says that it runs, for who looks after it."""
    transition_ms: int = 200
    """How long streams and consumers stay CREATING, UPDATING and DELETING."""
    console: str = "on"
    """Pages that show the server: `on`, `off`, or `read-only`: they change nothing."""
    no_console: bool = False
    """The same as `off`."""
    test_clock: bool = False
    """The time that streams live in can be moved through `/_headwater/clock`."""
    enforce_limits: bool = False
    """Refuse what is beyond the rates of AWS."""
    shard_limit: int = 20_000
    """Open shards of provisioned streams that one account may have in one region."""
    on_demand_stream_limit: int = 50
    """On-demand streams that one account may have in one region."""
    resubscribe_at_once: bool = False
    """A consumer whose subscription has ended may subscribe again before five seconds have passed."""
    lambda_concurrency: int = 50
    """How many invocations of functions may be under way at once; each has a process of its own."""
    lambda_interpreters: tuple[tuple[str, Path], ...] = ()
    """The interpreters of runtimes, where the ones that are found are not the right ones."""
    lambda_retry_delay_ms: int = 1_000
    """How long an event source mapping waits before a failed batch is tried a second time."""
    lambda_destination_url: str | None = None
    """Where SQS, SNS and S3 answer for on-failure destinations; `None`: this server."""
    allow_origins: tuple[str, ...] = ()
    """Origins of web pages that may call the server, besides this machine's own; `*` is all."""
    allow_hosts: tuple[str, ...] = ()
    """Names that the server answers to, besides this machine's own; `*` is every name."""
    tls: bool = False
    """Offer TLS, on the same ports, with a certificate of the server's own making."""
    tls_names: tuple[str, ...] = ()
    """Further names and addresses for that certificate."""
    tls_cert: Path | None = None
    """Offer TLS with this certificate, whose key is `tls_key`."""
    tls_key: Path | None = None
    log_format: str = "text"
    """`text` for people, `json` for machines."""
    log_level: str = "info"
    tracing: bool = False
    """Send traces of requests by OpenTelemetry, whose own variables say where to."""
    forward_to: str | None = None
    """The URL of a server that has the neighbouring services, in place of those of `headwater[aws]`."""
    no_keep_neighbours: bool = False
    """With a `data_dir` too, what the services of `headwater[aws]` have is in memory only."""
    header_limit_bytes: int = 32 * 1024
    body_limit_bytes: int = 16 * 1024 * 1024
    """The largest request of the API is 10 MiB of records: 14 MiB in base64, and its keys."""
    upload_limit_bytes: int = 256 * 1024 * 1024
    """The largest part of an object that a neighbouring S3 takes at once."""
    idle_timeout_s: float = 300.0
    """A connection without a request in flight is closed after this long."""
    request_timeout_s: float = 60.0
    """A request must arrive whole within this long of its first byte."""
    shutdown_grace_s: float = 10.0
    """How long requests in flight may take to finish at shutdown."""

    @property
    def uses_tls(self) -> bool:
        """Whether the event loop speaks TLS: to clients, or to the brokers of a store."""
        return self.tls or self.tls_cert is not None or self.kafka_security.endswith("SSL")

    @property
    def has_console(self) -> bool:
        """Whether there are pages that show the server."""
        return not self.no_console and self.console != "off"

    def __repr__(self) -> str:
        """Without secrets."""
        shown = [f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in SECRETS]
        return f"Config({', '.join(shown)})"

    @classmethod
    def from_environment(
        cls,
        variables: Mapping[str, str] | None = None,
        options: Mapping[str, str | tuple[str, ...] | None] | None = None,
    ) -> Config:
        """The defaults, changed by the `HEADWATER_…` variables, changed by the command line's `options`.

        Options are texts by field name; one that is `None` or empty was not given, like a
        variable that is empty. Raises `ConfigError`.
        """
        variables = environment() if variables is None else variables
        values: dict[str, Any] = {}
        for setting in (*SETTINGS, *SECRET_SETTINGS):
            option = (options or {}).get(setting.field)
            variable = variables.get(setting.variable)
            if option:
                given = (option,) if isinstance(option, str) else option
                texts = tuple(",".join(given).split(",")) if setting.repeats else given
                values[setting.field] = setting.read(texts, setting.option)
            elif variable:
                texts = tuple(variable.split(",")) if setting.repeats else (variable,)
                values[setting.field] = setting.read(texts, setting.variable)
        config = cls(**values)
        if (config.access_key_id is None) != (config.secret_access_key is None):
            raise ConfigError("HEADWATER_ACCESS_KEY_ID and HEADWATER_SECRET_ACCESS_KEY belong together")
        if (config.tls_cert is None) != (config.tls_key is None):
            raise ConfigError("--tls-cert and --tls-key belong together")
        names = [stream.name for stream in config.create_streams]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"--create-stream: {name} is named twice, and not in the same way")
        if config.store is not None:
            _check_shared(config)
        return config


def _check_shared(config: Config) -> None:
    """Raise `ConfigError` for what is of one server alone, or does not fit together."""
    if config.data_dir is not None:
        raise ConfigError("--store and --data-dir are two places for the same data: give one")
    if config.test_clock:
        raise ConfigError("--test-clock moves the time of one server: it cannot be had with --store")
    if config.kafka_security.startswith("SASL") and None in (config.kafka_username, config.kafka_password):
        raise ConfigError(
            f"--kafka-security {config.kafka_security} needs --kafka-username and HEADWATER_KAFKA_PASSWORD"
        )
    if not config.kafka_security.startswith("SASL") and config.kafka_username is not None:
        raise ConfigError("--kafka-username needs --kafka-security SASL_SSL, or SASL_PLAINTEXT")
    if not config.kafka_security.endswith("SSL") and config.kafka_ca is not None:
        raise ConfigError("--kafka-ca needs --kafka-security SSL, or SASL_SSL")


def environment() -> Mapping[str, str]:
    """The process's environment: what every other module is given instead of reading it."""
    return os.environ


def tls_folder(config: Config, variables: Mapping[str, str] | None = None) -> Path:
    """Where the server's own authority and certificate are: with the data, else with the user's state."""
    if config.data_dir is not None:
        return config.data_dir / "tls"
    variables = environment() if variables is None else variables
    return _state_folder(variables, sys.platform) / "headwater" / "tls"


def run_folder(variables: Mapping[str, str] | None = None) -> Path:
    """Where servers that were started in the background say that they run."""
    variables = environment() if variables is None else variables
    given = Path(variables.get("XDG_RUNTIME_DIR", ""))
    folder = given if given.is_absolute() else _state_folder(variables, sys.platform)
    return folder / "headwater" / "servers"


def _state_folder(variables: Mapping[str, str], platform: str) -> Path:
    """Where this platform's programs keep what is neither data, settings nor cache."""
    home = Path.home()
    if platform == "win32":
        return Path(variables.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if platform == "darwin":
        return home / "Library" / "Application Support"
    given = Path(variables.get("XDG_STATE_HOME", ""))
    return given if given.is_absolute() else home / ".local" / "state"


class Setting(msgspec.Struct, frozen=True):
    """A field of `Config` that can be set from outside."""

    field: str
    name: str
    """As an option has it, without the dashes in front."""
    kind: str
    """The kind of value, in one word, for the help text; empty for a switch."""
    help: str
    parse: Callable[[str], Any]
    """Raises ValueError with what a value must be."""
    repeats: bool = False

    @property
    def is_switch(self) -> bool:
        """Whether the option stands alone; the variable says `yes` or `no`."""
        return not self.kind

    @property
    def option(self) -> str:
        """The command line's spelling."""
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        """The environment's spelling. Where the setting repeats, values are separated by commas."""
        return f"HEADWATER_{self.name.replace('-', '_').upper()}"

    def read(self, texts: tuple[str, ...], source: str) -> Any:
        """The field's value. Raises `ConfigError` that names `source`."""
        try:
            values = tuple(dict.fromkeys(self.parse(text.strip()) for text in texts))
        except ValueError as error:
            raise ConfigError(f"{source}: {error}") from error
        return values if self.repeats else values[-1]


def _text(text: str) -> str:
    return text


def _matching(pattern: str, what: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(f"{text!r} is not {what}")
        return text

    return parse


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def _initial_stream(text: str) -> InitialStream:
    name, has_shards, shards = text.partition(":")
    if re.fullmatch(r"[a-zA-Z0-9_.-]{1,128}", name) is None:
        raise ValueError(f"{name!r} is not a name of a stream: letters, digits, _, . and -, 128 at most")
    if shards == ON_DEMAND:
        return InitialStream(name, None)
    if not has_shards:
        return InitialStream(name, 1)
    if re.fullmatch(r"[0-9]{1,6}", shards) is None or not 1 <= int(shards) <= SHARDS_MAX:
        raise ValueError(f"{text!r} is not NAME, NAME:SHARDS or NAME:{ON_DEMAND}")
    return InitialStream(name, int(shards))


def _seconds(text: str) -> float:
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII) is None:
        raise ValueError(f"{text!r} is not a number of seconds")
    return float(text)


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is none of {', '.join(choices)}")
        return text

    return parse


def _yes_or_no(text: str) -> bool:
    answers = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text.lower() not in answers:
        raise ValueError(f"{text!r} is neither yes nor no")
    return answers[text.lower()]


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _interpreter(text: str) -> tuple[str, Path]:
    runtime, is_pair, path = text.partition("=")
    if not (is_pair and path and re.fullmatch(r"(python3\.\d+|nodejs\d+\.x)", runtime, re.ASCII)):
        raise ValueError(f"{text!r} is not a runtime and a path such as python3.12=/usr/bin/python3.12")
    return runtime, _path(path)


SETTINGS = (
    Setting("host", "host", "ADDRESS", "Address to listen on; 0.0.0.0 is every IPv4 address.", _text),
    Setting(
        "ports", "port", "PORT", "Port to listen on; 0 is a free one.", _whole_number(0, 65_535), repeats=True
    ),
    Setting(
        "data_dir",
        "data-dir",
        "DIR",
        "Directory of streams and records. Without it, and without --store, they end with the server.",
        _path,
    ),
    Setting(
        "store",
        "store",
        "URL",
        "Keep streams and records on Apache Kafka, for any number of servers.",
        _matching(
            r"kafka://[^\s/,]+:[0-9]+(,[^\s/,]+:[0-9]+)*(/[a-zA-Z0-9][a-zA-Z0-9._-]{0,99})?",
            "a URL such as kafka://broker:9092,broker:9093, each with its port, or with /name behind them",
        ),
    ),
    Setting(
        "kafka_security",
        "kafka-security",
        "PROTOCOL",
        "Protocol of the brokers: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.",
        _choice("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    ),
    Setting(
        "kafka_mechanism",
        "kafka-mechanism",
        "NAME",
        "SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.",
        _choice("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
    ),
    Setting(
        "kafka_username",
        "kafka-username",
        "NAME",
        "User name for SASL; HEADWATER_KAFKA_PASSWORD has the password.",
        _text,
    ),
    Setting(
        "kafka_ca",
        "kafka-ca",
        "FILE",
        "File with the authority that has signed the brokers' certificates.",
        _path,
    ),
    Setting(
        "account_id",
        "account-id",
        "DIGITS",
        "Account of callers whose access key is not an account id.",
        _matching(r"[0-9]{12}", "twelve digits"),
    ),
    Setting(
        "region",
        "region",
        "REGION",
        "Region of callers whose signature names none.",
        _matching(r"[a-z0-9]+(-[a-z0-9]+)*", "a region"),
    ),
    Setting(
        "credentials",
        "credentials",
        "FILE",
        "Verify signatures: this AWS credentials file has the access keys.",
        _path,
    ),
    Setting(
        "create_streams",
        "create-stream",
        "NAME[:SHARDS]",
        "Stream to begin with, unless it is there: orders, orders:4 or orders:on-demand.",
        _initial_stream,
        repeats=True,
    ),
    Setting(
        "init_dir",
        "init-dir",
        "DIR",
        "Folder of JSON files and templates to begin with, in the order of their names.",
        _path,
    ),
    Setting(
        "pid_file",
        "pid-file",
        "FILE",
        "File with the server's process id and endpoints, for as long as it runs.",
        _path,
    ),
    Setting(
        "transition_ms",
        "transition-ms",
        "MS",
        "Milliseconds that a stream stays CREATING, UPDATING or DELETING.",
        _whole_number(0, 86_400_000),
    ),
    Setting(
        "console",
        "console",
        "MODE",
        "Console in the browser: on, off, or read-only, when its pages change nothing.",
        _choice("on", "off", "read-only"),
    ),
    Setting("no_console", "no-console", "", "Serve no console, as --console off.", _yes_or_no),
    Setting("test_clock", "test-clock", "", "Let /_headwater/clock move the time of streams.", _yes_or_no),
    Setting(
        "enforce_limits",
        "enforce-limits",
        "",
        "Enforce AWS's rates: refuse calls, records and bytes beyond them.",
        _yes_or_no,
    ),
    Setting(
        "shard_limit",
        "shard-limit",
        "COUNT",
        "Maximum number of open shards of provisioned streams in one account and region.",
        _whole_number(1, 10_000_000),
    ),
    Setting(
        "on_demand_stream_limit",
        "on-demand-stream-limit",
        "COUNT",
        "Maximum number of on-demand streams in one account and region.",
        _whole_number(1, 10_000_000),
    ),
    Setting(
        "resubscribe_at_once",
        "resubscribe-at-once",
        "",
        "Let a consumer whose subscription has ended subscribe again at once.",
        _yes_or_no,
    ),
    Setting(
        "lambda_concurrency",
        "lambda-concurrency",
        "COUNT",
        "Maximum number of invocations at a time, each in its own process.",
        _whole_number(1, 10_000),
    ),
    Setting(
        "lambda_interpreters",
        "lambda-interpreter",
        "RUNTIME=PATH",
        "Run functions of this runtime with this interpreter.",
        _interpreter,
        repeats=True,
    ),
    Setting(
        "lambda_retry_delay_ms",
        "lambda-retry-delay-ms",
        "MS",
        "Milliseconds before a failed batch is retried; doubled each time.",
        _whole_number(0, 86_400_000),
    ),
    Setting(
        "lambda_destination_url",
        "lambda-destination-url",
        "URL",
        "Endpoint of SQS, SNS and S3 for on-failure destinations, if not this server.",
        _matching(r"https?://[^\s/,]+/?", "a URL such as http://127.0.0.1:5000"),
    ),
    Setting(
        "allow_origins",
        "allow-origin",
        "ORIGIN",
        "Let web pages of this origin call the server; * is every page.",
        _matching(r"\*|null|[a-z][a-z0-9+.-]*://[^\s/,]+/?", "an origin such as https://example.com"),
        repeats=True,
    ),
    Setting(
        "allow_hosts",
        "allow-host",
        "NAME",
        "Answer requests to this host name too; * is every name.",
        _matching(r"\*|[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+", "a host name such as kinesis.example.com"),
        repeats=True,
    ),
    Setting(
        "tls", "tls", "", "Offer TLS on the same ports, with a certificate that the server makes.", _yes_or_no
    ),
    Setting(
        "tls_names",
        "tls-name",
        "NAME",
        "Further host name or address for the certificate that --tls makes.",
        _matching(r"(\*\.)?[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+", "a host name or an address"),
        repeats=True,
    ),
    Setting(
        "tls_cert",
        "tls-cert",
        "FILE",
        "Offer TLS on the same ports, with the certificate in this PEM file.",
        _path,
    ),
    Setting("tls_key", "tls-key", "FILE", "PEM file with the private key of --tls-cert.", _path),
    Setting(
        "forward_to",
        "forward-to",
        "URL",
        "Endpoint that answers for the other services of AWS.",
        _matching(r"https?://[^\s/?#]+(/[^\s?#]*)?", "a URL such as http://localhost:4567"),
    ),
    Setting(
        "no_keep_neighbours",
        "no-keep-neighbours",
        "",
        "Let tables, buckets, queues and stacks be gone when the server stops.",
        _yes_or_no,
    ),
    Setting(
        "log_format", "log-format", "FORMAT", "Format of the log: text or json.", _choice("text", "json")
    ),
    Setting(
        "log_level",
        "log-level",
        "LEVEL",
        "Lowest level to log: debug, info (every call), warning (refused calls), error (server faults).",
        _choice("debug", "info", "warning", "error"),
    ),
    Setting(
        "tracing",
        "tracing",
        "",
        "Send OpenTelemetry traces of requests; the variables OTEL_* say where to.",
        _yes_or_no,
    ),
    Setting(
        "idle_timeout_s",
        "idle-timeout-s",
        "SECONDS",
        "Seconds without a request after which a connection is closed.",
        _seconds,
    ),
    Setting(
        "request_timeout_s",
        "request-timeout-s",
        "SECONDS",
        "Seconds that a request may take to arrive.",
        _seconds,
    ),
    Setting(
        "shutdown_grace_s",
        "shutdown-grace-s",
        "SECONDS",
        "Seconds that open requests may take to finish when the server stops.",
        _seconds,
    ),
)

SECRET_SETTINGS = (
    Setting("access_key_id", "access-key-id", "KEY", "Verify signatures: an access key.", _text),
    Setting("secret_access_key", "secret-access-key", "SECRET", "The access key's secret.", _text),
    Setting("kafka_password", "kafka-password", "PASSWORD", "The password of --kafka-username.", _text),
    Setting("session_token", "session-token", "TOKEN", "The access key's session token, if any.", _text),
)
"""Variables only: a command line can be read by every user of the machine."""
