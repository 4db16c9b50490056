"""Points Plivo's Python SDK at an Offhook node in programs that are not changed at all.

    OFFHOOK_URL=http://127.0.0.1:8080 PYTHONPATH=/path/to/this/folder python your_program.py

Python imports a module of this name at every start. Nothing else happens until the program imports the SDK; a program that
does not, or a start without ``OFFHOOK_URL``, is left alone. Another ``sitecustomize`` further down the path still runs.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

HERE = str(Path(__file__).resolve().parent)


class _WhenImported(MetaPathFinder):
    """Sets the SDK's addresses as soon as its module is there."""

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        if name != plivo_here.MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_point(module: ModuleType) -> None:
                load(module)
                plivo_here.point(module, os.environ["OFFHOOK_URL"])

            spec.loader.exec_module = load_and_point
        return spec


def _next_one() -> None:
    """Run the ``sitecustomize`` that this one hides: Debian has one, and so may the program's environment."""
    elsewhere = [each for each in sys.path if each and str(Path(each).resolve()) != HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", elsewhere)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if os.environ.get("OFFHOOK_URL"):
    if HERE not in sys.path:
        sys.path.append(HERE)
    import plivo_here

    sys.meta_path.insert(0, _WhenImported())
_next_one()
