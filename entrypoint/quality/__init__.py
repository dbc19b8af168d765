"""`dlc quality`: judge the finished rows of a campaign: positions from the .h5, pictures from the video."""
