"""Results in DeepLabCut's .h5: read, checked and written."""
