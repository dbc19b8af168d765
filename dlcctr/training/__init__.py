"""What a training in the image leaves beside its snapshots: its state, its loss curve, a short trial's figures."""
