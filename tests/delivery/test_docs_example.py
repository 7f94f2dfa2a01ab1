"""The example of docs/channels.md, run as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from headwater.testing import Headwater

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "channels.md").read_text()


def test_the_example_in_a_test_passes(delivering: Headwater) -> None:
    (example, *_) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(compile(example.replace("@pytest.fixture\n", ""), "channels.md", "exec"), names)
    names["test_orders_arrive_in_the_bucket"](delivering, names["s3"](delivering))
