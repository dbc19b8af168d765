"""DeepLabCut's PyTorch engine."""
