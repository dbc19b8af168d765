"""One row through Docker and through the SIF, compared with stock DeepLabCut in the same image, over all frames."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import media
from tests.docker.apptainer import ApptainerBench
from tests.integration.conftest import REAL_DATA
from tests.integration.support.campaigns import check, make_campaign
from tests.integration.support.tiny_models import make_model

SUPPORT = Path(__file__).parent / "support"
ANY_USER = "31415:27182"
TIMEOUT_S = 5400
CLIP = REAL_DATA / "data" / "openfield-Pranav-2018-10-30" / "videos" / "m3v1mp4.mp4"
TRAINED = REAL_DATA / "models" / "openfield-pytorch-resnet18"
CLIP_FRAMES = 60
"""Of the open-field clip in `make test`; `make test-full` takes all 2330."""


@dataclass(frozen=True)
class Case:
    """A campaign of one engine and what stock DeepLabCut makes of its videos."""

    folder: Path
    image: str
    engine: str
    model: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "m.csv"

    @property
    def videos(self) -> Path:
        return self.folder / "videos"

    def docker(self, *words: str | Path, entrypoint: str = "", user: str = "0:0") -> subprocess.CompletedProcess[str]:
        """Run something in the image with nothing but the case's folder: read-only root, no network, no HOME."""
        argv = ["docker", "run", "--rm", "--read-only", "--network", "none", "--user", user]
        argv += ["--env", "HOME=", "--volume", f"{self.folder}:{self.folder}", "--volume", f"{SUPPORT}:{SUPPORT}:ro"]
        argv += ["--tmpfs", "/tmp:exec"] if entrypoint else []
        argv += ["--entrypoint", entrypoint] if entrypoint else []
        argv += [self.image, *map(str, words)]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)

    def stock(self, videos: list[Path]) -> list[Path]:
        """Tables of stock `analyze_videos` in the image, on a private copy of the project; made once."""
        targets = [self.folder / "stock" / video.stem for video in videos]
        project = self.folder / "stock-project"
        if not project.exists():
            shutil.copytree(self.model, project, symlinks=False)
            subprocess.run(["chmod", "-R", "u+w", str(project)], check=True)
            files = zip(videos, targets, strict=True)
            jobs = [[str(project / "config.yaml"), str(video), str(target), None] for video, target in files]
            done = self.docker(SUPPORT / "stock_videos.py", "0", json.dumps(jobs), self.engine, entrypoint="python")
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return [only(target.glob("*.h5")) for target in targets]

    def compare(self, ours: list[Path], stock: list[Path]) -> list[dict[str, Any]]:
        files = [file for pair in zip(ours, stock, strict=True) for file in pair]
        done = self.docker(SUPPORT / "compare_h5.py", *files, entrypoint="python")
        assert done.returncode == 0, done.stderr[-2000:]
        return [json.loads(line) for line in done.stdout.splitlines()[-len(ours) :]]


def only(paths: Any) -> Path:
    found = list(paths)
    assert len(found) == 1, found
    first: Path = found[0]
    return first


def cut(source: Path, target: Path, frames: int) -> None:
    """Copy the first frames of a video as they are, packet by packet."""
    import av

    with av.open(str(source)) as reading, av.open(str(target), "w") as writing:
        stream = reading.streams.video[0]
        copy = writing.add_stream_from_template(stream)
        for number, packet in enumerate(packet for packet in reading.demux(stream) if packet.dts is not None):
            if number == frames:
                break
            packet.stream = copy
            writing.mux(packet)


def open_field(folder: Path, frames: int) -> Path:
    """The trained model if it is there, and the clip beside the synthetic videos."""
    if CLIP.exists():
        folder.mkdir(parents=True, exist_ok=True)
        cut(CLIP, folder / "openfield.mp4", frames)
    return folder


def make_case(folder: Path, image: str, engine: str, model: Path, frames: int) -> Case:
    """Videos of several formats, real ones where they are, in a campaign that any user may write results to."""
    folder.mkdir(parents=True)
    case = Case(folder, image, engine, folder / "model")
    shutil.copytree(model, case.model)
    (case.videos / "odd").mkdir(parents=True)
    media.write_video(case.videos / "a b's $(touch x) %d, ü.mp4", 30)
    media.write_video(case.videos / "odd" / "clip.avi", 20, codec="mjpeg", pix_fmt="yuvj420p", bframes=0)
    open_field(case.videos / "real", frames)
    out = make_campaign(case.manifest, case.videos, case.model)
    out.mkdir()
    subprocess.run(["chmod", "-R", "a+rX,a-w", str(case.model)], check=True)
    subprocess.run(["chmod", "-R", "a+rwX", str(case.videos), str(out)], check=True)
    folder.chmod(0o755)
    return case


