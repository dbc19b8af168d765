"""Campaigns made and looked at by the commands that people type."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def dlcctr(*words: str | Path, code: int = 0) -> str:
    """Run `dlcctr WORDS…`, insist on its exit code, give what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "dlcctr", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, f"exit code {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def make_campaign(manifest: Path, videos: Path, model: Path, *options: str | Path) -> Path:
    """`dlcctr manifest`, results beside the manifest. Gives the results' root."""
    out = manifest.parent / "results"
    dlcctr("manifest", videos, "-o", manifest, "--model", model, "--out", out, *options)
    return out


def check(manifest: Path, *options: str) -> dict[str, Any]:
    """`dlcctr check --json`, whatever its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "dlcctr", "check", str(manifest), "--json", *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 20), done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def states(manifest: Path) -> dict[str, str]:
    """State of every row by its video."""
    return {row["video"]: row["state"] for row in check(manifest)["rows"]}
