"""New videos: what is taken and when, and rounds that go on where the last one stopped."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.errors import CommandFailedError, ManifestError, TryAgainError
from dlcctr.transfer import watch
from dlcctr.transfer.fetch import FetchResult
from dlcctr.transfer.incoming import RefusedRow
from dlcctr.transfer.new_videos import Arrival, look
from dlcctr.transfer.push import PushResult
from dlcctr.transfer.remote.address import Remote
from dlcctr.transfer.watch import WatchOptions, WatchState, read_state, watch_once, write_state
from tests import media
from tests.unit.support.results import Bench, make_bench
from tests.unit.support.state_files import (
    GOLDEN,
    assert_no_bit_counts,
    assert_refused_at_every_cut,
    assert_refused_with_any_wrong_leaf,
    golden,
    unsigned,
)

NOW = 1_800_000_000.0
REMOTE = Remote("cluster", "/scratch/mice")


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    folder = tmp_path / "lab"
    folder.mkdir()
    return folder


def video(path: Path, first: int, age_s: float = 1000) -> Path:
    media.write_video(path, 5, first=first)
    os.utime(path, (NOW - age_s, NOW - age_s))
    return path


def sight(lab: Path, before: dict[str, Arrival] | None = None, now: float = NOW, **options: Any) -> Any:
    return look([str(lab)], options.pop("rows", []), before or {}, root=lab, own=[], now=now, settle_s=60, **options)


def test_a_file_is_taken_when_it_has_settled(lab: Path) -> None:
    path = video(lab / "a.mp4", 1)
    first = sight(lab)
    assert (first.ready, list(first.seen)) == ([], ["a.mp4"])
    again = sight(lab, first.seen, NOW + 30)
    assert not again.ready
    assert again.seen["a.mp4"].note == "changed a moment ago; added in 30 s if it stays unchanged"
    assert sight(lab, again.seen, NOW + 61).ready == [path]


def test_a_file_that_grows_waits_anew(lab: Path) -> None:
    path = video(lab / "a.mp4", 1)
    seen = sight(lab).seen
    path.write_bytes(path.read_bytes() + b"more")
    os.utime(path, (NOW + 50, NOW + 50))
    later = sight(lab, seen, NOW + 61)
    assert not later.ready
    assert later.seen["a.mp4"].since == NOW + 61


@pytest.mark.parametrize("name", ["a.mp4.part.mp4", "a.tmp.mp4", "~a.mp4", "copy-partial.mp4", "mouse-part-2.mp4"])
def test_temporary_names_wait_longer_and_empty_files_wait(lab: Path, name: str) -> None:
    path = video(lab / name, 1)
    (lab / "empty.mp4").touch()
    seen = sight(lab).seen
    later = sight(lab, seen, NOW + 500)
    assert not later.ready
    assert later.seen[name].note == "a temporary name; added in 100 s if it stays unchanged"
    assert later.seen["empty.mp4"].note == "empty so far"
    last = sight(lab, later.seen, NOW + 601)
    assert last.ready == [path]
    assert last.seen["empty.mp4"].note == "empty so far"


def test_a_camera_whose_clock_is_ahead_is_not_waited_for(lab: Path) -> None:
    path = video(lab / "a.mp4", 1, age_s=-86_400)
    assert sight(lab, sight(lab).seen, NOW + 61).ready == [path]


def test_half_a_video_waits_until_it_opens(lab: Path) -> None:
    path = video(lab / "a.mp4", 1)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    os.utime(path, (NOW - 1000, NOW - 1000))
    later = sight(lab, sight(lab).seen, NOW + 100)
    assert "cannot be opened (yet)" in later.seen["a.mp4"].note
    path.write_bytes(whole)
    os.utime(path, (NOW + 100, NOW + 100))
    seen = sight(lab, later.seen, NOW + 101).seen
    assert sight(lab, seen, NOW + 200).ready == [path]


def test_content_that_has_a_row_is_not_taken_again(lab: Path, tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "campaign", [])
    first, copy = video(lab / "a.mp4", 1), lab / "b.mp4"
    shutil.copy2(first, copy)
    seen = sight(lab).seen
    taken = sight(lab, seen, NOW + 100)
    assert taken.ready == [first]
    assert taken.seen["b.mp4"].note == "the same content as a.mp4"
    from dlcctr.campaign.rows import Row
    from dlcctr.campaign.videos.fingerprint import fingerprint

    row = Row(4, "old name.mp4", fingerprint=fingerprint(first))
    taken = sight(lab, seen, NOW + 100, rows=[row])
    assert not taken.ready
    assert taken.seen["a.mp4"].note == "the same content as row 4 (old name.mp4)"
    assert bench.rows == []


def test_a_mount_that_is_away_forgets_nothing(lab: Path) -> None:
    video(lab / "a.mp4", 1)
    seen = sight(lab).seen
    lab.rename(lab.with_name("away"))
    assert sight(lab, seen, NOW + 100).seen == seen


@dataclass
class Cluster:
    """The other side: does as it is told, or fails at a step."""

    bench: Bench
    failing: str = ""
    pushed: list[str] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)
    images: list[Path | None] = field(default_factory=list)

    def check(self, step: str) -> None:
        if self.failing == step:
            raise TryAgainError(f"{step}: the network is away", "wait")

    def push(self, manifest: Path, options: Any, **_: Any) -> PushResult:
        self.check("push")
        self.pushed.append(options.rows)
        self.images.append(options.image)
        return PushResult(REMOTE, [], [])

    def ask(self, options: WatchOptions, words: list[str]) -> list[object]:
        self.check(words[0])
        self.asked.append(words)
        return []

    def fetch(self, manifest: Path, options: Any, **_: Any) -> FetchResult:
        self.check("fetch")
        self.bench.rows = read_manifest(manifest)
        rows = [row.index for row in self.bench.rows if not self.bench.folder(row.index).exists()]
        for index in rows:
            self.bench.commit(index)
        return FetchResult(REMOTE, taken=rows)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    fake = Cluster(make_bench(tmp_path, ["old.mp4"]))
    fake.bench.commit(0)
    monkeypatch.setattr(watch, "push", fake.push)
    monkeypatch.setattr(watch, "fetch", fake.fetch)
    monkeypatch.setattr(watch, "_ask_there", fake.ask)
    return fake


def make_options(cluster: Cluster) -> WatchOptions:
    folder = cluster.bench.campaign.video_root
    return WatchOptions(REMOTE, ("ssh",), (str(folder),), image=Path("dlc.sif"), submit=("--fps", "60"), settle_s=0)


def arrive(cluster: Cluster, name: str, first: int) -> None:
    video(cluster.bench.campaign.video_root / name, first)


def test_a_video_goes_there_and_comes_back(cluster: Cluster) -> None:
    arrive(cluster, "new.mp4", 1)
    options = make_options(cluster)
    watch_once(cluster.bench.manifest, options)
    done = watch_once(cluster.bench.manifest, options)
    assert [row.video for row in read_manifest(cluster.bench.manifest)] == ["old.mp4", "new.mp4"]
    assert (cluster.pushed, cluster.images) == (["1"], [Path("dlc.sif")])
    assert cluster.asked == [["submit", "m.csv", "--rows", "1", "--skip-bad-videos", "--json", "--fps", "60"]]
    assert done.is_idle
    assert watch_once(cluster.bench.manifest, options).is_idle
    assert len(cluster.asked) == 1


@pytest.mark.parametrize("step", ["push", "submit", "fetch"])
def test_what_failed_is_done_in_the_next_round_and_nothing_twice(cluster: Cluster, step: str) -> None:
    arrive(cluster, "new.mp4", 1)
    options = make_options(cluster)
    cluster.failing = step
    for _ in range(2):
        done = watch_once(cluster.bench.manifest, options)
    assert done.error is not None
    assert not done.is_idle
    state = read_state(CampaignPaths.of(cluster.bench.manifest).root / "watch.json")
    assert state.last_error == f"{step}: the network is away"
    cluster.failing = ""
    assert watch_once(cluster.bench.manifest, options).is_idle
    assert cluster.pushed == ["1"]
    assert [words[0] for words in cluster.asked] == ["submit"]
    assert len(read_manifest(cluster.bench.manifest)) == 2


def test_a_lost_state_adds_and_submits_nothing_twice(cluster: Cluster) -> None:
    """Rows are submitted once by the other side's own word, so that asking twice does no harm."""
    arrive(cluster, "new.mp4", 1)
    options = make_options(cluster)
    watch_once(cluster.bench.manifest, options)
    file = CampaignPaths.of(cluster.bench.manifest).root / "watch.json"
    file.write_text("{")
    with pytest.raises(ManifestError, match=r"watch.json"):
        watch_once(cluster.bench.manifest, options)
    file.unlink()
    for _ in range(2):
        watch_once(cluster.bench.manifest, options)
    assert len(read_manifest(cluster.bench.manifest)) == 2


