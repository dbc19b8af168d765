"""What DeepLabCut detects of animals that were never there: `_assemblies.pickle` files, seeded, of any length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from entrypoint.engines.pytorch.streamed_pickle import DictPickle

FILE = "mouse_assemblies.pickle"
ANIMALS, PARTS = 4, 6
CAGE = 1_000.0
"""Side of the cage, in px."""


def wander(
    frames: int, animals: int = 10, parts: int = 12, *, seed: int = 7, identity: bool = False, missed: float = 0.02
) -> Iterator[Any]:
    """Poses of each frame: animals run about, pass each other, are missed, and are seen in part only.

    Yields
    ------
    numpy.ndarray
        Float64, (seen animals, parts, 4): x, y in px, likelihood, identity (-1 without one), in no order.
    """
    import numpy

    generator = numpy.random.default_rng(seed)
    body = generator.normal(size=(parts, 2)) * (25, 9)
    place = generator.random((animals, 2)) * CAGE
    heading = generator.random(animals) * 6.3
    hidden: Any = numpy.zeros(animals, int)
    for _ in range(frames):
        heading += generator.normal(size=animals) * 0.15
        step = numpy.column_stack([numpy.cos(heading), numpy.sin(heading)])
        place = place + step * generator.random((animals, 1)) * 4
        outside = (place < 0) | (place > CAGE)
        heading[outside.any(axis=1)] += 3.14159
        place = place.clip(0, CAGE)
        hidden = numpy.maximum(hidden - 1, 0)
        begins = generator.random(animals) < missed / 10
        hidden[begins] = generator.integers(1, 40, begins.sum())
        turned = numpy.stack([step, numpy.column_stack([-step[:, 1], step[:, 0]])], axis=1)
        poses = numpy.empty((animals, parts, 4))
        poses[..., :2] = place[:, None] + body @ turned + generator.normal(size=(animals, parts, 2))
        poses[..., 2] = generator.beta(8, 1, size=(animals, parts))
        poses[..., 3] = numpy.arange(animals)[:, None] if identity else -1
        if identity:
            wrong = generator.random((animals, parts)) < 0.05
            poses[..., 3][wrong] = generator.integers(0, animals, wrong.sum())
        poses[generator.random((animals, parts)) < 0.03, 2] = 0.02
        little = generator.random(animals) < missed / 4
        poses[little, 2:, 2] = 0.01
        seen = numpy.flatnonzero((hidden == 0) & (generator.random(animals) > missed))
        yield poses[generator.permutation(seen)]


def write_assemblies(file: Path, poses: Iterator[Any], unique: dict[int, Any] | None = None) -> None:
    """Write the file as DeepLabCut's PyTorch engine has it, never with all of it in memory."""
    with DictPickle(file) as out:
        out.add([("single", unique or {})])
        batch: list[tuple[Any, Any]] = []
        for frame, each in enumerate(poses):
            batch.append((frame, each))
            if len(batch) == 1_000:
                out.add(batch)
                batch = []
        out.add(batch)


def step_input(folder: Path, frames: int, parameters: Any, **facts: Any) -> Any:
    """What the step gets: a row whose analysis is in `folder`.

    Parameters
    ----------
    facts : dict
        ``animals``, ``parts``, ``engine``, ``unique``, ``identity`` and ``tracker`` where they are not the usual ones.
    """
    from dlcctr.campaign.tracking import Tracking
    from dlcctr.system.files import sha256_file
    from entrypoint.steps.base import RowSource, Source, StepInput

    names = tuple(f"animal{n}" for n in range(facts.get("animals", ANIMALS)))
    parts = tuple(f"part{n}" for n in range(facts.get("parts", PARTS)))
    used = SimpleNamespace(
        engine=facts.get("engine", "pytorch"),
        scorer="DLC_x",
        individuals=names,
        bodyparts=parts,
        unique_bodyparts=tuple(facts.get("unique", ())),
    )
    receipt: Any = SimpleNamespace(model=used, frames=SimpleNamespace(stream=frames))
    model: Any = SimpleNamespace(
        project=folder,
        folder=Path("model"),
        individuals=names,
        identity=facts.get("identity", False),
        tracker=facts.get("tracker", "ellipse"),
    )
    source = Source(folder, "", {FILE: sha256_file(folder / FILE)})
    work, kept = folder / "work", folder / "kept"
    work.mkdir(exist_ok=True)
    kept.mkdir(exist_ok=True)
    row: Any = SimpleNamespace(index=0)
    campaign: Any = SimpleNamespace(tracking=Tracking())
    return StepInput(RowSource(row, receipt, source, source), campaign, parameters, work, kept, model=model)
