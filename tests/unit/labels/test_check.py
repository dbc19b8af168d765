from __future__ import annotations

import struct
from pathlib import Path

import pytest

from dlcctr.errors import ManifestError, ModelError
from dlcctr.labels.problems import KINDS
from dlcctr.labels.project import read_project
from tests.unit.support.label_folders import (
    PARTS,
    checked,
    config_of_several,
    jpeg,
    kinds,
    make_folder,
    make_project,
    png,
    table,
)
from tests.unit.support.projects import write_json

GOOD = (1, 2, 3, 4, 5, 6)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "p")


def test_hidden_files_are_no_pictures_and_no_folders(project: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "back/v", {"img1.png": GOOD})
    make_folder(tmp_path / "back/.ipynb_checkpoints")
    for name in ("._img1.png", "._CollectedData_lab.csv"):
        (folder / name).write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X        ")
    found = checked(project, tmp_path / "back")
    assert [each.folder.name for each in found.folders] == ["v"] and found.problems == []


def test_sound_labels_have_no_problem(project: Path, tmp_path: Path) -> None:
    found = checked(project, make_folder(tmp_path / "v", {"img1.png": GOOD, "img2.png": ("", "", 1, 2, "", "")}))
    assert found.problems == []
    assert found.folders[0].sizes == {"img1.png": (64, 48), "img2.png": (64, 48)}


HEADS = {
    "unknown part": {"parts": ("snout", "earLeft", "tail", "paw"), "rows": {"img1.png": (*GOOD, 7, 8)}},
    "missing part": {"parts": ("snout", "tail"), "rows": {"img1.png": (1, 2, 3, 4)}},
    "order": {"parts": sorted(PARTS)},
    "scorer": {"scorer": "Ada"},
    "animals": {"parts": [("a", part) for part in PARTS]},
    "likelihood": {"coords": ("x", "y", "likelihood"), "rows": {"img1.png": (1, 2, 1, 3, 4, 1, 5, 6, 1)}},
}


@pytest.mark.parametrize("kind", HEADS)
def test_heads(project: Path, tmp_path: Path, kind: str) -> None:
    given = dict(HEADS[kind])
    found = checked(project, make_folder(tmp_path / "v", given.pop("rows", None), **given)).problems  # type: ignore[arg-type]
    assert [problem.kind for problem in found] == [kind]
    assert found[0].line in (1, 2, 3) and found[0].remedy


def test_the_alphabet_is_named(project: Path, tmp_path: Path) -> None:
    (found,) = checked(project, make_folder(tmp_path / "v", parts=sorted(PARTS))).problems
    assert not found.is_error
    assert "sorted by the alphabet" in found.message and "'earLeft' where that has 'snout'" in found.message


def test_another_scorer_can_be_taken(project: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "v", scorer="Ada")
    assert checked(project, folder).errors
    assert not checked(project, folder, any_scorer=True).errors


def test_the_table_of_the_projects_scorer_is_taken(project: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "v")
    make_folder(folder, {"img1.png": GOOD}, scorer="Ada")
    assert kinds(project, folder) == []
    (folder / "CollectedData_lab.csv").rename(folder / "CollectedData_Bob.csv")
    assert kinds(project, folder) == ["scorer"]


ROWS = {
    "line": [{"img1.png": (1, 2, 3, 4, 5)}, {"img1.png": (1, "", *GOOD[2:])}, {"img1.png": ("left", *GOOD[1:])},
             {"img1.png": ("inf", *GOOD[1:])}, {"img1.png": ("1_0", *GOOD[1:])}],
    "outside": [{"img1.png": (0, 0, *GOOD[2:])}, {"img1.png": (0, *GOOD[1:])}, {"img1.png": (1, 0.0, *GOOD[2:])},
                {"img1.png": (64, *GOOD[1:])}, {"img1.png": (1, 48, *GOOD[2:])}, {"img1.png": (-0.1, *GOOD[1:])}],
    "empty line": [{"img1.png": ("",) * 6}, {"img1.png": ("nan", "NaN", *("",) * 4)}],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "rows"), [(kind, rows) for kind, all_rows in ROWS.items() for rows in all_rows])
