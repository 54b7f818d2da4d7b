"""From rows to a fitted scikit-learn model."""
