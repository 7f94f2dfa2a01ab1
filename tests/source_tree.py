"""The source as the tests of its structure see it: each file is read and parsed once, for all of them."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "headwater"

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """A file of the source."""

    def __init__(self, path: Path) -> None:
        self.file = path
        self.path = path.relative_to(SOURCE).as_posix()
        self.text = path.read_text()
        self.tree = ast.parse(self.text)

    def __str__(self) -> str:
        return self.path

    @property
    def layer(self) -> str:
        return self.path.split("/")[0].removesuffix(".py")

    @property
    def folder(self) -> str:
        """The folder that it lies in, below the source."""
        return self.path.rpartition("/")[0] or "."

    @property
    def dotted(self) -> str:
        """The name it is imported by."""
        parts = self.path.removesuffix(".py").removesuffix("/__init__").split("/")
        return ".".join(["headwater", *(part for part in parts if part != "__init__")])

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def imported(self) -> list[str]:
        """Every module that it imports, anywhere in it, its functions included."""
        return list(self._imports())

    @property
    def functions(self) -> list[Function]:
        return [node for node in self.nodes if isinstance(node, Function)]

    def _imports(self) -> Iterator[str]:
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self}: imports are absolute"
                yield node.module or ""


@cache
def modules() -> tuple[Module, ...]:
    """All of the source, each file with its nodes: half a million objects that stay.

    The garbage collector would look at them again and again while they are made, and find nothing.
    """
    gc.disable()
    try:
        made = tuple(Module(path) for path in sorted(SOURCE.rglob("*.py")))
        assert all(module.nodes for module in made)
    finally:
        gc.freeze()
        gc.enable()
    return made
