"""From a manifest and options to a run on this machine: rows to analyse, GPUs, runtime, binds."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.config import Campaign, read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import row_log
from dlcctr.campaign.rows import Row, choose_rows, inspect_campaign_model, row_settings
from dlcctr.contract import ExitCode
from dlcctr.errors import GpuError, OutputError, UsageError
from dlcctr.results.check import finished_rows
from dlcctr.runtime.base import Runtime
from dlcctr.runtime.choose import RuntimeOptions, pick_runtime
from dlcctr.runtime.containers.binds import plan_binds
from dlcctr.runtime.containers.campaign_binds import row_inputs
from dlcctr.runtime.progress.view import open_view
from dlcctr.runtime.rows import executor
from dlcctr.runtime.rows.row_run import Outcome, RowRun
from dlcctr.runtime.rows.slots import divide
from dlcctr.system import processes
from dlcctr.system.cpus import cpu_list
from dlcctr.system.files import absolute
from dlcctr.system.gpus import named_gpus
from dlcctr.system.terminal.console import one_line, plural, warn


@dataclass(frozen=True)
class RunOptions:
    """Options of the command line; see `dlcctr run --help`."""

    jobs: int | None = None
    gpus: str | None = None
    runtime: str = "auto"
    image: str = ""
    rows: str = ""
    batch_size: int | None = None
    allow_cpu: bool = False
    overwrite: bool = False
    trust_model: bool = False
    wheels: tuple[Path, ...] = ()


@dataclass(frozen=True)
class RunResult:
    """Outcomes in the order of the rows, and the runtime they had."""

    outcomes: list[Outcome]
    runtime: str

    @property
    def exit_code(self) -> int:
        """Exit code: 75 if the run was stopped, else that of the first failed row, else 0."""
        codes = [each.code for each in self.outcomes if each.code != ExitCode.OK]
        stopped = any(each.cause in ("stopped", "not started") for each in self.outcomes)
        return int(ExitCode.TRY_AGAIN) if stopped else next(iter(codes), 0)


def run_campaign(manifest: Path, options: RunOptions) -> RunResult:
    """Run a manifest's rows.

    Raises
    ------
    ManifestError, UsageError
        The manifest, the campaign or an option is wrong.
    GpuError
        There is no GPU, and the CPU is not allowed.
    ToolMissingError, ContractError
        The runtime that was asked for cannot be had, or the image speaks another contract.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # an installation is stopped as by Ctrl-C
    manifest = absolute(manifest)
    campaign = read_campaign(manifest)
    rows = choose_rows(read_manifest(manifest), options.rows, manifest)
    finished = set() if options.overwrite else finished_rows(manifest)
    done = [Outcome(row.index, row.video, 0, was_finished=True) for row in rows if row.index in finished]
    todo = [row for row in rows if row.index not in finished]
    if done:
        warn(f"{len(done)} of {len(rows)} rows are finished and skipped")
    if not todo:
        if campaign.model and campaign.model.exists():
            inspect_campaign_model(campaign)  # rows of a campaign whose model was exchanged are not finished
        return RunResult(done, "")
    gpus = find_gpus(options.gpus)
    if not gpus and not options.allow_cpu:
        raise GpuError("no GPU was found on this machine", "use --allow-cpu to run on the CPU, many times slower")
    runtime = pick_runtime(campaign, RuntimeOptions(options.runtime, options.image, bool(gpus), options.wheels))
    _make_folder(campaign.out)
    tasks, refused = make_tasks(manifest, campaign, todo, options, runtime)
    outcomes = _run(tasks, runtime, gpus, options.jobs)
    return RunResult(sorted([*done, *refused, *outcomes], key=lambda each: each.index), runtime.name)


def make_tasks(
    manifest: Path, campaign: Campaign, rows: Sequence[Row], options: RunOptions, runtime: Runtime
) -> tuple[list[RowRun], list[Outcome]]:
    """Rows to run, and those that no container can be given; `UsageError` where that is so of all of them."""
    tasks, refused, problem = list[RowRun](), list[Outcome](), None
    for row in rows:
        try:
            tasks.append(_task(manifest, row_settings(row, campaign), row, options, runtime))
        except UsageError as error:
            problem = problem or error
            refused.append(Outcome(row.index, row.video, int(error.exit_code), cause=error.message))
    if problem and not tasks:
        raise problem
    for each in refused:
        warn(f"row {each.index} FAILED with exit code {each.code}: {one_line(each.video)}: {each.cause}")
    return tasks, refused


def _run(tasks: Sequence[RowRun], runtime: Runtime, gpus: Sequence[str], jobs: int | None) -> list[Outcome]:
    jobs = min(jobs or len(gpus) or 1, len(tasks))
    slots = divide(jobs, gpus, *cpu_list())
    warn(f"{plural(len(tasks), 'row')}, {jobs} at a time; logs: {tasks[0].log.parent}")
    with open_view(len(tasks)) as view:
        return executor.run_tasks(tasks, runtime, slots, view)


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot be created: {error.strerror}", "fix [output] in campaign.toml") from error


def _task(manifest: Path, settings: Campaign, row: Row, options: RunOptions, runtime: Runtime) -> RowRun:
    words: list[str] = []
    words += ["--allow-cpu"] if options.allow_cpu else []
    words += ["--overwrite"] if options.overwrite else []
    words += ["--trust-model"] if options.trust_model else []
    words += ["--batch-size", str(options.batch_size)] if options.batch_size else []
    return RowRun(
        index=row.index,
        video=row.video,
        manifest=manifest,
        log=row_log(settings, manifest, row.index),
        binds=plan_binds(row_inputs(manifest, settings, row), [settings.out]) if runtime.contained else (),
        options=tuple(words),
        frames=row.frames,
    )


def find_gpus(wanted: str | None) -> list[str]:
    """GPUs to use: those named, else those of CUDA_VISIBLE_DEVICES, else all that the driver lists."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    text = wanted if wanted is not None else visible
    if text is not None:
        names = [name.strip() for name in text.split(",") if name.strip()]
        if any(one_line(name) != name or (name.startswith("-") and name != "-1") for name in names):
            raise UsageError(f"--gpus {text!r} is not a list of GPUs", "for example --gpus 0,1 or --gpus none")
        return [] if names == ["none"] else named_gpus(text)
    if shutil.which("nvidia-smi") is None:
        return []
    answer = processes.run(["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"], check=False)
    if answer.returncode != 0:
        warn(f"warning: nvidia-smi fails, so no GPU is used: {' '.join(answer.stdout.split())}")
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip().isdecimal()]
