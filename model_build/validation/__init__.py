"""Checks of the data before anything trains."""
