"""Commands about jobs, typed on a lab's machine without Slurm: they run on the login node over real ssh.

Advice is read where it was typed, so each suggested command is pasted there, as it stands.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dlcctr.contract import ExitCode
from tests.cluster.cluster import Cluster
from tests.docker.apptainer import CHECKOUT
from tests.integration.support.slurm_campaign import OPTIONS, own
from tests.integration.test_slurm_campaign import held_back, model, sif  # noqa: F401
from tests.integration.test_watch import Lab
from tests.unit.support.suggestions import in_sentence

pytestmark = pytest.mark.real

FOLDER = "it's my lab"
TYPED = f"{FOLDER}/m.csv"


class Desk:
    """A person's shell on the lab's machine, in the folder above the campaign's."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        programs = lab.folder / "bin"
        programs.mkdir()
        (programs / "dlcctr").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dlcctr "$@"\n')
        (programs / "dlcctr").chmod(0o755)
        ssh = f"ssh -F {shlex.quote(str(lab.config))}"
        path = f"{programs}:/usr/bin:/bin"
        self.environment = {**os.environ, "PATH": path, "PYTHONPATH": str(CHECKOUT), "DLCCTR_SSH": ssh}

    def paste(self, line: str, code: int = 0, stdin: str = "") -> str:
        """Paste a line into the shell; gives both outputs, insists on its exit code."""
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.lab.folder.parent,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == code, f"{line} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def type(self, command: str, *words: str | Path, code: int = 0) -> str:
        """Type a command for the manifest."""
        more = " ".join(f"'{word}'" for word in words)
        return self.paste(f'dlcctr {command} "{TYPED}" {more}', code)


def suggested(shown: str) -> list[str]:
    """Commands that an output suggests, as they can be copied."""
    return [f"dlcctr {each.words.strip()}" for line in shown.split("\n")
            for each in in_sentence(line, "shown", is_mention=False)]  # fmt: skip


@pytest.fixture
def desk(cluster: Cluster, model: Path, sif: Path, tmp_path: Path) -> Iterator[Desk]:  # noqa: F811
    subprocess.run(["sh", str(CHECKOUT / "scripts" / "staging-tools.sh")], check=True)
    (tmp_path / FOLDER).mkdir()
    yield Desk(Lab(tmp_path / FOLDER, cluster, model, sif))


def test_jobs_are_submitted_watched_cancelled_and_resubmitted_from_here(
    desk: Desk,
    held_back: Callable[[], None],  # noqa: F811
) -> None:
    far = desk.lab.cluster.scratch / "from the lab"
    pushed = desk.type("push", f"bench:{far}")
    assert f"dlcctr submit '{FOLDER}".replace("it's", "it'\"'\"'s") in pushed
    sent = desk.type("submit", "--image", desk.lab.sif, *OPTIONS)
    assert f"on bench:{far}:" in sent
    assert re.search(r"job [0-9]+: dlcctr-m-", sent)

    (look,) = suggested(sent)
    waiting = desk.paste(look, code=ExitCode.TRY_AGAIN)
    assert "pending" in waiting
    answer = json.loads(desk.paste(f"{look} --json 2>/dev/null", code=ExitCode.TRY_AGAIN))
    assert {row["phase"] for row in answer["rows"]} == {"pending"}

    refused = desk.type("cancel", code=ExitCode.USAGE)
    assert "nothing was cancelled" in refused
    cancelled = desk.type("cancel", "--yes")
    (look,) = suggested(cancelled)
    failed = desk.paste(look, code=ExitCode.UNFINISHED)
    resubmit, logs = suggested(failed)
    assert "resubmit" in resubmit
    assert "has written no log yet" in desk.paste(logs, code=ExitCode.MANIFEST)

    held_back()
    assert "no terminal to confirm on" in desk.paste(resubmit, code=ExitCode.USAGE)
    again = desk.paste(f"{resubmit} --yes")
    (look,) = suggested(again)
    done = desk.paste(f"{look} --wait --interval 2")
    fetch, check = suggested(done)
    assert "row 0 (" in desk.type("logs", "0")
    assert "fetched 1 row" in desk.paste(fetch)
    assert "1 row: 1 whole" in desk.paste(check)
    assert not list(desk.lab.folder.parent.rglob("pwned"))


def test_what_goes_wrong_there_is_said_here(desk: Desk) -> None:
    far = desk.lab.cluster.scratch / "wrong"
    desk.type("push", f"bench:{far}")
    said = desk.type("status", "--rows", "0", code=ExitCode.USAGE)
    assert "No such option" in said
    nothing = desk.type("resubmit", code=ExitCode.USAGE)
    (submit,) = suggested(nothing)
    assert "dlc.sif: the image does not exist" in desk.paste(submit, code=ExitCode.TOOL_MISSING)
    no_speed = desk.paste(f"{submit} --image '{desk.lab.sif}'", code=ExitCode.USAGE)
    assert "speed of a GPU is not known" in no_speed
    campaign = desk.lab.folder / "campaign.toml"
    campaign.write_text(campaign.read_text() + 'program = "no-such-dlcctr"\n')
    assert "no-such-dlcctr was not found" in desk.type("status", code=ExitCode.TOOL_MISSING)


@pytest.fixture
def profile(desk: Desk) -> Iterator[Path]:
    """The user's own profile on the cluster, which wants a notice by a command: it writes into a file."""
    home = desk.lab.cluster.home
    told = home / "what was told"
    folder = home / ".config" / "dlcctr" / "sites"
    folder.mkdir(parents=True)
    (folder / "default.toml").write_text(
        f'[slurm]\ngres = "gpu:1"\naccount = "lab"\nmem_gb = 3\n[notice]\ncommand = "tee \'{told}\'"\n'
    )
    own(desk.lab.cluster, home / ".config")
    yield told
    shutil.rmtree(folder)
    told.unlink(missing_ok=True)


def test_a_notice_comes_when_the_jobs_have_ended(desk: Desk, profile: Path) -> None:
    far = desk.lab.cluster.scratch / "told"
    desk.type("push", f"bench:{far}")
    sent = desk.type("submit", "--image", desk.lab.sif, "--allow-cpu", "--fps", "20")
    assert re.search(r"job [0-9]+ sends the notice", sent), sent
    desk.lab.cluster.wait_until_idle(600)
    logs = [file.read_text() for file in (far / "slurm" / "m" / "logs").glob("notice_*.log")]
    assert profile.is_file(), logs
    assert re.fullmatch(r"told/m\.csv: [\w ]+ whole\n", profile.read_text()), profile.read_text()
    assert "the command ended with 0" in logs[0]
