from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.config import Campaign, campaign_text, read_campaign, write_campaign
from dlcctr.campaign.manifest import read_manifest, write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.campaign.spreadsheet import read_sheet
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.errors import ManifestError
from dlcctr.model.bundles.pack import pack_model
from dlcctr.model.inspection import inspect_model
from dlcctr.transfer.layout import Item, far_campaign, far_manifest, image_items, model_items, model_names, video_items
from dlcctr.transfer.remote.address import Remote
from dlcctr.transfer.remote.campaign import RemoteCampaign, check_there
from tests.unit.support.projects import pytorch_project, tensorflow_project
from tests.unit.support.results import Bench, make_bench

REMOTE = Remote("c", "/x")


def with_model(bench: Bench, project: Path, **changes: object) -> Campaign:
    info = inspect_model(project)
    campaign = replace(bench.campaign, model=project, model_hash=info.hash, model_id=info.id, **changes)  # type: ignore[arg-type]
    write_campaign(campaign)
    return campaign


def lay_out(items: list[Item], folder: Path) -> None:
    for item in items:
        target = folder / item.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(item.path, target)


@pytest.mark.parametrize("make", [pytorch_project, tensorflow_project])
def test_what_arrives_is_the_same_campaign(tmp_path: Path, make: object) -> None:
    """Its roots are relative, its model has the same id and hash, and nothing of it names this machine."""
    bench = make_bench(tmp_path / "here", ["a.mp4", "b c/a.mp4"])
    project = make(tmp_path / "projects/mouse")  # type: ignore[operator]
    (project / "labeled-data").mkdir()
    (project / "labeled-data/big.png").write_bytes(b"x" * 1000)
    campaign = with_model(bench, project)
    image = tmp_path / "some.sif"
    image.write_bytes(b"sif")
    items = [*video_items(campaign, bench.rows), *model_items(campaign, bench.rows), *image_items(image)]
    there = tmp_path / "there"
    lay_out(items, there)
    names = model_names(campaign, bench.rows)
    text = campaign_text(far_campaign(campaign, Path("/campaign"), names, "results"))
    (there / "campaign.toml").write_text(text, encoding="utf-8")
    (there / "m.csv").write_bytes(far_manifest(read_sheet(bench.manifest), campaign, names))

    found = read_campaign(there / "m.csv")
    assert str(tmp_path) not in text
    assert found.model is not None
    assert found.model.is_relative_to(there)
    assert inspect_model(found.model).hash == campaign.model_hash
    assert (found.video_root, found.out, found.image) == (there / "videos", there / "results", "dlc.sif")
    assert (there / "m.csv").read_bytes() == bench.manifest.read_bytes()
    for row in read_manifest(there / "m.csv"):
        assert fingerprint(found.video_root / row.video) == row.fingerprint
    assert not list(there.rglob("*.png"))
    assert all(item.fingerprint == fingerprint(there / item.name) for item in items)


def test_rows_with_their_own_model_find_it_there(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "here", ["a.mp4", "b.mp4", "c.mp4", "d.mp4"])
    campaign = with_model(bench, pytorch_project(tmp_path / "one/mouse"))
    other = tensorflow_project(tmp_path / "two/mouse")
    rows = [bench.rows[0], replace(bench.rows[1], model=str(other)), bench.rows[2],
            replace(bench.rows[3], model=str(other / "config.yaml"))]  # fmt: skip
    write_manifest(bench.manifest, rows)
    names = model_names(campaign, rows)
    assert len(set(names.values())) == 3
    there = tmp_path / "there"
    lay_out(model_items(campaign, rows), there)
    (there / "m.csv").write_bytes(far_manifest(read_sheet(bench.manifest), campaign, names))
    found = read_manifest(there / "m.csv")
    assert [row.index for row in found] == [0, 1, 2, 3]
    assert [replace(row, model="", line=0) for row in found] == [replace(row, model="", line=0) for row in rows]
    assert found[0].model == found[2].model == ""
    for row in (found[1], found[3]):
        assert inspect_model(there / row.model).hash == inspect_model(other).hash


