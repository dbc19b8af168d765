"""scripts/engine.sh beside fakes of docker and dockerd: who starts the engine, and when it may be stopped."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcctr.system.source_tree import own_sources

DOCKER = """\
#!/bin/sh
case $1 in
info) [ -f {folder}/up ] ;;
ps) cat {folder}/containers 2>/dev/null || true ;;
esac
"""
DOCKERD = """\
#!/bin/sh
echo started >>{folder}/starts
touch {folder}/up
trap 'rm -f {folder}/up; exit 0' TERM
while :; do sleep 0.05; done
"""
ROOT = "#!/bin/sh\necho 0\n"
"""The script starts an engine for root alone; these tests are anybody's."""


class Engine:
    """The script with a folder of its own in place of /run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in (("docker", DOCKER), ("dockerd", DOCKERD), ("apt-get", "#!/bin/sh\nexit 1\n"), ("id", ROOT)):
            program = folder / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(text.format(folder=folder), encoding="utf-8")
            program.chmod(0o755)
        path = f"{folder / 'bin'}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "DLCCTR_ENGINE_RUN": str(folder)}
        self.script = own_sources().path("scripts/engine.sh")

    def call(self, *words: str) -> str:
        done = subprocess.run(
            ["sh", self.script, *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    @property
    def is_up(self) -> bool:
        return (self.folder / "up").exists()

    def wait_until_down(self) -> bool:
        for _ in range(600):
            if not self.is_up:
                return True
            time.sleep(0.05)
        return False

    def kill(self) -> None:
        pid = self.folder / "dlcctr-dockerd.pid"
        if pid.exists():
            subprocess.run(["kill", pid.read_text().strip()], check=False)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path)
    yield made
    made.kill()


def test_it_is_started_once_and_stopped_by_who_started_it(engine: Engine) -> None:
    assert "started dockerd" in engine.call()
    assert engine.call() == ""
    assert (engine.folder / "starts").read_text() == "started\n"
    engine.call("stop")
    assert engine.wait_until_down()


def test_an_engine_of_somebody_else_is_never_stopped(engine: Engine) -> None:
    (engine.folder / "up").touch()
    assert engine.call() == ""
    engine.call("stop")
    assert engine.is_up


def test_it_is_not_stopped_under_a_command_that_uses_it(engine: Engine) -> None:
    argv = ["sh", engine.script, "run", "sh", "-c", "echo ready; read line"]
    with subprocess.Popen(
        argv, env=engine.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin and other.stdout
        assert "started dockerd" in other.stdout.readline()
        assert other.stdout.readline() == "ready\n"
        assert "another command uses it" in engine.call("stop")
        assert engine.is_up
        other.stdin.write("\n")
        other.stdin.close()
        assert other.wait(timeout=60) == 0
    engine.call("stop")
    assert engine.wait_until_down()


def test_it_is_not_stopped_under_a_container(engine: Engine) -> None:
    engine.call()
    (engine.folder / "containers").write_text("0123456789ab\n")
    assert "containers use it" in engine.call("stop")
    assert engine.is_up


def test_the_commands_own_exit_code_comes_through(engine: Engine) -> None:
    done = subprocess.run(
        ["sh", engine.script, "run", "sh", "-c", "exit 7"], env=engine.environment, check=False, capture_output=True
    )
    assert done.returncode == 7
