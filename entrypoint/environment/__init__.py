"""Where the program runs: image, GPU, scratch space, provenance."""
