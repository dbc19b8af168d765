"""Pick frames of a campaign, take them from the videos, write them for DeepLabCut; touch nothing that exists."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.rows import choose_rows, require_rows, row_settings
from dlcctr.contract import PRIVATE_PREFIX, ExitCode
from dlcctr.errors import DlcctrError, OutputError, UsageError, VideoError
from dlcctr.model.prior.labels import LABELS_FOLDER
from dlcctr.outliers.candidates import Candidate
from dlcctr.outliers.folders import FolderNames
from dlcctr.outliers.gather import Chosen, choose_outliers
from dlcctr.outliers.project import Project, find_project
from dlcctr.outliers.results import judged_results
from dlcctr.system.disk import as_expected
from dlcctr.system.files import write_text_atomic
from dlcctr.system.terminal.console import one_line, plural, print_lines, warn
from entrypoint.outliers.page import page_text
from entrypoint.outliers.take_row import Taken, take_row
from entrypoint.outliers.written_list import list_text, next_base, taken_before


@dataclass(frozen=True)
class OutliersRequest:
    """What to pick, and where to.

    Parameters
    ----------
    frames : int
        How many.
    out : Path
        Folder for `labeled-data`; a DeepLabCut project may be there.
    rows : str
        Some rows, as ``0-9,12``; all of them where it is empty.
    apart_s : float
        Least time between two frames of one video.
    """

    manifest: Path
    frames: int
    out: Path
    rows: str = ""
    apart_s: float = 1.0
    seed: int = 0


def run_outliers(request: OutliersRequest) -> ExitCode:
    """Pick, take and write frames.

    Raises
    ------
    UsageError
        No row is judged.
    VideoError
        No video, or no frame of any, could be read.
    DlcctrError
        Campaign or project cannot be read, no row is of the project, or the folder cannot be written.
    """
    campaign = read_campaign(request.manifest)
    rows = read_manifest(request.manifest)
    require_rows(rows, request.manifest)
    project = find_project(campaign.model, request.out)
    wanted = {row.index for row in choose_rows(rows, request.rows, request.manifest)}
    judged = [each for each in judged_results(request.manifest, campaign, rows) if each.row.index in wanted]
    if not judged:
        raise UsageError(f"{request.manifest}: no finished row is judged", "judge them first: dlcctr quality m.csv")
    videos = {each.row.index: row_settings(each.row, campaign).video_root / each.row.video for each in judged}
    here = [each for each in judged if videos[each.row.index].is_file()]
    if not here:
        raise VideoError(
            f"{videos[judged[0].row.index]}: no such file, nor any other video of a judged row",
            "run this where the videos are, with their folder in --bind",
        )
    taken = taken_before(request.out)
    before = {(each.row.video, frame) for each in here for row, frame in taken
              if row == each.row.index}  # fmt: skip
    chosen = choose_outliers(here, project, request.frames, seed=request.seed, apart_s=request.apart_s, before=before)
    if len(here) < len(judged):
        chosen.notes.append(f"{plural(len(judged) - len(here), 'row')} left out: their videos are not here")
    if 0 < len(chosen.frames) < request.frames:
        chosen.notes.append(f"only {len(chosen.frames)} of {request.frames} frames: no more look wrong and are apart")
    if not chosen.frames:
        _warn(chosen)
        if chosen.refused:
            raise chosen.refused
        print_lines([f"{plural(len(here), 'judged row')}: no frame is worth labelling; nothing was written"])
        return ExitCode.OK
    return _write(request, project, chosen, videos)


def _write(request: OutliersRequest, project: Project, chosen: Chosen, videos: dict[int, Path]) -> ExitCode:
    try:
        (request.out / LABELS_FOLDER).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{PRIVATE_PREFIX}outliers-", dir=request.out) as private:
            taken = _take(Path(private), project, chosen, videos)
            for name in sorted({each.folder for each in taken}):
                place = request.out / LABELS_FOLDER / name
                if place.exists():
                    raise OutputError(f"{place}: has just been made by somebody else", "try again")
                (Path(private) / name).rename(place)
        base = next_base(request.out)
        write_text_atomic(request.out / f"{base}.csv", list_text(taken))
        parts = (*project.bodyparts, *project.unique_bodyparts)
        write_text_atomic(request.out / f"{base}.html", page_text(request.manifest.stem, taken, parts, chosen.notes))
        write_text_atomic(request.out / f"{base}.txt", _what_next(taken, videos, project))
    except OSError as error:
        raise as_expected(error) from error
    _warn(chosen)
    n_good = sum(each.frame.is_good for each in taken)
    cameras = len({each.frame.camera for each in taken})
    print_lines([
        f"{plural(len(taken), 'frame')} of {plural(len({each.folder for each in taken}), 'video')} and "
        f"{plural(cameras, 'camera')}, {n_good} of them good",
        f"{request.out / base}.html shows them; {base}.txt says what to do next",
    ])  # fmt: skip
    return ExitCode.OK


def _warn(chosen: Chosen) -> None:
    for note in chosen.notes:
        warn(f"warning: {note}")


def _take(private: Path, project: Project, chosen: Chosen, videos: dict[int, Path]) -> list[Taken]:
    """Frames of all rows, each row's in a private folder."""
    by_row: dict[int, list[Candidate]] = {}
    for each in chosen.frames:
        by_row.setdefault(each.row, []).append(each)
    names = FolderNames(project.taken)
    taken: list[Taken] = []
    for row, frames in sorted(by_row.items()):
        result, name = chosen.results[row], names.new(frames[0].video, row)
        try:
            found = take_row(result, videos[row], frames, private / name, name=name, project=project)
        except DlcctrError as error:
            shutil.rmtree(private / name, ignore_errors=True)
            chosen.notes.append(f"row {row} is left out: {error.message}")
            continue
        if len(found) < len(frames):
            chosen.notes.append(f"row {row}: {plural(len(frames) - len(found), 'frame')} not found in the video")
        taken += found
    if not taken:
        raise VideoError(
            "no frame could be taken from the videos" + "".join(f"\n{one_line(note)}" for note in chosen.notes[:3]),
            "see which rows are whole with `check`",
        )
    order = {(each.row, each.frame): n for n, each in enumerate(chosen.frames)}
    return sorted(taken, key=lambda each: order[each.frame.row, each.frame.frame])


