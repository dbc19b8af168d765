"""What is looked at before anything is submitted: what would fail in every task costs a minute here, not a night."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from dlcctr import slurm
from dlcctr.campaign import Campaign
from dlcctr.contract import LABEL_PREFIX, RESULT_BYTES_PER_VALUE
from dlcctr.errors import ModelError, OutputError, ToolMissingError, UsageError, VideoError
from dlcctr.manifest import Row, row_settings
from dlcctr.system import processes
from dlcctr.system.console import warn

NAMED = 5
NONE_NOW = "node configuration is not available"
"""What --test-only says of nodes that are drained as well; the submission itself is taken then, or refused for good."""
HINTS = {
    "invalid partition": "see `sinfo` for the partitions; give one with --partition or in the site's profile",
    "invalid account": "see `sacctmgr show assoc user=$USER` for your accounts; give one with --account",
    "invalid generic resource": "see `sinfo -o '%P %G'` for the GPUs' names; give one with --gres or --gpus",
    "invalid gres": "see `sinfo -o '%P %G'` for the GPUs' names; give one with --gres or --gpus",
    "invalid qos": "give a QoS of yours with --qos",
    "time limit": "the partition allows less time: smaller tasks (--task-time), or another partition",
    "memory specification": "no node has so much memory: ask for less with --mem-gb, or in the site's profile",
    "cannot be satisfied": "the partition has no node with so much: see `sinfo -o '%P %G %c %m'`",
    "submit limit": "fewer tasks (--tasks), or wait until some have ended",
}


def check_image(image: Path, campaign: Campaign) -> None:
    """Image there, of our contract, with the model's engine.

    Raises
    ------
    ToolMissingError, ContractError, ModelError
        It is not.
    """
    from dlcctr.image.sif import inspect_sif

    if not image.is_file():
        raise ToolMissingError(f"{image}: the image is not there", "name the SIF with --image; see docs/sif.md")
    try:
        processes.find_tool("apptainer", "singularity")
    except ToolMissingError:
        warn(f"{image}: not looked into: neither apptainer nor singularity is on this machine without a module")
        return
    from dlcctr.image.labels import check_contract

    labels = inspect_sif(image)["labels"]
    check_contract(str(image), labels)
    engine = labels.get(f"{LABEL_PREFIX}engine", "")
    if campaign.engine and engine and engine != campaign.engine:
        raise ModelError(
            f"{image} has the {engine} engine, the model was trained with {campaign.engine}",
            f"use the {campaign.engine} image",
        )


def check_models(campaign: Campaign, rows: Sequence[Row]) -> None:
    """Every model of the rows is whole, and the campaign's is the one that it was made for; raises `ModelError`."""
    from dlcctr.campaign_model import inspect_campaign_model

    settings = {replace(row_settings(row, campaign), crop=None) for row in rows}  # a crop is no other model
    for each in settings:
        inspect_campaign_model(each)


def bad_videos(campaign: Campaign, rows: Sequence[Row]) -> dict[int, str]:
    """Rows whose video is not there, cannot be read, or has another size than the manifest says; why for each."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        found = pool.map(lambda row: _video_problem(campaign.video_root / row.video, row), rows)
        return {row.index: problem for row, problem in zip(rows, found, strict=True) if problem}


def _video_problem(path: Path, row: Row) -> str:
    try:
        size = path.stat().st_size
    except OSError as error:
        return f"{path}: {error.strerror}"
    if row.bytes is not None and size != row.bytes:
        return f"{path}: {size} bytes, the manifest says {row.bytes}"
    return "" if os.access(path, os.R_OK) else f"{path}: you may not read it"


def refuse_bad_videos(problems: dict[int, str]) -> None:
    """Raise `VideoError` that names the first of them."""
    if problems:
        named = "; ".join(f"row {index}: {problem}" for index, problem in list(problems.items())[:NAMED])
        more = f"; and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
        raise VideoError(
            f"{len(problems)} videos cannot be analysed: {named}{more}",
            "bring them back (see `dlcctr validate`), or submit the others with --skip-bad-videos",
        )


def check_output(campaign: Campaign, rows: Sequence[Row]) -> None:
    """Results' root can be written and has the space that results take at most; raises `OutputError`."""
    values = 3 * (max(1, len(campaign.individuals)) * len(campaign.bodyparts) + len(campaign.unique_bodyparts))
    need = sum(row.frames or 0 for row in rows) * max(values, 3) * RESULT_BYTES_PER_VALUE
    try:
        with tempfile.TemporaryFile(dir=campaign.out) as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
        left = shutil.disk_usage(campaign.out).free
    except OSError as error:
        raise OutputError(
            f"{campaign.out}: cannot be written: {error.strerror}", "mend [output] in campaign.toml, or its rights"
        ) from error
    if left < need:
        raise OutputError(
            f"{campaign.out}: {left / 1e9:.1f} GB left, the results may need {need / 1e9:.1f} GB",
            "free space, choose another [output] root, or submit some of the rows with --rows",
        )


def find_hint(said: str) -> str:
    """Remedy for what sbatch says; empty where none is known."""
    return next((hint for words, hint in HINTS.items() if words in said.lower()), "")


def try_script(file: Path, words: Sequence[str] = ()) -> None:
    """Ask Slurm whether it would take a script, without submitting it.

    Raises
    ------
    UsageError
        It would not; the message is Slurm's own, with what to do.
    """
    done = processes.run(
        ["sbatch", "--test-only", *words, str(file)], check=False, merge=False, timeout_s=slurm.TIMEOUT_S
    )
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout or "").split())
        if NONE_NOW in said.lower():
            warn(f"Slurm says {said!r}: no node has what is asked for, or all that have it are down or drained")
            return
        raise UsageError(
            f"Slurm would not take this job: {said or f'sbatch ended with code {done.returncode}'}",
            find_hint(said) or f"look at the #SBATCH lines of {file}",
        )
