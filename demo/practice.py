"""What a person has and does in a round, with drawn videos: ``python scripts/practice.py start|label|set|truth``.

`make demo` comes first. `start` puts a camera's videos and a copy of the project into `demo-out/round`; `label` labels
the frames that were picked, by the known truth; `set` makes the training set for the demo's small network; `truth`
tells the error of both models. All else are commands of dlcctr (docs/loop.md).
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path

from demo.programs import in_native, say, shown
from demo.videos import NEW_CAMERA
from dlcctr.campaign.config import read_campaign
from dlcctr.errors import UsageError
from dlcctr.image import flavours
from dlcctr.runtime.native import environment as native

ENGINE = "pytorch"
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Practice:
    """Folder of a round and the Python that has DeepLabCut.

    Parameters
    ----------
    folder : Path
        Has `m.csv`, the project `mouse` and the videos `camera-3`.
    """

    folder: Path
    python: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "m.csv"

    @property
    def videos(self) -> Path:
        return self.folder / NEW_CAMERA

    @property
    def project(self) -> Path:
        return self.folder / "mouse"

    @property
    def to_label(self) -> Path:
        return self.folder / "to-label"

    def start(self, trained: Path) -> None:
        """Begin anew: the videos, and a copy of a trained project."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(trained, self.project)
        in_native(self.python, "new_camera.py", self.folder)

    def label(self) -> None:
        """Label what was picked, as a person would in napari."""
        in_native(self.python, "label_by_truth.py", self.folder, self.to_label)

    def make_set(self) -> None:
        """Make the training set of the new iteration."""
        in_native(self.python, "next_set.py", self.project)

    def tell_truth(self) -> None:
        """Print the errors of both models and draw `before-after.png`."""
        campaigns = [read_campaign(each) for each in (self.manifest, self.folder / "m-compare/B/m.csv")]
        results = [each.out / each.model_id for each in campaigns]
        in_native(
            self.python, "before_after.py", self.folder, self.to_label, *results, self.folder / "before-after.png"
        )


def find_trained(folder: Path) -> Path:
    """Newest project that `make demo` has trained.

    Raises
    ------
    UsageError
        There is none.
    """
    found = sorted(folder.glob(f"model-{ENGINE}-*/demo-*/config.yaml"), key=lambda file: file.stat().st_mtime)
    if not found:
        raise UsageError(f"{folder}: no trained model of the demo", "first: make demo")
    return found[-1].parent


def main() -> None:
    """One step."""
    parser = argparse.ArgumentParser(prog="practice.py", description=__doc__)
    parser.add_argument("step", choices=["start", "label", "set", "truth"])
    parser.add_argument("--output", type=Path, default=HERE.parent / "demo-out", help="folder of `make demo`")
    wish = parser.parse_args()
    flavour = flavours.pick_flavour(flavours.list_flavours(), flavours.read_pins(), engine=ENGINE, device="cpu")
    practice = Practice(wish.output.absolute() / "round", native.ensure_environment(flavour, say=say))
    if wish.step == "start":
        practice.start(find_trained(wish.output))
        say(f"{shown(practice.folder)}: project mouse, videos camera-3")
    else:
        {"label": practice.label, "set": practice.make_set, "truth": practice.tell_truth}[wish.step]()
