"""The EDA report on the data as they are in the file."""
