"""What DeepLabCut and the engines raise while training, as this project's errors."""

from __future__ import annotations

import contextlib
import errno
import traceback
from collections.abc import Iterator

from dlcctr.errors import AnalysisError, DlcctrError, GpuError, ModelError
from dlcctr.system.disk import output_error, place_of
from dlcctr.system.gpus import OUT_OF_GPU_MEMORY
from entrypoint.engines.gpu_failures import is_gpu_failure, is_gpu_memory

SMALLER = "use a smaller --batch-size, or ask for more memory: `dlc train PROJECT --trial` measures what is needed"
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.EFBIG)
FULL = ("no space left on device", "disk quota exceeded", "file write failed", "unexpected pos")
MEMORY = ("out of memory", "oom when allocating", "can't allocate memory")
SIZES = ("may be too small. Consider", "may be too large. Consider")
"""What DeepLabCut says of TensorFlow's batches where ten pictures in a row do not fit, each scaled by chance."""
SIZE_HINT = "change that in train/pose_cfg.yaml of the shuffle (min_input_size: 16 for small ones), then the same again"
SHOWN_CHARS = 400


@contextlib.contextmanager
def explained(place: str) -> Iterator[None]:
    """Turn any error into a `DlcctrError`; `place` names the project where the error names no file."""
    try:
        yield
    except DlcctrError as error:
        raise first_of(error) from None
    except Exception as error:
        traceback.print_exc()
        raise explain(error, place) from error


def first_of(error: DlcctrError) -> DlcctrError:
    """Error that was raised at first: DeepLabCut's registry of networks makes it anew, without its remedy."""
    found: BaseException | None = error
    while found is not None:
        error = found if isinstance(found, DlcctrError) else error
        found = found.__cause__ or found.__context__
    return error


def explain(error: Exception, place: str) -> DlcctrError:
    """Turn an error into one of this project's."""
    text = _line(error)
    if disk := _of_disk(error, text, place):
        return disk
    if is_gpu_memory(text):
        return AnalysisError(f"{OUT_OF_GPU_MEMORY}: {text}", SMALLER)
    if isinstance(error, MemoryError) or any(each in text.lower() for each in MEMORY):
        return AnalysisError(f"out of memory: {text}", SMALLER)
    if is_gpu_failure(text):
        return GpuError(f"the GPU failed, or cannot run this image's engine: {text}", "run `dlc doctor` there")
    return _of_project(error, text, place) or AnalysisError(
        f"DeepLabCut failed: {text}", "read its last output, which is shown above or in the job's log"
    )


def _of_project(error: Exception, text: str, place: str) -> DlcctrError | None:
    if isinstance(error, FileNotFoundError):
        return ModelError(f"a file of the project is missing: {text}", "copy the project again, with all its files")
    if any(each in text for each in SIZES):
        return ModelError(f"{place}: the pictures do not fit the network's settings: {text}", SIZE_HINT)
    return None


def _of_disk(error: Exception, text: str, place: str) -> DlcctrError | None:
    if isinstance(error, OSError) and error.errno in DISK:
        return output_error(error, place_of(error) or place)
    if any(each in text.lower() for each in FULL):  # the engines' own writers keep no number
        return output_error(OSError(errno.ENOSPC, text), place)
    return None


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())[:SHOWN_CHARS]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
