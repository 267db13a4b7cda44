"""Source text of generated modules."""