def _what_next(taken: Sequence[Taken], videos: dict[int, Path], project: Project) -> str:
    """Text that says what to do with the folders, with the lines that config.yaml needs."""
    first = {each.folder: each for each in reversed(taken)}
    entries = []
    for name, each in sorted(first.items()):
        width, height = each.size
        ending = PurePosixPath(each.frame.video).suffix or ".mp4"
        video = videos[each.frame.row].parent.absolute() / f"{name}{ending}"
        entries.append(f"  {_yaml_text(str(video))}:\n    crop: 0, {width}, 0, {height}\n")
    return (
        "Frames to label, picked by dlcctr. What to do:\n\n"
        "1. Open each folder in labeled-data in napari (with napari-deeplabcut): its pictures and\n"
        f"   machinelabels-iter{project.iteration}.h5. Correct the points, and save: files\n"
        "   CollectedData_<scorer>.csv and .h5 are made.\n"
        "2. Put them to the project, if they are not in it already; they are checked first:\n"
        "       dlcctr labels add PROJECT FOLDER/labeled-data\n"
        "3. Train on them, from the model before (on a cluster: train submit):\n"
        "       dlcctr train run PROJECT --weights PROJECT\n"
        "   What comes next says\n"
        "       dlcctr loop status PROJECT\n\n"
        "Folders that lie in the project already, and work without dlcctr, need these lines in\n"
        "video_sets of config.yaml, by which DeepLabCut finds folders. Where a folder has another\n"
        "name than its video, the entry is named after the folder. And `iteration` there is to be\n"
        "counted up, so that the training before keeps its own.\n\n"
        "video_sets:\n" + "".join(entries)
    )


def _yaml_text(text: str) -> str:
    """A text in YAML's double quotes."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in quoted)
