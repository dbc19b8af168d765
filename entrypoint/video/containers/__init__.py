"""Container formats: what a video file's structure says of its end and of holes, without decoding."""
