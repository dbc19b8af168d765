from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.campaign.spreadsheet import parse_sheet
from dlcctr.tables.own_columns import own_columns, spell

TEXT = """index,video,Mouse ID (no.),frames,frame,2nd,camera,mouse-id no,
0,a.mp4,007,3,x,y,top,one,
2,b.mp4,,3,"a
b",,top,two,z
"""


def test_the_manifests_own_columns_get_names_that_every_program_takes() -> None:
    found = own_columns(parse_sheet(Path("m.csv"), TEXT.encode()), taken=("row", "frame"))
    assert found.names == ("mouse_id_no", "manifest_frame", "manifest_2nd", "mouse_id_no_2")
    assert found.of(2) == ("007", "x", "y", "one")  # a mouse's number is no number
    assert found.of(3) == ("", "a\nb", "", "two")
    assert found.of(99) == ("", "", "", "")


@pytest.mark.parametrize(
    ("names", "spelled"),
    [
        (["x"], ["x"]),
        (["a b", "a_b", "A b"], ["a_b", "a_b_2", "A_b_3"]),
        (["größe"], ["größe"]),
        (["%", "-"], ["column", "column_2"]),
        (["_id"], ["id"]),
        (["row"], ["manifest_row"]),
        (["row", "manifest_row"], ["manifest_row", "manifest_row_2"]),
    ],
)
def test_no_name_is_there_twice(names: list[str], spelled: list[str]) -> None:
    assert spell(names, ("Row",)) == spelled
