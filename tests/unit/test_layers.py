from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcctr.commands import module_of
from tests.unit.support.results import make_bench

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "dlcctr").rglob("*.py"))
ALLOWED = {*sys.stdlib_module_names, "__future__", "typer", "dlcctr", "tomllib", "tomli"}
"""tomli is tomllib under its old name."""

HEAVY = ("deeplabcut", "torch", "tensorflow", "pandas", "numpy", "tables", "av", "docker", "spython", "cv2")


LAYERS = (
    ("dlcctr",),  # its face: the version
    ("dlcctr.contract",),
    ("dlcctr.errors",),
    ("dlcctr.system",),
    ("dlcctr.model", "dlcctr.image"),
    ("dlcctr.campaign",),
    ("dlcctr.results",),
    ("dlcctr.labels", "dlcctr.training"),
    ("dlcctr.quality",),
    ("dlcctr.tables", "dlcctr.outliers"),
    ("dlcctr.runtime", "dlcctr.transfer"),
    ("dlcctr.planning",),
    ("dlcctr.slurm",),
    ("dlcctr.compare",),
    ("dlcctr.loop",),
    ("dlcctr.commands",),
    ("dlcctr.cli",),
    ("dlcctr.__main__",),
    ("entrypoint",),
    ("entrypoint.video", "entrypoint.environment"),
    ("entrypoint.protocol",),
    ("entrypoint.engines",),
    ("entrypoint.loop",),
    ("entrypoint.worker", "entrypoint.analyze", "entrypoint.doctor", "entrypoint.tensor_check"),
    ("entrypoint.quality", "entrypoint.outliers", "entrypoint.training", "entrypoint.evaluation"),
    ("entrypoint.steps",),
    ("entrypoint.options",),
    ("entrypoint.app",),
    ("entrypoint.__main__",),
)
"""Rooms from the ground up (docs/architecture.md). A room imports from those below its own floor only."""
FLOOR = {room: floor for floor, rooms in enumerate(LAYERS) for room in rooms}
SUPERVISOR_NEVER = {"entrypoint.engines", "entrypoint.loop", "entrypoint.worker"}
"""What imports DeepLabCut runs in the worker process; the supervisor starts that, and imports none of it."""


def modules() -> dict[str, Path]:
    """Every module of the two packages, by its dotted name."""
    files = [*SOURCES, *sorted((ROOT / "entrypoint").rglob("*.py"))]
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


MODULES = modules()


def imported(name: str, file: Path | None = None) -> set[str]:
    """Modules of the two packages that a module imports anywhere in it, for types included."""
    tree = ast.parse((file or MODULES[name]).read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {each for each in found if each in MODULES}


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def upward(name: str, targets: set[str]) -> set[str]:
    """Those of a module's imports that do not run down."""
    room = room_of(name)
    return {each for each in targets if room_of(each) != room and FLOOR[room_of(each)] >= FLOOR[room]}


def circles(arrows: dict[str, set[str]]) -> Iterator[list[str]]:
    """Ways from a module along imports back to itself."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> Iterator[list[str]]:
        if name in way:
            yield [*way[way.index(name) :], name]
        elif name not in done:
            for each in sorted(arrows[name]):
                yield from walk(each, [*way, name])
            done.add(name)

    for name in arrows:
        yield from walk(name, [])


def test_every_module_has_a_floor() -> None:
    assert {room_of(name) for name in MODULES} == set(FLOOR)


def test_imports_run_down() -> None:
    assert {name: found for name in MODULES if (found := upward(name, imported(name)))} == {}


def test_no_modules_import_each_other() -> None:
    assert not list(circles({name: imported(name) for name in MODULES}))


def test_the_supervisor_imports_nothing_that_imports_deeplabcut() -> None:
    names = [name for name in MODULES if room_of(name) == "entrypoint.analyze"]
    rooms = {name: {room_of(each) for each in imported(name)} for name in names}
    assert names and {name: found for name in names if (found := rooms[name] & SUPERVISOR_NEVER)} == {}


PRINTERS = {"print", "echo", "secho"}
MAY_PRINT = {
    "dlcctr.system.terminal.console": "the one place",
    "dlcctr.system.terminal.progress": "lines of a log, which it escapes as console does",
    "entrypoint.tensor_check": "one JSON document for its parent",
}


def prints(file: Path) -> set[int]:
    """Lines of a module that write to a stream of the process themselves."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in PRINTERS or re.fullmatch(r"(typer|click)\.s?echo|sys\.std(out|err)(\.buffer)?\.write", called):
                found.add(node.lineno)
    return found


def test_what_is_shown_goes_through_the_one_place_that_escapes_it() -> None:
    assert {name: lines for name in set(MODULES) - set(MAY_PRINT) if (lines := prints(MODULES[name]))} == {}


def test_a_module_that_prints_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "odd.py"
    file.write_text("print(1)\nimport sys, typer\ntyper.echo(2)\nsys.stdout.buffer.write(b'')\nfile.write(3)\n")
    assert prints(file) == {1, 3, 4}


def test_an_import_that_runs_up_or_in_a_circle_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "odd.py"
    file.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from dlcctr.slurm.jobs import ledger\n"
        "def f():\n    from dlcctr.commands.run import add\n"
    )
    found = imported("dlcctr.system.files", file)
    assert upward("dlcctr.system.files", found) == {"dlcctr.slurm.jobs.ledger", "dlcctr.commands.run"}
    assert list(circles({"a": {"b"}, "b": {"c"}, "c": {"b"}})) == [["b", "c", "b"]]


