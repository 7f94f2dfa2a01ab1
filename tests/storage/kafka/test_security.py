"""SASL and TLS to a real node: who may come in does, and who may not is told why at once."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from headwater.server.http.local_ca import ensure_ca
from headwater.storage.interface import Change, Entry
from headwater.storage.kafka.back_end import open_kafka
from headwater.storage.kafka.security import BrokerSecurity
from tests.storage.kafka.nodes import PASSWORD, USERNAME, KafkaNodes, SecureListeners
from tests.storage.kafka.test_store import done, payloads

pytestmark = pytest.mark.long
_deployments = count()


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureListeners]:
    """Those of a node of this module's own."""
    folder = tmp_path_factory.mktemp("secure")
    secure = SecureListeners(folder / "keys")
    nodes = KafkaNodes(folder, 1, secure)
    yield secure
    nodes.close()


def lived(listeners: SecureListeners, security: BrokerSecurity) -> None:
    """Write and read with this security."""

    async def live() -> None:
        noted: list[str] = []
        url = f"kafka://127.0.0.1:{listeners.ports[security.protocol]}/secure-{next(_deployments)}"
        store = (await open_kafka(url, security, noted.append, log_wait=print)).store
        try:
            assert await done(store.commit(Change({"a": b"1"}, create_logs=[1])))
            await done(store.append([Entry(1, 0, (b"secret",))]))
            assert payloads(await done(store.read(1, 0, 10, 1000))) == [b"secret"]
        finally:
            store.close()
            await asyncio.sleep(0.1)
        assert noted == []

    asyncio.run(live())


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_who_has_the_password_writes_and_reads(
    listeners: SecureListeners, protocol: str, mechanism: str
) -> None:
    lived(listeners, BrokerSecurity(protocol, mechanism, USERNAME, PASSWORD, listeners.ca))


def test_tls_alone_needs_no_password(listeners: SecureListeners) -> None:
    lived(listeners, BrokerSecurity("SSL", ca=listeners.ca))


def checked(listeners: SecureListeners, protocol: str, ca: Path | None, **more: str) -> tuple[int, str]:
    """How a command ends that needs the brokers, and what it says."""
    variables = {"HEADWATER_KAFKA_SECURITY": protocol, **more}
    if protocol.startswith("SASL"):
        variables["HEADWATER_KAFKA_USERNAME"] = USERNAME
    if ca is not None and protocol.endswith("SSL"):
        variables["HEADWATER_KAFKA_CA"] = str(ca)
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "headwater",
            "check",
            "--store",
            f"kafka://127.0.0.1:{listeners.ports[protocol]}",
        ],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=50,  # it would wait for a minute for brokers that are not there
        check=False,
    )
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_a_wrong_password_is_said_at_once(listeners: SecureListeners, protocol: str, mechanism: str) -> None:
    more = {"HEADWATER_KAFKA_MECHANISM": mechanism, "HEADWATER_KAFKA_PASSWORD": "wrong"}
    code, text = checked(listeners, protocol, listeners.ca, **more)
    assert code == 1
    assert re.search(r"headwater: Kafka cannot be used: 127\.0\.0\.1:\d+: .*[Aa]uthentication failed", text)


def test_brokers_whose_certificate_nobody_trusts_are_refused_at_once(
    listeners: SecureListeners, tmp_path: Path
) -> None:
    for ca in (None, ensure_ca(tmp_path)):
        code, text = checked(listeners, "SSL", ca)
        assert code == 1
        assert re.search(r"headwater: Kafka cannot be used: .*certificate verify failed", text)
