"""What people say of the videos: the table of ratings, and how more are taken in."""
