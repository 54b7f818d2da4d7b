"""The paths that the service answers, one per file."""
