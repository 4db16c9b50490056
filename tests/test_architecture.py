"""The rooms keep their walls. Directions are contracts in pyproject.toml; here: doors, and what a process loads when it runs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
ROOMS = {path.parent.name for path in (SOURCE / "offhook").glob("*/__init__.py")}


def _modules() -> list[Path]:
    return sorted((SOURCE / "offhook").rglob("*.py"))


def _name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else None


def _imports(path: Path) -> Iterator[tuple[int, str, list[str]]]:
    """Line, module and imported names of every ``offhook`` import, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] == "offhook":
            yield node.lineno, node.module or "", [each.name for each in node.names]
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, each.name, []) for each in node.names if each.name.split(".")[0] == "offhook")


def _exported(room: str) -> set[str]:
    for node in ast.parse((SOURCE / "offhook" / room / "__init__.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(each, ast.Name) and each.id == "__all__" for each in node.targets):
            return set(ast.literal_eval(node.value))
    return set()


def _behind_doors(path: Path) -> Iterator[str]:
    own = _room(_name(path))
    for line, module, names in _imports(path):
        room = _room(module)
        if room is None or room == own:
            continue
        place = f"{path.relative_to(ROOT)}:{line}"
        if module.count(".") > 1:
            yield f"{place} reaches behind the door: {module}"
        else:
            yield from (f"{place} takes {name}, which {module} does not offer" for name in names if name not in _exported(room))


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_rooms_use_each_other_through_their_doors_only(path: Path) -> None:
    assert list(_behind_doors(path)) == []


def test_imports_point_down_and_each_module_has_its_place() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _loaded(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(' '.join(sys.modules))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env=environment, cwd=ROOT
    )
    return set(done.stdout.split())


def test_a_running_switch_has_no_numpy_and_no_engine() -> None:
    loaded = _loaded(
        "import offhook.node, offhook.cli.serve, offhook.media, offhook.speech; offhook.media.Media, offhook.media.Clips"
    )
    assert "offhook.node" in loaded
    assert not {"numpy", "soxr", "miniaudio", "offhook.media.engine", "offhook.pcm"} & loaded


def test_a_running_engine_has_no_asyncio_and_none_of_the_other_rooms() -> None:
    loaded = _loaded("import offhook.media.engine.__main__")
    assert "numpy" in loaded
    assert "asyncio" not in loaded
    rooms = {_room(name) for name in loaded if name.startswith("offhook.")} - {None}
    assert rooms == {"media"}
