"""Stock DeepLabCut on several videos in one process, into a folder each; each needs not pay the import again.

Usage: stock_videos.py BATCH_SIZE JOBS ENGINE. BATCH_SIZE is 0 for the project's own. JOBS is a JSON list of
``[config, video, folder, crop or null]``. Runs on private copies of projects, which stock DeepLabCut writes into.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    batch_size, jobs, engine = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    from entrypoint.engines.torchvision_ops import declare_missing

    declare_missing()
    import deeplabcut
    from deeplabcut.core.engine import Engine

    options = {"engine": Engine.PYTORCH, "device": "cpu"}
    if engine == "tensorflow":
        options = {"engine": Engine.TF, "use_openvino": False}
    for config, video, folder, crop in json.loads(jobs):
        Path(folder).mkdir(parents=True)
        deeplabcut.analyze_videos(
            config,
            [video],
            destfolder=folder,
            save_as_csv=True,
            batch_size=int(batch_size) or None,
            cropping=crop,
            **options,
        )


if __name__ == "__main__":
    main()
