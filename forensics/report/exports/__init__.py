"""A case as files that other programs read."""
