"""The SAM CLI, unmodified: a function with a Kinesis event is made, changed and deleted."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.client_process import install, run
from tests.conftest import started_server
from tests.infrastructure.orders_app import OrdersApp, is_empty
from tests.infrastructure.tools import client, three_settings
from tests.lambda_.function_server import PYTHON

pytestmark = pytest.mark.infrastructure

FOLDER = Path(__file__).resolve().parent / "sam"
PACKAGES = FOLDER / ".packages"
STACK = ("--stack-name", "orders")


class Sam:
    """The command line, in a copy of the app."""

    def __init__(self, endpoint_url: str, app: Path) -> None:
        python = PACKAGES / "bin" / "python"
        requirements = FOLDER / "requirements.txt"
        install([sys.executable, "-m", "venv", str(PACKAGES)], FOLDER, Path(__file__), PACKAGES / ".made")
        pip = [str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)]
        install(pip, FOLDER, requirements, PACKAGES / ".installed")
        self.endpoint_url = endpoint_url
        self._app = app
        self._variables = three_settings(endpoint_url) | {
            "SAM_CLI_TELEMETRY": "0",
            "HOME": str(app),
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        }

    def __call__(self, *arguments: str) -> str:
        program = PACKAGES / "bin" / "sam"
        return run([str(program), *arguments], self._app, self._variables)

    def deploy(self, *arguments: str) -> OrdersApp:
        """The app, as it is deployed."""
        parameters = ("--parameter-overrides", f"Runtime={PYTHON}", "--capabilities", "CAPABILITY_IAM")
        self("deploy", *STACK, *parameters, "--no-confirm-changeset", *arguments)
        stacks = client(self.endpoint_url, "cloudformation").describe_stacks(StackName="orders")["Stacks"]
        assert stacks[0]["StackStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stacks[0]["Outputs"]}
        return OrdersApp(self.endpoint_url, outputs)

    def change(self, old: str, new: str) -> None:
        """Other source for the function."""
        source = self._app / "orders" / "app.py"
        source.write_text(source.read_text().replace(old, new))


@pytest.fixture(params=["localhost", "127.0.0.1"])
def sam(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sam]:
    app = tmp_path / "app"
    shutil.copytree(FOLDER / "orders", app / "orders")
    shutil.copy(FOLDER / "template.yaml", app)
    with started_server(tmp_path / "log") as server:
        yield Sam(re.sub(r"127\.0\.0\.1", request.param, server.endpoint_url), app)


def test_a_function_with_a_kinesis_event_lives_its_whole_life(sam: Sam) -> None:
    app = sam.deploy("--resolve-s3")
    app.put(kind="other", number=0)
    app.put(kind="order", number=1)
    assert app.seen() == "1 by the first"

    sam.change("the first", "the second")
    app = sam.deploy("--resolve-s3")
    app.put(kind="order", number=2)
    assert app.seen() == "2 by the second"
    app.put(kind="order", broken=True)
    assert app.failure()["KinesisBatchInfo"]["batchSize"] == 1

    sam("delete", *STACK, "--no-prompts")
    assert is_empty(sam.endpoint_url)


def test_code_goes_into_a_bucket_of_ones_own(sam: Sam) -> None:
    client(sam.endpoint_url, "s3").create_bucket(Bucket="artifacts")
    sam("validate")
    app = sam.deploy("--s3-bucket", "artifacts", "--s3-prefix", "orders")
    app.put(kind="order", number=1)
    assert app.seen() == "1 by the first"
    listed = client(sam.endpoint_url, "s3").list_objects_v2(Bucket="artifacts", Prefix="orders/")
    assert listed["KeyCount"] >= 2
    sam("deploy", *STACK, "--parameter-overrides", f"Runtime={PYTHON}", "--no-fail-on-empty-changeset",
        "--capabilities", "CAPABILITY_IAM", "--s3-bucket", "artifacts", "--s3-prefix", "orders")  # fmt: skip
    sam("delete", *STACK, "--no-prompts", "--s3-bucket", "artifacts", "--s3-prefix", "orders")
    assert is_empty(sam.endpoint_url)
    assert "Contents" not in client(sam.endpoint_url, "s3").list_objects_v2(Bucket="artifacts")
