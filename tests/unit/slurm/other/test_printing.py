"""`dlcctr script`, and what `check`, `status` and `logs` say of a campaign that it printed for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dlcctr.campaign.config import read_campaign
from dlcctr.cli import catch
from dlcctr.contract import ExitCode
from dlcctr.errors import ToolMissingError
from dlcctr.results.check import check
from dlcctr.slurm.advice import after_check, after_status
from dlcctr.slurm.other.table import SCHEDULERS
from dlcctr.slurm.whereabouts import Work, find_whereabouts
from dlcctr.system import processes
from tests.unit.support.failing_commands import command
from tests.unit.support.slurm_case import SlurmCase, make_case
from tests.unit.support.suggestions import in_sentence

ASK = ("--fps", "100", "--image", "dlc.sif")


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlurmCase:
    """Rows: 0 whole, 1 failed, 2 broken, 3 with a bad video, 4 and 5 not begun."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(tmp_path)
    made = make_case(tmp_path, 6)
    made.commit(0)
    made.fail(1, job="")
    made.bench.folder(2).mkdir(parents=True)
    made.fail(3, code=int(ExitCode.VIDEO), job="")
    return made


def script(case: SlurmCase, name: str, *words: str, code: int = 0) -> None:
    assert catch(command("script", case.bench.manifest, "--scheduler", name, *ASK, *words)) == code


def rows_of(case: SlurmCase, text: str) -> list[int]:
    """Rows of the plan that a script names."""

    (plan,) = re.findall(r"^plan=(\S+)", text, re.MULTILINE)
    return sorted(index for task in json.loads(Path(plan).read_text())["tasks"] for index in task["rows"])


