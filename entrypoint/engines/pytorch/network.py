"""A network of DeepLabCut's PyTorch engine: single-animal, bottom-up, with nothing but normalisation before it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dlcctr.campaign.precision import BF16, FP16
from entrypoint.engines import openvino, versions
from entrypoint.engines.base import Finish, NotCovered
from entrypoint.engines.gpu_failures import is_gpu_memory
from entrypoint.engines.pytorch import group_norm
from entrypoint.engines.pytorch.files import Project, write_files
from entrypoint.engines.pytorch.overlap import Overlap
from entrypoint.protocol import Job
from entrypoint.video.pixels import Box, stock_box

OUT_OF_MEMORY = ("out of memory", "can't allocate memory")
"""PyTorch's messages for a lack of memory on GPUs and CPUs."""

USUAL = "channels last"
LAYOUTS = (USUAL, "channels first")
"""How maps lie in memory: the usual, and what else is tried on a GPU."""
FASTER = 0.95
"""Share of the usual layout's time from which on another one is worth it."""
TIMED = 3
SEPARATOR = "/"
"""Between a head's name and a map's: DeepLabCut's are identifiers of Python."""

Step = Callable[[Any], Any]


def open_network(job: Job) -> TorchNetwork:
    """Let DeepLabCut build a job's network as its `analyze_videos` does (3.0.2, apis/videos.py), and load its weights.

    Raises
    ------
    NotCovered
        The model is of a kind that is left to stock DeepLabCut.
    """
    from deeplabcut.pose_estimation_pytorch.apis import utils
    from deeplabcut.pose_estimation_pytorch.data import DLCLoader

    loader = DLCLoader(job.config, trainset_index=job.trainset_index, shuffle=job.shuffle)
    _check_kind(loader)
    index, _ = utils.parse_snapshot_index_for_analysis(loader.project_cfg, loader.model_cfg, None, None)
    snapshot = utils.get_model_snapshots(index, loader.model_folder, loader.pose_task)[0]
    loader.model_cfg["device"] = "cuda:0" if job.device == "cuda" else "cpu"
    runner = utils.get_pose_inference_runner(
        model_config=loader.model_cfg, snapshot_path=snapshot.path, max_individuals=1, batch_size=1
    )
    return TorchNetwork(runner, Project.of(loader, job), loader.scorer(snapshot, None))


def _check_kind(loader: Any) -> None:
    from deeplabcut.pose_estimation_pytorch.task import Task

    model = loader.model_cfg
    metadata, inference = model["metadata"], model["inference"]
    if loader.project_cfg["multianimalproject"] or len(metadata["individuals"]) > 1:
        raise NotCovered("the model is for several animals")
    if loader.pose_task != Task.BOTTOM_UP:
        raise NotCovered(f"the model is not bottom-up but {loader.pose_task.name.lower().replace('_', ' ')}")
    if metadata["unique_bodyparts"] or metadata["with_identity"]:
        raise NotCovered("the model has unique body parts, or tells animals apart")
    if inference["autocast"]["enabled"] or inference["compile"]["enabled"]:
        raise NotCovered("its inference settings ask for autocast or compile")


