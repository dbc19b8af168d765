"""When each of a row's frames was taken."""
