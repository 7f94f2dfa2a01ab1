"""What docstrings of public names say."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.source_tree import modules

MISUSE = {"RuntimeError", "NotImplementedError"}
"""Faults of the program that calls, which no caller expects."""


def test_a_public_function_says_which_errors_it_raises() -> None:
    silent = [
        f"{module}:{each.lineno} {each.name}: {', '.join(sorted(missing))}"
        for module in modules()
        if "raise " in module.text
        for each in public_functions(module.tree)
        if (missing := {name for name in raised(each) if name not in (ast.get_docstring(each) or "")})
    ]
    assert not silent


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions and methods that others may call, but for commands: their text is the help."""
    places: list[ast.Module | ast.ClassDef] = [tree]
    while places:
        for node in places.pop().body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.name.startswith("_") or any(
                "command" in ast.unparse(each) for each in node.decorator_list
            ):
                continue
            if isinstance(node, ast.ClassDef):
                places.append(node)
            else:
                yield node


def raised(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """The classes of the errors that a function makes and raises itself."""
    due: list[ast.AST] = list(function.body)
    while due:
        node = due.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            name = ast.unparse(node.exc).partition("(")[0].rpartition(".")[2]
            if name[0].isupper() and name not in MISUSE:
                yield name
        due.extend(ast.iter_child_nodes(node))
