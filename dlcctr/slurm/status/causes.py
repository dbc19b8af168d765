"""Why a task ended without a report of its own: from the scheduler's state, the log's end and the exit code."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from dlcctr.contract import ExitCode
from dlcctr.slurm.queue.output import TaskState
from dlcctr.slurm.task_log import LogEnd
from dlcctr.system.gpus import NOT_GRANTED, OUT_OF_GPU_MEMORY

GONE = "the job disappeared without an exit status: node failure, memory or time limit; sites with accounting say which"
NO_RESULT = "the task exited normally but left no receipt or failure file for this row"
KILLED = "killed by signal 9 (SIGKILL), most likely because it ran out of memory"

STEPS = "steps"
"""Machine word of rows that are analysed, and whose steps are due."""
BY_STATE = {
    "TIMEOUT": ("timeout", "the time limit was reached"),
    "DEADLINE": ("timeout", "the deadline was reached"),
    "OUT_OF_MEMORY": ("out-of-memory", "it needed more memory than it was allowed"),
    "NODE_FAIL": ("node-fail", "the node failed"),
    "PREEMPTED": ("preempted", "a job of higher priority took its place"),
    "BOOT_FAIL": ("boot-fail", "the node did not start"),
    "LAUNCH_FAILED": ("boot-fail", "the node could not start the job"),
    "RECONFIG_FAIL": ("boot-fail", "the node could not be prepared for the job"),
    "CANCELLED": ("cancelled", "it was cancelled"),
    "REVOKED": ("cancelled", "it was cancelled"),
}
"""Final states of Slurm, and what they mean for people."""

BY_CODE = {
    ExitCode.BUG: ("bug", "a bug in dlcctr or its surroundings"),
    ExitCode.USAGE: ("usage", "a wrong option"),
    ExitCode.MANIFEST: ("manifest", "the manifest, the campaign or the plan cannot be used"),
    ExitCode.VIDEO: ("video", "the video cannot be used"),
    ExitCode.MODEL: ("model", "the model cannot be used"),
    ExitCode.GPU: ("gpu", "no working GPU on this node"),
    ExitCode.ANALYSIS: ("analysis", "the analysis failed"),
    ExitCode.OUTPUT: ("output", "the result could not be written"),
    ExitCode.TOOL_MISSING: ("tool-missing", "a program is missing"),
    ExitCode.COMMAND_FAILED: ("command-failed", "a command failed"),
    ExitCode.CONTRACT: ("contract", "image and dlcctr are of different versions"),
    ExitCode.UNFINISHED: ("output", "the result of the first small task is not whole"),
    ExitCode.TRY_AGAIN: ("stopped", "it was stopped by a signal"),
}
"""Exit codes, and what they mean if nothing else is known."""

BY_SCRIPT = {
    "nvidia-smi": ("gpu", "nvidia-smi fails on this node: its NVIDIA driver needs the site's help"),
    "no-gpu": ("no-gpu", f"{NOT_GRANTED}: the job asks for none"),
    "no-module": ("tool-missing", "batch jobs there have no `module` command, so apptainer could not be loaded"),
    "no-container": ("tool-missing", "neither apptainer nor singularity is on the node"),
    "no-folder": ("output", "the folder of the results cannot be created on the node"),
    "unreadable": ("tool-missing", "image, manifest or plan cannot be read on the node: is their file system mounted?"),
    "no-shuffle": ("usage", "its --array has more tasks than there are shuffles"),
    "requeues": ("timeout", "it is not finished after as many restarts as --requeues allows"),
    "no-requeue": ("timeout", "the time limit came, and the job could not be put back into the queue"),
}
"""Machine words with which the batch script ends a task, and what they mean."""

OTHER_CODES = {
    126: ("tool-missing", "a program could not be started (exit code 126)"),
    127: ("tool-missing", "a program was not found (exit code 127)"),
    255: ("command-failed", "the container could not be started (exit code 255)"),
}
WARNED_S = 180.0
"""Most sites' scripts are warned two minutes before their limit, and Slurm may do so a minute early."""
WARNINGS = ("USR1", "USR2", "XCPU")
"""Signals that a batch script asks for before its time limit."""
CRASHES = ("SEGV", "BUS", "ABRT", "FPE", "ILL")
"""Signals that a program gets for its own mistakes."""
MEMORY_WORDS = ("out of memory", OUT_OF_GPU_MEMORY, "killed by the system", "more memory than it was allowed")
NODE_KINDS = frozenset({"node-fail", "boot-fail", "gpu"})
"""Causes that are faults of the node."""


