"""Which frames of a campaign teach a network most: chosen from what was judged, without reading a video."""
