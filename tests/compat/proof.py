"""Whether a test that stands in the table is there, and does what it is there for."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


@cache
def _module(file: str) -> dict[str, ast.AST]:
    """The functions and assigned names of a module, by name."""
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    found: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
    return found


def exists(test: str) -> bool:
    """Whether there is such a test function where pytest collects it, and nothing skips it whatever happens."""
    file, _, name = test.partition("::")
    path = TESTS / file
    if not (path.name.startswith("test_") and name.startswith("test_") and path.exists()):
        return False
    function = _module(file).get(name)
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    marks = {part.attr for each in function.decorator_list for part in ast.walk(each) if isinstance(part, ast.Attribute)}
    return not marks & {"skip", "xfail"}


@cache
def reached(test: str) -> tuple[ast.AST, ...]:
    """A test function and what of its module it goes by, directly or not: helpers, fixtures, tables of parameters."""
    file, _, name = test.partition("::")
    known, waiting, found = _module(file), [name], {}
    while waiting:
        each = waiting.pop()
        node = known.get(each)
        if node is None or each in found:
            continue
        found[each] = node
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                waiting.append(part.id)
            elif isinstance(part, ast.arg):
                waiting.append(part.arg)
    return tuple(found.values())


def calls_method(test: str, key: str) -> bool:
    """Whether a test comes to a method of the Python SDK: ``x.calls.create``, or ``anything.hangup`` for ``Call.hangup``."""
    owner, _, method = key.partition(".")
    for root in reached(test):
        for node in ast.walk(root):
            if isinstance(node, ast.Attribute) and node.attr == method:
                of = node.value
                named = of.attr if isinstance(of, ast.Attribute) else of.id if isinstance(of, ast.Name) else ""
                if owner[0].isupper() or named == owner:
                    return True
    return False


def names(test: str, word: str) -> bool:
    """Whether a test comes to this text as a constant of its own: how it commands an SDK in another language."""
    return any(isinstance(node, ast.Constant) and node.value == word for root in reached(test) for node in ast.walk(root))
