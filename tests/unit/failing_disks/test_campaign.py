"""Commands that make a campaign and a model's bundle, on a disk that fails."""

from __future__ import annotations

import functools
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from dlcctr.cli import catch
from tests import media
from tests.unit.support.collected_campaign import make_positions, to_table
from tests.unit.support.failing_commands import Case, Work, check_each_write, command
from tests.unit.support.fault_world import World
from tests.unit.support.label_folders import make_folder, make_project
from tests.unit.support.projects import pytorch_project
from tests.unit.support.results import BODYPARTS, FRAMES, Bench, make_bench
from tests.unit.support.torch_files import write_weights


def bench_in(world: World, **changes: object) -> Bench:
    """A campaign of three rows, one of them finished."""
    made = make_bench(world.here / "c", ["a.mp4", "b.mp4", "c.mp4"], **changes)
    made.commit(0)
    return made


@functools.cache
def new_video() -> bytes:
    """The same bytes each time: x264 encodes the same pictures now and then a little differently on a busy machine."""
    with tempfile.TemporaryDirectory() as folder:
        return media.write_video(Path(folder) / "new.mp4", 5).read_bytes()


def videos_in(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "new.mp4").write_bytes(new_video())
    return folder


def new_manifest(world: World) -> Work:
    return command("manifest", videos_in(world.here / "v"), "-o", world.here / "c/m.csv")


def overwritten_manifest(world: World) -> Work:
    return command("manifest", videos_in(world.here / "v"), "-o", bench_in(world).manifest, "--overwrite")


def longer_manifest(world: World) -> Work:
    bench = bench_in(world)
    videos_in(bench.campaign.video_root)
    return command("manifest", bench.campaign.video_root / "new.mp4", "-o", bench.manifest, "--append")


def plan(world: World) -> Work:
    return command("plan", bench_in(world).manifest, "--fps", "100")


def sbatch(world: World) -> Work:
    given = ("--fps", "100", "--image", "dlc.sif", "-o", world.here / "x.sbatch")
    return command("sbatch", bench_in(world).manifest, *given)


def script(world: World) -> Work:
    given = ("--scheduler", "sge", "--fps", "100", "--image", "dlc.sif", "-o", world.here / "x.sh")
    return command("script", bench_in(world).manifest, *given)


def pack(world: World) -> Work:
    return command("model", "pack", pytorch_project(world.here / "p"), "-o", world.here / "m.dlcmodel")


def pack_folder(world: World) -> Work:
    return command("model", "pack", pytorch_project(world.here / "p"), "-o", world.here / "m.dlcmodel", "--folder")


def pack_again(world: World) -> Work:
    assert catch(pack(world)) == 0
    return command("model", "pack", world.here / "p", "-o", world.here / "m.dlcmodel", "--overwrite")


def unpack(world: World) -> Work:
    assert catch(pack(world)) == 0
    shutil.rmtree(world.here / "p")
    return command("model", "unpack", world.here / "m.dlcmodel", "-o", world.here / "u")


def superanimal(world: World) -> Work:
    weights = write_weights(world.here / "w", "quadruped", "rtmpose_s", "ssdlite")
    given = ("--network", "rtmpose_s", "--detector", "ssdlite", "--weights", weights)
    return command("model", "superanimal", "quadruped", *given, "-o", world.here / "q.dlcmodel")


def report(world: World) -> Work:
    return command("report", bench_in(world).manifest, "-o", world.here / "report.html")


@functools.cache
def positions_table() -> bytes:
    """A table of positions as DeepLabCut writes it, the same bytes each time: PyTables notes when it was made."""
    with tempfile.TemporaryDirectory() as folder:
        names = [("", part) for part in BODYPARTS]
        to_table(make_positions(FRAMES, len(names)), names).to_hdf(Path(folder) / "p.h5", key="k", format="table")
        return (Path(folder) / "p.h5").read_bytes()


def collect(world: World) -> Work:
    bench = bench_in(world)
    (file,) = bench.folder(0).glob("*.h5")
    file.write_bytes(positions_table())
    bench.write_receipt(0)
    return command("collect", bench.manifest, "-o", world.here / "t.parquet")


def add_step(world: World) -> Work:
    return command("steps", "add", bench_in(world).manifest, "filter", "windowlength=7")


def remove_step(world: World) -> Work:
    manifest = bench_in(world).manifest
    add, remove = (command("steps", word, manifest, "filter") for word in ("add", "remove"))

    def both() -> None:  # what was removed cannot be removed once more
        if code := catch(add):
            sys.exit(code)
        remove()

    return both


def rate(world: World) -> Work:
    table = world.here / "ratings.tsv"
    table.write_text("row\trating\trater\ttime\n0\tgood\tAda\t2026-01-01T00:00:00Z\n")
    return command("rate", bench_in(world).manifest, table)


def add_labels(world: World) -> Work:
    """Into a folder that has labels; PyTables notes when it wrote, so the .h5 is left out."""
    project = make_project(world.here / "lab")
    make_folder(project / "labeled-data/v", {"img0.png": (9,) * 6, "img1.png": (9,) * 6})
    (project / "training-datasets/iteration-0").mkdir(parents=True)
    back = make_folder(world.here / "back/v", {"img1.png": (1, 2, 3, 4, 5, 6), "img2.png": (7, 8, "", "", 9, 10)})
    return command("labels", "add", project, back, "--no-h5")


CASES = (
    Case("manifest", new_manifest, is_there=True),
    Case("manifest, again", overwritten_manifest),
    Case("manifest, longer", longer_manifest),
    Case("plan", plan),
    Case("sbatch", sbatch),
    Case("script", script),
    Case("model pack", pack, is_there=True),
    Case("model pack, as a folder", pack_folder, is_there=True),
    Case("model pack, again", pack_again),
    Case("model unpack", unpack, is_there=True),
    Case("model superanimal", superanimal, is_there=True),
    Case("report", report),
    Case("rate", rate),
    Case("collect", collect),
    Case("labels add", add_labels),
    Case("steps add", add_step),
    Case("steps remove", remove_step),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_disk_that_fails_is_said_at_every_write(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_each_write(case, tmp_path, capsys)
