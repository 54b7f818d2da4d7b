"""From rows to answers, without HTTP."""
