"""Every host command on a disk that fails at its first write, at its second, and so on: exit 8 with the file and what
to do, and what was there before is whole or replaced by something whole."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.cli import catch, make_app
from dlcctr.contract import RECEIPT_FILENAME, ExitCode, RowState
from dlcctr.model.verify import verify_bundle
from dlcctr.planning.plan import read_plan
from dlcctr.results.commit import commit
from dlcctr.results.expected import expected_of
from dlcctr.results.receipt import Receipt, broken_files, parse_receipt
from dlcctr.results.sections import OutputFile
from dlcctr.slurm.site.files import write_site
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.submissions import read_submissions
from dlcctr.transfer.fetch import FetchResult, take_failures
from dlcctr.transfer.remote import Remote, remember_remote
from dlcctr.transfer.watch import WatchState, read_state, write_state
from tests import media
from tests.unit.slurm.submit.test_submit import scheduler  # noqa: F401 - a fixture
from tests.unit.support.disk_faults import Disk, failing
from tests.unit.support.projects import pytorch_project
from tests.unit.support.results import Bench, make_bench

Work = Callable[[], object]
"""What is run on the failing disk, once all that it needs is there."""
SPACE = (errno.ENOSPC, errno.EDQUOT)
GONE = (errno.EIO, errno.ESTALE, errno.EROFS, errno.EACCES)


def command(*argv: str | Path) -> Work:
    def run() -> None:
        sys.argv = ["dlcctr", *map(str, argv)]
        make_app()(prog_name="dlcctr")

    return run


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media.write_video(tmp_path_factory.mktemp("video") / "a.mp4", 5)


def bench_in(folder: Path) -> Bench:
    made = make_bench(folder / "c", ["a.mp4", "b.mp4", "c.mp4"])
    made.commit(0)
    return made


def videos_in(folder: Path, video: Path) -> Path:
    (folder / "v").mkdir()
    shutil.copy(video, folder / "v/a.mp4")
    return folder / "v"


def new_manifest(folder: Path, video: Path) -> Work:
    return command("manifest", videos_in(folder, video), "-o", folder / "c/m.csv")


def overwritten_manifest(folder: Path, video: Path) -> Work:
    return command("manifest", videos_in(folder, video), "-o", bench_in(folder).manifest, "--overwrite")


def longer_manifest(folder: Path, video: Path) -> Work:
    bench = bench_in(folder)
    shutil.copy(video, bench.campaign.video_root / "new.mp4")
    return command("manifest", bench.campaign.video_root / "new.mp4", "-o", bench.manifest, "--append")


def plan(folder: Path, _: Path) -> Work:
    return command("plan", bench_in(folder).manifest, "--fps", "100")


def sbatch(folder: Path, _: Path) -> Work:
    given = ("--fps", "100", "--image", "dlc.sif", "-o", folder / "x.sbatch")
    return command("sbatch", bench_in(folder).manifest, *given)


def submit(folder: Path, _: Path) -> Work:
    return command("submit", bench_in(folder).manifest, "--fps", "100", "--image", "dlc.sif")


def pack(folder: Path, _: Path) -> Work:
    return command("model", "pack", pytorch_project(folder / "p"), "-o", folder / "m.dlcmodel")


def pack_folder(folder: Path, _: Path) -> Work:
    return command("model", "pack", pytorch_project(folder / "p"), "-o", folder / "m.dlcmodel", "--folder")


def pack_again(folder: Path, video: Path) -> Work:
    assert catch(pack(folder, video)) == 0
    return command("model", "pack", folder / "p", "-o", folder / "m.dlcmodel", "--overwrite")


def unpack(folder: Path, video: Path) -> Work:
    assert catch(pack(folder, video)) == 0
    return command("model", "unpack", folder / "m.dlcmodel", "-o", folder / "u")


def site(folder: Path, _: Path) -> Work:
    return lambda: write_site(Site("lab"), folder / "sites/lab.toml", ["made by a test"], {})


def watch_state(folder: Path, _: Path) -> Work:
    write_state(folder / "watch.json", WatchState(pushed=(1,)))
    return lambda: write_state(folder / "watch.json", WatchState(pushed=(1, 2)))


def remote(folder: Path, _: Path) -> Work:
    campaign = bench_in(folder).campaign
    return lambda: remember_remote(campaign, Remote("cluster", "folder"))


def failures(folder: Path, _: Path) -> Work:
    """What `fetch` takes of rows that failed there."""
    bench = bench_in(folder)
    bench.failure_file(1).write_text(bench.receipt(1, state=RowState.FAILED, exit_code=7).to_json())
    shutil.copytree(bench.campaign.out, folder / "there")
    bench.failure_file(1).unlink()
    done = FetchResult(Remote("cluster", "folder"))
    (there,) = (folder / "there").rglob("*.failed.json")
    return lambda: take_failures({1: there}, folder / "there", bench.campaign.out, done)


def commit_row(folder: Path, _: Path) -> Work:
    """What the image does on the same disk."""
    bench = bench_in(folder)
    source = folder / "b.h5"
    source.write_bytes(b"x" * 1000)

    def receipt(files: list[OutputFile]) -> Receipt:
        return bench.receipt(1, files=files)

    return lambda: commit([source], bench.folder(1), receipt, bench.rows[1], expected_of(bench.campaign))


COMMANDS = (
    new_manifest, overwritten_manifest, longer_manifest, plan, sbatch, submit, pack, pack_folder, pack_again, unpack,
    site, watch_state, remote, failures, commit_row,
)  # fmt: skip


def assert_whole(folder: Path, code: int, what: str = "") -> None:
    """All that anybody would believe below a folder can be read, and agrees."""
    can_undo = code in SPACE  # a disk that is gone takes no removal either
    for manifest in folder.rglob("m.csv"):
        campaign, rows = read_campaign(manifest), read_manifest(manifest)
        assert campaign.file.is_file()
        # with the second of two renames nothing more can be done; the rows' fingerprints then tell
        torn = not can_undo or what.startswith("replace ")
        assert torn or all((campaign.video_root / row.video).is_file() for row in rows)
        paths = CampaignPaths.of(manifest)
        for file in paths.plans.glob("*.json"):
            read_plan(file)
        read_submissions(paths)
    if can_undo and (folder / "c/campaign.toml").exists():
        assert (folder / "c/m.csv").exists()
    for receipt in folder.rglob(RECEIPT_FILENAME):
        found = parse_receipt(receipt)
        assert found
        assert not broken_files(found, receipt.parent)
    for script in [*folder.glob("*.sbatch"), *folder.rglob("scripts/*.sbatch")]:
        assert script.read_text().endswith('exit "$code"\n')
    if (folder / "m.dlcmodel").exists():
        assert verify_bundle(folder / "m.dlcmodel").problems == ()
    if (folder / "watch.json").exists():
        assert read_state(folder / "watch.json").pushed in ((1,), (1, 2))
    if (folder / "u").exists():
        assert (folder / "u/config.yaml").is_file()


@pytest.mark.usefixtures("scheduler")
@pytest.mark.parametrize("codes", [SPACE, GONE], ids=["no space", "gone"])
@pytest.mark.parametrize("prepare", COMMANDS)
def test_a_disk_that_fails_is_said_at_every_write(
    prepare: Callable[[Path, Path], Work],
    codes: tuple[int, ...],
    video: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", sys.argv)
    folder = tmp_path / "sound"
    folder.mkdir()
    work, disk = prepare(folder, video), Disk(folder, codes[0])
    with failing(disk):
        assert catch(work) == 0
    assert_whole(folder, codes[0])
    assert len(disk.seen) > 3
    for number, what in enumerate(disk.seen):
        code = codes[number % len(codes)]
        folder = tmp_path / str(number)
        folder.mkdir()
        work = prepare(folder, video)
        capsys.readouterr()
        with failing(Disk(folder, code, number)):
            ended = catch(work)
        assert_said(capsys.readouterr().err, ended, code, folder, what)
        assert_whole(folder, code, what)
        shutil.rmtree(folder)


def assert_said(said: str, ended: int, code: int, folder: Path, what: str) -> None:
    if ended == 0:  # all is done, but for something that is of no use any more
        assert what.startswith(("unlink ", "rmdir ", "remove ")), (what, said)
        return
    assert ended == ExitCode.OUTPUT, (what, said)
    (error,) = re.findall(r"^error: (.*)\n  what to do: .+", said, re.MULTILINE)
    assert str(folder) in error
    assert os.strerror(code) in error
