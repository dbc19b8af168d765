"""A host that is this machine: an `ssh` that runs commands in a shell here, so that rsync and all else are real."""

from __future__ import annotations

from pathlib import Path

PROGRAM = """#!/bin/sh
if [ "$1" = -G ]; then exit 1; fi
while case "$1" in -*) true ;; *) false ;; esac; do shift; done
shift
exec sh -c "$*"
"""


def make_ssh(folder: Path) -> tuple[str, ...]:
    """Words that stand for ssh."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "ssh"
    file.write_text(PROGRAM)
    file.chmod(0o755)
    return (str(file),)
