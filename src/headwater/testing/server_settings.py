"""The settings of a test's server as keyword arguments, for editors and type checkers.

Refuses to know defaults and meanings: those are `headwater.config.Config`'s.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from headwater.config import InitialStream


class ServerSettings(TypedDict, total=False):
    """The fields of `headwater.config.Config`, each of which may be left out."""

    host: str
    ports: tuple[int, ...]
    data_dir: Path | None
    store: str | None
    kafka_security: str
    kafka_mechanism: str
    kafka_username: str | None
    kafka_password: str | None
    kafka_ca: Path | None
    account_id: str
    region: str
    credentials: Path | None
    access_key_id: str | None
    secret_access_key: str | None
    session_token: str | None
    create_streams: tuple[InitialStream, ...]
    init_dir: Path | None
    pid_file: Path | None
    transition_ms: int
    console: str
    no_console: bool
    test_clock: bool
    enforce_limits: bool
    shard_limit: int
    on_demand_stream_limit: int
    resubscribe_at_once: bool
    lambda_concurrency: int
    lambda_interpreters: tuple[tuple[str, Path], ...]
    lambda_retry_delay_ms: int
    lambda_destination_url: str | None
    allow_origins: tuple[str, ...]
    allow_hosts: tuple[str, ...]
    tls: bool
    tls_names: tuple[str, ...]
    tls_cert: Path | None
    tls_key: Path | None
    log_format: str
    log_level: str
    tracing: bool
    forward_to: str | None
    no_keep_neighbours: bool
    header_limit_bytes: int
    body_limit_bytes: int
    upload_limit_bytes: int
    idle_timeout_s: float
    request_timeout_s: float
    shutdown_grace_s: float
