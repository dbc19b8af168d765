"""`dlc train`: trainings by DeepLabCut's own train_network that can be killed and go on, in a child process each."""
