"""DeepLabCut's output files: read, checked against the decoded frames, expanded if some did not decode. Worker only."""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlcctr.errors import AnalysisError
from dlcctr.results.sections import Columns
from entrypoint.protocol import Job

LIKELIHOOD = re.compile(r"likelihood\d*")
EMPTY_HINT = "look at the video: nothing that the model knows was found in it, or the model is not trained enough"


class ShortRead(Exception):
    """DeepLabCut read fewer (or more) frames than decode."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.rows = rows


def verify(job: Job, scorer: str) -> None:
    """Check that the files in the job's folder are complete: a row per frame, a column per body part, in order.

    Our loop has written a row for each frame of the stream, DeepLabCut one for each that decodes.

    Raises
    ------
    ShortRead
        DeepLabCut read another number of frames.
    AnalysisError
        Anything else is wrong, although DeepLabCut itself returned normally.
    """
    table = read_table(job)
    _check_columns(table, job, scorer)
    rows, wanted = len(table), job.frames if job.path == "own" else job.decoded
    if list(table.index) != list(range(rows)):
        raise AnalysisError(f"DeepLabCut's table does not number its frames from 0 to {rows - 1}")
    if not job.multianimal:
        if rows != wanted:
            raise ShortRead(rows)
        return
    # Tracks may end before the video does; that detection ran over all of it is in the pickle.
    covered = read_pickle(job, "_full.pickle")["metadata"]["nframes"]
    if covered != wanted or rows > wanted:
        raise ShortRead(int(covered))


def describe(job: Job) -> Columns:
    """Rows and columns of the .h5, for the receipt."""
    table = read_table(job)
    return Columns(len(table), tuple(tuple(map(str, column[1:])) for column in table.columns))


def expand(job: Job) -> None:
    """Give every stream frame its place: a frame that did not decode becomes NaN with likelihood 0.

    The .h5 and .csv keep DeepLabCut's key, format and number type; the pickles' frame numbers move along.
    """
    h5 = _h5(job)
    kept = decoded_frames(job.frames, job.missing)
    key, table = _read_table_and_key(h5)
    table.index = kept[: len(table)]
    table = table.reindex(range(job.frames))
    lost = sorted(set(range(job.frames)) - set(kept))
    columns = [c for c in table.columns if LIKELIHOOD.fullmatch(c[-1])]
    table.loc[lost, columns] = 0.0
    table.to_hdf(h5, key=key, format="table", mode="w")
    csv = h5.with_name(h5.name[: -len(".h5")] + ".csv")
    if csv.exists():
        table.to_csv(csv)
    for file in sorted(Path(job.folder).glob("*.pickle")):
        _expand_pickle(file, job, kept)


def decoded_frames(frames: int, missing: Sequence[Sequence[int]]) -> list[int]:
    """Stream frame numbers of the frames that decode."""
    lost = {n for first, stop in missing for n in range(first, stop)}
    return [n for n in range(frames) if n not in lost]


def rename(job: Job) -> list[str]:
    """Give the files the names that they have beside a video analysed by hand. Returns the names."""
    names = []
    prefix = Path(job.video).stem
    for file in sorted(Path(job.folder).iterdir()):
        target = file.with_name(job.stem + file.name.removeprefix(prefix))
        file.rename(target)
        names.append(target.name)
    return names


def _h5(job: Job) -> Path:
    files = sorted(Path(job.folder).glob("*.h5"))
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise AnalysisError(
            f"DeepLabCut returned normally but did not write exactly one .h5 (found: {found})", EMPTY_HINT
        )
    return files[0]


def _part(job: Job, ending: str) -> Path:
    files = sorted(Path(job.folder).glob(f"*{ending}"))
    if len(files) != 1:
        raise AnalysisError(f"DeepLabCut returned normally but wrote no {ending} file", EMPTY_HINT)
    return files[0]


def read_table(job: Job) -> Any:
    """Table of positions in the job's folder, as a DataFrame; raises `AnalysisError` if there is none."""
    return _read_table_and_key(_h5(job))[1]


def read_pickle(job: Job, ending: str) -> Any:
    """Content of the pickle with an ending such as ``_full.pickle``; raises `AnalysisError` where there is none."""
    return _load(_part(job, ending))


