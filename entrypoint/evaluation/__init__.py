"""`dlc evaluate`: DeepLabCut's own evaluation of a trained shuffle, by body part, beside the model before."""
