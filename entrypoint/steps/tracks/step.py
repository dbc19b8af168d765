"""The step `tracks` as a whole."""

from __future__ import annotations

from dlcctr.campaign.steps.tracks import TracksParameters
from entrypoint.steps.base import StepInput, StepResult
from entrypoint.steps.importable import make_importable
from entrypoint.steps.tracks.detections import open_detections
from entrypoint.steps.tracks.settings import SHORT_NAMES, TrackSettings, find_settings
from entrypoint.steps.tracks.table import write_table
from entrypoint.steps.tracks.tracking import track
from entrypoint.steps.tracks.windows import Tracks, stitch_windows

DETECTIONS = "_assemblies.pickle"
PHASES = 3


def run(given: StepInput) -> StepResult:
    """Track, stitch and write; killed anywhere it goes on from its last checkpoint, to the same result.

    Raises
    ------
    OutputError
        The row has one animal, its detections are damaged, or its model is gone.
    ModelError
        A parameter does not fit to the model.
    """
    parameters = given.parameters
    assert isinstance(parameters, TracksParameters)
    make_importable()
    settings = find_settings(given)
    found = given.source.analysis.find(DETECTIONS)
    total = PHASES * settings.frames
    with open_detections(given.take(found), settings.frames, given.kept) as detections:
        tracklets = track(detections, settings, given.kept, lambda done: given.progress(done, total))
        tracks = stitch_windows(
            detections, tracklets, settings, parameters, lambda done: given.progress(settings.frames + done, total)
        )
        name = f"{found.removesuffix(DETECTIONS)}_{SHORT_NAMES[settings.tracker]}.h5"
        file = given.work / name
        seen = write_table(
            file, detections, tracks, settings, lambda done: given.progress(2 * settings.frames + done, total)
        )
        facts = {
            **settings.facts(),
            "detected_frames": float(detections.detected_frames),
            "positions": float(seen),
            "windows": float(len(tracks.windows)),
            "empty_windows": float(tracks.empty_windows),
        }
        return StepResult([file], facts, _remark(tracks, seen, tracklets.frames_with_animals(), settings))


def _remark(tracks: Tracks, seen: int, frames_with_animals: int, settings: TrackSettings) -> str:
    if not frames_with_animals:
        return "no animal was found in any frame"
    if not seen:
        return "no track could be made of what was found"
    windows = len(tracks.windows)
    if windows == 1:
        return ""
    return f"stitched in {windows} windows: tracks of {settings.frames} frames at once would not fit into memory"
