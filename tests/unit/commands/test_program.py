from __future__ import annotations

import itertools
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dlcctr import commands
from dlcctr.cli import make_app
from dlcctr.commands import IN_IMAGE, PANELS, module_of
from dlcctr.commands.program import HostCommands
from dlcctr.contract import ExitCode

PROGRAMS = ("dlcctr", "entrypoint")
ENVIRONMENT = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
ENVIRONMENT.pop("NO_COLOR", None)


def piped(*argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *argv],
        env={**ENVIRONMENT, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def on_terminal(*argv: str, **variables: str) -> str:
    """What a command shows on a terminal of 80 columns."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", *argv], env={**ENVIRONMENT, **variables}, stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # Linux says so when the other side has closed
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return shown.decode().replace("\r\n", "\n")


def without_escapes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def summaries() -> dict[str, str]:
    """First sentence of what each command says about itself."""
    import typer

    group = typer.main.get_command(make_app())
    assert isinstance(group, HostCommands)
    return {name: group.get_command(None, name).help.partition("\n")[0] for name in group.late}


def test_every_command_module_is_in_the_table() -> None:
    folder = Path(commands.__file__).parent
    files = {".".join(file.relative_to(folder.parent.parent).with_suffix("").parts) for file in folder.rglob("*.py")}
    named = {module_of(name) for names in PANELS.values() for name in names}
    assert named == {name for name in files if re.search(r"^def add\(", _source(name), re.MULTILINE)}
    assert {name for names in PANELS.values() for name in names} >= IN_IMAGE


def _source(module: str) -> str:
    return (Path(commands.__file__).parents[2] / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")


def test_help_has_every_command_under_its_heading_in_80_columns() -> None:
    text = piped("dlcctr", "--help").stdout
    assert max(map(len, text.splitlines())) <= 80
    blocks = dict(re.findall(r"^([A-Z][\w ]+):\n((?:  .*\n)+)", text, re.MULTILINE))
    for panel, names in PANELS.items():
        assert [line.split()[0] for line in blocks[panel].splitlines()] == list(names)
    for name, summary in summaries().items():
        assert re.search(rf"^  {name} +{re.escape(summary)}$", text, re.MULTILINE), name


def test_help_on_a_terminal_has_panels_in_80_columns() -> None:
    text = on_terminal("dlcctr", "--help")
    assert "\x1b[" in text
    lines = without_escapes(text).splitlines()
    assert max(map(len, lines)) <= 80
    for panel in PANELS:
        assert any(line.startswith(f"╭─ {panel} ") for line in lines)
    for name, summary in summaries().items():
        assert f"│ {name:<8}  {summary}" in "\n".join(lines)


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_color_and_a_pipe_give_plain_text(program: str) -> None:
    plain = piped(program, "--help").stdout
    assert plain.isascii()
    assert "\x1b" not in plain
    assert on_terminal(program, "--help", NO_COLOR="1") == plain


@pytest.mark.parametrize(
    ("program", "typed", "said"),
    [
        ("dlcctr", "analyze", "dlcctr run m.csv"),
        ("dlcctr", "doctor", "singularity run --nv dlc.sif doctor"),
        ("entrypoint", "fetch", "outside of the container: dlcctr fetch (where dlcctr is installed)"),
        ("entrypoint", "submit", "sbatch m.csv > job.sh && sbatch job.sh"),
    ],
)
def test_a_command_of_the_other_program_says_where_it_is(program: str, typed: str, said: str) -> None:
    ended = piped(program, typed, "m.csv")
    name = {"entrypoint": "dlc"}.get(program, program)
    assert ended.returncode == ExitCode.USAGE
    assert f"error: {typed}: not a command of {name}\n" in ended.stderr and said in ended.stderr


@pytest.mark.parametrize("group", ["", "train", "model", "image", "site", "labels", "loop", "steps"])
def test_without_arguments_a_pipe_gets_the_help_line_by_line(group: str) -> None:
    typed = [group] if group else []
    assert piped("dlcctr", *typed).stderr == piped("dlcctr", *typed, "--help").stdout
    if not group or group in IN_IMAGE:
        assert piped("entrypoint", *typed).stderr == piped("entrypoint", *typed, "--help").stdout


def test_the_image_has_its_own_commands_and_those_that_need_no_host() -> None:
    text = piped("entrypoint", "--help").stdout
    shown = set(re.findall(r"^  ([a-z]+) +[A-Z]", text, re.MULTILINE))
    assert shown == {"analyze", "doctor", "evaluate", "outliers", "quality", "step", "train"} | IN_IMAGE


def test_a_misspelt_command_is_told_the_right_one() -> None:
    done = piped("dlcctr", "submt")
    assert done.returncode == ExitCode.USAGE
    assert "Did you mean 'submit'" in done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_version_is_a_command_and_an_option(program: str) -> None:
    option, command = piped(program, "--version"), piped(program, "version")
    assert option.returncode == 0
    assert option.stdout == command.stdout
    assert option.stdout.startswith("dlcctr ")


def test_bash_takes_the_completion_script(tmp_path: Path) -> None:
    program = f"{sys.executable} -m dlcctr --show-completion bash > {tmp_path}/script; exit $?"
    subprocess.run(["bash", "-c", program], env=ENVIRONMENT, timeout=60, check=True)
    assert "complete -o default -F" in (tmp_path / "script").read_text()
    subprocess.run(["bash", "-n", str(tmp_path / "script")], timeout=60, check=True)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("res", ["resubmit"]),
        ("s", ["site", "sbatch", "script", "submit", "status", "steps", "step"]),
        ("site ", ["init", "list", "show"]),
        ("submit --can", ["--canary"]),
    ],
)
def test_tab_completes_commands_and_options(typed: str, offered: list[str]) -> None:
    words = f"dlcctr {typed}"
    done = piped(
        "dlcctr", _DLCCTR_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(len(words.split(" ")) - 1)
    )
    assert done.stdout.split() == offered


def test_completion_is_installed_for_the_shell_that_asks(tmp_path: Path) -> None:
    program = f"{sys.executable} -m dlcctr --install-completion; exit $?"
    subprocess.run(
        ["bash", "-c", program], env={**ENVIRONMENT, "HOME": str(tmp_path)}, timeout=60, check=True, capture_output=True
    )
    assert "dlcctr" in (tmp_path / ".bashrc").read_text()
    subprocess.run(["bash", "-n", str(tmp_path / ".bash_completions/dlcctr.sh")], timeout=60, check=True)


def test_the_terminal_wraps_the_help_and_nothing_else_does() -> None:
    shown = without_escapes(on_terminal("dlcctr", "cancel", "--help"))
    assert "elsewhere it   \n needs --yes, and without that it only shows them and exits with 2." in shown
    shown = without_escapes(on_terminal("entrypoint", "analyze", "--help"))
    text = [line.strip() for line in shown.partition("╭")[0].splitlines() if line.strip()]
    broken = [line for line, after in itertools.pairwise(text) if len(f" {line} {after.split()[0]} ") <= 78]
    assert not [line for line in broken if not line.endswith((".", ":", "]"))]
