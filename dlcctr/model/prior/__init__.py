"""What poses and pictures of a project look like: computed from its labelled frames, kept in the bundle."""
