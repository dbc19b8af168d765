"""`analyze` in the native environments: equal to stock for every kind of project, and honest about lost frames."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.campaign.validate import LONGEST_ENDINGS
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.contract import ELLIPSE_FIX, FIXES_KEY, row_folder
from dlcctr.model.inspection import inspect_model
from dlcctr.quality.record import QUALITY_FILENAME, TABLE_FILENAME, read_quality
from dlcctr.results.receipt import Receipt, read_receipt
from tests import media
from tests.integration.support.tiny_models import KINDS, make_model

SUPPORT = Path(__file__).parent / "support"
ROOT = SUPPORT.parents[1]
FRAMES = 40


@dataclass(frozen=True)
class Native:
    """An environment with DeepLabCut, and a tiny project of one kind."""

    python: Path
    engine: str
    model: Path
    folder: Path

    def call(self, *words: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([self.python, *words], capture_output=True, text=True, check=False, cwd=self.folder)
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        return done

    def analyse(self, video: Path, *options: str, code: int = 0) -> Path:
        """`analyze` of one video. Gives the row's folder."""
        manifest = self.folder / f"{video.name}.csv"
        write_manifest(manifest, [Row(0, video.name, fingerprint=fingerprint(video))])
        out = self.folder / "out"
        words = ["analyze", "--index", "0", "--manifest", manifest, "--model", self.model, "--out", out]
        words += ["--video-root", video.parent, "--device", "cpu", *options]
        self.call("-I", "-c", BOOT, ROOT, *words, code=code)
        return row_folder(out, inspect_model(self.model).id, video.name)

    def stock(self, video: Path, code: int = 0) -> Path:
        """DeepLabCut by hand, on a copy of the project. Gives the folder of its files."""
        project, target = self.folder / "stock-project", self.folder / f"stock-{video.name}"
        if not project.exists():
            shutil.copytree(self.model, project)
        target.mkdir()
        boot = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(SUPPORT)!r}]; import stock; stock.main()"
        self.call("-I", "-c", boot, project / "config.yaml", video, target, self.engine, code=code)
        return target

    def compare(self, ours: Path, theirs: Path) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.call(SUPPORT / "compare_h5.py", ours, theirs).stdout)
        return answer

    def table(self, h5: Path) -> dict[str, Any]:
        """Index, number type, key and the rows in which everything is NaN or 0, of an .h5."""
        return dict(json.loads(self.call("-I", "-c", SUMMARY, h5).stdout))


BOOT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from dlcctr.cli import catch; from entrypoint.app import main; "
)
BOOT += "sys.exit(catch(main))"
SUMMARY = """
import json, sys, pandas
store = pandas.HDFStore(sys.argv[1], "r")
(key,) = store.keys()
table = store.get(key)
levels = table.columns.get_level_values("coords")
lost = table.loc[:, levels != "likelihood"].isna().all(axis=1) & (table.loc[:, levels == "likelihood"] == 0).all(axis=1)
print(json.dumps({"key": key, "rows": len(table), "index": [int(table.index[0]), int(table.index[-1])],
                  "dtype": str(table.dtypes.iloc[0]), "lost": [int(n) for n in table.index[lost]],
                  "x": table.iloc[:, 0].tolist()}))
"""


