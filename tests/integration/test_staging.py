"""push and fetch over real ssh to the login node of a cluster: interrupted, refused, full, and whole in the end."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.config import read_campaign, write_campaign
from dlcctr.campaign.steps.edit import add_step, parse_words
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.contract import ExitCode
from dlcctr.image.docker_sdk import save_image
from dlcctr.model.inspection import inspect_model
from dlcctr.results.check import check
from dlcctr.results.sections import OutputFile
from dlcctr.results.steps.receipt import InputFile, Made, StepReceipt, step_folder
from dlcctr.transfer.remote import shell as far_scripts
from tests.cluster.cluster import Cluster
from tests.docker.apptainer import CHECKOUT
from tests.integration.support.staging import HOSTILE, Sides, tree, wait_until
from tests.unit.support.projects import pytorch_project
from tests.unit.support.results import Bench

pytestmark = pytest.mark.real

MB = 1_000_000
SEED = 20261122


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    subprocess.run(["sh", str(CHECKOUT / "scripts" / "staging-tools.sh")], check=True)


@pytest.fixture
def sides(cluster: Cluster, tmp_path: Path) -> Sides:
    """A few videos of some megabytes, and names that shells and rsync would trip over."""
    return Sides(cluster, tmp_path, {"a.mp4": 6 * MB, "b/a.mp4": 4 * MB, **dict.fromkeys(HOSTILE, 70_000)})


@pytest.fixture
def plain(cluster: Cluster, tmp_path: Path) -> Sides:
    return Sides(cluster, tmp_path, {"a.mp4": 300_000, "b.mp4": 1000})


def test_a_campaign_goes_there_and_its_results_come_back(sides: Sides, tmp_path: Path) -> None:
    image = tmp_path / "my image.sif"
    image.write_bytes(b"#!/usr/bin/env run-singularity".ljust(32, b"\n") + b"SIF_MAGIC" + b"sif" * 1000)
    dry = sides.push("--image", image, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert f"would send {len(sides.bench.rows) + 1} files" in dry.stdout
    assert not sides.far.exists()

    done = sides.push("--image", image, "--streams", "3")
    assert done.returncode == 0, done.stderr
    videos = tree(sides.bench.campaign.video_root)
    assert tree(sides.far / "videos") == videos
    assert (sides.far / "dlc.sif").read_bytes() == image.read_bytes()
    assert (sides.far / "m.csv").read_bytes() == sides.manifest.read_bytes()
    # on the login node, by the ordinary user, with nothing edited
    there = sides.cluster.dlcctr(["check", sides.far / "m.csv"])
    assert there.returncode == ExitCode.UNFINISHED, there.stderr
    assert f"{len(videos)} unfinished" in there.stdout
    assert not list(sides.cluster.scratch.rglob("PWNED"))

    before = tree(sides.far)
    again = sides.run("push", sides.manifest)  # campaign.toml remembers where
    assert again.returncode == 0, again.stderr
    assert "sent 0 files" in again.stdout
    assert tree(sides.far) == before

    finished = [index for index in range(len(sides.bench.rows)) if index % 2 == 0]
    sides.finish(*finished)
    attempt = sides.far / "results" / ".dlcctr-attempt-x"
    attempt.mkdir()
    (attempt / "receipt.json").write_text("half")
    assert sides.fetch().returncode == 0
    result = check(sides.manifest)
    assert result.totals["whole"] == len(finished)
    assert result.totals["unfinished"] == len(sides.bench.rows) - len(finished)
    assert (
        tree(sides.bench.campaign.out / "mouse-shuffle1-snapshot-9-abababab").items()
        <= {name.partition("/")[2]: value for name, value in tree(sides.far / "results").items()}.items()
    )
    sides.finish(*(index for index in range(len(sides.bench.rows)) if index not in finished))
    there_before = tree(sides.far)
    assert "0 were here" not in sides.fetch().stdout
    assert check(sides.manifest).exit_code == ExitCode.OK
    assert tree(sides.far) == there_before


def test_a_sif_is_made_there_of_an_archive_once(plain: Sides, small_image: str, tmp_path: Path) -> None:
    archive = tmp_path / "an archive"
    save_image(small_image, archive)
    refused = plain.push("--image", archive)
    assert refused.returncode == ExitCode.USAGE
    assert f"--build-sif {archive}" in refused.stderr
    assert not plain.far.exists()

    done = plain.push("--build-sif", archive)
    assert done.returncode == 0, done.stderr
    assert "built dlc.sif there" in done.stdout
    ran = plain.cluster.run_as_user(["singularity", "run", "dlc.sif", "a b"], cwd=plain.far)
    assert ran.stdout == "a b|", ran.stderr
    assert {path.name for path in plain.far.iterdir()} == {
        "campaign.toml", "dlc.sif", "dlc.sif.origin.json", "m.csv", "videos"
    }  # fmt: skip

    made = (plain.far / "dlc.sif").stat()
    again = plain.push("--build-sif", archive)
    assert again.returncode == 0, again.stderr
    assert "sent 0 files" in again.stdout and "built dlc.sif" not in again.stdout
    assert (plain.far / "dlc.sif").stat().st_mtime_ns == made.st_mtime_ns


def test_a_sif_that_cannot_be_made_there_leaves_the_archive_and_no_sif(
    plain: Sides, small_image: str, tmp_path: Path
) -> None:
    archive = tmp_path / "dlc.tar"
    save_image(small_image, archive)
    # apptainer unpacks into this folder, which is not there
    settings = plain.login_file(".bashrc", "export APPTAINER_TMPDIR=/nowhere SINGULARITY_TMPDIR=/nowhere\n")
    try:
        failed = plain.push("--build-sif", archive)
    finally:
        settings.unlink()
    assert failed.returncode == ExitCode.COMMAND_FAILED, failed.stderr
    assert "could not build a SIF from dlc.tar" in failed.stderr and "/nowhere" in failed.stderr
    assert {path.name for path in plain.far.iterdir()} == {"dlc.tar", "videos"}
    done = plain.push("--build-sif", archive)
    assert done.returncode == 0, done.stderr
    assert (plain.far / "dlc.sif").is_file()


def test_the_model_there_is_the_campaigns(plain: Sides, tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "it's a model/mouse")
    (project / "labeled-data").mkdir()
    (project / "labeled-data/frame.png").write_bytes(b"x" * 1000)
    info = inspect_model(project)
    bodyparts = {"bodyparts": info.bodyparts, "snapshot": info.snapshot}
    write_campaign(replace(plain.bench.campaign, model=project, model_hash=info.hash, model_id=info.id, **bodyparts))
    assert plain.push().returncode == 0
    there = plain.cluster.dlcctr(["validate", plain.far / "m.csv"])
    assert there.returncode == 0, there.stdout + there.stderr
    assert str(plain.folder) not in (plain.far / "campaign.toml").read_text()
    assert not list(plain.far.rglob("*.png"))
    (weights,) = project.rglob("*.pt")
    weights.write_bytes(b"trained again")
    refused(plain.push(), ExitCode.MODEL, "not the model that")


def test_appended_rows_go_alone_and_no_index_changes(plain: Sides) -> None:
    assert plain.push().returncode == 0
    stamp = (plain.far / "videos/a.mp4").stat().st_ino
    plain.append("c.mp4", 5000)
    assert "sent 1 file," in plain.push().stdout
    assert (plain.far / "videos/a.mp4").stat().st_ino == stamp
    assert [row.video for row in plain.far_bench().rows] == ["a.mp4", "b.mp4", "c.mp4"]
    text = plain.manifest.read_text()
    plain.manifest.write_text(text.replace("1,b.mp4", "9,b.mp4").replace("2,c.mp4", "1,c.mp4"))
    refused = plain.push()
    assert refused.returncode == ExitCode.MANIFEST
    assert "row 1 of the manifest there is another video" in refused.stderr
    assert (plain.far / "m.csv").read_text() == text


def test_a_video_that_changed_over_there_is_sent_again(plain: Sides) -> None:
    assert plain.push().returncode == 0
    video = plain.far / "videos/a.mp4"
    stamp = video.stat().st_mtime
    video.write_bytes(b"!" + video.read_bytes()[1:])
    subprocess.run(["touch", "-d", f"@{stamp}", str(video)], check=True)
    assert "sent 1 file," in plain.push().stdout
    assert tree(plain.far / "videos") == tree(plain.bench.campaign.video_root)


def test_what_came_by_other_means_is_not_sent_again(plain: Sides) -> None:
    (plain.far / "videos").mkdir(parents=True)
    shutil.copyfile(plain.bench.campaign.video_root / "a.mp4", plain.far / "videos/a.mp4")
    subprocess.run(["chown", "-R", str(plain.cluster.uid), str(plain.far)], check=True)
    assert "sent 1 file, 1.0 kB" in plain.push().stdout


def test_links_go_as_files(plain: Sides) -> None:
    video = plain.bench.campaign.video_root / "a.mp4"
    video.rename(plain.folder / "elsewhere")
    video.symlink_to(plain.folder / "elsewhere")
    assert plain.push().returncode == 0
    assert not (plain.far / "videos/a.mp4").is_symlink()
    assert fingerprint(plain.far / "videos/a.mp4") == plain.bench.rows[0].fingerprint


@pytest.mark.parametrize("tools", [{"python3"}, {"sha256sum"}])
def test_both_ways_to_look_give_the_manifests_fingerprint(sides: Sides, tools: set[str]) -> None:
    root = sides.bench.campaign.video_root
    for size in (0, 1, 262_143, 262_144, 262_145, 300_007):
        (root / f"{size} bytes").write_bytes(random.Random(size).randbytes(size))
    part = root / far_scripts.PARTIAL_FOLDER / "a.mp4"
    part.parent.mkdir()
    part.write_bytes(b"12345")
    files = sorted(path for path in root.rglob("*") if path.is_file())
    place = far_scripts.FolderInfo("/x", exists=True, writable=True, free_bytes=None, tools=frozenset(tools))
    command = far_scripts.fingerprint_command(place)
    items = b"".join(str(path).encode() + b"\0" for path in [*files, root / "nothing", root])
    for shell in ("sh", "bash"):
        done = subprocess.run([shell, "-c", command], input=items, capture_output=True, check=True)
        seen = far_scripts.parse_seen(done.stdout, len(files) + 2)
        assert [each.fingerprint for each in seen] == [*map(fingerprint, files), "", ""]
        assert {path.name: each.partial_bytes for path, each in zip(files, seen, strict=False)}["a.mp4"] in (0, 5)
        assert [each.partial_bytes for path, each in zip(files, seen, strict=False) if path == root / "a.mp4"] == [5]


def refused(done: subprocess.CompletedProcess[str], code: ExitCode, *words: str) -> None:
    assert done.returncode == code, done.stdout + done.stderr
    for word in ("what to do: ", *words):
        assert word in done.stderr


def test_who_is_not_let_in_is_told_why(plain: Sides, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    public = (tmp_path / "key.pub").read_text().split()
    (tmp_path / "wrong").write_text(f"{plain.cluster.address} {public[0]} {public[1]}\n")
    (tmp_path / "none").write_text("")
    cases = {
        "changed": ({"UserKnownHostsFile": tmp_path / "wrong"}, ExitCode.COMMAND_FAILED, "has changed"),
        "unknown": ({"UserKnownHostsFile": tmp_path / "none"}, ExitCode.COMMAND_FAILED, "is not known on this machine"),
        "key": ({"IdentityFile": tmp_path / "key"}, ExitCode.COMMAND_FAILED, "rejected your SSH keys"),
        "port": ({"Port": "9"}, ExitCode.TRY_AGAIN, "refused"),
        "name": ({"HostName": "no.such.host.invalid"}, None, "host"),
        "option": ({"NoSuchOption": "1"}, ExitCode.COMMAND_FAILED, "could not resolve or connect"),
    }
    for name, (changes, code, words) in cases.items():
        config = plain.write_config(name, **{key: str(value) for key, value in changes.items()})
        done = plain.push(config=config)
        assert code is None or done.returncode == code, (name, done.stderr)
        assert words in done.stderr
        assert "what to do: " in done.stderr
    assert not plain.far.exists()
    assert read_campaign(plain.manifest).remote_host == ""


@pytest.fixture
def password(cluster: Cluster) -> Iterator[str]:
    """The user may log in with it for a while."""
    cluster.run_as_root(["sh", "-c", "echo student:open-sesame | chpasswd"])
    yield "open-sesame"
    cluster.run_as_root(["usermod", "-p", "*", "student"])


def test_a_password_is_asked_for_once_and_one_bar_is_shown(sides: Sides, password: str) -> None:
    config = sides.write_config("password", PubkeyAuthentication="no", IdentityFile="none")
    words = ["push", sides.manifest, sides.target, "--streams", "3", "--bwlimit", "5"]
    code, shown, asked = sides.answer(words, config, b"password:", password.encode())
    assert (code, asked) == (0, 1), shown.decode()
    assert b"MB/s" in shown  # the bar
    assert tree(sides.far / "videos") == tree(sides.bench.campaign.video_root)


def test_connections_that_the_user_shares_already_are_used(plain: Sides, tmp_path: Path) -> None:
    control = Path("/tmp") / f"dlcctr-test-{tmp_path.name}"  # a socket's path is short
    config = plain.write_config("shared", ControlMaster="auto", ControlPath=str(control), ControlPersist="yes")
    try:
        assert plain.push(config=config).returncode == 0
        assert control.is_socket()
        gone = plain.write_config("only shared", ControlPath=str(control), IdentityFile="none")
        plain.append("c.mp4", 5000)
        assert "sent 1 file," in plain.push(config=gone).stdout
    finally:
        subprocess.run(["ssh", "-F", str(config), "-O", "exit", "bench"], check=False, capture_output=True)


def test_a_jump_host_and_another_ssh(plain: Sides, tmp_path: Path) -> None:
    inner = plain.write_config("inner").read_text().replace("Host bench", "Host jump")
    config = plain.write_config("jump.conf", ProxyJump="jump")
    config.write_text(
        config.read_text() + inner.replace("IdentitiesOnly", "StrictHostKeyChecking no\n  IdentitiesOnly")
    )
    assert plain.push(config=config).returncode == 0
    wrapper = tmp_path / "my ssh"
    wrapper.write_text(f'#!/bin/sh\n[ "$1" = -G ] && exit 1\nexec ssh -F \'{plain.config}\' "$@"\n')
    wrapper.chmod(0o755)
    plain.append("c.mp4", 5000)
    process = plain.run("push", plain.manifest, "--ssh", f"'{wrapper}'")
    assert "sent 1 file," in process.stdout, process.stderr


@pytest.fixture
def _without_rsync(cluster: Cluster) -> Iterator[None]:
    cluster.run_as_root(["mv", "/usr/bin/rsync", "/usr/bin/rsync.away"])
    yield
    cluster.run_as_root(["mv", "/usr/bin/rsync.away", "/usr/bin/rsync"])


@pytest.mark.usefixtures("_without_rsync")
def test_no_rsync_at_the_other_side(plain: Sides) -> None:
    refused(plain.push(), ExitCode.COMMAND_FAILED, "has no rsync", "--transfer-host")


def test_a_folder_that_may_not_be_written(plain: Sides) -> None:
    done = plain.run("push", plain.manifest, "bench:/etc/dlcctr")
    refused(done, ExitCode.COMMAND_FAILED, "/etc/dlcctr", "Permission denied")
    refused(plain.run("push", plain.manifest, "bench:/etc"), ExitCode.COMMAND_FAILED, "no permission to write there")


def test_a_shell_that_talks_is_listened_past(plain: Sides) -> None:
    noise = plain.login_file(".bashrc", "echo Welcome to the bench, it has rules\n")
    try:
        refused(plain.push(), ExitCode.COMMAND_FAILED, "prints text where only data is expected")
    finally:
        noise.unlink()
    assert plain.push().returncode == 0


@pytest.fixture
def small_disk(cluster: Cluster) -> Iterator[Path]:
    """A disk of one megabyte."""
    disk = Path("/small")
    cluster.run_as_root(["mkdir", "-p", disk])
    cluster.run_as_root(["mount", "-t", "tmpfs", "-o", f"size=1m,uid={cluster.uid}", "none", disk])
    yield disk
    cluster.run_as_root(["umount", disk])


def test_a_target_that_is_full(sides: Sides, small_disk: Path) -> None:
    target = f"bench:{small_disk}/mice"
    words = (f"bench:{small_disk}/mice", "MB needed, only", "MB free")
    refused(sides.run("push", sides.manifest, target), ExitCode.COMMAND_FAILED, *words)
    # a quota: df promises much, and writing fails
    liar = sides.login_file("bin/df", "#!/bin/sh\necho 'none 99999999 1 99999998 1% /'\n")
    profile = sides.login_file(".bashrc", 'PATH="$HOME/bin:$PATH"\n')
    try:
        refused(sides.run("push", sides.manifest, target), ExitCode.COMMAND_FAILED, "no space is left on bench")
        look = ["find", small_disk, "-type", "f", "-size", "+100k", "-not", "-path", "*/.*"]
        assert sides.cluster.run_as_user(look).stdout == ""
        sides.cluster.run_as_root(["mount", "-o", "remount,size=100m", small_disk])
        assert sides.run("push", sides.manifest, target).returncode == 0
        done = sides.cluster.dlcctr(["validate", small_disk / "mice/m.csv"])
        assert "11 rows" in done.stdout, done.stdout + done.stderr
    finally:
        profile.unlink()
        liar.unlink()


def _stop_sshd(cluster: Cluster) -> None:
    cluster.run_as_root(["touch", "/run/bench/sshd.off"])
    cluster.run_as_root(["pkill", "-KILL", "sshd"], check=False)


def _start_sshd(cluster: Cluster) -> None:
    cluster.run_as_root(["rm", "-f", "/run/bench/sshd.off"])
    cluster.wait_for(
        lambda: cluster.run_as_root(["sh", "-c", "ssh-keyscan -T 1 localhost"], check=False).stdout, 20, "sshd"
    )


def _has_begun(sides: Sides) -> bool:
    return (sides.far / "videos").is_dir() and any(path.stat().st_size for path in (sides.far / "videos").iterdir())


def test_sshd_stops_half_way(sides: Sides) -> None:
    process = sides.start("push", sides.manifest, sides.target, "--bwlimit", "3")
    wait_until(lambda: _has_begun(sides))
    try:
        _stop_sshd(sides.cluster)
        _, said = process.communicate(timeout=60)
        assert process.returncode == ExitCode.TRY_AGAIN, said
        assert "the connection was lost" in said
        assert "it continues where it stopped" in said
        assert sides.half_files() == []
        parts = [path for path in (sides.far / "videos").rglob("*") if path.parent.name == far_scripts.PARTIAL_FOLDER]
        assert sum(path.stat().st_size for path in parts) > 100_000, "nothing to go on from"
        done = sides.push()
        refused(done, ExitCode.TRY_AGAIN, "refused")
    finally:
        _start_sshd(sides.cluster)
    assert sides.push().returncode == 0
    assert tree(sides.far / "videos") == tree(sides.bench.campaign.video_root)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_person(sides: Sides, number: signal.Signals) -> None:
    process = sides.start("push", sides.manifest, sides.target, "--bwlimit", "3", "--streams", "3")
    wait_until(lambda: _has_begun(sides))
    assert len(sides.processes()) > 3
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (ExitCode.TRY_AGAIN, "stopped\n")
    assert sides.processes() == []
    assert sides.half_files() == []
    assert sides.push().returncode == 0
    assert tree(sides.far / "videos") == tree(sides.bench.campaign.video_root)


def test_a_connection_that_hangs_is_given_up(sides: Sides) -> None:
    process = sides.start("push", sides.manifest, sides.target, "--bwlimit", "3")
    wait_until(lambda: _has_begun(sides))
    sides.cluster.run_as_root(["pkill", "-STOP", "sshd"])
    try:
        _, said = process.communicate(timeout=60)
    finally:
        sides.cluster.run_as_root(["pkill", "-CONT", "sshd"])
    assert process.returncode == ExitCode.TRY_AGAIN, said
    assert sides.push().returncode == 0
    assert tree(sides.far / "videos") == tree(sides.bench.campaign.video_root)


def kill_push_and_fetch(sides: Sides, kills: int) -> None:
    """Kill each at random moments; nothing half is ever seen, and in the end both sides hold the same."""
    chance = random.Random(SEED)
    killed = 0
    while killed < kills:
        words = ["push", sides.manifest, sides.target, "--bwlimit", "5", "--streams", str(chance.choice([1, 3]))]
        if not sides.kill_at(words, chance.uniform(0.5, 5)):
            shutil.rmtree(sides.far)
            continue
        killed += 1
        assert sides.half_files() == []
    done = sides.push()
    assert done.returncode == 0, done.stderr
    assert tree(sides.far / "videos") == tree(sides.bench.campaign.video_root)
    assert not list(sides.far.rglob(".dlcctr-*"))

    sides.finish(*range(len(sides.bench.rows)), n_bytes=MB)
    before, killed = tree(sides.far), 0
    while killed < kills:
        words = ["fetch", sides.manifest, "--bwlimit", "5", "--streams", str(chance.choice([1, 3]))]
        if not sides.kill_at(words, chance.uniform(0.5, 4)):
            shutil.rmtree(sides.bench.campaign.out)
            continue
        killed += 1
        states = check(sides.manifest).totals
        assert states["whole"] + states["unfinished"] == len(sides.bench.rows), states
    done = sides.fetch()
    assert done.returncode == 0, done.stderr
    assert check(sides.manifest).exit_code == ExitCode.OK
    assert tree(sides.far) == before


def test_killed_at_random_moments(sides: Sides) -> None:
    kill_push_and_fetch(sides, 3)


@pytest.mark.full
def test_killed_at_twenty_random_moments(sides: Sides) -> None:
    kill_push_and_fetch(sides, 20)


def test_a_result_that_is_not_as_its_receipt_says_never_gets_its_name(plain: Sides) -> None:
    assert plain.push().returncode == 0
    plain.finish(0, 1)
    (broken,) = plain.far_bench().folder(0).glob("*.h5")
    broken.write_bytes(broken.read_bytes().replace(b"7", b"8", 1))
    words = "row 0 is not taken: its files there do not match its receipt"
    refused(plain.fetch(), ExitCode.OUTPUT, words, "m.csv' --rows 0")
    assert not plain.bench.folder(0).exists()
    assert check(plain.manifest).totals["whole"] == 1
    shutil.rmtree(broken.parent)
    plain.finish(0)
    assert plain.fetch().returncode == 0
    assert check(plain.manifest).exit_code == ExitCode.OK


def test_speed_beside_plain_rsync(cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Printed for the record; a shared machine's speed is nothing to fail on."""
    sides = Sides(cluster, tmp_path, {f"{n}.mp4": 10 * MB for n in range(12)})
    seconds = {}
    ssh = f"ssh -F {sides.config}"
    plain = cluster.scratch / "plain"
    argv = ["rsync", "-rt", "-e", ssh, f"{sides.bench.campaign.video_root}/", f"bench:{plain}/"]
    began = time.monotonic()
    subprocess.run(argv, check=True)
    seconds["rsync"] = time.monotonic() - began
    for streams in ("1", "4"):
        shutil.rmtree(sides.far, ignore_errors=True)
        began = time.monotonic()
        assert sides.push("--streams", streams).returncode == 0
        seconds[f"dlcctr push --streams {streams}"] = time.monotonic() - began
    with capsys.disabled():
        for what, took in seconds.items():
            print(f"\n120 MB, {what}: {took:.1f} s, {120 / took:.0f} MB/s", end="")
    shutil.rmtree(plain)
    shutil.rmtree(sides.far)


