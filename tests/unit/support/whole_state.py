"""What lies in a folder after a command: that it is whole, and in a form that is the same from run to run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.contract import PRIVATE_PREFIX, RECEIPT_FILENAME
from dlcctr.model.bundles.verify import verify_bundle
from dlcctr.planning.plan import read_plan
from dlcctr.results.receipt import broken_files, parse_receipt
from dlcctr.slurm.jobs.submissions import allocated_rows, read_submissions
from dlcctr.transfer.watch import read_state

if TYPE_CHECKING:
    from tests.unit.support.fault_world import World

TEMPORARY = re.compile(
    r"(^|/)\.[^/]+\.[a-z0-9_]{8}(\.tar)?(/|$)|\.XbX0wd|(^|/)\.?dlcctr-(push|build|sif|attempt|replaced|.*run)-|(^|/)tmp/."
)
"""Names of what is only there while a command runs."""
PASSING = re.compile(r"\.lock$|^cache/|\.dlcctr-fetch(/|$)|(^|/)logs/")
"""What stays, and says nothing of what was done."""
RANDOM = re.compile(r"[0-9a-f]{8}-(?=dlcctr)|(?<=dlcctr-train-p-)[0-9a-f]{8}|\d{8}-\d{6}-[0-9a-f]{4}(-[0-9a-f]{8})?")
"""Name of a plan, and of a submission of it, and what makes the names of jobs unique."""
VARYING = re.compile(
    rf"{RANDOM.pattern}|\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00)?|[0-9a-f]{{64}}|"
    rf"made \d{{4}}-\d\d-\d\d \d\d:\d\d UTC|"
    r'"checksum": "[0-9a-f]{32}"|"(mtime|since)": [0-9.]+'
)


def leftovers(folder: Path) -> list[str]:
    """What a command should have taken away."""
    return [name for name in _names(folder) if TEMPORARY.search(name)]


def state_of(world: World) -> dict[str, object]:
    """Everything that a command made, here and there: contents by names, and rows by jobs."""
    state: dict[str, object] = {}
    for place in (world.here, world.there):
        for name in _names(place):
            shown = f"{'here' if place == world.here else 'there'}/{RANDOM.sub('PLAN', name)}"
            if not TEMPORARY.search(name) and not PASSING.search(name) and (place / name).is_file():
                text = (place / name).read_bytes().decode("utf-8", "replace").replace(str(world.here), "HERE")
                if name.endswith("dlcctr-training-jobs.json"):  # a printed script may be noted twice
                    text = "\n".join(sorted({line.rstrip(",") for line in VARYING.sub("", text).splitlines()}))
                state[shown] = "" if "PLAN" in shown else VARYING.sub("", text.replace(str(world.there), "THERE"))
    state["jobs"] = len(world.jobs), world.sent
    for manifest in world.here.rglob("m.csv"):
        paths = CampaignPaths.of(manifest)
        state["rows"] = sorted(allocated_rows(paths, read_submissions(paths)))
    return state


def assert_whole(folder: Path, *, torn: bool = False) -> None:
    """All that anybody would believe below a folder can be read, and agrees.

    Parameters
    ----------
    torn : bool
        A campaign.toml may be newer than its manifest: where the second of two renames fails, nothing more can be
        done, and the rows' fingerprints tell.
    """
    for manifest in folder.rglob("m.csv"):
        campaign, rows = read_campaign(manifest), read_manifest(manifest)
        assert campaign.file.is_file()
        assert torn or all((campaign.video_root / row.video).is_file() for row in rows)
        paths = CampaignPaths.of(manifest)
        for file in paths.plans.glob("*.json"):
            read_plan(file)
        read_submissions(paths)
    if not torn and (folder / "c/campaign.toml").exists():
        assert (folder / "c/m.csv").exists()
    for receipt in folder.rglob(RECEIPT_FILENAME):
        found = parse_receipt(receipt)
        assert found
        is_private = any(part.startswith(PRIVATE_PREFIX) for part in receipt.parts)
        assert is_private or not broken_files(found, receipt.parent)
    for script in [*folder.glob("*.sbatch"), *folder.rglob("scripts/*.sbatch")]:
        assert script.read_text().endswith('exit "$code"\n')
    if (folder / "m.dlcmodel").exists():
        assert verify_bundle(folder / "m.dlcmodel").problems == ()
    for state in folder.rglob("watch.json"):
        read_state(state)
    if (folder / "u").exists():
        assert (folder / "u/config.yaml").is_file()


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
