"""Options that sbatch, submit and resubmit share: what is asked of the site, the image, the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dlcctr.planning.options import PlanOptions
    from dlcctr.slurm.site.profile import Site

SiteName = Annotated[str, typer.Option("--site", help="Site profile: a name or a .toml file; see `dlcctr site list`.")]
Image = Annotated[str, typer.Option("--image", help="SIF that the tasks run.")]
Partition = Annotated[str | None, typer.Option(help="Partition; the site profile's by default, as for all below.")]
Account = Annotated[str | None, typer.Option(help="Account to charge.")]
Qos = Annotated[str | None, typer.Option(help="Quality of service.")]
Gres = Annotated[str | None, typer.Option(help="How a task asks for its GPU: gpu:1, gpu:v100:1 …")]
Gpus = Annotated[str | None, typer.Option(help="The same where the site wants --gpus: 1, v100-32:1 …")]
Cpus = Annotated[int | None, typer.Option("--cpus", min=1, help="CPU cores of a task.")]
MemGb = Annotated[int | None, typer.Option("--mem-gb", min=0, help="Memory of a task, in GB; 0 is all of a node's.")]
TimeMin = Annotated[
    int | None, typer.Option("--time", min=1, metavar="MIN", help="Time limit of a task; the plan's by default.")
]
MaxParallel = Annotated[int | None, typer.Option("--max-parallel", min=1, help="Tasks that may run at a time.")]
BatchSize = Annotated[int | None, typer.Option("--batch-size", min=1, help="Frames per network call.")]
AllowCpu = Annotated[bool, typer.Option("--allow-cpu", help="Tasks may run on the CPU where there is no GPU.")]
Exclude = Annotated[str, typer.Option(metavar="NODE,NODE", help="Nodes not to be used.")]
Fps = Annotated[float | None, typer.Option(help="Frames/s of one GPU; by default from finished rows.")]
Tasks = Annotated[int | None, typer.Option(min=1, help="Number of array tasks.")]
TaskTime = Annotated[float | None, typer.Option("--task-time", metavar="MIN", help="Minutes of one array task.")]


def resolve_site(name: str, **changes: Any) -> Site:
    """Site profile with the command line's changes; ``--gres none`` asks for no GPU."""
    from dlcctr.slurm.site.files import find_site
    from dlcctr.slurm.site.profile import override

    site = find_site(name)
    if changes.get("gres") == "none":
        changes |= {"gres": "", "nv": False}
    return override(site, **changes)


def plan_options(
    fps: float | None, tasks: int | None, task_time: float | None, max_parallel: int | None
) -> PlanOptions:
    """Options for a new plan, where one has to be made."""
    from dlcctr.planning.options import PlanOptions

    options = PlanOptions(fps=fps, tasks=tasks, task_time_min=task_time)
    if max_parallel is None:
        return options
    return PlanOptions(fps=fps, tasks=tasks, task_time_min=task_time, max_parallel=max_parallel)


def node_names(text: str) -> tuple[str, ...]:
    """Names of nodes; raises `UsageError` for what cannot be one."""
    import re

    from dlcctr.errors import UsageError

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.\[\]_-]*", name):
            raise UsageError(f"--exclude: {name!r} is no name of a node", "for example --exclude node7,node12")
    return names
