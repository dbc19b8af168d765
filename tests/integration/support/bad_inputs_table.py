"""Write docs/bad-inputs.md: what `analyze` makes of each bad video, beside stock DeepLabCut on the same files.

Usage: python -m tests.integration.support.bad_inputs_table [ENGINE…] (both by default). Everything in the table is
measured.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from dlcctr.system.terminal.console import print_lines
from tests.integration.conftest import native_python_of
from tests.integration.support.attempts import AttemptServer
from tests.integration.support.bad_videos import BAD_VIDEOS
from tests.integration.support.campaigns import check, make_campaign
from tests.integration.support.stock_each import AGAIN
from tests.integration.support.tiny_models import make_model

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "bad-inputs.md"
BATCH_SIZE = 8
SOUND = next(bad.name for bad in BAD_VIDEOS if "ending" in bad.what)
LOST_RESULT = "a result whose .h5 was deleted while its pickles stayed, analysed again"
HEAD = f"""# Bad inputs, beside stock DeepLabCut

Made by `python -m tests.integration.support.bad_inputs_table` from synthetic videos
(tests/integration/support/bad_videos.py) and tiny models with seeded random weights, DeepLabCut 3.0.2, batch size
{BATCH_SIZE}, CPU. Stock DeepLabCut returns normally (exit code 0) wherever rows are named; ours says what it found,
and `dlcctr check` lists every row that is not whole.
"""


def ours(engine: str, python: Path, folder: Path, model: Path) -> dict[str, str]:
    """What `analyze` makes of each video."""
    manifest = folder / "m.csv"
    make_campaign(manifest, folder / "videos", model)
    server = AttemptServer(python, folder, engine)

    def attempt(row: dict[str, Any]) -> str:
        argv = ["analyze", "--index", str(row["index"]), "--manifest", str(manifest), "--allow-cpu"]
        return f"exit {server.attempt(argv)}"

    found = {row["video"]: attempt(row) for row in check(manifest)["rows"]}
    sound = next(row for row in check(manifest)["rows"] if row["video"] == SOUND)
    (h5,) = Path(sound["folder"]).glob("*.h5")
    h5.unlink()
    lost = check(manifest)["rows"][sound["index"]]["state"]
    again = attempt(sound)
    server.close()
    for row in check(manifest)["rows"]:
        frames = ""
        receipt = Path(row["folder"] or "/nowhere") / "receipt.json"
        if receipt.exists():
            counts = json.loads(receipt.read_text())["frames"]
            frames = f", {counts['stream']} rows, {counts['stream'] - counts['decoded']} of them empty"
        found[row["video"]] += f", {row['state']}{frames}"
        if row["video"] == SOUND:
            found[AGAIN + SOUND] = f"{lost}; then {again}, {row['state']}{frames}"
    return found


def stock(engine: str, python: Path, folder: Path, model: Path) -> dict[str, str]:
    """What stock DeepLabCut makes of each video."""
    project = folder / "stock-project"
    shutil.copytree(model, project)
    videos = [str(folder / "videos" / bad.name) for bad in BAD_VIDEOS] + [f"{AGAIN}{folder / 'videos' / SOUND}"]
    done = subprocess.run(
        [str(python), str(HERE / "stock_each.py"), str(project / "config.yaml"), engine, str(BATCH_SIZE), *videos],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [json.loads(line.removeprefix("STOCK ")) for line in done.stdout.splitlines() if line.startswith("STOCK ")]
    return {line["word"]: describe(line) for line in lines}


def describe(line: dict[str, Any]) -> str:
    if "error" in line:
        return line["error"].replace("|", "/") or "returns, writes no .h5"
    return f"{line['rows']} rows, {line['zero_rows']} of them all zero"


def table(engine: str, folder: Path) -> list[str]:
    """The engine's part of the page."""
    python = native_python_of(engine)
    (folder / "videos").mkdir(parents=True)
    for bad in BAD_VIDEOS:
        bad.make(folder / "videos" / bad.name)
    model = make_model(python, f"{engine}-single", folder / "models")
    left, right = ours(engine, python, folder, model), stock(engine, python, folder, model)
    names = [(bad.what, bad.name) for bad in BAD_VIDEOS] + [(LOST_RESULT, AGAIN + SOUND)]
    rows = [f"| {what} | {left[name]} | {right[name]} |" for what, name in names]
    return ["", f"## {engine}", "", "| video | `analyze` and `check` | stock DeepLabCut |", "|---|---|---|", *rows]


def main() -> None:
    engines = sys.argv[1:] or ["pytorch", "tensorflow"]
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for engine in engines:
            lines += table(engine, Path(folder) / engine)
    print_lines(lines)
    PAGE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
