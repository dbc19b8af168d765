"""Our own analysis loop: DeepLabCut builds the network and loads its weights, we feed it. Runs in the worker only.

It covers less than DeepLabCut: for everything else it raises `NotCovered`, and stock `analyze_videos` is used.
"""
