"""The manifest for Kubernetes: what its settings mean to the server, and what the schemas say of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from headwater.config import Config
from headwater.server.access.host_names import HostPolicy
from tests.clients.client_process import run
from tests.examples.schemas import EXAMPLES, image_variables
from tests.source_tree import ROOT

MANIFEST = EXAMPLES / "kubernetes.yaml"
VALIDATOR = "kubernetes-validate==1.37.0"
CHECK = """
import json, sys, yaml, kubernetes_validate
for path in sys.argv[1:]:
    for document in yaml.safe_load_all(open(path)):
        try:
            kubernetes_validate.validate(document, "1.33", strict=True)
        except kubernetes_validate.ValidationError as error:
            sys.exit(f"{path}: {error.message}")
"""


def documents() -> dict[str, Any]:
    return {document["kind"]: document for document in yaml.safe_load_all(MANIFEST.read_text())}


def container() -> dict[str, Any]:
    (found,) = documents()["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


@pytest.mark.clients  # the schemas are a large package
def test_the_manifest_is_as_the_schemas_of_kubernetes_have_it(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(packages), VALIDATOR],
        ROOT,
        os.environ,
    )

    def said(path: Path) -> str:
        command = [sys.executable, "-W", "ignore", "-c", CHECK, str(path)]
        variables = {"PYTHONPATH": str(packages)}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=variables).stderr

    assert said(MANIFEST) == ""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(MANIFEST.read_text().replace("readOnlyRootFilesystem", "readOnlyRootFileSystem"))
    assert "'readOnlyRootFileSystem' was unexpected" in said(wrong)


def test_the_server_takes_its_settings() -> None:
    given = {each["name"]: each["value"] for each in container()["env"] if "value" in each}
    given = json.loads(json.dumps(given).replace("$(NAMESPACE)", "shop"))
    config = Config.from_environment(image_variables() | given)
    policy = HostPolicy((), config.allow_hosts)
    for name in ("headwater", "headwater.shop", "headwater.shop.svc", "headwater.shop.svc.cluster.local"):
        assert policy.admits(f"{name}:4566".encode())
    assert not policy.admits(b"headwater.example.com:4566")
    assert str(config.data_dir) in [mount["mountPath"] for mount in container()["volumeMounts"]]


def test_the_service_leads_to_the_server() -> None:
    service, stateful = documents()["Service"]["spec"], documents()["StatefulSet"]["spec"]
    assert service["selector"].items() <= stateful["template"]["metadata"]["labels"].items()
    assert stateful["selector"]["matchLabels"] == service["selector"]
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    assert ports[service["ports"][0]["targetPort"]] == 4566
    assert stateful["serviceName"] == documents()["Service"]["metadata"]["name"]


def test_it_is_as_strict_as_the_restricted_profile_wants() -> None:
    pod, own = documents()["StatefulSet"]["spec"]["template"]["spec"], container()["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
