"""Stock DeepLabCut's .csv of a video, as analysed and filtered, beside what the step `csv` writes of the same .h5.

Usage: stock_tables.py CONFIG VIDEO FOLDER, with the checkout in PYTHONPATH. Prints one JSON object: name of each .h5 to
whether its .csv has equal bytes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    config, video, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    from entrypoint.engines.torchvision_ops import declare_missing, supply_operators

    if declare_missing():
        supply_operators()
    import deeplabcut

    from dlcctr.results.h5.positions import open_positions
    from entrypoint.steps.csv import write_csv

    options = {"videotype": ".mp4", "destfolder": str(folder)}
    deeplabcut.analyze_videos(config, [video], device="cpu", save_as_csv=True, batch_size=2, **options)
    deeplabcut.filterpredictions(config, [video], save_as_csv=True, **options)
    found = {}
    for table in sorted(folder.glob("*.h5")):
        with open_positions(table) as positions:
            write_csv(folder / "ours", positions, lambda done, total: None)
        found[table.name] = (folder / "ours").read_bytes() == table.with_suffix(".csv").read_bytes()
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main()
