"""A private folder for every cache and temporary file of one run, removed afterwards."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dlcctr.contract import SCRATCH_PREFIX
from dlcctr.errors import OutputError
from dlcctr.system.disk import OTHER_SCRATCH
from dlcctr.system.kernel_locks import is_free
from dlcctr.system.locks import boot_id
from dlcctr.system.terminal.console import warn

LOCK_NAME = "owner.lock"
PROBE_BYTES = 1 << 16
UNLOCKED_S = 600.0
UNPROVEN_S = 30 * 24 * 3600.0
"""Seconds that are longer than any job runs."""
SCRATCH_VARIABLES = ("DLCCTR_SCRATCH", "SLURM_TMPDIR", "TMPDIR")

CACHE_FOLDERS = {
    "NUMBA_CACHE_DIR": "numba",
    "MPLCONFIGDIR": "matplotlib",
    "XDG_CACHE_HOME": "cache",  # fontconfig's too
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "TORCH_HOME": "torch",
    "TRITON_CACHE_DIR": "triton",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "HF_HOME": "huggingface",
    "KERAS_HOME": "keras",
    "TMPDIR": "tmp",
}
FIXED_VARIABLES = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",  # it asks the network for news when it is imported
    "PYTHONNOUSERSITE": "1",
    "DLClight": "True",
    "MPLBACKEND": "Agg",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # The first is DeepLabCut's, the second overrules what torch.load is called with: either lets a snapshot run code
    "TORCH_LOAD_WEIGHTS_ONLY": "true",
    "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "0",
}


@contextlib.contextmanager
def open_scratch(requested: Path | None, out: Path) -> Iterator[Path]:
    """Make a private folder (mode 0700) that is removed at the end, whatever happens.

    It lies in the first of these that can be written: `requested`, $DLCCTR_SCRATCH, $SLURM_TMPDIR, $TMPDIR,
    /tmp, `out`. One that was asked for and cannot be used is named on standard error. Scratch folders that killed
    processes of this user on this host left in the same place are removed first.

    Raises
    ------
    OutputError
        None of the folders can be written.
    """
    scratch, lock = _make(_candidates(requested, out))
    try:
        yield scratch
    finally:
        remove_tree(scratch)
        os.close(lock)


def private_environment(scratch: Path) -> dict[str, str]:
    """Variables that point every cache into `scratch`, and keep the network and the user's own settings out.

    The folders are made. HOME is kept where it can be written; USER and LOGNAME are set for a user id without an
    entry in the password file, where `getpass.getuser` would fail.
    """
    environment = dict(FIXED_VARIABLES)
    for variable, name in CACHE_FOLDERS.items():
        environment[variable] = str(_folder(scratch / name))
    if not _can_write(os.environ.get("HOME", "")):
        environment["HOME"] = str(_folder(scratch / "home"))
    user = _user_name()
    environment["USER"] = environment["LOGNAME"] = user
    return environment


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, read-only folders (copies of a read-only model) too.

    The lock goes last: where a removal is killed, the next `remove_stale` can tell and goes on.
    """

    def retry(function: Any, path: str, _: object) -> None:
        for each in (Path(path).parent, Path(path)):
            with contextlib.suppress(OSError):
                if stat.S_ISDIR(each.lstat().st_mode):
                    each.chmod(0o700)
        with contextlib.suppress(OSError):
            if function in (os.unlink, os.rmdir):
                function(path)
            else:
                shutil.rmtree(path, ignore_errors=True)

    with contextlib.suppress(OSError):
        for child in folder.iterdir():
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child, onerror=retry)
            elif child.name != LOCK_NAME:
                child.unlink()
    shutil.rmtree(folder, onerror=retry)


def _candidates(requested: Path | None, out: Path) -> list[tuple[str, Path]]:
    named = [("--scratch", requested)] if requested else []
    named += [(f"${name}", Path(os.environ[name])) for name in SCRATCH_VARIABLES if os.environ.get(name)]
    return [*named, ("/tmp", Path("/tmp")), ("the output folder", out)]


def _make(candidates: list[tuple[str, Path]]) -> tuple[Path, int]:
    refused = []
    for name, folder in candidates:
        try:
            made = _make_in(folder.expanduser().resolve())
        except OSError as error:
            refused.append(f"{name} ({folder}): {error.strerror or error}")
            continue
        if refused:
            warn(f"warning: scratch is in {folder}; not usable: {'; '.join(refused)}")
        return made
    raise OutputError(
        f"no folder for temporary files can be written: {'; '.join(refused)}",
        f"{OTHER_SCRATCH}; a container must see it (docker -v, apptainer --bind)",
    )


def _make_in(parent: Path) -> tuple[Path, int]:
    if not parent.is_dir():
        raise NotADirectoryError(20, "no such folder", str(parent))
    remove_stale(parent)
    scratch = Path(tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}{_machine()}-{os.getpid()}-", dir=parent))
    try:
        probe = scratch / "probe"
        probe.write_bytes(b"\0" * PROBE_BYTES)  # a full disk says so here
        probe.unlink()
        return scratch, _lock(scratch)
    except BaseException:
        remove_tree(scratch)
        raise


def _lock(scratch: Path) -> int:
    """Hold a lock for as long as this process lives; the file appears under its name already locked."""
    temporary = scratch / f"{LOCK_NAME}.new"
    handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_RDWR, 0o600)
    is_free(handle)
    temporary.rename(scratch / LOCK_NAME)
    return handle


def remove_stale(parent: Path) -> list[Path]:
    """Remove scratch folders whose owner is dead: this host's name, this user's, and nobody holds the lock.

    A lock and not the process id decides, since containers on one host have ids of their own. The kernel knows it for
    sure since this machine was started; an older folder may be of another machine of this name, on a disk that both
    share, and has to be `UNPROVEN_S` old. Without a lock its owner died while it made the folder, unless it is doing so
    right now.
    """
    removed = []
    for folder in parent.glob(f"{SCRATCH_PREFIX}{_host()}-*"):
        try:
            inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # a link, a file, or somebody else's
            continue
        try:
            is_left = _is_left(inside, folder.name.startswith(f"{SCRATCH_PREFIX}{_machine()}-"))
        except OSError:
            is_left = False
        finally:
            os.close(inside)
        if is_left:
            remove_tree(folder)
            removed.append(folder)
    return removed


def _is_left(folder: int, this_boot: bool) -> bool:
    """Whether an open folder is ours, has no living owner, and was never open to others."""
    facts = os.fstat(folder)
    if facts.st_uid != os.getuid() or facts.st_mode & 0o022:
        return False
    age_s = time.time() - facts.st_mtime
    try:
        lock = os.open(LOCK_NAME, os.O_RDWR | os.O_NOFOLLOW, dir_fd=folder)
    except FileNotFoundError:
        return age_s > (UNLOCKED_S if this_boot else UNPROVEN_S)
    try:
        return (this_boot or age_s > UNPROVEN_S) and is_free(lock)
    finally:
        os.close(lock)


def _machine() -> str:
    """Name of this machine since it was last started."""
    return f"{_host()}-{boot_id()[:8]}"


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", socket.gethostname())[:40] or "host"


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _can_write(folder: str) -> bool:
    """Whether a file can really be created there: permissions alone do not reveal a read-only file system."""
    if not folder:
        return False
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid{os.getuid()}"
