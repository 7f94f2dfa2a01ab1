"""The house rules that a reader relies on: layers, sizes, one word for each operation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from headwater.api.operation import OPERATIONS

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "headwater"
MODULES = sorted(SOURCE.rglob("*.py"))

MAY_IMPORT = {
    "model": {"model"},
    "wire": {"wire", "model"},
    "storage": {"storage", "model"},
    "engine": {"engine", "storage", "model"},
    "api": {"api", "engine", "storage", "wire", "model"},
    "server": {"server", "api", "engine", "storage", "wire", "model"},
    "lambda_": {"lambda_", "server", "api", "engine", "storage", "wire", "model"},
    "neighbours": {"neighbours", "server", "api", "engine", "storage", "wire", "model"},
    "config": {"config"},
    "app": {"app", "config", "neighbours", "lambda_", "server", "api", "engine", "storage", "wire", "model"},
    "client": {"client", "wire", "model"},
    "cli": {"cli", "client", "app", "config", "wire", "model"},
    "testing": {"testing", "app", "config"},
    "__main__": {"cli"},
    "__init__": set[str](),
}
"""What each layer may import of this package. A layer that is not here does not exist."""

EDGES = {"storage", "server", "neighbours", "client", "cli", "testing", "app", "config"}
"""The layers that may touch sockets, files, threads and the environment."""

EDGE_MODULES = {
    "lambda_/checking.py",
    "lambda_/functions/asynchronous_invocations.py",
    "lambda_/functions/code_folder_watch.py",
    "lambda_/functions/code_source.py",
    "lambda_/mappings/destination_sender.py",
    "lambda_/functions/environments.py",
    "lambda_/mappings/mappings.py",
    "lambda_/functions/execution_environment.py",
    "lambda_/functions/code.py",
    "lambda_/functions/operations.py",
    "lambda_/functions/process.py",
    "lambda_/functions/routes.py",
    "lambda_/functions/functions.py",
    "lambda_/service.py",
    "lambda_/mappings/lane.py",
    "lambda_/mappings/poller.py",
    "lambda_/functions/process_keeper.py",
    "lambda_/functions/python_client.py",
    "lambda_/functions/runtime_api.py",
    "lambda_/functions/runtimes.py",
    "lambda_/mappings/shard_poller.py",
    "lambda_/mappings/shard_reading.py",
}
"""The modules of other layers that may, too."""

OUTSIDE_MODULES = {
    "asyncio", "http", "io", "logging", "os", "pathlib", "random", "secrets", "select", "shutil",
    "signal", "socket", "ssl", "subprocess", "tempfile", "threading",
}  # fmt: skip
"""What the layers below the edges must not import."""

MODULE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70


def layer_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it, its functions included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""


def is_edge(path: Path) -> bool:
    return layer_of(path) in EDGES or str(path.relative_to(SOURCE)) in EDGE_MODULES


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def reads_environment(path: Path) -> bool:
    names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    return bool(names & {"environ", "getenv"})


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_down_only(path: Path) -> None:
    layer = layer_of(path)
    for module in imported(path):
        if module.startswith("headwater."):
            assert module.split(".")[1] in MAY_IMPORT[layer], f"{layer} imports {module}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_only_the_edges_touch_the_outside(path: Path) -> None:
    if not is_edge(path):
        outside = {module.split(".")[0] for module in imported(path)} & OUTSIDE_MODULES
        assert not outside


def test_only_the_clock_reads_the_time_below_the_edges() -> None:
    readers = {path for path in MODULES if not is_edge(path) and "time" in set(imported(path))}
    assert readers == {SOURCE / "model" / "clock.py"}


def test_only_config_reads_the_environment_and_what_runs_in_the_processes_of_functions() -> None:
    readers = {path for path in MODULES if reads_environment(path)}
    assert readers == {SOURCE / "config.py", SOURCE / "lambda_" / "functions" / "python_client.py"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_module_opens_by_saying_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_modules_and_functions_are_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MODULE_LINES_MAX
    too_long = {function.name: length(function) for function in functions(path)}
    assert max(too_long.values(), default=0) <= FUNCTION_LINES_MAX, too_long


def test_the_median_module_and_function_are_smaller_still() -> None:
    assert median(len(path.read_text().splitlines()) for path in MODULES) <= 150
    assert median(length(function) for path in MODULES for function in functions(path)) <= 10


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_names_say_something(path: Path) -> None:
    assert not {"utils", "helpers", "manager", "common", "misc"} & set(path.stem.split("_"))


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_has_its_module_its_test_and_its_documentation_row(name: str) -> None:
    word = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    offered = OPERATIONS[name].handler is not None
    assert (SOURCE / "api" / "operations" / f"{word}.py").exists() == offered
    assert (ROOT / "tests" / "api" / f"test_{word}.py").exists() == offered
    rows = re.findall(rf"^\| `{name}` \|", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    assert len(rows) == 1


def test_the_operation_table_is_in_the_order_of_names() -> None:
    assert list(OPERATIONS) == sorted(OPERATIONS)


BACK_END_FOLDER = SOURCE / "storage" / "lmdb"
BACK_END_CHOICE = SOURCE / "storage" / "open_store.py"
"""The one module that names the back end."""


def names_in(path: Path) -> Iterator[str]:
    """What a file imports, and every name and attribute that it uses or defines."""
    yield from imported(path)
    for node in ast.walk(ast.parse(path.read_text())):
        for field in ("id", "attr", "name", "arg"):
            if isinstance(word := getattr(node, field, None), str):
                yield word


def test_nothing_outside_its_folder_knows_the_back_end() -> None:
    outside = [path for path in MODULES if BACK_END_FOLDER not in path.parents and path != BACK_END_CHOICE]
    found = {
        str(path.relative_to(SOURCE)): [n for n in names_in(path) if "lmdb" in n.lower()] for path in outside
    }
    assert {path: names for path, names in found.items() if names} == {}
    assert {name for name in imported(BACK_END_CHOICE) if "lmdb" in name} == {
        "headwater.storage.lmdb.back_end"
    }


STORE_WORDS_OF_LAMBDA = {"Metadata", "StoreError", "StoreUnavailable", "StoreUnreadable"}


def test_lambda_knows_its_values_and_the_errors_of_a_store_but_not_the_store() -> None:
    modules = [path for path in MODULES if layer_of(path) == "lambda_"]
    trees = {str(path.relative_to(SOURCE)): ast.parse(path.read_text()) for path in modules}
    imports = [
        (path, alias.name)
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("headwater.storage")
        for alias in node.names
    ]
    assert [found for found in imports if found[1] not in STORE_WORDS_OF_LAMBDA] == []
    reached = [
        f"{path}:{node.lineno}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "store" and "engine" in ast.unparse(node.value)
    ]
    assert reached == []


FOLDER_EDGES = {
    "api": {"api/operations", "api/validation"},
    "api/operations": {"api"},
    "api/validation": set(),
    "client": {"client/calls", "client/consumer", "client/leases", "client/producer"},
    "client/calls": set(),
    "client/consumer": {"client/calls", "client/leases"},
    "client/leases": {"client/calls"},
    "client/producer": {"client/calls"},
    "engine": {"engine/limits", "engine/metrics", "engine/tokens"},
    "engine/faults": set(),
    "engine/limits": set(),
    "engine/metrics": set(),
    "engine/policies": {"engine/limits"},
    "engine/tokens": {"engine/limits"},
    "lambda_": {"lambda_/api", "lambda_/functions", "lambda_/mappings"},
    "lambda_/api": set(),
    "lambda_/functions": {"lambda_/api"},
    "lambda_/mappings": {"lambda_/api", "lambda_/functions"},
    "neighbours": {"neighbours/calls", "neighbours/cloudformation"},
    "neighbours/calls": set(),
    "neighbours/cloudformation": {"neighbours/calls"},
    "server": {"server/access", "server/http"},
    "server/access": {"server/http"},
    "server/http": set(),
    "server/routes": {"server", "server/http"},
    "storage": {"storage/lmdb"},
    "storage/lmdb": {"storage"},
}  # fmt: skip
"""What each folder of a layer may import of the layer's others. A layer without folders is not here."""