NAMES = re.compile(r"`((?:dlcctr|entrypoint|tests)(?:\.\w+)+)`")


def is_there(reference: str) -> bool:
    """Whether a dotted name is a module, or a name in one."""
    words = reference.split(".")
    lengths = [n for n in range(len(words), 0, -1) if ".".join(words[:n]) in MODULES]
    if not lengths or lengths[0] == len(words):
        return bool(lengths)
    tree = ast.parse(MODULES[".".join(words[: lengths[0]])].read_text(encoding="utf-8"))
    named = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return words[lengths[0]] in named | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def test_what_a_docstring_refers_to_is_there() -> None:
    told = {name: NAMES.findall(file.read_text(encoding="utf-8")) for name, file in MODULES.items()}
    assert {name: each for name, found in told.items() for each in found if not is_there(each)} == {}


def test_the_wheel_has_every_package() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"\[tool\.setuptools\]\npackages = \[(.*?)\]", text, re.DOTALL)
    assert listed
    packages = {".".join(file.parent.relative_to(ROOT).parts) for file in MODULES.values()}
    assert set(re.findall(r'"([\w.]+)"', listed[1])) == packages | {"dlcctr.image_files", "dlcctr.slurm_files"}


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


def test_dlcctr_never_imports_entrypoint() -> None:
    assert [file for file in SOURCES if "entrypoint" in imports(file, top_only=False)] == []


def test_module_tops_import_the_standard_library_and_typer_only() -> None:
    assert {file: found for file in SOURCES if (found := imports(file, top_only=True) - ALLOWED)} == {}


def starts(file: Path) -> list[str]:
    """Calls of a module that start a process."""
    calls = [node.func for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    return [ast.unparse(call) for call in calls if ast.unparse(call).startswith(("subprocess.", "os.spawn", "os.exec"))]


def test_one_module_starts_processes() -> None:
    found = {name: calls for name, file in MODULES.items() if (calls := starts(file))}
    assert found.pop("dlcctr.system.processes")
    assert found == {"dlcctr.system.utf8": ["os.execv"]}  # this very program, again


def test_the_contract_needs_nothing_but_the_standard_library() -> None:
    assert imports(ROOT / "dlcctr/contract.py", top_only=False) <= set(sys.stdlib_module_names) | {"__future__"}


def loaded(*argv: str) -> set[str]:
    """Modules that a command line has imported when it ends, which must be with 0."""
    program = (
        f"import sys\nsys.argv = {['dlcctr', *argv]!r}\nfrom dlcctr.cli import catch, make_app\n"
        "assert catch(make_app()) == 0\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )
    return set(done.stderr.splitlines())


def test_help_loads_nothing_heavy() -> None:
    """It may load Typer, rich and the commands' own modules; tests/benchmarks/startup.py has how long it may take."""
    modules = loaded("--help")
    assert "dlcctr.commands.cluster.submit" in modules
    assert not modules & {"ruamel", "tomlkit", *HEAVY}


@pytest.mark.parametrize("command", ["check", "validate"])
def test_check_and_validate_load_nothing_heavy_and_no_other_command(tmp_path: Path, command: str) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    bench.commit(0)
    modules = loaded(command, str(bench.manifest))
    assert not modules & {"rich", *HEAVY}
    commands = {name for name in modules if name.startswith("dlcctr.commands.")} - {"dlcctr.commands.results"}
    assert commands == {"dlcctr.commands.program", "dlcctr.commands.in_image", module_of(command)}
