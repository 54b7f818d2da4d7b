"""Pages that people read: the model card and the report on the data."""
