"""How far a running row is: written by `analyze` into its scratch folder, read by the machine that started it."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from dlcctr.contract import ROW_REPORT
from dlcctr.runtime.rows.row_run import LOG_HEAD
from dlcctr.system.files import read_bounded, read_tail
from dlcctr.system.terminal.frame_lines import frames_left, parse_frame_line
from dlcctr.system.values.records import RecordError, from_table, parse_object

TAIL_BYTES = 4096
MOST_BYTES = 4096


@dataclass(frozen=True)
class RowReport:
    """What a row is doing, and how far it is.

    Parameters
    ----------
    phase : str
        Phase in plain words: ``checking the video``, ``analysing`` …
    done, total : int
        Frames of the phase; both 0 where it is not one of frames.
    frames_per_s : float
        Since the phase began; 0 where not known.
    """

    phase: str
    done: int = 0
    total: int = 0
    frames_per_s: float = 0.0

    @property
    def fraction(self) -> float | None:
        """What is done of the phase, 0 to 1; None where it is not one of frames."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else None

    @property
    def left_s(self) -> float | None:
        """Seconds until all frames are done; None where not known."""
        left = frames_left(self.phase, self.done, self.total)
        return left / self.frames_per_s if self.total and self.frames_per_s > 0 else None


STARTING = RowReport("starting")


def write_report(folder: Path, report: RowReport) -> None:
    """Write a report atomically; one that cannot be written is skipped."""
    temporary = folder / f"{ROW_REPORT}.new"
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps(asdict(report)), encoding="utf-8")
        temporary.replace(folder / ROW_REPORT)


def read_report(scratch: Path, log: Path) -> RowReport:
    """Newest report of a row.

    Parameters
    ----------
    scratch : Path
        What `analyze` was given as --scratch; its own folder is below.
    log : Path
        Its log, which says the same less often: for images that write no report.
    """
    with contextlib.suppress(OSError, RecordError):
        for file in scratch.glob(f"*/{ROW_REPORT}"):
            return from_table(RowReport, parse_object(read_bounded(file, MOST_BYTES) or b""))
    return _from_log(log)


def _from_log(log: Path) -> RowReport:
    try:
        lines = read_tail(log, TAIL_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return STARTING
    for line in reversed(lines):
        if line.startswith(LOG_HEAD):
            break  # what stands above is of an earlier attempt
        if found := parse_frame_line(line.rstrip()):
            phase = found.label.rpartition(": ")[2]
            done = found.total if found.ended else found.done
            return RowReport(phase, done, found.total, found.frames_per_s or 0.0)
    return STARTING
