from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dlcctr.errors import CommandFailedError, ManifestError
from dlcctr.runtime import image_command, stopping
from dlcctr.runtime.base import Command, Job
from dlcctr.runtime.choose import RuntimeOptions
from dlcctr.runtime.image_command import run_image_command, run_on_campaign
from tests.unit.support.results import make_bench


@dataclass
class Scripted:
    """A runtime whose command is a Python script; keeps the jobs that it was given, and those that it cleaned."""

    script: str
    contained: bool = True
    name: str = "scripted"
    subject: str = "a script"
    jobs: list[Job] = field(default_factory=list)
    cleaned: list[str] = field(default_factory=list)

    def command(self, job: Job) -> Command:
        self.jobs.append(job)
        return Command([sys.executable, "-c", self.script, *job.words], dict(os.environ))

    def clean(self, job: Job) -> None:
        self.cleaned.append(job.name)


def test_it_prints_where_this_process_prints_and_returns_the_commands_code(capfd: pytest.CaptureFixture[str]) -> None:
    runtime = Scripted("import sys; print(sys.argv[1:]); print('oh', file=sys.stderr); sys.exit(5)")
    assert run_image_command(["quality", "m.csv"], runtime) == 5
    assert capfd.readouterr() == ("['quality', 'm.csv']\n", "oh\n")
    assert runtime.cleaned == []  # a container that ended by itself removes itself


@pytest.mark.parametrize(
    ("end", "said"), [("sys.exit(125)", "ended with code 125"), ("os.kill(os.getpid(), 9)", "too little memory")]
)
def test_a_runtime_that_fails_is_an_error_of_its_own(end: str, said: str) -> None:
    runtime = Scripted(f"import os, sys; {end}")
    with pytest.raises(CommandFailedError, match=said):
        run_image_command(["quality"], runtime)
    assert runtime.cleaned == [runtime.jobs[0].name]


WAITS = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit({code}))
open({ready!r}, "w").close()
time.sleep(600)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open({ready!r}, "w").close()
time.sleep(600)
"""


def send_when(ready: Path, *signals: int) -> threading.Thread:
    """Signal this process once the file is there."""

    def send() -> None:
        while not ready.exists():
            time.sleep(0.02)
        for number in signals:
            os.kill(os.getpid(), number)
            time.sleep(0.3)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("script", "signals", "code"),
    [(WAITS, [signal.SIGINT], 75), (WAITS, [signal.SIGTERM], 75), (DEAF, [signal.SIGTERM, signal.SIGTERM], 75)],
)
def test_signals_stop_it_in_order_and_then_for_good(tmp_path: Path, script: str, signals: list[int], code: int) -> None:
    ready = tmp_path / "ready"
    thread = send_when(ready, *signals)
    runtime = Scripted(script.format(ready=str(ready), code=75))
    assert run_image_command(["step"], runtime) == code
    thread.join()


def test_what_does_not_stop_is_killed_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "GRACE_S", 0.2)
    ready = tmp_path / "ready"
    thread = send_when(ready, signal.SIGTERM)
    runtime = Scripted(DEAF.format(ready=str(ready)))
    assert run_image_command(["step"], runtime) == 75
    assert runtime.cleaned == [runtime.jobs[0].name]
    thread.join()


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Callable[[Scripted], Scripted]:
    def choose(runtime: Scripted) -> Scripted:
        monkeypatch.setattr(image_command, "pick_runtime", lambda *_: runtime)
        return runtime

    return choose


def test_a_campaign_is_seen_and_only_what_may_change_can_be_written(
    tmp_path: Path, chosen: Callable[[Scripted], Scripted]
) -> None:
    bench, out = make_bench(tmp_path, ["a.mp4", "b.mp4"]), tmp_path / "to label"
    out.mkdir()
    bench.commit(0)
    runtime = chosen(Scripted("pass"))
    run_on_campaign(bench.manifest, ["outliers"], RuntimeOptions(), writable=[out])
    run_on_campaign(bench.manifest, ["step"], RuntimeOptions(), changes_results=True, scratch=True)
    outliers, step = runtime.jobs
    assert outliers.words == ["outliers"]
    assert {each.target for each in outliers.binds if each.writable} == {out}
    assert any(bench.manifest.is_relative_to(each.target) for each in outliers.binds)
    scratch = Path(step.words[step.words.index("--scratch") + 1])
    assert not scratch.exists()  # removed at the end
    results = image_command.read_campaign(bench.manifest).out
    assert {each.target for each in step.binds if each.writable} == {scratch, results}
    assert len({outliers.name, step.name}) == 2


def test_rows_that_do_not_exist_are_refused_before_anything_starts(
    tmp_path: Path, chosen: Callable[[Scripted], Scripted]
) -> None:
    runtime = chosen(Scripted("pass"))
    with pytest.raises(Exception, match="999"):
        run_on_campaign(make_bench(tmp_path, ["a.mp4", "b.mp4"]).manifest, ["quality"], RuntimeOptions(), rows="999")
    with pytest.raises(ManifestError):
        run_on_campaign(tmp_path / "none.csv", ["quality"], RuntimeOptions())
    assert runtime.jobs == []


HOST_AND_IMAGE = {
    "quality": (["--rows", "0", "--no-pictures", "--again"], ["--rows", "0", "--no-pictures", "--again"]),
    "outliers": (
        ["--frames", "7", "--rows", "0", "--apart-s", "2.5", "--seed", "3"],
        ["--frames", "7", "--apart-s", "2.5", "--seed", "3", "--rows", "0"],
    ),
    "step": (["filter", "--rows", "0", "--again"], ["filter", "--rows", "0", "--again"]),
}


@pytest.mark.parametrize("name", HOST_AND_IMAGE)
def test_options_reach_the_images_command_which_has_them(
    tmp_path: Path, chosen: Callable[[Scripted], Scripted], name: str
) -> None:
    from typer.main import get_command
    from typer.testing import CliRunner

    from dlcctr.cli import make_app
    from entrypoint.app import app as image

    given, wanted = HOST_AND_IMAGE[name]
    bench, runtime, out = (
        make_bench(tmp_path, ["a.mp4", "b.mp4"]),
        chosen(Scripted("raise SystemExit(4)")),
        tmp_path / "to-label",
    )
    manifest = ["--manifest", str(bench.manifest)] if name == "step" else [str(bench.manifest)]
    more = ["-o", str(out)] if name == "outliers" else []
    found = CliRunner().invoke(make_app(), [name, *manifest, *given, *more])
    assert found.exit_code == 4, found.output
    words = runtime.jobs[0].words
    assert [word for word in wanted if word not in words] == []
    assert str(bench.manifest) in words
    command = get_command(image).get_command(None, name)  # type: ignore[attr-defined, arg-type]
    command.make_context(name, list(words[1:]))  # the image's program takes these words
    if name == "outliers":
        assert words[words.index("--out") + 1] == str(out) and out.is_dir()


def test_advice_of_a_command_that_the_host_started_is_the_hosts(tmp_path: Path) -> None:
    script = "from dlcctr.commands import in_image as i; i.enter_image('dlc'); print(i.here('dlcctr quality m.csv'))"
    for value, said in (("", "dlc quality m.csv"), ("1", "dlcctr quality m.csv")):
        env = {**os.environ, "CALLED_BY_DLCCTR": value, "APPTAINER_CONTAINER": "", "SINGULARITY_CONTAINER": ""}
        found = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
        assert found.stdout.strip() == said
