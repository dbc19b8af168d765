"""Write an NWB file: first its objects with empty datasets, then the positions block by block."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dlcctr.results.h5.positions import PositionsFile
from entrypoint.steps.base import Progress
from entrypoint.steps.nwb.clock import Clock
from entrypoint.steps.nwb.names import UNIQUE, NamedIndividual
from entrypoint.steps.nwb.provenance import Provenance
from entrypoint.steps.nwb.session import SessionFacts
from entrypoint.steps.nwb.subject import in_one

CHUNK_FRAMES = 10_000
"""Frames in a chunk of HDF5: a whole part of the blocks in which positions are read, so that none is packed twice."""
MODULE = "behavior"
VIDEO = "original_video"


@dataclass(frozen=True)
class FileContent:
    """All that goes into an NWB file but the positions.

    Parameters
    ----------
    identifier : str
        The same for the same row, model and positions; ids of objects are made from it.
    created : datetime
        When the analysis was finished, with a time zone.
    individuals : tuple of NamedIndividual
        Individuals and their points.
    edges : tuple of (str, str)
        Pairs of DeepLabCut's body parts that the project draws lines between.
    video, width, height
        Path of the video relative to the file, and the size of its picture in px.
    camera : str
        The manifest's word for the camera.
    receipt : str
        Text of the analysis' receipt.
    """

    identifier: str
    created: datetime
    session: SessionFacts
    clock: Clock
    provenance: Provenance
    scorer: str
    individuals: tuple[NamedIndividual, ...]
    edges: tuple[tuple[str, str], ...]
    video: str
    width: int | None
    height: int | None
    camera: str
    receipt: str


def write_nwb(file: Path, content: FileContent, positions: PositionsFile, progress: Progress) -> None:
    """Write a file; the same content gives the same bytes. Raises OSError."""
    from pynwb import NWBHDF5IO

    nwb = _make_file(content)
    with NWBHDF5IO(file, mode="w") as store:
        store.write(nwb)
    _fill(file, content, positions, progress)


def _make_file(content: FileContent) -> Any:
    from ndx_pose import Skeletons
    from pynwb import NWBFile
    from pynwb.base import ProcessingModule

    session, individuals = content.session, content.individuals
    texts = {"session_description": f"Video {Path(content.video).name}", **session.texts}
    nwb = NWBFile(
        identifier=content.identifier,
        session_start_time=session.start,
        file_create_date=content.created,
        experimenter=list(session.experimenters) or None,
        keywords=list(session.keywords) or None,
        was_generated_by=[list(pair) for pair in content.provenance.generated_by],
        **texts,
    )
    if session.subjects:
        nwb.subject = _make_subject(content)
    video = _make_video(content, nwb)
    module = ProcessingModule(name=MODULE, description="Positions of body parts over time, estimated by DeepLabCut")
    nwb.add_processing_module(module)
    skeletons = _make_skeletons(content)
    module.add(Skeletons(name="Skeletons", skeletons=list(dict.fromkeys(skeletons))))
    for number, (individual, skeleton) in enumerate(zip(individuals, skeletons, strict=True)):
        module.add(_make_pose(content, individual, number, skeleton, video))
    nwb.add_scratch(
        content.receipt, name="analysis_receipt", description="receipt.json of the analysis, as dlcctr wrote it"
    )
    return nwb


def _make_subject(content: FileContent) -> Any:
    from pynwb.file import Subject

    animals = tuple(each.individual for each in content.individuals if each.individual != UNIQUE)
    facts = in_one(content.session.subjects, animals)
    given = {name: value for name, value in vars(facts).items() if value}
    return Subject(**{"description": facts.sentence, **given})


def _make_video(content: FileContent, nwb: Any) -> Any:
    from pynwb.image import ImageSeries

    size = {"dimension": [content.width, content.height]} if content.width and content.height else {}
    device = nwb.create_device(name="camera", description=content.camera) if content.camera else None
    video = ImageSeries(
        name=VIDEO,
        description="The video that was analysed; its frames have the times of the positions",
        unit="n.a.",
        format="external",
        external_file=[content.video],
        timestamps=_empty(len(content.clock.times)),
        device=device,
        **size,
    )
    nwb.add_acquisition(video)
    return video


def _make_skeletons(content: FileContent) -> list[Any]:
    """Skeleton of each individual; those with the same body parts share one."""
    import numpy
    from ndx_pose import Skeleton

    made: dict[tuple[str, ...], Any] = {}
    for individual in content.individuals:
        if individual.nodes not in made:
            places = {point.bodypart: place for place, point in enumerate(individual.points)}
            edges = [(places[a], places[b]) for a, b in content.edges if a in places and b in places]
            name = "skeleton_unique" if individual.individual == UNIQUE else "skeleton"
            name = name if name not in [each.name for each in made.values()] else f"{name}_{len(made) + 1}"
            number = "uint8" if len(places) <= 256 else "uint16"
            made[individual.nodes] = Skeleton(
                name=name, nodes=list(individual.nodes), edges=numpy.array(edges, dtype=number).reshape(-1, 2)
            )
    return [made[individual.nodes] for individual in content.individuals]


def _make_pose(content: FileContent, individual: NamedIndividual, number: int, skeleton: Any, video: Any) -> Any:
    from ndx_pose import PoseEstimation, PoseEstimationSeries

    frames, subjects, provenance = len(content.clock.times), content.session.subjects, content.provenance
    series = [
        PoseEstimationSeries(
            name=point.name,
            description=_of_point(individual, point.bodypart),
            data=_empty(frames, 2),
            unit="pixels",
            reference_frame=provenance.reference_frame,
            timestamps=video,
            confidence=_empty(frames),
            confidence_definition="likelihood that DeepLabCut gives to the position, 0 to 1",
        )
        for point in individual.points
    ]
    who = ""
    if individual.individual == UNIQUE:
        who = "Body parts that are there once. "
    elif individual.individual:
        animal = subjects[number].sentence if number < len(subjects) > 1 else ""
        who = f"Individual {individual.individual}{f' ({animal})' if animal else ''}. "
    return PoseEstimation(
        name=individual.name,
        pose_estimation_series=series,
        description=who + provenance.description,
        scorer=content.scorer,
        source_software="DeepLabCut",
        source_software_version=provenance.software_version or None,
        skeleton=skeleton,
        source_video=video,
    )


def _of_point(individual: NamedIndividual, bodypart: str) -> str:
    whose = f" of individual {individual.individual}" if individual.individual not in ("", UNIQUE) else ""
    return f"Position of body part {bodypart}{whose} in each frame of the video"


def _empty(frames: int, *more: int) -> Any:
    import numpy
    from hdmf.backends.hdf5.h5_utils import H5DataIO

    return H5DataIO(
        shape=(frames, *more),
        dtype=numpy.dtype("float64"),
        chunks=(max(min(frames, CHUNK_FRAMES), 1), *more),
        compression="gzip",
        compression_opts=4,
        shuffle=True,
    )


def _fill(file: Path, content: FileContent, positions: PositionsFile, progress: Progress) -> None:
    import h5py
    import numpy

    frames = len(content.clock.times)
    places = [
        (point.column, f"processing/{MODULE}/{individual.name}/{point.name}")
        for individual in content.individuals
        for point in individual.points
    ]
    corner = numpy.array(content.provenance.corner, dtype=float)
    with h5py.File(file, "r+") as store:
        store[f"acquisition/{VIDEO}/timestamps"][:] = numpy.frombuffer(content.clock.times)
        for first, block in positions.blocks(frames):
            stop = first + len(block)
            for column, place in places:
                store[f"{place}/data"][first:stop] = block[:, column, :2] + corner
                store[f"{place}/confidence"][first:stop] = block[:, column, 2]
            progress(stop, frames)
        _fix_ids(store, uuid.UUID(content.identifier))


def _fix_ids(store: Any, namespace: uuid.UUID) -> None:
    """Ids of objects are random; made from their places, a second run gives the same file."""

    def fix(name: str, item: Any) -> None:
        if "object_id" in item.attrs:
            item.attrs.modify("object_id", str(uuid.uuid5(namespace, name)))

    fix("/", store)
    store.visititems(fix)


def make_identifier(parts: Sequence[str]) -> str:
    """Id of a file that is the same for the same parts."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "\n".join(("dlcctr", *parts))))
