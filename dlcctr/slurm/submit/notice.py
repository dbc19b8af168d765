"""A small job that waits for all arrays of a submission and tells that they have ended. Nothing waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.errors import DlcctrError
from dlcctr.results.notice import LIMIT_S, WEBHOOK_VARIABLE, command_words, find_url
from dlcctr.slurm.jobs.submissions import Array
from dlcctr.slurm.queue import client
from dlcctr.slurm.script import Script, job_name, log_pattern, render_notice
from dlcctr.slurm.site.profile import Site
from dlcctr.system.files import write_text_atomic
from dlcctr.system.terminal.console import warn

TIME_MIN = 10
MEM_GB = 1


def ways_of(site: Site) -> str:
    """How a site's profile wants a notice sent, for people; empty where it wants none."""
    return " and ".join([*(["by its command"] if site.command else []), *(["by its webhook"] if site.webhook else [])])


def submit_notice(manifest: Path, script: Script, arrays: Sequence[Array], site: Site) -> str:
    """Submit the job that sends a notice once these arrays have ended, in whatever way.

    A failure is only a warning: the arrays are in the queue, and a notice changes nothing for them.

    Parameters
    ----------
    script : Script
        One of the arrays' scripts, for its image and its binds.

    Returns
    -------
    str
        Id of the job; empty where none is wanted, or none could be submitted.
    """
    if not ways_of(site) or not arrays:
        return ""
    try:
        return _submit(manifest, script, arrays, site)
    except DlcctrError as error:
        warn(f"warning: no notice will come: {error.message}")
        return ""


def _submit(manifest: Path, script: Script, arrays: Sequence[Array], site: Site) -> str:
    paths = CampaignPaths.of(manifest)
    name = job_name(f"notice-{arrays[-1].name}")
    options = notice_options(name, script.logs, arrays, site)
    text = render_notice(script, site, options, command_words(site.command), LIMIT_S)
    write_text_atomic(paths.script(name), text)
    # not in the script, which everybody may read who sees the campaign
    url = {WEBHOOK_VARIABLE: find_url(site.webhook)} if site.webhook else {}
    return client.submit(["sbatch", "--parsable", *options, str(paths.script(name))], env=url).job_id


def notice_options(name: str, logs: Path, arrays: Sequence[Array], site: Site) -> list[str]:
    """Options for sbatch: a small job without a GPU, on the arrays' own cluster."""
    values = {
        "job-name": name,
        "partition": site.on_partition or site.partition,
        "account": site.account,
        "qos": "" if site.on_partition else site.qos,
        "cpus-per-task": "1",
        "mem": f"{MEM_GB}G",
        "time": str(TIME_MIN),
        "export": "ALL",
        "output": log_pattern(logs, "notice_%j"),
        "dependency": f"afterany:{':'.join(each.job_id for each in arrays)}",
        "clusters": next((each.cluster for each in arrays if each.cluster), ""),
    }
    return [f"--{option}={value}" for option, value in values.items() if value]