def verify(case: Case, analyze: Callable[[int], subprocess.CompletedProcess[str]]) -> None:
    """Every row whole and equal to stock; a shifted, swapped or edited result is not equal."""
    rows = check(case.manifest)["rows"]
    before = tree(case.model)
    for row in rows:
        done = analyze(row["index"])
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    after = check(case.manifest)
    assert after["totals"]["whole"] == len(rows), after["rows"]
    assert tree(case.model) == before, "something was written into the model"
    ours = [only(Path(row["folder"]).glob("*.h5")) for row in after["rows"]]
    found = case.compare(ours, case.stock([case.videos / row["video"] for row in rows]))
    for row, each in zip(rows, found, strict=True):
        print(row["video"], each)
        assert each["equal"] and not each["unnoticed"], (row["video"], each)


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def in_docker(case: Case) -> Callable[[int], subprocess.CompletedProcess[str]]:
    return lambda index: case.docker(
        "analyze", "--index", str(index), "--manifest", case.manifest, "--allow-cpu", user=ANY_USER
    )


def in_sif(case: Case, bench: ApptainerBench, sif: Path) -> Callable[[int], subprocess.CompletedProcess[str]]:
    return lambda index: bench.run_as_user(
        ["singularity", "run", "--cleanenv", "--contain", "--bind", case.folder, sif, "analyze",
         "--index", str(index), "--manifest", case.manifest, "--allow-cpu"],
        binds=[sif],
    )  # fmt: skip


@pytest.fixture(scope="module")
def pytorch_case(apptainer_bench: ApptainerBench, cpu_image: str, native_pytorch: Path) -> Case:
    folder = apptainer_bench.shared / "equality"
    model = TRAINED if TRAINED.exists() else make_model(native_pytorch, "pytorch-single", folder / "models")
    return make_case(folder / "pytorch", cpu_image, "pytorch", model, CLIP_FRAMES)


@pytest.mark.real
def test_docker_equals_stock(pytorch_case: Case) -> None:
    verify(pytorch_case, in_docker(pytorch_case))


@pytest.mark.real
def test_sif_equals_stock(pytorch_case: Case, apptainer_bench: ApptainerBench, cpu_sif: Path) -> None:
    shutil.rmtree(pytorch_case.folder / "results")
    (pytorch_case.folder / "results").mkdir(mode=0o777)
    (pytorch_case.folder / "results").chmod(0o777)
    verify(pytorch_case, in_sif(pytorch_case, apptainer_bench, cpu_sif))


def crop_pictures(model: Path) -> None:
    """Have the project analyse a corner of each picture: three passes of ResNet-50 over the clip take an hour else."""
    file = model / "config.yaml"
    config = json.loads(file.read_text())
    file.write_text(json.dumps({**config, "cropping": True, "x1": 0, "x2": 128, "y1": 0, "y2": 96}))


@pytest.fixture(scope="module", params=["pytorch", "tensorflow"])
def full_case(request: pytest.FixtureRequest, apptainer_bench: ApptainerBench, docker_engine: str) -> Case:
    """The whole clip; PyTorch with the trained model, TensorFlow with seeded random weights of its own."""
    from dlcctr.image.flavours import list_flavours, pick_flavour, read_pins
    from tests.docker.fixtures import ensure_image
    from tests.integration.conftest import native_python_of

    engine = request.param
    image = ensure_image(pick_flavour(list_flavours(), read_pins(), engine, "cpu"))
    folder = apptainer_bench.shared / "equality-full"
    trained = engine == "pytorch" and TRAINED.exists()
    model = TRAINED if trained else make_model(native_python_of(engine), f"{engine}-single", folder / "models")
    if engine == "tensorflow":
        crop_pictures(model)
    return make_case(folder / engine, image, engine, model, 10**9)


@pytest.mark.full
def test_whole_clip_through_docker_and_sif(full_case: Case, apptainer_bench: ApptainerBench) -> None:
    from tests.docker.fixtures import make_sif

    verify(full_case, in_docker(full_case))
    sif = make_sif(apptainer_bench, full_case.image, "--compression", "zstd")
    shutil.rmtree(full_case.folder / "results")
    (full_case.folder / "results").mkdir()
    (full_case.folder / "results").chmod(0o777)
    verify(full_case, in_sif(full_case, apptainer_bench, sif))
