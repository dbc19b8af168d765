"""Rows without a container, in a Python environment made from the image's lock files."""
