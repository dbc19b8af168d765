from __future__ import annotations

from dlcctr.campaign.rows import Row
from dlcctr.compare.sample import Why, badness, choose_sample
from dlcctr.quality.record import Quality, Stretch


def rows(n: int, cameras: int = 3) -> list[Row]:
    return [Row(k, f"v{k}.mp4", camera=f"camera {k % cameras}") for k in range(n)]


def test_random_ones_worst_ones_and_each_camera() -> None:
    bad = {k: k / 100 for k in range(100)}
    sample = choose_sample(rows(100, 12), bad, 20, 0)
    assert len(sample.rows) == 20 == len({row.index for row, _ in sample.rows})
    assert [row.index for row, _ in sample.rows] == sorted(row.index for row, _ in sample.rows)
    worst = {row.index for row, why in sample.rows if why is Why.WORST}
    chance = {row.index for row, why in sample.rows if why is Why.RANDOM}
    assert len(worst) == 6
    assert worst == set(sorted(set(bad) - chance, reverse=True)[:6])
    assert {k % 12 for k in chance} == set(range(12)) and not sample.notes


def test_what_is_drawn_at_random_does_not_depend_on_badness() -> None:
    """Else a model would look worse than it is."""
    one = choose_sample(rows(60), {k: k / 60 for k in range(60)}, 12, 5)
    other = choose_sample(rows(60), {k: -k / 60 for k in range(60)}, 12, 5)
    chance = [[row.index for row, why in each.rows if why is Why.RANDOM] for each in (one, other)]
    assert chance[0] == chance[1]
    assert one.rows != other.rows


def test_the_seed_decides() -> None:
    assert choose_sample(rows(60), {}, 9, 1) == choose_sample(rows(60)[::-1], {}, 9, 1)
    assert choose_sample(rows(60), {}, 9, 1) != choose_sample(rows(60), {}, 9, 2)


def test_more_cameras_than_videos() -> None:
    sample = choose_sample(rows(30, 10), dict.fromkeys(range(30), 0.5), 4, 0)
    assert len({row.camera for row, _ in sample.rows}) == 4 and sample.notes == (
        "6 cameras of 10 not in the sample: it is too small",
    )


def test_cameras_come_before_the_worst() -> None:
    sample = choose_sample(rows(30, 9), dict.fromkeys(range(30), 0.5), 10, 0)
    assert len({row.camera for row, why in sample.rows if why is Why.RANDOM}) == 9


def test_a_small_campaign_is_taken_whole_and_none_of_it_for_being_bad() -> None:
    sample = choose_sample(rows(4), {0: 1.0}, 20, 0)
    assert [why for _, why in sample.rows] == [Why.RANDOM] * 4
    assert choose_sample([], {}, 5, 0).rows == ()


def test_without_judged_rows_all_are_at_random() -> None:
    assert {why for _, why in choose_sample(rows(50), {}, 9, 0).rows} == {Why.RANDOM}


def test_badness() -> None:
    assert badness(Quality(10, summary={"score_mean": 0.25})) == 0.25
    assert badness(Quality(10, stretches=(Stretch(0, 3, 0.7),))) == 0.7
    assert badness(Quality(0)) == 0
