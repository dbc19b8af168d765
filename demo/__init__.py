"""Synthetic videos with known truth, a small model trained from nothing, and the pixel error of its tracks."""
