from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pandas
import pytest

from dlcctr.cli import catch, make_app
from dlcctr.errors import ManifestError, ModelError
from dlcctr.labels import add as adding
from dlcctr.labels.add import Added, add_labels
from dlcctr.labels.h5 import h5_bytes
from dlcctr.labels.project import read_project
from tests.unit.support.label_folders import (
    CONFIG,
    PARTS,
    checked,
    config_of_several,
    make_folder,
    make_project,
    png,
    table,
)
from tests.unit.support.projects import write_json

NEW = {"img1.png": (1, 2, 3, 4, 5, 6), "img2.png": (7, 8, "", "", 9, 10)}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "p")


def add(project: Path, *places: Path, **options: bool | None) -> Added:
    return add_labels(read_project(project), checked(project, *places), **options)  # type: ignore[arg-type]


def content(folder: Path) -> dict[str, bytes]:
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_a_new_folder(project: Path, tmp_path: Path) -> None:
    before = content(make_folder(tmp_path / "v", NEW))
    added = add(project, tmp_path / "v", write_h5=False)
    assert content(tmp_path / "v") == before
    new = content(project / "labeled-data/v")
    assert new == before
    assert added.folders[0].merged.added == ("img1.png", "img2.png") and added.videos == ("v",)
    text = (project / "config.yaml").read_text()
    entry = f"  {project.absolute()}/videos/v.mp4:\n    crop: 0, 64, 0, 48\n"
    assert text == CONFIG.replace("bodyparts:", f"{entry}bodyparts:")


def test_the_projects_own_folders_get_what_deeplabcut_needs_to_find_their_labels(project: Path) -> None:
    own = make_folder(project / "labeled-data/x", NEW)
    (own / "._img9.png").write_bytes(b"Mac OS X")
    before = content(own)
    added = add(project, project, write_h5=False)
    assert (added.videos, added.iteration, added.folders[0].merged.is_changed) == (("x",), 0, False)
    assert content(own) == before
    assert read_project(project).has_video("x")
    assert add(project, project, write_h5=False).videos == ()


def test_the_projects_own_columns_are_put_in_order(project: Path) -> None:
    own = make_folder(project / "labeled-data/x", {"img1.png": (3, 4, 1, 2, 5, 6)}, parts=sorted(PARTS))
    before = (own / "CollectedData_lab.csv").read_bytes()
    added = add(project, own, write_h5=False)
    assert (own / "CollectedData_lab.csv").read_text() == table({"img1.png": (1, 2, 3, 4, 5, 6)}, folder="x")
    assert added.folders[0].backups[0].read_bytes() == before


def test_the_projects_own_labels_of_another_scorer_become_its_own(project: Path) -> None:
    own = make_folder(project / "labeled-data/x", NEW, text=table(NEW, folder="x", scorer="Ada"))
    (own / "CollectedData_lab.h5").write_bytes(h5_bytes((own / "CollectedData_lab.csv").read_text()))
    with pytest.raises(ManifestError, match="have errors"):
        add(project, own)
    add_labels(read_project(project), checked(project, own, any_scorer=True))
    assert (own / "CollectedData_lab.csv").read_text() == table(NEW, folder="x")
    assert set(pandas.read_hdf(own / "CollectedData_lab.h5").columns.get_level_values(0)) == {"lab"}


def test_likelihoods_of_machine_labels_are_left_out(project: Path, tmp_path: Path) -> None:
    rows = {"img1.png": (1, 2, 0.3, 3, 4, 1, 5, 6, 1), "img2.png": ("", "", 0.1, "", "", "", "", "", "")}
    add(project, make_folder(tmp_path / "v", rows, coords=("x", "y", "likelihood")), write_h5=False)
    assert (project / "labeled-data/v/CollectedData_lab.csv").read_text() == table({"img1.png": (1, 2, 3, 4, 5, 6)})


def test_columns_go_by_their_names(project: Path, tmp_path: Path) -> None:
    rows = {"img1.png": (3, 4, 1, 2, 5, 6)}
    add(project, make_folder(tmp_path / "v", rows, parts=sorted(PARTS)), write_h5=False)
    text = (project / "labeled-data/v/CollectedData_lab.csv").read_text()
    assert text == table({"img1.png": (1, 2, 3, 4, 5, 6)})


def test_the_projects_own_columns_go_by_their_names_too(project: Path, tmp_path: Path) -> None:
    own = make_folder(project / "labeled-data/v", {"img0.png": (5, 6, 1, 2)}, parts=("tail", "snout"))
    add(project, make_folder(tmp_path / "v", NEW), write_h5=False)
    assert (own / "CollectedData_lab.csv").read_text() == table({"img0.png": (1, 2, "", "", 5, 6), **NEW})


