"""Advice as it must be typed where this program runs: inside the image only some commands exist."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable

from dlcctr.commands import IN_IMAGE, PANELS, START_IMAGE
from dlcctr.contract import CALLED_BY_HOST

CONTAINERS = (("APPTAINER", "apptainer"), ("SINGULARITY", "singularity"))
"""Beginning of the variables by which a program says which SIF it runs and what it has bound; the program's name."""
JOB_FILE = "job.sh"
KEPT = ("--again", "--accept-degraded")
"""Options that are kept where a command needs squeue's output."""
_inside: list[str] = []
_WORD = r"""(?:'[^']*'|"[^"]*"|[^\s'"`;,()|])+"""
_NAMES = "|".join(name for names in PANELS.values() for name in names)
_COMMAND = re.compile(rf"(?<!\ba )(?<!\bthe )dlcctr (?P<name>{_NAMES})\b(?P<rest>(?: {_WORD})*)")


def enter_image(program: str) -> None:
    """Say that this process is the image's program of this name, unless dlcctr on the host has started it."""
    _inside[:] = [] if os.environ.get(CALLED_BY_HOST) else [program]


def find_program() -> str:
    """How this image's commands are called on the host; empty where this is not the image's program.

    In a Docker container it is their name inside: how the container was started cannot be known there.
    """
    if not _inside:
        return ""
    for prefix, tool in CONTAINERS:
        if sif := os.environ.get(f"{prefix}_CONTAINER"):
            binds = os.environ.get(f"{prefix}_BIND", "")
            return shlex.join([tool, "run", *(["--bind", binds] if binds else []), sif])
    return _inside[0]


def here(text: str) -> str:
    """Advice whose commands can be typed here: the image's own inside it, and on the host those that need Slurm.

    For any other command it says that an installed dlcctr is needed.
    """
    program = find_program()
    return _COMMAND.sub(lambda found: _typed(program, found["name"], found["rest"]), text) if program else text


def say_next(lines: Iterable[str]) -> None:
    """Print lines of advice."""
    from dlcctr.system.terminal.console import print_lines

    print_lines(map(here, lines))


def _typed(program: str, name: str, rest: str) -> str:
    given = re.findall(_WORD, rest)
    manifest = next((word for word in given if not word.startswith("-")), "m.csv")
    kept = "".join(f" {word}" for word in given if word in KEPT)
    nv = program.replace(" run ", " run --nv ", 1)
    to_train = re.match(r" (?:submit|run)\b(.*)", rest) if name == "train" else None
    if to_train:
        return f"{nv} train{to_train[1]}"
    on_host = {
        "submit": f"{program} sbatch {manifest} > {JOB_FILE} && sbatch {JOB_FILE}",
        "resubmit": f"squeue --me | {program} resubmit {manifest}{kept} --print --squeue - > {JOB_FILE}"
        f" && sbatch {JOB_FILE}",
        "status": f"squeue --me | {program} status {manifest}{kept} --squeue -",
        "run": f"{nv} analyze --manifest {manifest} --index N",
        "cancel": "scancel JOB",
        "evaluate": f"{nv} evaluate{rest}",
    }
    if name in on_host and "--squeue" not in given:
        return on_host[name]
    is_here = name in IN_IMAGE or name in START_IMAGE
    return f"{program} {name}{rest}" if is_here else f"dlcctr {name}{rest} (where dlcctr is installed)"
