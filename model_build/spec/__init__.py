"""A model spec: the YAML file that says everything about a model."""
