"""Video files: which frames decode, in which order, and lossless copies."""
