"""The house rules that a reader relies on: layers, sizes, names, conventions, and nothing that is dead.

Each file is read once, and a rule names everything that breaks it. What belongs to a layer is said in
the tables at the top: a module that moves needs a change there and nowhere else.
"""

from __future__ import annotations

import ast
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from statistics import median
from typing import NamedTuple

from headwater.api.operation import OPERATIONS
from tests.source_tree import ROOT, SOURCE, Function, Module, modules

# ---- The tables.

MAY_IMPORT = {
    "model": {"model"},
    "wire": {"wire", "model"},
    "storage": {"storage", "model"},
    "engine": {"engine", "storage", "model"},
    "api": {"api", "engine", "storage", "wire", "model"},
    "server": {"server", "api", "engine", "storage", "wire", "model"},
    "followers": {"followers", "server", "engine", "storage", "model"},
    "lambda_": {"lambda_", "followers", "server", "api", "engine", "storage", "wire", "model"},
    "delivery": {"delivery", "followers", "server", "api", "engine", "storage", "wire", "model"},
    "neighbours": {"neighbours", "server", "api", "engine", "storage", "wire", "model"},
    "config": {"config"},
    "app": {
        "app",
        "config",
        "delivery",
        "followers",
        "neighbours",
        "lambda_",
        "server",
        "api",
        "engine",
        "storage",
        "wire",
        "model",
    },
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
    "delivery/channels/channel_deliveries.py",
    "delivery/channels/channel_log.py",
    "delivery/channels/iceberg_table.py",
    "delivery/channels/table_destination.py",
    "delivery/compression.py",
    "delivery/delivery.py",
    "delivery/firehose/conversion.py",
    "delivery/firehose/delivery_streams.py",
    "delivery/firehose/direct_source.py",
    "delivery/firehose/endpoint_sender.py",
    "delivery/firehose/store.py",
    "delivery/service_calls.py",
    "followers/leased_work.py",
    "followers/loop_share.py",
    "followers/shard_reading.py",
    "followers/stream_follower.py",
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
    "lambda_/functions/shared_code.py",
    "lambda_/functions/functions.py",
    "lambda_/service.py",
    "lambda_/mappings/lane.py",
    "lambda_/functions/process_keeper.py",
    "lambda_/functions/python_client.py",
    "lambda_/functions/runtime_api.py",
    "lambda_/functions/runtimes.py",
    "lambda_/mappings/shard_poller.py",
    "lambda_/mappings/fan_out_reading.py",
}
"""The modules of other layers that may, too."""

OUTSIDE_MODULES = {
    "asyncio", "http", "io", "logging", "os", "pathlib", "random", "secrets", "select", "shutil",
    "signal", "socket", "ssl", "subprocess", "tempfile", "threading",
}  # fmt: skip
"""What the layers below the edges must not import."""

CLOCK_MODULES = {"model/clock.py"}
"""Those below the edges that read the time."""

ENVIRONMENT_MODULES = {"config.py", "lambda_/functions/python_client.py"}
"""Those that read the environment. The second runs in the processes of functions."""

ENTRIES = {"__main__.py", "client/__init__.py", "testing/__init__.py", "testing/plugin.py"}
"""Where a user comes in, by a command, an import or an entry point. What none of them leads to is dead."""

FOR_TESTS = {"storage/memory_store.py"}
"""Modules that only tests and simulations import."""

LOADERS = {
    "api/operation.py": "headwater.api.operations",
    "testing/__init__.py": "headwater.testing",
}
"""Modules that import others of a package by a word in a table."""

READ_AS_FILES = {
    "app/start_code.py",
    "lambda_/functions/python_client.py",
    "neighbours/cloudformation/cfnresponse.py",
}
"""Modules that are handed to functions as they stand, or name a file, and are never imported here."""

