"""What a resubmission asks for: the last submission's request, the profile of today, and each cause's own change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.slurm.jobs.submissions import Submission, SubmittedOptions
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.submit.resubmit import ResubmitRequest, _site_of, submit_options
from dlcctr.slurm.submit.retry import Group


def test_a_resubmission_takes_a_corrected_profile_but_the_options_of_the_command_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    had = SubmittedOptions(site="mine", site_values=Site(partition="gpu", account="lab", nv=False, max_time_min=60))
    submission = Submission("p", (), "2026-01-01T00:00:00+00:00", options=had)
    monkeypatch.setenv("DLCCTR_SITES", str(tmp_path / "sites"))
    (tmp_path / "sites").mkdir()
    profile = '[slurm]\npartition = "other"\n[container]\nmodules = ["load apptainer"]\n[limits]\nmax_time_min = 600\n'
    (tmp_path / "sites" / "mine.toml").write_text(profile)
    again = _site_of(submission.options)
    assert (again.modules, again.max_time_min) == (("load apptainer",), 600)
    assert (again.partition, again.account, again.nv) == ("gpu", "lab", False)
    group = Group((0,), {"tool-missing": (0,)})
    given = submit_options(group, [submission], ResubmitRequest(site=str(tmp_path / "sites" / "mine.toml"))).site
    assert (given.partition, given.modules) == ("other", ("load apptainer",))


def test_memory_and_batch_of_rows_that_needed_other_ones_are_not_everybodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCCTR_SITES", str(tmp_path))
    first = SubmittedOptions(site="mine", site_values=Site(mem_gb=16), mem_gb=16)
    raised = replace(first, site_values=Site(mem_gb=32), mem_gb=32, raised_mem_gb=True, batch_size=2)
    made = [Submission(f"p{n}", (), f"2026-01-0{n + 1}T00:00:00+00:00", options=each)
            for n, each in enumerate((first, raised))]  # fmt: skip
    plain = submit_options(Group((2,), {"preempted": (2,)}), made, ResubmitRequest())
    assert (plain.site.mem_gb, plain.job.batch_size) == (16, None)
    again = submit_options(Group((1,), {"preempted": (1,)}, mem_gb=32, batch_size=2), made, ResubmitRequest())
    assert (again.site.mem_gb, again.job.batch_size) == (32, 2)


def test_memory_that_a_person_wrote_into_a_script_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCCTR_SITES", str(tmp_path))
    edited = SubmittedOptions(site="mine", site_values=Site(mem_gb=3), mem_gb=64)
    made = [Submission("p", (), "2026-01-01T00:00:00+00:00", options=edited, by_hand=True)]
    assert submit_options(Group((2,), {"preempted": (2,)}), made, ResubmitRequest()).site.mem_gb == 64
