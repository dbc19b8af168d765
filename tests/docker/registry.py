"""A real registry on this machine: Debian's docker-registry, on a free port, with a folder of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "bench"
_CONFIG = """\
version: 0.1
log:
  level: warn
storage:
  filesystem:
    rootdirectory: {data}
http:
  addr: 127.0.0.1:{port}
"""


def registry_program() -> Path:
    """Path of docker-registry: the installed one, or unpacked from Debian's package without installing it."""
    installed = shutil.which("docker-registry")
    if installed:
        return Path(installed)
    program = _CACHE / "registry" / "usr" / "bin" / "docker-registry"
    if program.is_file():
        return program
    if not shutil.which("apt-get"):
        raise RuntimeError(
            "docker-registry was not found: install it (Debian, Ubuntu: apt-get install docker-registry)"
        )
    _CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_CACHE) as name:
        fetch = ["apt-get", "download", "docker-registry"]
        if subprocess.run(fetch, cwd=name, capture_output=True, check=False).returncode != 0:
            subprocess.run(["apt-get", "update", "-qq"], check=True)
            subprocess.run(fetch, cwd=name, capture_output=True, check=True)
        package = next(Path(name).glob("*.deb"))
        unpacked = Path(name) / "unpacked"
        subprocess.run(["dpkg-deb", "-x", str(package), str(unpacked)], check=True)
        if not program.is_file():
            unpacked.rename(_CACHE / "registry")
    return program


@contextmanager
def running_registry(folder: Path) -> Iterator[str]:
    """Start a registry; gives ``127.0.0.1:PORT`` and stops it, by its own process id, at the end."""
    program = registry_program()
    port = _free_port()
    config = folder / "config.yml"
    config.write_text(_CONFIG.format(data=folder / "data", port=port), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [str(program), "serve", str(config)], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder
        )
    try:
        _wait_until_it_answers(server, f"http://127.0.0.1:{port}/v2/", folder / "log")
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(100):
        try:
            with direct.open(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        if server.poll() is not None:
            break
    raise RuntimeError(f"docker-registry did not start:\n{log.read_text(errors='replace')[-2000:]}")