CALLED_FROM_OUTSIDE = {
    "Untouched.parse_args": "click",
    "LogHandler.emit": "logging",
    "_Warnings.emit": "logging",
    "LazyGroup.list_commands": "click",
    "LazyGroup.get_command": "click",
    "LazyGroup.format_commands": "click",
    "RequestReader.on_message_begin": "httptools",
    "RequestReader.on_headers_complete": "httptools",
    "RequestReader.on_message_complete": "httptools",
    "Http1Connection.eof_received": "asyncio",
    "Http1Connection.pause_writing": "asyncio",
    "Http1Connection.resume_writing": "asyncio",
    "Http2Connection.eof_received": "asyncio",
    "Http2Connection.pause_writing": "asyncio",
    "Http2Connection.resume_writing": "asyncio",
    "CountedMetricsProvider": "moto, which collects its subclasses",
    "CountedMetricsProvider.get_cloudwatch_metrics": "moto",
    "_Dispatcher.get_application": "moto",
    "_ServiceFile.to_input_file": "pyiceberg",
    "_TableCatalog.commit_table": "pyiceberg",
    "StackResourceMap.parse_ssm_parameter": "moto",
    "RecordedResource.has_cfn_attr": "moto",
    "RecordedResource.get_cfn_attribute": "moto",
    "OwnResource.has_cfn_attr": "moto",
    "OwnResource.get_cfn_attribute": "moto",
    "TaggedStreams.iter_tagged_resources": "moto",
    "TaggedStreams.owns_arn": "moto",
    "_Pickler.reducer_override": "pickle",
    "_Unpickler.find_class": "pickle",
    "DeployedStack.stack_status": "moto",
    "DeployedStack.parameter_list": "moto",
    "DeployedStack.is_created": "moto",
    "DeployedStack.stack_resources": "moto",
    "PlannedChanges.diff": "moto",
    "SUCCESS": "functions that import cfnresponse",
    "Context.get_remaining_time_in_millis": "functions",
    "PrometheusCollector": "applications that use the client",
    "PrometheusCollector.collect": "prometheus_client",
    "_Server.collect": "prometheus_client",
    "Record.arrived_at": "applications that use the client",
    "QueueRecord.arrived_at": "applications that use the client",
    "ManualClock": "tests and simulations, for which time is a value",
    "MemoryStore": "tests and simulations, and it shows that the store can be another",
    "_START_GROUP": "nobody: a number of a closed set that is written down whole",
    "_END_GROUP": "nobody: a number of a closed set that is written down whole",
    "ApiModel.api_version": "msgspec, for a member of the file",
    "BOTOCORE": "scripts/generate_partitions.py",
    "FirehoseModel.api_version": "msgspec, for a member of the file",
    "_Response.on_message_complete": "httptools",
    "LambdaModel.api_version": "msgspec, for a member of the file",
}
"""Declarations that nothing in the source names, and who uses them."""

REGISTERING = {"command", "group", "fixture"}
"""Decorators that hand a function to a library, which then calls it."""

MODULE_LINES_MAX = 600
MODULE_LINES_MEDIAN = 150
FUNCTION_LINES_MAX = 70
FUNCTION_LINES_MEDIAN = 10

EMPTY_WORDS = {"utils", "helpers", "manager", "common", "misc"}
"""What a name must not say, because it says nothing."""

BOUND_BEFORE_UNIT = re.compile(r"_(?:MAX|MIN)_(?:BYTES|MS|S|HOURS)$")
"""A bound comes behind its unit, as in `RECORD_BYTES_MAX` beside `RECORD_BYTES`."""

EXCUSE = re.compile(r"noqa: [A-Z]+\d+(?:, [A-Z]+\d+)*(?: - \S.*)?$")
"""How a finding of ruff is set aside: `noqa`, its number, and ` - ` before the reason."""

# ---- What the rules look at.

CHECKED_FOLDERS = ("src", "scripts", "tests", "benchmarks")


class Declaration(NamedTuple):
    """A name that a module, or a class in it, gives to something."""

    owner: str
    name: str
    node: ast.stmt

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}" if self.owner else self.name


def is_edge(module: Module) -> bool:
    return module.layer in EDGES or module.path in EDGE_MODULES


