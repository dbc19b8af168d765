from __future__ import annotations

import errno

import pytest

from dlcctr.contract import ExitCode
from dlcctr.errors import DlcctrError, ModelError
from entrypoint.training.child.explain import explained


def raised(error: Exception) -> DlcctrError:
    with pytest.raises(DlcctrError) as found, explained("/p/config.yaml"):
        raise error
    return found.value


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/p/snapshot.pt"), ExitCode.OUTPUT, "/p/snapshot.pt"),
        (
            RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"),
            ExitCode.OUTPUT,
            "/p/config",
        ),
        (RuntimeError("[enforce fail] unexpected pos 64 vs 0"), ExitCode.OUTPUT, "disk is full"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), ExitCode.ANALYSIS, "memory"),
        (MemoryError(), ExitCode.ANALYSIS, "out of memory"),
        (RuntimeError("CUDA error: unspecified launch failure"), ExitCode.GPU, "the GPU failed"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.mat"), ExitCode.MODEL, "a.mat"),
        (
            ValueError(
                "Image size [120 160] may be too small. Consider decreasing `min_input_size` in the train/pose_cfg"
            ),
            ExitCode.MODEL,
            "/p/config.yaml: the pictures do not fit the network's settings: ValueError: Image size [120 160]",
        ),
        (KeyError("bodyparts"), ExitCode.ANALYSIS, "DeepLabCut failed: KeyError"),
    ],
)
def test_each_failure_has_its_code_and_names_what_it_is_about(error: Exception, code: ExitCode, words: str) -> None:
    found = raised(error)
    assert found.exit_code == code and words in found.message and found.hint


def test_an_error_that_deeplabcut_made_anew_keeps_its_remedy() -> None:
    with pytest.raises(ModelError) as found, explained("/p"):
        try:
            raise ModelError("weights are not here", "fetch them")
        except ModelError as error:
            raise ModelError(f"ResNet: {error}") from error
    assert (found.value.message, found.value.hint) == ("weights are not here", "fetch them")
