"""Slices, fairness and metrics of scores that exist already."""
