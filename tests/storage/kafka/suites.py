"""Suites of other folders, run by a pytest of their own against gateways that take their requests in turn."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from tests.source_tree import ROOT
from tests.storage.kafka.alternating_front import AlternatingFront
from tests.storage.kafka.gateways import Gateway


def requests_of_suites(gateways: Sequence[Gateway], *options: str) -> dict[int, int]:
    """How many requests each gateway has got, by its port, when all has passed.

    `options` are those of pytest, and the suites.
    """
    with AlternatingFront([gateway.port for gateway in gateways]) as front:
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
            cwd=ROOT,
            env={**os.environ, "HEADWATER_TEST_SERVER": front.url},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
    return front.requests
