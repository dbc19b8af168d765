from __future__ import annotations

from dataclasses import fields

import pytest
import typer
from typer.testing import CliRunner

from dlcctr.cli import make_app
from dlcctr.commands.cluster.options import ClusterOptions, with_cluster_options
from dlcctr.errors import UsageError
from dlcctr.planning.options import DEFAULT_PARALLEL, PlanOptions
from dlcctr.slurm.submit.job_arrays import JobOptions

GIVEN = (
    "--site university --image dlc.sif --partition gpu --account lab --qos high --gres gpu:1 --gpus v100:1 --cpus 4 "
    "--mem-gb 0 --time 90 --max-parallel 7 --batch-size 8 --allow-cpu --trust-model --exclude node7,node12 "
    "--fps 60 --tasks 3 --task-time 45"
)
ALL = ClusterOptions(
    site="university",
    image="dlc.sif",
    partition="gpu",
    account="lab",
    qos="high",
    gres="gpu:1",
    gpus="v100:1",
    cpus=4,
    mem_gb=0,
    time_min=90,
    max_parallel=7,
    batch_size=8,
    allow_cpu=True,
    trust_model=True,
    exclude="node7,node12",
    fps=60,
    tasks=3,
    task_time_min=45,
)


def received(*argv: str, without: tuple[str, ...] = ()) -> ClusterOptions:
    """What a command that has the shared options gets."""
    got: list[ClusterOptions] = []
    app = typer.Typer()

    @app.command()
    @with_cluster_options(without=without)
    def command(*, shared: ClusterOptions) -> None:
        got.append(shared)

    done = CliRunner().invoke(app, list(argv), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return got[0]


def test_every_option_arrives_in_its_field() -> None:
    assert all(getattr(ALL, each.name) != each.default for each in fields(ALL))
    assert received(*GIVEN.split()) == ALL
    assert received() == ClusterOptions()


def test_an_option_that_a_command_does_not_offer_keeps_its_default() -> None:
    assert received("--fps", "60", without=("site", "tasks")) == ClusterOptions(fps=60)
    with pytest.raises(AssertionError, match="No such option"):
        received("--tasks", "3", without=("site", "tasks"))


def test_the_three_commands_have_the_same_options_but_what_resubmit_plans_itself() -> None:
    group = typer.main.get_command(make_app())
    offered = {}
    for name in ("submit", "sbatch", "resubmit"):
        command = group.get_command(None, name)  # type: ignore[attr-defined]
        offered[name] = {option for parameter in command.params for option in parameter.opts}
    shared = {word for word in GIVEN.split() if word.startswith("--")}
    assert offered["submit"] >= shared
    assert offered["sbatch"] >= shared
    assert shared - offered["resubmit"] == {"--tasks", "--task-time"}


def test_what_the_options_say_of_the_job_and_the_plan() -> None:
    assert ALL.job_options() == JobOptions("dlc.sif", 90, 7, 8, True, ("node7", "node12"), trust_model=True)
    assert ALL.job_options().words == ("--allow-cpu", "--trust-model", "--batch-size", "8")
    assert ALL.plan_options() == PlanOptions(fps=60, tasks=3, task_time_min=45, max_parallel=7)
    assert ClusterOptions().plan_options().max_parallel == DEFAULT_PARALLEL
    with pytest.raises(UsageError):
        ClusterOptions(exclude="node 7").job_options()


def test_no_gpu_is_asked_for_with_gres_none() -> None:
    site = ClusterOptions(site="generic", gres="none", cpus=2).resolve_site()
    assert (site.gres, site.nv, site.cpus_per_task) == ("", False, 2)
