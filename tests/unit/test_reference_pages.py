"""The reference pages name what the code has, and nothing else: keys, codes, states, variables, flavours."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

from dlcctr.campaign import config
from dlcctr.campaign.validate import REMEDIES
from dlcctr.commands import IN_IMAGE
from dlcctr.contract import (
    CAMERA_COLUMN,
    ENV_PREFIX,
    MANIFEST_COLUMNS,
    TIMES_COLUMN,
    TRACKING_COLUMNS,
    ExitCode,
    RowState,
)
from dlcctr.image.flavours import Flavour, list_flavours, pick_flavour, read_pins
from dlcctr.model.engines import ENGINES
from dlcctr.planning.options import Summary
from dlcctr.results import receipt, sections
from dlcctr.results.notice import Notice
from dlcctr.results.row_state import State
from dlcctr.results.times.frame_times import FrameTimes
from dlcctr.runtime.rows.row_run import Outcome
from dlcctr.slurm.status import causes
from dlcctr.slurm.status.row_status import Phase, RowStatus
from dlcctr.slurm.submit.retry import Decision, Group
from dlcctr.system.values.toml import parse_toml
from dlcctr.transfer.fetch import FetchResult
from dlcctr.transfer.incoming import RefusedRow
from entrypoint.app import app as image_app
from entrypoint.evaluation.record import Counts, Difference, Evaluation, Figure, ModelFacts

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CODE = ("dlcctr", "entrypoint", "scripts", "slurm", "docker", "demo", "tests/cluster", "tests/docker")


def section(page: str, *headings: str) -> str:
    """Text below a heading of a page, up to the next heading of its level; several lead to one below another."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for heading in headings:
        found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,6}} |\Z)", text, re.MULTILINE | re.DOTALL)
        assert found, f"{page} has no heading {heading!r}"
        text = found[2]
    return text


def first_cells(text: str) -> Iterator[str]:
    """First cells of the lines of all tables in a text, without the tables' heads."""
    for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        yield from (line.split("|")[1].strip() for line in table.splitlines()[2:])


def named(text: str) -> list[str]:
    """What the first cells of all tables in a text name in backticks."""
    return [name for cell in first_cells(text) for name in re.findall(r"`([^`]+)`", cell)]


def names_of(record: type) -> set[str]:
    return {each.name for each in fields(record)}


@pytest.mark.parametrize(
    ("page", "heading"),
    [("install.md", "Without Python: the SIF alone"), ("sif.md", "A whole campaign with the SIF alone")],
)
def test_the_commands_in_the_image_are_named(page: str, heading: str) -> None:
    words = {each.split()[0] for each in re.findall(r"`([^`]+)`", section(page, heading))}
    assert not [name for name in IN_IMAGE if name not in words and f"dlc.sif {name} " not in section(page, heading)]


def test_every_exit_code_has_its_line() -> None:
    text = (DOCS / "exit-codes.md").read_text(encoding="utf-8").partition("## Bad inputs")[0]
    assert [int(cell) for cell in first_cells(text)] == [int(code) for code in ExitCode]


def test_every_column_of_a_manifest_has_its_line() -> None:
    assert named(section("manifest.md", "Columns")) == [
        *MANIFEST_COLUMNS,
        *TRACKING_COLUMNS,
        CAMERA_COLUMN,
        TIMES_COLUMN,
    ]


def test_every_problem_that_validate_finds_has_its_line() -> None:
    assert set(named(section("manifest.md", "validate"))) == set(REMEDIES)


def test_every_key_of_campaign_toml_has_its_line() -> None:
    keys = [f"{part}.{key}" if key else part for part, names in config.KEYS.items() for key in (names or ("",))]
    listed = named(section("campaign.md", "Keys"))
    assert sorted(listed) == sorted(keys)


