from __future__ import annotations

import gzip
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import typer

from dlcctr.campaign.config import read_campaign, write_campaign
from dlcctr.campaign.derive import ModelChoice
from dlcctr.campaign.manifest import read_manifest, write_manifest
from dlcctr.cli import catch, make_app
from dlcctr.commands import in_image
from dlcctr.compare import run_compare
from dlcctr.compare.clips import STEP
from dlcctr.compare.pairs import read_pairs
from dlcctr.compare.plan import PLANS, SIDES
from dlcctr.compare.run_compare import CompareRequest, compare
from dlcctr.compare.sample import Why
from dlcctr.compare.verdict import compare_models, percent
from dlcctr.contract import ExitCode, row_folder
from dlcctr.errors import ManifestError, UsageError, VideoError
from dlcctr.quality.record import QUALITY_FILENAME, TABLE_FILENAME, read_quality, write_quality
from dlcctr.results.check import CheckOptions, check
from dlcctr.results.row_state import State
from dlcctr.results.sections import OutputFile
from dlcctr.results.steps.receipt import STEP_RECEIPTS, Made, StepReceipt, step_folder
from dlcctr.runtime.rows.run_campaign import RunResult
from tests.unit.support.compare_case import Case, finish, finish_both, make_case, project
from tests.unit.support.suggestions import in_sentence

NAMES = [f"cam{k % 2}/v{k}.mp4" for k in range(8)]
BETTER = [(0.4, 0.1)] * 8


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return make_case(tmp_path, NAMES)


def request(case: Case, **changes: Any) -> CompareRequest:
    choices = (ModelChoice(case.a), ModelChoice(case.b))
    return replace(CompareRequest(case.manifest, choices, case.manifest.parent / "cmp", run=False), **changes)


