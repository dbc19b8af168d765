from __future__ import annotations

import os
import tracemalloc
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.config import write_campaign
from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.tracking import Tracking
from dlcctr.campaign.validate import REMEDIES, validate
from dlcctr.contract import MANIFEST_COLUMNS
from dlcctr.errors import ManifestError, ModelError
from tests.unit.support.projects import PARTS, edit_json, pytorch_project, train_folder
from tests.unit.support.results import MODEL_HASH, Bench, make_bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path, ["a.mp4", "b/a.mp4", "c d.avi"])


def problems(bench: Bench) -> list[tuple[str, int, str]]:
    found = validate(bench.manifest).problems
    assert all(problem.kind in REMEDIES for problem in found)
    return [(problem.kind, problem.line, problem.message) for problem in found]


def kinds(bench: Bench) -> list[tuple[str, int]]:
    return [(kind, line) for kind, line, _ in problems(bench)]


def test_a_good_manifest_has_no_problem(bench: Bench) -> None:
    assert problems(bench) == []


def test_changed_in_size_changed_in_content_and_missing(bench: Bench) -> None:
    root = bench.campaign.video_root
    (root / "a.mp4").write_bytes(b"shorter")
    data = (root / "b/a.mp4").read_bytes()
    (root / "b/a.mp4").write_bytes(data[:-1] + b"!")
    (root / "c d.avi").unlink()
    assert problems(bench) == [
        ("changed", 2, "has 7 bytes, but 700 in the manifest"),
        ("changed", 3, "its content has changed since the row was made"),
        ("missing", 4, f"is not below {root}"),
    ]


def test_unreadable_rows(bench: Bench) -> None:
    write_manifest(bench.manifest, [bench.rows[0], replace(bench.rows[1], error="cut off")])
    assert problems(bench) == [("unreadable", 3, "cut off")]


def test_doubles_by_path_by_file_and_by_content(bench: Bench) -> None:
    root = bench.campaign.video_root
    os.link(root / "a.mp4", root / "hard.mp4")
    (root / "copy.mp4").write_bytes((root / "a.mp4").read_bytes())
    first = bench.rows[0]
    names = ["a.mp4", "a.mp4", "hard.mp4", "copy.mp4"]
    write_manifest(bench.manifest, [replace(first, index=index, video=name) for index, name in enumerate(names)])
    assert problems(bench) == [
        ("duplicate", 3, "is the video of line 2 (row 0), a.mp4"),
        ("duplicate", 4, "is the same file as the video of line 2 (row 0), a.mp4"),
        ("duplicate", 5, "has the same content as the video of line 2 (row 0), a.mp4"),
    ]


def test_rows_that_would_share_a_results_folder_are_named(bench: Bench) -> None:
    """Two arenas of one video: the second result would take the place of the first."""
    first, other = bench.rows[:2]
    rows = [
        first,
        replace(first, index=1, crop=(0, 10, 0, 10)),
        replace(first, index=2, shuffle=2),
        replace(other, index=3, crop=(0, 10, 0, 10)),
        replace(first, index=4, tracking=Tracking(n_tracks=2)),
    ]
    write_manifest(bench.manifest, rows)
    what = "its result would have the folder of row 0 (line 2): that is the same video with the same model, and only "
    assert problems(bench) == [
        ("same-folder", 3, what + "crop or animals differ"),
        ("same-folder", 6, what + "crop or animals differ"),
    ]


def test_a_row_that_names_what_the_campaign_says_anyhow_is_a_double(bench: Bench) -> None:
    first = bench.rows[0]
    write_manifest(bench.manifest, [first, replace(first, index=1, shuffle=bench.campaign.shuffle)])
    assert problems(bench) == [("duplicate", 3, "is the video of line 2 (row 0), a.mp4")]


@pytest.mark.parametrize(
    ("there", "cell"),
    [
        ("Mäuse/a.mp4", unicodedata.normalize("NFD", "Mäuse/a.mp4")),
        (unicodedata.normalize("NFD", "Mäuse/a.mp4"), "Mäuse/a.mp4"),
        ("day 1/Maus.MP4", "day 1\\Maus.MP4"),
        ("day 1/Maus.MP4", "day 1/maus.mp4"),
        ("day 1/Maus.mp4", " day 1/Maus.mp4 "),
        (" lead.mp4", "lead.mp4"),
    ],
)
def test_a_video_that_is_there_under_nearly_its_name_is_named(tmp_path: Path, there: str, cell: str) -> None:
    bench = make_bench(tmp_path, [there])
    write_manifest(bench.manifest, [replace(bench.rows[0], video=cell)])
    root = bench.campaign.video_root
    near = f"; there is {there!r}, written a little differently: copy its name into the row"
    assert problems(bench) == [("missing", 2, f"is not below {root}{near}")]


def test_of_two_names_that_are_nearly_the_rows_none_is_guessed(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["A.mp4", "a.mp4"])
    write_manifest(bench.manifest, [replace(bench.rows[0], video="a.MP4")])
    assert problems(bench) == [("missing", 2, f"is not below {bench.campaign.video_root}")]


