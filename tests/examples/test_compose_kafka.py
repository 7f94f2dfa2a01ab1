"""The compose file of three brokers, three gateways and a balancer: what must fit together does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from headwater.config import Config
from tests.examples.schemas import EXAMPLES, checked, image_variables
from tests.storage.kafka.nodes import SETTINGS

BROKERS = ("broker-1", "broker-2", "broker-3")
GATEWAYS = ("gateway-1", "gateway-2", "gateway-3")
COMPOSE = "vendor.compose-spec"
OF_ONE_NODE = ("offsets.topic.", "transaction.state.log.")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((EXAMPLES / "compose.kafka.yaml").read_text())
    return document


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


def test_a_misspelt_file_is_not_as_the_compose_specification_has_it(  # it is: see test_compose.py
    compose: dict[str, Any], tmp_path: Path
) -> None:
    misspelt = tmp_path / "misspelt.yaml"
    balancer = compose["services"]["balancer"] | {"depends-on": []}
    misspelt.write_text(yaml.safe_dump(compose | {"services": {"balancer": balancer}}))
    found = checked(COMPOSE, misspelt)
    assert found.returncode == 1
    assert "depends-on" in found.stdout


def test_there_are_brokers_gateways_and_a_balancer(services: dict[str, Any]) -> None:
    assert list(services) == [*BROKERS, *GATEWAYS, "balancer"]
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"balancer": ["127.0.0.1:4566:4566"]}


def test_brokers_are_one_cluster(services: dict[str, Any]) -> None:
    voters = ",".join(f"{at}@{name}:9093" for at, name in enumerate(BROKERS, 1))
    for at, name in enumerate(BROKERS, 1):
        settings = services[name]["environment"]
        assert settings["KAFKA_NODE_ID"] == str(at)
        assert settings["KAFKA_CONTROLLER_QUORUM_VOTERS"] == voters
        assert settings["KAFKA_ADVERTISED_LISTENERS"] == f"CLIENT://{name}:9092"
        assert services[name]["hostname"] == name
        (volume,) = services[name]["volumes"]
        assert volume == f"{name}:{settings['KAFKA_LOG_DIRS']}"
    assert len({services[name]["environment"]["CLUSTER_ID"] for name in BROKERS}) == 1


def test_data_of_brokers_outlive_them(compose: dict[str, Any]) -> None:
    assert set(compose["volumes"]) == set(BROKERS)


def test_brokers_are_set_as_advised(services: dict[str, Any]) -> None:
    advised = {name: value for name, value in SETTINGS.items() if not name.startswith(OF_ONE_NODE)}
    for name in BROKERS:
        settings = services[name]["environment"]
        given = {key: settings.get(f"KAFKA_{key.replace('.', '_').upper()}") for key in advised}
        assert given == advised


def test_gateways_use_all_brokers_and_begin_when_these_serve(services: dict[str, Any]) -> None:
    for name in GATEWAYS:
        config = Config.from_environment(image_variables() | services[name]["environment"])
        assert config.store == "kafka://" + ",".join(f"{broker}:9092" for broker in BROKERS)
        assert (config.host, config.ports) == ("0.0.0.0", (4566, 4567))
        assert services[name]["depends_on"] == {
            broker: {"condition": "service_healthy"} for broker in BROKERS
        }


def test_everything_that_others_wait_for_says_whether_it_is_healthy(services: dict[str, Any]) -> None:
    awaited = {name for service in services.values() for name in service.get("depends_on", ())}
    assert awaited == {*BROKERS, *GATEWAYS}
    for name in awaited:
        is_ours = services[name]["image"].startswith("headwater")  # then the image says it
        assert is_ours or services[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_the_balancer_asks_every_gateway_how_it_is(compose: dict[str, Any], services: dict[str, Any]) -> None:
    (mounted,) = services["balancer"]["configs"]
    text = compose["configs"][mounted["source"]]["content"]
    assert mounted["target"] == "/usr/local/etc/haproxy/haproxy.cfg"
    assert re.findall(r"^ +server (\S+) (\S+)$", text, re.MULTILINE) == [
        (name, f"{name}:4566") for name in GATEWAYS
    ]
    assert re.search(r"http-check send meth GET uri /_headwater/health .* hdr Host localhost\n", text)
    assert re.search(r"default-server check .*on-marked-down shutdown-sessions", text)
    assert "bind :4566\n" in text
    assert "$" not in text, "compose would put a variable there"