def named_modules(module: Module) -> set[str]:
    """Every module of the package that one may load: by an import, or by a text."""
    found = set(module.imported)
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom):
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value.partition(":")[0])
            if module.path in LOADERS:
                found.add(f"{LOADERS[module.path]}.{node.value}")
    return found


def reads_environment(module: Module) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"} for node in module.nodes
    )


def declarations(module: Module) -> list[Declaration]:
    return list(declared_in(module.tree.body, ""))


def uses(nodes: list[ast.AST]) -> Counter[str]:
    """How often each name is used: read, called, imported, given as a keyword or as a text."""
    found: Counter[str] = Counter()
    for node in nodes:
        match node:
            case ast.Name(ctx=ast.Load()):
                found[node.id] += 1
            case ast.Attribute():
                found[node.attr] += 1
            case ast.keyword(arg=str(name)):
                found[name] += 1
            case ast.alias():
                found[node.name] += 1
            case ast.Constant(value=str(text)) if text.isidentifier():
                found[text] += 1
            case ast.MatchClass():
                found.update(node.kwd_attrs)
    return found


def declared_in(body: list[ast.stmt], owner: str) -> Iterator[Declaration]:
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield Declaration(owner, node.name, node)
            case ast.ClassDef():
                yield Declaration(owner, node.name, node)
                yield from declared_in(node.body, node.name)
            case ast.Assign():
                for target in node.targets:
                    for part in ast.walk(target):
                        if isinstance(part, ast.Name):
                            yield Declaration(owner, part.id, node)
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield Declaration(owner, name, node)
            case ast.If() | ast.Try() | ast.With():
                yield from declared_in(node.body, owner)


def length(function: Function) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def is_registered(node: ast.stmt) -> bool:
    """Whether a decorator gives it to a library: `@group.command(...)`, `@pytest.fixture`."""
    calls = [
        each.func if isinstance(each, ast.Call) else each for each in getattr(node, "decorator_list", [])
    ]
    return any(isinstance(call, ast.Attribute) and call.attr in REGISTERING for call in calls)


def paths_of(some: Iterable[Module]) -> set[str]:
    return {module.path for module in some}


# ---- Layers.


def test_imports_go_down_only() -> None:
    unknown = {module.layer for module in modules()} - set(MAY_IMPORT)
    assert not unknown, "a layer is a row of MAY_IMPORT"
    upward = [
        f"{module} imports {name}"
        for module in modules()
        for name in sorted(set(module.imported))
        if name.startswith("headwater.") and name.split(".")[1] not in MAY_IMPORT[module.layer]
    ]
    assert not upward


def test_only_the_edges_touch_the_outside() -> None:
    touching = [
        f"{module} imports {name}"
        for module in modules()
        if not is_edge(module)
        for name in sorted(set(module.imported))
        if name.split(".")[0] in OUTSIDE_MODULES
    ]
    assert not touching


def test_only_the_clock_reads_the_time_below_the_edges() -> None:
    readers = [module for module in modules() if not is_edge(module) and "time" in module.imported]
    assert paths_of(readers) == CLOCK_MODULES


def test_only_config_reads_the_environment_and_what_runs_in_the_processes_of_functions() -> None:
    assert paths_of([module for module in modules() if reads_environment(module)]) == ENVIRONMENT_MODULES


def test_the_tables_name_modules_that_exist() -> None:
    there = paths_of(modules())
    assert there >= EDGE_MODULES
    assert there >= ENTRIES
    assert there >= READ_AS_FILES
    assert set(MAY_IMPORT) == {module.layer for module in modules()}
    assert {name for names in MAY_IMPORT.values() for name in names} <= set(MAY_IMPORT)
    assert set(MAY_IMPORT) >= EDGES


# ---- Sizes.


def test_every_module_opens_by_saying_what_it_is_for() -> None:
    assert not [str(module) for module in modules() if not ast.get_docstring(module.tree)]