def test_the_campaign_toml_that_is_shown_can_be_read(tmp_path: Path) -> None:
    text = (DOCS / "campaign.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    campaign = config.parse_campaign(shown, tmp_path / "campaign.toml")
    assert (campaign.engine, campaign.batch_size) == ("pytorch", 8)


@pytest.mark.parametrize(
    ("heading", "record"),
    [
        ("row", sections.AnalysedRow),
        ("frames", sections.FrameCounts),
        ("files", sections.OutputFile),
        ("columns", sections.Columns),
        ("times", FrameTimes),
        ("model", sections.ModelUsed),
        ("parameters", sections.Parameters),
        ("image", sections.ImageUsed),
        ("device", sections.DeviceUsed),
    ],
)
def test_every_key_of_a_receipts_section_has_its_line(heading: str, record: type) -> None:
    assert sorted(named(section("results.md", heading))) == sorted(names_of(record))


def test_every_key_of_a_receipt_has_its_line() -> None:
    assert sorted(named(section("results.md", "receipt.json"))) == sorted(names_of(receipt.Receipt))


@pytest.mark.parametrize(
    ("heading", "states"),
    [("States of check", State), ("Phases of status", Phase), ("States in a receipt", RowState)],
)
def test_every_state_has_its_line(heading: str, states: Any) -> None:
    assert sorted(named(section("states.md", heading))) == sorted(state.value for state in states)


def test_every_cause_has_its_line() -> None:
    tables: tuple[dict[Any, tuple[str, str]], ...] = (
        causes.BY_STATE, causes.BY_CODE, causes.BY_SCRIPT, causes.OTHER_CODES,
    )  # fmt: skip
    kinds = {kind for table in tables for kind, _ in table.values()}
    listed = set(named(section("states.md", "Causes")))
    assert listed >= kinds
    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "dlcctr/slurm/status").glob("*.py"))
    assert not [name for name in listed if f'"{name}"' not in code]


def variables_of_analyze() -> dict[str, str]:
    """Environment variables of the image's options, and the options' names."""
    found = {}
    for command in typer.main.get_command(image_app).commands.values():  # type: ignore[attr-defined]
        for option in command.params:
            names = [option.envvar] if isinstance(option.envvar, str) else option.envvar or []
            found.update({name: option.opts[0] for name in names if name.startswith(ENV_PREFIX)})
    return found


def test_every_variable_that_the_code_reads_has_its_line() -> None:
    listed = {name for name in named((DOCS / "environment.md").read_text(encoding="utf-8")) if ENV_PREFIX in name}
    text = "".join(
        file.read_text(encoding="utf-8")
        for folder in CODE
        for file in sorted((ROOT / folder).rglob("*"))
        if file.suffix in (".py", ".sh", ".j2", ".sbatch")
    )
    read = set(re.findall(rf"(?<![A-Z_]){ENV_PREFIX}[A-Z_]*[A-Z]\b", text))
    read |= {ENV_PREFIX + name for name in re.findall(r'ENV_PREFIX}([A-Z_]+)"', text)} | set(variables_of_analyze())
    assert listed == read
    options = section("environment.md", "Options of `analyze`")
    for name, option in variables_of_analyze().items():
        (line,) = [line for line in options.splitlines() if f"`{name}`" in line]
        assert f"`{option}`" in line or option == "--part-s"


def test_every_flavour_has_its_lines_and_its_own_facts() -> None:
    text = (DOCS / "flavours.md").read_text(encoding="utf-8")
    facts = parse_toml((ROOT / "requirements/flavours.toml").read_text(encoding="utf-8"))
    for flavour in list_flavours():
        lines = [line for line in text.splitlines() if line.startswith(f"| `{flavour.name}`")]
        assert len(lines) == 2, flavour.name
        engine = f"{ENGINES[flavour.engine].title} {flavour.engine_version}"
        own = facts[flavour.name]
        wanted = [engine, own["cuda"] or "none", own["cudnn"], own["min_driver"] or "none"]
        assert not [fact for fact in wanted if fact not in lines[0]]
        (options,) = re.findall(rf"dlcctr image build (.*?) +# {flavour.name}\n", text)
        assert pick(options) == flavour
        archs = [arch.partition("_") for arch in own["gpu_archs"]]
        code = [f"{'PTX ' * (kind == 'compute')}{number[:-1]}.{number[-1]}" for kind, _, number in archs]
        assert lines[1].split("|")[2].strip().replace("; ", ", ") == ", ".join(code)
    assert sorted(set(named(text))) == sorted(facts)


def pick(options: str) -> Flavour:
    """Flavour that options of `dlcctr image` mean."""
    words = options.split()
    given = dict(zip(words[::2], words[1::2], strict=True))
    return pick_flavour(
        list_flavours(), read_pins(), given["--engine"], given.get("--device", "cuda"), given.get("--cuda", "")
    )


