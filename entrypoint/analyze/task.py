"""`analyze --plan P --task K`: the rows of one array task, one after the other; a bad row never stops the others."""

from __future__ import annotations

from dlcctr.campaign.manifest import read_manifest
from dlcctr.planning.plan import read_plan, task_rows
from dlcctr.planning.task_lines import task_end
from dlcctr.system.terminal.console import print_lines
from entrypoint.analyze.request import TaskRequest
from entrypoint.analyze.row.analyze_row import stoppable
from entrypoint.analyze.task_rows import by_video, first_failure, run_group
from entrypoint.analyze.worker.shared import SharedWorker


def run_task(request: TaskRequest) -> int:
    """Analyse the rows of a task.

    Returns
    -------
    int
        0, or the exit code of its first failed row.

    Raises
    ------
    DlcctrError
        The task itself cannot be done: no such plan, another manifest, a signal.
    """
    rows = task_rows(read_plan(request.plan), request.number, read_manifest(request.row.manifest), request.plan)
    if request.claims is None:
        from entrypoint.analyze.multi_gpu import run_lanes, visible_gpus

        gpus = visible_gpus(request.row.device)
        if len(gpus) > 1 and len(rows) > 1:
            return run_lanes(request, rows, gpus)
    message = f"task {request.number}: stopped by {{}}; finished rows stay"
    with stoppable(message), SharedWorker(request.row.scratch) as place:
        codes = dict(entry for group in by_video(rows) for entry in run_group(group, request, place).items())
    print_lines([task_end(request.number, [row.index for row in rows], codes)])
    return first_failure(rows, codes)
