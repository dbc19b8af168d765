"""A trained project's whole way: packed, pushed over ssh, analysed by Slurm, fetched, checked, equal to stock."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dlcctr.image.flavours import list_flavours, pick_flavour, read_pins
from tests import media
from tests.cluster.cluster import Cluster
from tests.docker.apptainer import CHECKOUT, ApptainerBench
from tests.docker.fixtures import ensure_image, make_sif
from tests.integration.support.campaigns import check, dlcctr
from tests.integration.support.slurm_campaign import OPTIONS
from tests.integration.support.tiny_models import make_model
from tests.integration.test_analyze_native import Native
from tests.integration.test_equality import CLIP, CLIP_FRAMES, TRAINED, cut
from tests.integration.test_watch import Lab

KINDS = [
    pytest.param("pytorch-single", marks=pytest.mark.full),
    pytest.param("tensorflow-single", marks=pytest.mark.full),
    pytest.param(
        "open-field",
        marks=[
            pytest.mark.full,
            pytest.mark.skipif(not (CLIP.exists() and TRAINED.exists()), reason="neither clip nor model is shipped"),
        ],
    ),
]


@dataclass(frozen=True)
class Journey:
    """A project, this machine's side of it, and how stock DeepLabCut is run beside it."""

    lab: Lab
    native: Native

    def here(self, *words: str | Path) -> str:
        environment = {**os.environ, "DLCCTR_SSH": f"ssh -F '{self.lab.config}'"}
        argv = [sys.executable, "-m", "dlcctr", *map(str, words)]
        done = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(params=KINDS)
def journey(
    request: pytest.FixtureRequest, cluster: Cluster, apptainer_bench: ApptainerBench, tmp_path: Path
) -> Iterator[Journey]:
    from tests.integration.conftest import native_python_of

    subprocess.run(["sh", str(CHECKOUT / "scripts" / "staging-tools.sh")], check=True)
    kind: str = request.param
    engine = "tensorflow" if kind.startswith("tensorflow") else "pytorch"
    python = native_python_of(engine)
    model = TRAINED if kind == "open-field" else make_model(python, kind, tmp_path / "models")
    image = ensure_image(pick_flavour(list_flavours(), read_pins(), engine, "cpu"))
    kept = make_sif(apptainer_bench, image, "--compression", "zstd")
    sif = cluster.scratch / f"{kind}.sif"
    shutil.copy(kept, sif)
    native = Native(python, engine, model, tmp_path)
    yield Journey(Lab(tmp_path, cluster, model, sif), native)
    sif.unlink()


def test_the_whole_way(journey: Journey) -> None:
    lab, native = journey.lab, journey.native
    bundle = lab.folder / "mouse.dlcmodel"
    dlcctr("model", "pack", native.model, "-o", bundle)
    dlcctr("model", "verify", bundle)
    media.write_video(lab.videos / "grey.avi", 20, codec="mjpeg", pix_fmt="yuvj420p", bframes=0)
    if native.model == TRAINED:
        cut(CLIP, lab.videos / "clip.mp4", CLIP_FRAMES)
    dlcctr("manifest", lab.videos, "-o", lab.manifest, "--model", bundle, "--overwrite")
    far = lab.cluster.scratch / f"by hand, {native.engine} {native.model.name}"
    journey.here("push", lab.manifest, f"bench:{far}")
    memory = ["5" if before == "--mem-gb" else word for before, word in zip(("", *OPTIONS), OPTIONS, strict=False)]
    there = lab.cluster.dlcctr(["submit", "m.csv", "--image", lab.sif, *memory], cwd=far, timeout_s=120)
    assert there.returncode == 0, there.stdout + there.stderr
    done = lab.cluster.dlcctr(["status", "m.csv", "--wait", "--interval", "2"], cwd=far, timeout_s=900)
    assert done.returncode == 0, done.stdout + done.stderr
    journey.here("fetch", lab.manifest)
    rows = check(lab.manifest)["rows"]
    assert {row["state"] for row in rows} == {"whole"}
    assert len(rows) >= 2
    for row in rows:
        (ours,) = Path(row["folder"]).glob("*.h5")
        theirs = list(native.stock(lab.videos / row["video"]).glob("*.h5"))
        found = native.compare(ours, theirs[0])
        print(row["video"], found)
        assert found["equal"] and not found["unnoticed"], (row["video"], found)
