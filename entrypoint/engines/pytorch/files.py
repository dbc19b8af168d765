"""DeepLabCut's files of the PyTorch engine, through its own writers (3.0.2, apis/videos.py), with flat memory."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrypoint.engines import output_files
from entrypoint.engines.pytorch.streamed_pickle import DictPickle
from entrypoint.protocol import Job
from entrypoint.video.pixels import stock_box


@dataclass(frozen=True)
class Project:
    """Facts about a project for DeepLabCut's writers."""

    project_cfg: Any
    model_cfg: Any
    pose_cfg: dict[str, Any]
    train_fraction: float

    @classmethod
    def of(cls, loader: Any, job: Job) -> Project:
        """Read from DeepLabCut's `DLCLoader`."""
        from deeplabcut.utils import auxiliaryfunctions

        return cls(
            loader.project_cfg,
            loader.model_cfg,
            auxiliaryfunctions.read_plainconfig(loader.model_folder.parent / "test" / "pose_cfg.yaml"),
            loader.project_cfg["TrainingFraction"][job.trainset_index],
        )

    @property
    def n_bodyparts(self) -> int:
        """Body parts of the model."""
        return len(self.model_cfg["metadata"]["bodyparts"])


@dataclass(frozen=True)
class _Video:
    """The properties that DeepLabCut's writer asks its video reader for, as found by the scan."""

    dimensions: tuple[int, int]
    fps: float
    n_frames: int

    def get_n_frames(self, robust: bool = False) -> int:
        return self.n_frames


class _Predictions(Sequence[dict[str, Any]]):
    """Positions as the list that DeepLabCut's runner returns, each entry made when it is asked for."""

    def __init__(self, poses: Any) -> None:
        self._poses = poses

    def __len__(self) -> int:
        return len(self._poses)

    def __getitem__(self, place: Any) -> Any:
        return {"bodyparts": self._poses[place][None]}


def write_files(project: Project, scorer: str, job: Job, poses: Any, runtime: tuple[float, float]) -> None:
    """Write the .h5, the .csv if wanted, _full.pickle and _meta.pickle; parameters as of `Network.write`."""
    import numpy
    from deeplabcut.pose_estimation_pytorch.apis import videos

    folder, prefix = Path(job.folder), Path(job.video).stem + scorer
    poses = numpy.asarray(poses)  # views of a plain array cost less
    metadata = videos._generate_metadata(
        cfg=project.project_cfg,
        pytorch_config=project.model_cfg,
        dlc_scorer=scorer,
        train_fraction=project.train_fraction,
        batch_size=job.batch_size or 1,
        cropping=job.crop,
        runtime=runtime,
        video=_video(job),
    )
    with (folder / f"{prefix}_meta.pickle").open("wb") as file:
        pickle.dump(metadata, file, pickle.HIGHEST_PROTOCOL)
    with DictPickle(folder / f"{prefix}_full.pickle") as full:
        _write_full(full, project, poses, videos._generate_output_data)
    videos.create_df_from_prediction(
        predictions=_Predictions(poses),
        multi_animal=False,
        model_cfg=project.model_cfg,
        dlc_scorer=scorer,
        output_path=folder,
        output_prefix=prefix,
        save_as_csv=job.csv,
    )


def _video(job: Job) -> _Video:
    width, height, fps = job.found.width, job.found.height, job.found.fps
    if box := stock_box(job.crop, width, height):
        width, height = box[1] - box[0], box[3] - box[2]
    return _Video((width, height), round(fps, 2), job.frames)


def _write_full(full: DictPickle, project: Project, poses: Any, generate: Any) -> None:
    """Write DeepLabCut's dictionaries of all frames, which `generate` (`_generate_output_data`) makes."""
    frames = len(poses)
    if not frames:
        return
    metadata = generate(project.pose_cfg, _Predictions(poses[:1]))["metadata"]
    digits = output_files.frame_digits(frames)
    full.add([("metadata", {**metadata, "nframes": frames, "key_str_width": digits})])

    def make(pose: Any) -> Any:
        _, entry = generate(project.pose_cfg, _Predictions(pose[None])).values()
        return entry

    full.add_alike([output_files.frame_name(number, frames) for number in range(frames)], poses, make)
