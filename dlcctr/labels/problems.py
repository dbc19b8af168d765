"""What can be wrong with labels that came back, how bad it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Severity(str, Enum):
    """How bad it is: labels with an `error` are not added; a `question` is for a person's eye."""

    ERROR = "error"
    QUESTION = "question"
    NOTE = "note"


_E, _Q, _N = Severity.ERROR, Severity.QUESTION, Severity.NOTE
KINDS = MappingProxyType(
    {
        "unreadable": (_E, "save the folder again in napari-deeplabcut, or copy it again from where it was labelled"),
        "header": (_E, "save the folder again in napari-deeplabcut: it writes CollectedData_<scorer>.csv and .h5"),
        "animals": (_E, "label it with the config.yaml of this project, or add it to the project that it is of"),
        "scorer": (_E, "label with this project's config.yaml, or take them as the project's with --any-scorer"),
        "unknown part": (_E, "correct the name in the table, or add the body part to config.yaml before"),
        "missing part": (_E, "label with this project's config.yaml; a part that is never seen is an empty column"),
        "order": (_N, "columns are put in the project's order by their names"),
        "missing animal": (_N, "its columns stay empty"),
        "line": (_E, "correct that line, or save the folder again in napari-deeplabcut"),
        "outside": (
            _E,
            "move that point into the picture, off its border, or remove it: DeepLabCut drops it without a word",
        ),
        "sizes": (_Q, "pictures of one video have one size: labels of one that was made larger or smaller are wrong"),
        "likelihood": (_Q, "they are left out; do not add a table of the model's that nobody has corrected"),
        "picture name": (_E, "give the picture a plain name: no folders and no control characters"),
        "other folder": (_E, "give the folder the name that its table has, which is that of the video"),
        "duplicate": (_E, "keep one line for each picture"),
        "no picture": (_E, "copy the picture into the folder, or remove the line"),
        "broken picture": (_E, "copy the picture again from where it was labelled"),
        "other picture": (_E, "rename one of the two: the project's own picture of this name stays as it is"),
        "size unknown": (_N, "only PNG, JPEG and BMP say their size here: nothing was checked against it"),
        "unlabelled picture": (_N, "it is not added"),
        "empty line": (_N, "a picture without a label is not added"),
        "far": (_Q, "look at the point: the model was sure of another place"),
        "machine labels": (_N, "only the comparison with the model's own points is left out"),
        "h5 alone": (_E, "write the .csv first: the folder saved once more in napari-deeplabcut has both"),
        "h5 differs": (_E, "save the folder again in napari-deeplabcut, or remove the file that is older"),
        "h5 not compared": (_N, "the .csv counts; dlcctr in the image compares both"),
    }
)
"""Kind of a problem to its severity and its remedy."""


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with labels, or worth a look.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    file : str
        The table or the folder.
    line : int, optional
        In the table, from 1 on.
    picture : str
        Name of the picture; empty where it is not about one.
    is_mended : bool
        The person has said what to do about it: no error any more.
    """

    kind: str
    file: str
    message: str
    line: int | None = None
    picture: str = ""
    is_mended: bool = False

    @property
    def severity(self) -> Severity:
        return Severity.NOTE if self.is_mended else KINDS[self.kind][0]

    @property
    def remedy(self) -> str:
        return KINDS[self.kind][1]

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR
