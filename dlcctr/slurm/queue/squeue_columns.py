"""Parse plain ``squeue`` output: columns of fixed width, in which long names and ranges are cut off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

COMPACT_STATES = {
    "BF": "BOOT_FAIL", "CA": "CANCELLED", "CD": "COMPLETED", "CF": "CONFIGURING", "CG": "COMPLETING",
    "DL": "DEADLINE", "F": "FAILED", "NF": "NODE_FAIL", "OO": "OUT_OF_MEMORY", "OOM": "OUT_OF_MEMORY",
    "PD": "PENDING", "PR": "PREEMPTED", "R": "RUNNING", "RD": "RESV_DEL_HOLD", "RF": "REQUEUE_FED",
    "RH": "REQUEUE_HOLD", "RQ": "REQUEUED", "RS": "RESIZING", "RV": "REVOKED", "S": "SUSPENDED",
    "SE": "SPECIAL_EXIT", "SI": "SIGNALING", "SO": "STAGE_OUT", "ST": "STOPPED", "TO": "TIMEOUT",
}  # fmt: skip
"""Slurm's short forms (squeue's manual, "Job State Codes"), the one that two letters leave of OOM included."""
CUT = "NAME_IS_CUT"
"""Key of a line whose name fills its column: the job's own may be longer."""
_JOB = re.compile(r"[0-9]+(\+[0-9]+)?(_([0-9]+|\[[^\]]*\]?))?", re.ASCII)


@dataclass(frozen=True)
class _Layout:
    """Where the columns of a header are."""

    names: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    @classmethod
    def of(cls, header: str) -> _Layout:
        words = list(re.finditer(r"\S+", header))
        names = tuple("STATE" if word[0] == "ST" else word[0] for word in words)
        return cls(names, tuple(word.start() for word in words), tuple(word.end() for word in words))

    def cells(self, line: str) -> dict[str, str] | None:
        """Columns of a line by name; None where they cannot be told apart."""
        edges = [0, *self.ends[:-1], len(line)], [*self.starts, len(line)]  # to the right (squeue's own), to the left
        for each in edges:
            inner = [edge for edge in each[1:-1] if edge < len(line)]
            is_left = each is edges[1]
            if all(line[edge - 1 if is_left else edge] == " " for edge in inner):
                words = [line[a:b] for a, b in pairwise(each)]
                if found := self._named(words):
                    return found
        return self._named(line.split(None, len(self.names) - 1))

    def _named(self, words: list[str]) -> dict[str, str] | None:
        if len(words) != len(self.names):
            return None
        cells = dict(zip(self.names, (word.strip() for word in words), strict=True))
        state = COMPACT_STATES.get(cells["STATE"], cells["STATE"])
        if not _JOB.fullmatch(cells["JOBID"]) or not re.fullmatch(r"[A-Z_]+", state):
            return None
        width = dict(zip(self.names, self._widths(), strict=True))
        cells["JOBID"] = _without_half_number(cells["JOBID"], width["JOBID"])
        cut = len(cells.get("NAME", "")) >= width.get("NAME", 0)
        return {**cells, "STATE": state, CUT: "yes" if cut else ""}

    def _widths(self) -> list[int]:
        """Width of each column; the first one's begins with the line."""
        return [end - begin for begin, end in zip([0, *(end + 1 for end in self.ends[:-1])], self.ends, strict=True)]


def read_columns(text: str) -> list[tuple[int, dict[str, str]]] | None:
    """Jobs in what plain ``squeue`` printed, with the numbers of their lines; None where there is no header.

    The cells of a line that cannot be read are empty.
    """
    lines = text.split("\n")
    head = next((n for n, line in enumerate(lines) if _is_header(line)), None)
    if head is None:
        return None
    return list(_jobs(lines, head))


def _jobs(lines: list[str], head: int) -> Iterator[tuple[int, dict[str, str]]]:
    layout, cluster = _Layout.of(lines[head]), _cluster(lines[:head])
    for number, line in enumerate(map(str.rstrip, lines), start=1):
        if number <= head + 1 or not line or _is_header(line):
            continue
        if line.startswith("CLUSTER: "):
            cluster = line.removeprefix("CLUSTER: ")
            continue
        cells = layout.cells(line)
        yield number, {**cells, **_place(cells), "CLUSTER": cluster} if cells else {}


def _is_header(line: str) -> bool:
    words = set(line.split())
    return "|" not in line and "JOBID" in words and bool(words & {"ST", "STATE"})


def _cluster(lines: list[str]) -> str:
    named = [line.strip().removeprefix("CLUSTER: ") for line in lines if line.startswith("CLUSTER: ")]
    return named[-1] if named else ""


def _place(cells: dict[str, str]) -> dict[str, str]:
    """Node of a running job or reason of a waiting one; squeue has them in one column."""
    both = cells.get("NODELIST(REASON)", "")
    waits = re.fullmatch(r"\((.*)\)", both)
    return {"REASON": waits[1] if waits else "None", "NODELIST": "" if waits else both} if both else {}


def _without_half_number(job: str, width: int) -> str:
    """Take the last part out of a range that the column's width cut off: it may be half of a number."""
    if "[" not in job or job.endswith("]") or len(job) < width:
        return job
    kept, comma, _ = job.rpartition(",")
    return f"{kept},...]" if comma else f"{job.partition('[')[0]}[...]"