def test_a_pipe_is_not_waited_for(bench: Bench) -> None:
    video = bench.campaign.video_root / "a.mp4"
    video.unlink()
    os.mkfifo(video)
    write_manifest(bench.manifest, [replace(bench.rows[0], bytes=None)])
    assert problems(bench) == [("unreadable", 2, "not a regular file: check its owner and permissions")]


def test_names_that_collide_in_case_or_accents(tmp_path: Path) -> None:
    names = ["Maus/é.mp4", "maus/é.MP4", "maus/e\u0301.mp4", "other.mp4"]
    assert kinds(make_bench(tmp_path, names)) == [("colliding", 3), ("colliding", 4)]


def test_names_too_long_for_their_results(tmp_path: Path) -> None:
    assert kinds(make_bench(tmp_path, ["x" * 240 + ".mp4", "é" * 110 + ".mp4"])) == [("colliding", 2)]


@pytest.mark.parametrize("multianimal", [False, True])
def test_names_too_long_for_what_deeplabcut_puts_behind_them(tmp_path: Path, multianimal: bool) -> None:
    animals = {"multianimalproject": True, "bodyparts": "MULTI!", "multianimalbodyparts": PARTS, "individuals": ["i"]}
    project = pytorch_project(tmp_path / "p", **(animals if multianimal else {}))
    behind = "DLC_Resnet50_mouseJan1shuffle1_snapshot_200" + ("_assemblies.pickle" if multianimal else "_meta.pickle")
    fits = "x" * (255 - len(behind))
    bench = make_bench(tmp_path, [fits + ".mp4", "b/" + fits + "yé.mp4"], model=project, model_hash="")
    assert problems(bench) == [
        ("colliding", 3, "its name is too long for the names of its results: make it 3 bytes shorter")
    ]


def test_lines_are_those_of_the_file(bench: Bench) -> None:
    text = bench.manifest.read_text().splitlines()
    note = '"a note\nover\nthree lines"'
    lines = [text[0] + ",mine", text[1] + "," + note, "", text[2] + ",", text[3] + ","]
    bench.manifest.write_text("\n".join(lines) + "\n")
    (bench.campaign.video_root / "c d.avi").unlink()
    assert kinds(bench) == [("missing", 7)]


def test_crop_outside_of_the_picture(bench: Bench) -> None:
    write_manifest(bench.manifest, [replace(bench.rows[0], crop=(0, 65, 0, 48)), *bench.rows[1:]])
    assert problems(bench) == [("override", 2, "crop 0,65,0,48 is larger than the picture, 64 x 48 px")]
    write_campaign(replace(bench.campaign, crop=(0, 64, 0, 49)))
    assert len(problems(bench)) == 3


def test_models_that_cannot_be_read_or_are_other_ones(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    class Info:
        hash = MODEL_HASH
        scorer = unsafe_loading = tracker = ""

    calls = []

    def inspect(project: Path, **_: object) -> Info:
        calls.append(project.name)
        if project.name == "bad":
            raise ModelError("bad has no config.yaml")
        return Info()

    monkeypatch.setattr("dlcctr.campaign.rows.inspect_model", inspect)
    write_campaign(replace(bench.campaign, model=bench.manifest.parent / "good"))
    bad = [replace(row, model="bad") for row in bench.rows[1:]]
    write_manifest(bench.manifest, [bench.rows[0], *bad])
    assert problems(bench) == [("override", 3, "bad has no config.yaml"), ("override", 4, "bad has no config.yaml")]
    assert calls == ["good", "bad"]
    write_campaign(replace(bench.campaign, model=bench.manifest.parent / "good", model_hash="cd" * 32))
    other = f"{bench.manifest.parent / 'good'}: not the model that {bench.campaign.file} was made for"
    assert ("model", 0, f"{other} (its hash is {MODEL_HASH[:8]}, not cdcdcdcd)") in problems(bench)


def test_one_large_index_is_a_gap_and_no_memory(bench: Bench) -> None:
    write_manifest(bench.manifest, [replace(bench.rows[0], index=2), replace(bench.rows[1], index=50_000_000)])
    tracemalloc.start()
    try:
        assert validate(bench.manifest).notes == ["no rows 0-1,3-49999999: array tasks for them end with exit code 3"]
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


def test_a_model_that_asks_for_code_to_run_is_a_note(bench: Bench, tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "p")
    edit_json(train_folder(project) / "pytorch_config.yaml", runner={"load_weights_only": False})
    write_campaign(replace(bench.campaign, model=project, model_hash=""))
    found = validate(bench.manifest)
    (note,) = found.notes
    assert not found.problems and "analyses are refused without --trust-model" in note


def test_gaps_are_a_note_and_no_rows_an_error(bench: Bench) -> None:
    write_manifest(bench.manifest, [bench.rows[0], replace(bench.rows[1], index=4)])
    found = validate(bench.manifest)
    assert (found.problems, found.notes) == ([], ["no rows 1-3: array tasks for them end with exit code 3"])
    bench.manifest.write_text(",".join(MANIFEST_COLUMNS) + "\n")
    with pytest.raises(ManifestError, match="has no rows"):
        validate(bench.manifest)
