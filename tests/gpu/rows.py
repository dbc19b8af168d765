"""Rows that `python -m entrypoint analyze` analyses: the product's own way, from the manifest to the receipt."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.contract import row_folder
from dlcctr.planning.plan import Plan, PlanTask, rows_digest, write_plan
from dlcctr.results.receipt import Receipt, read_receipt
from tests.gpu.budget import Budget, TimeIsOver
from tests.gpu.clips import ROOT
from tests.integration.support.own_loop import inspect, only

SAID_CHARS, LAST_CHARS = 1500, 500


class RowsError(Exception):
    """`analyze` ended with another exit code than it should."""


@dataclass
class Running:
    """An `analyze` that was started, and the file that it writes what it says to."""

    process: subprocess.Popen[bytes]
    log: Path
    budget: Budget

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self, code: int = 0, *, any_code: bool = False) -> str:
        """Wait for its end, insist on the exit code, give what it said."""
        try:
            found = self.process.wait(self.budget.timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise TimeIsOver("`analyze` was ended, since the time of the check was over") from None
        if found != code and not any_code:
            raise RowsError(f"`analyze` ended with {found}, not {code}:\n{self.said[-SAID_CHARS:]}")
        return self.said


@dataclass
class Rows:
    """A campaign in a folder: videos, each with its model, and results in a folder of any name."""

    folder: Path
    environment: dict[str, str]
    budget: Budget
    batch_size: int = 8
    rows: list[Row] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    logs: dict[str, Path] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    started: int = 0

    def __post_init__(self) -> None:
        (self.folder / "videos").mkdir(parents=True)

    def add(self, video: Path, model: Path, name: str) -> Row:
        """Add a video, as a link; `name` is what the page calls the row."""
        place = self.folder / "videos" / f"{len(self.rows)}{video.suffix}"
        os.link(video, place)
        self.names.append(name)
        row = Row(len(self.rows), place.name, fingerprint=fingerprint(place), model=str(model))
        self.rows.append(row)
        return row

    def start(self, out: str, *options: str, device: str, rows: list[Row] | None = None) -> Running:
        """Start `analyze` of some rows (by default all) in one task.

        Parameters
        ----------
        out : str
            Name of the folder of the results.
        """
        write_manifest(self.folder / "m.csv", self.rows)
        rows = self.rows if rows is None else rows
        self.started += 1
        plan, log = self.folder / f"plan-{self.started}.json", self.folder / f"{self.started}.log"
        task = PlanTask(tuple(row.index for row in rows), 1.0, rows_digest(rows))
        write_plan(Plan(plan.stem, "m.csv", (task,), 1), plan)
        words = [
            sys.executable, "-m", "entrypoint", "analyze", "--manifest", self.folder / "m.csv", "--plan", plan,
            "--task", "0", "--out", self.folder / out, "--video-root", self.folder / "videos", "--device", device,
            "--batch-size", self.batch_size, "--scratch", self.folder, *options,
        ]  # fmt: skip
        with log.open("wb") as said:
            process = subprocess.Popen(
                [str(word) for word in words], stdout=said, stderr=subprocess.STDOUT, cwd=ROOT, env=self.environment
            )
        self.processes.append(process)
        self.logs[out] = log
        return Running(process, log, self.budget)

    def close(self) -> None:
        """End what still runs, as it may where a case failed; workers die with the `analyze` that started them."""
        for process in self.processes:
            process.kill()
            process.wait()

    def video(self, row: Row) -> Path:
        """The file of a row's video."""
        return self.folder / "videos" / row.video

    def name_of(self, row: Row) -> str:
        """What a row was added as."""
        return self.names[row.index]

    def result(self, row: Row, out: str) -> Path:
        """Folder of a row's result."""
        return row_folder(self.folder / out, inspect(Path(row.model)).id, row.video)

    def table(self, row: Row, out: str) -> Path:
        """The .h5 of a row's result; `RowsError` with what `analyze` said last where there is none."""
        if not list(self.result(row, out).glob("*.h5")):
            said = self.logs[out].read_text(encoding="utf-8", errors="replace")
            raise RowsError(f"no result; `analyze` said: {said[-LAST_CHARS:].strip()}")
        return only(self.result(row, out), "*.h5")

    def receipt(self, row: Row, out: str) -> Receipt:
        """Receipt of a row."""
        receipt = read_receipt(self.result(row, out))
        if receipt is None:
            raise RowsError(f"row {row.index} has no receipt in {out}")
        return receipt

    def cause(self, row: Row, out: str) -> str:
        """Why a row failed; empty where it did not, or left no receipt."""
        receipt = read_receipt(self.result(row, out))
        return "" if receipt is None else receipt.cause