def test_the_new_row_of_a_picture_wins_and_the_old_table_stays_beside(project: Path, tmp_path: Path) -> None:
    own = make_folder(project / "labeled-data/v", {"img0.png": (9,) * 6, "img1.png": (9,) * 6, "img3.png": (3,) * 6})
    (own / "notes.txt").write_text("mine")
    (own / "CollectedData_lab.h5").write_bytes(b"x")
    before = content(own)
    rows = {**NEW, "img3.png": ("3.0", *(3,) * 5), "img4.png": ("",) * 6}
    (added,) = _without_pandas(project, make_folder(tmp_path / "v", rows)).folders
    merged = added.merged
    assert (merged.added, merged.replaced) == (("img2.png",), ("img1.png",))
    assert (merged.unchanged, merged.empty) == (("img3.png",), ("img4.png",))
    after = content(own)
    want = {"img0.png": (9,) * 6, "img1.png": NEW["img1.png"], "img3.png": (3,) * 6, "img2.png": NEW["img2.png"]}
    assert after.pop("CollectedData_lab.csv").decode() == table(want)
    assert after.pop("CollectedData_lab.csv.of-20200913T122640Z") == before.pop("CollectedData_lab.csv")
    (kept,) = [name for name in after if name.startswith("CollectedData_lab.h5.of-")]
    assert after.pop(kept) == before.pop("CollectedData_lab.h5")  # an .h5 that is older than its table is trained from
    assert after.pop("img2.png") == (tmp_path / "v/img2.png").read_bytes()
    assert after == before
    assert not added.h5


def _without_pandas(project: Path, *places: Path) -> Added:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "pandas", None)
        return add(project, *places)


def test_the_same_again_changes_nothing(project: Path, tmp_path: Path) -> None:
    make_folder(tmp_path / "v", NEW)
    add(project, tmp_path / "v", write_h5=False)
    before = content(project)
    (folder,) = add(project, tmp_path / "v", write_h5=False).folders
    assert content(project) == before and folder.merged.unchanged == ("img1.png", "img2.png")


def test_two_backups_of_one_second(project: Path, tmp_path: Path) -> None:
    own = make_folder(project / "labeled-data/v", {"img1.png": (9,) * 6})
    add(project, make_folder(tmp_path / "v", NEW), write_h5=False)
    os.utime(own / "CollectedData_lab.csv", (1_600_000_000,) * 2)
    add(project, make_folder(tmp_path / "v", {"img1.png": (8,) * 6}), write_h5=False)
    first, second = sorted(own.glob("*.of-*"))
    assert first.read_text() == table({"img1.png": (9,) * 6}) and second.read_text() == table(NEW)


def test_the_h5_is_deeplabcuts(project: Path, tmp_path: Path) -> None:
    import pandas

    assert add(project, make_folder(tmp_path / "001", NEW)).folders[0].h5
    frame = pandas.read_hdf(project / "labeled-data/001/CollectedData_lab.h5", key="df_with_missing")
    assert list(frame.index) == [("labeled-data", "001", name) for name in NEW]
    assert list(frame.columns.names) == ["scorer", "bodyparts", "coords"]
    assert frame["lab"]["earLeft"]["y"].tolist()[0] == 4 and frame["lab"]["earLeft"]["y"].isna().tolist()[1]
    before = content(project)
    assert "h5 differs" not in [each.kind for each in checked(project, tmp_path / "001").problems]
    add(project, tmp_path / "001")
    assert content(project) == before
    (project / "labeled-data/001/CollectedData_lab.h5").unlink()
    add(project, tmp_path / "001")  # as after a kill between the two
    assert (project / "labeled-data/001/CollectedData_lab.h5").exists()


def test_several_animals(tmp_path: Path) -> None:
    project = write_json(tmp_path / "p" / "config.yaml", config_of_several()).parent
    given = [("single", "corner"), ("b", "tail"), ("b", "snout")]
    add(project, make_folder(tmp_path / "v", {"img1.png": (9, 10, 7, 8, 5, 6)}, parts=given))
    parts = [("a", "snout"), ("a", "tail"), ("b", "snout"), ("b", "tail"), ("single", "corner")]
    want = table({"img1.png": ("", "", "", "", 5, 6, 7, 8, 9, 10)}, parts=parts)
    assert (project / "labeled-data/v/CollectedData_lab.csv").read_text() == want
    import pandas

    frame = pandas.read_hdf(project / "labeled-data/v/CollectedData_lab.h5")
    assert frame["lab"]["single"]["corner"]["x"].tolist() == [9]


