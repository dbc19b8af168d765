"""Training with the TensorFlow engine: what DeepLabCut's loop lacks for going on, and where weights come from."""
