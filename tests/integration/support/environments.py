"""Environments of their own, below .cache/, for programs that tests use: hashed packages, made once."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from dlcctr.system.locks import waiting_lock
from tests.docker.apptainer import CHECKOUT


def environment_python(name: str) -> Path:
    """Python of the environment of ``requirements/<name>.lock``, made if it is not there yet."""
    lock, folder = CHECKOUT / "requirements" / f"{name}.lock", CHECKOUT / ".cache" / name
    marker, key = folder / "packages", hashlib.sha256(lock.read_bytes()).hexdigest()
    with waiting_lock(folder.with_suffix(".lock")):
        if not marker.is_file() or marker.read_text() != key:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            words = ["-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
            subprocess.run([str(folder / "bin" / "python"), *words, "-r", str(lock)], check=True)
            marker.write_text(key)
    return folder / "bin" / "python"
