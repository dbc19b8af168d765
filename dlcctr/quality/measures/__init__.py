"""What is measured of a row: its poses, their movement, its pictures, several animals; and the score from all of it."""
