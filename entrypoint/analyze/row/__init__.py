"""One row of a manifest: from its request to its committed result."""
