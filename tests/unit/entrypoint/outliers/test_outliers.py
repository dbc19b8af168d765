from __future__ import annotations

import csv
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas
import pytest

from dlcctr.campaign.config import write_campaign
from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.cli import catch
from dlcctr.contract import FRAME_TIMES_FILENAME, ExitCode, RowState
from dlcctr.errors import ModelError, OutputError, UsageError, VideoError
from dlcctr.outliers.project import find_project
from dlcctr.outliers.results import judged_results
from dlcctr.quality.record import QUALITY_FILENAME, TABLE_FILENAME
from dlcctr.results.sections import AnalysedRow, Columns, FrameCounts, Parameters
from dlcctr.results.times.frame_times import CONTAINER, describe_times, write_frame_times
from entrypoint import app as program
from entrypoint.outliers.run_outliers import OutliersRequest, _yaml_text, run_outliers
from entrypoint.outliers.written_list import taken_before
from entrypoint.quality.judge_rows import QualityRequest, judge_rows
from tests.media import read_number, write_video
from tests.unit.entrypoint.quality.test_quality import table_of
from tests.unit.quality.test_judge import NAMES, walk
from tests.unit.support.projects import pytorch_project
from tests.unit.support.results import SCORER, Bench, make_bench

N_FRAMES = 120
ORDER = [NAMES[2], "whisker", NAMES[0], NAMES[3], NAMES[1]]
"""Of the project: another one than the model's, with a part that the model does not have."""
VIDEOS = ["day1/a.mp4", "day2/a.mp4", "b.mp4"]
CROP = (20, 120, 10, 90)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Three judged rows with real videos, each with a place where the points are wrong; the last one is cropped."""
    return judged_bench(tmp_path_factory.mktemp("made"))


def judged_bench(root: Path, *, cropped: bool = True) -> Bench:
    project = pytorch_project(root / "project", bodyparts=ORDER, iteration=2)
    bench = make_bench(root, VIDEOS, bodyparts=NAMES, model=project)
    for n, row in enumerate(bench.rows):
        video = write_video(bench.campaign.video_root / row.video, N_FRAMES)
        bench.rows[n] = replace(
            row, frames=N_FRAMES, width=144, height=96, bytes=video.stat().st_size, fingerprint=fingerprint(video),
            crop=CROP if n == 2 and cropped else None,
        )  # fmt: skip
    write_manifest(bench.manifest, bench.rows)
    for n in range(3):
        finish(bench, n)
    assert judge_rows(QualityRequest(bench.manifest, pictures=False)) is ExitCode.OK
    return bench


def finish(bench: Bench, n: int) -> None:
    folder, row = bench.commit(n), bench.rows[n]
    (file,) = folder.glob("*.h5")
    xy = walk(N_FRAMES, seed=n)
    wrong = np.random.default_rng(n).random((20, len(NAMES), 2)) * 400
    xy[30 + 10 * n : 50 + 10 * n] = wrong
    table_of(xy, 0.9).to_hdf(file, key="df_with_missing", format="table", mode="w")
    times = [frame / 25 for frame in range(N_FRAMES)]
    write_frame_times(folder / FRAME_TIMES_FILENAME, times)
    bench.write_receipt(
        n,
        columns=Columns(N_FRAMES, tuple((part, c) for part in NAMES for c in ("x", "y", "likelihood"))),
        frames=FrameCounts(N_FRAMES, N_FRAMES, N_FRAMES),
        model=replace(bench.receipt(n).model, bodyparts=NAMES),
        row=AnalysedRow(row.index, row.video, row.fingerprint, row.bytes),
        times=describe_times(times, CONTAINER, 25.0),
        parameters=Parameters(shuffle=1, trainset_index=0, csv=True, batch_size=8, crop=row.crop),
    )


@pytest.fixture
def bench(made: Bench, tmp_path: Path) -> Bench:
    """A copy of it."""
    shutil.copytree(made.manifest.parent, tmp_path, dirs_exist_ok=True)
    campaign = replace(
        made.campaign, file=tmp_path / "campaign.toml", video_root=tmp_path / "videos", out=tmp_path / "results",
        model=tmp_path / "project",
    )  # fmt: skip
    write_campaign(campaign)
    return Bench(tmp_path / "m.csv", campaign, list(made.rows))


def run(bench: Bench, out: Path, frames: int = 9, **changes: Any) -> list[dict[str, str]]:
    """Lines of the list that it wrote."""
    before = set(out.glob("*.csv"))
    assert run_outliers(OutliersRequest(bench.manifest, frames, out, apart_s=0.2, **changes)) is ExitCode.OK
    written = sorted(set(out.glob("*.csv")) - before)
    return list(csv.DictReader(written[0].read_text().splitlines())) if written else []


def picture(file: Path) -> Any:
    with av.open(str(file)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def labels(folder: Path) -> Any:
    return pandas.read_hdf(next(folder.glob("machinelabels-iter*.h5")))


def test_frames_arrive_as_deeplabcut_writes_them(bench: Bench, tmp_path: Path) -> None:
    """Pictures are of the very frames; labels are the table's, in the project's order, in px of the whole picture."""
    out = tmp_path / "out"
    lines = run(bench, out)
    assert len(lines) >= 4 and {line["video"] for line in lines} == set(VIDEOS)
    for line in lines:
        place, frame, row = out / "labeled-data" / line["folder"], int(line["frame"]), int(line["row"])
        assert line["picture"] == f"img{frame:03d}.png"
        whole = picture(place / line["picture"])
        assert whole.shape == (96, 144, 3) and read_number(whole) == frame
        table = labels(place)
        assert table.columns.names == ["scorer", "bodyparts", "coords"] and table.index.nlevels == 3
        assert list(table.columns.get_level_values("bodyparts")[::3]) == ORDER
        assert set(table.columns.get_level_values("scorer")) == {SCORER}
        mine = table.loc[("labeled-data", line["folder"], line["picture"])]
        (file,) = bench.folder(row).glob("*.h5")
        stored = pandas.read_hdf(file).iloc[frame]
        corner = {"x": CROP[0], "y": CROP[2]} if row == 2 else {}
        for part in ORDER:
            for coord in ("x", "y", "likelihood"):
                value = mine[SCORER, part, coord]
                if part == "whisker":
                    assert np.isnan(value)
                else:
                    assert value == stored[SCORER, part, coord] + corner.get(coord, 0)
    assert all(
        (out / "labeled-data" / name / "machinelabels-iter2.h5").is_file() for name in {r["folder"] for r in lines}
    )
    assert all((out / "labeled-data" / name / "machinelabels.csv").is_file() for name in {r["folder"] for r in lines})
    assert not list(out.glob(".*"))


def test_wrong_frames_are_picked_and_a_good_one(bench: Bench, tmp_path: Path) -> None:
    lines = run(bench, tmp_path / "out", 10)
    bad = [line for line in lines if "good" not in line["why"]]
    wrong = [30 + 10 * int(line["row"]) - 5 <= int(line["frame"]) < 50 + 10 * int(line["row"]) + 5 for line in bad]
    assert sum(wrong) >= 0.8 * len(bad) > 0
    assert len(lines) - len(bad) == 1


def test_videos_of_one_name_have_folders_of_their_own(bench: Bench, tmp_path: Path) -> None:
    lines = run(bench, tmp_path / "out")
    assert len({(line["folder"], line["video"]) for line in lines}) == len({line["folder"] for line in lines}) == 3
    assert {line["folder"] for line in lines} == {"a-row0", "a-row1", "b"}  # the project has a video a.avi


def test_the_same_campaign_gives_the_same_files(bench: Bench, tmp_path: Path) -> None:
    run(bench, tmp_path / "one", seed=4)
    run(bench, tmp_path / "two", seed=4)
    one, two = (sorted((tmp_path / name).rglob("*.png")) for name in ("one", "two"))
    assert [each.relative_to(tmp_path / "one") for each in one] == [each.relative_to(tmp_path / "two") for each in two]
    assert (tmp_path / "one/outliers.csv").read_bytes() == (tmp_path / "two/outliers.csv").read_bytes()


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_project_keeps_all_that_it_has_and_a_second_round_takes_other_frames(bench: Bench) -> None:
    project = bench.campaign.model
    assert project
    (project / "labeled-data" / "b").mkdir(parents=True)
    (project / "labeled-data" / "b" / "img001.png").write_bytes(b"mine")
    before = snapshot(project)
    first = run(bench, project, 6)
    assert {line["folder"] for line in first} == {"a-row0", "a-row1", "b-row2"}
    assert before.items() <= snapshot(project).items()
    before = snapshot(project)
    second = run(bench, project, 6)
    assert before.items() <= snapshot(project).items()
    assert second and (project / "outliers-2.csv").is_file() and (project / "outliers-2.html").is_file()
    assert not {(r["row"], r["frame"]) for r in first} & {(r["row"], r["frame"]) for r in second}


@pytest.mark.parametrize("ending", [".png", ".jpg", ".BMP"])
def test_labelled_frames_are_not_taken_again(bench: Bench, tmp_path: Path, ending: str) -> None:
    first = [line for line in run(bench, tmp_path / "one") if line["folder"] == "b"]
    folder = bench.manifest.parent / "project" / "labeled-data" / "b"
    folder.mkdir(parents=True)
    heads = [["scorer", "", "", "lab", "lab"], ["bodyparts", "", "", NAMES[0], NAMES[0]], ["coords", "", "", "x", "y"]]
    rows = [["labeled-data", "b", line["picture"].replace(".png", ending), "1", "2"] for line in first]
    with (folder / "CollectedData_lab.csv").open("w", newline="") as file:
        csv.writer(file).writerows([*heads, *rows])
    second = [line for line in run(bench, tmp_path / "two") if line["video"] == "b.mp4"]
    assert not {line["frame"] for line in first} & {line["frame"] for line in second}


def rate(bench: Bench, row: int, rating: str) -> None:
    CampaignPaths.of(bench.manifest).ratings.write_text(f"row\trating\trater\n{row}\t{rating}\tme\n")


@pytest.mark.parametrize("row", [0, 1, 2])
def test_what_people_say_counts(bench: Bench, tmp_path: Path, row: int) -> None:
    """Of three frames the first is of the video that is called bad; of one that is called good none is, or the last."""
    rate(bench, row, "bad")
    first = run(bench, tmp_path / "bad", 3)[0]
    assert first["row"] == str(row) and first["why"].startswith("rated bad")
    rate(bench, row, "good")
    assert str(row) not in [line["row"] for line in run(bench, tmp_path / "good", 3)[:-1]]


def test_page_and_text_say_what_and_why(bench: Bench, tmp_path: Path) -> None:
    lines = run(bench, tmp_path / "out")
    page = (tmp_path / "out/outliers.html").read_text()
    assert page.count("<figure>") == page.count("data:image/jpeg;base64,/9j/") == len(lines)
    assert "http://" not in page and "https://" not in page
    assert all(f"labeled-data/{line['folder']}/{line['picture']}" in page for line in lines)
    keys = re.findall(r'background:rgb\((\d+, \d+, \d+)\)"></span>(\w+)', page)
    assert [part for _, part in keys] == list(ORDER)
    assert len({colour for colour, _ in keys}) == len(keys)
    text = (tmp_path / "out/outliers.txt").read_text()
    assert 'a-row0.mp4":\n    crop: 0, 144, 0, 96\n' in text


def test_hostile_names_reach_the_page_as_text(bench: Bench, tmp_path: Path) -> None:
    odd = "<img src=x>[red].mp4"
    shutil.move(bench.campaign.video_root / "b.mp4", bench.campaign.video_root / odd)
    shutil.move(bench.folder(2), bench.folder(2).parent / odd)
    bench.rows[2] = replace(bench.rows[2], video=odd)
    write_manifest(bench.manifest, bench.rows)
    bench.write_receipt(2, **{name: getattr(bench_receipt(bench, 2), name) for name in
                              ("columns", "frames", "model", "times", "parameters")},
                        row=AnalysedRow(2, odd, bench.rows[2].fingerprint, bench.rows[2].bytes),
                        files=bench_receipt(bench, 2).files)  # fmt: skip
    lines = run(bench, tmp_path / "out")
    assert odd in {line["video"] for line in lines}
    page = (tmp_path / "out/outliers.html").read_text()
    assert "<img src=x>" not in page and "&lt;img src=x&gt;" in page


def bench_receipt(bench: Bench, n: int) -> Any:
    from dlcctr.results.receipt import read_receipt

    return read_receipt(bench.folder(n))


def test_videos_that_are_gone_or_others_are_left_out(bench: Bench, tmp_path: Path, capsys: Any) -> None:
    (bench.campaign.video_root / VIDEOS[0]).unlink()
    write_video(bench.campaign.video_root / VIDEOS[1], 30)
    lines = run(bench, tmp_path / "out")
    assert {line["video"] for line in lines} == {"b.mp4"}
    err = capsys.readouterr().err
    assert "not here" in err and "not the video that was analysed" in " ".join(err.split())
    (bench.campaign.video_root / "b.mp4").unlink()
    with pytest.raises(VideoError):
        run(bench, tmp_path / "two", rows="1-2")
    assert not list((tmp_path / "two").rglob("*.png"))
    assert not list((tmp_path / "two").glob(".*"))


def test_a_damaged_table_leaves_its_row_out(bench: Bench, tmp_path: Path, capsys: Any) -> None:
    file = bench.folder(0) / TABLE_FILENAME
    file.write_bytes(b"x" * file.stat().st_size)
    assert "0" not in {line["row"] for line in run(bench, tmp_path / "out")}
    assert "quality.csv.gz" in capsys.readouterr().err


def test_rows_without_times_are_counted(bench: Bench, tmp_path: Path) -> None:
    for n in range(3):
        held = bench_receipt(bench, n)
        kept = [entry for entry in held.files if entry.name != FRAME_TIMES_FILENAME]
        (bench.folder(n) / "receipt.json").write_text(replace(held, times=None, files=kept).to_json())
    lines = run(bench, tmp_path / "out")
    assert len(lines) >= 4
    for line in lines:
        file = tmp_path / "out" / "labeled-data" / line["folder"] / line["picture"]
        assert read_number(picture(file)) == int(line["frame"])


def test_frames_that_did_not_decode_are_not_candidates(bench: Bench, tmp_path: Path) -> None:
    """All of the first row's wrong place is missing."""
    held, gone = bench_receipt(bench, 0), (25, 60)
    n_gone = gone[1] - gone[0]
    frames = FrameCounts(N_FRAMES, N_FRAMES, N_FRAMES - n_gone, (gone,))
    (bench.folder(0) / "receipt.json").write_text(replace(held, state=RowState.DEGRADED, frames=frames).to_json())
    assert len(judged_results(bench.manifest, bench.campaign, bench.rows)) == 3
    mine = [int(line["frame"]) for line in run(bench, tmp_path / "out", 20, seed=2) if line["row"] == "0"]
    assert not [frame for frame in mine if gone[0] <= frame < gone[1]]


