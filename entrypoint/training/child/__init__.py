"""The child process of a training: all that imports DeepLabCut."""
