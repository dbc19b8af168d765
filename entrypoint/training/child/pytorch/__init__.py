"""Training with the PyTorch engine: what DeepLabCut's runner lacks for going on, and where weights come from."""