def test_what_stays_open_is_submitted_again(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    arrive(cluster, "new.mp4", 1)
    monkeypatch.setattr(watch, "fetch", lambda *_, **__: FetchResult(REMOTE, failed=[1]))
    options = make_options(cluster)
    for _ in range(3):
        done = watch_once(cluster.bench.manifest, options)
    assert [words[0] for words in cluster.asked][:2] == ["submit", "resubmit"]
    assert (done.open, done.is_idle) == (1, False)
    watch_once(cluster.bench.manifest, replace(options, resubmit=False))
    assert len([words for words in cluster.asked if words[0] == "resubmit"]) <= 2


def test_a_row_that_cannot_be_taken_is_said_and_stops_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(cluster, "new.mp4", 1)
    bad = FetchResult(REMOTE, refused=[RefusedRow(1, "its receipt there: foreign")])
    monkeypatch.setattr(watch, "fetch", lambda *_, **__: bad)
    said: list[str] = []
    for _ in range(3):
        done = watch_once(cluster.bench.manifest, make_options(cluster), say=said.append)
    assert "row 1 was not fetched: its receipt there: foreign" in said
    assert (done.open, done.error) == (1, None)


@pytest.mark.parametrize("answer", [b"Welcome to the cluster", b"\xff", b"[]", b"{}", b'{"arrays": 3}'])
def test_an_answer_that_is_none_is_shown(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    import contextlib

    class Login:
        def ask(self, command: str, items: object, what: str = "") -> bytes:
            assert command == "cd './it'\"'\"'s here' || exit 117; dlcctr submit m.csv"
            return answer

    monkeypatch.setattr(watch, "log_in", lambda *_: contextlib.nullcontext(Login()))
    options = WatchOptions(Remote("cluster", "it's here"), ("ssh",), ())
    with pytest.raises(CommandFailedError, match=re.escape(repr(answer))):
        watch._ask_there(options, ["submit", "m.csv"])


def test_the_state_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    state = WatchState({"a.mp4": Arrival(5, 1.5, 2.5, "waits")}, (1,), (1,), "now", "")
    write_state(tmp_path / "s.json", state)
    assert read_state(tmp_path / "s.json") == state
    assert read_state(tmp_path / "none.json") == WatchState()


@pytest.mark.parametrize("file", golden("watch*.json"))
def test_states_on_disk_are_read_and_written_as_ever(file: Path, tmp_path: Path) -> None:
    text = file.read_text(encoding="utf-8")
    write_state(tmp_path / "s.json", read_state(file))
    assert json.loads(unsigned((tmp_path / "s.json").read_text())) == json.loads(text)


def test_no_flipped_bit_changes_what_a_watch_remembers(tmp_path: Path) -> None:
    write_state(tmp_path / "s.json", read_state(GOLDEN / "watch.json"))
    assert_no_bit_counts(read_state, tmp_path / "s.json", (ManifestError,))


@pytest.mark.parametrize("file", golden("watch*.json"))
def test_a_damaged_state_is_refused_wherever_the_damage_is(file: Path, tmp_path: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert_refused_at_every_cut(read_state, text, tmp_path / "s.json", ManifestError)
    assert_refused_with_any_wrong_leaf(read_state, text, tmp_path / "s.json", ManifestError)
