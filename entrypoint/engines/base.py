"""What every engine offers, and how one is loaded."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from dlcctr.results.sections import DeviceUsed
from entrypoint.protocol import Job

if TYPE_CHECKING:
    from entrypoint.video.pixels import Box


TF32_SINCE = (8, 0)
"""Compute capability of the first GPUs that know TF32."""


@dataclass(frozen=True)
class EngineFacts:
    """An engine that was imported: whether this build can use a GPU here, and its versions of CUDA and cuDNN.

    Parameters
    ----------
    fixes : tuple of str
        Names of faults of DeepLabCut that are fixed in it.
    """

    cuda: bool
    cuda_version: str = ""
    cudnn_version: str = ""
    fixes: tuple[str, ...] = ()


class Engine(Protocol):
    """What both engine modules offer."""

    def load(self, threads: int) -> EngineFacts:
        """Import all that an analysis needs."""

    def analyze(self, job: Job) -> str:
        """Call stock `analyze_videos`. Returns the scorer."""

    def open_network(self, job: Job) -> Network:
        """Network of a job for our own loop; raises `NotCovered`."""

    def device_used(self, job: Job) -> DeviceUsed:
        """Where the network really ran; raises `GpuError` where that is not what the job asked for."""


def tracking_options(job: Job) -> dict[str, Any]:
    """Arguments of `analyze_videos` about the animals; the tracker is in the job's own config.yaml."""
    given = {
        "animal_names": list(job.tracking.individuals) or None,
        "n_tracks": job.tracking.n_tracks,
        "identity_only": job.tracking.identity,
    }
    return {name: value for name, value in given.items() if value is not None}


def get_engine(name: str) -> Engine:
    """Module of an engine, ``pytorch`` or ``tensorflow``."""
    return cast(Engine, importlib.import_module(f"entrypoint.engines.{name}.engine"))


Finish = Callable[[], Any]
"""Waits for the positions of a batch that was begun: ndarray (n, n_bodyparts, 3)."""


class NotCovered(Exception):
    """The loop cannot reproduce stock DeepLabCut here; its text completes "because …"."""


class Network(Protocol):
    """A network on its device, with all of its preprocessing and its reading of the network's maps.

    Attributes
    ----------
    scorer : str
        DeepLabCut's name of the model in columns and files.
    n_bodyparts : int
    batch_matters : bool
        Frames in a batch affect each other's positions, so batches must be those of stock DeepLabCut.
    ahead : int
        Batches that may be begun before the positions of an earlier one are asked for, so that the device never waits.
    """

    scorer: str
    n_bodyparts: int
    batch_matters: bool
    ahead: int

    def box(self, job: Job, width: int, height: int) -> Box | None:
        """Part of each picture that stock DeepLabCut looks at: ``(x1, x2, y1, y2)`` in px; None for all of it.

        Parameters
        ----------
        width, height : int
            Of the video's pictures in px, as OpenCV gives them.
        """

    def allocate(self, shape: tuple[int, ...]) -> Any:
        """Room for a batch, uint8, from which copies to the device are fast."""

    def use_openvino(self, job: Job, size: tuple[int, int]) -> str:
        """Let OpenVINO compute the network, for pictures of `size` (height, width). Returns its name and version.

        Raises
        ------
        NotCovered
            OpenVINO is not installed, or cannot take this network.
        """

    def use_engine(self) -> str:
        """Let the engine that built the network compute it again, in float32. Returns the engine's name and version."""

    def tune(self, frames: Any, equal: Callable[[Any, Any], bool]) -> str:
        """Measure what is fastest on this device for batches like this one, and choose it.

        Parameters
        ----------
        equal : callable
            Whether two arrays of positions are equal; what gives others is not chosen.

        Returns
        -------
        str
            What was chosen, if it is not the usual.
        """

    def use_precision(self, name: str) -> None:
        """Let it compute in ``fp16`` or ``bf16`` instead; positions are read from the maps in float32 all the same.

        Raises
        ------
        NotCovered
            It cannot.
        """

    def predict(self, frames: Any) -> Any:
        """Positions in frames.

        Parameters
        ----------
        frames : ndarray, (n, height, width, 3)
            uint8, BGR as OpenCV reads pictures.

        Returns
        -------
        ndarray, (n, n_bodyparts, 3)
            float32: x, y in px from the top left of the frames, likelihood 0-1.
        """

    def start(self, frames: Any) -> Finish:
        """Begin with a batch; parameters as of `predict`.

        `frames` may be overwritten once this returns.

        Returns
        -------
        callable
            Waits for the positions, and gives what `predict` gives.
        """

    def predict_as_stock(self, frame: Any) -> Any:
        """The same for one frame (height, width, 3), through DeepLabCut's own runner: (n_bodyparts, 3)."""

    def is_out_of_memory(self, error: Exception) -> bool:
        """Whether a smaller batch may help against an error of `predict`."""

    def release_memory(self) -> None:
        """Return cached memory to the device, after an error of that kind."""

    def write(self, job: Job, poses: Any, runtime: tuple[float, float]) -> None:
        """Write DeepLabCut's own files into the job's folder.

        Parameters
        ----------
        poses : ndarray, (n_frames, n_bodyparts, 3)
            Positions in all stream frames; NaN with likelihood 0 where one did not decode.
        runtime : tuple of float
            When the analysis began and ended, in seconds since 1970.
        """
