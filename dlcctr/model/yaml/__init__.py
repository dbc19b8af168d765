"""DeepLabCut's YAML, read and written."""
