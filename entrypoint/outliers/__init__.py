"""`dlc outliers`: the frames that teach most, taken where the videos are."""
