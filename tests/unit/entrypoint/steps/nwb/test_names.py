from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlcctr.results.h5.positions import PositionColumns
from entrypoint.steps.nwb.names import FORBIDDEN, name_objects, safe_names


def columns(*points: tuple[str, str]) -> PositionColumns:
    return PositionColumns("s", points, several=bool(points[0][0]))


def test_one_animal_has_the_name_that_other_programs_look_for() -> None:
    (found,) = name_objects(columns(("", "snout"), ("", "tail/base"), ("", "tail:base")))
    assert found.name == "PoseEstimation" and found.nodes == ("snout", "tail_base", "tail_base_2")
    assert [point.column for point in found.points] == [0, 1, 2] and found.points[1].bodypart == "tail/base"


def test_several_animals_and_unique_body_parts() -> None:
    found = name_objects(columns(("a/1", "x"), ("a/1", "y"), ("b", "x"), ("b", "y"), ("single", "corner")))
    assert [each.name for each in found] == ["PoseEstimation_a_1", "PoseEstimation_b", "PoseEstimation_single"]
    assert [point.column for each in found for point in each.points] == [0, 1, 2, 3, 4]


def test_two_animals_of_one_name_stay_two() -> None:
    found = name_objects(columns(("a", "x"), ("a", "y"), ("a", "x"), ("a", "y")))
    assert [(each.name, each.nodes) for each in found] == [
        ("PoseEstimation_a", ("x", "y")), ("PoseEstimation_a_2", ("x", "y")),
    ]  # fmt: skip


@given(st.lists(st.text(max_size=8), max_size=8))
def test_names_are_different_and_allowed(names: list[str]) -> None:
    safe = safe_names(names)
    assert len(set(safe)) == len(names) and all(name.strip(".") and not FORBIDDEN.search(name) for name in safe)


def test_names_that_are_allowed_stay() -> None:
    assert safe_names(["Schnauze", "左耳", "tail base", "v1.2"]) == ["Schnauze", "左耳", "tail base", "v1.2"]
    assert safe_names(["..", ".", "", "a_2", "a", "a"]) == ["__", "_", "__2", "a_2", "a", "a_3"]
