"""Files of a comparison: two models' tables, their scores, and what is kept of it."""

from __future__ import annotations

import gzip
from pathlib import Path

from dlcctr.compare.agreement import Positions, agreement
from dlcctr.compare.pairs import mean_score
from dlcctr.compare.plan import OUTCOMES, PLANS, ComparisonPlan, Outcome, PlannedModel, PlannedRow
from dlcctr.compare.sample import Why
from dlcctr.errors import ManifestError, OutputError
from dlcctr.quality.record import TABLE_FILENAME, read_quality
from tests.unit.support.compare_case import judge, write_table
from tests.unit.support.fuzz import check_reader

PARTS = ("snout", "tail")


def test_table_of_a_model(tmp_path: Path) -> None:
    sound, file = tmp_path / "a.csv", tmp_path / "b.csv"
    for each in (sound, file):
        write_table(each, PARTS, [(1.5 * k, 2.0, 0.9) for k in range(9)])

    def read(data: bytes) -> object:
        file.write_bytes(data)
        return agreement(Positions(sound), Positions(file), PARTS, 9, 10.0)

    check_reader(read, sound.read_bytes(), (OutputError,), says=str(file))


def test_scores_of_some_parts(tmp_path: Path) -> None:
    judge(tmp_path, PARTS, 0.3)
    quality = read_quality(tmp_path)
    assert quality
    file = tmp_path / TABLE_FILENAME
    packed = file.read_bytes()

    def read(data: bytes) -> object:
        file.write_bytes(data)
        return mean_score(tmp_path, quality, ("tail",))

    check_reader(read, packed, (OutputError,), says=str(file))
    check_reader(lambda data: read(gzip.compress(data)), gzip.decompress(packed), (OutputError,), says=str(file))


def test_what_is_kept_of_a_comparison(tmp_path: Path) -> None:
    model = PlannedModel("/models/a", "a-1", "ab" * 32, "pytorch", PARTS)
    plan = ComparisonPlan("/c/m.csv", (model, model), (PlannedRow(0), PlannedRow(4, Why.WORST)), 2, 1, ("a note",))
    file = tmp_path / "compare.json"
    for kind, made in ((PLANS, plan), (OUTCOMES, Outcome("B", "B is better", 2, 2))):

        def read(data: bytes, kind: object = kind) -> object:
            file.write_bytes(data)
            return kind.read(file)  # type: ignore[attr-defined]

        assert read(kind.text(made).encode()) == made  # type: ignore[attr-defined]
        check_reader(read, kind.text(made).encode(), (ManifestError,), says=str(file))  # type: ignore[attr-defined]