def test_nothing_to_take_is_no_error(bench: Bench, tmp_path: Path, capsys: Any) -> None:
    rounds = 0
    while run(bench, tmp_path / "out", 500):
        rounds += 1
        assert rounds < 60
        capsys.readouterr()
    assert rounds
    assert "no frame is worth labelling; nothing was written" in capsys.readouterr().out


def test_rows_of_which_none_can_be_used_are_an_error(bench: Bench, tmp_path: Path, capsys: Any) -> None:
    for n in range(3):
        file = bench.folder(n) / TABLE_FILENAME
        file.write_bytes(b"x" * file.stat().st_size)
    with pytest.raises(OutputError, match=r"quality\.csv\.gz"):
        run(bench, tmp_path / "out")
    said = capsys.readouterr()
    assert "worth" not in said.out and said.err.count("is left out") == 3, "each row once"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bodyparts": ["nose", "paw"]}, "has none of the project's body parts"),
        ({"multianimalproject": "yes", "individuals": ["a"], "multianimalbodyparts": ORDER}, "a table of one animal"),
    ],
)
def test_another_project_is_an_error(bench: Bench, tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    project = pytorch_project(tmp_path / "other", **changes)
    with pytest.raises(OutputError, match=words) as no:
        run(bench, project)
    assert "the project that the model was trained in" in no.value.hint
    assert not (project / "labeled-data").exists()


def test_parts_that_model_and_project_do_not_share_are_told(bench: Bench, tmp_path: Path, capsys: Any) -> None:
    run(bench, pytorch_project(tmp_path / "other", bodyparts=["whisker", NAMES[0], NAMES[2]]), 3)
    said = capsys.readouterr().err
    assert said.count("the model does not have whisker: empty in the machine labels") == 1
    assert said.count(f"the project does not have {NAMES[1]}, {NAMES[3]}: not in the machine labels") == 1


def test_a_page_of_somebody_else_stays(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/outliers.html").write_text("mine")
    run(bench, tmp_path / "out", 3)
    assert (tmp_path / "out/outliers.html").read_text() == "mine"
    assert (tmp_path / "out/outliers-2.html").is_file() and (tmp_path / "out/outliers-2.csv").is_file()


@pytest.mark.parametrize("name", ["a b.mp4", 'a"\\\n\x7f\u2028.mp4', "Mäuse 🐁.mp4"])
def test_lines_for_config_yaml_are_yaml(name: str) -> None:
    from dlcctr.model.yaml.yaml12 import parse_yaml

    text = f"video_sets:\n  {_yaml_text(name)}:\n    crop: 0, 1, 0, 1\n"
    assert parse_yaml(text, Path("x"), aliases=True, version_1_1=False) == {
        "video_sets": {name: {"crop": "0, 1, 0, 1"}}
    }


def test_what_cannot_be_done_is_said(bench: Bench, tmp_path: Path) -> None:
    for n in range(3):
        (bench.folder(n) / QUALITY_FILENAME).rename(bench.folder(n) / "away")
    with pytest.raises(UsageError, match="judged"):
        run(bench, tmp_path / "out")
    project = pytorch_project(tmp_path / "several", bodyparts="MULTI!", multianimalproject=True)
    with pytest.raises(UsageError, match="names no multianimalbodyparts"):
        run(bench, project)
    shutil.rmtree(bench.manifest.parent / "project")
    with pytest.raises(ModelError, match="no such folder"):
        run(bench, tmp_path / "out")


def test_the_command(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr("sys.argv", ["dlc", "outliers", str(bench.manifest), "--frames", "3", "-o", str(out)])
    assert catch(program.app) == 0
    assert "3 frames of 3 videos" in capsys.readouterr().out
    assert len(list(out.rglob("*.png"))) == 3


@pytest.mark.parametrize(
    "text", ["", "x", "row,frame\n", 'row,frame\n1,x\n"', "row\n1\n", "row,frame\n-1,2\n\0,5\n", "ü\n"]
)
def test_damaged_lists_are_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "outliers.csv").write_text(text, encoding="latin-1")
    (tmp_path / "outliers-2.csv").write_text("row,frame\n3,4\n5,\n")
    assert taken_before(tmp_path) == {(3, 4)}


ANIMALS = ("mouse2", "mouse1")
"""Not in the order of the alphabet."""


@pytest.fixture
def pair(tmp_path: Path) -> Bench:
    """Two judged rows of two animals and a corner; the second animal's track ends before the video does."""
    several = {"multianimalproject": True, "individuals": list(ANIMALS), "multianimalbodyparts": ORDER,
               "uniquebodyparts": ["corner"], "bodyparts": "MULTI!"}  # fmt: skip
    project = pytorch_project(tmp_path / "project", iteration=2, **several)
    bench = make_bench(
        tmp_path, ["a.mp4", "b.mp4"], bodyparts=NAMES, individuals=ANIMALS, unique_bodyparts=("corner",), model=project
    )
    points = [*((who, part) for who in ANIMALS for part in NAMES), ("single", "corner")]
    columns = [(who, part, coord) for who, part in points for coord in ("x", "y", "likelihood")]
    names = ["scorer", "individuals", "bodyparts", "coords"]
    for n, row in enumerate(bench.rows):
        video = write_video(bench.campaign.video_root / row.video, N_FRAMES)
        bench.rows[n] = replace(
            row, frames=N_FRAMES, width=144, height=96, bytes=video.stat().st_size, fingerprint=fingerprint(video)
        )
        xy = np.concatenate(
            [walk(N_FRAMES, seed=n), walk(N_FRAMES, seed=n + 50) + 200, np.full((N_FRAMES, 1, 2), 7.0)], axis=1
        )
        xy[30:50] = np.random.default_rng(n).random((20, len(points), 2)) * 400
        xy[40:, len(NAMES) : 2 * len(NAMES)] = np.nan
        values = np.concatenate([xy, np.full((*xy.shape[:2], 1), 0.9)], axis=2).reshape(N_FRAMES, -1)
        folder = bench.commit(n)
        (file,) = folder.glob("*.h5")
        head = pandas.MultiIndex.from_tuples([(SCORER, *each) for each in columns], names=names)
        pandas.DataFrame(values, columns=head).to_hdf(file, key="df_with_missing", format="table", mode="w")
        times = [frame / 25 for frame in range(N_FRAMES)]
        write_frame_times(folder / FRAME_TIMES_FILENAME, times)
        bench.write_receipt(
            n,
            columns=Columns(N_FRAMES, tuple(columns)),
            frames=FrameCounts(N_FRAMES, N_FRAMES, N_FRAMES),
            model=replace(
                bench.receipt(n).model, bodyparts=NAMES, individuals=ANIMALS, unique_bodyparts=("corner",)
            ),
            row=AnalysedRow(row.index, row.video, bench.rows[n].fingerprint, bench.rows[n].bytes),
            times=describe_times(times, CONTAINER, 25.0),
            software={**bench.receipt(n).software, "filterpy": "1.4.5"},
        )  # fmt: skip
    write_manifest(bench.manifest, bench.rows)
    assert judge_rows(QualityRequest(bench.manifest, pictures=False)) is ExitCode.OK
    return bench


def test_frames_of_several_animals(pair: Bench, tmp_path: Path) -> None:
    lines = run(pair, tmp_path / "out", 6)
    assert len(lines) >= 4 and {line["video"] for line in lines} == {"a.mp4", "b.mp4"}
    for folder in (tmp_path / "out/labeled-data").iterdir():
        table = labels(folder)
        assert table.columns.names == ["scorer", "individuals", "bodyparts", "coords"]
        points = [*((who, part) for who in ANIMALS for part in ORDER), ("single", "corner")]
        assert list(table.columns[::3].droplevel([0, 3])) == points, "the project's order, with a part without points"
        assert table.xs("whisker", axis=1, level="bodyparts").isna().all().all()
        columns = [
            (SCORER, who, part, c) for who, part in points if part != "whisker" for c in ("x", "y", "likelihood")
        ]
        for line in (each for each in lines if each["folder"] == folder.name):
            own = table.loc[[("labeled-data", folder.name, line["picture"])], columns].to_numpy()[0]
            analysed = pandas.read_hdf(next(pair.folder(int(line["row"])).glob("*.h5")))
            expected = analysed[columns].to_numpy()[int(line["frame"])]
            assert np.allclose(own, expected, equal_nan=True) and np.isfinite(own).any(), line
            assert read_number(picture(folder / line["picture"])) == int(line["frame"])


def test_labels_of_several_animals_are_known_and_are_not_taken_again(pair: Bench, tmp_path: Path) -> None:
    out = tmp_path / "project"
    first = run(pair, out, 4)
    for folder in (out / "labeled-data").iterdir():
        table = labels(folder).drop("likelihood", axis=1, level="coords")
        table = table.rename(columns={SCORER: "lab"}, level="scorer")
        table.to_csv(folder / "CollectedData_lab.csv")
    found = find_project(None, out)
    assert len(found.labelled) == len(first) and all(1 <= len(poses) <= 2 for poses in found.labelled)
    again = run(pair, out, 4)
    assert not {(line["video"], line["frame"]) for line in again} & {(line["video"], line["frame"]) for line in first}