def test_rows(project: Path, tmp_path: Path, kind: str, rows: dict[str, tuple[object, ...]]) -> None:
    found = [each for each in checked(project, make_folder(tmp_path / "v", rows)).problems
             if each.kind != "unlabelled picture"]  # fmt: skip
    assert [(each.kind, each.line) for each in found] == [(kind, 4)]
    assert found[0].is_error == (kind != "empty line")


def test_the_last_pixel_is_inside(project: Path, tmp_path: Path) -> None:
    assert kinds(project, make_folder(tmp_path / "v", {"img1.png": (0.1, 0.1, 63.9, 47.9, "", "")})) == []


def test_pictures(project: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "v", {"img1.png": GOOD, "img2.png": GOOD, "img3.jpg": GOOD, "img4.tif": GOOD})
    (folder / "img1.png").unlink()
    (folder / "img2.png").write_bytes(png()[:20])
    (folder / "img3.jpg").write_bytes(jpeg((3, 2)))
    (folder / "img4.tif").write_bytes(b"II*\0")
    (folder / "img5.png").write_bytes(png())
    found = {(each.kind, each.picture) for each in checked(project, folder).problems}
    assert found == {
        ("no picture", "img1.png"), ("broken picture", "img2.png"), ("outside", "img3.jpg"),
        ("size unknown", "img4.tif"), ("unlabelled picture", "img5.png"),
    }  # fmt: skip


@pytest.mark.parametrize("height", [48, -48])
def test_a_bitmap_says_its_size(project: Path, tmp_path: Path, height: int) -> None:
    folder = make_folder(tmp_path / "v", {"img1.bmp": (1, 2, 64, 4, 5, 47.9)})
    head = b"BM" + bytes(12) + struct.pack("<Iii", 40, 64, height) + bytes(28)
    (folder / "img1.bmp").write_bytes(head)
    (found,) = checked(project, folder).problems
    assert found.kind == "outside" and "'earLeft' at 64, 4, the picture has 64 x 48 px" in found.message
    (folder / "img1.bmp").write_bytes(b"BM" + bytes(40))  # of OS/2, or no bitmap
    assert kinds(project, folder) == ["size unknown"]


def test_a_picture_may_be_in_the_project_already_but_no_other_one(project: Path, tmp_path: Path) -> None:
    own = make_folder(project / "labeled-data" / "v")
    folder = make_folder(tmp_path / "v")
    (folder / "img1.png").unlink()
    assert kinds(project, folder) == []
    (folder / "img1.png").write_bytes((own / "img1.png").read_bytes() + b"\0")
    assert kinds(project, folder) == ["other picture"]


def test_duplicates_and_names(project: Path, tmp_path: Path) -> None:
    text = table({"img1.png": GOOD})
    row = text.splitlines()[-1]
    more = [row.replace(",v,", ",w,"), row.replace("img1.png", ".."), row.replace("img1.png", "im\x1bg.png")]
    folder = make_folder(tmp_path / "v", text="\n".join([*text.splitlines(), row, *more]) + "\n")
    (folder / "img1.png").write_bytes(png())
    found = [(each.kind, each.line) for each in checked(project, folder).problems]
    assert sorted(found, key=str) == sorted(
        [("duplicate", 4), ("duplicate", 5), ("duplicate", 6), ("other folder", 6),
         ("picture name", 7), ("picture name", 8)], key=str
    )  # fmt: skip


def test_points_that_nobody_can_see_are_empty_and_not_0_0(project: Path, tmp_path: Path) -> None:
    (found,) = checked(project, make_folder(tmp_path / "v", {"img1.png": (0, 0, *GOOD[2:])})).problems
    assert found.kind == "outside" and "not 0, 0" in found.message


def test_pictures_of_several_sizes(project: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "v", {f"img{n}.png": GOOD for n in range(4)})
    (folder / "img2.png").write_bytes(png((128, 96)))
    (found,) = checked(project, folder).problems
    assert (found.kind, found.picture, found.is_error) == ("sizes", "img2.png", False)
    assert "3 of 64 x 48 px, 1 of 128 x 96 px" in found.message