class TorchNetwork:
    """See `entrypoint.engines.base.Network`.

    Frames go to the device as bytes; they are turned to RGB and normalised there. ``channels_last`` is how they lie in
    memory anyway, and how convolutions are fastest.
    """

    def __init__(self, runner: Any, project: Project, scorer: str) -> None:
        import torch

        self._runner, self._project = runner, project
        self._steps = normalisation(runner.preprocessor, runner.device)
        self._model, self._layout = runner.model.to(memory_format=torch.channels_last), torch.channels_last
        self._compiled: openvino.Compiled | None = None
        self._precision: Any = None
        self._pinned = str(runner.device).startswith("cuda")
        self._overlap = Overlap(runner.device, self._positions) if self._pinned else None
        self.ahead = 1 if self._overlap else 0
        self.scorer, self.n_bodyparts, self.batch_matters = scorer, project.n_bodyparts, False

    def box(self, job: Job, width: int, height: int) -> Box | None:
        return stock_box(job.crop, width, height)

    def allocate(self, shape: tuple[int, ...]) -> Any:
        import torch

        return torch.empty(shape, dtype=torch.uint8, pin_memory=self._pinned).numpy()

    def predict(self, frames: Any) -> Any:
        import torch

        if self._compiled is None:
            return self._positions(torch.from_numpy(frames).to(self._runner.device)).cpu().numpy()
        with torch.inference_mode():
            return self._read(self._maps_by_openvino(frames)).numpy()

    def start(self, frames: Any) -> Finish:
        if self._overlap and self._compiled is None:
            return self._overlap.start(frames)
        positions = self.predict(frames)
        return lambda: positions

    def _positions(self, batch: Any) -> Any:
        """Positions in frames (n, height, width, 3) on the device, computed there by the engine."""
        import torch

        with torch.inference_mode():
            pictures = prepare(batch, self._steps).contiguous(memory_format=self._layout)
            if self._precision is None:
                return self._read(self._model(pictures))
            with torch.autocast(batch.device.type, dtype=self._precision):
                maps = self._model(pictures)
            # In 16 bits a place in a picture of 640 px would be known to half a pixel, or to two
            return self._read({head: {kind: each.float() for kind, each in of.items()} for head, of in maps.items()})

    def _read(self, maps: Any) -> Any:
        """Positions (n, n_bodyparts, 3), float32, as DeepLabCut's predictor reads them from the network's maps."""
        import torch

        found = self._model.get_predictions(maps)
        poses = found["bodypart"]["poses"]
        if poses.ndim != 4 or poses.shape[1] != 1 or set(found) != {"bodypart"}:
            raise NotCovered("the network finds more than one position for each body part")
        return poses[:, 0, :, :3].to(torch.float32)

    def _maps_by_openvino(self, frames: Any) -> Any:
        import torch

        assert self._compiled is not None
        maps: dict[str, dict[str, Any]] = {}
        for name, values in self._compiled(frames).items():
            head, _, kind = name.partition(SEPARATOR)
            maps.setdefault(head, {})[kind] = torch.from_numpy(values)
        return maps

    def use_openvino(self, job: Job, size: tuple[int, int]) -> str:
        self._compiled = openvino.open_compiled(job, size, lambda: export(self._model, self._steps, size))
        return f"OpenVINO {versions.openvino_version()}"

    def use_engine(self) -> str:
        import torch

        self._compiled = self._precision = None
        return f"PyTorch {torch.__version__}"

    def tune(self, frames: Any, equal: Callable[[Any, Any], bool]) -> str:
        """Choose the layout of maps: on a GPU `channels_last` is faster for convolutions and slower for group norm."""
        import torch

        if not self._pinned:
            return ""
        times, found = dict[str, float](), dict[str, Any]()
        try:
            batch = torch.from_numpy(frames).to(self._runner.device)
            for layout in LAYOUTS:
                self._lay_out(layout)
                found[layout] = self._positions(batch).cpu().numpy()  # cuDNN chooses its algorithms meanwhile
                times[layout] = _time(lambda: self._positions(batch), self._runner.device)
        except Exception as error:
            if not self.is_out_of_memory(error):
                raise
            self.release_memory()
            times.clear()
        usual, other = LAYOUTS
        best = other if times and times[other] < FASTER * times[usual] and equal(found[other], found[usual]) else usual
        self._lay_out(best)
        return "" if best == usual else best

    def _lay_out(self, name: str) -> None:
        import torch

        self._layout = getattr(torch, {USUAL: "channels_last"}.get(name, "contiguous_format"))
        self._model = self._model.to(memory_format=self._layout)

    def use_precision(self, name: str) -> None:
        import torch

        self._precision = {FP16: torch.float16, BF16: torch.bfloat16}[name]

    def predict_as_stock(self, frame: Any) -> Any:
        import numpy

        (found,) = self._runner.inference([numpy.ascontiguousarray(frame[..., ::-1])])
        return found["bodyparts"][0]

    def is_out_of_memory(self, error: Exception) -> bool:
        import torch

        known = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or openvino.is_out_of_memory(error)
        text = str(error)
        told = any(word in text.lower() for word in OUT_OF_MEMORY) or is_gpu_memory(text)
        return known or (isinstance(error, RuntimeError) and told)

    def release_memory(self) -> None:
        import torch

        if self._pinned:
            torch.cuda.empty_cache()

    def write(self, job: Job, poses: Any, runtime: tuple[float, float]) -> None:
        write_files(self._project, self.scorer, job, poses, runtime)


