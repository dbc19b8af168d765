"""How DeepLabCut is called, one module per engine behind one small protocol. Runs in the worker only."""
