"""SLEAP's analysis file: positions as plain arrays, which sleap-io, movement, SLEAP and MATLAB read.

Its arrays are in the order that SLEAP itself writes: tracks (tracks, 2, nodes, frames), point_scores (tracks, nodes,
frames), track_occupancy (frames, tracks). Every track has every node: of animals the unique body parts are NaN, and of
the track that holds these all others.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dlcctr.results.h5.positions import BLOCK_FRAMES, PositionsFile

CHUNK_FRAMES = 10_000
DIMS = {
    "tracks": ("track", "xy", "node", "frame"),
    "track_occupancy": ("frame", "track"),
    "point_scores": ("track", "node", "frame"),
    "instance_scores": ("track", "frame"),
    "tracking_scores": ("track", "frame"),
}
"""Datasets and their axes, which sleap-io reads from their attribute `dims`."""
ONE_ANIMAL = "track_0"


def write_sleap_file(file: Path, positions: PositionsFile, frames: int, video: str) -> None:
    """Write a SLEAP analysis file; frames after the table's end are NaN.

    Raises
    ------
    OSError
        It cannot be written.
    """
    import h5py

    columns = positions.columns
    tracks = [who or ONE_ANIMAL for who in columns.individuals]
    nodes = list(columns.bodyparts)
    sizes = {"track": len(tracks), "xy": 2, "node": len(nodes), "frame": frames}
    places = [(columns.individuals.index(who), nodes.index(part)) for who, part in columns.points]
    with h5py.File(file, "w") as store:
        _write_names(store, tracks, nodes, video, columns.scorer)
        for name, dims in DIMS.items():
            chunk = tuple(max(min(frames, CHUNK_FRAMES), 1) if dim == "frame" else sizes[dim] for dim in dims)
            made = store.create_dataset(
                name,
                shape=tuple(sizes[dim] for dim in dims),
                dtype="uint8" if name == "track_occupancy" else "float64",
                fillvalue=0 if name == "track_occupancy" else float("nan"),
                chunks=chunk if all(chunk) else None,
                compression="gzip" if all(chunk) else None,
                shuffle=all(chunk) or None,
            )
            made.attrs["dims"] = json.dumps(dims)
        for first, block in positions.blocks(frames, BLOCK_FRAMES):
            _write_block(store, first, block, places)


def _write_block(store: Any, first: int, block: Any, places: list[tuple[int, int]]) -> None:
    import numpy

    stop, (tracks, nodes) = first + len(block), store["point_scores"].shape[:2]
    xy = numpy.full((tracks, 2, nodes, len(block)), numpy.nan)
    scores = numpy.full((tracks, nodes, len(block)), numpy.nan)
    for column, (track, node) in enumerate(places):
        xy[track, :, node] = block[:, column, :2].T
        scores[track, node] = block[:, column, 2]
    known = ~numpy.isnan(scores)
    counts = known.sum(axis=1)
    means = numpy.where(known, scores, 0).sum(axis=1) / numpy.where(counts, counts, 1)
    store["tracks"][..., first:stop] = xy
    store["point_scores"][..., first:stop] = scores
    store["instance_scores"][:, first:stop] = numpy.where(counts, means, numpy.nan)
    store["track_occupancy"][first:stop] = numpy.isfinite(xy).any(axis=(1, 2)).T


def _write_names(store: Any, tracks: list[str], nodes: list[str], video: str, scorer: str) -> None:
    import numpy

    for name, texts in (("track_names", tracks), ("node_names", nodes)):
        store[name] = numpy.array([text.encode() for text in texts])
    store["edge_names"] = numpy.empty((0, 2), dtype="S1")
    store["edge_inds"] = numpy.empty((0, 2), dtype="int64")
    for name, text in (("labels_path", ""), ("video_path", video), ("provenance", json.dumps({"scorer": scorer}))):
        store[name] = text.encode()
    store["video_ind"] = 0
    store.attrs["format"] = "analysis"
    store.attrs["preset"] = "matlab"
