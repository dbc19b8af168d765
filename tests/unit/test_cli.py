from __future__ import annotations

import errno
import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlcctr import __version__
from dlcctr.campaign.config import read_campaign
from dlcctr.cli import catch, make_app
from dlcctr.contract import ExitCode
from dlcctr.errors import BY_CODE, DlcctrError
from tests import media
from tests.unit.support.projects import pytorch_project
from tests.unit.support.results import Bench, make_bench

NAME = "$(touch hacked) 'x' \"y\",\n-z.mp4"


def dlcctr(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    """The real command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "dlcctr", *map(str, argv)], capture_output=True, text=True, timeout=60, check=False
    )


def call(monkeypatch: pytest.MonkeyPatch, *argv: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["dlcctr", *map(str, argv)])
    return catch(lambda: make_app()(prog_name="dlcctr"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = make_bench(tmp_path, ["a.mp4", NAME])
    made.commit(0)
    return made


def test_every_error_has_its_own_exit_code_below_125() -> None:
    assert set(BY_CODE) == set(ExitCode) - {ExitCode.OK, ExitCode.BUG, ExitCode.UNFINISHED}
    assert all(code < 125 for code in ExitCode)


@pytest.mark.parametrize("kind", BY_CODE.values())
def test_errors_are_a_message_a_remedy_and_an_exit_code(
    kind: type[DlcctrError], capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise kind("it broke", "mend it")

    assert catch(fail) == kind.exit_code
    assert capsys.readouterr().err == "error: it broke\n  what to do: mend it\n"


def test_unexpected_errors_are_bugs_and_show_no_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["dlcctr"])
    assert catch(lambda: 1 // 0) == ExitCode.BUG
    text = capsys.readouterr().err
    assert "ZeroDivisionError" in text
    assert "Traceback" not in text
    monkeypatch.setattr(sys, "argv", ["dlcctr", "--debug"])
    with pytest.raises(ZeroDivisionError):
        catch(lambda: 1 // 0)
    assert sys.argv == ["dlcctr"]
    monkeypatch.setattr(sys, "argv", ["dlcctr", "--", "--debug"])
    assert catch(lambda: 1 // 0) == ExitCode.BUG


def test_being_stopped_is_no_failure() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    assert catch(stop) == ExitCode.TRY_AGAIN


INTERRUPTED = """
import os, signal, sys, typer
from dlcctr.cli import catch
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what it runs in the background ignore it
app = typer.Typer()
@app.command()
def wait():
    os.kill(os.getpid(), signal.SIGINT)
sys.exit(catch(app))
"""


def test_ctrl_c_ends_with_try_again() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (ExitCode.TRY_AGAIN, "stopped\n")


def test_a_manifest_without_a_model_leads_to_a_command_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = pytorch_project(tmp_path / "project")
    (tmp_path / "a b.mp4").write_bytes(b"no video, but it has a row")
    file = tmp_path / "m.csv"
    assert call(monkeypatch, "manifest", tmp_path / "a b.mp4", "-o", file, "--no-csv") == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("next, before anything can be analysed, name the trained model: dlcctr manifest ")
    words = shlex.split(last.partition("dlcctr ")[2].replace("PROJECT", str(project)))
    assert call(monkeypatch, *words) == 0
    campaign = read_campaign(file)
    assert (campaign.model, campaign.csv) == (project, False)
    assert f"next: dlcctr validate {file}" in capsys.readouterr().out


def test_usage_errors_end_with_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "check") == ExitCode.USAGE
    assert call(monkeypatch, "nonsense") == ExitCode.USAGE
    assert call(monkeypatch, "manifest", "x", "--crop", "1,2") == ExitCode.USAGE
    assert call(monkeypatch, "manifest", "x", "--append", "--no-csv") == ExitCode.USAGE
    assert "--append takes" in capsys.readouterr().err


def test_check_prints_a_table_totals_and_what_to_type(bench: Bench) -> None:
    done = dlcctr("check", bench.manifest)
    assert done.returncode == ExitCode.UNFINISHED
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["row", "state", "video", "cause"]
    assert lines[1].split()[:2] == ["1", "unfinished"]
    assert "\\n-z.mp4" in lines[1]
    assert "2 rows: 1 whole, 1 unfinished" in lines
    assert lines[-1].startswith(f"next, unfinished (1): dlcctr run {bench.manifest}")
    bench.commit(1)
    done = dlcctr("check", bench.manifest)
    assert (done.returncode, done.stdout) == (0, "2 rows: 2 whole\n")
    assert len(dlcctr("check", "--all", bench.manifest).stdout.splitlines()) == 4


def test_check_json_is_one_versioned_document(bench: Bench) -> None:
    done = dlcctr("check", bench.manifest, "--json")
    document = json.loads(done.stdout)
    assert {key: document[key] for key in ("dlcctr", "contract", "kind", "exit_code")} == {
        "dlcctr": __version__,
        "contract": 2,
        "kind": "check",
        "exit_code": 20,
    }
    assert set(document) == {"dlcctr", "contract", "kind", "manifest", "out", "exit_code", "totals", "rows", "notes"}
    assert document["totals"]["whole"] == 1
    assert document["rows"][1] == {
        "index": 1, "line": 3, "video": NAME, "state": "unfinished", "cause": "no receipt", "notes": [], "folder": None,
        "kept_frames": 0,
        "flags": None, "analysed": False, "steps": {},
    }  # fmt: skip
    assert done.returncode == 20


def test_validate_json_and_table(bench: Bench) -> None:
    (bench.campaign.video_root / "a.mp4").unlink()
    done = dlcctr("validate", bench.manifest, "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["kind"], document["rows"]) == (3, "validate", 2)
    assert set(document["problems"][0]) == {"kind", "line", "index", "video", "message", "remedy"}
    done = dlcctr("validate", bench.manifest)
    assert done.stdout.splitlines()[1].split()[:4] == ["2", "0", "missing", "a.mp4"]
    assert "put the videos back" in done.stdout


def test_manifest_command_from_a_folder_to_rows(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    media.write_video(tmp_path / "v/plain.mp4", 5).rename(tmp_path / "v" / NAME)
    (tmp_path / "v/bad.mp4").write_text("x")
    done = dlcctr("manifest", tmp_path / "v", "-o", tmp_path / "c/m.csv", "--crop", "0,32,0,16", "--batch-size", "4")
    assert done.returncode == 0, done.stderr
    assert "warning: row 1, bad.mp4: not a video, or a damaged one" in done.stderr
    assert done.stdout.splitlines()[0] == f"wrote 2 rows, 0 s of video: {tmp_path / 'c/m.csv'}"
    assert "crop = [0, 32, 0, 16]" in (tmp_path / "c/campaign.toml").read_text()
    assert not (tmp_path / "hacked").exists()
    again = dlcctr("manifest", tmp_path / "v", "-o", tmp_path / "c/m.csv")
    assert again.returncode == ExitCode.MANIFEST
    assert "--append" in again.stderr
    more = dlcctr("manifest", tmp_path / "v", "-o", tmp_path / "c/m.csv", "--append", "--json")
    assert json.loads(more.stdout)["rows"] == []
    assert dlcctr("validate", tmp_path / "c/m.csv").returncode == ExitCode.MANIFEST


def test_a_path_that_starts_with_a_dash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    media.write_video(tmp_path / "plain.mp4", 5).rename(tmp_path / "-x.mp4")
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "manifest", "-o", "m.csv", "--", "-x.mp4") == 0
    assert call(monkeypatch, "validate", "m.csv") == 0


def test_a_reader_that_goes_away_gets_no_ok(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, [f"{n}.mp4" for n in range(2000)])
    with subprocess.Popen(
        [sys.executable, "-m", "dlcctr", "check", str(bench.manifest), "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        error = process.stderr.read()
    assert process.returncode != 0
    assert "Traceback" not in error


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_full_disk_under_standard_output_is_said(options: list[str], unbuffered: str, bench: Bench) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "dlcctr", "check", str(bench.manifest), *options],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    assert done.returncode == ExitCode.OUTPUT
    assert done.stderr.startswith("error: standard output: the disk is full")
    assert "Exception ignored" not in done.stderr


def test_a_standard_error_that_cannot_be_written_changes_no_exit_code(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "dlcctr", "check", str(tmp_path / "none.csv")], stderr=full, timeout=60, check=False
        )
    assert done.returncode == ExitCode.MANIFEST


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            OSError(errno.EIO, "Input/output error", "/data/m.csv"),
            ExitCode.OUTPUT,
            "/data/m.csv: the disk or its ser",
        ),
        (OSError(errno.ESTALE, "Stale file handle"), ExitCode.OUTPUT, "a file or a stream: the file server lost"),
        (PermissionError(errno.EACCES, "Permission denied", b"/d\xff"), ExitCode.OUTPUT, "/d\\udcff: not allowed"),
        (OSError(errno.EXDEV, "Invalid cross-device link", "/a"), ExitCode.OUTPUT, "/a: the file system refused"),
        (OSError(errno.EBADF, "Bad file descriptor"), ExitCode.BUG, "this is a bug in dlcctr"),
        (OSError("no number"), ExitCode.BUG, "this is a bug in dlcctr"),
    ],
    ids=str,
)
def test_what_a_disk_does_is_no_bug(
    error: OSError, code: ExitCode, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    assert catch(fail) == code
    text = capsys.readouterr().err
    assert text.startswith(f"error: {said}")
    assert "\n  what to do: " in text


def test_names_that_the_terminal_cannot_show_do_not_fail_the_command(bench: Bench) -> None:
    bench = make_bench(bench.manifest.parent / "2", ["é🐭\x1b[31m.mp4"])
    done = subprocess.run(
        [sys.executable, "-m", "dlcctr", "check", str(bench.manifest)],
        capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == ExitCode.UNFINISHED
    assert b"\\xe9\\U0001f42d\\x1b[31m.mp4" in done.stdout


def test_the_table_on_a_terminal_is_drawn_by_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlcctr.system.terminal.console import print_table

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    print_table(("index", "video"), [(1, "[bold]a\x1b[2J.mp4")])
    assert "[bold]a\\x1b[2J.mp4" in screen.getvalue()


def test_the_model_is_pinned_by_hash_snapshot_parts_and_crop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Info:
        project, id, hash, engine = tmp_path / "project", "model-id", "00ff", "pytorch"
        snapshot, crop = "snapshot-best-120", (0, 100, 0, 50)
        shuffle, trainset_index = 2, 0
        bodyparts, individuals, unique_bodyparts = ("nose",), ("m1", "m2"), ("corner",)
        unsafe_loading = tracker = ""

    asked: list[object] = []

    def inspect(project: Path, **options: object) -> Info:
        asked.append((project, options))
        return Info()

    monkeypatch.setattr("dlcctr.campaign.derive.inspect_model", inspect)
    video = media.write_video(tmp_path / "a.mp4", 5)
    options = ("--model", tmp_path / "project", "--shuffle", "2", "--snapshot", "best", "--out", tmp_path / "out")
    assert call(monkeypatch, "manifest", video, "-o", tmp_path / "c/m.csv", *options) == 0
    assert asked == [(tmp_path / "project", {"shuffle": 2, "trainset_index": 0, "snapshot": "best"})]
    campaign = read_campaign(tmp_path / "c/m.csv")
    assert (campaign.model, campaign.model_id, campaign.model_hash) == (tmp_path / "project", "model-id", "00ff")
    assert (campaign.snapshot, campaign.shuffle, campaign.crop) == ("snapshot-best-120", 2, (0, 100, 0, 50))
    assert (campaign.individuals, campaign.unique_bodyparts, campaign.out) == (
        ("m1", "m2"),
        ("corner",),
        tmp_path / "out",
    )
    assert call(monkeypatch, "manifest", video, "-o", tmp_path / "d/m.csv", *options, "--crop", "1,2,3,4") == 0
    assert read_campaign(tmp_path / "d/m.csv").crop == (1, 2, 3, 4)


def test_the_home_folder_behind_an_equals_sign_is_found_as_shells_do_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/ann lab")
    typed = ["--out=~/res", "--out=~", "--out=~bob/x", "--out=a=~/x", "x=~/y", "~/z", "--", "--out=~/res"]
    assert call_with(monkeypatch, typed) == ["--out=/home/ann lab/res", "--out=/home/ann lab", *typed[2:]]


def call_with(monkeypatch: pytest.MonkeyPatch, typed: list[str]) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["dlcctr", *typed])
    assert catch(lambda: None) is ExitCode.OK
    return sys.argv[1:]


def test_a_folder_is_no_manifest(bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    folder = bench.manifest.parent / "a b"
    folder.mkdir()
    for words in (["validate", folder], ["check", folder], ["manifest", bench.campaign.video_root, "-o", folder]):
        assert call(monkeypatch, *words) is ExitCode.MANIFEST
        assert "is a folder" in (said := capsys.readouterr().err)
    assert shlex.quote(str(folder / "manifest.csv")) in said
