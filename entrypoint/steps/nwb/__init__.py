"""The step `nwb`: one NWB file for a row, with positions, true times, session, animal and provenance."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

from dlcctr.errors import ModelError, ToolMissingError
from dlcctr.model.project.drawing import project_drawing
from dlcctr.results.h5.positions import open_positions
from dlcctr.results.receipt import epoch
from entrypoint.steps.base import StepInput, StepResult
from entrypoint.steps.nwb.clock import read_clock
from entrypoint.steps.nwb.fields import find_fields
from entrypoint.steps.nwb.names import UNIQUE, NamedIndividual, name_objects
from entrypoint.steps.nwb.provenance import describe_source
from entrypoint.steps.nwb.session import SessionFacts, read_session
from entrypoint.steps.nwb.write import FileContent, make_identifier, write_nwb


def run(given: StepInput) -> StepResult:
    """Write the NWB file of a row; see `entrypoint.steps.base.Step`.

    Raises
    ------
    ManifestError
        The session's start is not known, or a value of the manifest or of the parameters cannot be.
    OutputError
        The frames' times are not known, or the table of positions cannot be read.
    ToolMissingError
        Without pynwb and ndx-pose.
    """
    _require_pynwb()
    row = given.source.row
    where = f"row {row.index}" + (f" (line {row.line} of the manifest)" if row.line else "")
    texts = find_fields(given.parameters, row.video, given.take_cell, where)
    table, times = given.take_positions(), given.take_times()
    file = given.work / f"{table.stem}.nwb"
    with open_positions(table) as positions:
        individuals = name_objects(positions.columns)
        animals = sum(each.individual != UNIQUE for each in individuals)
        session = read_session(texts, animals, given.parameters, where)
        clock = read_clock(times, positions.rows, session.video_start_s)
        content = FileContent(
            identifier=_identifier(given, texts, session),
            created=_created(given, session),
            session=session,
            clock=clock,
            provenance=describe_source(given.source),
            scorer=positions.columns.scorer,
            individuals=individuals,
            edges=_skeleton(given),
            video=_relative_video(given),
            width=row.width,
            height=row.height,
            camera=row.camera,
            receipt=given.source.receipt.to_json(),
        )
        write_nwb(file, content, positions, given.progress)
    facts = {
        "frames": float(len(clock.times)),
        "individuals": float(animals),
        "series": float(sum(len(each.points) for each in individuals)),
        "unknown_times": float(clock.unknown),
        "shifted_s": clock.shifted_s,
    }
    return StepResult([file], facts, "; ".join([*session.remarks, *clock.remarks, *_renamed(individuals)]))


def _require_pynwb() -> None:
    try:
        import ndx_pose
        import pynwb
    except ImportError as error:
        raise ToolMissingError(
            f"NWB files are written with pynwb and ndx-pose, which cannot be imported ({error})",
            "run the step from an image of this version, or make the native environment anew",
        ) from error
    assert ndx_pose and pynwb


def _identifier(given: StepInput, texts: dict[str, str], session: SessionFacts) -> str:
    """The same for the same positions, times and facts, and another one for any other."""
    row, receipt = given.source.row, given.source.receipt
    used = [f"{name} {given.used[name]}" for name in sorted(given.used)]
    told = [f"{name} {texts[name]}" for name in sorted(texts)]
    return make_identifier([
        row.video, row.fingerprint, receipt.model.hash, *used, *told, session.start.isoformat(),
    ])  # fmt: skip


def _created(given: StepInput, session: SessionFacts) -> datetime:
    """When the analysis was finished, so that the step gives the same file whenever it runs."""
    seconds = epoch(given.source.receipt.finished)
    return session.start if seconds is None else datetime.fromtimestamp(seconds, tz=timezone.utc)


def _relative_video(given: StepInput) -> str:
    """Path of the video as seen from the step's folder, which lies two below the row's."""
    video = given.campaign.video_root / given.source.row.video
    return Path(os.path.relpath(video, given.source.analysis.folder / "steps" / "nwb")).as_posix()


def _renamed(individuals: tuple[NamedIndividual, ...]) -> list[str]:
    changed = [
        f"{point.bodypart} to {point.name}"
        for each in individuals
        for point in each.points
        if point.name != point.bodypart
    ]
    return [f"names that NWB does not allow were changed: {', '.join(dict.fromkeys(changed))}"] if changed else []


def _skeleton(given: StepInput) -> tuple[tuple[str, str], ...]:
    """Connected body parts; none where the model is not there, or its config.yaml cannot be read."""
    try:
        return project_drawing(given.model.project).skeleton if given.model else ()
    except ModelError:
        return ()
