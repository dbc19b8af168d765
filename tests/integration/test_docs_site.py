"""The documentation as a site, built by its one command; MkDocs fails for a link that leads nowhere."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.docker.apptainer import CHECKOUT

pytestmark = pytest.mark.real


def test_the_site_is_built_and_asks_nobody_elsewhere() -> None:
    done = subprocess.run(["sh", "scripts/docs.sh"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {page.name: page.read_text(encoding="utf-8") for page in (CHECKOUT / "site").glob("*.html")}
    assert {"index.html", "commands.html", "introduction.html"} <= pages.keys()
    loaded = [
        link
        for text in pages.values()
        for link in re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"([^\"]+)", text)
    ]
    assert not [link for link in loaded if re.match(r"(https?:)?//", link)]
