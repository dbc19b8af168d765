"""Open files of the steps `nwb` and `csv` with the programs that labs use; prints one JSON object.

Usage: read_step_files.py FILE, the file being what step_files.py printed. For the Python of requirements/readers.lock.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ndx_pose
import numpy as np
import pandas as pd
import pynwb
import sleap_io
from movement.io import load_dataset
from nwbinspector import inspect_nwbfile

TYPES = ndx_pose.PoseEstimation
"""Importing ndx-pose gives its objects the names of its documentation."""
FEW = 1000


def inspect(file: str) -> list[str]:
    return sorted({f"{each.importance.name} {each.check_function_name}" for each in inspect_nwbfile(nwbfile_path=file)})


def read_nwb(file: str) -> dict[str, Any]:
    """What pynwb reads: names, positions (frames, points, 3), times of every series, and what is said."""
    with pynwb.NWBHDF5IO(file, "r", load_namespaces=True) as store:
        found = store.read()
        module = found.processing["behavior"]
        poses = {name: each for name, each in module.data_interfaces.items() if name != "Skeletons"}
        series = [
            s for pose in poses.values() for s in (pose.pose_estimation_series[n] for n in pose.skeleton.nodes[:])
        ]
        video = found.acquisition["original_video"]
        subject = found.subject
        errors = pynwb.validate(io=store)
        return {
            "poses": {name: list(each.skeleton.nodes[:]) for name, each in sorted(poses.items())},
            "positions": np.stack([np.column_stack([s.data[:], s.confidence[:]]) for s in series], axis=1),
            "order": [f"{s.parent.name}/{s.name}" for s in series],
            "timestamps": [np.asarray(s.timestamps) for s in (*series, video)],
            "subject": {name: str(value) for name, value in subject.fields.items()} if subject else {},
            "start": found.session_start_time.isoformat(), "session_id": found.session_id,
            "generated_by": found.was_generated_by[:].tolist(), "unit": {s.unit for s in series},
            "reference_frame": series[0].reference_frame, "description": next(iter(poses.values())).description,
            "scorer": {each.scorer for each in poses.values()},
            "version": {each.source_software_version for each in poses.values()},
            "video": (Path(file).parent / video.external_file[0]).is_file(),
            "receipt": json.loads(found.scratch["analysis_receipt"].data)["row"]["video"],
            "errors": [str(each) for each in errors or ()],
        }  # fmt: skip


def attempt(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def positions_in(dataset: Any) -> Any:
    """(frames, individuals, points, 3) of a dataset of movement's."""
    xy = dataset.position.transpose("time", "individuals", "keypoints", "space").to_numpy()
    return np.concatenate(
        [xy, dataset.confidence.transpose("time", "individuals", "keypoints").to_numpy()[..., None]], -1
    )


def equal(ours: Any, others: Any) -> bool | str:
    return others if isinstance(others, str) else bool(np.array_equal(ours, others, equal_nan=True))


def wide(table: pd.DataFrame, frames: int) -> tuple[Any, list[str], list[str]]:
    """(frames, individuals, body parts, 3) of DeepLabCut's table, NaN where an individual has no such part."""
    several = table.columns.nlevels == 4
    whos = list(dict.fromkeys(table.columns.get_level_values(1))) if several else [""]
    parts = list(dict.fromkeys(table.columns.get_level_values(-2)))
    held = np.full((frames, len(whos), len(parts), 3), np.nan)
    for column in table.columns:
        who, part = whos.index(column[1]) if several else 0, parts.index(column[-2])
        held[: len(table), who, part, ["x", "y", "likelihood"].index(column[-1])] = table[column]
    return held, whos, parts


def read_sleap(file: str, frames: int) -> Any:
    labels = sleap_io.load_file(file)
    found = np.full((frames, len(labels.tracks), len(labels.skeleton.nodes), 3), np.nan)
    for frame in labels.labeled_frames:
        for instance in frame.instances:
            found[frame.frame_idx, labels.tracks.index(instance.track)] = instance.numpy(scores=True)
    return found


def look(case: dict[str, Any]) -> dict[str, Any]:
    frames, table = len(case["times"]), pd.read_hdf(case["h5"])
    stock, whos, parts = wide(table, frames)
    found = read_nwb(case["nwb"])
    offset = np.array([100, 50, 0]) if "its corner" in found["reference_frame"] else np.zeros(3)
    values = np.full((frames, len(table.columns) // 3, 3), np.nan)
    values[: len(table)] = table.to_numpy().reshape(len(table), -1, 3)
    seen = ~np.isnan(stock[..., 0])
    stock_sleap = np.where(seen[..., None], stock, np.nan)
    rounded = stock.astype("float32")  # as movement does with the arrays of this file
    key = next(iter(found["poses"]))
    rows = len(table)
    return {
        "inspector": inspect(case["nwb"]),
        "positions": equal(values + offset, found.pop("positions")),
        "times": all(np.array_equal(each, np.array(case["times"]), equal_nan=True) for each in found.pop("timestamps")),
        "movement_h5": attempt(lambda: equal(stock[:rows], positions_in(load_dataset(case["h5"], "DeepLabCut")))),
        "movement_csv": attempt(lambda: equal(stock[:rows], positions_in(load_dataset(case["csv"], "DeepLabCut")))),
        "movement_sleap": attempt(lambda: equal(rounded, positions_in(load_dataset(case["sleap"], "SLEAP")))),
        "movement_nwb": attempt(
            lambda: equal(
                (values + offset)[:, None, : len(found["poses"][key])],
                positions_in(
                    load_dataset(case["nwb"], "NWB", pose_estimation_key=key).sel(keypoints=found["poses"][key])
                ),
            )
        ),
        # sleap-io makes an object of every frame: the long one would take minutes
        "sleap_io": frames > FEW or attempt(lambda: equal(stock_sleap, read_sleap(case["sleap"], frames))),
        "sleap_io_csv": 0 if frames > FEW else attempt(lambda: len(sleap_io.load_file(case["csv"]).labeled_frames)),
        "names": [whos, parts],
        **{name: sorted(value) if isinstance(value, set) else value for name, value in found.items()},
    }


def main() -> None:
    warnings.simplefilter("ignore")
    cases = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = {}
    for name, case in cases.items():
        if "nwb" in case:
            print(name, flush=True)
            found[name] = look(case)
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main()
