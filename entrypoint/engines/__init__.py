"""Calls of DeepLabCut, one module per engine behind one small protocol. Runs in the worker only."""