def make_step(bench: Bench, index: int, name: str) -> Path:
    """The step of a row as if it had been done there. Gives its file."""
    folder = step_folder(bench.folder(index), name)
    folder.mkdir(parents=True)
    file = folder / "table.csv"
    file.write_text(f"step of row {index}\n")
    read = next(entry for entry in bench.receipt(index).files if entry.name.endswith(".h5"))
    spec = parse_words("csv", [], name=name)
    receipt = StepReceipt(
        Made.OK, "", 0, name, spec.kind, spec.of, parameters=spec.held,
        inputs=(InputFile(read.name, read.sha256),), files=[OutputFile.of(file)], finished="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    (folder / "receipt.json").write_text(receipt.to_json())
    return file


def test_steps_come_back_with_their_rows(plain: Sides) -> None:
    add_step(read_campaign(plain.manifest), parse_words("csv", [], name="table"))
    assert plain.push().returncode == 0
    plain.finish(0, 1)
    there = plain.far_bench()
    files = [make_step(there, index, "table") for index in range(2)]
    whole = files[1].read_text()
    files[1].write_text("edited\n")
    done = plain.fetch()
    assert done.returncode == ExitCode.TRY_AGAIN and "step table: its files there do not match" in done.stderr
    assert "fetched 2 rows and 1 step" in done.stdout
    assert [row.state.value for row in check(plain.manifest).rows] == ["whole", "unfinished"]
    files[1].write_text(whole)
    assert "fetched 0 rows and 1 step" in plain.fetch().stdout
    assert check(plain.manifest).exit_code == ExitCode.OK
