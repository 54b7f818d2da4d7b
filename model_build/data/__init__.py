"""From a source to the rows that train and test."""
