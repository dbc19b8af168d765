"""What every case has at hand, and what it gives back."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.gpu.budget import Budget
from tests.gpu.clips import Clips
from tests.gpu.equality import Comparison
from tests.gpu.gpu_samples import GpuSamples
from tests.gpu.rows import Rows
from tests.gpu.sides import Sides
from tests.gpu.tolerance import BY_DEVICE, Tolerance


@dataclass
class Outcome:
    """What a case found.

    Parameters
    ----------
    comparisons : list of Comparison
        Pairs of results that must be equal.
    lines : list of str
        Sentences for the page.
    remark : str
        What a reader must know of a case that holds; usually empty.
    problems : list of str
        What was not as it must be, beside comparisons.
    speed : dict or None
        Speeds of both sides (`tests.gpu.speed`).
    grid : list of dict
        The network alone by layout, TF32 and batch size.
    facts : dict
        More for the JSON alone.
    """

    comparisons: list[Comparison] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    remark: str = ""
    problems: list[str] = field(default_factory=list)
    speed: dict[str, Any] | None = None
    grid: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether all is as it must be."""
        return not self.problems and all(each.equal for each in self.comparisons)


@dataclass
class Context:
    """Device (``cpu`` or ``cuda``), working folder, time, and what cases share."""

    device: str
    folder: Path
    budget: Budget
    sides: Sides
    clips: Clips
    samples: GpuSamples
    environment: dict[str, str]
    campaigns: list[Rows] = field(default_factory=list)

    @property
    def on_gpu(self) -> bool:
        return self.device == "cuda"

    @property
    def tolerance(self) -> Tolerance:
        """Between two analyses of which at least one was on this device."""
        return BY_DEVICE[self.device]

    @property
    def backend(self) -> list[str]:
        """Options of `analyze`: PyTorch computes on a CPU, too, which rehearses what a GPU does."""
        return [] if self.on_gpu else ["--backend", "engine"]

    def by_device(self, on_gpu: int, on_cpu: int) -> int:
        """The first of two numbers on a GPU, the second, smaller one on a CPU."""
        return on_gpu if self.on_gpu else on_cpu

    def rows(self, name: str, batch_size: int = 8) -> Rows:
        """A new campaign."""
        rows = Rows(self.folder / name, self.environment, self.budget, batch_size)
        self.campaigns.append(rows)
        return rows

    def end_case(self) -> None:
        """End all rows that a case has left running: the next one measures."""
        while self.campaigns:
            self.campaigns.pop().close()

    def model(self, kind: str) -> Path:
        """A project with seeded random weights, of a kind of `tests.integration.support.tiny_models`."""
        project = self.folder / "models" / kind
        if not (project / "config.yaml").exists():
            shutil.rmtree(project, ignore_errors=True)  # what an attempt that failed has left
            self.sides["own"].do("make", folder=str(project), kind=kind)
        return project

    def private(self, project: Path) -> Path:
        """A copy of a project that stock DeepLabCut may write into."""
        copy = self.folder / "private" / project.name
        if not copy.exists():
            shutil.copytree(project, copy)
            for path in (copy, *copy.rglob("*")):
                path.chmod(0o700 if path.is_dir() else 0o600)
        return copy

    def stock(self, project: Path, video: Path, folder: Path, batch_size: int) -> Path:
        """Let stock DeepLabCut analyse a video on the device; gives its .h5."""
        from tests.integration.support.own_loop import only

        folder.mkdir(parents=True)
        config = self.private(project) / "config.yaml"
        job = {"config": str(config), "video": str(video), "folder": str(folder), "device": self.device}
        self.sides["stock"].do("analyse", job={**job, "batch_size": batch_size})
        return only(folder, "*.h5")
