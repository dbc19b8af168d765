"""What our loop knows of the TensorFlow engine without TensorFlow: kinds of models, batches as stock forms them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrypoint.engines.base import NotCovered
from entrypoint.engines.tensorflow.files import Project, describe_run
from entrypoint.engines.tensorflow.network import TensorFlowNetwork, check_kind, depends_on_batch
from entrypoint.loop.batch_reader import BatchReader
from entrypoint.loop.stock_batches import StockBatches
from entrypoint.protocol import Job
from entrypoint.video.pixels import stock_box
from entrypoint.video.scan import scan_video
from tests import media
from tests.unit.entrypoint.loop.test_loop import FRAMES, run
from tests.unit.support.number_network import Numbers, make_job

POSE_CFG = {
    "dataset_type": "imgaug", "num_outputs": 1, "location_refinement": True, "stride": 8.0, "net_type": "resnet_50",
    "batch_size": None, "all_joints_names": ["nose", "tail"],
}  # fmt: skip


@pytest.mark.parametrize(
    "net_type", ["resnet_50", "resnet_152", "efficientnet-b0", "mobilenet_v2_1.0", "mobilenet_v2_0.35"]
)
def test_covered_networks(net_type: str) -> None:
    check_kind({"multianimalproject": False}, {**POSE_CFG, "net_type": net_type})


@pytest.mark.parametrize(
    ("cfg", "pose_cfg", "why"),
    [
        ({"multianimalproject": True}, {}, "several animals"),
        ({}, {"dataset_type": "multi-animal-imgaug"}, "several animals"),
        ({}, {"num_outputs": 2}, "more than one position"),
        ({}, {"location_refinement": False}, "location refinement"),
        ({}, {"stride": 4.0}, "stride"),
        ({}, {"net_type": "dlcrnet_ms5"}, "none of resnet"),
    ],
)
def test_networks_that_are_left_to_stock(cfg: dict[str, Any], pose_cfg: dict[str, Any], why: str) -> None:
    with pytest.raises(NotCovered, match=why):
        check_kind(cfg, {**POSE_CFG, **pose_cfg})


@dataclass
class Node:
    op: str
    is_training: bool = False
    attr: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.attr = {"is_training": SimpleNamespace(b=self.is_training)}


def test_batch_norm_in_training_mode_depends_on_the_batch() -> None:
    assert not depends_on_batch([])
    assert not depends_on_batch([Node("Conv2D", True), Node("FusedBatchNormV3")])
    assert depends_on_batch([Node("FusedBatchNormV3"), Node("FusedBatchNormV3", True)])


def test_a_crop_is_taken_as_it_is() -> None:
    """The PyTorch engine loses a pixel where a fraction of the width cannot be held; TensorFlow cuts whole pixels."""
    job = SimpleNamespace(crop=[29, 50, 7, 90])
    assert stock_box(job.crop, 50, 96) == (28, 50, 7, 90)
    network = TensorFlowNetwork.__new__(TensorFlowNetwork)
    assert network.box(job, 50, 96) == (29, 50, 7, 90)  # type: ignore[arg-type]
    job.crop = None
    assert network.box(job, 50, 96) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("crop", [None, [11, 131, 7, 90]])
def test_what_deeplabcut_notes_of_a_video(tmp_path: Path, crop: list[int] | None) -> None:
    job = make_job(media.write_video(tmp_path / "a.mp4", 3), crop=crop)
    project = Project({"iteration": 2}, {**POSE_CFG}, 0.95, "DLC_Resnet50")
    noted = describe_run(project, job, (10.0, 12.5))
    assert (noted["nframes"], noted["fps"], noted["frame_dimensions"]) == (3, 25.0, (media.HEIGHT, media.WIDTH))
    assert noted["cropping"] is (crop is not None)
    assert noted["cropping_parameters"] == (crop or [0, media.WIDTH, 0, media.HEIGHT])
    assert (noted["run_duration"], noted["batch_size"]) == (2.5, 4)
    assert noted["DLC-model-config file"] == {**POSE_CFG, "batch_size": 4}


def stock_batches(frames: list[int], size: int) -> list[list[int]]:
    """As DeepLabCut's `GetPoseF_GTF` fills its one array."""
    array, place, batches = [-1] * size, 0, []
    for frame in frames:
        array[place] = frame
        place += 1
        if place == size:
            batches.append(list(array))
            place = 0
    return [*batches, array] if place else batches


@given(st.integers(1, 9), st.integers(1, 40))
def test_the_last_batch_is_filled_up_as_stock_does(size: int, count: int) -> None:
    frames = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    buffer, batches, found = np.zeros((size, 1, 1, 1), np.uint8), StockBatches(size), []
    for first in range(0, count, size):
        part = frames[first : first + size]
        buffer[: len(part)] = part
        if count < size:
            with pytest.raises(NotCovered, match=f"only {count} frames for one of {size}"):
                batches.fill(buffer[: len(part)])
            return
        found.append(batches.fill(buffer[: len(part)]).ravel().tolist())
        buffer[:] = 255  # the reader uses it again
    assert found == stock_batches(list(range(count)), size)


class OtherReader(Numbers):
    """Stock reads pictures of its own."""

    def __init__(self, edit: int) -> None:
        super().__init__()
        self.edit = edit

    def first_picture(self, job: Job) -> Any:
        found = scan_video(Path(job.video))
        with BatchReader(Path(job.video), found, batch_size=1, box=None, allocate=self.allocate) as reader:
            picture = next(iter(reader))[0].copy()
        picture[50, 60, 0] += self.edit
        return picture


@pytest.mark.parametrize("crop", [None, [11, 131, 7, 90]])
def test_pictures_that_are_not_stock_s_are_left_to_stock(tmp_path: Path, crop: list[int] | None) -> None:
    job = make_job(media.write_video(tmp_path / "a.mp4", FRAMES), crop=crop)
    assert run(job, OtherReader(0)) is not None
    network = OtherReader(1)
    with pytest.raises(NotCovered, match="other pixels"):
        run(job, network)
    assert network.written is None


def test_pictures_that_stock_gets_wrong_are_no_measure(tmp_path: Path) -> None:
    job = make_job(media.write_video(tmp_path / "a.mp4", FRAMES))
    lost = replace(job.found, stream=job.frames + 1, missing=[[0, 1]])
    assert run(replace(job, scan=lost), OtherReader(1)) is not None
    media.write_video(Path(job.video), FRAMES, bframes=0, options={"crf": "1", "x264-params": "interlaced=1"})
    assert run(make_job(Path(job.video)), OtherReader(1)) is not None


class Whole(Numbers):
    """The likelihood is the sum of all numbers of a batch."""

    batch_matters = True

    def predict(self, frames: Any) -> Any:
        poses = super().predict(frames)
        if len(frames) > 1:
            poses[..., 2] = poses[:, 0, 0].sum()
        return poses


def test_a_network_in_which_the_batch_matters_gets_whole_ones(tmp_path: Path) -> None:
    network = Whole()
    poses = run(make_job(media.write_video(tmp_path / "a.mp4", FRAMES)), network)
    assert poses[:, 0, 0].tolist() == list(range(FRAMES))
    assert network.batches == [1, *[4] * 6]
    assert poses[16:, 0, 2].tolist() == [sum((16, 17, 18, 19))] * 4 + [sum((20, 21, 22, 19))] * 3


def test_less_than_a_batch_is_left_to_stock(tmp_path: Path) -> None:
    network = Whole()
    with pytest.raises(NotCovered, match="only 3 frames"):
        run(make_job(media.write_video(tmp_path / "a.mp4", 3)), network)
    assert network.written is None
