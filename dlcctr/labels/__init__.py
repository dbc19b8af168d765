"""Labels that came back from people: checked, and merged into their DeepLabCut project."""
