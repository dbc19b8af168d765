from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.support.results import make_bench

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "dlcctr").rglob("*.py"))
ALLOWED = {*sys.stdlib_module_names, "__future__", "typer", "dlcctr", "tomllib", "tomli"}
"""tomli is tomllib under its old name."""

HEAVY = ("deeplabcut", "torch", "tensorflow", "pandas", "numpy", "tables", "av", "docker", "spython", "cv2")


def imports(file: Path, *, top_only: bool) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    inner = {node for function in ast.walk(tree) if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
             for node in ast.walk(function)}  # fmt: skip
    checked = {node for block in ast.walk(tree) if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
               for node in ast.walk(block)}  # fmt: skip
    names: set[str] = set()
    for node in ast.walk(tree):
        if top_only and (node in inner or node in checked):
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_dlcctr_never_imports_entrypoint(file: Path) -> None:
    assert "entrypoint" not in imports(file, top_only=False)


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_module_tops_import_the_standard_library_and_typer_only(file: Path) -> None:
    assert imports(file, top_only=True) <= ALLOWED


def test_the_contract_needs_nothing_but_the_standard_library() -> None:
    assert imports(ROOT / "dlcctr/contract.py", top_only=False) <= set(sys.stdlib_module_names) | {"__future__"}


def loaded(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )
    return {name.partition(".")[0] for name in done.stderr.splitlines()}


def test_help_loads_no_package_at_all() -> None:
    """Python itself takes 10 ms, Typer 80: `dlcctr --help` is to take at most three times Python itself."""
    modules = loaded("sys.argv = ['dlcctr', '--help']\nfrom dlcctr.cli import main\nmain()")
    assert not modules & {"typer", "click", "rich", "yaml", *HEAVY}


def test_all_commands_register_without_heavy_imports() -> None:
    assert not loaded("from dlcctr.cli import make_app\nmake_app()") & {"yaml", *HEAVY}


@pytest.mark.parametrize("command", ["check", "validate"])
def test_check_and_validate_load_nothing_heavy(tmp_path: Path, command: str) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    bench.commit(0)
    run = f"sys.argv = ['dlcctr', {command!r}, {str(bench.manifest)!r}]"
    modules = loaded(f"{run}\nfrom dlcctr.cli import catch, make_app\nassert catch(make_app()) == 0")
    assert not modules & set(HEAVY)
