"""Options that sbatch, submit and resubmit share: what is asked of the site, the image, the plan."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcctr.commands.option_group import with_options

if TYPE_CHECKING:
    from dlcctr.planning.options import PlanOptions
    from dlcctr.slurm.site.profile import Site
    from dlcctr.slurm.submit.job_arrays import JobOptions
    from dlcctr.slurm.submit.printing import PrintedScript

SiteName = Annotated[str, typer.Option("--site", help="Site profile: a name or a .toml file; see `dlcctr site list`.")]
SqueueText = Annotated[
    str,
    typer.Option(metavar="FILE", help="File with squeue's output (- for standard input); by default squeue is run."),
]
SacctText = Annotated[
    str, typer.Option(metavar="FILE", help="File with sacct's output (- for standard input); by default sacct is run.")
]


@dataclass(frozen=True)
class ClusterOptions:
    """The shared options as given; None or empty if not given. `with_cluster_options` adds them to a command."""

    site: SiteName = ""
    image: Annotated[str, typer.Option("--image", help="SIF file that the tasks run.")] = ""
    partition: Annotated[
        str | None, typer.Option(help="Partition; this and the options below default to the site profile.")
    ] = None
    account: Annotated[str | None, typer.Option(help="Account to charge.")] = None
    qos: Annotated[str | None, typer.Option(help="Quality of service.")] = None
    gres: Annotated[str | None, typer.Option(help="GPUs of a task, as --gres takes them: gpu:1, gpu:v100:1 …")] = None
    gpus: Annotated[str | None, typer.Option(help="GPUs of a task on sites that use --gpus: 1, v100-32:1 …")] = None
    cpus: Annotated[int | None, typer.Option("--cpus", min=1, help="CPU cores of a task.")] = None
    mem_gb: Annotated[
        int | None, typer.Option("--mem-gb", min=0, help="Memory of a task, in GB; 0 for all of a node's.")
    ] = None
    time_min: Annotated[
        int | None, typer.Option("--time", min=1, metavar="MIN", help="Time limit of a task; the plan's by default.")
    ] = None
    max_parallel: Annotated[
        int | None, typer.Option("--max-parallel", min=1, help="Most tasks that may run at once.")
    ] = None
    batch_size: Annotated[int | None, typer.Option("--batch-size", min=1, help="Frames per network call.")] = None
    allow_cpu: Annotated[bool, typer.Option("--allow-cpu", help="Let tasks run on the CPU where there is no GPU.")] = (
        False
    )
    trust_model: Annotated[
        bool, typer.Option("--trust-model", help="Allow code in a snapshot to run if the project asks for it.")
    ] = False
    exclude: Annotated[str, typer.Option(metavar="NODE,NODE", help="Nodes to avoid.")] = ""
    fps: Annotated[float | None, typer.Option(help="Frames/s of one GPU; by default from finished rows.")] = None
    tasks: Annotated[int | None, typer.Option(min=1, help="Number of array tasks.")] = None
    task_time_min: Annotated[
        float | None, typer.Option("--task-time", metavar="MIN", help="Minutes of one array task.")
    ] = None

    def site_changes(self) -> dict[str, str | int | None]:
        """The site profile's values that were given as options; None if not given."""
        return {
            "partition": self.partition,
            "account": self.account,
            "qos": self.qos,
            "gres": self.gres,
            "gpus": self.gpus,
            "cpus_per_task": self.cpus,
            "mem_gb": self.mem_gb,
        }

    def resolve_site(self) -> Site:
        """Site profile with the command line's changes; ``--gres none`` asks for no GPU."""
        from dlcctr.slurm.site.files import find_site
        from dlcctr.slurm.site.profile import override

        changes = self.site_changes()
        if self.gres == "none":
            changes |= {"gres": "", "nv": False}
        return override(find_site(self.site), **changes)

    def job_options(self) -> JobOptions:
        """Options besides the site's that decide how tasks run; raises `UsageError` for names that no node can have."""
        from dlcctr.slurm.submit.job_arrays import JobOptions

        return JobOptions(
            image=self.image,
            time_min=self.time_min,
            max_parallel=self.max_parallel,
            batch_size=self.batch_size,
            allow_cpu=self.allow_cpu,
            exclude=node_names(self.exclude),
            trust_model=self.trust_model,
        )

    def plan_options(self) -> PlanOptions:
        """Options for a new plan, where one has to be made."""
        from dlcctr.planning.options import DEFAULT_PARALLEL, PlanOptions

        return PlanOptions(
            fps=self.fps,
            tasks=self.tasks,
            task_time_min=self.task_time_min,
            max_parallel=DEFAULT_PARALLEL if self.max_parallel is None else self.max_parallel,
        )


def with_cluster_options(*, without: Collection[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a command that takes `shared: ClusterOptions` have them as its own options, in place of `shared`.

    Parameters
    ----------
    without : collection of str
        Fields that the command does not offer; they keep their defaults.
    """
    return with_options(ClusterOptions, "shared", without=without)


def node_names(text: str) -> tuple[str, ...]:
    """Names of nodes; raises `UsageError` for what cannot be one."""
    import re

    from dlcctr.errors import UsageError

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.\[\]_-]*", name):
            raise UsageError(f"--exclude: {name!r} is not a node's name", "for example --exclude node7,node12")
    return names


def given_texts(squeue: str, sacct: str) -> tuple[str | None, str | None]:
    """Output of squeue and sacct from elsewhere; None for what was not given. Raises `UsageError`."""
    from dlcctr.errors import UsageError

    if squeue == sacct == "-":
        raise UsageError("--squeue and --sacct cannot both come from standard input", "put one of them into a file")
    return _text(squeue), _text(sacct)


def _text(source: str) -> str | None:
    from dlcctr.errors import UsageError

    if not source:
        return None
    if source == "-":
        return sys.stdin.buffer.read().decode("utf-8", "replace")
    try:
        return Path(source).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(
            f"{source}: cannot be read: {error.strerror}", "give the file with that output, or -"
        ) from error


def write_script(script: PrintedScript, output: Path | None) -> None:
    """Print a script, or write it into a file, and record that its job may appear."""
    import shlex

    from dlcctr.campaign.paths import typed_manifest
    from dlcctr.commands.in_image import here
    from dlcctr.system.files import write_text_atomic
    from dlcctr.system.terminal.console import print_script, ranges, warn

    script.note()
    if script.handed_over:
        manifest = typed_manifest(script.manifest)
        warn(f"note: rows {ranges(script.handed_over)} were handed to Slurm before and have no result yet")
        warn(here(f"first check whether they are still running: dlcctr status {manifest}"))
    if output:
        write_text_atomic(output, script.text)
        warn(f"wrote {output}; next: sbatch {shlex.quote(str(output))}")
    else:
        print_script(script.text)
