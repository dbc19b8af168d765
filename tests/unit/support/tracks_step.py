"""The step `tracks` on detections of our own, in a Python that has DeepLabCut; as a script, for tests that kill it.

``tracks_step.py FOLDER FRAMES PARAMETERS [FACTS]``: FOLDER holds ``mouse_assemblies.pickle``; the table comes beside it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ANIMALS, PARTS = 4, 6


def step_input(folder: Path, frames: int, parameters: Any, **facts: Any) -> Any:
    """What the step gets: a row whose analysis is in `folder`.

    Parameters
    ----------
    facts : dict
        ``animals``, ``parts``, ``engine``, ``unique``, ``identity`` and ``tracker`` where they are not the usual ones.
    """
    from dlcctr.campaign.tracking import Tracking
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
    source = Source(folder, "", {"mouse_assemblies.pickle": "0" * 64})
    work, kept = folder / "work", folder / "kept"
    work.mkdir(exist_ok=True)
    kept.mkdir(exist_ok=True)
    row: Any = SimpleNamespace(index=0)
    campaign: Any = SimpleNamespace(tracking=Tracking())
    return StepInput(RowSource(row, receipt, source, source), campaign, parameters, work, kept, model=model)


def main(folder: str, frames: str, parameters: str, facts: str = "{}") -> None:
    """Run the step, and print its facts."""
    from dlcctr.campaign.steps.tracks import TracksParameters
    from dlcctr.system.values.records import from_table
    from entrypoint.engines.torchvision_ops import declare_missing, supply_operators

    if declare_missing():
        supply_operators()
    from entrypoint.steps.tracks import run

    given = step_input(
        Path(folder), int(frames), from_table(TracksParameters, json.loads(parameters)), **json.loads(facts)
    )
    result = run(given)
    print(json.dumps({"facts": result.facts, "remark": result.remark, "files": [each.name for each in result.files]}))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    main(*sys.argv[1:])
