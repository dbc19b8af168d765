"""A trained DeepLabCut project, or the bundle made from one: inspected, checked, packed, verified."""
