"""Our own loop against stock DeepLabCut with the TensorFlow engine, over all rows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from dlcctr.campaign.rows import Row
from dlcctr.contract import ExitCode
from entrypoint.video.lossless_copy import write_copy
from entrypoint.video.scan import scan_video
from tests import media
from tests.integration.support.own_loop import OwnLoop, only
from tests.integration.support.tiny_models import make_model
from tests.integration.test_own_loop import (
    CROP,
    DAMAGED,
    DAMAGED_FRAMES,
    FRAMES,
    SAME_PICKLES,
    TURNED,
    VIDEOS,
    deeplabcuts,
)

FEW = {"cropped.mp4", "hole.mp4"}
BATCH_SIZE = 4
OTHER_PIXELS = {"bt709.mp4", "hdr.mp4", "hlg.mp4", "wide_colours.mp4", "odd_size.mkv", "ten_bit.mkv", TURNED}
"""This engine's OpenCV makes others of them than FFmpeg 8 does; it turns nothing."""


@pytest.fixture(scope="module")
def few(native_tensorflow: Path, tmp_path_factory: pytest.TempPathFactory) -> OwnLoop:
    """A crop, a damaged video and a plain one, analysed by both in one process each."""
    case = make_case(native_tensorflow, tmp_path_factory.mktemp("few"), "tensorflow-single", sorted(FEW))
    case.add(media.write_video(case.videos / "again.mp4", FRAMES))
    analyse_both(case)
    return case


def make_case(python: Path, folder: Path, kind: str, names: Iterable[str]) -> OwnLoop:
    case = OwnLoop(python, make_model(python, kind, folder / "models"), folder, BATCH_SIZE)
    case.videos.mkdir()
    for name in names:
        add(case, name)
    return case


def add(case: OwnLoop, name: str) -> None:
    video = case.videos / name
    if name in DAMAGED:
        options, damage = DAMAGED[name]
        damage(media.write_video(sound(case, name), DAMAGED_FRAMES, **options), video)
    elif name == TURNED:
        media.rotate_mp4(media.write_video(case.folder / "lying.mp4", FRAMES), video)
    else:
        found = scan_video(media.write_video(video, FRAMES, **VIDEOS[name]))
        if not found.header_true:  # stock believes it, and gives another number of rows
            write_copy(video, sound(case, name), found)
    case.add(video, CROP if name.startswith("crop") else None)


def sound(case: OwnLoop, name: str) -> Path:
    """What stock gets in place of a video that it would not read to its end."""
    return case.folder / f"sound-{Path(name).with_suffix('.mov' if name in VIDEOS else Path(name).suffix)}"


def analyse_both(case: OwnLoop) -> None:
    case.analyse("own")
    stock_by_hand(case, case.rows)


def stock_by_hand(case: OwnLoop, rows: list[Row]) -> None:
    case.stock_by_hand(rows, {row.video: file for row in rows if (file := sound(case, row.video)).exists()})


def assert_equal_to_stock(case: OwnLoop, rows: list[Row], backend: str = "OpenVINO 202") -> None:
    pairs = [(case.result(row, "own"), case.hand_folder(row), case.lost(row)) for row in rows]
    for row, found in zip(rows, case.compare(pairs), strict=True):
        print(row.video, found)
        receipt = case.receipt(row, "own")
        assert receipt.path == "own"
        assert receipt.device.backend.startswith(backend)
        assert found["equal"], (row.video, found)
        assert found["lost_in_place"], (row.video, found)
        assert found["key"]
        assert not found["shifted"], (row.video, found)
        assert receipt.state.value == ("degraded" if case.lost(row) else "ok")


@pytest.mark.real
def test_two_formats_equal_stock(few: OwnLoop) -> None:
    assert_equal_to_stock(few, few.rows)
    assert [bool(few.lost(row)) for row in few.rows] == [False, True, False]


def assert_same_text(ours: Path, stock: Path) -> None:
    """Two .csv files are the same but for last digits: on some processors TensorFlow rounds otherwise in batches."""
    lines = [file.read_text().splitlines() for file in (ours, stock)]
    assert lines[0][:3] == lines[1][:3]
    numbers = [[[float(cell) for cell in line.split(",")] for line in each[3:]] for each in lines]
    assert [len(line) for line in numbers[0]] == [len(line) for line in numbers[1]]
    for mine, theirs in zip(*numbers, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-4)


