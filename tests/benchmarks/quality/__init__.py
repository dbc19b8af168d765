"""Synthetic campaigns with truth and planted faults: how well `dlcctr.quality` finds them."""