@pytest.mark.parametrize("made", ["training-datasets", "dlc-models", "dlc-models-pytorch"])
def test_the_iteration_is_counted_up_once(project: Path, tmp_path: Path, made: str) -> None:
    assert add(project, make_folder(tmp_path / "v", NEW)).iteration == 0
    (project / made / "iteration-0").mkdir(parents=True)
    assert add(project, tmp_path / "v").iteration == 0  # nothing new in it
    assert add(project, make_folder(tmp_path / "w", NEW)).iteration == 1
    assert "iteration: 1\n" in (project / "config.yaml").read_text()
    assert add(project, make_folder(tmp_path / "x", NEW)).iteration == 1
    assert add(project, tmp_path / "x", new_iteration=True).iteration == 2
    (project / made / "iteration-2").mkdir()
    assert add(project, make_folder(tmp_path / "y", NEW), new_iteration=False).iteration == 2
    make_folder(project / "labeled-data/z", NEW)  # which DeepLabCut does not find before it is entered
    assert add(project, project).iteration == 3
    assert add(project, project).iteration == 3


def test_a_config_of_windows_keeps_its_lines_and_its_video(tmp_path: Path) -> None:
    text = CONFIG.replace("/home/lab/mouse/videos/old.mp4", "C:\\videos\\v.avi").replace("\n", "\r\n")
    project = make_project(tmp_path / "p")
    (project / "config.yaml").write_bytes(text.encode())
    assert add(project, make_folder(tmp_path / "v", NEW)).videos == ()
    assert (project / "config.yaml").read_bytes() == text.encode()
    add(project, make_folder(tmp_path / "w", NEW))
    changed = (project / "config.yaml").read_bytes()
    assert changed.count(b"\r\n") == changed.count(b"\n") == text.count("\n") + 2
    # beside a path of this system DeepLabCut would find none of Windows
    assert read_project(project).videos == ("C:\\videos\\v.avi", "C:\\videos\\w.mp4")


def test_the_projects_own_video_is_named(project: Path, tmp_path: Path) -> None:
    (project / "videos").mkdir()
    (project / "videos/v.1.avi").write_bytes(b"")
    add(project, make_folder(tmp_path / "v.1", NEW))
    assert f"  {project.absolute()}/videos/v.1.avi:\n" in (project / "config.yaml").read_text()


def test_a_config_that_cannot_be_changed_alone(project: Path, tmp_path: Path) -> None:
    text = CONFIG.replace("bodyparts:", "other: &a {}\nmore: *a\nbodyparts:").replace("video_sets:", "video_sets: &v")
    (project / "config.yaml").write_text(text + "again: *v\n")
    with pytest.raises(ModelError, match="without changing more") as caught:
        add(project, make_folder(tmp_path / "v", NEW))
    assert "videos/v.mp4" in caught.value.hint
    assert (project / "config.yaml").read_text() == text + "again: *v\n"


def test_nothing_is_written_with_errors(project: Path, tmp_path: Path) -> None:
    make_folder(tmp_path / "v", NEW)
    make_folder(tmp_path / "w", {"img1.png": (99,) * 6})
    before = content(project)
    with pytest.raises(ManifestError, match="nothing was added"):
        add(project, tmp_path / "v", tmp_path / "w")
    add(project, tmp_path / "v", dry_run=True)
    assert content(project) == before


class KilledError(BaseException):
    pass


