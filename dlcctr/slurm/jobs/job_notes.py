"""Notes that batch scripts write beside the manifest when they begin, so that unrecorded jobs become known.

`slurm/array.sbatch.j2` writes them, one for each job array, as lines of ``key=value``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.errors import ManifestError
from dlcctr.slurm.jobs.submissions import ROW_BY_ROW, Array, Submission, SubmittedOptions
from dlcctr.slurm.queue.client import is_cluster
from dlcctr.slurm.queue.output import LARGEST_ARRAY
from dlcctr.system.files import files_of, read_bounded
from dlcctr.system.values.numbers import parse_whole

HINT = "check with squeue and sacct what that job is; remove the file if it has nothing to do with this campaign"
MAX_BYTES = 1 << 16
NUMBERS = ("offset", "first", "last", "count", "step")


@dataclass(frozen=True)
class JobNote:
    """What a job array noted about itself when its first task began.

    Parameters
    ----------
    name : str
        Job name.
    cluster : str
        Slurm's name of its cluster; empty where it gave none.
    offset : int
        Number of the plan's task (or of the row) that array index 0 stands for.
    first, last, count, step : int
        Smallest and largest array index, how many there are, and how far apart they are.
    started : str
        Time in UTC, ISO 8601.
    plan : str
        Id of the plan, or `ROW_BY_ROW`.
    options : SubmittedOptions
        What is known about the job's options.
    """

    job_id: str
    name: str
    cluster: str
    offset: int
    first: int
    last: int
    count: int
    step: int
    started: str
    plan: str
    options: SubmittedOptions

    @property
    def indices(self) -> tuple[int, ...]:
        """Array indices; empty if they are a list, which Slurm does not tell its tasks."""
        every = tuple(range(self.first, self.last + 1, self.step))
        return every if len(every) == self.count else ()

    def is_of(self, job_id: str, cluster: str) -> bool:
        """Whether a job is this one; an unknown cluster, on either side, is taken for the right one."""
        return self.job_id == job_id and (not cluster or self.cluster in ("", cluster))

    def submission(self, printed: Submission | None, only: tuple[int, ...], logs: str) -> Submission:
        """The same as a submission; `printed` is of the script that was submitted, where it is known."""
        site = printed.options.site_values if printed else None
        # the cluster is named where the script named it: see `Submission.clusters`
        named = self.cluster if site and site.clusters else ""
        array = Array(self.name, self.offset, self.last + 1, self.job_id, named, only)
        options, kind = (printed.options, printed.kind) if printed else (self.options, "submit")
        options = replace(  # a person may have edited the script
            options,
            image=self.options.image or options.image,
            time_min=self.options.time_min or options.time_min,
            mem_gb=self.options.mem_gb or options.mem_gb,
        )
        return Submission(self.plan, (array,), self.started, kind, options, home=self.cluster, logs=logs, by_hand=True)


def read_job_notes(paths: CampaignPaths) -> list[JobNote]:
    """All notes, oldest first; none where no job has begun.

    Raises
    ------
    ManifestError
        A note cannot be read, so the rows of its job could be submitted twice.
    """
    files = files_of(paths.jobs, ".job")
    return sorted((_read(file) for file in files), key=lambda note: note.started)


def _read(file: Path) -> JobNote:
    try:
        data = read_bounded(file, MAX_BYTES)
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror}", "check its owner and permissions") from error
    if data is None:
        raise ManifestError(f"{file}: is not a job note: it has more than {MAX_BYTES:,} bytes", HINT)
    lines = data.decode("utf-8", "surrogateescape").splitlines()
    values = {key: value for key, _, value in (line.partition("=") for line in lines)}
    try:
        return _note(values)
    except (KeyError, ValueError) as error:
        what = f"{error.args[0]}: missing" if isinstance(error, KeyError) else str(error)
        raise ManifestError(f"{file}: is not a job note: {what}", HINT) from error


def _note(values: Mapping[str, str]) -> JobNote:
    numbers = {key: _whole(key, values[key]) for key in NUMBERS}
    if largest := [key for key in NUMBERS if numbers[key] > LARGEST_ARRAY]:
        raise ValueError(f"{largest[0]} {numbers[largest[0]]} is more than any array has")
    if not is_cluster(values["cluster"]):
        raise ValueError(f"cluster {values['cluster']!r} is not a name")
    note = JobNote(
        job_id=str(_whole("job", values["job"])),
        name=values["name"] or "dlcctr",
        cluster=values["cluster"],
        started=values["started"],
        plan=Path(values["plan"]).stem if values["plan"] else ROW_BY_ROW,
        options=_options(values),
        **{**numbers, "step": max(1, numbers["step"])},
    )
    note.submission(None, (), "")  # raises ValueError for what no submission can hold
    return note


def _options(values: Mapping[str, str]) -> SubmittedOptions:
    words = values.get("options", "").split()
    seconds, megabytes = parse_whole(values.get("time_s", "")), parse_whole(values.get("mem_mb", ""))
    batch = words[words.index("--batch-size") + 1 :][:1] if "--batch-size" in words else []
    return SubmittedOptions(
        image=values.get("image", ""),
        time_min=max(1, seconds // 60) if seconds else None,
        mem_gb=max(1, megabytes // 1024) if megabytes else None,
        batch_size=parse_whole(batch[0]) if batch else None,
        allow_cpu="--allow-cpu" in words,
        trust_model="--trust-model" in words,
        user=values.get("user", ""),
    )


def _whole(key: str, text: str) -> int:
    number = parse_whole(text)
    if number is None:
        raise ValueError(f"{key} {text!r} is not a whole number")
    return number
