"""What a model must keep before it is baked."""
