from __future__ import annotations

import pytest

from dlcctr.campaign.steps.nwb import NwbParameters
from entrypoint.steps.nwb.subject import in_one, read_age, read_sex, read_subjects, read_weight

UTC = NwbParameters(timezone="UTC")


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("P90D", "P90D"), ("p12w", "P12W"), ("P1Y2M3DT4H", "P1Y2M3DT4H"), ("P90", "P90D"), ("90 days", "P90D"),
        ("12 weeks", "P12W"), ("12wk", "P12W"), ("3 mo", "P3M"), ("1.5 years", "P1.5Y"), ("P90D/P100D", "P90D/P100D"),
        ("P90D/", "P90D/"), ("90 d / 100 d", "P90D/P100D"), ("2,5 weeks", "P2.5W"), ("", ""),
    ],
)  # fmt: skip
def test_ages(text: str, age: str) -> None:
    assert read_age(text) == age


@pytest.mark.parametrize("text", ["90", "old", "P", "PT", "3 m", "/P3D", "P1D/P2D/P3D", "-3 days", "P90D;"])
def test_ages_that_cannot_be(text: str) -> None:
    with pytest.raises(ValueError, match=r"^age: "):
        read_age(text)


@pytest.mark.parametrize(
    ("text", "sex"),
    [
        ("m", "M"),
        ("Female", "F"),
        ("F", "F"),
        ("", "U"),
        ("unknown", "U"),
        ("O", "O"),
        ("xx", "XX"),
        ("♂", "M"),
        ("♀", "F"),
    ],
)
def test_sexes(text: str, sex: str) -> None:
    assert read_sex(text) == sex


@pytest.mark.parametrize("text", ["x", "?", "mf", "M\n"])
def test_sexes_that_cannot_be(text: str) -> None:
    with pytest.raises(ValueError, match="is none of M, F, O"):
        read_sex(text)


@pytest.mark.parametrize(
    ("text", "weight"), [("23.5g", "23.5 g"), ("0.02 kg", "0.02 kg"), ("23,5 g", "23.5 g"), ("", "")]
)
def test_weights(text: str, weight: str) -> None:
    assert read_weight(text) == weight


@pytest.mark.parametrize("text", ["23.5", "heavy", "23 stone", "-1 g"])
def test_weights_without_a_unit(text: str) -> None:
    with pytest.raises(ValueError, match="no number with its unit"):
        read_weight(text)


def test_nothing_said_is_no_animal() -> None:
    assert read_subjects({"lab": "B", "session_id": "3"}, 1, UTC) == ()


def test_one_animal() -> None:
    (found,) = read_subjects(
        {"subject_id": "m;1", "date_of_birth": "2026-01-02", "subject_description": "a; b"}, 1, UTC
    )  # of one animal, semicolons are text
    assert found.subject_id == "m;1" and found.sex == "U" and found.description == "a; b"
    assert found.date_of_birth is not None and found.date_of_birth.isoformat() == "2026-01-02T00:00:00+00:00"
    assert found.sentence == "m;1, U, born 2026-01-02, a; b"


def test_several_animals_have_a_value_each_or_one_for_all() -> None:
    found = read_subjects({"subject_id": "A; B", "sex": "M", "age": "P9D;P10D"}, 2, UTC)
    assert [(each.subject_id, each.sex, each.age) for each in found] == [("A", "M", "P9D"), ("B", "M", "P10D")]
    whole = in_one(found, ("mus1", "mus2"))
    assert (whole.subject_id, whole.sex, whole.age) == ("A_B", "M", "P9D/P10D")
    assert whole.description == "2 animals. mus1: A, M, P9D; mus2: B, M, P10D"


def test_ages_in_different_units_have_no_range() -> None:
    found = read_subjects({"subject_id": "A", "age": "P9D;P2W", "sex": "M;F"}, 2, UTC)
    whole = in_one(found, ("mus1", "mus2"))
    assert (whole.age, whole.sex, whole.subject_id) == ("", "U", "A")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"subject_id": "A;B"}, "subject_id: 2 values ('A;B') for 3 animals"),
        ({"subject_id": "A/B"}, "holds a slash"),
        ({"date_of_birth": "1.2.2026"}, "date_of_birth: '1.2.2026' is no date"),
    ],
)
def test_what_cannot_be_names_the_field(fields: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_subjects(fields, 3, UTC)
    assert problem in str(caught.value)


def test_all_that_cannot_be_is_named_once() -> None:
    fields = {"subject_id": "A;B", "sex": "x;y", "age": "90;90", "weight": "23", "date_of_birth": "1.2.2026"}
    with pytest.raises(ValueError) as caught:
        read_subjects(fields, 2, UTC)
    found = [problem.split(":")[0] for problem in str(caught.value).split("; ")]
    assert found == ["sex", "age", "weight", "date_of_birth", "sex"]
    with pytest.raises(ValueError, match=r"^subject_id: 2 values .* for 3 animals; sex: 'x' is none"):
        read_subjects({"subject_id": "A;B", "sex": "x"}, 3, UTC)
