from __future__ import annotations

import pytest

from dlcctr.campaign.steps.nwb import NwbParameters
from dlcctr.errors import ManifestError
from entrypoint.steps.nwb.session import read_session

UTC = NwbParameters(timezone="UTC")
WHERE = "row 4 (line 6 of the manifest)"
WHOLE = {
    "session_start_time": "2026-03-05 14:22:10", "session_id": "s1", "experimenter": "Doe, Jane; Roe, R.;",
    "keywords": "pose", "lab": "B", "subject_id": "m1", "species": "Mus musculus", "sex": "F", "age": "P90D",
    "video_start_s": "1,5",
}  # fmt: skip


def test_a_whole_session_needs_no_remark() -> None:
    found = read_session(WHOLE, 1, UTC, WHERE)
    assert found.start.isoformat() == "2026-03-05T14:22:10+00:00" and found.video_start_s == 1.5
    assert found.texts == {"session_id": "s1", "lab": "B"} and found.experimenters == ("Doe, Jane", "Roe, R.")
    assert found.keywords == ("pose",) and len(found.subjects) == 1 and found.remarks == ()


def test_what_is_missing_is_remarked() -> None:
    alone = read_session({"session_start_time": "2026-03-05"}, 1, UTC, WHERE)
    assert alone.remarks[0] == "session_start_time names no time of day: 00:00 was taken"
    assert alone.remarks[1].startswith("nothing is known about the animal")
    some = read_session({"session_start_time": "2026-03-05T10:00Z", "species": "Mus musculus"}, 1, UTC, WHERE)
    assert some.remarks == ("not known about the animal: subject_id, age or date_of_birth; archives ask for it",)


def test_no_start_is_made_up() -> None:
    with pytest.raises(ManifestError, match=r"line 6 .*session_start_time is missing, which NWB needs") as caught:
        read_session({"subject_id": "m1"}, 1, UTC, WHERE)
    assert "subject_id" in caught.value.hint


def test_all_that_is_wrong_is_said_at_once() -> None:
    wrong = {**WHOLE, "session_start_time": "soon", "sex": "x", "video_start_s": "nan", "session_id": "a/b"}
    with pytest.raises(ManifestError) as caught:
        read_session(wrong, 1, UTC, WHERE)
    for part in ("session_start_time: 'soon'", "sex: 'x'", "video_start_s: 'nan'", "session_id: 'a/b' holds a slash"):
        assert part in caught.value.message


def test_nobody_is_filmed_before_birth_and_a_species_is_latin() -> None:
    with pytest.raises(ManifestError, match="date_of_birth: '2027-01-01' comes after session_start_time"):
        read_session({**WHOLE, "date_of_birth": "2027-01-01"}, 1, UTC, WHERE)
    assert read_session({**WHOLE, "date_of_birth": "2026-03-05"}, 1, UTC, WHERE).remarks == ()
    found = read_session({**WHOLE, "species": "mouse"}, 1, UTC, WHERE)
    assert found.remarks == ("species is 'mouse': archives ask for the Latin name, such as Mus musculus",)
    for species in ("Mus musculus domesticus", "http://purl.obolibrary.org/obo/NCBITaxon_10090"):
        assert read_session({**WHOLE, "species": species}, 1, UTC, WHERE).remarks == ()