def folder_of(module: str) -> str:
    """The folder that a module lies in; a package lies in itself."""
    parts = module.split(".")[1:]
    return "/".join(parts if (SOURCE / Path(*parts)).is_dir() else parts[:-1])


def folder_edges() -> Iterator[tuple[str, str, str]]:
    """Folder, imported folder of the same layer, and the import that makes the edge."""
    for path in MODULES:
        here = str(path.parent.relative_to(SOURCE))
        for module in imported(path):
            there = folder_of(module) if module.startswith("headwater.") else here
            if there != here and there.split("/")[0] == layer_of(path):
                yield here, there, f"{path.relative_to(SOURCE)} imports {module}"


def test_folders_of_a_layer_import_each_other_one_way() -> None:
    edges = list(folder_edges())
    assert [text for here, there, text in edges if there not in FOLDER_EDGES.get(here, set())] == []
    made = {(here, there) for here, there, _ in edges}
    listed = {(here, there) for here, others in FOLDER_EDGES.items() for there in others}
    assert listed - made == set(), "an edge that nothing makes is not listed"


def test_every_folder_of_a_layer_with_folders_is_in_the_table() -> None:
    folders = {str(path.parent.relative_to(SOURCE)) for path in SOURCE.rglob("*/__init__.py")}
    split = {folder.split("/")[0] for folder in folders if "/" in folder}
    assert {folder for folder in folders if folder.split("/")[0] in split} == set(FOLDER_EDGES)


def test_lambda_and_the_neighbours_meet_in_one_module_and_data_at_rest_is_checked_in_another() -> None:
    meeting = {
        path.name
        for path in MODULES
        if layer_of(path) == "app"
        and any(re.match(r"headwater\.(lambda_|neighbours)", m) for m in imported(path))
    }
    assert meeting == {"neighbours.py", "offline_data.py"}
