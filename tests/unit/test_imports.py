"""Every import of this project's own modules finds what it names, in programs that tests start from text, too.

Only some of the tests run such a program, or a benchmark, at every change; a module that moved would show there late.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ("dlcctr", "entrypoint", "tests", "demo")
SPOKEN = re.compile(rf"-m[\s'\",]+((?:{'|'.join(OURS)})(?:\.\w+)+)\b")
"""`python -m tests.gpu`, `"-m", "dlcctr.cli"`: a module that a script, a page or a list of arguments starts."""
IMPORT = re.compile(rf"^\s*(?:from|import)\s+(?:{'|'.join(OURS)})\b", re.MULTILINE)


def tracked(*patterns: str) -> list[str]:
    command = ["git", "ls-files", "-z", "--", *patterns]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listing.split("\0") if (ROOT / name).is_file()]


def source_of(module: str, root: Path = ROOT) -> Path | None:
    """File of a module; folder of a package that has no `__init__.py`."""
    path = root / module.replace(".", "/")
    found = [path.with_suffix(".py"), path / "__init__.py", path]
    return next((each for each in found if each.exists()), None)


@cache
def names_in(source: Path) -> frozenset[str]:
    """What a module defines at its top, under conditions and in `try`, too."""
    if source.is_dir():
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update((each.asname or each.name).split(".")[0] for each in node.names)
    return frozenset(found)


def missing_from(tree: ast.AST, root: Path = ROOT) -> Iterator[str]:
    """Imported modules and names that are nowhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wanted = [(each.name, None) for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            wanted = [(node.module, each.name) for each in node.names]
        else:
            continue
        for module, name in wanted:
            if module.split(".")[0] not in OURS:
                continue
            source = source_of(module, root)
            if source is None:
                yield module
            elif name and name != "*" and name not in names_in(source) and source_of(f"{module}.{name}", root) is None:
                yield f"{module}.{name}"


def programs_in(tree: ast.AST) -> Iterator[ast.AST]:
    """Imports in the strings of a module: a program for `python -c` may be a template, so line by line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and IMPORT.search(node.value):
            for line in re.split(r"[\n;]", node.value):
                if IMPORT.match(line):
                    try:
                        yield ast.parse(line.strip())
                    except SyntaxError:
                        continue  # a sentence that begins with such words, or a name that a template fills in


def missing(source: str, root: Path = ROOT) -> set[str]:
    tree = ast.parse(source)
    found = set(missing_from(tree, root))
    for program in programs_in(tree):
        found.update(missing_from(program, root))
    return found


def test_what_is_imported_is_there() -> None:
    names = tracked("*.py")
    assert names and {name: found for name in names if (found := missing((ROOT / name).read_text()))} == {}


def test_a_module_that_is_started_is_there() -> None:
    names = tracked("*.py", "*.sh", "*.md", "*.def", "Makefile", "Dockerfile", ".ci/run")
    started = {name: SPOKEN.findall((ROOT / name).read_text()) for name in names}
    assert any(started.values())
    assert {name: each for name, found in started.items() for each in found if source_of(each) is None} == {}


def test_a_module_that_moved_is_seen(tmp_path: Path) -> None:
    (tmp_path / "dlcctr" / "runtime").mkdir(parents=True)
    (tmp_path / "dlcctr" / "runtime" / "__init__.py").write_text('"""executor moved."""\nHERE: int = 1\n')
    gone = "dlcctr.runtime"  # not in the text, or this file would be among those that import it
    program = f'"import sys\\nfrom {gone} import HERE, executor\\nprint({{scripts!r}})"'
    assert missing(f"CODE = {program}", tmp_path) == {"dlcctr.runtime.executor"}
    assert missing(f"from {gone}.positions import Columns", tmp_path) == {"dlcctr.runtime.positions"}
    assert missing('"""from dlcctr to the cluster"""', tmp_path) == set()
