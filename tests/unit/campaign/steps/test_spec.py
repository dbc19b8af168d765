from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.config import Campaign, campaign_text, parse_campaign, read_campaign, write_campaign
from dlcctr.campaign.steps.edit import add_step, parse_words, remove_step
from dlcctr.campaign.steps.kinds import KINDS
from dlcctr.campaign.steps.spec import StepSpec, parse_steps
from dlcctr.errors import ManifestError, UsageError

CHAIN: list[dict[str, Any]] = [{"name": "smooth", "kind": "filter"}, {"name": "nwb", "of": "smooth"}]


def campaign_in(folder: Path) -> Campaign:
    return Campaign(file=folder / "campaign.toml", video_root=folder, out=folder / "results")


def test_steps_are_written_and_read_back(tmp_path: Path) -> None:
    campaign = replace(campaign_in(tmp_path), steps=parse_steps(CHAIN))
    read = parse_campaign(campaign_text(campaign), campaign.file)
    assert read.steps == campaign.steps
    assert [(step.name, step.kind, step.of) for step in read.steps] == [
        ("smooth", "filter", "analysis"),
        ("nwb", "nwb", "smooth"),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_works_without_parameters(kind: str, tmp_path: Path) -> None:
    campaign = replace(campaign_in(tmp_path), steps=(StepSpec(kind, kind),))
    assert parse_campaign(campaign_text(campaign), campaign.file).steps == campaign.steps


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([{"name": "filter", "x": 1}], "step 'filter': has no parameter 'x'; filter has: "),
        ([{"kind": "filter"}], "step number 1: has no name"),
        ([{"name": "a"}], "step 'a': 'a' is no kind of step; there are filter"),
        ([{"name": "a/b", "kind": "filter"}], "step 'a/b': 'a/b' cannot be the name of a step"),
        ([{"name": "analysis", "kind": "filter"}], "cannot be the name of a step"),
        ([{"name": 3}], "name must be text"),
        ([3], "step number 1: must be a table"),
        ({"name": "filter"}, "each step must be a table of its own"),
        ([{"name": "csv"}, {"name": "csv"}], "two steps are called 'csv'"),
        (CHAIN[::-1], "step 'nwb' is of 'smooth', which is no step before it"),
        ([{"name": "csv"}, {"name": "nwb", "of": "csv"}], "is of 'csv', which gives no positions"),
        ([{"name": "label-video", "beside": "smooth"}, *CHAIN], "shows beside it 'smooth', which is no step before it"),
        ([{"name": "rows", "kind": "filter"}], "cannot be the name of a step"),
    ],
)
def test_what_cannot_be_is_named(steps: Any, message: str) -> None:
    with pytest.raises(ValueError, match="steps") as error:
        parse_steps(steps)
    assert message in str(error.value)


def test_a_wrong_step_in_a_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "campaign.toml").write_text('[[steps]]\nname = "filtre"\n')
    with pytest.raises(ManifestError, match=r"campaign\.toml, line 1: \[\[steps\]\]: step 'filtre'"):
        read_campaign(tmp_path / "m.csv")


def test_a_wrong_step_in_a_file_names_the_line_that_it_begins_on(tmp_path: Path) -> None:
    text = 'contract = 2\n\n[[steps]]\nname = "filter"\n  [[ steps ]]  # mine\nname = "csv"\nslep = true\n'
    (tmp_path / "campaign.toml").write_text(text)
    with pytest.raises(
        ManifestError, match=r"campaign\.toml, line 5: \[\[steps\]\]: step 'csv': has no parameter"
    ) as caught:
        read_campaign(tmp_path / "m.csv")
    assert "dlcctr steps kinds" in caught.value.hint and "steps list" not in caught.value.hint, "that would fail, too"


def test_editing_keeps_what_people_wrote(tmp_path: Path) -> None:
    campaign = campaign_in(tmp_path)
    write_campaign(campaign)
    campaign.file.write_text(
        "# mine\n" + campaign.file.read_text() + "\n[remote]\nhost = 'hpc'  # ours\nfolder = 'x'\n"
    )
    before = campaign.file.read_text()
    now = add_step(read_campaign(tmp_path / "m.csv"), parse_words("filter", [], name="smooth"))
    now = add_step(now, parse_words("nwb", [], of="smooth"))
    assert campaign.file.read_text().startswith(before.rstrip("\n"))
    assert read_campaign(tmp_path / "m.csv").steps == now.steps and now.remote_host == "hpc"
    with pytest.raises(UsageError, match="'nwb' takes the positions of 'smooth'"):
        remove_step(now, "smooth")
    now = remove_step(remove_step(now, "nwb"), "smooth")
    assert now.steps == () and campaign.file.read_text() == before


def test_a_step_of_the_same_name_is_changed_in_its_place(tmp_path: Path) -> None:
    now = add_step(campaign_in(tmp_path), parse_words("filter", [], name="a"))
    now = add_step(now, parse_words("csv", [], of="a"))
    now = add_step(now, parse_words("ensemble", [], name="a"))
    assert [(step.name, step.kind) for step in now.steps] == [("a", "ensemble"), ("csv", "csv")]
    with pytest.raises(UsageError, match="no step before it"):
        add_step(now, parse_words("nwb", [], of="b"))


def test_words_of_a_command_line_that_are_no_parameters() -> None:
    for word in ("window", "=5", "name=x"):
        with pytest.raises(UsageError, match=r"is not parameter=value"):
            parse_words("filter", [word])
    with pytest.raises(UsageError, match="has no parameter 'nonsense'"):
        parse_words("filter", ["nonsense=5"])


def test_text_on_a_command_line_is_text() -> None:
    words = ["session_start_time=2026-03-04T10:00:00+01:00", "subject_id=12", "columns=age=years", "video_start_s=2"]
    found = parse_words("nwb", words).parameters
    assert (found.session_start_time, found.subject_id) == ("2026-03-04T10:00:00+01:00", "12")
    assert (found.columns, found.video_start_s) == (("age=years",), 2.0)
    assert parse_words("filter", ["filtertype=median"]).held["filtertype"] == "median"


def test_lists_on_a_command_line_have_commas() -> None:
    step = parse_words("label-video", ["bodyparts=left ear,tail", "dotsize=3", "stamp=false", 'individuals=["a,b"]'])
    assert (step.parameters.bodyparts, step.parameters.individuals) == (("left ear", "tail"), ("a,b",))
    assert (step.parameters.dotsize, step.parameters.stamp) == (3, False)