@pytest.mark.parametrize("name", [each.name for each in SCHEDULERS])
def test_it_prints_all_unfinished_rows_or_those_that_are_wanted(
    case: SlurmCase, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    script(case, name)
    printed = capsys.readouterr().out
    assert rows_of(case, printed) == [1, 2, 3, 4, 5]
    script(case, name, "--rows", "0,4-5", "-o", "job.sh")
    (submit,) = [each.submit for each in SCHEDULERS if each.name == name]
    assert f"wrote job.sh; next: {submit} job.sh" in capsys.readouterr().err
    assert rows_of(case, Path("job.sh").read_text()) == [4, 5], "a finished row is not done again"


def test_values_come_from_the_site_profile_and_the_command_line(
    case: SlurmCase, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("lab.toml").write_text(
        '[slurm]\npartition = "long.q"\ngres = "gpu:2"\nmem_gb = 9\n[limits]\nmax_parallel = 2\n'
    )
    script(case, "sge", "--site", "lab.toml", "--account", "mice", "--tasks", "5", "--time", "90")
    asked = re.findall(r"^#\$ (.*)$", capsys.readouterr().out, re.MULTILINE)
    for line in ("-q long.q", "-P mice", "-l gpu=2", "-l mem_free=9G", "-l h_rt=01:30:00", "-t 1-3", "-tc 2"):
        assert line in asked
    script(case, "sge", "--site", "lab.toml", "--queue", "short.q", "--gpu", "none", "--allow-cpu", "--extra", "-R y")
    text = capsys.readouterr().out
    assert "#$ -q short.q" in text and "#$ -R y" in text
    assert "gpu=" not in text and "--nv" not in text and "options=(--allow-cpu)" in text


def test_arrays_of_more_tasks_than_a_scheduler_takes_are_printed_one_by_one(
    case: SlurmCase, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("lab.toml").write_text("[limits]\nmax_array_size = 3\n")
    script(case, "lsf", "--site", "lab.toml", "--tasks", "5", code=ExitCode.USAGE)
    said = capsys.readouterr().err
    assert "--array 0: 3 tasks" in said and "--array 1: 2 tasks" in said
    script(case, "lsf", "--site", "lab.toml", "--tasks", "5", "--array", "1")
    text = capsys.readouterr().out
    assert "[1-2]" in text and "offset=3 " in text


def test_what_does_not_fit_is_said(case: SlurmCase, capsys: pytest.CaptureFixture[str]) -> None:
    def said(name: str, *words: str) -> str:
        script(case, name, *words, code=ExitCode.USAGE)
        return capsys.readouterr().err

    assert "must be one of sge, pbs, lsf" in said("condor")
    assert "dlcctr sbatch m.csv" in said("slurm")
    assert "--plan and --rows are both given" in said("sge", "--plan", "p.json", "--rows", "1")
    assert "no rows are left to submit" in said("sge", "--rows", "0")
    assert "PBS has no parallel environments" in said("pbs", "--pe", "smp")
    assert not [each for each in SCHEDULERS if each.folder(case.paths).exists()], "nothing was printed"


def commands(lines: list[str]) -> list[str]:
    found = [each for line in lines for each in in_sentence(line, "advice", is_mention=False)]
    assert not [(each.words, each.problem()) for each in found if each.problem()]
    return [each.words.strip() for each in found]


@pytest.mark.parametrize(("name", "submit"), [("sge", "qsub job.sh"), ("lsf", "bsub < job.sh")])
def test_advice_names_what_is_there(
    case: SlurmCase, name: str, submit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    script(case, name)
    capsys.readouterr()
    manifest = case.bench.manifest
    place = find_whereabouts(manifest, read_campaign(manifest))
    assert place.work is Work.OTHER
    again = f"script {manifest} --scheduler {name} --rows"
    lines = after_check(check(manifest), place)
    assert commands(lines) == [f"{again} {rows} -o job.sh" for rows in ("4-5", "2", "1", "3")]
    assert all(line.endswith(f"; then: {submit}") for line in lines)
    lines = after_status(case.status(squeue=None), place)
    assert commands(lines) == [f"logs {manifest} 1", f"{again} 1-2 -o job.sh", f"{again} 4-5 -o job.sh"]
    assert not re.search(r"submit |squeue|sbatch", " ".join(lines))


def test_logs_finds_the_newest_lines_of_a_row(case: SlurmCase, capsys: pytest.CaptureFixture[str]) -> None:
    assert catch(command("logs", case.bench.manifest, "4")) == ExitCode.MANIFEST
    script(case, "pbs")
    assert catch(command("logs", case.bench.manifest, "4")) == ExitCode.MANIFEST
    assert "--scheduler pbs --rows 4" in capsys.readouterr().err
    folder = case.paths.root / "pbs"
    (folder / "7_0.log").write_text("== row 4 (v4.mp4)\nit went wrong\ntask 0: 0 of 1 rows done; row 4: 7\n")
    (folder / "7_1.log").write_text("== row 5 (v5.mp4)\nanother\ntask 1: 1 of 1 rows done\n")
    assert catch(command("logs", case.bench.manifest, "4")) == 0
    assert "it went wrong" in capsys.readouterr().out


def test_a_campaign_that_slurm_had_stays_slurms(case: SlurmCase) -> None:
    script(case, "sge", "-o", "job.sh")
    case.submit([[4]])
    assert find_whereabouts(case.bench.manifest, read_campaign(case.bench.manifest)).work is Work.SLURM


def test_where_there_is_no_sbatch_the_other_schedulers_are_named(case: SlurmCase) -> None:
    with pytest.raises(ToolMissingError) as caught:
        processes.run(["sbatch", "job.sh"])
    (words,) = commands([caught.value.hint])
    assert words == "script m.csv --scheduler sge"


def test_the_results_can_be_written_although_nothing_is_there_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = make_case(tmp_path, 2)
    assert not case.bench.campaign.out.exists()
    script(case, "sge")
    assert f"--bind {case.bench.campaign.out}:{case.bench.campaign.out}:rw" in capsys.readouterr().out
