"""From request bodies to response bodies, without HTTP."""
