from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from dlcctr.tables.positions import Source, UnreadableRowError, find_source, read_blocks, require_step_unchanged
from tests.unit.support.collected_campaign import finish, finish_step, make_campaign, make_positions, to_table

PARTS = [("", "snout"), ("", "tail")]
SEVERAL = [(who, part) for who in ("anna", "otto") for part in ("snout", "tail")]


def written(folder: Path, table: Any, kind: str = "table") -> Source:
    table.to_hdf(folder / "p.h5", key="df_with_missing", format=kind, mode="w")
    return Source(folder / "p.h5", "")


@pytest.mark.parametrize("kind", ["table", "fixed"])
@pytest.mark.parametrize(
    ("n_frames", "size", "blocks"), [(20, 12, 4), (18, 12, 3), (1, 12, 1), (5, 1, 5), (5, 1000, 1)]
)
def test_blocks_are_the_table_whatever_their_size(
    kind: str, n_frames: int, size: int, blocks: int, tmp_path: Path
) -> None:
    positions = make_positions(n_frames, 2)
    found = list(read_blocks(written(tmp_path, to_table(positions, PARTS), kind), size))
    assert numpy.array_equal(numpy.concatenate([each.values for each in found]), positions)
    assert [each.first for each in found] == list(numpy.cumsum([0, *(len(each.values) for each in found)])[:-1])
    assert len(found) == blocks
    assert found[0].names == tuple(PARTS)


def test_individuals_and_unique_parts_keep_their_names(tmp_path: Path) -> None:
    names = [*SEVERAL, ("single", "corner")]
    positions = make_positions(3, len(names))
    (block,) = read_blocks(written(tmp_path, to_table(positions, names)), 1000)
    assert block.names == tuple(names)
    assert numpy.array_equal(block.values, positions)


def test_infinity_is_no_position(tmp_path: Path) -> None:
    positions = make_positions(2, 2)
    positions[1, 0, 0] = numpy.inf
    (block,) = read_blocks(written(tmp_path, to_table(positions, PARTS)), 1000)
    assert numpy.isnan(block.values[1, 0, 0])


def test_other_tables_are_refused_with_the_file_and_what_is_wrong(tmp_path: Path) -> None:
    table = to_table(make_positions(4, 2), PARTS)
    odd = {
        "not x, y, likelihood": table[table.columns[:5]],
        "have 1 levels": pandas.DataFrame({"x": [1.0]}),
    }
    for what, each in odd.items():
        with pytest.raises(UnreadableRowError, match=what) as caught:
            list(read_blocks(written(tmp_path, each, "fixed"), 1000))
        assert str(tmp_path / "p.h5") in caught.value.message
    (tmp_path / "p.h5").write_bytes(b"none")
    with pytest.raises(UnreadableRowError, match="HDF5"):
        list(read_blocks(Source(tmp_path / "p.h5", ""), 1000))


def test_a_table_is_closed_when_nobody_reads_on(tmp_path: Path) -> None:
    source = written(tmp_path, to_table(make_positions(9, 2), PARTS))
    blocks = read_blocks(source, 2)
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert len(list(read_blocks(source, 1000))) == 1


def test_positions_of_a_step_are_those_beside_its_receipt(tmp_path: Path) -> None:
    bench = make_campaign(tmp_path, ["a.mp4"])
    folder = finish(bench, 0, make_positions(5, 2))
    receipt = bench.receipt(0)
    assert find_source(folder, receipt, "") == Source(folder / "aDLC_Resnet50_mouse.h5", receipt.files[0].sha256)
    assert find_source(folder, receipt, "eks") is None
    file = finish_step(folder, "eks", make_positions(5, 2, 1), PARTS)
    found = find_source(folder, receipt, "eks")
    assert found is not None
    assert (found.file, found.step, len(found.sha256)) == (file, "eks", 64)
    require_step_unchanged(found)
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(UnreadableRowError, match="was changed"):
        require_step_unchanged(found)
    (file.parent / "receipt.json").write_text("{}")
    with pytest.raises(UnreadableRowError, match=r"receipt\.json"):
        find_source(folder, receipt, "eks")
