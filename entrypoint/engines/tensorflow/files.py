"""What DeepLabCut's `analyze_videos` of the TensorFlow engine knows of a project, and its files (3.0.2)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrypoint.protocol import Job

COORDS = ["x", "y", "likelihood"]


@dataclass(frozen=True)
class Project:
    """Settings of a project and of one snapshot.

    Parameters
    ----------
    cfg : dict
        config.yaml.
    pose_cfg : dict
        test/pose_cfg.yaml over DeepLabCut's defaults; the network that is made of it may add to it.
    """

    cfg: dict[str, Any]
    pose_cfg: dict[str, Any]
    train_fraction: float
    scorer: str

    @classmethod
    def of(cls, job: Job) -> Project:
        """Read as `analyze_videos` reads it before its first video."""
        from deeplabcut.pose_estimation_tensorflow.config import load_config
        from deeplabcut.utils import auxiliaryfunctions

        cfg = auxiliaryfunctions.read_config(job.config)
        fraction = cfg["TrainingFraction"][job.trainset_index]
        folder = Path(cfg["project_path"]) / auxiliaryfunctions.get_model_folder(fraction, job.shuffle, cfg)
        pose_cfg = load_config(str(folder / "test" / "pose_cfg.yaml"))
        snapshots = auxiliaryfunctions.get_snapshots_from_folder(folder / "train")
        snapshot = snapshots[-1 if cfg["snapshotindex"] == "all" else cfg["snapshotindex"]]
        pose_cfg["init_weights"] = str(folder / "train" / snapshot)
        pose_cfg["num_outputs"] = cfg.get("num_outputs", pose_cfg.get("num_outputs", 1))
        scorer, _ = auxiliaryfunctions.get_scorer_name(
            cfg, job.shuffle, fraction, trainingsiterations=snapshot.split("-")[-1]
        )
        return cls(cfg, pose_cfg, fraction, scorer)

    @property
    def bodyparts(self) -> list[str]:
        """Body parts in the order of the network's maps."""
        return list(self.pose_cfg["all_joints_names"])


def write_files(project: Project, job: Job, poses: Any, runtime: tuple[float, float]) -> None:
    """Write the .h5, the .csv if wanted, and _meta.pickle; parameters as of `Network.write`."""
    import numpy
    import pandas
    from deeplabcut.utils import auxiliaryfunctions

    columns = pandas.MultiIndex.from_product(
        [[project.scorer], project.bodyparts, COORDS], names=["scorer", "bodyparts", "coords"]
    )
    auxiliaryfunctions.save_data(
        numpy.asarray(poses, numpy.float64).reshape(job.frames, -1),
        {"data": describe_run(project, job, runtime)},
        Path(job.folder) / f"{Path(job.video).stem}{project.scorer}.h5",
        columns,
        range(job.frames),
        job.csv,
    )


def describe_run(project: Project, job: Job, runtime: tuple[float, float]) -> dict[str, Any]:
    """The entries that `AnalyzeVideo` records about a video, in its order; sizes in px before cropping."""
    width, height = job.found.width, job.found.height
    batch_size = job.batch_size or 1
    return {
        "start": runtime[0],
        "stop": runtime[1],
        "run_duration": runtime[1] - runtime[0],
        "Scorer": project.scorer,
        "DLC-model-config file": {**project.pose_cfg, "batch_size": batch_size},
        "fps": job.found.fps,
        "batch_size": batch_size,
        "frame_dimensions": (height, width),
        "nframes": job.frames,
        "iteration (active-learning)": project.cfg["iteration"],
        "training set fraction": project.train_fraction,
        "cropping": job.crop is not None,
        "cropping_parameters": list(job.crop) if job.crop else [0, width, 0, height],
    }
