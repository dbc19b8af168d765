"""One pass over a video: packets in, frames out, on the CPU or on the GPU's video engine."""