def _read_table_and_key(h5: Path) -> tuple[str, Any]:
    import pandas

    try:
        with pandas.HDFStore(str(h5), mode="r") as store:
            (key,) = store.keys()
            return key.lstrip("/"), store.get(key)
    except Exception as error:  # PyTables raises many kinds of them for a damaged file
        raise AnalysisError(f"{h5.name}: DeepLabCut's table cannot be read back ({error})") from error


def _check_columns(table: Any, job: Job, scorer: str) -> None:
    held = [tuple(column) for column in table.columns]
    wanted = [(scorer, *column) for column in job.columns]
    if held == wanted:
        return
    first = next((i for i, pair in enumerate(zip(held, wanted, strict=False)) if pair[0] != pair[1]), None)
    if first is None:
        detail = f"{len(held)} columns instead of {len(wanted)}"
    else:
        detail = f"column {first} is {'/'.join(held[first][1:])}, the model's is {'/'.join(wanted[first][1:])}"
    raise AnalysisError(
        f"the columns that DeepLabCut wrote are not the model's in the model's order: {detail}",
        "for several animals: fewer tracks than individuals were found; look at the video, or train the model further",
    )


def _load(file: Path) -> Any:
    with file.open("rb") as stream:
        return pickle.load(stream)


def _expand_pickle(file: Path, job: Job, kept: list[int]) -> None:
    data = _load(file)
    if file.name.endswith("_meta.pickle"):
        data["data"]["nframes"] = job.frames
    elif file.name.endswith("_full.pickle"):
        data = _expand_full(data, job.frames, kept)
    else:  # assemblies and tracklets: animal or "single" -> frames, or frames at once
        data = {k: v if k == "header" else _move(v, job.frames, kept) for k, v in _move(data, job.frames, kept).items()}
    with file.open("wb") as stream:
        pickle.dump(data, stream, pickle.HIGHEST_PROTOCOL)


def _expand_full(data: dict[str, Any], frames: int, kept: list[int]) -> dict[str, Any]:
    metadata = {**data["metadata"], "nframes": frames}
    if "key_str_width" in metadata:
        metadata["key_str_width"] = frame_digits(frames)
    moved = {"metadata": metadata, **_move({k: v for k, v in data.items() if k != "metadata"}, frames, kept)}
    example = next((v for k, v in moved.items() if k != "metadata"), None)
    # The PyTorch engine has an entry for every frame; TensorFlow leaves out those that it could not read.
    if "key_str_width" in metadata and example is not None:
        for n in set(range(frames)) - set(kept):
            moved[frame_name(n, frames)] = _blank(example)
    ordered = {"metadata": moved.pop("metadata")}
    return {**ordered, **{name: moved[name] for name in sorted(moved)}}


def _blank(entry: Any) -> Any:
    """An entry of the same form for a frame in which nothing was found."""
    import numpy

    blank = dict(entry)
    blank["coordinates"] = tuple([numpy.full_like(xy, numpy.nan) for xy in part] for part in entry["coordinates"])
    blank["confidence"] = [numpy.zeros_like(score) for score in entry["confidence"]]
    for name in ("bboxes", "bbox_scores"):
        if name in entry:
            blank[name] = numpy.asarray(entry[name])[:0]
    if "identity" in entry:
        blank["identity"] = [numpy.zeros_like(score) for score in entry["identity"]]
    return blank


def _move(frames_of: Any, frames: int, kept: list[int]) -> Any:
    """Renumber the frames of a dictionary whose keys are frame numbers or names such as ``frame012``."""
    if not isinstance(frames_of, dict) or "header" in frames_of:
        return frames_of
    moved = {}
    for key, value in frames_of.items():
        if isinstance(key, str) and key.startswith("frame"):
            key = frame_name(kept[int(key[len("frame") :])], frames)  # noqa: PLW2901
        elif isinstance(key, int):
            key = kept[key]  # noqa: PLW2901
        moved[key] = value
    return moved


def frame_name(n: int, frames: int) -> str:
    """Key of a frame in DeepLabCut's pickles of a video with so many frames."""
    return "frame" + str(n).zfill(frame_digits(frames))


def frame_digits(frames: int) -> int:
    """Digits that DeepLabCut counts the frames of a video with."""
    return math.ceil(math.log10(frames))
