"""One node of Kafka for the tests of a session."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.storage.kafka.nodes import KafkaNodes

_deployments = count()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaNodes]:
    """One node, started for the session."""
    nodes = KafkaNodes(tmp_path_factory.mktemp("kafka"), 1)
    yield nodes
    nodes.close()


@pytest.fixture
def store_url(kafka: KafkaNodes) -> str:
    """Where a deployment of a test's own lies."""
    return kafka.url(f"test-{next(_deployments)}")


@pytest.fixture(scope="module")
def module_store_url(kafka: KafkaNodes) -> str:
    """The same for the tests of a module together."""
    return kafka.url(f"test-{next(_deployments)}")
