"""Commands about jobs, typed on a lab's machine, run where the campaign was pushed to. ssh is a script here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlcctr.contract import ExitCode
from dlcctr.system.source_tree import own_sources
from tests.unit.support.results import make_bench

SSH = """\
#!/bin/sh
# The host is the word before the last; the last is the line for its shell, which starts in the home folder there
for word; do
    [ "$word" = -G ] && exit 1
    host=$line
    line=$word
done
echo "$host" >>"{folder}/hosts"
cd "{folder}/home" && PATH="{folder}/there:$PATH" exec sh -c "$line"
"""
PROGRAM = """\
#!{python}
import json, os, sys
json.dump([os.getcwd(), sys.argv[1:], sys.stdin.read()], open("{folder}/called", "w"))
open("{folder}/typed", "w").write(os.environ.get("DLCCTR_TYPED_MANIFEST", ""))
print("12 rows are whole")
sys.exit({code})
"""
COMMANDS = ["status", "submit", "resubmit", "logs", "cancel"]


class Lab:
    def __init__(self, folder: Path, code: int = 0, remote: str = 'host = "bench"\nfolder = "scratch/mice"\n') -> None:
        self.folder = folder
        self.bench = make_bench(folder / "here", ["a.mp4"])
        campaign = self.bench.manifest.parent / "campaign.toml"
        campaign.write_text(campaign.read_text(encoding="utf-8") + f"\n[remote]\n{remote}", encoding="utf-8")
        (folder / "home" / "scratch" / "mice").mkdir(parents=True)
        self._program(folder / "bin" / "ssh", SSH.format(folder=folder))
        self._program(folder / "there" / "dlcctr", PROGRAM.format(folder=folder, python=sys.executable, code=code))

    def _program(self, file: Path, text: str) -> None:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)

    def call(self, *words: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """The real command in the folder of the campaign's folder, on a machine without Slurm."""
        return subprocess.run(
            [sys.executable, "-m", "dlcctr", *map(str, words)],
            cwd=self.bench.manifest.parent.parent,
            env={**os.environ, "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "PYTHONPATH": str(own_sources().root)},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def called(self) -> tuple[Path, list[str], str]:
        folder, words, stdin = json.loads((self.folder / "called").read_text(encoding="utf-8"))
        return Path(folder), words, stdin

    @property
    def was_called(self) -> bool:
        return (self.folder / "called").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_it_runs_in_the_campaigns_folder_there_with_its_own_words(command: str, tmp_path: Path) -> None:
    lab = Lab(tmp_path, code=20)
    row = ["0"] if command == "logs" else []
    options = ["--lines", "5"] if command == "logs" else ["--json"]
    done = lab.call(command, f"here/{lab.bench.manifest.name}", *row, *options, stdin="y\n")
    assert (done.returncode, done.stdout) == (20, "12 rows are whole\n"), done.stderr
    assert done.stderr == "on bench:scratch/mice:\n"
    folder, words, stdin = lab.called()
    assert folder == lab.folder / "home" / "scratch" / "mice"
    assert words == [command, lab.bench.manifest.name, *row, *options]
    assert stdin == "y\n"
    assert (lab.folder / "hosts").read_text() == "bench\n"


def test_the_manifest_is_found_behind_options_and_in_another_spelling(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.call("submit", "--rows", "0", f"./here/../here/{lab.bench.manifest.name}", "--canary")
    assert lab.called()[1] == ["submit", "--rows", "0", lab.bench.manifest.name, "--canary"]


def test_the_other_side_knows_how_the_manifest_was_typed(tmp_path: Path) -> None:
    """Advice is read on this machine: it has to be typed here."""
    lab = Lab(tmp_path)
    (tmp_path / "it's $(touch pwned)").symlink_to(lab.bench.manifest.parent)
    typed = f"{tmp_path}/it's $(touch pwned)/{lab.bench.manifest.name}"
    lab.call("status", typed)
    assert (lab.folder / "typed").read_text() == typed
    assert not list(tmp_path.rglob("pwned"))


def test_the_other_sides_program_is_the_campaigns(tmp_path: Path) -> None:
    lab = Lab(tmp_path, remote='host = "bench"\nfolder = "scratch/mice"\nprogram = "my dlcctr"\n')
    (lab.folder / "there" / "dlcctr").rename(lab.folder / "there" / "my dlcctr")
    assert lab.call("status", lab.bench.manifest).returncode == 0
    assert lab.was_called


def test_without_dlcctr_there_the_remedy_is_said(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    (lab.folder / "there" / "dlcctr").unlink()
    done = lab.call("status", lab.bench.manifest)
    assert done.returncode == ExitCode.TOOL_MISSING
    assert "bench: dlcctr was not found" in done.stderr
    assert "`program` in [remote] of campaign.toml" in done.stderr


def test_a_folder_that_is_gone_there_is_named(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    (lab.folder / "home" / "scratch" / "mice").rmdir()
    done = lab.call("status", f"here/{lab.bench.manifest.name}")
    assert done.returncode == ExitCode.USAGE
    assert "bench:scratch/mice: there is no such folder" in done.stderr
    assert f"dlcctr push here/{lab.bench.manifest.name}" in done.stderr
    assert not lab.was_called


def test_a_broken_connection_is_worth_another_try(tmp_path: Path) -> None:
    lab = Lab(tmp_path, code=255)
    done = lab.call("status", lab.bench.manifest)
    assert done.returncode == ExitCode.TRY_AGAIN
    assert "the connection was lost" in done.stderr


@pytest.mark.parametrize("reason", ["--here", "slurm is here", "squeue's text is given", "never pushed"])
def test_it_stays_here_where_this_machine_can_answer(reason: str, tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    words: list[str | Path] = ["status", lab.bench.manifest]
    if reason == "--here":
        words.append("--here")
    elif reason == "slurm is here":
        for name in ("sbatch", "squeue", "sacct"):
            lab._program(lab.folder / "bin" / name, "#!/bin/sh\nexit 1\n")
    elif reason == "squeue's text is given":
        (tmp_path / "squeue.txt").write_text("JOBID\n")
        words += ["--squeue", tmp_path / "squeue.txt"]
    else:
        campaign = lab.bench.manifest.parent / "campaign.toml"
        campaign.write_text(campaign.read_text().partition("\n[remote]")[0])
    done = lab.call(*words)
    assert not lab.was_called
    assert "on bench" not in done.stderr
