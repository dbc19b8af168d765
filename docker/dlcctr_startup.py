"""Runs at every start of the image's Python (a .pth file imports it): standard library only, and quick.

Whatever way Python is started (`docker run`, `singularity exec image.sif python`, a child process), the host's module
paths stay out, caches go to a folder that can be written, and DeepLabCut can import torchvision beside CPU torch.
"""

from __future__ import annotations

# pathlib takes longer to import than all of this takes
# ruff: noqa: PTH100, PTH103, PTH117, PTH118, PTH120
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CACHES = {
    "NUMBA_CACHE_DIR": "numba",
    "MPLCONFIGDIR": "matplotlib",
    "XDG_CACHE_HOME": "cache",
    "TORCH_HOME": "torch",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "HF_HOME": "huggingface",
    "KERAS_HOME": "keras",
}


def drop_host_modules() -> None:
    """Forget PYTHONPATH: the wrappers unset it, but /opt/dlc/bin/python may be called directly."""
    path = os.environ.pop("PYTHONPATH", "")
    foreign = {os.path.abspath(entry) for entry in path.split(os.pathsep) if entry}
    if foreign and not sys.flags.ignore_environment:
        sys.path[:] = [entry for entry in sys.path if not entry or os.path.abspath(entry) not in foreign]


def is_private(folder: str) -> bool:
    """Make the folder; tell whether it is ours alone and can be written (somebody else may have made it first)."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        facts = os.lstat(folder)
        return facts.st_uid == os.getuid() and not facts.st_mode & 0o077 and os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        return False


def can_use(folder: str) -> bool:
    return bool(folder) and os.path.isabs(folder) and os.access(folder, os.W_OK | os.X_OK)


def set_caches() -> None:
    """Point every cache that is not set to a usable folder into a private one of this user's."""
    wanted = [name for name in CACHES if not can_use(os.environ.get(name, ""))]
    homeless = not can_use(os.environ.get("HOME", ""))
    if not wanted and not homeless:
        return
    for parent in (os.environ.get("TMPDIR", ""), "/tmp", "/dev/shm"):
        base = os.path.join(parent, f"dlcctr-cache-{os.getuid()}")
        if can_use(parent) and is_private(base):
            break
    else:
        return
    for name in wanted:
        os.environ[name] = os.path.join(base, CACHES[name])
        is_private(os.environ[name])
    if homeless:
        os.environ["HOME"] = base


def set_defaults() -> None:
    os.environ.setdefault("DLClight", "True")
    os.environ.setdefault("MPLBACKEND", "Agg")
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    if "LOGNAME" not in os.environ and "USER" not in os.environ:
        # getpass.getuser() fails for a user id without an entry in /etc/passwd
        os.environ["LOGNAME"] = f"uid{os.getuid()}"


class TorchvisionFinder:
    """Declares the operators that torchvision misses beside CPU torch, just before its own code runs.

    Not in `find_spec` itself: torch asks for torchvision's spec in the middle of its own import.
    """

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "torchvision":
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def declare_and_execute(module: Any) -> None:
                declare_missing_operators()
                execute(module)

            spec.loader.exec_module = declare_and_execute  # type: ignore[method-assign]
        return spec


def declare_missing_operators() -> None:
    """Load our module by its path: in `python script.py` another package named entrypoint may come first.

    Under its own name, so that there is one of it: it holds the declarations, and a second one would clash.
    """
    import importlib.util

    name = "entrypoint.engines.torchvision_ops"
    file = os.path.join(os.path.dirname(__file__), "entrypoint", "engines", "torchvision_ops.py")
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            return
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    sys.modules[name].declare_missing()


drop_host_modules()
set_defaults()
set_caches()
sys.meta_path.insert(0, TorchvisionFinder())
