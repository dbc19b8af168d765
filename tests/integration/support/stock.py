"""Run stock DeepLabCut on one video the way its own documentation does, for comparison; prints one JSON line.

Usage: stock.py CONFIG VIDEO DESTFOLDER ENGINE [BATCH_SIZE]. Runs on a private copy of the project, which stock
DeepLabCut writes into.
"""

import json
import sys


def main() -> None:
    config, video, destination, engine, *rest = sys.argv[1:]
    try:
        from entrypoint.engines.torchvision_ops import declare_missing

        if declare_missing():
            from entrypoint.engines.torchvision_ops import supply_operators

            supply_operators()
    except ImportError:
        pass
    import deeplabcut
    from deeplabcut.core.engine import Engine

    options = {"use_openvino": False} if engine == "tensorflow" else {"device": "cpu"}
    scorer = deeplabcut.analyze_videos(
        config,
        [video],
        engine=Engine.TF if engine == "tensorflow" else Engine.PYTORCH,
        destfolder=destination,
        save_as_csv=True,
        batch_size=int(rest[0]) if rest else None,
        **options,
    )
    print("\n" + json.dumps({"scorer": scorer}))


if __name__ == "__main__":
    main()
