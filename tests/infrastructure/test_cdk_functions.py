"""The AWS CDK, unmodified: an app with a consumer and a function, whose code changes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import started_server
from tests.infrastructure.orders_app import OrdersApp, is_empty
from tests.infrastructure.test_cdk import FOLDER, Toolkit
from tests.infrastructure.tools import client
from tests.lambda_.function_server import PYTHON

pytestmark = pytest.mark.infrastructure


@pytest.fixture(params=["localhost", "127.0.0.1"])
def cdk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toolkit]:
    shutil.copy(FOLDER / "functions.py", tmp_path / "app.py")
    shutil.copy(FOLDER / "cdk.json", tmp_path)
    shutil.copytree(FOLDER / "reader", tmp_path / "reader")
    monkeypatch.setenv("HEADWATER_TEST_RUNTIME", PYTHON)
    with started_server(tmp_path / "log") as server:
        yield Toolkit(re.sub(r"127\.0\.0\.1", request.param, server.endpoint_url), tmp_path)


def test_an_app_with_a_function_lives_its_whole_life(cdk: Toolkit, tmp_path: Path) -> None:
    cdk("bootstrap", "aws://000000000000/us-east-1")
    outputs = cdk.deploy(stack="Orders")
    app = OrdersApp(cdk.endpoint_url, outputs)
    app.put(kind="other", number=0)
    app.put(kind="order", number=1)
    assert app.seen() == "1 by the first"
    app.put(kind="order", broken=True)
    assert app.failure()["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert "Number of stacks with differences: 0" in cdk("diff")

    source = tmp_path / "reader" / "app.py"
    source.write_text(source.read_text().replace("the first", "the second"))
    changes = cdk("diff")
    assert "[~] AWS::Lambda::Function Reader" in changes
    assert cdk.deploy(stack="Orders") == outputs
    app.put(kind="order", number=2)
    assert app.seen() == "2 by the second"
    alias = client(cdk.endpoint_url, "lambda").get_alias(FunctionName=outputs["Function"], Name="live")
    assert alias["FunctionVersion"] == "2"

    cdk("destroy", "--force")
    assert is_empty(cdk.endpoint_url)
