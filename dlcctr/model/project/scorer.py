"""The scorer: what DeepLabCut adds to a video's name in the names of its output files."""

from __future__ import annotations

from typing import Any


def scorer_name(
    config: dict[str, Any], pose: dict[str, Any], *, engine: str, shuffle: int, snapshot: str, detector: str = ""
) -> str:
    """Scorer that DeepLabCut 3.0.2 will give to a model's results.

    Parameters
    ----------
    config, pose : dict
        The project's config.yaml, and the shuffle's pytorch_config.yaml (TensorFlow: train/pose_cfg.yaml).
    engine : str
        ``pytorch`` or ``tensorflow``.
    snapshot, detector : str
        File names without their endings (``snapshot-best-120``); `detector` is empty but for top-down models.

    Returns
    -------
    str
        Such as ``DLC_Resnet50_mouseJan1shuffle1_snapshot_best-120``; empty for a network that DeepLabCut cannot name.

    Notes
    -----
    After DeepLabCut 3.0.2: `DLCLoader.scorer` (PyTorch), `auxiliaryfunctions.get_scorer_name` (TensorFlow).
    """
    network = str(pose.get("net_type", ""))
    if engine == "pytorch":
        name = "".join(part.capitalize() for part in network.split("_"))
        weights = f"snapshot_{_epochs(snapshot)}"
        if detector:
            weights = f"detector_{_epochs(detector)}_{weights}"
    else:
        name, weights = _abbreviated(network, bool(pose.get("multi_stage"))), snapshot.rpartition("-")[2]
    return f"DLC_{name}_{config['Task']}{config['date']}shuffle{shuffle}_{weights}" if name else ""


def _epochs(snapshot: str) -> str:
    number = snapshot.rpartition("-")[2]
    best = "best-" if "-best" in snapshot else ""
    return best + (str(int(number)) if number.isdecimal() else number)


def _abbreviated(network: str, multi_stage: bool) -> str:
    if "resnet" in network:
        return "dlcrnetms5" if multi_stage else network.replace("_", "")
    last = network.replace("-", "_").rpartition("_")[2]
    if "mobilenet" in network:
        try:
            return f"mobnet_{int(float(last) * 100)}"
        except (OverflowError, ValueError):
            return ""
    return f"effnet_{last}" if "efficientnet" in network else ""
