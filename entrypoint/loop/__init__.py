"""Our own analysis loop: DeepLabCut builds the network and loads its weights, we feed it. Runs in the worker only.

It covers less than DeepLabCut: what it does not is said with `NotCovered`, and goes through stock `analyze_videos`.
"""