def test_a_picture_of_which_only_likelihoods_are_known_is_not_labelled(project: Path, tmp_path: Path) -> None:
    rows = {"img1.png": ("", "", 1, "", "", 1, "", "", 1), "img2.png": (1, 2, 0.3, "", "", 1, "", "", 1)}
    found = checked(project, make_folder(tmp_path / "v", rows, coords=("x", "y", "likelihood")))
    assert [(each.kind, each.picture) for each in found.problems] == [("likelihood", ""), ("empty line", "img1.png")]
    assert not found.errors


SPREADSHEETS = {
    "semicolons": lambda text: text.replace(".", ";").replace(",", ";").replace(";png", ".png").replace("1;5", "1,5"),
    "tabs": lambda text: text.replace(",", "\t").replace("1.5", "1,5"),
    "points and semicolons": lambda text: text.replace(",", ";"),
    "empty columns": lambda text: text.replace("\n", ",,\n") + ",,,\n",
    "byte-order mark": lambda text: "\ufeff" + text.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("kind", SPREADSHEETS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tables_that_a_spreadsheet_has_saved(project: Path, tmp_path: Path, kind: str, encoding: str) -> None:
    folder = make_folder(tmp_path / "v", {"img1.png": (1.5, 2, 3, 4, 5, 6)})
    file = folder / "CollectedData_lab.csv"
    text = SPREADSHEETS[kind](file.read_text())
    file.write_bytes(text.removeprefix("\ufeff").encode(encoding) if encoding == "utf-16" else text.encode())
    found = checked(project, folder)
    assert found.problems == []
    (row,) = found.folders[0].table.rows
    assert [found.folders[0].table.point(row, ("", part)) for part in PARTS] == [(1.5, 2), (3, 4), (5, 6)]


@pytest.mark.parametrize("name", ["labeled-data/v/img1.png", "labeled-data\\v\\img1.png"])
def test_pictures_in_one_column(project: Path, tmp_path: Path, name: str) -> None:
    text = table({"img1.png": GOOD}).replace("labeled-data,v,img1.png", name).replace(",,,", ",")
    folder = make_folder(tmp_path / "v", text=text)
    (folder / "img1.png").write_bytes(png())
    assert kinds(project, folder) == []


BROKEN_HEADS = ("", "x\n", "scorer,,\n", "scorer,,,a\nbodyparts,,,b\ncoords,,,z\n",
                "scorer,,,a,a\nbodyparts,,,b\ncoords,,,x,y\n",
                "scorer,,,a,a\nbodyparts,,,b,b\ncoords,,,x,x\n", "scorer,,,a\nbodyparts,,,b\ncoords,,,x\n")  # fmt: skip


@pytest.mark.parametrize("text", BROKEN_HEADS)
def test_broken_heads(project: Path, tmp_path: Path, text: str) -> None:
    assert kinds(project, make_folder(tmp_path / "v", {}, text=text)) == ["header"]


def test_a_table_that_is_no_text(project: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "v")
    (folder / "CollectedData_lab.csv").write_bytes(b"\xff\xfe\x01")
    assert kinds(project, folder)[0] == "unreadable"


def test_points_far_from_where_the_model_was_sure(project: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "v", {"img1.png": (10, 10, 20, 20, 30, 30), "img2.png": (1, 2, "", "", "", "")})
    machine = {"img1.png": (20, 10, 0.95, 20, 21, 0.95, 60, 40, 0.5), "img2.png": ("", "", "", 1, 1, 1, 1, 1, 1)}
    (folder / "machinelabels-iter0.csv").write_text(table(machine, coords=("x", "y", "likelihood"), scorer="DLC"))
    (found,) = checked(project, folder).problems
    assert (found.kind, found.picture, found.line, found.is_error) == ("far", "img1.png", 4, False)
    assert "'snout' is 10 px" in found.message
    (folder / "machinelabels-iter0.csv").write_text("x")
    assert kinds(project, folder) == ["machine labels"]


def test_the_h5_is_compared(project: Path, tmp_path: Path) -> None:
    from dlcctr.labels.h5 import h5_bytes

    folder = make_folder(tmp_path / "v")
    text = (folder / "CollectedData_lab.csv").read_text()
    h5 = folder / "CollectedData_lab.h5"
    h5.write_bytes(h5_bytes(text))
    assert kinds(project, folder) == []
    for other in (text.replace(",6\n", ",6.1\n"), text.replace(",6\n", ",\n"), text.replace("img1", "img2")):
        h5.write_bytes(h5_bytes(other))
        assert kinds(project, folder) == ["h5 differs"]
    h5.write_bytes(b"no table")
    assert kinds(project, folder) == ["h5 differs"]
    (folder / "CollectedData_lab.csv").unlink()
    assert kinds(project, folder) == ["h5 alone"]


def test_without_pandas_the_h5_is_not_compared(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path / "v")
    (folder / "CollectedData_lab.h5").write_bytes(b"x")
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    assert kinds(project, folder) == ["h5 not compared"]


def test_several_animals(tmp_path: Path) -> None:
    write_json(tmp_path / "p" / "config.yaml", config_of_several())
    parts = [("a", "snout"), ("a", "tail"), ("b", "snout"), ("b", "tail"), ("single", "corner")]
    rows = {"img1.png": range(1, 11)}
    assert kinds(tmp_path / "p", make_folder(tmp_path / "v", rows, parts=parts)) == []  # type: ignore[arg-type]
    rows = {"img1.png": range(1, 7)}
    given = {"parts": [("single", "corner"), ("a", "snout"), ("a", "tail")]}
    assert kinds(tmp_path / "p", make_folder(tmp_path / "w", rows, **given)) == ["missing animal", "order"]  # type: ignore[arg-type]
    assert kinds(tmp_path / "p", make_folder(tmp_path / "x")) == ["animals"]


def test_the_projects_own_table_must_be_sound(project: Path, tmp_path: Path) -> None:
    own = make_folder(project / "labeled-data" / "v", parts=("snout", "tail", "gone"))
    assert kinds(project, make_folder(tmp_path / "v")) == ["unknown part"]
    (own / "CollectedData_lab.csv").rename(own / "CollectedData_lab.h5")
    assert kinds(project, tmp_path / "v") == ["h5 alone"]


def test_folders_are_found(project: Path, tmp_path: Path) -> None:
    for name in ("v", "w"):
        make_folder(tmp_path / "back" / "labeled-data" / name)
    for place in (tmp_path / "back", tmp_path / "back/labeled-data"):
        assert [each.folder.name for each in checked(project, place).folders] == ["v", "w"]
    assert len(checked(project, tmp_path / "back", tmp_path / "back/labeled-data/v").folders) == 2
    with pytest.raises(ManifestError, match="same name"):
        checked(project, tmp_path / "back", make_folder(tmp_path / "v"))
    for nothing in (tmp_path / "none", tmp_path / "back/labeled-data/v/img1.png"):
        with pytest.raises(ManifestError, match="no such folder"):
            checked(project, nothing)
    with pytest.raises(ManifestError, match="no labels"):
        checked(project, (tmp_path / "empty").mkdir() or tmp_path / "empty")  # type: ignore[func-returns-value]


@pytest.mark.parametrize(("value", "is_of_several"), [("no", False), ("False", False), (None, False), ("yes", True)])
def test_several_is_a_switch_as_deeplabcut_reads_it(tmp_path: Path, value: object, *, is_of_several: bool) -> None:
    write_json(tmp_path / "config.yaml", config_of_several() | {"multianimalproject": value, "bodyparts": ["a"]})
    assert read_project(tmp_path).is_of_several is is_of_several


@pytest.mark.parametrize(
    "change", [{"scorer": 1}, {"scorer": "../x"}, {"bodyparts": None}, {"bodyparts": ["a", "a"]}, {"iteration": "x"}]
)
def test_a_project_that_is_none(tmp_path: Path, change: dict[str, object]) -> None:
    from tests.unit.support.projects import config

    write_json(tmp_path / "config.yaml", config(**change))
    with pytest.raises(ModelError, match=f"config.yaml: {next(iter(change))} is not"):
        read_project(tmp_path)


def test_every_kind_has_a_test() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f'"{kind}"' not in text] == []
