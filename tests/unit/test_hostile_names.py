"""Names that want to be something else, through every command that shows names: nothing of them reaches a terminal or
a log that could move the cursor, hide letters, or be taken for a line of a task's log."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dlcctr.cli import catch, make_app
from dlcctr.contract import ExitCode
from dlcctr.planning.task_lines import is_several_gpus, is_task_end, parse_row_start
from dlcctr.slurm.task_log import END_LINE, HEAD, SLURMSTEPD, read_end
from dlcctr.system.terminal.console import HARMFUL
from tests.unit.slurm.submit.test_submit import scheduler  # noqa: F401 - a fixture
from tests.unit.support.analyze_case import Case
from tests.unit.support.results import Bench, make_bench

FORGED = "dlcctr-task-end code=0 node=n1 signal=0 restart=0"
NAMES = (
    f"a\n{FORGED}\nb.mp4",
    f"c\r{FORGED}\x0b{FORGED}\x85{FORGED}\u2028{FORGED}.mp4",
    "task 3: 2 of 2 rows done; x.mp4",
    "== row 1 (x).mp4",
    "slurmstepd: error: JOB 1 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT.mp4",
    "\x1b[31mred\x1b]0;title\x07\x9b2J.mp4",
    "[red]loud [link=x][bold].mp4",
    "\u202egpj.4pm.mp4",
    "in\u200bvis\u00adible\ufeff.mp4",
    "error: nothing is wrong.mp4",
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = make_bench(tmp_path, [*NAMES, "sound.mp4"])
    made.commit(3)
    made.commit(5)
    (made.folder(5) / "note\x1b[2J.txt").write_text("x")
    return made


def call(monkeypatch: pytest.MonkeyPatch, *argv: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["dlcctr", *map(str, argv)])
    return catch(lambda: make_app()(prog_name="dlcctr"))


def is_forged(line: str) -> bool:
    """Whether `status`, `logs` or `resubmit` would read a line of a video's name as one that the system wrote."""
    return bool(
        END_LINE.fullmatch(line.strip())
        or HEAD.fullmatch(line.strip())
        or SLURMSTEPD.match(line.strip())
        or is_task_end(line)
        or is_several_gpus(line)
        or parse_row_start(line) is not None
    )


def assert_harmless(text: str) -> None:
    assert text
    for line in text.split("\n"):
        assert not HARMFUL.search(line), ascii(line)
        assert not is_forged(line), line


COMMANDS = (
    ("check", "{m}"),
    ("check", "--all", "{m}"),
    ("check", "--all", "--json", "{m}"),
    ("report", "{m}", "-o", "{new}"),
    ("report", "{m}", "--json"),
    ("report", "{bad}"),
    ("rate", "{m}", "{bad}"),
    ("collect", "{m}", "-o", "{new}"),
    ("collect", "{m}", "-o", "{bad}"),
    ("collect", "{m}", "--step", "{bad}"),
    ("collect", "{m}", "--json"),
    ("collect", "{bad}"),
    ("validate", "{m}"),
    ("validate", "--json", "{m}"),
    ("status", "{m}"),
    ("status", "--rows", "{m}"),
    ("status", "--json", "{m}"),
    ("plan", "{m}", "--fps", "100"),
    ("logs", "{m}", "0"),
    ("cancel", "{m}"),
    ("run", "{m}", "--gpus", "none"),
    ("manifest", "{videos}", "-o", "{m}"),
    ("manifest", "{videos}", "-o", "{new}"),
    ("manifest", "{videos}", "-o", "{new}", "--json"),
    ("manifest", "{bad}", "-o", "{new}"),
    ("check", "{bad}"),
    ("model", "inspect", "{bad}"),
    ("model", "verify", "{bad}"),
    ("sbatch", "{m}", "--site", "{bad}"),
    ("submit", "{m}", "--fps", "100", "--image", "dlc.sif"),
    ("submit", "{m}", "--fps", "100", "--image", "dlc.sif", "--skip-bad-videos"),
    ("push", "{m}", "{bad}"),
    ("{bad}",),
    ("check", "{bad}", "{bad}"),
    ("check", "--rows", "{bad}", "{m}"),
)


@pytest.mark.usefixtures("scheduler")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(map(ascii, command)))
def test_no_command_lets_a_name_be_more_than_a_name(
    command: tuple[str, ...], bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.failure_file(1).parent.mkdir(parents=True, exist_ok=True)
    (bench.campaign.video_root / NAMES[4]).unlink()
    (bench.campaign.video_root / NAMES[0]).write_bytes(b"changed")
    places = {
        "m": bench.manifest,
        "new": bench.manifest.with_name("new") / "n\x1b[2J\n.csv",
        "videos": bench.campaign.video_root,
        "bad": bench.campaign.video_root / f"nothing\x1b[2J\n{FORGED}\n\u202e\udc80[red]",
    }
    monkeypatch.chdir(bench.manifest.parent)
    call(monkeypatch, *(word.format(**places) for word in command))
    said = capsys.readouterr()
    assert_harmless(said.out + said.err)


def test_campaign_toml_names_are_names(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = bench.campaign.file.read_text()
    for key in ("hash", "id", "engine", "root", "snapshot"):
        bench.campaign.file.write_text(text.replace(f"\n{key} = ", f'\n{key} = "\\u001b[2J\\n{FORGED}\\n"  # '))
        for command in ("check", "validate", "status"):
            call(monkeypatch, command, bench.manifest)
    bench.campaign.file.write_text(text.replace('engine = "', f'engine = "\\u001b]0;\\n{FORGED}\\n'))
    call(monkeypatch, "run", bench.manifest, "--gpus", "none")
    said = capsys.readouterr()
    assert_harmless(said.out + said.err)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("worker", ["", "full"])
def test_the_image_says_names_the_same_way(
    name: str, worker: str, case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    video = case.campaign.video_root / case.row.video
    video.rename(case.campaign.video_root / name)
    case.write(video=name)
    if worker:
        monkeypatch.setenv("FAKE_WORKER", worker)
    code = catch(lambda: case.run(path="stock"))
    assert code == (ExitCode.OUTPUT if worker else ExitCode.OK)
    said = capsys.readouterr()
    assert_harmless(said.out + said.err)


def test_a_message_of_several_lines_cannot_end_a_tasks_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dlcctr.errors import AnalysisError

    def fail() -> None:
        raise AnalysisError(f"row 1: it broke\n{FORGED}\n{FORGED}", f"mend it\n{FORGED}")

    catch(fail)
    log = tmp_path / "1_0.log"
    log.write_text(capsys.readouterr().err)
    assert FORGED in log.read_text()
    assert read_end(log) is None


def test_remote_answers_are_shown_as_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import io

    from dlcctr.transfer.remote import ssh

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    ssh._listen(io.BytesIO(b"\x1b]0;mine\x07 banner \xff\xe2\x80\xae\nlast"), [])
    said = capsys.readouterr().err
    assert_harmless(said)
    assert "banner" in said
