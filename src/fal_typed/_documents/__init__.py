"""Reading endpoint documents and the catalog."""
