"""A result's .h5 with damage, in a process of its own: HDF5 is a library in C."""

from __future__ import annotations

import contextlib
import os
import traceback
from pathlib import Path

from dlcctr.errors import OutputError
from dlcctr.results.h5.h5_check import table_problems
from dlcctr.results.h5.positions import open_positions
from tests.unit.results.h5.test_h5_check import make_table, write
from tests.unit.support.fuzz import damaged
from tests.unit.support.results import make_bench


def test_a_damaged_table_is_a_problem_and_never_more(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    bench.commit(0)
    write(bench, make_table(bench))
    (file,) = bench.folder(0).glob("*.h5")
    receipt, whole, problems = bench.receipt(0), file.read_bytes(), 0
    assert table_problems(receipt, bench.folder(0)) == []
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # HDF5 prints what it thinks of each
            for each in damaged(whole, most=150):
                file.write_bytes(each)
                problems += bool(table_problems(receipt, bench.folder(0)))
                with contextlib.suppress(OutputError), open_positions(file) as positions:
                    sum(block.size for _, block in positions.blocks(frames=50))
            code = 0 if problems > 100 else 2
        except BaseException:
            (tmp_path / "why").write_text(traceback.format_exc())
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    why = (tmp_path / "why").read_text() if (tmp_path / "why").exists() else ""
    assert os.waitstatus_to_exitcode(status) == 0, why
