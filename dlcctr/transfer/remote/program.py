"""The remote host's own dlcctr: how it is called in the folder of a campaign."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from dlcctr.transfer.remote.address import Remote

NOT_FOUND = 127
"""What a shell ends with where there is no such program."""
SSH_FAILED = 255
"""What ssh ends with for itself."""


def command_in_folder(
    remote: Remote, words: Sequence[str], program: str = "", *, variables: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Line for the remote host's shell that runs its dlcctr where the campaign lies.

    Parameters
    ----------
    words : sequence of str
        The command and its options; nothing in them is ever executed.
    program : str
        How dlcctr is called there; empty for the campaign's own setting.
    variables : mapping
        Environment variables for it; any login shell knows ``env``.
    """
    folder = remote.folder if remote.folder.startswith("/") else f"./{remote.folder}"
    settings = ["env", *(f"{name}={value}" for name, value in variables.items())] if variables else []
    return f"cd {shlex.quote(folder)} && {shlex.join([*settings, program or remote.program, *words])}"


def has_scheduler() -> bool:
    """Whether this machine can ask Slurm by itself."""
    return shutil.which("sbatch") is not None