def _time(run: Callable[[], object], device: Any) -> float:
    """Seconds that something takes on a GPU, on average."""
    import torch

    torch.cuda.synchronize(device)
    start = time.perf_counter()
    for _ in range(TIMED):
        run()
    torch.cuda.synchronize(device)
    return (time.perf_counter() - start) / TIMED


def prepare(frames: Any, steps: list[Step]) -> Any:
    """Frames (n, height, width, 3), uint8, BGR, as the network takes them: (n, 3, height, width), normalised."""
    import torch

    batch = frames.flip(-1).permute(0, 3, 1, 2).to(torch.float32)
    for step in steps:
        batch = step(batch)
    return batch


def export(model: Any, steps: list[Step], size: tuple[int, int]) -> Any:
    """Make OpenVINO's model of a network: frames (n, *size, 3) in, as bytes; ``head/kind`` of each of its maps out.

    Raises
    ------
    NotCovered
        The network's outputs are not maps by head.
    """
    import torch

    example = torch.zeros(1, *size, 3, dtype=torch.uint8)

    class Flat(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, frames: Any) -> Any:
            return tuple(values for maps in self.model(prepare(frames, steps)).values() for values in maps.values())

    with torch.inference_mode():
        names = [f"{head}{SEPARATOR}{kind}" for head, maps in model(prepare(example, steps)).items() for kind in maps]
    with torch.no_grad(), group_norm.in_steps():
        made = openvino.load().convert_model(Flat(), example_input=example)
    made.reshape([-1, *size, 3])
    for name, output in zip(names, made.outputs, strict=True):
        output.get_tensor().set_names({name})
    return made


def normalisation(preprocessor: Any, device: Any) -> list[Step]:
    """DeepLabCut's normalisation of a picture's values, for batches (n, 3, height, width) on a device.

    The arithmetic is albumentations' own, number by number in float32.

    Raises
    ------
    NotCovered
        The preprocessor does more: it pads, resizes or changes pictures.
    """
    from deeplabcut.pose_estimation_pytorch.data.preprocessor import (
        AugmentImage,
        ComposePreprocessor,
        LoadImage,
        ToBatch,
        ToTensor,
    )

    parts = preprocessor.components if isinstance(preprocessor, ComposePreprocessor) else []
    if [type(part) for part in parts] != [LoadImage, AugmentImage, ToTensor, ToBatch]:
        raise NotCovered("DeepLabCut prepares pictures for this model in another way")
    return [_step(transform, device) for transform in parts[1].transform.transforms]


def _step(transform: Any, device: Any) -> Step:
    import albumentations
    from deeplabcut.pose_estimation_pytorch.data.transforms import ScaleToUnitRange

    if type(transform) is ScaleToUnitRange and transform.p == 1:
        return lambda batch: batch.div_(255.0)
    if type(transform) is albumentations.Normalize and (transform.always_apply or transform.p == 1):
        return _Normalize.of(transform, device)
    raise NotCovered(f"its pictures are not only normalised ({type(transform).__name__})")


@dataclass(frozen=True)
class _Normalize:
    mean: Any
    factor: Any

    @classmethod
    def of(cls, transform: Any, device: Any) -> _Normalize:
        import numpy
        import torch

        mean = numpy.array(transform.mean, numpy.float32)
        mean *= transform.max_pixel_value
        deviation = numpy.array(transform.std, numpy.float32)
        deviation *= transform.max_pixel_value
        factor = numpy.reciprocal(deviation, dtype=numpy.float32)
        return cls(*(torch.from_numpy(each).to(device).view(1, 3, 1, 1) for each in (mean, factor)))

    def __call__(self, batch: Any) -> Any:
        return batch.sub_(self.mean).mul_(self.factor)
