"""Bad inputs: the message, the exit code, the row's state, and that nothing is lost or half-written."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dlcctr.contract import ATTEMPT_PREFIX
from tests import media
from tests.integration.support.attempts import AttemptServer
from tests.integration.support.bad_videos import BAD_VIDEOS, BadVideo
from tests.integration.support.campaigns import check, make_campaign
from tests.integration.support.tiny_models import make_model

pytestmark = pytest.mark.real
TIMEOUT_S = 600


class Bench:
    """All bad videos in one campaign, with a sound one, and one process that analyses rows of it."""

    def __init__(self, folder: Path, server: AttemptServer, model: Path, python: Path) -> None:
        self.folder, self.server, self.model, self.python = folder, server, model, python
        self.manifest = folder / "m.csv"
        videos = folder / "videos"
        videos.mkdir()
        media.write_video(videos / "sound.mp4", 20)
        media.write_video(videos / "gone.mp4", 20)
        media.write_video(videos / "changed.mp4", 20)
        for bad in BAD_VIDEOS:
            bad.make(videos / bad.name)
        self.videos = videos
        self.out = make_campaign(self.manifest, videos, model)
        (videos / "gone.mp4").unlink()
        media.write_video(videos / "changed.mp4", 21)
        self.indices = {row["video"]: row["index"] for row in check(self.manifest)["rows"]}

    def analyze(self, video: str, *options: str) -> tuple[int, str]:
        """Exit code of one row, and what it said."""
        return self.analyze_index(self.indices[video], *options)

    def analyze_index(self, index: int, *options: str) -> tuple[int, str]:
        before = self.server.log.stat().st_size if self.server.log.exists() else 0
        argv = ["analyze", "--index", str(index), "--manifest", str(self.manifest), "--allow-cpu", *options]
        code = self.server.attempt(argv)
        with self.server.log.open(encoding="utf-8") as log:
            log.seek(before)
            return code, log.read()

    def row(self, video: str) -> dict[str, Any]:
        return next(row for row in check(self.manifest)["rows"] if row["video"] == video)


@pytest.fixture(scope="module")
def bench(native_pytorch: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bad")
    folder.chmod(0o755)  # containers of other users read in it
    server = AttemptServer(native_pytorch, folder)
    model = make_model(native_pytorch, "pytorch-single", folder / "models")
    yield Bench(folder, server, model, native_pytorch)
    server.close()


@pytest.mark.parametrize("bad", BAD_VIDEOS, ids=lambda bad: bad.name)
def test_bad_video(bench: Bench, bad: BadVideo) -> None:
    code, said = bench.analyze(bad.name)
    assert code == bad.code, said
    assert bad.words in said
    assert "Traceback" not in said
    row = bench.row(bad.name)
    assert row["state"] == bad.state, row
    if bad.rows:
        receipt = json.loads((Path(row["folder"]) / "receipt.json").read_text())
        frames = receipt["frames"]
        assert frames["stream"] == receipt["columns"]["rows"] == bad.rows
        lost = [number for first, stop in frames["missing"] for number in range(first, stop)]
        assert bad.missing[0] <= len(lost) <= bad.missing[1], frames
        assert nan_rows(bench, Path(row["folder"])) == lost


def nan_rows(bench: Bench, folder: Path) -> list[int]:
    """Rows of the .csv without any position; their likelihood must be 0."""
    (file,) = folder.glob("*.csv")
    found = []
    for line in file.read_text().splitlines()[3:]:
        number, *cells = line.split(",")
        positions = [cell for place, cell in enumerate(cells) if place % 3 != 2]
        if not any(positions):
            assert all(float(cell) == 0 for cell in cells[2::3])
            found.append(int(number))
    return found


def test_missing_video(bench: Bench) -> None:
    code, said = bench.analyze("gone.mp4")
    assert (code, bench.row("gone.mp4")["state"]) == (4, "quarantined")
    assert "gone.mp4" in said
    assert "does not exist" in said


def test_video_that_changed_since(bench: Bench) -> None:
    code, said = bench.analyze("changed.mp4")
    assert code == 4
    assert "not the video that the manifest was made for" in said


def test_index_out_of_range(bench: Bench) -> None:
    code, said = bench.analyze_index(999)
    assert code == 3
    assert "999" in said
    assert f"0 to {len(bench.indices) - 1}" in said or f"0-{len(bench.indices) - 1}" in said, said


def test_missing_snapshot_lists_those_that_exist(bench: Bench) -> None:
    code, said = bench.analyze("sound.mp4", "--snapshot", "snapshot-999")
    assert code == 5
    assert "snapshot-010" in said


def test_project_of_the_other_engine_names_the_image(bench: Bench, native_pytorch: Path) -> None:
    project = bench.folder / "tensorflow-project"
    shutil.copytree(bench.model, project)
    config = project / "config.yaml"
    config.write_text(config.read_text().replace('"engine": "pytorch"', '"engine": "tensorflow"'))
    train = next((project / "dlc-models-pytorch").glob("*/*/train"))
    target = project / "dlc-models" / train.relative_to(project / "dlc-models-pytorch")
    target.mkdir(parents=True)
    names = ["nose", "left ear", "tail"]
    pose = {"all_joints_names": names, "all_joints": [[0], [1], [2]], "num_joints": 3, "net_type": "resnet_50"}
    for part in ("train", "test"):
        (target.parent / part).mkdir(exist_ok=True)
        (target.parent / part / "pose_cfg.yaml").write_text(json.dumps(pose))
    for ending in ("index", "meta", "data-00000-of-00001"):
        (target / f"snapshot-10.{ending}").write_bytes(b"0")
    shutil.rmtree(project / "dlc-models-pytorch")
    code, said = bench.analyze("sound.mp4", "--model", str(project), "--snapshot", "snapshot-10")
    assert code == 5, said
    assert "tensorflow" in said
    assert "image" in said


def test_no_gpu_is_never_the_cpu_in_silence(bench: Bench) -> None:
    argv = ["analyze", "--index", str(bench.indices["sound.mp4"]), "--manifest", str(bench.manifest)]
    assert bench.server.attempt(argv) == 6


def test_a_sound_video_is_whole_afterwards_and_finished_rows_are_not_redone(bench: Bench) -> None:
    assert bench.analyze("sound.mp4")[0] == 0
    code, said = bench.analyze("sound.mp4")
    assert code == 0
    assert "already finished" in said
    code, said = bench.analyze("sound.mp4", "--crop", "0,64,0,64")
    assert code == 3, "another crop must not replace a finished result unasked"
    assert "--overwrite" in said
    assert bench.row("sound.mp4")["state"] == "whole"


def docker(image: str, folder: Path, *options: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line in the image as a user whom nobody knows."""
    argv = ["docker", "run", "--rm", "--read-only", "--network", "none", "--tmpfs", "/tmp", "--user", "31415:27182"]
    argv += ["--volume", f"{folder}:{folder}:ro", *options, "--entrypoint", "sh", image, "-c", script]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)


