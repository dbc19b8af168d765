"""What `check` and `status` say to type, by where the rows are worked on; every command is one that is there."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.config import Campaign, read_campaign
from dlcctr.campaign.manifest import write_manifest
from dlcctr.contract import ExitCode, RowState
from dlcctr.results.check import check
from dlcctr.results.receipt import FrameCounts
from dlcctr.slurm import advice
from dlcctr.slurm.advice import after_check, after_status
from dlcctr.slurm.whereabouts import Whereabouts, Work, find_whereabouts
from dlcctr.transfer.remote.address import Remote, remember_remote
from tests.unit.support.results import FRAMES
from tests.unit.support.slurm_case import SlurmCase, make_case, sacct_line, sacct_text
from tests.unit.support.state_files import unsigned
from tests.unit.support.suggestions import in_sentence


@pytest.fixture(autouse=True)
def no_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)


@pytest.fixture
def case(tmp_path: Path) -> SlurmCase:
    """Rows: 0 whole, 1 failed, 2 broken, 3 with a bad video, 4 not begun."""
    made = make_case(tmp_path, 5)
    made.commit(0)
    made.fail(1, job="")
    made.bench.folder(2).mkdir(parents=True)
    made.fail(3, code=int(ExitCode.VIDEO), job="")
    return made


def login_node(case: SlurmCase, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = case.bench.manifest.parent / "bin"
    folder.mkdir()
    (folder / "sbatch").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(folder))


def push(case: SlurmCase) -> None:
    remember_remote(case.bench.campaign, Remote("hpc", "/scratch/my lab"))


def place(case: SlurmCase) -> Whereabouts:
    return find_whereabouts(case.bench.manifest, read_campaign(case.bench.manifest))


def checked(case: SlurmCase) -> list[str]:
    return commands(after_check(check(case.bench.manifest), place(case)))


def shown(case: SlurmCase, sacct: str = "") -> list[str]:
    return commands(after_status(case.status(sacct=sacct), place(case)))


def commands(lines: list[str]) -> list[str]:
    """Commands of some lines, each of which the parser takes."""
    found = [each for line in lines for each in in_sentence(line, "advice", is_mention=False)]
    assert not [(each.words, each.problem()) for each in found if each.problem()]
    return [each.words.strip() for each in found]


def test_where_nothing_was_submitted_and_there_is_no_slurm_rows_are_run_here(case: SlurmCase) -> None:
    name = case.bench.manifest
    assert place(case).work is Work.HERE
    assert checked(case) == [f"run {name}", f"run {name} --rows 2 --overwrite", f"run {name}", f"run {name}"]
    assert shown(case) == [f"run {name}", f"logs {name} 1", f"run {name}", f"submit {name}"]


def test_on_a_login_node_nothing_is_run(case: SlurmCase, monkeypatch: pytest.MonkeyPatch) -> None:
    login_node(case, monkeypatch)
    name = case.bench.manifest
    rows = [f"submit {name} --rows {row}" for row in (2, 3)]
    assert sorted(checked(case)) == sorted([f"submit {name}", f"submit {name}", *rows])
    assert not [line for line in [*checked(case), *shown(case)] if line.startswith("run")]


def test_in_a_job_on_a_compute_node_rows_are_run_here(case: SlurmCase, monkeypatch: pytest.MonkeyPatch) -> None:
    login_node(case, monkeypatch)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert place(case).work is Work.HERE


def test_what_was_submitted_is_submitted_again_and_the_rest_for_the_first_time(case: SlurmCase) -> None:
    case.submit([[1, 2, 3]])
    name = case.bench.manifest
    assert place(case) == Whereabouts(Work.SLURM, frozenset({1, 2, 3}))
    assert sorted(checked(case)) == sorted([
        f"submit {name}", f"resubmit {name}", f"resubmit {name} --rows 2", f"resubmit {name} --rows 3 --again",
    ])  # fmt: skip
    sacct = sacct_text(sacct_line(0, "TIMEOUT"))
    assert shown(case, sacct) == [f"resubmit {name}", f"logs {name} 1", f"submit {name}"]


def test_an_unfinished_row_that_was_submitted_may_be_running(case: SlurmCase) -> None:
    case.submit([[4]])
    name = case.bench.manifest
    assert f"status {name}" in checked(case) and f"resubmit {name}" in checked(case)


def test_what_was_pushed_is_fetched_and_submitted_again_from_here(case: SlurmCase) -> None:
    """Commands about jobs run on the cluster, where this machine has no Slurm."""
    push(case)
    name = case.bench.manifest
    assert set(checked(case)) == {f"fetch {name}", f"resubmit {name}", f"status {name}"}
    assert set(shown(case)) == {f"fetch {name}", f"resubmit {name}", f"status {name}"}


def test_what_was_pushed_to_another_cluster_is_submitted_again_there(
    case: SlurmCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    login_node(case, monkeypatch)
    case.submit([[4]])  # `fetch` brings the submissions along
    push(case)
    name, there = case.bench.manifest, shlex.quote("/scratch/my lab/m.csv")
    assert set(checked(case)) == {f"fetch {name}", f"resubmit {there}", f"status {there}"}
    assert set(shown(case)) == {f"fetch {name}", f"resubmit {there}"}
    lines = after_check(check(name), place(case))
    assert any("on hpc: dlcctr resubmit" in line for line in lines)


def test_unreadable_and_degraded_rows_have_a_command_too(tmp_path: Path) -> None:
    case = make_case(tmp_path, 2)
    write_manifest(case.bench.manifest, [replace(case.bench.rows[0], error="no video"), case.bench.rows[1]])
    case.commit(1, state=RowState.DEGRADED, cause="2 frames", frames=FrameCounts(FRAMES, FRAMES, FRAMES - 2, ((3, 5),)))
    name = case.bench.manifest
    assert f"manifest VIDEO -o {name} --append" in checked(case)
    assert f"check {name} --accept-degraded" in checked(case)
    assert f"status {name} --accept-degraded" in shown(case)


def test_a_printed_script_makes_it_a_campaign_of_slurms(case: SlurmCase) -> None:
    """Inside the SIF nothing else tells that this may be a login node."""
    name = case.submit([[4]])
    file = case.paths.submission(name)
    table = json.loads(unsigned(file.read_text())) | {"by_hand": True}
    table["arrays"][0]["job_id"] = ""
    case.paths.printed.mkdir(parents=True)
    (case.paths.printed / "x.json").write_text(json.dumps(table))
    file.unlink()
    assert place(case) == Whereabouts(Work.SLURM)
    assert not [line for line in checked(case) if line.startswith("run")]


def test_submissions_that_cannot_be_read_give_no_advice_of_their_own(case: SlurmCase) -> None:
    case.submit([[1]])
    for file in case.paths.submissions.glob("*.json"):
        file.write_text("{")
    assert place(case).submitted == frozenset()


def test_a_campaign_without_a_remote_folder_was_not_pushed() -> None:
    campaign = Campaign(file=Path("/x/campaign.toml"), out=Path("/x/r"), remote_host="hpc")
    assert find_whereabouts(Path("/x/m.csv"), campaign).work is Work.HERE


TYPED = "/lab/my mice/m.csv"


def test_advice_for_a_person_at_another_machine_is_typed_there(
    case: SlurmCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`status`, asked over ssh: the other machine's manifest, and `fetch` before `check`."""
    login_node(case, monkeypatch)
    monkeypatch.setenv("DLCCTR_TYPED_MANIFEST", TYPED)
    found = shown(case)
    assert len(found) >= 3
    assert all(shlex.split(each)[1] == TYPED for each in found), found
    for index in range(1, 5):
        case.bench.folder(index).mkdir(parents=True, exist_ok=True)
        case.bench.folder(index).rmdir()
        case.commit(index)
    assert shown(case) == [f"fetch '{TYPED}'", f"check '{TYPED}'"]


