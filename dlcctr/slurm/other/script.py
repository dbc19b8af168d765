"""From a script and a site to the text that another scheduler takes. Pure: nothing is asked, nothing is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dlcctr.errors import UsageError
from dlcctr.slurm.other.table import SCHEDULERS, Scheduler
from dlcctr.slurm.script import Script, fill_template, job_name, warning_s
from dlcctr.slurm.site.profile import Site

NO_GPU = "none"
ENVIRONMENT = "smp"
"""Parallel environment of Grid Engine that most sites have."""


ONLY_SLURM = ("qos", "constraint", "exclusive", "whole_node", "extra", "steps_partition")
"""Keys of a profile that no other scheduler's script has a place for."""


@dataclass(frozen=True)
class Wishes:
    """What a person asks of another scheduler, beside what the site profile says.

    Parameters
    ----------
    gpu : str
        How a task asks for its GPU, in the scheduler's own words; empty for the usual ones.
    environment : str
        Grid Engine's parallel environment; empty for the usual one.
    extra : sequence of str
        More options of the scheduler, a line each.
    """

    gpu: str = ""
    environment: str = ""
    extra: Sequence[str] = ()


def render_other(script: Script, site: Site, scheduler: Scheduler, wishes: Wishes) -> str:
    """Text of the script.

    Raises
    ------
    UsageError
        The site profile or the command line asks for what this scheduler does not have.
    """
    require_known(site, scheduler, wishes)
    count = script.count
    return fill_template(
        scheduler.template,
        script,
        site,
        scheduler=scheduler.label,
        name=scheduler.name,
        submit=scheduler.submit,
        look=scheduler.look,
        first_id=scheduler.first_id,
        job_name=job_name(script.name)[: scheduler.name_chars],
        count=count,
        throttle=script.throttle if script.throttle and script.throttle < count else None,
        queue=site.partition,
        account=site.account,
        time=scheduler.time_words(script.time_min),
        time_s=script.time_min * 60,
        warning_s=warning_s(script, site),
        logs=script.logs,
        cpus=site.cpus_per_task,
        mem_gb=site.mem_gb,
        pe=wishes.environment or ENVIRONMENT,
        gpu=_gpu(site, scheduler, wishes),
        mail=site.mail,
        requeue=site.requeue,
        extra=list(wishes.extra),
    )


def _gpu(site: Site, scheduler: Scheduler, wishes: Wishes) -> str:
    if wishes.gpu == NO_GPU or not (wishes.gpu or site.gpus_per_task):
        return ""
    return wishes.gpu or scheduler.gpu.format(count=site.gpus_per_task)


def require_known(site: Site, scheduler: Scheduler, wishes: Wishes) -> None:
    """Raise `UsageError` for what a script would have to leave out without a word."""
    label = scheduler.label
    only_slurm = [key for key in ONLY_SLURM if getattr(site, key)]
    if only_slurm:
        raise UsageError(
            f"site profile {site.name} has {', '.join(only_slurm)}, which only Slurm knows",
            f"leave that out of a copy of it, and give {label}'s own options with --extra",
        )
    if site.mem_gb == 0:
        raise UsageError(
            f"mem_gb is 0, all of a node's memory; {label} has to be told a number", "give it: --mem-gb 16"
        )
    if site.mail and scheduler.mails_each_task:
        raise UsageError(
            f"site profile {site.name} has mail, and {label} would send one for each task",
            "leave it out, or ask for it in your own way with --extra",
        )
    if wishes.environment and not scheduler.has_environments:
        known = ", ".join(each.label for each in SCHEDULERS if each.has_environments)
        raise UsageError(f"--pe is given, and {label} has no parallel environments", f"leave it out; {known} has them")
    if not re.fullmatch(r"([A-Za-z][\w.-]*)?", wishes.environment, re.ASCII):
        raise UsageError(f"--pe is {wishes.environment!r}; it must be a name", "`qconf -spl` lists what the site has")
    for option in filter(None, (*wishes.extra, wishes.gpu if wishes.gpu != NO_GPU else "")):
        if not option.isprintable() or not option.startswith(("-", ":")):
            raise UsageError(
                f"{option!r} is not an option of {label}'s", "give what its manual says, for example --extra '-l x=1'"
            )