@pytest.mark.real
def test_the_same_files_as_stock(few: OwnLoop) -> None:
    cropped, _, plain = few.rows
    few.analyse("own", "--backend", "engine", rows=[cropped, plain], out="engine")
    for row in (cropped, plain):
        ours, stock = few.result(row, "engine"), few.hand_folder(row)
        assert few.receipt(row, "engine").device.backend.startswith("TensorFlow 2.")
        assert deeplabcuts(ours) == {path.name for path in stock.iterdir()}
        few.call("-I", "-c", SAME_PICKLES, only(ours, "*_meta.pickle"), only(stock, "*_meta.pickle"))
        assert_same_text(only(ours, "*.csv"), only(stock, "*.csv"))


@pytest.mark.real
def test_a_further_video_costs_little(few: OwnLoop) -> None:
    """Graph and session stay: of all rows only the first pays for them, and for the import."""
    first, *others = [few.receipt(row, "own").timings_s for row in few.rows]
    assert first["import"] > 1
    assert first["load"] > 0.5
    for timings in others:
        assert timings["import"] == 0
        assert timings["load"] < first["load"] / 2
    fixed = [t["total"] - t["network"] - t["decoding"] for t in others]
    print("fixed cost of a further video in s:", sorted(round(each, 2) for each in fixed))


@pytest.mark.full
def test_every_format_equals_stock(native_tensorflow: Path, tmp_path: Path) -> None:
    names = [name for name in (*VIDEOS, TURNED, *DAMAGED) if name not in FEW]
    case = make_case(native_tensorflow, tmp_path, "tensorflow-single", names)
    case.analyse("own", code=ExitCode.MODEL)  # of the rows that are not covered
    equal = [row for row in case.rows if row.video not in OTHER_PIXELS]
    stock_by_hand(case, equal)
    assert_equal_to_stock(case, equal)
    for row in case.rows:
        if row.video in OTHER_PIXELS:
            failure = case.result(row, "own").with_name(f"{row.video}.failed.json").read_text()
            assert "makes other pixels of its first frame" in failure


@pytest.mark.full
def test_efficient_net_equals_stock(native_tensorflow: Path, tmp_path: Path) -> None:
    case = make_case(native_tensorflow, tmp_path, "tensorflow-efficientnet", ["bframes.mp4", "cut.avi"])
    analyse_both(case)
    assert_equal_to_stock(case, case.rows)


@pytest.mark.full
def test_mobile_net_gets_the_batches_that_stock_forms(native_tensorflow: Path, tmp_path: Path) -> None:
    """Its positions depend on the whole batch: on how the last one is filled up, and on where lost frames leave it."""
    case = make_case(native_tensorflow, tmp_path, "tensorflow-mobilenet", ["bframes.mp4", "cropped.mp4", "hole.mp4"])
    case.environment = dict(os.environ)  # stock takes all CPUs here, and sums over a batch go by the number of threads
    *whole, hole = case.rows
    case.analyse("own")
    case.stock_by_hand(whole, {})
    assert_equal_to_stock(case, whole, "TensorFlow 2.")
    case.analyse("stock", rows=[hole])
    lost = case.lost(hole)
    assert lost
    assert case.receipt(hole, "stock").path == "stock-reencoded"
    (found,) = case.compare([(case.result(hole, "own"), case.result(hole, "stock"), lost)])
    print(found)
    assert found["equal"], found
    assert not found["shifted"]
    case.batch_size = 2
    shutil.rmtree(case.folder / "own")
    case.analyse("own", rows=whole)
    pairs = [(case.result(row, "own"), case.hand_folder(row), []) for row in whole]
    assert not any(found["equal"] for found in case.compare(pairs)), "these positions do not depend on the batch"


@pytest.mark.full
def test_a_mobile_net_with_less_than_a_batch_goes_through_stock(native_tensorflow: Path, tmp_path: Path) -> None:
    case = make_case(native_tensorflow, tmp_path, "tensorflow-mobilenet", [])
    case.add(media.write_video(case.videos / "short.mp4", BATCH_SIZE - 1))
    said = case.analyse("auto")
    assert "has only 3 frames for one of 4" in said
    assert case.receipt(case.rows[0], "auto").path == "stock"


@pytest.mark.full
def test_several_animals_go_through_stock(native_tensorflow: Path, tmp_path: Path) -> None:
    case = make_case(native_tensorflow, tmp_path, "tensorflow-multi", ["bframes.mp4"])
    said = case.analyse("auto")
    assert "through stock DeepLabCut, because the model is for several animals" in said
    assert case.receipt(case.rows[0], "auto").path == "stock"
