"""What a change of documents means for callers of the typed code."""
