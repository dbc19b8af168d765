"""A DeepLabCut project: its shuffles, snapshots, settings, and what is wrong with them."""