@dataclass(frozen=True)
class Cause:
    """Why rows have no result.

    Parameters
    ----------
    kind : str
        Machine word: ``timeout``, ``out-of-memory``, ``gpu-memory``, ``node-fail``, ``preempted``, ``boot-fail``,
        ``cancelled``, ``stopped``, ``lost``, ``steps`` (they are due), ``no-gpu`` (none was asked for), or that of an
        exit code (``gpu``, ``video``, ``model``, ``output``, ``analysis`` …).
    text : str
        Cause in words, for people.
    node : str
        Node where it happened; empty where not known.
    code : int
        Exit code that the cause was read from; else 0.
    """

    kind: str
    text: str
    node: str = ""
    code: int = 0


def of_failure(exit_code: int, text: str, node: str) -> Cause:
    """Cause in a row's failure file."""
    kind, _ = _by_code(exit_code)
    if exit_code == ExitCode.ANALYSIS and any(words in text for words in MEMORY_WORDS):
        kind = "gpu-memory" if _is_of_a_gpu(text) else "out-of-memory"
    if exit_code == ExitCode.GPU and NOT_GRANTED in text:
        kind = "no-gpu"
    return Cause(kind, text, node, exit_code)


def _is_of_a_gpu(text: str) -> bool:
    """Whether the memory that a failure file names is a GPU's; older failure files do not tell them apart."""
    return OUT_OF_GPU_MEMORY in text or ("out of memory" in text and "cuda" in text.lower())


def of_task(state: TaskState | None, end: LogEnd | None, time_limit_s: float | None = None) -> Cause:
    """Cause for a task that neither waits nor runs any more.

    Parameters
    ----------
    state : TaskState or None
        Last state of the task; None if the scheduler no longer knows it.
    end : LogEnd or None
        End of the task's log; None if it says nothing.
    time_limit_s : float or None
        Time limit of the submission, in seconds, for where the scheduler does not tell.
    """
    node = (state.node if state else "") or (end.node if end else "")
    if state and state.state in BY_STATE:
        kind, text = BY_STATE[state.state]
        text += "" if state.start or kind != "cancelled" else " before it started"
        return Cause(kind, f"{text} (Slurm: {state.state})", node)
    return _of_end(state, end, time_limit_s, node)


def _of_end(state: TaskState | None, end: LogEnd | None, time_limit_s: float | None, node: str) -> Cause:
    """Cause from the log and the exit code, if Slurm's state alone says nothing."""
    if end and end.said:
        return Cause(end.said, f"{_text_of(end.said)} (slurmstepd, in its log)", node)
    code = (state.exit_code if state else 0) or (end.code if end and end.code else 0)
    if end and end.cause in BY_SCRIPT:
        return Cause(*BY_SCRIPT[end.cause], node, code)
    if code == ExitCode.TRY_AGAIN and _used_its_time(state, end, time_limit_s):
        return Cause("timeout", "it was stopped shortly before its time limit", node, code)
    if code or (state and state.signal):
        return _of_code(code, state.signal if state else 0, end, node)
    if end or (state and state.state == "COMPLETED"):
        return Cause("lost", NO_RESULT, node)
    return Cause("lost", f"{GONE} (Slurm: {state.state})" if state else GONE, node)


def _text_of(kind: str) -> str:
    texts = dict(reversed(BY_STATE.values()))
    return texts.get(kind) or "it was stopped and put back into the queue"


def _of_code(code: int, number: int, end: LogEnd | None, node: str) -> Cause:
    name = _signal_name(number or (code - 128 if 128 < code < 128 + 65 else 0)) or (end.signal if end else "")
    if name in WARNINGS:
        return Cause("timeout", "it was stopped shortly before its time limit", node, code)
    if name == "KILL":
        return Cause("out-of-memory", KILLED, node, code)
    if name in CRASHES:
        return Cause("command-failed", f"it crashed (SIG{name})", node, code)
    if code == ExitCode.TRY_AGAIN or name:
        return Cause("stopped", f"it was stopped by {f'SIG{name}' if name else 'a signal'}", node, code)
    kind, text = _by_code(code)
    return Cause(kind, f"{text} (exit code {code} of the task)" if code in BY_CODE else text, node, code)


def _by_code(code: int) -> tuple[str, str]:
    if code in BY_CODE:
        return BY_CODE[ExitCode(code)]
    return OTHER_CODES.get(code, ("command-failed", f"the task ended with exit code {code}"))


def _used_its_time(state: TaskState | None, end: LogEnd | None, time_limit_s: float | None) -> bool:
    """Whether a stopped task had little time left: scripts ask to be told some minutes before their limit."""
    elapsed = state.elapsed_s if state and state.elapsed_s is not None else end.elapsed_s if end else None
    limit = (state.time_limit_s if state else None) or time_limit_s
    return elapsed is not None and bool(limit) and (limit or 0) - elapsed <= max(0.1 * (limit or 0), WARNED_S)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name.removeprefix("SIG") if number else ""
    except ValueError:
        return str(number)
