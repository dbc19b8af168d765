from __future__ import annotations

from typing import Any

import pytest

from dlcctr.model.project.scorer import scorer_name

CONFIG: dict[str, Any] = {"Task": "mouse", "date": "Jan1"}


@pytest.mark.parametrize(
    ("engine", "pose", "snapshot", "detector", "scorer"),
    [
        ("pytorch", {"net_type": "resnet_50"}, "snapshot-best-120", "",
         "DLC_Resnet50_mouseJan1shuffle3_snapshot_best-120"),
        ("pytorch", {"net_type": "hrnet_w32"}, "snapshot-010", "", "DLC_HrnetW32_mouseJan1shuffle3_snapshot_10"),
        ("pytorch", {"net_type": "top_down_resnet_50"}, "snapshot-200", "snapshot-detector-best-30",
         "DLC_TopDownResnet50_mouseJan1shuffle3_detector_best-30_snapshot_200"),
        ("tensorflow", {"net_type": "resnet_50"}, "snapshot-1000", "", "DLC_resnet50_mouseJan1shuffle3_1000"),
        ("tensorflow", {"net_type": "resnet_50", "multi_stage": True}, "snapshot-5", "",
         "DLC_dlcrnetms5_mouseJan1shuffle3_5"),
        ("tensorflow", {"net_type": "mobilenet_v2_0.35"}, "snapshot-5", "", "DLC_mobnet_35_mouseJan1shuffle3_5"),
        ("tensorflow", {"net_type": "efficientnet-b0"}, "snapshot-5", "", "DLC_effnet_b0_mouseJan1shuffle3_5"),
        ("tensorflow", {"net_type": "vgg"}, "snapshot-5", "", ""),
        ("tensorflow", {"net_type": "mobilenet_v2"}, "snapshot-5", "", ""),
        ("tensorflow", {}, "snapshot-5", "", ""),
        ("pytorch", {}, "snapshot-5", "", ""),
    ],
)  # fmt: skip
def test_the_scorer_is_deeplabcuts(
    engine: str, pose: dict[str, Any], snapshot: str, detector: str, scorer: str
) -> None:
    found = scorer_name(CONFIG, pose, engine=engine, shuffle=3, snapshot=snapshot, detector=detector)
    assert found == scorer
