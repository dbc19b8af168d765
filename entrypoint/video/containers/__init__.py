"""Container formats: what a video file's structure reveals about its end and holes, without decoding."""
