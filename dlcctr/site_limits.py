"""How many jobs this cluster takes, where its own commands answer."""

from __future__ import annotations

import getpass
import re
import shutil

from dlcctr.errors import TryAgainError
from dlcctr.planning.options import Limits
from dlcctr.system import processes

TIMEOUT_S = 20.0
"""A plan can be made without an answer."""


def read_max_array_size(text: str) -> int | None:
    """MaxArraySize in the output of ``scontrol show config``."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)\s*$", text, re.MULTILINE)
    return int(found[1]) if found else None


def read_max_submit(text: str) -> int | None:
    """Smallest limit in the output of ``sacctmgr … format=MaxSubmit --parsable2 --noheader``; None without any."""
    limits = [int(word) for word in re.findall(r"\d+", text)]
    return min(limits, default=None)


def ask_limits() -> Limits:
    """Ask this machine's Slurm; its default where there is none."""
    size = read_max_array_size(_answer("scontrol", "show", "config"))
    if size is None:
        return Limits()
    submit = read_max_submit(
        _answer(
            "sacctmgr",
            "--noheader",
            "--parsable2",
            "show",
            "assoc",
            f"user={getpass.getuser()}",
            "format=MaxSubmit",
        )
    )
    return Limits(size, submit, "scontrol" if submit is None else "scontrol and sacctmgr")


def _answer(*argv: str) -> str:
    if shutil.which(argv[0]) is None:
        return ""
    try:
        done = processes.run(argv, check=False, merge=False, timeout_s=TIMEOUT_S)
    except TryAgainError:
        return ""
    return done.stdout if done.returncode == 0 else ""
