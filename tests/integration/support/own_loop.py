"""A campaign whose rows our own loop and stock DeepLabCut analyse, each in one process, and the comparison of both."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.contract import row_folder
from dlcctr.model.inspection import ModelInfo, inspect_model
from dlcctr.planning.plan import Plan, PlanTask, rows_digest, write_plan
from dlcctr.results.receipt import Receipt, read_receipt

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
BOOT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from dlcctr.cli import catch; from entrypoint.app import main; "
    "sys.exit(catch(main))"
)
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "SLURM_CPUS_PER_TASK": "1"}
"""Threads that wait for each other on CPUs which others use make small networks ten times slower."""

Crop = tuple[int, int, int, int]


@dataclass
class OwnLoop:
    """Videos in ``videos`` below a folder, results of each path in a folder of its name."""

    python: Path
    model: Path
    folder: Path
    batch_size: int = 4
    environment: dict[str, str] = field(default_factory=lambda: ONE_THREAD)
    rows: list[Row] = field(default_factory=list)

    @property
    def videos(self) -> Path:
        return self.folder / "videos"

    @property
    def manifest(self) -> Path:
        return self.folder / "m.csv"

    def call(self, *words: str | Path, code: int = 0) -> str:
        done = subprocess.run(
            [self.python, *words], capture_output=True, text=True, check=False, cwd=self.folder, env=self.environment
        )
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def add(self, video: Path, crop: Crop | None = None, model: Path | None = None) -> None:
        """Add a video that lies in `videos`; of another model where one is given."""
        model = model or self.model
        self.rows.append(Row(len(self.rows), video.name, fingerprint=fingerprint(video), crop=crop, model=str(model)))

    def analyse(
        self, path: str, *options: str, rows: list[Row] | None = None, code: int = 0, out: str | None = None
    ) -> str:
        """`analyze` of all rows in one task, into a folder named `out`, else `path`. Gives what it printed."""
        write_manifest(self.manifest, self.rows)
        rows = self.rows if rows is None else rows
        plan = self.folder / "plan.json"
        task = PlanTask(tuple(row.index for row in rows), 1.0, rows_digest(rows))
        write_plan(Plan("plan", self.manifest.name, (task,), 1), plan)
        return self.call(
            "-I", "-c", BOOT, ROOT, "analyze", "--manifest", self.manifest, "--plan", plan, "--task", "0",
            "--out", self.folder / (out or path), "--video-root", self.videos, "--device", "cpu",
            "--batch-size", str(self.batch_size), "--path", path, *options, code=code,
        )  # fmt: skip

    def stock_by_hand(self, rows: list[Row], replaced: dict[str, Path]) -> None:
        """DeepLabCut's `analyze_videos` of rows in one process; of another file where `replaced` names one."""
        projects = {model: self.folder / "projects" / str(n) for n, model in enumerate({row.model for row in rows})}
        for model, project in projects.items():
            shutil.copytree(model, project)
        jobs = [
            [str(projects[row.model] / "config.yaml"), str(replaced.get(row.video, self.videos / row.video)),
             str(self.hand_folder(row)), row.crop]
            for row in rows
        ]  # fmt: skip
        engine = inspect(self.model).engine
        self.call(HERE / "stock_videos.py", str(self.batch_size), json.dumps(jobs), engine)

    def hand_folder(self, row: Row) -> Path:
        return self.folder / "by-hand" / str(row.index)

    def result(self, row: Row, path: str) -> Path:
        return row_folder(self.folder / path, inspect(Path(row.model)).id, row.video)

    def receipt(self, row: Row, path: str) -> Receipt:
        receipt = read_receipt(self.result(row, path))
        assert receipt is not None
        return receipt

    def lost(self, row: Row, path: str = "own") -> list[int]:
        frames = self.receipt(row, path).frames
        assert frames is not None
        return [number for first, stop in frames.missing for number in range(first, stop)]

    def compare(self, pairs: list[tuple[Path, Path, list[int]]]) -> list[dict[str, Any]]:
        """Compare folders' .h5 files, by `compare_many.py`."""
        files = [[str(only(ours, "*.h5")), str(only(stock, "*.h5")), lost] for ours, stock, lost in pairs]
        found: list[dict[str, Any]] = json.loads(self.call(HERE / "compare_many.py", json.dumps(files)))
        return found


@functools.cache
def inspect(model: Path) -> ModelInfo:
    return inspect_model(model)


def only(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    assert len(found) == 1, (folder, found)
    return found[0]
