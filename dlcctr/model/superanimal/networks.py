"""Configurations of SuperAnimal's networks and detectors, as far as an analysis needs them, as of DeepLabCut 3.0.2.

A test compares them with what DeepLabCut builds for `video_inference_superanimal`, value by value.
"""

from __future__ import annotations

from typing import Any

Table = dict[str, Any]
LOCREF_STD = 7.2801
SIGMA = [5.66, 5.66]
PADDING = {"pad_width_divisor": 32, "pad_height_divisor": 32}


def pose_table(network: str, n_bodyparts: int) -> tuple[Table, Table]:
    """The sections `model` and `data` of pytorch_config.yaml."""
    table: Table = {"hrnet_w32": _hrnet, "resnet_50": _resnet, "rtmpose_s": _rtmpose}[network](n_bodyparts)
    inference: Table = {"normalize_images": True}
    if network == "hrnet_w32":
        inference["auto_padding"] = dict(PADDING)
    return table, {"colormode": "RGB", "inference": inference, "train": {}}


def detector_table(detector: str) -> Table:
    """The section `detector` of pytorch_config.yaml."""
    model: Table = {"type": "SSDLite"}
    if detector != "ssdlite":
        model = {"type": "FasterRCNN", "variant": detector}
    return {
        "model": {**model, "box_score_thresh": 0.6, "freeze_bn_stats": True, "freeze_bn_weights": False},
        "data": {"colormode": "RGB", "inference": {"normalize_images": True}, "train": {}},
        "device": "auto",
        "runner": {"type": "DetectorTrainingRunner"},
        "train_settings": {},
    }


def _heatmap_head(n_bodyparts: int, *, locref: bool) -> Table:
    reading = {"location_refinement": locref, "locref_std": LOCREF_STD}
    return {
        "type": "HeatmapHead",
        "weight_init": "normal",
        "predictor": {"type": "HeatmapPredictor", "apply_sigmoid": False, "clip_scores": True, **reading},
        "target_generator": {
            "type": "HeatmapGaussianGenerator",
            "num_heatmaps": n_bodyparts,
            "pos_dist_thresh": 17,
            "heatmap_mode": "KEYPOINT",
            "generate_locref": locref,
            "locref_std": LOCREF_STD,
        },
        "criterion": {"heatmap": {"type": "WeightedMSECriterion", "weight": 1.0}},
    }


def _hrnet(n_bodyparts: int) -> Table:
    head = _heatmap_head(n_bodyparts, locref=False)
    head["heatmap_config"] = {"channels": [32, n_bodyparts], "kernel_size": [1], "strides": [1]}
    return {
        "backbone": {
            "type": "HRNet",
            "model_name": "hrnet_w32",
            "pretrained": False,
            "freeze_bn_stats": True,
            "freeze_bn_weights": False,
            "interpolate_branches": False,
            "increased_channel_count": False,
        },
        "backbone_output_channels": 32,
        "heads": {"bodypart": head},
    }


def _resnet(n_bodyparts: int) -> Table:
    head = _heatmap_head(n_bodyparts, locref=True)
    head["criterion"]["locref"] = {"type": "WeightedHuberCriterion", "weight": 0.05}
    for name, channels in (("heatmap_config", n_bodyparts), ("locref_config", 2 * n_bodyparts)):
        head[name] = {"channels": [2048, channels], "kernel_size": [3], "strides": [2]}
    return {
        "backbone": {
            "type": "ResNet",
            "model_name": "resnet50_gn",
            "output_stride": 16,
            "freeze_bn_stats": False,
            "freeze_bn_weights": False,
        },
        "backbone_output_channels": 2048,
        "heads": {"bodypart": head},
    }


def _rtmpose(n_bodyparts: int) -> Table:
    axis = {"type": "KLDiscreteLoss", "use_target_weight": True, "beta": 10.0, "label_softmax": True}
    head = {
        "type": "RTMCCHead",
        "weight_init": "RTMPose",
        "target_generator": {
            "type": "SimCCGenerator",
            "input_size": [256, 256],
            "smoothing_type": "gaussian",
            "sigma": list(SIGMA),
            "simcc_split_ratio": 2.0,
            "label_smooth_weight": 0.0,
            "normalize": False,
        },
        "criterion": {"x": axis, "y": dict(axis)},
        "predictor": {
            "type": "SimCCPredictor",
            "simcc_split_ratio": 2.0,
            "sigma": list(SIGMA),
            "decode_beta": 150.0,
        },
        "input_size": [256, 256],
        "in_channels": 512,
        "out_channels": n_bodyparts,
        "in_featuremap_size": [8, 8],
        "simcc_split_ratio": 2.0,
        "final_layer_kernel_size": 7,
        "gau_cfg": {
            "hidden_dims": 256,
            "s": 128,
            "expansion_factor": 2,
            "dropout_rate": 0,
            "drop_path": 0.0,
            "act_fn": "SiLU",
            "use_rel_bias": False,
            "pos_enc": False,
        },
    }
    return {
        "backbone": {
            "type": "CSPNeXt",
            "model_name": "cspnext_s",
            "freeze_bn_stats": False,
            "freeze_bn_weights": False,
            "deepen_factor": 0.33,
            "widen_factor": 0.5,
        },
        "backbone_output_channels": 512,
        "heads": {"bodypart": head},
    }
