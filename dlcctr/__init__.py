"""Put DeepLabCut into production on GPU clusters: one manifest row in, one verified result out."""

__version__ = "0.1.0"
