"""The tables of `collect`, opened with polars by the lines of docs/collect.md."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from dlcctr.tables.collect import CollectOptions, collect
from tests.integration.support.environments import environment_python
from tests.unit.support.collected_campaign import code_of, finish, make_campaign, make_positions

pytestmark = [pytest.mark.real, pytest.mark.full]
GENOTYPES = ["wt", "ko", "wt"]


@pytest.fixture(scope="module")
def readers() -> Path:
    """Python with polars, from hashed packages in an environment of its own below .cache/."""
    return environment_python("readers")


SHOW = """
import json
whole = polars.read_parquet("campaign.parquet")
videos = polars.read_parquet("campaign-videos.parquet")
one = polars.scan_parquet("campaign.parquet").filter(polars.col("video") == "day1/mäuschen 1.mp4").collect()
print(json.dumps({
    "speed": {str(name): [mean, n] for name, mean, n in speed.rows()},
    "videos": videos["video"].to_list(),
    "lines": [len(whole), len(one)],
    "nulls": [whole["time_s"].null_count(), whole["x"].is_nan().sum()],
}))
"""


def test_polars_reads_the_folder_as_it_is(readers: Path, tmp_path: Path) -> None:
    names = ["day1/mäuschen 1.mp4", "day1/b=%2F.mp4", "c.mp4"]
    bench = make_campaign(tmp_path, names, {"genotype": GENOTYPES})
    found = [make_positions(50, 2, index) for index in range(3)]
    for index, positions in enumerate(found):
        positions[7, 0, :2] = float("nan")
        finish(bench, index, positions, times=[n / 25 for n in range(50)] if index else None)
    collect(bench.manifest, CollectOptions(tmp_path / "campaign.parquet"))
    program = code_of("polars") + SHOW
    done = subprocess.run(
        [str(readers), "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert sorted(answer["videos"]) == sorted(names)
    assert answer["lines"] == [300, 100]
    assert answer["nulls"] == [100, 0]  # unknown times and lost positions are null, and a mean leaves them out
    for kind in ("wt", "ko"):
        snouts = [each[:, 0] for each, one in zip(found, GENOTYPES, strict=True) if one == kind]
        sure = [x for each in snouts for x, _, likelihood in each if likelihood > 0.6]
        known = [x for x in sure if x == x]
        mean, number = answer["speed"][kind]
        assert number == len(sure)
        assert mean == pytest.approx(sum(known) / len(known))
