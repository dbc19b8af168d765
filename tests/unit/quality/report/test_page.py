from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from dlcctr.cli import catch, make_app
from dlcctr.contract import ExitCode
from dlcctr.quality.record import QUALITIES, Flag, Quality, Stretch, write_quality
from dlcctr.quality.report.page import SCRIPTS, safe_json
from dlcctr.system.source_tree import own_sources
from tests.unit.support.judged_campaign import make_judged_campaign
from tests.unit.support.results import Bench, make_bench

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\u2028\"'`{{7*7}}{% raw %}"
OTHERS = ("<!--<script>.mp4", "\u202egpj.exe\n\x1b[2J.mp4", "javascript:alert(1).mp4", "=cmd|' /C calc'!A0.mp4")


class Elements(HTMLParser):
    """Elements with their attributes, and the text of scripts, as a browser reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: dict[str, str] = {}
        self._block = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._block = str(dict(attrs).get("id") or "script") if tag == "script" else ""

    def handle_endtag(self, tag: str) -> None:
        self._block = ""

    def handle_data(self, data: str) -> None:
        if self._block:
            self.blocks[self._block] = self.blocks.get(self._block, "") + data


def call(monkeypatch: pytest.MonkeyPatch, *argv: object) -> int:
    monkeypatch.setattr(sys, "argv", ["dlcctr", *map(str, argv)])
    return catch(lambda: make_app()(prog_name="dlcctr"))


def page_of(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> Elements:
    file = manifest.with_name("report.html")
    assert call(monkeypatch, "report", manifest) == 0
    elements = Elements()
    elements.feed(file.read_text(encoding="utf-8"))
    return elements


def hostile_bench(folder: Path) -> Bench:
    """A campaign in which everything that comes from outside wants to be markup."""
    bench = make_bench(folder, [HOSTILE.replace("/", "∕") + ".mp4", *OTHERS])
    for index in range(2):
        row_folder = bench.commit(index)
        quality = Quality(
            20,
            flags=(Flag(HOSTILE, 1, 0.5, HOSTILE, HOSTILE, HOSTILE, HOSTILE, 0, 9),),
            stretches=(Stretch(0, 9, 0.9, (HOSTILE,)),),
        )
        write_quality(row_folder, quality)
        bench.write_receipt(index, remark=HOSTILE, host=HOSTILE)
    return bench


def test_nothing_from_outside_becomes_an_element(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = hostile_bench(tmp_path / "<img src=x onerror=alert(3)>")
    page = page_of(bench.manifest, monkeypatch)
    scripts = [given for tag, given in page.elements if tag == "script"]
    assert len(scripts) == 1 + 1 + len(bench.rows)
    assert sum("type" not in given for given in scripts) == 1
    images = [given for tag, given in page.elements if tag == "img"]
    assert images == [{"alt": ""}], "the one of the enlarged picture"
    assert not [name for _, given in page.elements for name in given if name.startswith("on")]
    index: dict[str, Any] = json.loads(page.blocks["index"])
    assert {video["video"] for video in index["videos"]} == {row.video for row in bench.rows}
    detail: dict[str, Any] = json.loads(page.blocks["d0"])
    assert detail["flags"][0]["advice"] == HOSTILE
    assert HOSTILE in detail["notes"]


def test_the_file_asks_nobody_and_runs_only_its_own_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_of(make_judged_campaign(tmp_path, 12), monkeypatch)
    text = (tmp_path / "report.html").read_text()
    assert not re.findall(r"(?:src|href)=\"(?!data:)[^\"]", text)
    assert not re.findall(r"url\((?!data:)", text)
    (policy,) = [given["content"] or "" for tag, given in page.elements if given.get("http-equiv")]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]{44}'", policy)
    assert "connect-src" not in policy
    detail = json.loads(page.blocks["d0"])
    assert detail["pictures"][0]["src"].startswith("data:image/jpeg;base64,")
    assert len(detail["timeline"]["likelihood"][2]) == 1200


def test_what_is_not_a_number_is_null_and_no_end_of_a_script_is_left() -> None:
    assert safe_json({"a": "</script>", "b": None, "c": "<!--", "d": "\u2028"}) == (
        '{"a":"\\u003c/script\\u003e","b":null,"c":"\\u003c!--","d":"\\u2028"}'
    )
    with pytest.raises(ValueError, match="not JSON compliant"):
        safe_json(float("nan"))


def test_another_file_is_not_replaced_but_an_older_report_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    other = tmp_path / "x.html"
    other.write_text("<p>my thesis")
    assert call(monkeypatch, "report", bench.manifest, "-o", other) == ExitCode.USAGE
    assert other.read_text() == "<p>my thesis"
    assert "not a report" in capsys.readouterr().err
    for _ in range(2):
        assert call(monkeypatch, "report", bench.manifest) == 0


def test_json_says_the_same_and_writes_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = make_judged_campaign(tmp_path, 12, pictures=False)
    assert call(monkeypatch, "report", manifest, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "report"
    assert found["file"] is None
    assert not manifest.with_name("report.html").exists()
    assert len(found["videos"]) == 12
    assert found["campaign"]["flagged"] == sum(bool(video["flags"]) for video in found["videos"])
    assert "DeepLabCut 3.0.0rc13" in found["methods"]


def test_rate_and_report_go_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = make_judged_campaign(tmp_path, 3, pictures=False)
    table = tmp_path / "r.tsv"
    table.write_text("row\trating\tnote\n1\tbad\tno mouse\n")
    assert call(monkeypatch, "rate", manifest, table) == ExitCode.MANIFEST
    assert "--rater NAME" in capsys.readouterr().err
    assert call(monkeypatch, "rate", manifest, table, "--rater", "Ada", "--json") == 0
    assert json.loads(capsys.readouterr().out)["ratings"] == {"bad": 1}
    index = json.loads(page_of(manifest, monkeypatch).blocks["index"])
    (rated,) = [video for video in index["videos"] if video["rating"]]
    assert (rated["row"], rated["rating"]["rating"], rated["rating"]["note"]) == (1, "bad", "no mouse")
    assert rated["rating"]["rater"] == "Ada"


def test_a_campaign_without_results_has_a_page_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_of(make_bench(tmp_path, ["a.mp4"]).manifest, monkeypatch)
    assert json.loads(page.blocks["index"])["videos"][0]["state"] == "unfinished"


def test_every_part_of_the_script_is_in_the_page() -> None:
    files = {path.stem for path in own_sources().path("dlcctr/quality/report/web").glob("*.js")}
    assert files == set(SCRIPTS)


def test_the_generator_makes_what_the_readers_take(tmp_path: Path) -> None:
    manifest = make_judged_campaign(tmp_path, 3)
    files = list((manifest.parent / "results").rglob("quality.json"))
    assert len(files) == 3
    assert all(QUALITIES.read(file).pictures for file in files)
