"""A real Grid Engine in one container: master, execution host, an ordinary user, Apptainer."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.cluster import engine
from tests.docker.apptainer import CHECKOUT

HERE = Path(__file__).parent
IMAGE = "dlcctr-bench:gridengine"
HOST = "ge"
USER = "student"
_PATH = "/usr/local/bin:/usr/bin:/bin"


class GridEngine:
    """One cell; a context manager that starts it and removes all of it.

    Parameters
    ----------
    shared : Path
        Folder of this machine that has the same name in the container; belongs to the ordinary user.
    """

    def __init__(self, shared: Path) -> None:
        self.shared = shared.resolve()
        self.uid = os.getuid() or 12345
        self._network: engine.Network | None = None
        self._container = ""

    def __enter__(self) -> GridEngine:
        subprocess.run(["sh", str(HERE / "build.sh"), "gridengine"], check=True, stdin=subprocess.DEVNULL)
        self.shared.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            os.chown(self.shared, self.uid, self.uid)
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> None:
        name = f"dlcctr-gridengine-{secrets.token_hex(4)}"
        label = f"dlcctr-cluster={name}"
        self._network = engine.make_network(name, label)
        address = f"{self._network.prefix}.2"
        options = engine.ContainerOptions(
            name=name,
            hostname=HOST,
            address=address,
            network=self._network,
            label=label,
            binds=(f"{self.shared}:{self.shared}", f"{CHECKOUT}:{CHECKOUT}:ro", f"{HERE}:/bench/scripts:ro"),
            env=(f"BENCH_UID={self.uid}", f"BENCH_HOME={self.shared}"),
            hosts=(),
        )
        self._container = engine.start_container(IMAGE, options, ["sh", "/bench/scripts/grid_engine.sh"])
        deadline = time.monotonic() + 90
        while self._execute(["test", "-e", "/run/gridengine/ready"], Path("/"), 30).returncode != 0:
            if time.monotonic() > deadline:
                raise RuntimeError(f"Grid Engine did not start: {engine.docker('logs', self._container)[-2000:]}")
            time.sleep(0.5)

    def _stop(self) -> None:
        engine.remove([self._container] if self._container else [], self._network.id if self._network else None)
        self._container, self._network = "", None

    def _execute(self, inside: Sequence[str], cwd: Path, timeout_s: float) -> subprocess.CompletedProcess[str]:
        # `timeout` in there: a killed client would leave the command running
        limit = ["timeout", "--kill-after=5", f"{timeout_s:g}"]
        argv = ["docker", "exec", "--workdir", str(cwd), self._container, *limit, *inside]
        return subprocess.run(
            argv,
            text=True,
            errors="replace",
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout_s + 30,
            check=False,
        )

    def run_as_user(self, argv: Sequence[str | Path], *, cwd: Path, code: int = 0, timeout_s: float = 120) -> str:
        """Run one command as the ordinary user, insist on its exit code, give what it printed."""
        login = {"HOME": str(self.shared), "USER": USER, "LOGNAME": USER, "SHELL": "/bin/bash", "PATH": _PATH}
        own = {"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"}
        words = [f"{name}={value}" for name, value in {**login, **own}.items()]
        as_user = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", "--inh-caps=-all"]
        done = self._execute([*as_user, "env", "-i", *words, *map(str, argv)], cwd, timeout_s)
        said = f"{done.stdout}\n{done.stderr}"
        assert done.returncode == code, f"{shlex.join(map(str, argv))}: {done.returncode}, not {code}: {said}"
        return done.stdout

    def dlcctr(self, *words: str | Path, cwd: Path, code: int = 0) -> str:
        """Run this checkout's `dlcctr` as the user."""
        return self.run_as_user(["python3", "-m", "dlcctr", *words], cwd=cwd, code=code)

    def wait(self, timeout_s: float) -> None:
        """Return when the queue is empty."""
        deadline = time.monotonic() + timeout_s
        while queue := self.run_as_user(["qstat"], cwd=self.shared).strip():
            if time.monotonic() > deadline:
                raise AssertionError(f"the queue is not empty after {timeout_s:g} s:\n{queue}")
            time.sleep(1)
