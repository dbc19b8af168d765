from __future__ import annotations

import pytest

from dlcctr.system.console import size_text


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (2e9, "2.0 GB"), (3.2e15, "3200.0 TB")],
)
def test_sizes(n_bytes: float, text: str) -> None:
    assert size_text(n_bytes) == text
