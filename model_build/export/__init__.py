"""From a fitted model to the baked model that the service reads."""
