"""The seams inside the layers: folders, the store's back end, and what Lambda may know of a store."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "headwater"
MODULES = sorted(SOURCE.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it, its functions included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""


def layer_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


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
    "neighbours": {
        "neighbours/calls", "neighbours/cloudformation", "neighbours/delivery", "neighbours/dynamodb",
        "neighbours/events", "neighbours/keeping", "neighbours/logs",
        "neighbours/pipes",
    },
    "neighbours/calls": {"neighbours/delivery"},
    "neighbours/cloudformation": {"neighbours/calls"},
    "neighbours/delivery": set(),
    "neighbours/dynamodb": {"neighbours/calls", "neighbours/delivery"},
    "neighbours/events": {"neighbours/calls", "neighbours/delivery"},
    "neighbours/keeping": set(),
    "neighbours/pipes": {"neighbours/calls", "neighbours/delivery", "neighbours/events"},
    "neighbours/logs": {"neighbours/calls", "neighbours/delivery"},
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