def calm_video(path: Path, frames: int = FRAMES, **options: Any) -> Path:
    """A still picture with a small moving mark: what a random network sees in it stays where it is."""
    import av
    import numpy

    height = options.get("height", 120)
    background = numpy.random.default_rng(3).integers(0, 255, (height // 8, 20, 3), numpy.uint8)
    background = background.repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as out:
        codec = options.get("codec", "libx264")
        stream: Any = out.add_stream(codec, rate=25, options={"crf": "12"} if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt = 160, height, options.get("pix_fmt", "yuv420p")
        for number in range(frames):
            picture = background.copy()
            picture[50:54, 10 + number : 14 + number] = (250, 20, 20)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def tiny_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture(
    params=[pytest.param(k, marks=pytest.mark.full) if k == "tensorflow-multi" else pytest.param(k) for k in KINDS]
)
def native(request: pytest.FixtureRequest, tiny_cache: Path, tmp_path: Path) -> Native:
    return get_native(request, request.param, tiny_cache, tmp_path)


def get_native(request: pytest.FixtureRequest, kind: str, cache: Path, folder: Path) -> Native:
    engine = kind.partition("-")[0]
    python: Path = request.getfixturevalue(f"native_{engine}")
    return Native(python, engine, make_model(python, kind, cache), folder)


def receipt_of(folder: Path) -> Receipt:
    receipt = read_receipt(folder)
    assert receipt is not None
    return receipt


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


@pytest.mark.real
def test_every_kind_of_project_equals_stock(native: Native) -> None:
    video = calm_video(native.folder / "calm, a_labeled.h5 video.mp4")
    before = tree(native.model)
    ours = native.analyse(video, "--path", "stock")
    assert tree(native.model) == before
    plain = native.folder / "calm.mp4"
    shutil.copy(video, plain)  # DeepLabCut refuses the name itself
    theirs = native.stock(plain)
    (our_h5,), (their_h5,) = ours.glob("*.h5"), theirs.glob("*.h5")
    found = native.compare(our_h5, their_h5)
    assert found["equal"], found
    assert (found["max_px"], found["max_likelihood"]) == (0.0, 0.0)
    assert {f.name.removeprefix(video.stem) for f in ours.glob("*DLC*")} == {
        f.name.removeprefix(plain.stem) for f in theirs.iterdir()
    }
    (our_csv,), (their_csv,) = ours.glob("*.csv"), theirs.glob("*.csv")
    assert our_csv.read_bytes() == their_csv.read_bytes()
    receipt = receipt_of(ours)
    assert (receipt.state.value, receipt.path, receipt.columns.rows) == ("ok", "stock", found["rows"])
    assert receipt.software[FIXES_KEY] == ELLIPSE_FIX
    model = inspect_model(native.model)
    assert receipt.model.scorer == model.scorer
    endings = [f.name.removeprefix(video.stem + model.scorer) for f in ours.glob("*DLC*")]
    assert max(map(len, endings)) == len(LONGEST_ENDINGS[model.multianimal]), endings
    assert {QUALITY_FILENAME, TABLE_FILENAME} <= {entry.name for entry in receipt.files}, "it was not judged"
    quality = read_quality(ours)
    assert quality is not None
    assert {part.individual for part in quality.parts} == set(model.individuals or [""])
    assert receipt.flags == quality.flag_names
    assert quality.summary["brightness"] > 0


def punch(video: Path, frames: int) -> None:
    """Destroy the packets in the middle of a video of key frames only."""
    data = bytearray(video.read_bytes())
    middle, size = len(data) // 2, len(data) // frames
    data[middle : middle + 2 * size] = bytes(2 * size)
    video.write_bytes(data)


@pytest.mark.real
@pytest.mark.parametrize(
    "native", [k if k == "pytorch-single" else pytest.param(k, marks=pytest.mark.full) for k in KINDS], indirect=True
)
def test_lost_frames_have_their_place(native: Native) -> None:
    video = calm_video(native.folder / "hole.mp4", codec="mjpeg", pix_fmt="yuvj420p")
    whole = native.folder / "whole.mp4"
    shutil.copy(video, whole)
    punch(video, FRAMES)
    damaged, intact = native.analyse(video, "--path", "stock"), native.analyse(whole, "--path", "stock")
    receipt = receipt_of(damaged)
    assert receipt.frames is not None
    lost = [n for first, stop in receipt.frames.missing for n in range(first, stop)]
    assert 2 <= len(lost) <= 6
    assert (receipt.state.value, receipt.path) == ("degraded", "stock-reencoded")
    (h5,), (other,) = damaged.glob("*.h5"), intact.glob("*.h5")
    ours, reference = native.table(h5), native.table(other)
    assert ours["rows"] == receipt.columns.rows == FRAMES
    assert ours["index"] == [0, FRAMES - 1]
    assert ours["lost"] == lost
    assert (ours["key"], ours["dtype"]) == (reference["key"], reference["dtype"])
    if native.model.name.endswith("single"):  # tracks of several animals depend on what came before
        for n, (mine, theirs) in enumerate(zip(ours["x"], reference["x"], strict=True)):
            assert n in lost or abs(mine - theirs) <= 0.01, n
    (csv,) = damaged.glob("*.csv")
    header = len(csv.read_text().splitlines()) - FRAMES
    assert [line.split(",")[0] for line in csv.read_text().splitlines()[header:]] == [str(n) for n in range(FRAMES)]
    check_pickles(native, damaged, lost)


def check_pickles(native: Native, folder: Path, lost: list[int]) -> None:
    """Frame numbers in DeepLabCut's pickles are the stream's."""
    for file in folder.glob("*_full.pickle"):
        code = (
            "import json, pickle, sys; d = pickle.load(open(sys.argv[1], 'rb')); "
            "print(json.dumps([d['metadata']['nframes'], sorted(k for k in d if k != 'metadata')]))"
        )
        frames, names = json.loads(native.call("-I", "-c", code, file).stdout)
        assert frames == FRAMES
        held = {int(name.removeprefix("frame")) for name in names}
        assert held | set(lost) == set(range(FRAMES))
        assert all(len(name) == len("frame39") for name in names)


@pytest.mark.real
@pytest.mark.parametrize("kind", ["pytorch-single", "tensorflow-single"])
def test_a_snapshot_a_crop_and_a_batch_size(
    request: pytest.FixtureRequest, tiny_cache: Path, tmp_path: Path, kind: str
) -> None:
    native = get_native(request, kind, tiny_cache, tmp_path)
    video = media.write_video(tmp_path / "a.mp4", 10)
    native.analyse(video, "--snapshot", "0", "--crop", "10,100,5,90", "--batch-size", "2", "--no-csv")
    model = inspect_model(native.model, snapshot="0")
    folder = row_folder(tmp_path / "out", model.id, "a.mp4")
    receipt = receipt_of(folder)
    assert receipt.model.snapshot in ("snapshot-005", "snapshot-5")
    assert receipt.model.scorer == model.scorer
    assert receipt.parameters.crop == (10, 100, 5, 90)
    assert receipt.parameters.batch_size == 2
    assert not list(folder.glob("*.csv"))


EVIL = """
import os, sys
sys.path.insert(0, sys.argv[1])
from types import SimpleNamespace
from entrypoint.engines.pytorch import engine, weights
engine.load(1)
import torch
from deeplabcut.pose_estimation_pytorch.runners.base import attempt_snapshot_load
class Evil:
    def __reduce__(self):
        return os.mkdir, ("ran",)
torch.save({"model": Evil()}, "evil.pt")
for trusted in (False, True):
    try:
        with weights.reading(SimpleNamespace(trusted=trusted)):
            attempt_snapshot_load("evil.pt", "cpu", weights_only=False)
    except Exception as error:
        print(type(error).__name__)
    print(trusted, os.path.exists("ran"))
"""


@pytest.mark.real
def test_a_snapshot_runs_code_only_where_its_model_is_trusted(native_pytorch: Path, tmp_path: Path) -> None:
    """Whatever DeepLabCut itself asks PyTorch for."""
    done = subprocess.run(
        [native_pytorch, "-I", "-c", EVIL, ROOT], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split()[-5:] == ["UnpicklingError", "False", "False", "True", "True"]