def test_the_pages_name_the_deeplabcut_that_is_in_the_images() -> None:
    version = read_pins()["DEEPLABCUT_VERSION"]
    for page in ("flavours.md", "image.md"):
        assert f"DeepLabCut {version}" in (DOCS / page).read_text(encoding="utf-8")


def json_calls() -> Iterator[tuple[Path, str, set[str], list[ast.expr]]]:
    """Calls that print JSON: file, kind, keys that are named in the call, and what else is put in."""
    for folder in ("dlcctr/commands", "entrypoint"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("print_json", "envelope"):
                    assert isinstance(node.args[0], ast.Constant)
                    explicit = {keyword.arg for keyword in node.keywords if keyword.arg}
                    yield file, str(node.args[0].value), explicit, [k.value for k in node.keywords if not k.arg]


def literal_keys(file: str, *functions: str, nested: bool = False) -> set[str]:
    """Keys of the tables that functions of a module make; or those of the tables within them, too."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in functions]
    assert len(found) == len(functions)
    nodes = [node for function in found for node in ast.walk(function)]
    own = [node.value for node in nodes if isinstance(node, (ast.Return, ast.Assign))]
    tables = [node for node in (nodes if nested else own) if isinstance(node, ast.Dict)]
    return {str(key.value) for table in tables for key in table.keys if isinstance(key, ast.Constant)}


def survey_keys() -> set[str]:
    from dlcctr.model.project.survey import Survey

    return names_of(Survey)


def listing_keys() -> set[str]:
    return literal_keys("dlcctr/model/bundles/bundle.py", "listing_fields")


OTHER_KEYS: dict[str, Callable[[], set[str]]] = {
    "cancel": lambda: literal_keys("dlcctr/commands/cluster/cancel.py", "as_fields"),
    "check": lambda: literal_keys("dlcctr/commands/results/check.py", "as_fields"),
    "collect": lambda: literal_keys("dlcctr/commands/results/collect.py", "as_fields"),
    "evaluate": lambda: names_of(Evaluation),
    "fetch": lambda: names_of(FetchResult) - {"remote"} | {"host", "folder"},
    "image inspect": lambda: literal_keys("dlcctr/image/docker_sdk.py", "inspect_tag", "inspect_archive"),
    "model inspect": survey_keys,
    "model pack": listing_keys,
    "model superanimal": listing_keys,
    "model verify": listing_keys,
    "notice": lambda: {*names_of(Notice), "content"},
    "plan": lambda: names_of(Summary),
    "report": lambda: literal_keys("dlcctr/commands/results/report.py", "as_fields"),
    "resubmit": lambda: names_of(Decision),
    "site show": lambda: {"name", "file", "sbatch_options"},  # the profile's own keys: docs/sites.md
    "status": lambda: literal_keys("dlcctr/commands/cluster/status.py", "as_fields"),
}
"""Keys that a call does not name itself."""
NESTED: dict[str, Callable[[], set[str]]] = {
    "cancel": lambda: literal_keys("dlcctr/commands/cluster/cancel.py", "as_fields", nested=True),
    "check": lambda: literal_keys("dlcctr/commands/results/check.py", "_row_fields"),
    "collect": lambda: literal_keys("dlcctr/commands/results/collect.py", "_left_out"),
    "evaluate": lambda: {name for kind in (Figure, Difference, Counts, ModelFacts) for name in names_of(kind)},
    "fetch": lambda: names_of(RefusedRow),
    "report": lambda: literal_keys("dlcctr/quality/report/details.py", "overview", "judgement", "for_programs"),
    "resubmit": lambda: names_of(Group),
    "run": lambda: names_of(Outcome),
    "status": lambda: names_of(RowStatus),
}
"""Keys of what is in a document's lists."""


def test_every_json_document_has_its_section_with_its_keys() -> None:
    calls = list(json_calls())
    assert len(calls) > 15
    for _, kind, explicit, others in calls:
        assert bool(others) == (kind in OTHER_KEYS), kind
        keys = explicit | (OTHER_KEYS[kind]() if others else set())
        text = section("json.md", kind)
        assert set(named(text)) == keys, kind
        missing = {key for key in NESTED.get(kind, set)() if f"`{key}`" not in text}
        assert not missing, f"{kind}: {missing}"
    headings = re.findall(r"^## (.*)$", (DOCS / "json.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(kind for _, kind, *_ in calls)
