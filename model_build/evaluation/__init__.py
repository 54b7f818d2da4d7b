"""How good a model is, and how certain that is."""
