"""The code of this dlcctr as a thin environment above installed packages, so that running jobs see no change of it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from dlcctr.system.locks import waiting_lock
from dlcctr.system.source_tree import PACKAGES, SourceTree, own_sources

MARKER = "dlcctr-complete"
"""File that is written last: an environment without it is incomplete and is made again."""


def make_code_layer(packages: Path) -> Path:
    """Thin environment above `packages` with a copy of this dlcctr; built beside its place and renamed."""
    source = own_sources()
    folder = packages.with_name(f"code-{packages.name.removeprefix('env-')}-{code_digest(source)}")
    python = folder / "bin" / "python"
    if is_whole(folder):
        return python
    with waiting_lock(lock_file(folder)):
        if is_whole(folder):
            return python
        shutil.rmtree(folder, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix="making-", dir=folder.parent))
        try:
            _fill_code_layer(fresh, packages, source)
            fresh.chmod(0o755)  # mkdtemp makes it 0700; a group may share its cache
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return python


def _fill_code_layer(folder: Path, packages: Path, source: SourceTree) -> None:
    """Write what `python -m venv` would, but without absolute paths, so that it can be renamed."""
    base = packages / "bin" / "python"
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(base.resolve())
    settings = (packages / "pyvenv.cfg").read_text(encoding="utf-8")
    (folder / "pyvenv.cfg").write_text(settings, encoding="utf-8")
    heavy = site_packages(packages)
    site = folder / heavy.relative_to(packages)
    site.mkdir(parents=True)
    for name, path in _files(source):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, site / name)
    (site / "dlcctr_packages.pth").write_text(f"import site; site.addsitedir({str(heavy)!r})\n", encoding="utf-8")
    (folder / MARKER).write_text(f"{source.root}\n", encoding="utf-8")


def site_packages(environment: Path) -> Path:
    """Folder of the packages of an environment."""
    return next((environment / "lib").glob("python3*/site-packages"))


def code_digest(source: SourceTree) -> str:
    """Hexadecimal digits that identify the content of the packages, wherever they are."""
    files = [(name, path) for name, path in _files(source) if path.suffix == ".py"]
    return digest(*(text for name, path in files for text in (name, path.read_text("utf-8"))))


def _files(source: SourceTree) -> list[tuple[str, Path]]:
    return [each for package in PACKAGES for each in source.walk(package)]


def digest(*texts: str) -> str:
    """Twelve hexadecimal digits that identify a content."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def lock_file(folder: Path) -> Path:
    """Lock beside an environment, so that two runs that start together do not both build it."""
    return folder.with_name(f".{folder.name}.lock")


def is_whole(folder: Path) -> bool:
    """Whether an environment is complete and its Python still exists."""
    # A Python that was removed since leaves a dangling link behind.
    return (folder / MARKER).is_file() and (folder / "bin" / "python").exists()
