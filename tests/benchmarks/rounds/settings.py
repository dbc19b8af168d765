"""What is measured, for all parts of the benchmark."""

OURS, DEEPLABCUT, RANDOM = "dlcctr", "DeepLabCut", "random"
CHOICES = (OURS, DEEPLABCUT)
WAYS = (*CHOICES, RANDOM)
FIRST = "first"
"""The model before any round."""
SEEDS = tuple(range(7103, 7113))
"""Reported; nothing was tried on them before. Tuning takes others."""
TUNING_SEEDS = tuple(range(901, 911))
SIZES = (5, 10)
