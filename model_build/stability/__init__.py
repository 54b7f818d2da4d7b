"""How much the metrics and the gates of a model depend on which rows train it and which test it."""
