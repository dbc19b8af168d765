"""The SuperAnimal models that can be bundled: body parts, networks, files, licence. Facts as of DeepLabCut 3.0.2."""

from __future__ import annotations

from dataclasses import dataclass

from dlcctr.errors import UsageError

HUB = "https://huggingface.co"
LICENCE = (
    "Modified MIT licence, copyright 2023 Mackenzie Mathis, Shaokai Ye and contributors: the weights may be used for "
    "academic, non-commercial purposes only, and not to harm any animal deliberately; as they are, without warranty. "
    "Commercial use needs a licence of its own from Prof. Mackenzie W. Mathis or EPFL's technology transfer office."
)
"""The gist of the model cards' licence. The card itself is what counts; it may have changed."""
CITATION = (
    "Ye et al. 2024, SuperAnimal pretrained pose estimation models for behavioral analysis, Nature Communications 15, "
    "5165, doi:10.1038/s41467-024-48792-2"
)


@dataclass(frozen=True)
class Animal:
    """One SuperAnimal model: a set of body parts, with networks that were trained for them.

    Parameters
    ----------
    name : str
        DeepLabCut's name, ``superanimal_quadruped``; its files begin with it.
    view : str
        What it was trained for.
    repository : str
        Where its weights are published, ``owner/name`` on Hugging Face's hub.
    bodyparts : tuple of str
        In the order of the network's outputs; spelt as the authors did.
    networks, detectors : tuple of str
        Those for which weights are published, the usual one first.
    """

    name: str
    view: str
    repository: str
    bodyparts: tuple[str, ...]
    networks: tuple[str, ...]
    detectors: tuple[str, ...]

    @property
    def card(self) -> str:
        """Page with the licence and the data that it was trained on."""
        return f"{HUB}/{self.repository}"

    def file_name(self, part: str) -> str:
        """Name under which the weights of a network or a detector are published, and cached by DeepLabCut."""
        return f"{self.name}_{part}.pt"

    def url(self, part: str, hub: str = HUB) -> str:
        """Where to download these weights."""
        return f"{hub}/{self.repository}/resolve/main/{self.file_name(part)}"


ANIMALS = {
    "quadruped": Animal(
        "superanimal_quadruped",
        "four-legged animals from the side",
        "mwmathis/DeepLabCutModelZoo-SuperAnimal-Quadruped",
        (
            "nose", "upper_jaw", "lower_jaw", "mouth_end_right", "mouth_end_left", "right_eye", "right_earbase",
            "right_earend", "right_antler_base", "right_antler_end", "left_eye", "left_earbase", "left_earend",
            "left_antler_base", "left_antler_end", "neck_base", "neck_end", "throat_base", "throat_end", "back_base",
            "back_end", "back_middle", "tail_base", "tail_end", "front_left_thai", "front_left_knee",
            "front_left_paw", "front_right_thai", "front_right_knee", "front_right_paw", "back_left_paw",
            "back_left_thai", "back_right_thai", "back_left_knee", "back_right_knee", "back_right_paw",
            "belly_bottom", "body_middle_right", "body_middle_left",
        ),
        ("hrnet_w32", "resnet_50", "rtmpose_s"),
        ("fasterrcnn_resnet50_fpn_v2", "fasterrcnn_mobilenet_v3_large_fpn", "ssdlite"),
    ),
    "topviewmouse": Animal(
        "superanimal_topviewmouse",
        "mice from above",
        "mwmathis/DeepLabCutModelZoo-SuperAnimal-TopViewMouse",
        (
            "nose", "left_ear", "right_ear", "left_ear_tip", "right_ear_tip", "left_eye", "right_eye", "neck",
            "mid_back", "mouse_center", "mid_backend", "mid_backend2", "mid_backend3", "tail_base", "tail1", "tail2",
            "tail3", "tail4", "tail5", "left_shoulder", "left_midside", "left_hip", "right_shoulder",
            "right_midside", "right_hip", "tail_end", "head_midpoint",
        ),
        ("hrnet_w32", "resnet_50"),
        ("fasterrcnn_resnet50_fpn_v2", "fasterrcnn_mobilenet_v3_large_fpn"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """One animal with one network and one detector, for up to a number of individuals."""

    animal: Animal
    network: str
    detector: str
    individuals: int

    @property
    def parts(self) -> tuple[str, str]:
        """Network and detector."""
        return self.network, self.detector

    @property
    def asked(self) -> str:
        """The same choice as it is typed, without its number of individuals."""
        words = [self.animal.name.removeprefix("superanimal_")]
        words += [] if self.network == self.animal.networks[0] else ["--network", self.network]
        words += [] if self.detector == self.animal.detectors[0] else ["--detector", self.detector]
        return " ".join(words)


MAX_INDIVIDUALS = 100


def choose(animal: str, network: str = "", detector: str = "", individuals: int = 10) -> Choice:
    """Find what a person means.

    Parameters
    ----------
    animal : str
        ``quadruped``, also with its ``superanimal_``.
    network, detector : str
        Empty for the usual one.

    Raises
    ------
    UsageError
        No weights are published for it; the message lists what there is.
    """
    found = ANIMALS.get(animal.removeprefix("superanimal_"))
    if found is None:
        raise UsageError(f"no SuperAnimal model {animal[:60]!r}", f"choose one of: {', '.join(ANIMALS)}")
    for wanted, there, what in ((network, found.networks, "network"), (detector, found.detectors, "detector")):
        if wanted and wanted not in there:
            raise UsageError(f"{found.name} has no {what} {wanted[:60]!r}", f"choose one of: {', '.join(there)}")
    if not 1 <= individuals <= MAX_INDIVIDUALS:
        raise UsageError(f"{individuals} individuals", f"give a number from 1 to {MAX_INDIVIDUALS}")
    return Choice(found, network or found.networks[0], detector or found.detectors[0], individuals)