def test_killed_at_any_write_each_file_is_old_or_new_and_again_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_h5 = adding.h5_bytes(table({"img0.png": (9,) * 6, "img1.png": (9,) * 6}))  # once: PyTables notes the time

    def prepared(name: str) -> Path:
        project = make_project(tmp_path / name / "p")
        own = make_folder(project / "labeled-data/v", {"img0.png": (9,) * 6, "img1.png": (9,) * 6})
        (own / "CollectedData_lab.h5").write_bytes(old_h5)
        os.utime(own / "CollectedData_lab.h5", (1_600_000_000,) * 2)
        (project / "training-datasets/iteration-0").mkdir(parents=True)
        return project

    folders = [make_folder(tmp_path / each, NEW) for each in "vw"]
    real_replace, real_unlink = Path.replace, Path.unlink
    left = [1 << 30]

    def count(real: object) -> object:
        def call(*args: object, **more: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise KilledError
            return real(*args, **more)  # type: ignore[operator]

        return call

    whole = prepared("whole")
    old = content(whole)
    add(whole, *folders)
    new = {name: data for name, data in content(whole).items() if not name.endswith(".h5")}
    monkeypatch.setattr(Path, "replace", count(real_replace))
    monkeypatch.setattr(Path, "unlink", count(real_unlink))
    for number in range(100):
        project = prepared(f"n{number}")
        left[0] = number
        try:
            add(project, *folders)
        except KilledError:
            left[0] = 1 << 30
        else:
            break
        here = f"{tmp_path}/n{number}/".encode()
        now = {name: data.replace(here, f"{tmp_path}/whole/".encode()) for name, data in content(project).items()}
        for name, data in now.items():
            is_passing = Path(name).name.startswith(".") or name.endswith(".h5")  # those are compared below
            assert is_passing or data in (old.get(name), new.get(name)), name
        assert old.keys() - now.keys() <= {"labeled-data/v/CollectedData_lab.h5"}
        for name in ("v", "w"):
            own = project / "labeled-data" / name
            if (own / "CollectedData_lab.csv").exists():
                assert [e.kind for e in checked(project, own).problems if e.kind.startswith(("h5", "no pic"))] == []
        add(project, *folders)
        again = {name: data.replace(here, f"{tmp_path}/whole/".encode()) for name, data in content(project).items()}
        again = {name: data for name, data in again.items() if not Path(name).name.startswith(".")}
        assert {name: data for name, data in again.items() if not name.endswith(".h5")} == new
        assert checked(project, project / "labeled-data").errors == []
    assert 10 < number < 99


HOSTILE = ("[red]x", "a b", "'; rm -rf x", "=1+1", "v\u202e", "nü,🐭", "--project")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(project: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str],
                       monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    rows = {f"{name}.png": (1, 2, 3, 4, 5, 6)}
    text = table({"PICTURE": (1, 2, 3, 4, 5, 6)}, folder="FOLDER")
    quoted = f'"{name}"' if "," in name else name
    text = text.replace("FOLDER", quoted).replace("PICTURE", quoted[:-1] + '.png"' if "," in name else f"{name}.png")
    folder = make_folder(tmp_path / name, rows, text=text)
    monkeypatch.setattr(sys, "argv", ["dlcctr", "labels", "add", str(project), str(folder), "--json"])
    code = catch(lambda: make_app()(prog_name="dlcctr"))
    said = json.loads(capsys.readouterr().out)
    is_plain = name.isprintable()
    assert code == (0 if is_plain else 3)
    assert (project / "labeled-data" / name / f"{name}.png").exists() == is_plain
    assert bool(said["folders"]) == is_plain
    if is_plain:
        assert checked(project, project / "labeled-data").problems == []
        assert read_project(project).has_video(name)


def test_the_commands(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                      monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    def call(*argv: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["dlcctr", "labels", *argv])
        code = catch(lambda: make_app()(prog_name="dlcctr"))
        return code, capsys.readouterr().out

    folder = make_folder(tmp_path / "v", NEW)
    (folder / "odd\x1b[2J.png").write_bytes(png())
    code, text = call("check", str(folder), "--project", str(project))
    assert code == 0 and "1 folder, 2 pictures with labels: 0 errors, 0 questions, 1 note" in text
    assert f"next: dlcctr labels add {project} {folder}" in text and "\x1b" not in text
    code, text = call("add", str(project), str(folder), "--dry-run", "--no-h5")
    assert code == 0 and "nothing was written (--dry-run)" in text and not (project / "labeled-data").exists()
    code, text = call("add", str(project), str(folder), "--no-h5")
    assert code == 0 and "2 new; 2 pictures copied" in text and "convertcsv2h5" in text
    assert "config.yaml: video_sets has v now" in text and f"next: dlcctr loop status {project}\n" in text
    code, text = call("check", str(project / "labeled-data"), "--project", str(project))
    assert code == 0 and "next:" not in text
    other = make_folder(tmp_path / "w", NEW, scorer="Ada")
    assert call("check", str(other), "--project", str(project))[0] == 3
    code, text = call("check", str(other), "--project", str(project), "--any-scorer")
    assert code == 0 and f"{other} --any-scorer" in text
    make_folder(tmp_path / "v", {"img1.png": (99,) * 6})
    assert call("check", str(folder), "--project", str(project))[0] == 3
    code, text = call("add", str(project), str(folder))
    assert code == 3 and "error, outside: move that point" in text and "nothing was added" in text
    assert "CollectedData_lab.csv line 4 (img1.png): 'snout' at 99, 99" in text
    code, text = call("check", str(folder), "--project", str(project), "--json")
    found = json.loads(text)
    assert code == 3 and found["kind"] == "labels check"
    assert {each["kind"] for each in found["problems"]} == {"outside", "unlabelled picture", "picture name"} - {
        "picture name"
    }


def test_of_many_problems_some_are_shown_with_short_names(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that was wrong in every frame makes a question of each."""
    make_folder(tmp_path / "v", {f"img{n}.png": (99, 1, 2, 3, 4, 5) for n in range(12)})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["dlcctr", "labels", "check", "v", "--project", "p"])
    assert catch(lambda: make_app()(prog_name="dlcctr")) == 3
    text = capsys.readouterr().out
    assert text.count("\n  v/CollectedData_lab.csv line ") == 10
    assert "\n  … and 2 more (--json lists all)\n1 folder, 12 pictures with labels: 12 errors" in text
