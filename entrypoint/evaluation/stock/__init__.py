"""DeepLabCut's own evaluate_network, in a private project and a process of its own."""
