"""Take one row's frames: whole pictures, machine labels, and small pictures for the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.contract import FRAME_TIMES_FILENAME
from dlcctr.errors import VideoError
from dlcctr.outliers.candidates import Candidate
from dlcctr.outliers.folders import picture_name
from dlcctr.outliers.points import read_points
from dlcctr.outliers.project import Project
from dlcctr.outliers.results import JudgedResult
from dlcctr.results.times.frame_times import CONTAINER, COUNTED, read_frame_times
from entrypoint.outliers.machine_labels import label_table, write_labels
from entrypoint.video.stills import draw, read_stills


@dataclass(frozen=True)
class Taken:
    """A frame that was written.

    Parameters
    ----------
    folder, picture : str
        Its file: ``labeled-data/<folder>/<picture>``.
    jpeg : bytes
        A small picture with its points.
    size : (int, int)
        Width and height of the picture in px.
    """

    frame: Candidate
    folder: str
    picture: str
    jpeg: bytes
    size: tuple[int, int]


def take_row(
    result: JudgedResult, video: Path, frames: Sequence[Candidate], place: Path, *, name: str, project: Project
) -> list[Taken]:
    """Write pictures and labels of a row's frames into the folder `place`.

    Parameters
    ----------
    name : str
        Name that the folder will have in `labeled-data`.
    project : Project
        Its animals and body parts, in order, and its iteration.

    Returns
    -------
    list of Taken
        Those that were found in the video, by number. Nothing is written where there are none.

    Raises
    ------
    VideoError
        The video cannot be read, or is another one than was analysed.
    OutputError
        The row's table cannot be read.
    """
    if result.row.fingerprint and fingerprint(video) != result.row.fingerprint:
        raise VideoError(f"{video}: not the video that was analysed", "put it back, or make the manifest anew")
    numbers = sorted(each.frame for each in frames)
    points = dict(zip(numbers, read_points(result.table, numbers, project), strict=True))
    crop = result.receipt.parameters.crop
    corner = (crop[0], crop[2]) if crop else (0, 0)  # DeepLabCut counts positions from the crop's corner
    by_number = {each.frame: each for each in frames}
    taken: dict[int, Taken] = {}
    counts = result.receipt.frames
    is_sound = counts is not None and not counts.missing
    place.mkdir(parents=True)
    for number, picture in read_stills(video, _times(result, numbers), None, is_sound=is_sound, most_counted=None):
        points[number][:, :2] += corner
        file = picture_name(number, result.quality.frames)
        (place / file).write_bytes(_png(picture))
        height, width = picture.shape[:2]
        jpeg = draw(picture, _by_animal(project, points[number]))
        taken[number] = Taken(by_number[number], name, file, jpeg, (width, height))
    found = sorted(taken)
    if found:
        import numpy

        labels = numpy.stack([points[number] for number in found])
        table = label_table(name, [taken[n].picture for n in found], result.receipt.model.scorer, project, labels)
        write_labels(place, table, project.iteration)
    else:
        place.rmdir()
    return [taken[number] for number in found]


def _by_animal(project: Project, points: Any) -> Any:
    """Points of a picture (points, 3) as (animals, parts, 3); parts that exist once are a further animal's own."""
    import numpy

    animals = project.animals(points[None])[0]
    once = points[len(project.individuals) * len(project.bodyparts) :]
    found = numpy.full((len(animals) + 1, len(project.bodyparts) + len(once), 3), numpy.nan)
    found[:-1, : len(project.bodyparts)] = animals
    found[-1, len(project.bodyparts) :] = once
    return found


def _times(result: JudgedResult, numbers: Sequence[int]) -> dict[int, float]:
    """The container's times of frames; NaN where they are of something else, so that frames are counted."""
    times = result.receipt.times
    listed = any(entry.name == FRAME_TIMES_FILENAME for entry in result.receipt.files)
    if not listed or times is None or times.source not in (CONTAINER, COUNTED):
        return dict.fromkeys(numbers, math.nan)
    known = read_frame_times(result.folder / FRAME_TIMES_FILENAME)
    return {number: known[number] if number < len(known) else math.nan for number in numbers}


def _png(picture: Any) -> bytes:
    """A BGR picture as PNG, without loss."""
    import av
    import numpy

    frame = av.VideoFrame.from_ndarray(numpy.ascontiguousarray(picture[..., ::-1]), format="rgb24")
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "rgb24"
    encoder.time_base = 1
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
