"""What to do about each cause of failure: more time, more memory, another node, a plain retry, or a fix."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlcctr.campaign.paths import typed_manifest
from dlcctr.slurm.jobs.submissions import Submission, SubmittedOptions
from dlcctr.slurm.status.canary import CANARY, canary_of
from dlcctr.slurm.status.causes import STEPS
from dlcctr.slurm.status.row_status import Phase, RowStatus
from dlcctr.system.terminal.console import ranges

PLAIN = frozenset({"node-fail", "preempted", "boot-fail", "cancelled", "stopped", "lost", "analysis", STEPS, CANARY})
"""Try again without changes."""
PATIENT = frozenset({"preempted", "cancelled", STEPS, CANARY})
"""Causes that are not the row's or the node's fault and may happen any number of times."""
REMEDIES = {
    "video": "look at these videos; a repaired one goes under a new name, and the old row's line away: "
    "dlcctr manifest VIDEO -o {manifest} --append",
    "model": "put back the model that the campaign was made for",
    "manifest": "correct the manifest or campaign.toml",
    "output": "free space, or change the permissions of the results folder",
    "contract": "use an image and a dlcctr of the same version",
    "usage": "check the options of the script",
    "tool-missing": "add the site's module line to its profile, or check that the nodes can read the image",
    "no-gpu": "ask for one with --gres or --gpus, or allow the CPU with --allow-cpu",
    "command-failed": "see the log: dlcctr logs {manifest} {row}",
    "bug": "look into the log (dlcctr logs {manifest} {row}) and report it",
}
"""What a person has to do first; --again then submits these rows too. `_filled` completes the commands."""
THEN_AGAIN = "after that: dlcctr resubmit {manifest} --again --rows {rows}"
TIME, MEMORY, BATCH, GPU = "time", "memory", "batch", "gpu"
HELPED_BY = {
    "timeout": frozenset({TIME}),
    "out-of-memory": frozenset({MEMORY, BATCH}),
    "gpu-memory": frozenset({BATCH}),
}
"""Options of the command line that are the answer to a cause, in place of the usual one."""
OWN_FAULT = frozenset({"video", "analysis"})
"""Causes by which a canary fails without fault of the others: the rows behind it go again, with another canary."""
DEFAULT_BATCH_SIZE = 8
LARGER_GPU = (
    "gpu-memory at batch size 1: ask for a GPU with more memory (--gres, --gpus or --partition), or crop the videos"
)
CANCELLED = "cancelled: somebody took them out of the queue; to submit them: dlcctr resubmit {manifest} --rows {rows}"
LEAST_TIME_MIN = 10


@dataclass(frozen=True)
class Group:
    """Rows that are submitted together again.

    Parameters
    ----------
    time_min, mem_gb, batch_size : int or None
        Resources of the next try; None for those of the last one, or for the plan's own time.
    exclude : tuple of str
        Nodes that they are kept from.
    causes : dict
        Machine word of the cause to its rows.
    canary : bool
        One row goes first, alone: these rows waited for a canary, which failed.
    only_steps : bool
        Their analyses are whole.
    """

    rows: tuple[int, ...]
    causes: Mapping[str, tuple[int, ...]]
    time_min: int | None = None
    mem_gb: int | None = None
    batch_size: int | None = None
    exclude: tuple[str, ...] = ()
    canary: bool = False
    only_steps: bool = False

    @property
    def changes(self) -> str:
        """What is different this time, for people."""
        words = [
            f"time limit {self.time_min} min" if self.time_min else "",
            f"{self.mem_gb} GB of memory" if self.mem_gb else "",
        ]
        words += [f"batch size {self.batch_size}" if self.batch_size else ""]
        words += [f"not on {', '.join(self.exclude)}" if self.exclude else ""]
        words += ["a canary first" if self.canary else "", "only the steps" if self.only_steps else ""]
        return ", ".join(word for word in words if word) or "as before"


@dataclass(frozen=True)
class SkippedRows:
    """Rows that are not submitted again, and why."""

    rows: tuple[int, ...]
    why: str


@dataclass(frozen=True)
class Decision:
    """What to do about all rows that are not whole."""

    groups: list[Group] = field(default_factory=list)
    left: list[SkippedRows] = field(default_factory=list)


@dataclass(frozen=True)
class _Answer:
    """Decision for one row: resources, or why not."""

    why_not: str = ""
    time_min: int | None = None
    mem_gb: int | None = None
    batch_size: int | None = None
    exclude: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[int, int, int]:
        return self.time_min or 0, self.mem_gb or 0, self.batch_size or 0


def decide(
    rows: Iterable[RowStatus],
    submissions: Sequence[Submission],
    *,
    batch_size: int | None = None,
    again: bool = False,
    others: Iterable[RowStatus] = (),
    manifest: Path = Path("MANIFEST"),
    allow_cpu: bool = False,
    given: Collection[str] = (),
    cancelled: bool = True,
) -> Decision:
    """Decide for every row. Pure.

    Parameters
    ----------
    rows : iterable of RowStatus
        Status of the rows, from `dlcctr.slurm.status.status.status`.
    submissions : sequence of Submission
        Submissions of those rows: their time, memory, batch size, excluded nodes and earlier causes.
    batch_size : int, optional
        The campaign's.
    again : bool
        Retry even rows whose cause needs a fix by a person, and those that failed twice for the same cause.
    others : iterable of RowStatus
        Rows that are not to be decided on; canaries of `rows` may be among them.
    manifest : Path
        For the commands that the answer names.
    allow_cpu : bool
        The CPU is allowed from now on: no node is avoided because its GPU failed.
    given : collection of str
        What a person asks for instead of what the cause would: `TIME`, `MEMORY`, `BATCH`, `GPU`.
    cancelled : bool
        Rows whose jobs were cancelled go again, too.
    """
    by_plan = {each.plan: each for each in submissions}
    rows = list(rows)
    known = {row.index: row for row in (*others, *rows)}

    def answer_to(row: RowStatus) -> _Answer:
        avoid_gpu = not allow_cpu
        if not cancelled and _kind(row) == "cancelled":
            return _Answer(CANCELLED)
        canary = canary_of(row, known)
        if canary is None or _kind(canary) in OWN_FAULT:
            return _answer(row, by_plan.get(row.plan), batch_size, again=again, avoid_gpu=avoid_gpu, given=given)
        found = _answer(canary, by_plan.get(canary.plan), batch_size, again=again, avoid_gpu=avoid_gpu, given=given)
        why_not = f"the canary, row {canary.index}, has failed: {found.why_not}"
        return replace(found, why_not=why_not) if found.why_not else found

    answers = [
        (row, answer_to(row))
        for row in rows
        if row.phase in (Phase.FAILED, Phase.QUARANTINED, Phase.LOST, Phase.BROKEN, Phase.UNREADABLE)
    ]
    groups: dict[tuple[bool, int, int, int], list[tuple[RowStatus, _Answer]]] = {}
    left: dict[str, list[int]] = {}
    bad_nodes = tuple(sorted({node for _, answer in answers for node in answer.exclude}))
    for row, answer in answers:
        if answer.why_not:
            left.setdefault(answer.why_not, []).append(row.index)
        else:
            groups.setdefault((row.analysed, *answer.key), []).append((row, answer))
    made = [_group(members, bad_nodes) for _, members in sorted(groups.items(), key=lambda item: repr(item[0]))]
    name = typed_manifest(manifest)
    return Decision(made, [SkippedRows(tuple(rows), _filled(why, name, rows)) for why, rows in left.items()])


def _filled(text: str, manifest: str, rows: Sequence[int]) -> str:
    """Fill in the manifest and rows in the commands of a text."""
    return text.replace("{manifest}", manifest).replace("{rows}", ranges(rows)).replace("{row}", str(rows[0]))


def _group(members: Sequence[tuple[RowStatus, _Answer]], bad_nodes: tuple[str, ...]) -> Group:
    causes: dict[str, list[int]] = {}
    for row, _ in members:
        causes.setdefault(_kind(row), []).append(row.index)
    answer = members[0][1]
    return Group(
        rows=tuple(row.index for row, _ in members),
        causes={kind: tuple(indices) for kind, indices in causes.items()},
        time_min=answer.time_min,
        mem_gb=answer.mem_gb,
        batch_size=answer.batch_size,
        exclude=bad_nodes,
        canary=any(row.cause_kind == CANARY for row, _ in members),
        only_steps=members[0][0].analysed,
    )


def _kind(row: RowStatus) -> str:
    return row.cause_kind or row.phase.value


def _answer(
    row: RowStatus,
    submission: Submission | None,
    batch_size: int | None,
    *,
    again: bool,
    avoid_gpu: bool,
    given: Collection[str],
) -> _Answer:
    kind = _kind(row)
    if row.phase is Phase.UNREADABLE:
        return _Answer("unreadable when the manifest was made: put a readable video there under a new name")
    if kind in REMEDIES and not again:
        return _Answer(f"{kind}: {REMEDIES[kind]}; {THEN_AGAIN}")
    if not again and kind not in PATIENT and kind in _causes_before(row.index, submission):
        return _Answer(f"{kind} twice: {_explain(kind, submission)}; {THEN_AGAIN}")
    had = submission.options if submission else SubmittedOptions()
    had = had.of_steps if row.analysed else had
    if kind in HELPED_BY and not HELPED_BY[kind].isdisjoint(given):
        return _as_before(had)
    if kind in HELPED_BY:
        more = _more(kind, had, batch_size)
        return _as_before(had) if more.why_not and GPU in given else more
    as_before = _as_before(had)
    bad_nodes = {row.node} if kind == "gpu" and row.node and avoid_gpu else set()
    return replace(as_before, exclude=tuple(sorted({*had.exclude, *bad_nodes})))


def _more(kind: str, had: SubmittedOptions, batch_size: int | None) -> _Answer:
    if kind == "timeout":
        return _more_time(had)
    return _more_memory(had, batch_size) if kind == "out-of-memory" else _smaller_batch(had, batch_size, LARGER_GPU)


def _as_before(had: SubmittedOptions) -> _Answer:
    """Resources of the last try; limits that an earlier resubmission raised stay raised."""
    return _Answer(time_min=had.kept_time_min, mem_gb=had.kept_mem_gb, batch_size=had.batch_size, exclude=had.exclude)


def _more_time(had: SubmittedOptions) -> _Answer:
    if had.time_min is None and not had.site_values:
        return _as_before(had)  # a script of a person's own, whose limit nobody knows: the plan's is asked for
    before, most = had.time_min or LEAST_TIME_MIN, had.site_values.max_time_min if had.site_values else None
    if most and before >= most:
        return _Answer(
            f"timeout: {before} min is the longest that the site allows (max_time_min in its profile): "
            "cut the video, or use a faster GPU (--gres, --gpus or --partition)"
        )
    longer = max(2 * before, LEAST_TIME_MIN)
    return replace(_as_before(had), time_min=min(longer, most) if most else longer)


def _more_memory(had: SubmittedOptions, batch_size: int | None) -> _Answer:
    """Double memory if the job requested some; else half the batch size."""
    if had.mem_gb:
        return replace(_as_before(had), mem_gb=2 * had.mem_gb)
    smaller = _smaller_batch(had, batch_size, "out-of-memory at batch size 1: ask for more memory with --mem-gb")
    return smaller if smaller.why_not else replace(smaller, mem_gb=None)


def _smaller_batch(had: SubmittedOptions, batch_size: int | None, why_not: str) -> _Answer:
    """Half of the batch; `why_not` where it is one picture."""
    batch = had.batch_size or batch_size or DEFAULT_BATCH_SIZE
    return replace(_as_before(had), batch_size=batch // 2) if batch > 1 else _Answer(why_not)


def _causes_before(index: int, submission: Submission | None) -> set[str]:
    """Causes for which this row was already submitted again the last time."""
    causes = submission.options.causes if submission else {}
    return {kind for kind, indices in causes.items() if index in indices}


def _explain(kind: str, submission: Submission | None) -> str:
    had = submission.options if submission else SubmittedOptions()
    texts = {
        "timeout": f"{had.time_min} min were not enough either; is the speed that was assumed right?",
        "out-of-memory": f"{had.mem_gb or 'the default'} GB, batch size {had.batch_size} were too much",
        "gpu-memory": f"batch size {had.batch_size} was too much, too",
        "gpu": "a second node has no working GPU: does the image fit these GPUs (dlc doctor)? is --nv given?",
        "analysis": "DeepLabCut failed on it again: see the log (dlcctr logs {manifest} {row})",
        "lost": "its job left no trace again: see its log (dlcctr logs {manifest} {row}) and ask the site's support",
    }
    return texts.get(kind, "retrying will not help; see the log (dlcctr logs {manifest} {row})")