def analyze_line(bench: Bench, out: str) -> str:
    index = bench.indices["sound.mp4"]
    return f"dlc analyze --index {index} --manifest {bench.manifest} --out {out} --allow-cpu"


def test_unwritable_output(bench: Bench, cpu_image: str) -> None:
    line = analyze_line(bench, str(bench.folder / "nowhere"))
    done = docker(cpu_image, bench.folder, script=line)
    assert done.returncode == 8, done.stderr
    assert "cannot be written" in done.stderr


def test_another_users_folder(bench: Bench, cpu_image: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir(mode=0o755)
    done = docker(cpu_image, bench.folder, "--volume", f"{out}:{out}", script=analyze_line(bench, str(out)))
    assert done.returncode == 8, done.stderr
    assert str(out) in done.stderr
    assert not list(out.iterdir())


def test_full_disk_leaves_nothing(bench: Bench, cpu_image: str) -> None:
    """The space is there when the row begins and is gone when it is committed."""
    line = analyze_line(bench, "/out")
    fill = "until ls -d /tmp/dlcctr-scratch-*/row/results || test -e /tmp/over; do sleep 0.05; done >/dev/null 2>&1; "
    fill += "head -c 100m /dev/zero >/out/full 2>/dev/null"
    script = f"({fill}) & {line}; code=$?; touch /tmp/over; wait; rm -f /out/full; find /out -type f; exit $code"
    done = docker(cpu_image, bench.folder, "--tmpfs", "/out:mode=1777,size=8m", script=script)
    assert done.returncode == 8, done.stdout + done.stderr
    assert "disk" in done.stderr
    left = [line for line in done.stdout.splitlines() if line.startswith("/out/") and not line.endswith(".failed.json")]
    assert not left, left


def test_read_only_model_is_enough(bench: Bench, cpu_image: str) -> None:
    script = f"{analyze_line(bench, '/out')} && find /out -name receipt.json"
    done = docker(cpu_image, bench.folder, "--tmpfs", "/out:mode=1777,size=64m", script=script)
    assert done.returncode == 0, done.stderr
    assert "receipt.json" in done.stdout


def test_no_attempt_folder_stays(bench: Bench) -> None:
    assert not list(bench.out.rglob(f"{ATTEMPT_PREFIX}*"))