def test_modules_are_small() -> None:
    lines = {str(module): len(module.text.splitlines()) for module in modules()}
    assert not {path: count for path, count in lines.items() if count > MODULE_LINES_MAX}
    assert median(lines.values()) <= MODULE_LINES_MEDIAN


def test_functions_are_small() -> None:
    lines = [(f"{module}: {each.name}", length(each)) for module in modules() for each in module.functions]
    assert not [(name, count) for name, count in lines if count > FUNCTION_LINES_MAX]
    assert median(count for _, count in lines) <= FUNCTION_LINES_MEDIAN


# ---- Names and conventions.


def test_names_say_something() -> None:
    assert not [str(module) for module in modules() if EMPTY_WORDS & set(Path(module.path).stem.split("_"))]


def test_a_bound_comes_behind_its_unit() -> None:
    named = [f"{module}: {each}" for module in modules() for each in declarations(module)]
    assert not [name for name in named if BOUND_BEFORE_UNIT.search(name)]


def test_what_ruff_is_told_to_overlook_is_spelt_in_one_way() -> None:
    odd = []
    for folder in CHECKED_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            # What package managers install below the tests and benchmarks is not ours.
            is_installed = {".packages", ".scratch", ".v2", "node_modules"} & set(
                path.relative_to(ROOT).parts
            )
            text = "" if is_installed else path.read_text()
            excuses = re.findall(r"# (noqa.*)", text)
            if all(map(EXCUSE.match, excuses)):
                continue
            for token in tokenize.generate_tokens(StringIO(text).readline):
                excuse = token.string.removeprefix("# ")
                if token.type == tokenize.COMMENT and excuse.startswith("noqa") and not EXCUSE.match(excuse):
                    odd.append(f"{path.relative_to(ROOT)}:{token.start[0]}: {token.string}")
    assert not odd


# ---- Operations.


def test_every_operation_has_its_module_its_test_and_its_documentation_row() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    rows = Counter(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    odd = []
    for name, operation in OPERATIONS.items():
        word = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        offered = operation.handler is not None
        has_module = (SOURCE / "api" / "operations" / f"{word}.py").exists()
        has_test = (ROOT / "tests" / "api" / f"test_{word}.py").exists()
        if (has_module, has_test, rows[name]) != (offered, offered, 1):
            odd.append(f"{name}: module {has_module}, test {has_test}, {rows[name]} rows")
    assert not odd


def test_the_operation_table_is_in_the_order_of_names() -> None:
    assert list(OPERATIONS) == sorted(OPERATIONS)


# ---- Nothing is dead.


def test_every_module_is_reached_from_an_entry() -> None:
    by_name = {module.dotted: module for module in modules()}
    reached: set[str] = set()
    ahead = [module.dotted for module in modules() if module.path in ENTRIES | READ_AS_FILES]
    while ahead:
        name = ahead.pop()
        if name in by_name and name not in reached:
            reached.add(name)
            ahead += [name.rpartition(".")[0], *named_modules(by_name[name])]
    unreached = paths_of([by_name[name] for name in set(by_name) - reached])
    assert not sorted(unreached - FOR_TESTS)
    assert unreached >= FOR_TESTS


def test_every_declaration_is_used() -> None:
    dead = set(unused_declarations())
    assert not sorted(dead - set(CALLED_FROM_OUTSIDE)), "remove them, or say who uses them"
    assert not sorted(set(CALLED_FROM_OUTSIDE) - dead), "these are used, or gone: they need no exception"


def unused_declarations() -> Iterator[str]:
    """What no code in the source names, but itself.

    A name does not say whose it is: what is found is dead, but a dead `close` is not found.
    """
    used_in = {module: uses(module.nodes) for module in modules()}
    everywhere: Counter[str] = Counter()
    for used in used_in.values():
        everywhere.update(used)
    for module, used in used_in.items():
        for declared in declarations(module):
            if declared.name.startswith("__") or is_registered(declared.node):
                continue
            if everywhere[declared.name] > used[declared.name]:  # another module uses it
                continue
            if everywhere[declared.name] == uses(list(ast.walk(declared.node)))[declared.name]:
                yield str(declared)
