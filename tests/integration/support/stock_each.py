"""Stock DeepLabCut on each of several videos, whatever happens; one JSON line for each.

Usage: stock_each.py CONFIG ENGINE BATCH_SIZE VIDEO…. Says how many rows came out, how many of them hold nothing but
zeros, or the error. ``again=VIDEO`` is analysed twice; between, the .h5 is deleted, and all else stays.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

AGAIN = "again="


def analyze(config: str, engine: str, batch_size: int, video: Path, times: int = 1) -> dict[str, Any]:
    import deeplabcut
    import pandas as pd
    from deeplabcut.core.engine import Engine

    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = {"use_openvino": False} if engine == "tensorflow" else {"device": "cpu"}
        try:
            for _ in range(times):
                for file in Path(folder).glob("*.h5"):
                    file.unlink()
                deeplabcut.analyze_videos(
                    config,
                    [str(video)],
                    engine=Engine.TF if engine == "tensorflow" else Engine.PYTORCH,
                    destfolder=folder,
                    batch_size=batch_size,
                    **options,
                )
        except BaseException as error:
            return {
                "video": video.name,
                "error": f"{type(error).__name__}: {str(error).splitlines()[0][:100] if str(error) else ''}",
            }
        files = list(Path(folder).glob("*.h5"))
        if not files:
            return {"video": video.name, "error": "", "rows": 0}
        values = pd.read_hdf(files[0]).to_numpy()
        return {"video": video.name, "rows": len(values), "zero_rows": int((values == 0).all(axis=1).sum())}


def main() -> None:
    config, engine, batch_size, *videos = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    from entrypoint.engines.torchvision_ops import declare_missing

    declare_missing()
    for word in videos:
        video = Path(word.removeprefix(AGAIN))
        found = analyze(config, engine, int(batch_size), video, 2 if word.startswith(AGAIN) else 1)
        print("\nSTOCK " + json.dumps({**found, "word": word.replace(str(video), video.name)}), flush=True)


if __name__ == "__main__":
    main()
