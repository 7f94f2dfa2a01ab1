"""The documentation is true: its examples run, its tables agree with the code, its links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from headwater.api.operation import OPERATIONS
from headwater.config import SECRET_SETTINGS, SETTINGS, Config
from headwater.engine.metrics.metric_names import (
    CHANNEL_METRICS,
    CONSUMER_METRICS,
    DELIVERY_STREAM_METRICS,
    FUNCTION_METRICS,
    MAPPING_METRICS,
    SHARD_METRICS,
    STREAM_METRICS,
)
from headwater.model.clock import ManualClock
from headwater.server.request_counts import RequestCounts
from headwater.server.routes.prometheus import exposition
from tests.conftest import RunningServer
from tests.engine.running_engine import RunningEngine
from tests.storage.shared_memory_store import SharedMemoryStore
from tests.tables import each

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
METRICS = (ROOT / "docs" / "metrics.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DEFAULT_ENDPOINT = "http://127.0.0.1:4566"


def blocks(language: str) -> list[str]:
    """The README's code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def shell_environment(server: RunningServer) -> dict[str, str]:
    """What a user's shell has, with `headwater` on its path and the server where it is in the test."""
    unset = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL")
    variables = {name: value for name, value in os.environ.items() if name not in unset}
    folder = str(Path(sys.executable).parent)
    return variables | {
        "PATH": f"{folder}{os.pathsep}{variables['PATH']}",
        "AWS_ENDPOINT_URL_KINESIS": server.endpoint_url,
        "PYTHONPATH": str(ROOT / "src"),
    }


def test_the_readme_opens_with_the_two_commands() -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = re.findall(r"^make (\w+)", blocks("sh")[0], re.MULTILINE)
    assert commands == ["run", "test"]
    assert all(f"\n{command}:" in makefile for command in commands)


@pytest.mark.long
def test_the_tour_in_python_prints_what_it_says(server: RunningServer) -> None:
    script = "\n".join(blocks("python")).replace(DEFAULT_ENDPOINT, server.endpoint_url)
    expected = re.findall(r"# (alice .*)$", script, re.MULTILINE)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == expected


@pytest.mark.long  # everyday: each command in tests/cli
def test_the_tour_in_the_shell_runs(server: RunningServer) -> None:
    tour = [block for block in blocks("sh") if "headwater" in block]
    assert len(tour) == 2
    # `headwater` may not be installed where the tests run: its module is the same command.
    script = "set -e\n" + "".join(tour).replace("--from trim-horizon ", "--from trim-horizon --limit 1000 ")
    script = re.sub(r"\bheadwater (?=aws|stream|put|tail)", f"{sys.executable} -m headwater ", script)
    ran = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, env=shell_environment(server)
    )
    assert ran.returncode == 0, ran.stderr
    assert '"StreamStatus": "ACTIVE"' in ran.stdout
    assert ran.stdout.count('"PartitionKey"') == 1000


@pytest.mark.long
def test_the_commands_of_durability_do_what_they_say(server: RunningServer, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "durability.md").read_text()
    check, backup = re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    # Starting is what all other tests do; here it is seen that there is something to start from.
    script = (
        "set -e\n"
        + backup.replace("headwater start", "headwater check")
        + check.replace("./data", "./restored")
    )
    script = re.sub(r"\bheadwater (?=backup|restore|check)", f"{sys.executable} -m headwater ", script)
    ran = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=shell_environment(server),
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("restored: all is well\n") == 3


@each("name", sorted(OPERATIONS))
def test_the_table_of_operations_says_what_is_offered(name: str) -> None:
    offered = "yes" if OPERATIONS[name].handler else "not yet"
    assert f"| `{name}` | {offered} |" in (ROOT / "docs" / "operations.md").read_text()


def test_an_operation_that_differs_has_a_row_beside_the_page_of_differences() -> None:
    differences = (ROOT / "docs" / "fidelity.md").read_text()
    table = (ROOT / "docs" / "operations.md").read_text().partition("## What differs from AWS")[2]
    named = {name for name in OPERATIONS if f"`{name}`" in differences}
    assert len(named) > 10
    assert named <= {name for name in OPERATIONS if f"`{name}`" in table}


