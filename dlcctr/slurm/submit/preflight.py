"""Checks before anything is submitted: what would fail in every task costs a minute here, not a night."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.paths import typed_manifest
from dlcctr.campaign.rows import Row
from dlcctr.contract import LABEL_PREFIX, RESULT_BYTES_PER_VALUE
from dlcctr.errors import ModelError, OutputError, ToolMissingError, UsageError
from dlcctr.slurm.queue import client
from dlcctr.system import disk, processes
from dlcctr.system.terminal.console import warn

NONE_NOW = "node configuration is not available"
"""Message of --test-only also for drained nodes; the submission itself is then accepted, or refused for good."""
STANDARD_TIME = {"SLURM_TIME_FORMAT": "standard"}
"""Users may choose another form, as `relative`."""
HINTS = {
    "invalid partition": "see `sinfo` for the partitions; give one with --partition or in the site's profile",
    "invalid account": "see `sacctmgr show assoc user=$USER` for your accounts; give one with --account",
    "invalid generic resource": "see `sinfo -o '%P %G'` for the GPUs' names; give one with --gres or --gpus",
    "invalid gres": "see `sinfo -o '%P %G'` for the GPUs' names; give one with --gres or --gpus",
    "invalid qos": "give a QoS of yours with --qos",
    "time limit": "the partition allows less time: smaller tasks (--task-time), or another partition",
    "memory specification": "no node has that much memory: ask for less with --mem-gb, or in the site's profile",
    "cannot be satisfied": "no node of the partition has that much: see `sinfo -o '%P %G %c %m'`",
    "submit limit": "fewer tasks (--tasks), or wait until some have ended",
}


def check_image(image: Path, campaign: Campaign) -> None:
    """Check that the image exists and has our contract and the model's engine; raises as `check_image_of`."""
    check_image_of(image, campaign.engine)


def check_image_of(image: Path, wanted: str) -> None:
    """Check that an image exists and has our contract and an engine; an empty one is any.

    Raises
    ------
    ToolMissingError, ContractError, ModelError
        It is not.
    """
    from dlcctr.image.sif import inspect_sif

    if not image.is_file():
        raise ToolMissingError(f"{image}: the image does not exist", "name the SIF with --image; see docs/sif.md")
    try:
        processes.find_tool("apptainer", "singularity")
    except ToolMissingError:
        warn(f"{image}: not checked: neither apptainer nor singularity is available here without loading a module")
        return
    from dlcctr.image.labels import check_contract

    labels = inspect_sif(image)["labels"]
    check_contract(str(image), labels)
    engine = labels.get(f"{LABEL_PREFIX}engine", "")
    if wanted and engine and engine != wanted:
        raise ModelError(f"{image} has the {engine} engine, the model is one of {wanted}", f"use the {wanted} image")


def check_output(campaign: Campaign, rows: Sequence[Row]) -> None:
    """Check that the results' root can be written and has enough space; raises `OutputError`."""
    values = 3 * (max(1, len(campaign.individuals)) * len(campaign.bodyparts) + len(campaign.unique_bodyparts))
    need = sum(row.frames or 0 for row in rows) * max(values, 3) * RESULT_BYTES_PER_VALUE
    try:
        disk.try_writing(campaign.out)
    except OSError as error:
        raise OutputError(
            f"{campaign.out}: cannot be written: {error.strerror}",
            "fix [output] in campaign.toml, or the folder's permissions",
        ) from error
    disk.check_space(campaign.out, need, "free space, choose another [output] root, or submit fewer rows with --rows")


def find_hint(said: str) -> str:
    """Remedy for a message of sbatch; empty if none is known."""
    return next((hint for words, hint in HINTS.items() if words in said.lower()), "")


def try_script(text: str, words: Sequence[str], manifest: Path, hint: str = "") -> float | None:
    """Ask Slurm whether it would take a script, without submitting it.

    Parameters
    ----------
    words : sequence of str
        Options of sbatch.
    hint : str
        Remedy for a refusal whose cause is not known; by default that of a campaign's script.

    Returns
    -------
    float or None
        When Slurm would start it, in seconds since 1970; None where it does not say.

    Raises
    ------
    UsageError
        Slurm would refuse it; the message is Slurm's own, with what to do.
    """
    parent = Path(tempfile.gettempdir())
    with (
        disk.disk_errors(parent, "TMPDIR names another folder"),
        tempfile.TemporaryDirectory(prefix="dlcctr-", dir=parent) as folder,
    ):
        file = Path(folder) / "trial.sbatch"
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        argv = ["sbatch", "--test-only", *words, str(file)]
        done = processes.run(argv, env=STANDARD_TIME, check=False, merge=False, timeout_s=client.TIMEOUT_S)
    said = " ".join((done.stderr or done.stdout or "").split())
    if done.returncode == 0:
        return _start_of(said)
    if NONE_NOW in said.lower():
        warn(f"Slurm reports {said!r}: no node has what is requested, or all that have it are down or drained")
        return None
    raise UsageError(
        f"Slurm would not take this job: {said or f'sbatch ended with code {done.returncode}'}",
        find_hint(said)
        or hint
        or f"check the script's #SBATCH lines: dlcctr submit {typed_manifest(manifest)} --dry-run",
    )


def _start_of(said: str) -> float | None:
    """Read the time in ``sbatch: Job 1 to start at 2026-11-22T20:49:34 using …``, which is of this machine's zone."""
    match = re.search(r"\bto start at (\S+)", said)
    try:
        return datetime.fromisoformat(match[1]).timestamp() if match else None
    except (ValueError, OverflowError):
        return None