def call(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr("sys.argv", ["dlcctr", *map(str, words)])
    return catch(lambda: make_app()(prog_name="dlcctr"))


def test_two_campaigns_whose_results_never_mix(case: Case) -> None:
    prepared = case.prepare()
    campaigns = [read_campaign(prepared.folder.manifest(side)) for side in SIDES]
    assert [each.model for each in campaigns] == [case.a, case.b]
    assert campaigns[0].model_id != campaigns[1].model_id
    finish_both(prepared, BETTER)
    for side in SIDES:
        states = check(prepared.folder.manifest(side), CheckOptions(quick=True))
        assert states.totals["whole"] == 8 and states.exit_code is ExitCode.OK
    folders = {path.parent.relative_to(prepared.folder.results).parts[0]
               for path in prepared.folder.results.rglob("receipt.json")}  # fmt: skip
    assert folders == {each.model_id for each in campaigns}
    assert not case.campaign.out.exists(), "the campaign itself is not touched"


def test_rows_keep_index_camera_times_and_own_columns(case: Case) -> None:
    rows = read_manifest(case.manifest)
    changed = [replace(row, camera="left", times=f"{row.video}.csv", crop=(0, 32, 0, 32)) for row in rows]
    write_manifest(case.manifest, changed)
    text = case.manifest.read_text().splitlines()
    case.manifest.write_text("\n".join([text[0] + ",animal", *(f'{line},"a, b"' for line in text[1:])]) + "\n")
    prepared = case.prepare(n=3)
    made = read_manifest(prepared.folder.manifest("B"))
    assert [row.index for row in made] == [row.index for row in prepared.rows] and len(made) == 3
    by_index = {row.index: row for row in read_manifest(case.manifest)}
    assert [replace(row, line=0) for row in made] == [replace(by_index[row.index], line=0) for row in made]
    assert made[0].own == (("animal", "a, b"),)


def test_a_videos_own_model_is_not_that_of_the_new_campaigns(case: Case) -> None:
    rows = read_manifest(case.manifest)
    twice = [replace(rows[k // 2], index=k, snapshot="snapshot-200", shuffle=1 + k % 2) for k in range(16)]
    write_manifest(case.manifest, twice)
    made = read_manifest(case.prepare().folder.manifest("A"))
    assert [row.index for row in made] == list(range(0, 16, 2))
    assert {(row.model, row.shuffle, row.snapshot) for row in made} == {("", None, "")}


def test_b_is_better(case: Case) -> None:
    prepared = case.prepare()
    finish_both(prepared, BETTER)
    done = compare(request(case))
    assert done.found is not None and done.found.better == "B"
    assert done.found.verdict == (
        "B is better: 7.5% of points are probably wrong instead of 30.0%, fewer in 8 of 8 videos at random"
    )
    assert done.found.median_lengths == pytest.approx(0.1)
    assert [pair.agreement and pair.agreement.median_px for pair in done.found.pairs] == [1.0] * 8


def test_a_is_better(case: Case) -> None:
    finish_both(case.prepare(), [(0.1, 0.4)] * 8)
    found = compare(request(case)).found
    assert found and found.better == "A" and found.verdict.startswith("A is better: 7.5% of points")


def test_no_difference(case: Case) -> None:
    finish_both(case.prepare(), [(0.3, 0.2), (0.2, 0.3)] * 4)
    found = compare(request(case)).found
    assert found and not found.better
    assert found.verdict.startswith("no difference that 8 videos can show: ")
    assert "fewer with B in 4 of 8" in found.verdict


def test_a_difference_that_nobody_cares_for_is_none(case: Case) -> None:
    finish_both(case.prepare(), [(0.3, 0.3 - 1e-6)] * 8)
    found = compare(request(case)).found
    assert found and not found.better and found.at_random["wrong"].sign == -1


def test_a_model_that_is_only_sure_of_itself_is_not_better(case: Case) -> None:
    prepared = case.prepare()
    finish_both(prepared, BETTER)
    for file in prepared.folder.results.glob(f"{prepared.campaigns[1].model_id}/*/*/{QUALITY_FILENAME}"):
        quality = read_quality(file.parent)
        assert quality
        write_quality(file.parent, replace(quality, parts=tuple(replace(p, jump_share=0.2) for p in quality.parts)))
    found = compare(request(case)).found
    assert found and not found.better
    assert found.verdict == (
        "no verdict, the numbers disagree: 7.5% of points are probably wrong with B, 30.0% with A, "
        "but 20.0% jump with B and 1.0% with A: look at the videos"
    )


def test_the_worst_do_not_count_for_the_verdict(case: Case) -> None:
    """They were chosen because A was bad there."""
    for row in read_manifest(case.manifest):
        finish(case.campaign, row, 0.9 if row.index in (2, 5) else 0.1)
    prepared = case.prepare(n=7)
    worst = [n for n, each in enumerate(prepared.plan.rows) if each.why is Why.WORST]
    assert len(worst) == 2
    finish_both(prepared, [(0.9, 0.0) if n in worst else (0.1, 0.1) for n in range(7)])
    found = compare(request(case, sample=7)).found
    assert found and not found.better and "and in 2 of the 2 worst" in found.verdict
    assert found.at_random["wrong"].n == 5 and "at least 6 are needed" in found.verdict


def test_finished_rows_of_the_campaign_are_taken(case: Case) -> None:
    for row in read_manifest(case.manifest)[:5]:
        folder = finish(case.campaign, row, 0.4)
        (folder / "steps" / "filter").mkdir(parents=True)
    done = compare(request(case))
    assert done.n_reused == 5 and done.found is None
    states = check(done.prepared.folder.manifest("A"))
    assert states.totals["whole"] == 5
    assert not list(done.prepared.folder.results.rglob("steps"))
    assert not list(done.prepared.folder.results.rglob(".dlcctr-attempt*"))
    assert compare(request(case)).n_reused == 0
    assert check(done.prepared.folder.manifest("B"), CheckOptions(quick=True)).totals["whole"] == 0


def test_results_of_another_snapshot_are_not_taken(case: Case) -> None:
    for row in read_manifest(case.manifest):
        finish(case.campaign, row, 0.4)
    other = project(case.manifest.parent / "third", ("snout", "tail"), "third")
    done = compare(request(case, choices=(ModelChoice(other), ModelChoice(case.b))))
    assert done.n_reused == 0


def test_only_common_body_parts_are_compared(tmp_path: Path) -> None:
    case = make_case(tmp_path, NAMES, ("snout", "tail", "ear"), ("tail", "paw", "snout"))
    prepared = case.prepare()
    assert prepared.common == ("snout", "tail")
    finish_both(prepared, BETTER)
    found = compare(request(case)).found
    assert found and found.notes == (
        "no row of the campaign is judged: all videos were taken at random",
        "only the body parts of both are compared (snout, tail); A alone has ear; B alone has paw",
    )
    # of A: snout 0.4, tail 0.2; of B: tail 0.1, snout 0.1 / 3
    assert found.at_random["wrong"].mean_a == pytest.approx(0.3)
    assert found.at_random["wrong"].mean_b == pytest.approx((0.1 + 0.1 / 3) / 2)
    assert found.pairs[0].agreement and found.pairs[0].agreement.median_px == 1
    page = (prepared.folder.page).read_text()
    assert "ear" in page and "paw" in page


def test_models_that_cannot_be_compared(tmp_path: Path) -> None:
    case = make_case(tmp_path, NAMES, ("snout", "tail"), ("wing", "beak"))
    with pytest.raises(UsageError, match="no body part in common"):
        case.prepare()
    with pytest.raises(UsageError, match="the same model"):
        compare(request(case, choices=(ModelChoice(case.a), ModelChoice(case.a))))
    with pytest.raises(UsageError, match="3 models"):
        compare(request(case, choices=(ModelChoice(case.a),) * 3))
    assert not (case.manifest.parent / "cmp").exists()


def test_one_model_is_compared_with_the_campaigns_own(case: Case) -> None:
    done = compare(request(case, choices=(ModelChoice(case.b),)))
    assert [each.path for each in done.prepared.plan.models] == [str(case.a), str(case.b)]
    campaign = case.campaign
    write_campaign(replace(campaign.without_model_facts(), model=None))
    with pytest.raises(UsageError, match="names no model"):
        compare(request(case, choices=(ModelChoice(case.b),), folder=case.manifest.parent / "more"))


def test_a_model_that_is_gone_is_compared_by_what_it_has_finished(case: Case) -> None:
    """Its project was trained again in place, as in a round without packing the model first."""
    rows = read_manifest(case.manifest)
    for row in rows[:7]:
        finish(case.campaign, row, 0.4)
    (case.a / "dlc-models-pytorch/iteration-0/mouseJan1-trainset95shuffle1/train/snapshot-200.pt").write_bytes(b"again")
    new = (ModelChoice(case.a),)
    done = compare(request(case, choices=new))
    assert done.n_reused == 7 and [row.index for row in done.prepared.rows] == list(range(7))
    assert done.prepared.plan.notes == (
        "the campaign's model is not at hand any more: only videos that it has finished are compared",
    )
    assert not (run_a := check(done.prepared.folder.manifest("A"))).unwhole, run_a.unwhole
    for row in done.prepared.rows:
        finish(read_campaign(done.prepared.folder.manifest("B")), row, 0.1)
    # rows of A are not run, though nothing of them is left to run: their model is another one now
    done = compare(request(case, choices=new, run=True))
    assert done.found and done.found.better == "B" and not done.clips_note and done.exit_code == 0


def test_a_model_that_is_gone_and_has_finished_nothing(case: Case) -> None:
    (case.a / "dlc-models-pytorch/iteration-0/mouseJan1-trainset95shuffle1/train/snapshot-200.pt").write_bytes(b"again")
    with pytest.raises(UsageError, match="is not the campaign's model any more"):
        compare(request(case, choices=(ModelChoice(case.b),)))


def test_the_same_command_goes_on_and_another_one_is_refused(case: Case) -> None:
    prepared = case.prepare(n=4)
    before = {file: file.read_bytes() for file in prepared.folder.root.rglob("*") if file.is_file()}
    assert case.prepare(n=4).plan == prepared.plan
    assert before == {file: file.read_bytes() for file in prepared.folder.root.rglob("*") if file.is_file()}
    with pytest.raises(UsageError, match=r"different: sample"):
        case.prepare(n=5)
    with pytest.raises(UsageError, match=r"different: seed"):
        case.prepare(n=4, seed=1)
    (case.b / "dlc-models-pytorch/iteration-0/mouseJan1-trainset95shuffle1/train/snapshot-200.pt").write_bytes(b"more")
    with pytest.raises(UsageError, match=r"different: model B"):
        case.prepare(n=4)


def test_what_was_killed_in_between_is_made(case: Case) -> None:
    prepared = case.prepare(n=4)
    for name in ("m.csv", "campaign.toml"):
        (prepared.folder.root / "B" / name).unlink()
    assert len(read_manifest(case.prepare(n=4).folder.manifest("B"))) == 4


def test_a_damaged_plan_and_a_folder_of_somebody_else(case: Case) -> None:
    prepared = case.prepare(n=4)
    prepared.folder.plan.write_text("{")
    with pytest.raises(ManifestError, match=r"compare\.json"):
        case.prepare(n=4)
    prepared.folder.plan.unlink()
    with pytest.raises(UsageError, match=r"m\.csv: is there"):
        case.prepare(n=4)
    assert PLANS.text(prepared.plan)


def test_a_row_of_the_sample_that_the_manifest_lost(case: Case) -> None:
    case.prepare(n=8)
    write_manifest(case.manifest, read_manifest(case.manifest)[1:])
    with pytest.raises(ManifestError, match="no row 0 any more"):
        case.prepare(n=8)


def test_videos_that_cannot_be_read_or_are_not_here(case: Case) -> None:
    rows = read_manifest(case.manifest)
    write_manifest(case.manifest, [replace(rows[0], error="no moov"), *rows[1:]])
    (case.campaign.video_root / rows[3].video).unlink()
    prepared = case.prepare()
    assert [row.index for row in prepared.rows] == [1, 2, 4, 5, 6, 7]
    assert prepared.plan.notes[0] == "1 video not on this machine: not in the sample"
    write_manifest(case.manifest, [replace(row, error="no moov") for row in rows])
    with pytest.raises(VideoError, match="no video that can be read"):
        case.prepare(case.manifest.parent / "other")


def test_missing_damaged_and_unjudged_results_are_named(case: Case) -> None:
    prepared = case.prepare()
    finish_both(prepared, BETTER)
    folders = sorted(prepared.folder.results.rglob("receipt.json"))
    b_id = prepared.campaigns[1].model_id
    of_b = [file.parent for file in folders if b_id in file.parts]
    (of_b[0] / QUALITY_FILENAME).unlink()
    (of_b[1] / QUALITY_FILENAME).write_text("{")
    (of_b[2] / "receipt.json").unlink()
    for file in of_b[3].glob("*.csv"):
        file.write_text("x" * file.stat().st_size)
    done = compare(request(case))
    assert done.found and done.found.n_complete == 5
    causes = [pair.b.cause for pair in done.found.pairs]
    assert sum("not judged" in each for each in causes) == 1
    assert sum(bool(each) for each in causes) == 3
    assert any("not DeepLabCut's table" in pair.note for pair in done.found.pairs)
    assert any(note.startswith("3 videos left out") for note in done.found.notes)
    assert done.not_judged == (str(prepared.folder.manifest("B")),)


def test_a_damaged_table_of_scores_is_a_cause(tmp_path: Path) -> None:
    case = make_case(tmp_path, NAMES[:2], ("snout", "tail"), ("tail", "paw"))
    prepared = case.prepare()
    finish_both(prepared, BETTER[:2])
    first, second = sorted(prepared.folder.results.glob(f"{prepared.campaigns[1].model_id}/*/*/{TABLE_FILENAME}"))
    first.write_bytes(first.read_bytes()[:40])
    second.write_bytes(gzip.compress(b"frame,score\n0,1\n"))
    pairs = read_pairs(prepared)
    assert [TABLE_FILENAME in pair.b.cause for pair in pairs] == [True, True]
    assert compare_models(pairs).verdict == "no verdict: no video has both results"


def test_results_of_no_frames(case: Case) -> None:
    prepared = case.prepare(n=1)
    for side in SIDES:
        campaign = read_campaign(prepared.folder.manifest(side))
        finish(campaign, prepared.rows[0], 0.0, frames=0)
    assert compare(request(case, sample=1)).found is not None


def test_names_with_markup_reach_the_page_as_text(tmp_path: Path) -> None:
    name = "<script>alert(1)</script> & \u202e.mp4"
    case = make_case(tmp_path, [name, *NAMES], ("<b>", "tail"), ("<b>", "tail"))
    prepared = case.prepare()
    finish_both(prepared, [(0.4, 0.1)] * 9)
    compare(request(case))
    page = prepared.folder.page.read_text(encoding="utf-8")
    assert "<script" not in page and "<b>" not in page.replace("<b>", "", page.count("</b>")) and "\u202e" not in page
    assert "&lt;script&gt;" in page and "&lt;b&gt;" in page
    assert "default-src 'none'" in page
    assert not re.search(r'(?:src|href)="(?!results/)', page)


def test_another_file_is_not_replaced(case: Case) -> None:
    prepared = case.prepare()
    finish_both(prepared, BETTER)
    prepared.folder.page.write_text("my own")
    with pytest.raises(UsageError, match="not a comparison"):
        compare(request(case))
    assert prepared.folder.page.read_text() == "my own"


def test_both_are_run_and_a_stop_is_a_stop(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str, str]] = []
    codes = iter([0, 75, 0, 4])

    def run(manifest: Path, options: Any) -> RunResult:
        called.append((manifest.parent.name, options.image))
        code = next(codes)

        class Result(RunResult):
            exit_code = code  # type: ignore[assignment]

        return Result([], "native")

    monkeypatch.setattr(run_compare, "run_campaign", run)
    done = compare(request(case, run=True, images=("a.sif", "b.sif")))
    assert called == [("A", "a.sif"), ("B", "b.sif")] and done.exit_code == 75 and done.found is None
    done = compare(request(case, run=True, images=("one",)))
    assert called[2:] == [("A", "one"), ("B", "one")] and done.exit_code == 4
    with pytest.raises(UsageError, match="3 images"):
        compare(request(case, images=("a", "b", "c")))


def test_clips_have_a_campaign_whose_rows_are_finished(case: Case) -> None:
    prepared = case.prepare()
    finish_both(prepared, BETTER)
    done = compare(request(case), ["--allow-cpu"])
    manifest = prepared.folder.manifest("videos")
    assert done.clips_note.endswith(f"dlcctr run {manifest} --allow-cpu")
    result = check(manifest, CheckOptions(quick=True))
    assert len(result.rows) == 16 and all(row.analysed for row in result.rows), [r.cause for r in result.rows]
    due = [row for row in result.rows if row.state is State.UNFINISHED]
    assert {row.row.index % 2 for row in due} == {1}, "it belongs to the last row of a video"
    assert {row.row.model for row in due} == {str(case.a)}, "whose model is worse"
    assert "side-by-side" in due[0].cause


def test_clips_that_were_made_are_linked(case: Case) -> None:
    prepared = case.prepare()
    finish_both(prepared, BETTER)
    row = prepared.rows[0]
    place = step_folder(row_folder(prepared.folder.results, prepared.campaigns[0].model_id, row.video), STEP)
    place.mkdir(parents=True)
    clip = place / 'a "b" #1.mp4'
    clip.write_bytes(b"clip")
    receipt = StepReceipt(Made.OK, "", 0, STEP, "label-video", "analysis", files=[OutputFile.of(clip)])
    (place / "receipt.json").write_text(STEP_RECEIPTS.text(receipt))
    done = compare(request(case))
    assert done.page and done.clips_note.startswith("clips of both"), "of the other videos there are none yet"
    (link,) = re.findall(r'href="([^"]+)"', done.page.read_text())
    assert (done.page.parent / unquote(link)).read_bytes() == b"clip"


def test_where_nothing_is_suspicious_there_are_no_clips(case: Case) -> None:
    prepared = case.prepare()
    finish_both(prepared, BETTER)
    for row in prepared.rows:
        place = step_folder(row_folder(prepared.folder.results, prepared.campaigns[0].model_id, row.video), STEP)
        place.mkdir(parents=True)
        (place / "clips.csv").write_text("clip\n")
        files = [OutputFile.of(place / "clips.csv")]
        receipt = StepReceipt(Made.OK, "", 0, STEP, "label-video", "analysis", files=files)
        (place / "receipt.json").write_text(STEP_RECEIPTS.text(receipt))
    done = compare(request(case))
    assert done.page and done.clips_note in done.page.read_text() and done.clips_note.startswith("no clips")


def test_the_command(case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "compare",
        case.manifest,
        "--model",
        case.a,
        "--model",
        case.b,
        "--no-run",
        "-o",
        case.manifest.parent / "cmp",
    )
    assert call(monkeypatch, *words) == 0
    said = capsys.readouterr()
    for side in SIDES:
        assert f"dlcctr submit {case.manifest.parent / 'cmp' / side / 'm.csv'}" in said.out
    finish_both(case.prepare(), BETTER)
    assert call(monkeypatch, *words) == 0
    said = capsys.readouterr()
    assert "B is better: 7.5% of points" in said.out and "submit" not in said.out
    suggested = [each for line in said.out.splitlines() for each in in_sentence(line, "here", is_mention=False)]
    assert suggested and not [each.problem() for each in suggested if each.problem()]
    assert max(map(len, said.out.split("A, B: share")[0].splitlines())) <= 80
    assert call(monkeypatch, *words, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kind"] == "compare" and told["better"] == "B" and len(told["videos"]) == 8
    assert told["at_random"]["wrong"]["n_lower"] == 8
    assert told["videos"][0]["a"]["measures"]["wrong"] == pytest.approx(0.3)


def test_in_the_image_nothing_is_run(
    case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(in_image, "_inside", ["dlc"])
    monkeypatch.setattr(run_compare, "run_campaign", lambda *_: pytest.fail("it would need a container in a container"))
    assert call(monkeypatch, "compare", case.manifest, "--model", case.b) == 0
    assert f"dlc sbatch {case.manifest.parent / 'm-compare/B/m.csv'} > job.sh" in capsys.readouterr().out


def test_a_pushed_campaign_is_pushed(
    case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with case.campaign.file.open("a") as stream:
        stream.write('\n[remote]\nhost = "cluster"\nfolder = "/scratch/c"\n')
    assert call(monkeypatch, "compare", case.manifest, "--model", case.b, "--no-run") == 0
    assert f"dlcctr push {case.manifest.parent / 'm-compare/A/m.csv'}" in capsys.readouterr().out
    assert not read_campaign(case.manifest.parent / "m-compare/A/m.csv").remote_host


def test_shuffles_and_snapshots_go_with_the_models(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[CompareRequest] = []

    def stop(request: CompareRequest, *_: Any) -> None:
        seen.append(request)
        raise typer.Exit

    monkeypatch.setattr(run_compare, "compare", stop)
    both = ("compare", case.manifest, "--model", "A", "--model", "B")
    for more in ((), ("--shuffle", "2"), ("--shuffle", "2", "--shuffle", "3", "--snapshot", "best")):
        assert call(monkeypatch, *both, *more) == 0
    assert [[(c.shuffle, c.snapshot) for c in each.choices] for each in seen] == [
        [(1, ""), (1, "")], [(2, ""), (2, "")], [(2, "best"), (3, "best")],
    ]  # fmt: skip
    assert call(monkeypatch, *both, *["--shuffle", "1"] * 3) == ExitCode.USAGE
    assert call(monkeypatch, *both, "--model", "C") == ExitCode.USAGE
    assert shlex.join(map(str, both))


def test_percent() -> None:
    assert [percent(share) for share in (None, 0.0, 0.0049, 0.049, 0.5)] == ["–", "0.00%", "0.49%", "4.9%", "50.0%"]
