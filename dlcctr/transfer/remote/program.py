"""The remote host's own dlcctr, and how to run it in the folder of a campaign."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from dlcctr.transfer.remote.address import Remote

NOT_FOUND = 127
"""Exit code of a shell if there is no such program."""
NO_FOLDER = 117
"""Exit code of our line for the remote shell if it cannot enter the folder; dlcctr itself never ends with it."""
SSH_FAILED = 255
"""Exit code of ssh for its own errors."""


def command_in_folder(
    remote: Remote, words: Sequence[str], program: str = "", *, variables: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Line for the remote host's shell that runs its dlcctr in the campaign's folder.

    Parameters
    ----------
    words : sequence of str
        The command and its options; nothing in them is ever executed.
    program : str
        Command that runs dlcctr there; empty for the campaign's own setting.
    variables : mapping
        Environment variables for it; any login shell knows ``env``.
    """
    settings = ["env", *(f"{name}={value}" for name, value in variables.items())] if variables else []
    return f"cd {_folder(remote)} || exit {NO_FOLDER}; {shlex.join([*settings, program or remote.program, *words])}"


def command_to_type(remote: Remote, words: Sequence[str], program: str = "") -> str:
    """The same for a person who is logged in there."""
    return f"cd {_folder(remote)} && {shlex.join([program or remote.program, *words])}"


def _folder(remote: Remote) -> str:
    return shlex.quote(remote.folder if remote.folder.startswith("/") else f"./{remote.folder}")


def has_scheduler() -> bool:
    """Whether this machine can ask Slurm itself."""
    return shutil.which("sbatch") is not None
