"""From a table to a spec that bakes at once: what each column is, the target, and bounds that hold."""