def test_a_new_video_of_a_pushed_campaign_is_pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = make_case(tmp_path, 2)
    write_manifest(case.bench.manifest, [replace(row, error="not a video") for row in case.bench.rows])
    monkeypatch.setenv("DLCCTR_TYPED_MANIFEST", TYPED)
    assert shown(case) == [f"manifest VIDEO -o '{TYPED}' --append", f"push '{TYPED}'"]


def test_all_modules_that_may_run_for_another_machine_name_the_manifest_as_typed_there() -> None:
    root = Path(advice.__file__).parents[1]
    stays = {"script.py", "plan.py", "sbatch.py"}  # what they say is read where they run
    modules = [*(root / "slurm").rglob("*.py"), *(root / "commands/cluster").glob("*.py")]
    assert len(modules) > 40
    wrong = [
        f"{file.relative_to(root)}:{number}"
        for file in modules
        if file.name not in stays
        for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), start=1)
        if re.search(r"quote\(str\([\w.]*manifest\)\)", line)
    ]
    assert not wrong, "these use dlcctr.campaign.paths.typed_manifest instead"


def test_a_new_row_of_a_campaign_goes_where_its_rows_are_worked_on(
    case: SlurmCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlcctr.campaign.create import CampaignChanges
    from dlcctr.commands.manifest import _summary

    def steps() -> list[str]:
        campaign = replace(read_campaign(case.bench.manifest), model=Path("/lab/project"))
        return commands(_summary(CampaignChanges(case.bench.manifest, campaign, []), ["v.mp4"], append=True))

    name = case.bench.manifest
    assert steps() == [f"validate {name}", f"run {name}", f"submit {name}"]
    login_node(case, monkeypatch)
    assert steps() == [f"validate {name}", f"submit {name}"]
    monkeypatch.setenv("PATH", "/nowhere")
    push(case)
    assert steps() == [f"validate {name}", f"push {name}"]


def test_what_another_analysis_would_not_cure_is_not_advised_to_be_analysed_again(tmp_path: Path) -> None:
    """Of 0 the video was replaced, of 1 another campaign's result is there, 2 has no model, 3 no folder."""
    case = make_case(tmp_path, 4)
    for index in range(3):
        case.commit(index)
    name, rows = case.bench.manifest, case.bench.rows
    (case.bench.campaign.video_root / rows[0].video).write_bytes(b"another film")
    write_manifest(
        name,
        [
            rows[0],
            replace(rows[1], fingerprint="v1:9:other"),
            replace(rows[2], model="gone"),
            replace(rows[0], index=3, crop=(0, 10, 0, 10)),
        ],
    )
    (case.bench.campaign.video_root / rows[1].video).unlink()
    said = after_check(check(name), place(case))
    assert [line.partition(":")[0] for line in said] == [f"next, broken ({row})" for row in (1, 0, 2, 3)]
    assert ["--overwrite" in line for line in said] == [True, False, False, False]
    assert "output.root" in said[0]
    assert checked(case) == [
        f"run {name} --rows 1 --overwrite",
        f"manifest VIDEO -o {name} --append",
        f"validate {name}",
        "manifest VIDEO -o OTHER/m.csv --model PROJECT --crop X1,X2,Y1,Y2",
    ]
