"""`make demo`: from nothing to tracked points whose error is known, through the same commands that people use."""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path

from demo.programs import dlcctr, in_native, say, shown
from demo.training_round import train_a_round
from demo.videos import SPOILT, VIDEOS
from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.cli import catch
from dlcctr.contract import row_folder
from dlcctr.errors import AnalysisError, CommandFailedError
from dlcctr.image import flavours
from dlcctr.quality.rows import read_qualities
from dlcctr.runtime.native import environment as native

HERE = Path(__file__).resolve().parent
LIMIT_PX = {"pytorch": 3.0, "tensorflow": 5.0}
"""Mean error that fails the demo. docs/local.md says what was measured."""
RUNTIMES = ("native", "docker", "apptainer")


def main() -> None:
    """Set up, make videos, train, analyse, check, compare."""
    wish = parse_options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # children are stopped as for Ctrl-C
    began = time.monotonic()
    folder = wish.output.absolute()
    say(f"demo: engine {wish.engine}, runtime {wish.runtime}, everything in {shown(folder)}")
    flavour = flavours.pick_flavour(flavours.list_flavours(), flavours.read_pins(), engine=wish.engine, device="cpu")
    python = native.ensure_environment(flavour, say=say)
    make_videos(python, folder)
    project = train(python, folder, wish.engine, native.read_lock(flavour))
    manifest = make_campaign(folder, project, wish.engine)
    words = ["--allow-cpu", "--runtime", wish.runtime]
    dlcctr("run", manifest, *words, *(["--overwrite"] if wish.again else []))
    dlcctr("check", manifest)
    compare(python, folder, manifest, wish.engine)
    report = folder / "report.html"
    dlcctr("report", manifest, "-o", report)
    say_flags(manifest)
    if wish.round:
        train_a_round(folder, project, python, wish.runtime)
    say(f"demo: done in {time.monotonic() - began:.0f} s; look at {shown(folder / 'tracked.png')} and {shown(report)}")
    say_runtimes(manifest, flavour, wish.runtime)


def parse_options() -> argparse.Namespace:
    """Read the options; --engine and --runtime can also be set as variables, for `make`."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--engine", choices=sorted(LIMIT_PX), default=os.environ.get("ENGINE") or "pytorch")
    parser.add_argument("--runtime", choices=RUNTIMES, default=os.environ.get("RUNTIME") or RUNTIMES[0])
    parser.add_argument("--output", type=Path, default=Path("demo-out"))
    parser.add_argument("--again", action="store_true", help="analyse finished rows again")
    parser.add_argument("--round", action="store_true", help="then label, train, evaluate and compare: one round")
    wish = parser.parse_args()
    if wish.round and wish.engine != "pytorch":
        parser.error("--round goes with --engine pytorch only")
    return wish


def digest(*parts: str | Path) -> str:
    """Short hash of texts and files."""
    texts = [part.read_text(encoding="utf-8") if isinstance(part, Path) else part for part in parts]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def make_videos(python: Path, folder: Path) -> None:
    """Make the held-out videos, unless this very script made them before."""
    folder.mkdir(parents=True, exist_ok=True)
    key, marker = digest(HERE / "videos.py"), folder / "videos-made-by"
    if not marker.exists() or marker.read_text() != key:
        for name in (VIDEOS, "truth"):
            shutil.rmtree(folder / name, ignore_errors=True)
    say("videos: a drawn mouse with four body parts, three held-out videos with awkward names, and a spoilt one")
    in_native(python, "videos.py", str(folder))
    marker.write_text(key)


def train(python: Path, folder: Path, engine: str, lock: str) -> Path:
    """Train the model, or take the one that the same script made with the same packages.

    Returns
    -------
    Path
        Its DeepLabCut project.
    """
    script = HERE / f"train_{engine}.py"
    trained = folder / f"model-{engine}-{digest(script, HERE / 'project.py', HERE / 'videos.py', lock)}"
    if trained.exists():
        say(f"model: trained before ({trained.name})")
    else:
        say("model: training a small network from seeded random weights, by DeepLabCut's train_network; minutes, once")
        making = folder / f"making-{engine}"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        began = time.monotonic()
        in_native(python, script.name, str(making), log=folder / f"train-{engine}.log")
        making.rename(trained)
        say(f"model: trained in {time.monotonic() - began:.0f} s")
    return next(trained.glob("demo-*/config.yaml")).parent


def make_campaign(folder: Path, project: Path, engine: str) -> Path:
    """Write the manifest, or validate the one that exists."""
    key = digest(HERE / "videos.py", project.parent.name)
    manifest = folder / f"campaign-{engine}-{key}" / "manifest.csv"
    if manifest.exists():
        dlcctr("validate", manifest)
    else:
        dlcctr("manifest", folder / VIDEOS, "-o", manifest, "--model", project)
    return manifest


def compare(python: Path, folder: Path, manifest: Path, engine: str) -> None:
    """Print the pixel error, draw the picture; fail above the limit."""
    campaign = read_campaign(manifest)
    results, picture = campaign.out / campaign.model_id, folder / "tracked.png"
    try:
        in_native(python, "picture.py", str(folder), str(results), str(picture), str(LIMIT_PX[engine]))
    except CommandFailedError as error:
        raise AnalysisError("the tracks are further from the truth than allowed", error.hint) from error


def say_flags(manifest: Path) -> None:
    """Print what is suspicious about each video; fail if nothing is about the spoilt one."""
    campaign, rows = read_campaign(manifest), read_manifest(manifest)
    found = read_qualities((row, row_folder(campaign.out, campaign.model_id, row.video)) for row in rows)
    for row in rows:
        names = found[row.index].flag_names if row.index in found else ()
        say(f"  {', '.join(names) or 'nothing suspicious'}: {row.video}")
        if row.video == SPOILT.name and not names:
            raise AnalysisError("the spoilt video is not flagged", f"look at {manifest.parent}")


def say_runtimes(manifest: Path, flavour: flavours.Flavour, runtime: str) -> None:
    """Print the commands for the other runtimes."""
    say(f"The rows ran on this machine, with the runtime {runtime}. To analyse them again with another one:")
    image = f"make image ENGINE={flavour.engine} DEVICE=cpu, then "
    sif = f"make sif ENGINE={flavour.engine} DEVICE=cpu, then "
    for name, first in (("docker", image), ("apptainer", sif), ("native", "")):
        if name != runtime:
            say(f"  {name}: {first}dlcctr run {shlex.quote(shown(manifest))} --runtime {name} --allow-cpu --overwrite")


if __name__ == "__main__":
    sys.exit(catch(main))