def test_names_of_models_stay_when_rows_are_added(tmp_path: Path) -> None:
    campaign = Campaign(file=tmp_path / "campaign.toml", model=tmp_path / "one/mouse")
    rows = [Row(0, "a"), Row(1, "b", model=str(tmp_path / "two/mouse"))]
    more = [*rows, Row(2, "c", model=str(tmp_path / "three/mouse")), Row(3, "d", model=str(tmp_path / "rat"))]
    first, second = model_names(campaign, rows), model_names(campaign, more)
    assert first.items() <= second.items()
    assert len(set(second.values())) == 4
    assert second[tmp_path / "rat"] == "models/rat"


def test_a_snapshot_named_by_its_place_takes_all_of_them_along(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "here", ["a.mp4", "b.mp4"])
    project = pytorch_project(tmp_path / "mouse", snapshots=("snapshot-100", "snapshot-200", "snapshot-300"))
    campaign = with_model(bench, project, snapshot="snapshot-300")

    def snapshots(items: list[Item]) -> list[str]:
        return sorted(item.path.name for item in items if item.name.endswith(".pt"))

    assert snapshots(model_items(campaign, bench.rows)) == ["snapshot-300.pt"]
    rows = [bench.rows[0], replace(bench.rows[1], snapshot="0")]
    assert snapshots(model_items(campaign, rows)) == ["snapshot-100.pt", "snapshot-200.pt", "snapshot-300.pt"]


def test_a_bundle_goes_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "mouse.dlcmodel"
    file.write_bytes(b"bundle")
    items = model_items(Campaign(file=tmp_path / "campaign.toml", model=file), [])
    assert [(item.name, item.path) for item in items] == [("models/mouse.dlcmodel", file)]
    folder = tmp_path / "bundle"
    listing = pack_model(pytorch_project(tmp_path / "p"), folder, as_folder=True)
    (folder / "notes.txt").write_text("not packed")
    items = model_items(Campaign(file=tmp_path / "campaign.toml", model=folder), [])
    assert [item.name for item in items] == [
        f"models/bundle/{name}" for name in ("bundle.json", *(entry.path for entry in listing.files))
    ]


def test_results_stay_where_they_are_there(tmp_path: Path) -> None:
    campaign = Campaign(file=tmp_path / "campaign.toml", out=tmp_path / "results")
    for out in ("results", "../other", "/lustre/out"):
        text = campaign_text(far_campaign(campaign, Path("/campaign"), {}, out))
        assert f'[output]\nroot = "{out}"' in text


def there(bench: Bench, *rows: Row, **changes: object) -> RemoteCampaign:
    return RemoteCampaign(replace(bench.campaign, **changes), list(rows))  # type: ignore[arg-type]


def test_a_campaign_there_is_continued(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4", "b.mp4", "c.mp4"])
    assert check_there(RemoteCampaign(), REMOTE, bench.campaign, bench.rows) == []
    assert check_there(there(bench, *bench.rows[:2]), REMOTE, bench.campaign, bench.rows) == []
    unprinted = replace(bench.rows[0], fingerprint="")
    assert check_there(there(bench, unprinted), REMOTE, bench.campaign, bench.rows) == []
    (note,) = check_there(there(bench, *bench.rows), REMOTE, bench.campaign, bench.rows[:1])
    assert "rows 1-2 are in the manifest there, but no longer in this one" in note


@pytest.mark.parametrize("change", [{"video": "other.mp4"}, {"fingerprint": "v1:1:0"}])
def test_an_index_never_gets_another_video(tmp_path: Path, change: dict[str, str]) -> None:
    bench = make_bench(tmp_path, ["a.mp4", "b.mp4"])
    far = there(bench, bench.rows[0], replace(bench.rows[1], **change))  # type: ignore[arg-type]
    with pytest.raises(ManifestError, match="row 1 of the manifest there is another video"):
        check_there(far, REMOTE, bench.campaign, bench.rows)


@pytest.mark.parametrize("change", [{"model_hash": "00"}, {"crop": (0, 1, 0, 1)}, {"shuffle": 2}])
def test_another_campaign_is_not_replaced(tmp_path: Path, change: dict[str, object]) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    with pytest.raises(ManifestError, match="another campaign is there"):
        check_there(there(bench, **change), REMOTE, bench.campaign, bench.rows)
