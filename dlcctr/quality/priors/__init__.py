"""What poses should look like, for models without labels of their own."""
