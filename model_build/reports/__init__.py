"""Pages that people read: the model card and the EDA report."""
