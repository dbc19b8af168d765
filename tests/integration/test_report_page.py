"""The report in a real browser: how fast it is, that it asks nobody, and the whole way of a rating."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.contract import row_folder
from dlcctr.quality.ratings.table import read_ratings
from dlcctr.quality.record import read_quality
from tests.docker.apptainer import CHECKOUT
from tests.integration.support.environments import environment_python
from tests.unit.quality.report.test_page import HOSTILE, hostile_bench
from tests.unit.support.judged_campaign import make_judged_campaign
from tests.unit.support.results import MODEL_ID

pytestmark = pytest.mark.real
N_ROWS = 1000
PROGRAM = CHECKOUT / "tests" / "integration" / "support" / "page_in_browser.py"


@pytest.fixture(scope="module")
def browser() -> Path:
    """Python with Playwright, from hashed packages in an environment of its own below .cache/; Chromium is Debian's."""
    subprocess.run(["sh", "scripts/browser.sh"], cwd=CHECKOUT, check=True)
    return environment_python("browser")


def play(browser: Path, scene: str, page: Path, folder: Path) -> dict[str, Any]:
    argv = [browser, PROGRAM, scene, page, folder]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    print({name: value for name, value in seen.items() if name.endswith("_s")})
    assert seen["requests"] == [page.as_uri()] * len(seen["requests"]), "it asks for itself only"
    assert seen.get("errors", []) == []
    assert seen.get("dialogs", []) == []
    return seen


def dlcctr(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "dlcctr", *map(str, words)], cwd=CHECKOUT, check=True)


def report_of(manifest: Path, name: str = "report.html") -> Path:
    page = manifest.with_name(name)
    dlcctr("report", manifest, "-o", page)
    return page


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_judged_campaign(tmp_path_factory.mktemp("mice"), N_ROWS)


@pytest.fixture(scope="module")
def page(manifest: Path) -> Path:
    return report_of(manifest)


def test_a_thousand_videos_open_and_sort_at_once_and_are_rated_with_the_keyboard(
    browser: Path, manifest: Path, page: Path, tmp_path: Path
) -> None:
    assert page.stat().st_size < 30e6
    seen = play(browser, "big", page, tmp_path)
    print({name: seen[name] for name in ("first_row_s", "sort_s", "step_s")})  # a busy machine is no fault of the page
    assert seen["rows_in_page"] < 60, "rows that are not seen are not made"
    order = seen["order"]
    assert (seen["after_j"], seen["after_g"]) == (order[1], order[1])
    assert seen["marks"] == ["✓", "✗", "?", "", ""], "the fourth was taken back"
    assert (seen["help"], seen["help_after"]) == (True, False)
    assert seen["count_after_reload"] == "1,000 videos · 3 rated"
    assert seen["rater_after_reload"] == "Ada L."
    assert seen["printed"] == N_ROWS
    check_filters(seen, manifest)
    check_plot(seen, manifest)
    check_export(tmp_path / seen["exported"], manifest, [int(name[1:]) for name in order])


def check_filters(seen: dict[str, Any], manifest: Path) -> None:
    assert seen["found"].startswith("10 of 1,000 videos")
    shown, cell = seen["heat"]
    assert shown.split(" of ")[0] == ("0" if cell == "·" else cell)
    flagged = sum(bool((quality := quality_of(manifest, row)) and quality.flags) for row in range(N_ROWS))
    assert seen["unflagged"].startswith(f"{N_ROWS - flagged} of 1,000 videos")
    assert seen["all"].startswith("1,000 videos")


def quality_of(manifest: Path, index: int) -> Any:
    return read_quality(row_folder(manifest.parent / "results", MODEL_ID, rows_of(manifest)[index].video))


rows_of = functools.cache(read_manifest)


def check_plot(seen: dict[str, Any], manifest: Path) -> None:
    assert seen["plots_differ"] == [True, True, True, True]
    found = re.fullmatch(r"[\d:.]+ · frame ([\d,]+) · likelihood ([\d.]+)", seen["readout"])
    assert found, seen["readout"]
    timeline = quality_of(manifest, int(seen["chosen"][1:])).timeline
    place = min(range(len(timeline.first)), key=lambda k: abs(timeline.first[k] - int(found[1].replace(",", ""))))
    assert float(found[2]) == pytest.approx(timeline.likelihood[place], abs=0.01)


def check_export(table: Path, manifest: Path, order: list[int]) -> None:
    assert table.name == "m-ratings.tsv"
    dlcctr("rate", manifest, table)
    ratings = {each.row: each for each in read_ratings(CampaignPaths.of(manifest).ratings, read_manifest(manifest))}
    assert [ratings[row].rating for row in order[:4]] == ["good", "bad", "unsure", ""]
    assert ratings[order[2]].note == "tail\tis hidden g b u", "keys that are typed into a note do nothing else"
    assert {each.rater for each in ratings.values()} == {"Ada L."}
    again = report_of(manifest, "again.html").read_text(encoding="utf-8")
    assert again.count('"rater":"Ada L."') == 3


def test_names_that_want_to_be_markup_are_text(browser: Path, tmp_path: Path) -> None:
    bench = hostile_bench(tmp_path / "c")
    seen = play(browser, "hostile", report_of(bench.manifest), tmp_path)
    assert seen["strangers"] == 0
    assert HOSTILE.split("\u2028")[0] in seen["text"]
    dlcctr("rate", bench.manifest, tmp_path / seen["exported"], "--rater", "Ada")
    rated = read_ratings(CampaignPaths.of(bench.manifest).ratings, bench.rows)
    assert [each.video for each in rated] == [row.video for row in bench.rows]


def test_a_browser_that_keeps_nothing_says_so_and_exports(browser: Path, page: Path, tmp_path: Path) -> None:
    seen = play(browser, "no_store", page, tmp_path)
    assert seen["says_so"] is True
    assert seen["count"] == "1,000 videos · 1 rated"
    assert (tmp_path / seen["exported"]).read_text().count("\n") == 2


def test_it_fits_wide_and_narrow_and_dark(browser: Path, page: Path, tmp_path: Path) -> None:
    seen = play(browser, "looks", page, tmp_path)
    assert seen["overflow"] == {"wide": 0, "dark": 0, "narrow": 0}
    assert (seen["panel"], seen["panel_after"]) == (True, False)
    assert len({file.read_bytes() for file in tmp_path.glob("*.png")}) == 7
