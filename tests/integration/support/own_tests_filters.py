"""DeepLabCut's filters and its search for outliers, held against what they should give; its distribution tests neither.

Runs beside its own tests (see own_tests_conftest.py), in any Python with DeepLabCut.
"""

from __future__ import annotations

import numpy
import pandas
import pytest

FRAMES, JUMP, GAP = 60, 30, slice(20, 23)


def make_track() -> pandas.DataFrame:
    """Two body parts on smooth ways; the first one jumps by 80 px in one frame."""
    t = numpy.arange(FRAMES)
    nose = numpy.c_[100 + 2 * t, 50 + 10 * numpy.sin(t / 6), numpy.full(FRAMES, 0.99)]
    tail = numpy.c_[60 + 2 * t, 50 + 10 * numpy.sin(t / 6 - 1), numpy.full(FRAMES, 0.98)]
    nose[JUMP, :2] += 80
    columns = pandas.MultiIndex.from_product(
        [["scorer"], ["nose", "tail"], ["x", "y", "likelihood"]], names=["scorer", "bodyparts", "coords"]
    )
    return pandas.DataFrame(numpy.c_[nose, tail], columns=columns)


@pytest.fixture
def filtered(tmp_path, monkeypatch):
    """`filterpredictions` on a table that stands for a video's."""
    from deeplabcut.post_processing import filtering

    def filter_table(table, **options):
        video = tmp_path / "video.mp4"
        video.touch()
        helpers, tracks = filtering.auxiliaryfunctions, filtering.auxfun_multianimal
        monkeypatch.setattr(helpers, "read_config", lambda _: {"TrainingFraction": [0.95]})
        monkeypatch.setattr(helpers, "get_scorer_name", lambda *_, **__: ("scorer", "scorer"))
        monkeypatch.setattr(tracks, "get_track_method", lambda *_, **__: "")

        def load(folder, name, scorer, is_filtered=False, track_method=""):
            if is_filtered:
                raise FileNotFoundError
            return table, str(tmp_path / "video.h5"), "scorer", ""

        monkeypatch.setattr(helpers, "load_analyzed_data", load)
        filtering.filterpredictions("config.yaml", str(video), **options)
        return pandas.read_hdf(tmp_path / "video_filtered.h5")

    return filter_table


def test_the_median_takes_a_jump_away_and_leaves_likelihoods(filtered):
    table = make_track()
    found = filtered(table, filtertype="median", windowlength=5)
    for column in table.columns:
        padded = numpy.pad(table[column].to_numpy(), 2)
        medians = [numpy.median(padded[n : n + 5]) for n in range(FRAMES)]
        wanted = table[column].to_numpy() if column[-1] == "likelihood" else medians
        numpy.testing.assert_array_equal(found[column], wanted)
    assert abs(found[("scorer", "nose", "x")][JUMP] - (100 + 2 * JUMP)) <= 4


def test_the_spline_fills_a_gap_and_says_so_in_the_likelihood(filtered):
    table = make_track()
    nose = ("scorer", "nose")
    truth = table[(*nose, "y")].copy()
    table.loc[table.index[GAP], [(*nose, "x"), (*nose, "y")]] = numpy.nan
    found = filtered(table, filtertype="spline", windowlength=5)
    numpy.testing.assert_allclose(found[(*nose, "y")][GAP], truth[GAP], atol=0.2)
    likelihood = found[(*nose, "likelihood")].to_numpy()
    assert set(likelihood[GAP]) == {0.01}
    assert set(numpy.delete(likelihood, range(*GAP.indices(FRAMES)))) == {0.99}
    pandas.testing.assert_frame_equal(found["scorer"]["tail"], table["scorer"]["tail"])


def test_a_jump_is_the_outlier():
    from deeplabcut.refine_training_dataset.outlier_frames import compute_deviations

    distance, significant = compute_deviations(make_track(), "video.h5", 0.01, 0.01, 1, 0)
    assert 1 + int(numpy.argmax(distance[1:])) == JUMP  # nothing is known of the first frame
    assert significant[JUMP] >= 0.5
    assert distance[JUMP] > 4 * numpy.median(distance)


def test_frames_with_an_uncertain_finding_are_outliers():
    from deeplabcut.refine_training_dataset.outlier_frames import find_outliers_in_raw_detections

    raw = {"metadata": {}}
    for frame in range(FRAMES):
        sure = numpy.array([[0.9], [0.05 if frame in (7, 41) else 0.8]])
        raw[f"frame{frame:02d}"] = {"coordinates": ([numpy.ones((2, 2))],), "confidence": [sure]}
    assert find_outliers_in_raw_detections(raw)[0] == [7, 41]
