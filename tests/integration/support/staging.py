"""Two sides of a campaign: this machine, and the login node of the Slurm bench, reached by real ssh."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pty
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import append_rows, read_manifest, write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.campaign.spreadsheet import read_sheet
from dlcctr.campaign.videos.fingerprint import fingerprint
from tests.cluster.cluster import Cluster
from tests.docker.apptainer import CHECKOUT
from tests.unit.support.results import Bench, make_bench

HOST = "bench"
HOSTILE = (
    "it's $(touch PWNED) `touch PWNED`.mp4",
    "-rf.mp4",
    "#a;b|c&d.mp4",
    "line\nbreak/v.mp4",
    'q"uo"te\\.mp4',
    "*?[a].mp4",
    "ü é/日本.mp4",
    "~/ lead and trail .mp4",
    "a:b.mp4",
)


class Sides:
    """A campaign on this machine, an own folder at the other side, and this checkout's `dlcctr` between them.

    Parameters
    ----------
    sizes : dict
        Videos and their sizes in bytes; their bytes are random, and the same for the same name.
    """

    def __init__(self, cluster: Cluster, folder: Path, sizes: dict[str, int]) -> None:
        self.cluster = cluster
        self.folder = folder
        self.config = self.write_config("ssh.conf")
        self.bench = make_bench(folder / "here", list(sizes))
        for row in self.bench.rows:
            (self.bench.campaign.video_root / row.video).write_bytes(_noise(row.video, sizes[row.video]))
        self.bench.rows = [self._looked_at(index) for index in range(len(sizes))]
        write_manifest(self.bench.manifest, self.bench.rows)
        # the shared folder has one name on both sides, so this machine can look at what arrived
        self.far = cluster.scratch / f"it's a $(folder) {folder.name}"
        self.target = f"{HOST}:{self.far}"

    @property
    def manifest(self) -> Path:
        return self.bench.manifest

    def _looked_at(self, index: int) -> Row:
        row = self.bench.rows[index]
        path = self.bench.campaign.video_root / row.video
        return replace(row, bytes=path.stat().st_size, fingerprint=fingerprint(path))

    def write_config(self, name: str, **changes: str) -> Path:
        """A configuration of ssh, as people have one in ~/.ssh."""
        lines = {
            "HostName": self.cluster.address,
            "User": "student",
            "IdentityFile": f'"{self.cluster.ssh_key}"',
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": f'"{self.cluster.known_hosts}"',
            "StrictHostKeyChecking": "yes",
            "ServerAliveInterval": "2",
            "ServerAliveCountMax": "2",
            **changes,
        }
        file = self.folder / name
        file.write_text(f"Host {HOST}\n" + "".join(f"  {key} {value}\n" for key, value in lines.items()))
        return file

    def start(self, *words: str | Path, config: Path | None = None) -> subprocess.Popen[str]:
        """Start `dlcctr` without a terminal."""
        argv = [sys.executable, "-B", "-m", "dlcctr", *map(str, words)]
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            start_new_session=True,
            # what a script starts in the background ignores Ctrl-C, and so would its children
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
            env={**os.environ, "PYTHONPATH": str(CHECKOUT), "DLCCTR_SSH": f"ssh -F '{config or self.config}'"},
        )

    def run(self, *words: str | Path, config: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run `dlcctr` to its end."""
        process = self.start(*words, config=config)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def push(self, *options: str | Path, config: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self.run("push", self.manifest, self.target, *options, config=config)

    def fetch(self, *options: str | Path, config: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self.run("fetch", self.manifest, *options, config=config)

    def answer(self, words: Sequence[str | Path], config: Path, prompt: bytes, reply: bytes) -> tuple[int, bytes, int]:
        """Run `dlcctr` on a terminal and answer a question; gives its exit code, all that it showed, and how often it
        asked.
        """
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(PYTHONPATH=str(CHECKOUT), TERM="xterm", DLCCTR_SSH=f"ssh -F '{config}'")
            os.chdir(self.folder)
            os.execv(sys.executable, [sys.executable, "-B", "-m", "dlcctr", *map(str, words)])
        shown, asked = b"", 0
        with contextlib.suppress(OSError):  # what the terminal gives once its last process has ended
            while chunk := os.read(terminal, 4096):
                shown += chunk
                if shown.count(prompt) > asked:
                    asked += 1
                    os.write(terminal, reply + b"\n")
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        return os.waitstatus_to_exitcode(status), shown, asked

    def kill_at(self, words: Sequence[str | Path], after_s: float) -> bool:
        """Start `dlcctr` and kill it (that one process, as the kernel would for memory); False where it had ended."""
        process = self.start(*words)
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
        return process.returncode == -signal.SIGKILL

    def far_bench(self) -> Bench:
        """The campaign as it is at the other side."""
        manifest = self.far / self.manifest.name
        return Bench(manifest, read_campaign(manifest), read_manifest(manifest))

    def finish(self, *indices: int, n_bytes: int = 0) -> None:
        """Put results at the other side, as tasks would."""
        bench = self.far_bench()
        for index in indices:
            folder = bench.commit(index)
            (folder / "big.pickle").write_bytes(_noise(f"result {index}", n_bytes))
            bench.write_receipt(index)

    def append(self, name: str, n_bytes: int) -> None:
        """Add a video and its row."""
        path = self.bench.campaign.video_root / name
        path.write_bytes(_noise(name, n_bytes))
        row = replace(self.bench.rows[0], index=len(self.bench.rows), video=name, bytes=n_bytes,
                      fingerprint=fingerprint(path))  # fmt: skip
        append_rows(read_sheet(self.manifest), [row])
        self.bench.rows.append(row)

    def half_files(self) -> list[str]:
        """Videos at the other side that have their final name and are not whole."""
        prints = {row.video: row.fingerprint for row in self.bench.rows}
        root = self.far / "videos"
        files = [path for path in root.rglob("*") if path.is_file() and not _is_private(path.relative_to(root))]
        names = [path.relative_to(root).as_posix() for path in files]
        return [name for name in names if prints.get(name) != fingerprint(root / name)]

    def processes(self) -> list[str]:
        """Command lines of this machine's processes that name the other side's folder."""
        lines = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                lines.append(file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        return [line for line in lines if str(self.far) in line]

    def login_file(self, name: str, text: str) -> Path:
        """Write a file into the user's home there."""
        file = self.cluster.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
        return file


def _is_private(path: Path) -> bool:
    # rsync's own temporary names are .NAME.XXXXXX
    return any(part.startswith(".") for part in path.parts)


def _noise(name: str, n_bytes: int) -> bytes:
    return random.Random(name).randbytes(n_bytes)


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder and its hash."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def wait_until(predicate: Callable[[], object], timeout_s: float = 20) -> None:
    end = time.monotonic() + timeout_s
    while not predicate():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)
