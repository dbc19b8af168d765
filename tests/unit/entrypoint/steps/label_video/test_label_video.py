"""The step as a whole: what is in the file that it makes."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy
import pytest

from dlcctr.campaign.steps.label_video import Clips, ColorBy, Names
from dlcctr.campaign.videos.discover import is_labelled
from dlcctr.errors import ManifestError, OutputError, VideoError
from dlcctr.quality.record import Quality, Stretch, write_quality
from dlcctr.results.h5.positions import PositionColumns
from dlcctr.results.sections import FrameCounts, OutputFile
from dlcctr.results.steps.receipt import Made, StepReceipt
from entrypoint.steps.label_video import run
from tests.media import HEIGHT, WIDTH, punch_hole, read_number, rotate_mp4, write_video
from tests.unit.support.label_video_case import (
    PARTS,
    SCORER,
    make_case,
    positions_of,
    source_of,
    square,
    with_parameters,
)

NO_STAMP = {"stamp": False}


class Film:
    """A labelled video, decoded."""

    def __init__(self, file: Path) -> None:
        with av.open(str(file)) as source:
            stream = source.streams.video[0]
            context = stream.codec_context
            self.kind = context.name, context.profile, context.pix_fmt
            self.length_s = float(stream.duration * stream.time_base)
            frames = list(source.decode(stream))
            self.times = [float(frame.pts * frame.time_base) for frame in frames]
            self.pictures = [frame.to_ndarray(format="rgb24") for frame in frames]
            self.space = int(frames[0].colorspace)
        self.size = self.pictures[0].shape[1], self.pictures[0].shape[0]

    def numbers(self) -> list[int]:
        return [read_number(picture[:HEIGHT, :WIDTH]) for picture in self.pictures]


def film_of(given: Any) -> Film:
    result = run(given)
    (file,) = result.files
    assert file.parent == given.work and is_labelled(file.name)
    return Film(file)


def coloured(picture: Any, x: float, y: float, radius: int = 2) -> Any:
    """Mean colour around a place."""
    x, y = round(x), round(y)
    return picture[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1].reshape(-1, 3).mean(axis=0)


def is_like(found: Any, wanted: tuple[int, int, int], within: float = 80) -> bool:
    return bool(numpy.abs(found - numpy.array(wanted)).max() < within)


def test_each_frame_has_its_points_and_its_time(tmp_path: Path) -> None:
    film = film_of(make_case(tmp_path, dotsize=4, crf=5, **NO_STAMP))
    assert film.kind == ("h264", "High", "yuv420p") and film.size == (WIDTH, HEIGHT)
    assert film.numbers() == list(range(30))
    assert film.times == pytest.approx([n / 25 for n in range(30)], abs=1e-4)
    assert film.length_s == pytest.approx(30 / 25, abs=1e-3), "the last frame is shown, too"
    red = positions_of_case()[:, 2, :2]  # the last of the rainbow
    seen = [is_like(coloured(film.pictures[n], *red[n]), (255, 0, 0)) for n in range(30) if inside(red[n])]
    assert len(seen) > 15 and all(seen)


def positions_of_case() -> Any:
    return positions_of(PositionColumns(SCORER, tuple(("", part) for part in PARTS), several=False), 30)


def inside(place: Any) -> bool:
    return bool(3 < place[0] < WIDTH - 4 and HEIGHT / 3 + 3 < place[1] < HEIGHT - 4)


def test_true_times_are_kept(tmp_path: Path) -> None:
    times = [5.0, 5.04, 5.5, 5.54, math.nan, 5.62, 5.62, 2.0, 2.04]
    film = film_of(make_case(tmp_path, frames=9, times=times))
    steps = [0.04, 0.46, 0.04, 0.04, 0.04, 0.04, 0.04, 0.04]
    assert numpy.diff(film.times) == pytest.approx(steps, abs=1e-4), "a standstill and a jump back become a usual step"
    assert film.times[0] == 0


def test_without_times_it_says_so(tmp_path: Path) -> None:
    given = make_case(tmp_path, frames=5, times=None)
    result = run(given)
    assert "its times are not known: it is shown at 25 frames/s" in result.remark
    assert "the model is not there: no skeleton is drawn" in result.remark


def test_slow_motion_and_fast_forward(tmp_path: Path) -> None:
    given = make_case(tmp_path, frames=60, speed=0.25)
    assert film_of(given).length_s == pytest.approx(60 / 25 * 4, abs=1e-3)
    fast = film_of(with_parameters(given, speed=10.0))
    assert fast.length_s == pytest.approx(0.24, abs=0.02)
    assert len(fast.times) <= 16, "no more than 60 frames/s"


def test_points_below_pcutoff_are_left_out_or_rings(tmp_path: Path) -> None:
    positions = positions_of_case()
    positions[:, 2, 2] = 0.3
    given = make_case(tmp_path, positions=positions, dotsize=7, crf=5, **NO_STAMP)
    plain, rings = film_of(given).pictures[0], film_of(with_parameters(given, unsure=True)).pictures[0]
    x, y = positions[0, 2, :2]
    assert not is_like(coloured(plain, x, y), (255, 0, 0))
    assert not is_like(coloured(rings, x, y, 1), (255, 0, 0)), "a ring is open"
    near = slice(round(y) - 9, round(y) + 10), slice(round(x) - 9, round(x) + 10)
    redness = [(film[near][..., 0].astype(int) - film[near][..., 1]).max() for film in (plain, rings)]
    assert redness[0] < 40 and redness[1] > 90
    drawn = film_of(with_parameters(given, pcutoff=0.2, shade=False)).pictures[0]
    faint = film_of(with_parameters(given, pcutoff=0.2, shade=True)).pictures[0]
    assert is_like(coloured(drawn, x, y), (255, 0, 0))
    assert coloured(faint, x, y)[1] - coloured(drawn, x, y)[1] > 20, "the background shines through"


def test_the_trail_is_where_the_animal_was(tmp_path: Path) -> None:
    positions = positions_of_case()
    given = make_case(tmp_path, positions=positions, dotsize=4, crf=5, bodyparts=(PARTS[2],), **NO_STAMP)
    without, with_trail = film_of(given), film_of(with_parameters(given, trailpoints=6))
    x, y = positions[7, 2, :2]
    assert is_like(coloured(with_trail.pictures[10], x, y, 0), (255, 0, 0), 150)
    assert not is_like(coloured(without.pictures[10], x, y, 0), (255, 0, 0), 150)
    assert numpy.abs(with_trail.pictures[0].astype(int) - without.pictures[0]).max() < 8, "there is nothing before"


def test_lines_join_parts_that_are_both_sure(tmp_path: Path) -> None:
    positions = numpy.ones((2, 3, 3))
    positions[:, :, :2] = [[20, 50], [110, 50], [110, 85]]
    positions[1, 1, 2] = 0.0
    given = make_case(tmp_path, frames=2, positions=positions, lines=(("snout", "left ear"),), crf=3, **NO_STAMP)
    first, second = film_of(given).pictures
    assert coloured(first, 65, 50, 0).min() > 170 and coloured(second, 65, 50, 0).min() < 170


def test_positions_count_from_the_corner_of_the_crop(tmp_path: Path) -> None:
    crop = (40, 140, 30, 90)
    positions = positions_of_case()
    positions[..., :2] -= (40, 30)
    given = make_case(tmp_path, positions=positions, crop=crop, dotsize=4, crf=5, **NO_STAMP)
    whole = film_of(given)
    place = next(n for n in range(30) if inside(positions_of_case()[n, 2]) and positions[n, 2, :2].min() > 6)
    x, y = positions[place, 2, :2]
    assert whole.size == (WIDTH, HEIGHT)
    assert is_like(coloured(whole.pictures[place], x + 40, y + 30), (255, 0, 0))
    part = film_of(with_parameters(given, cropped=True))
    assert part.size == (100, 60)
    assert is_like(coloured(part.pictures[place], x, y), (255, 0, 0))


def test_a_square_follows_the_animal_and_is_enlarged(tmp_path: Path) -> None:
    given = make_case(tmp_path, follow_px=48, bodyparts=(PARTS[0],), crf=5, **NO_STAMP)
    film = film_of(given)
    assert film.size == (192, 192), "four times at most"
    seen = 0
    for picture in film.pictures:
        seen += is_like(
            picture[40:150, 40:150].reshape(-1, 3)[numpy.argmax(picture[40:150, 40:150, 0])], (220, 30, 40), 60
        )
    assert seen > 20


def test_two_tables_side_by_side(tmp_path: Path) -> None:
    given = make_case(tmp_path, beside="analysis", dotsize=4, crf=5)
    moved = tmp_path / "filter"
    moved.mkdir()
    case = make_case(tmp_path / "other", positions=numpy.add(positions_of_case(), (0, 8, 0)))
    (moved / f"mouse{SCORER}_filtered.h5").write_bytes(next(case.source.analysis.folder.glob("*.h5")).read_bytes())
    step = source_of(moved, "steps/filter")
    given = replace(given, source=replace(given.source, positions=step))
    film = film_of(given)
    assert film.size[0] == 2 * WIDTH + 4 and film.size[1] > HEIGHT + 20
    assert sorted(given.used) == ["frame-times.csv.gz", f"mouse{SCORER}.h5", f"steps/filter/mouse{SCORER}_filtered.h5"]
    header = (film.size[1] - HEIGHT) // 2
    place = next(
        n for n in range(30) if inside(positions_of_case()[n, 2]) and positions_of_case()[n, 2, 1] < HEIGHT - 14
    )
    x, y = positions_of_case()[place, 2, :2]
    picture = film.pictures[place]
    assert is_like(coloured(picture, x, y + header + 8), (255, 0, 0)), "its own on the left"
    assert is_like(coloured(picture, x + WIDTH + 4, y + header), (255, 0, 0)), "the other on the right"
    step = given.source.analysis.folder / "steps" / "raw"
    step.mkdir(parents=True)
    table = step / f"mouse{SCORER}_raw.h5"
    table.write_bytes(next(given.source.analysis.folder.glob("*.h5")).read_bytes())
    receipt = StepReceipt(Made.OK, "", 0, "raw", "filter", "analysis", files=[OutputFile.of(table)])
    (step / "receipt.json").write_text(receipt.to_json())
    by_name = with_parameters(given, beside="raw")
    assert film_of(by_name).size == film.size and f"steps/raw/{table.name}" in by_name.used


def test_the_other_rows_of_the_video_are_side_by_side(tmp_path: Path) -> None:
    given = make_case(tmp_path, frames=5, beside="rows")
    with pytest.raises(ManifestError, match="there are none"):
        run(given)
    other = make_case(tmp_path / "other", frames=5).source
    given = replace(given, others=(replace(other, row=replace(other.row, index=3)),))
    assert film_of(given).size[0] == 2 * WIDTH + 4
    assert f"row 3: mouse{SCORER}.h5" in given.used


def test_frames_that_do_not_decode_are_dark_repeats(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", 60, gop=12, bframes=0)
    with av.open(str(whole)) as source:
        packets = [(packet.pos, packet.size) for packet in source.demux(video=0) if packet.size]
    damaged = punch_hole(whole, tmp_path / "hole.mp4", packets[30][0], packets[30][1])
    from entrypoint.video.scan import scan_video

    scan = scan_video(damaged)
    assert scan.missing and scan.stream == 60
    counts = FrameCounts(60, 60, scan.decoded, tuple((a, b) for a, b in scan.missing))
    given = make_case(tmp_path, video=damaged, frames=60, counts=counts, crf=5, **NO_STAMP)
    result = run(given)
    film = Film(result.files[0])
    lost = {n for a, b in scan.missing for n in range(a, b)}
    assert f"{len(lost)} frames cannot be decoded" in result.remark and result.facts["missing"] == len(lost)
    assert len(film.pictures) == 60
    for number, picture in enumerate(film.pictures):
        if number in lost:
            grey = numpy.ptp(picture[HEIGHT // 3 :].astype(int), axis=2)
            assert numpy.median(grey) < 12, "without colours"
        else:
            assert read_number(picture) == number


def test_a_video_that_lost_frames_since_is_refused(tmp_path: Path) -> None:
    given = make_case(tmp_path, video=write_video(tmp_path / "short.mp4", 20), frames=30)
    with pytest.raises(VideoError, match="20 of its 30 frames"):
        run(given)
    with pytest.raises(VideoError, match="needs the row's video"):
        run(replace(given, video=None))
    (tmp_path / "no.mp4").write_bytes(b"no video")
    with pytest.raises(VideoError):
        run(replace(given, video=tmp_path / "no.mp4"))


@pytest.mark.parametrize("rows", [1, 20, 40])
def test_a_table_shorter_or_longer_than_the_video(rows: int, tmp_path: Path) -> None:
    given = make_case(tmp_path, positions=positions_of(positions_columns(), rows))
    assert film_of(given).numbers() == list(range(30))


def positions_columns() -> PositionColumns:
    return PositionColumns(SCORER, tuple(("", part) for part in PARTS), several=False)


def test_positions_that_are_no_places(tmp_path: Path) -> None:
    positions = positions_of_case()
    positions[0], positions[1] = numpy.nan, (-1e9, 1e300, 1)
    positions[2, 0], positions[3, :, 2] = (numpy.inf, 5, 1), numpy.nan
    positions[4, 0, :2], positions[5, 1, :2] = (-3, HEIGHT + 2), (WIDTH - 1, 0)
    for changes in ({}, {"trailpoints": 5, "names": Names.BODYPARTS}, {"follow_px": 32}):
        given = make_case(
            tmp_path / f"{len(changes)}{'follow_px' in changes}", positions=positions, lines=(("snout", "left ear"),),
            unsure=True, **changes,
        )  # fmt: skip
        assert len(film_of(given).pictures) == 30


@pytest.mark.parametrize(("width", "height"), [(145, 97), (16, 16), (144, 97)])
def test_odd_and_tiny_sizes(width: int, height: int, tmp_path: Path) -> None:
    video = write_video(
        tmp_path / "odd.mkv", 3, width=max(width, 24), height=height, codec="ffv1", pix_fmt="yuv444p", gop=1
    )
    film = film_of(make_case(tmp_path, video=video, frames=3, names=Names.BODYPARTS))
    assert film.size[0] == -(-max(width, 24) // 2) * 2 and len(film.pictures) == 3
    assert film.size[1] > height


def test_one_frame(tmp_path: Path) -> None:
    film = film_of(make_case(tmp_path, frames=1))
    assert len(film.pictures) == 1 and film.length_s == pytest.approx(1 / 25, abs=1e-3)


def test_a_turned_video(tmp_path: Path) -> None:
    video = rotate_mp4(write_video(tmp_path / "plain.mp4", 4), tmp_path / "turned.mp4")
    positions = numpy.full((4, 3, 3), numpy.nan)
    positions[:, 2] = 30, 100, 1
    film = film_of(make_case(tmp_path, video=video, frames=4, positions=positions, dotsize=4, crf=5, **NO_STAMP))
    assert film.size == (HEIGHT, WIDTH)
    assert is_like(coloured(film.pictures[0], 30, 100), (255, 0, 0))
    with av.open(str(video)) as source:
        upright = numpy.rot90(next(source.decode(video=0)).to_ndarray(format="rgb24"), -1)
        clockwise = numpy.abs(film.pictures[0].astype(int) - upright).mean()
        other = numpy.abs(film.pictures[0].astype(int) - upright[::-1, ::-1]).mean()
    assert min(clockwise, other) < 12


@pytest.mark.parametrize("pix_fmt", ["gray", "yuv420p10le", "bgr0"])
def test_grey_deep_and_rgb_pictures_keep_their_colours(pix_fmt: str, tmp_path: Path) -> None:
    video = write_video(tmp_path / "video.mkv", 4, codec="ffv1", pix_fmt=pix_fmt, gop=1)
    positions = numpy.full((4, 3, 3), numpy.nan)
    film = film_of(make_case(tmp_path, video=video, frames=4, positions=positions, crf=3, **NO_STAMP))
    with av.open(str(video)) as source:
        source_picture = next(source.decode(video=0)).to_ndarray(format="rgb24")
    assert numpy.abs(film.pictures[0].astype(int) - source_picture).mean() < 6


def test_a_large_video_becomes_smaller(tmp_path: Path) -> None:
    video = write_video(tmp_path / "large.mp4", 2, width=2560, height=1440, options={"preset": "ultrafast"})
    positions = numpy.full((2, 3, 3), numpy.nan)
    positions[:, 2] = 1280, 1000, 1
    film = film_of(make_case(tmp_path, video=video, frames=2, positions=positions, longest_px=640, **NO_STAMP))
    assert film.size == (640, 360)
    assert is_like(coloured(film.pictures[0], 320, 250), (255, 0, 0))
    assert film.space == 1, "BT.709, as players take a video of this height for"


def test_several_animals_are_told_apart_by_colour(tmp_path: Path) -> None:
    animals = tuple(f"mouse{n}" for n in range(10))
    points = (*((who, f"part {n}") for who in animals for n in range(50)), ("single", "corner"))
    columns = PositionColumns(SCORER, points, several=True)
    positions = numpy.full((3, len(points), 3), numpy.nan)
    positions[:, 450:500] = 120, 80, 1
    positions[:, 0] = 20, 60, 1
    positions[:, 500] = 70, 60, 1
    given = make_case(
        tmp_path, frames=3, columns=columns, positions=positions, dotsize=3, crf=5, names=Names.INDIVIDUALS, **NO_STAMP
    )
    picture = film_of(given).pictures[0]
    assert is_like(coloured(picture, 120, 80, 1), (255, 0, 0)), "the last of ten"
    assert is_like(coloured(picture, 20, 60, 1), (128, 0, 255)), "the first of ten"
    assert is_like(coloured(picture, 70, 60, 1), (217, 217, 217), 60), "a unique part belongs to none"
    by_part = film_of(with_parameters(given, color_by=ColorBy.BODYPART, names=Names.NONE)).pictures[0]
    assert is_like(coloured(by_part, 70, 60, 1), (255, 0, 0)), "the last part"
    alone = film_of(with_parameters(given, individuals=("mouse0",), names=Names.NONE)).pictures[0]
    assert not is_like(coloured(alone, 120, 80, 1), (255, 0, 0))


def test_names_in_any_script(tmp_path: Path) -> None:
    names = ("μύτη", "<b>хвост</b>\n", "鼻")
    columns = PositionColumns(SCORER, tuple(("", name) for name in names), several=False)
    given = make_case(tmp_path, columns=columns, names=Names.BODYPARTS)
    assert "the font has no letters for #1 鼻" in run(given).remark


def test_what_the_table_does_not_have_is_named(tmp_path: Path) -> None:
    given = make_case(tmp_path, frames=2)
    for changes, words in (
        ({"bodyparts": ("nose",)}, "bodyparts names 'nose'.*snout, left ear, tail base"),
        ({"lines": (("snout", "wing"),)}, "lines names 'wing'"),
        ({"individuals": ("mouse9",)}, "individuals names 'mouse9'.*there are none"),
        ({"colormap": "no such"}, "no colormap 'no such'"),
    ):
        with pytest.raises(ManifestError, match=words):
            run(with_parameters(given, **changes))
    with pytest.raises(OutputError, match="the step 'smooth' has no result"):
        run(with_parameters(given, beside="smooth"))


def test_clips_of_the_worst_stretches(tmp_path: Path) -> None:
    given = make_case(tmp_path, frames=100, clips=Clips.WORST, clip_s=0.4, clip_number=2)
    with pytest.raises(OutputError, match=r"has no quality\.json.*"):
        run(given)
    stretches = (Stretch(10, 14, 0.5, ("jumps",)), Stretch(50, 90, 0.9), Stretch(72, 74, 0.8), Stretch(2, 4, 0.1))
    write_quality(given.source.analysis.folder, Quality(frames=100, stretches=stretches))
    judged = source_of(given.source.analysis.folder)
    given = with_parameters(replace(given, source=replace(given.source, analysis=judged, positions=judged)))
    result = run(given)
    assert [file.name for file in result.files] == [
        "clips.csv", "clips.jpg", f"mouse{SCORER}_clip01_labeled.mp4", f"mouse{SCORER}_clip02_labeled.mp4"
    ]  # fmt: skip
    assert Film(result.files[2]).numbers() == list(range(65, 75)) and Film(result.files[3]).numbers() == list(
        range(7, 17)
    )
    lines = result.files[0].read_text().splitlines()
    assert lines[1:] == [
        f"1,mouse{SCORER}_clip01_labeled.mp4,65,75,2.600,0.900,",
        f"2,mouse{SCORER}_clip02_labeled.mp4,7,17,0.280,0.500,jumps"
    ]  # fmt: skip
    with av.open(str(result.files[1])) as sheet:
        assert next(sheet.decode(video=0)).width > 600
    assert result.facts["clips"] == 2 and "quality.json" in given.used


def test_nothing_suspicious_gives_no_clips(tmp_path: Path) -> None:
    given = make_case(tmp_path, frames=10, clips=Clips.WORST)
    write_quality(given.source.analysis.folder, Quality(frames=10))
    judged = source_of(given.source.analysis.folder)
    result = run(replace(given, source=replace(given.source, analysis=judged, positions=judged)))
    assert [file.name for file in result.files] == ["clips.csv"]
    assert "nothing suspicious" in result.remark


def test_the_square_in_the_picture_is_where_the_first_point_is(tmp_path: Path) -> None:
    film = film_of(make_case(tmp_path, bodyparts=(PARTS[1],), crf=5, **NO_STAMP))
    assert all(is_like(coloured(film.pictures[n], *square(n), 3), (220, 30, 40)) for n in range(10))