def shown(value: object) -> str:
    """A default as the table has it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def test_the_table_of_settings_is_the_one_in_the_code() -> None:
    rows = re.findall(
        r"^\| `(--\S+)` \| `(\S+)` \| (.*?) \| (.+) \|$",
        (ROOT / "docs" / "settings.md").read_text(),
        re.MULTILINE,
    )
    assert [row[:2] for row in rows] == [(setting.option, setting.variable) for setting in SETTINGS]
    for setting, (_, _, default, text) in zip(SETTINGS, rows, strict=True):
        value = getattr(Config(), setting.field)
        assert default.strip().strip("`") == shown(value)
        assert text.startswith(setting.help)


def test_the_table_of_variables_is_the_one_in_the_code() -> None:
    rows = re.findall(
        r"^\| `(HEADWATER_\S+)` \| ([^|]+) \|$", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE
    )
    assert rows == [(setting.variable, setting.help) for setting in SECRET_SETTINGS]


@pytest.mark.long
def test_the_example_of_the_metrics_prints_what_it_says(server: RunningServer) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", METRICS, re.DOTALL | re.MULTILINE)
    expected = re.findall(r"  # (\[.*)$", example, re.MULTILINE)
    script = example.replace(DEFAULT_ENDPOINT, server.endpoint_url)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == expected


def test_the_path_to_scrape_is_the_one_of_the_server(server: RunningServer) -> None:
    (path,) = re.findall(r"^ *metrics_path: (\S+)$", METRICS, re.MULTILINE)
    with urlopen(server.endpoint_url + path) as answer:
        page = answer.read().decode()
    running = RunningEngine(SharedMemoryStore, ManualClock())
    page += exposition(running.engine, RequestCounts({})).decode()  # what there is with --store alone
    running.close()
    named = set(re.findall(r"^\| `(headwater_\w+)` \| (\w+) \|", METRICS, re.MULTILINE))
    assert named == set(re.findall(r"^# TYPE (\w+) (\w+)$", page, re.MULTILINE))


def test_the_table_of_cloudwatchs_metrics_is_the_one_in_the_code() -> None:
    kinds = (
        (STREAM_METRICS, "StreamName"),
        (CONSUMER_METRICS, "StreamName, ConsumerName"),
        (SHARD_METRICS, "StreamName, ShardId"),
        (CHANNEL_METRICS, "StreamName, ChannelName, ChannelId"),
        (FUNCTION_METRICS, "of functions"),
        (MAPPING_METRICS, "EventSourceMappingUUID"),
        (DELIVERY_STREAM_METRICS, "DeliveryStreamName"),
    )
    rows = re.findall(r"^\| `([A-Z]\w+(?:\.\w+)?)` \| (\w+) \| ([DSEo][^|]*) \|", METRICS, re.MULTILINE)
    assert rows == [(name, unit, of) for metrics, of in kinds for name, unit in metrics.items()]


@each("page", PAGES)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


@each("place", re.findall(r"`((?:\w+/)+\w+\.\w+)`", ARCHITECTURE))
def test_files_named_in_the_architecture_exist(place: str) -> None:
    assert any((root / place).exists() for root in (ROOT, ROOT / "src" / "headwater"))


def test_what_the_architecture_says_is_decided_in_a_file_is_there() -> None:
    table = ARCHITECTURE.partition("## Where is it decided")[2].partition("\n## ")[0]
    places = re.findall(r"((?:`\w+`(?:, )?)+) in `([\w/]+\.py)`", table)
    assert len(places) > 15
    missing = [
        f"{name} in {place}"
        for names, place in places
        for name in re.findall(r"\w+", names)
        if not re.search(rf"^ *(async def|def|class) {name}\b|^ *{name}\b.* = ", _source(place), re.MULTILINE)
    ]
    assert not missing


def _source(place: str) -> str:
    return (ROOT / "src" / "headwater" / place).read_text()


def test_the_manual_page_is_what_the_commands_say_and_pages_have_the_present_version() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "generate_man_page.py"))
    assert script["PAGE"].read_text() == script["man_page"](), "run scripts/generate_man_page.py"
    for page in script["PAGES_WITH_VERSION"]:
        assert page.read_text() == script["with_version"](page.read_text()), (
            "run scripts/generate_man_page.py"
        )


def test_the_dashboard_is_made_of_metrics_that_there_are() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "generate_dashboard.py"))
    text = script["PATH"].read_text()
    assert json.loads(text) == script["dashboard"](), "run scripts/generate_dashboard.py"
    documented = set(re.findall(r"^\| `(headwater_\w+)`", METRICS, re.MULTILINE))
    asked = {re.sub(r"_bucket$", "", name) for name in re.findall(r"\bheadwater_\w+", text)}
    assert asked <= documented


def test_the_figures_of_the_comparison_are_the_benchs() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "site_pages.py"))
    for place in script["BENCHES"]:
        results = (ROOT / place).read_text()
        head, _, *rows = script["rates"](results).strip().splitlines()
        assert "| headwater |" in head
        assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == list(script["SCENARIOS"])
        for row in rows:
            name, ours = row.removeprefix("| ").split(" | ")[:2]
            median = ours.partition(" ")[0]
            assert re.search(
                rf"^\| {re.escape(name)} \| headwater[^|@]* \| [^|]+ \| {median} \|", results, re.MULTILINE
            )
