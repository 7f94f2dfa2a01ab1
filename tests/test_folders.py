"""The seams inside the layers: folders, the store's back end, and what Lambda may know of a store."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.source_tree import SOURCE, Module, modules

BACK_END_FOLDER = "storage/lmdb"
BACK_END_CHOICE = "storage/open_store.py"
"""The one module that names the back end."""


def names_in(module: Module) -> Iterator[str]:
    """What a file imports, and every name and attribute that it uses or defines."""
    yield from module.imported
    for node in module.nodes:
        for field in ("id", "attr", "name", "arg"):
            if isinstance(word := getattr(node, field, None), str):
                yield word


def test_nothing_outside_its_folder_knows_the_back_end() -> None:
    by_path = {module.path: module for module in modules() if module.folder != BACK_END_FOLDER}
    choice = by_path.pop(BACK_END_CHOICE)
    found = {path: [n for n in names_in(module) if "lmdb" in n.lower()] for path, module in by_path.items()}
    assert {path: names for path, names in found.items() if names} == {}
    assert {name for name in choice.imported if "lmdb" in name} == {"headwater.storage.lmdb.back_end"}


STORE_WORDS_OF_LAMBDA = {"IN_TIME_S", "Metadata", "StoreError", "StoreUnavailable", "StoreUnreadable"}


def test_lambda_knows_its_values_and_the_errors_of_a_store_but_not_the_store() -> None:
    of_lambda = [module for module in modules() if module.layer == "lambda_"]
    imports = [
        (module.path, alias.name)
        for module in of_lambda
        for node in module.nodes
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("headwater.storage")
        for alias in node.names
    ]
    assert [found for found in imports if found[1] not in STORE_WORDS_OF_LAMBDA] == []
    reached = [
        f"{module}:{node.lineno}"
        for module in of_lambda
        for node in module.nodes
        if isinstance(node, ast.Attribute) and node.attr == "store" and "engine" in ast.unparse(node.value)
    ]
    assert reached == []


FOLDER_EDGES = {
    "api": {"api/operations", "api/validation"},
    "api/operations": {"api"},
    "api/validation": set(),
    "cli": {"cli/background"},
    "cli/background": {"cli"},
    "cli/diagnosis": {"cli", "cli/background"},
    "client": {"client/calls", "client/consumer", "client/leases", "client/producer", "client/queues"},
    "client/calls": set(),
    "client/consumer": {"client/calls", "client/leases"},
    "client/leases": {"client/calls"},
    "client/producer": {"client/calls"},
    "client/queues": {"client/calls"},
    "delivery": set(),
    "delivery/channels": {"delivery"},
    "delivery/firehose": {"delivery"},
    "engine": {"engine/limits", "engine/metrics", "engine/queues", "engine/tokens"},
    "engine/faults": set(),
    "engine/limits": set(),
    "engine/metrics": set(),
    "engine/policies": {"engine/limits"},
    "engine/queues": {"engine/limits", "engine/metrics", "engine/tokens"},
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
    "neighbours/cloudformation": {"neighbours/calls", "neighbours/logs", "neighbours/pipes"},
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
    "storage": {"storage/kafka", "storage/lmdb"},
    "storage/kafka": {"storage"},
    "storage/lmdb": {"storage"},
}  # fmt: skip
"""What each folder of a layer may import of the layer's others. A layer without folders is not here."""


def folder_of(module: str) -> str:
    """The folder that a module lies in; a package lies in itself."""
    parts = module.split(".")[1:]
    return "/".join(parts if (SOURCE / Path(*parts)).is_dir() else parts[:-1])


def folder_edges() -> Iterator[tuple[str, str, str]]:
    """Folder, imported folder of the same layer, and the import that makes the edge."""
    for module in modules():
        for name in module.imported:
            there = folder_of(name) if name.startswith("headwater.") else module.folder
            if there != module.folder and there.split("/")[0] == module.layer:
                yield module.folder, there, f"{module} imports {name}"


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


def test_lambda_and_the_neighbours_meet_before_and_after_a_first_request_and_for_data_at_rest() -> None:
    meeting = {
        module.file.name
        for module in modules()
        if module.layer == "app"
        and any(re.match(r"headwater\.(lambda_|neighbours)", name) for name in module.imported)
    }
    assert meeting == {"deliveries.py", "neighbours.py", "services.py", "offline_data.py"}
