"""Limits of arrays and of waiting tasks, as this machine's Slurm answers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dlcctr.errors import CommandFailedError
from dlcctr.planning.options import Limits
from dlcctr.slurm.site import ask

RECORDED = Path(__file__).parents[2] / "recorded/slurm-26.05/scontrol-show-config.out"
CONFIG = RECORDED.read_text(encoding="utf-8")


def answer(monkeypatch: pytest.MonkeyPatch, answers: dict[str, str]) -> None:
    def run(argv: tuple[str, ...], **_: object) -> subprocess.CompletedProcess[str]:
        if argv[0] not in answers:
            raise CommandFailedError("it failed", "")
        return subprocess.CompletedProcess(argv, 0, answers[argv[0]], "")

    monkeypatch.setattr(ask, "run", run)


@pytest.mark.parametrize(
    ("config", "size"),
    [
        (CONFIG, 1001),
        (CONFIG.replace("1001", "201"), 201),
        ("MaxArraySize            = 201\n", 201),
        ("slurm_load_ctl_conf error: Unable to contact slurm controller", 1001),
    ],
)
def test_the_size_of_an_array_is_slurms_or_its_default(config: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, {"scontrol": config})
    assert ask.ask_limits().max_array_size == size


def test_limits_are_asked_of_this_machines_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, {"scontrol": CONFIG, "sacctmgr": "500\n\n1000\n"})
    assert ask.ask_limits() == Limits(1001, 500, "scontrol and sacctmgr")
    answer(monkeypatch, {"scontrol": CONFIG, "sacctmgr": "\n"})
    assert ask.ask_limits() == Limits(1001, None, "scontrol")
    answer(monkeypatch, {"scontrol": CONFIG})
    assert ask.ask_limits() == Limits(1001, None, "scontrol")


def test_limits_are_assumed_where_there_is_no_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert ask.ask_limits().max_array_size == 1001
    assert "assumed" in ask.ask_limits().source


class TwoClusters:
    """One slurmdbd for two clusters: sacctmgr lists the associations of both unless one is named."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, argv: tuple[str, ...], **_: object) -> subprocess.CompletedProcess[str]:
        self.asked.append(argv)
        name = next((word.partition("=")[2] for word in argv if word.startswith("--clusters=")), "fox")
        of = next((word.partition("=")[2] for word in argv if word.startswith("cluster=")), "")
        limits = {"fox": "50", "owl": "5"}
        text = {
            "scontrol": f"ClusterName = {name}\nMaxArraySize = {1001 if name == 'fox' else 101}\n",
            "sacctmgr": f"{limits[of]}\n" if of else "50\n5\n",
        }[argv[0]]
        return subprocess.CompletedProcess(argv, 0, text, "")


def test_limits_are_those_of_the_cluster_that_gets_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "run", TwoClusters())
    assert (ask.ask_limits().max_array_size, ask.ask_limits().max_submit) == (1001, 50)
    assert (ask.ask_limits(["owl"]).max_array_size, ask.ask_limits(["owl"]).max_submit) == (101, 5)
    assert (ask.ask_limits(["fox", "owl"]).max_array_size, ask.ask_limits(["fox", "owl"]).max_submit) == (101, 5)
