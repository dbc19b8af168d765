"""``python -m tests.transcript``: walk the whole way on the bench, in a terminal, and write docs/transcript.md.

It takes about fifteen minutes, starts a Slurm cluster and containers of its own, and leaves nothing but the page.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from dlcctr.image.flavours import list_flavours, pick_flavour, read_pins
from tests.cluster.cluster import Cluster
from tests.docker.apptainer import CHECKOUT, start_bench
from tests.docker.fixtures import ensure_image, make_sif
from tests.transcript.page import Page
from tests.transcript.story import tell
from tests.transcript.world import make_model_in, make_world


def main() -> None:
    """Set up, walk, write, and clean up."""
    parser = argparse.ArgumentParser(prog="python -m tests.transcript", description=__doc__)
    parser.add_argument("--out", type=Path, default=CHECKOUT / "docs" / "transcript.md")
    parser.add_argument("--image", default="", help="Docker image to use; the PyTorch CPU one is built by default")
    parser.add_argument("--sif", type=Path, help="SIF of the same; made by default")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped as for Ctrl-C
    if shutil.which("tmux") is None:
        raise SystemExit("error: the terminal is tmux: install it (Debian: apt-get install tmux)")
    subprocess.run(["sh", str(CHECKOUT / "scripts" / "staging-tools.sh")], check=True)
    image = options.image or ensure_image(pick_flavour(list_flavours(), read_pins(), "pytorch", "cpu"))
    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    folder.chmod(0o755)
    try:
        sif = options.sif or make_sif(start_bench(folder / "apptainer"), image, "--compression", "zstd")
        model = make_model_in(image, folder / "models")
        with Cluster(folder / "c") as cluster:
            world = make_world(folder, cluster, model, sif, image)
            page = Page(options.out, options.out.with_suffix(""), world.names)
            tell(page, world)
            page.write()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
